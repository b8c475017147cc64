#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module report, which is an action plugin alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report
short_description: Write the picture of a fleet as a page, as Markdown and as data
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Writes C(index.html), one page that needs nothing else and no network, with the topology of host and members,
    their health, versions, credentials, differences and durations; C(report.md), the same as Markdown; and
    C(report.json), the same as data.
  - Puts reports of several runs together, such as those of the slices of a job over many machines. The newest
    look at each member wins, and contradictions are named.
  - The files are written on the controller, each in one step, with the rights that the umask leaves. No secret is in
    any of them.
  - No cluster is touched. The role P(kubesphere.multicluster.report#role) is the usual way to call it.
options:
  path:
    description: Folder for the files. It is made if it is not there.
    type: path
    required: true
  report:
    description: The report of this run, as the filter P(kubesphere.multicluster.fleet_report#filter) puts it together.
    type: dict
  parts:
    description:
      - Reports of other runs, each the path of a C(report.json), of a folder with one, or a pattern of these, such as
        V(slices/*).
      - One that is none, or not of a schema that this version reads, is refused, and nothing is written.
    type: list
    elements: path
    default: []
  templates:
    description:
      - Folder with the templates C(index.html.j2) and C(report.md.j2), and what they include. They are rendered by
        Jinja2 with automatic escaping, and without Ansible's variables, filters and lookups.
      - What a cluster says of itself is a value for them and never a template.
      - The role P(kubesphere.multicluster.report#role) has them in its folder C(templates), and gives them by itself.
    type: path
    required: true
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.controller
attributes:
  diff_mode:
    description: Returns what changed, or in C(check_mode) would change, as before and after.
    support: none
  idempotent:
    description: A second run with the same arguments changes nothing.
    support: partial
    details: Where O(parts) are put together, the report says when that was.
seealso:
  - module: kubesphere.multicluster.member_info
  - module: kubesphere.multicluster.metrics
  - plugin: kubesphere.multicluster.fleet_report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Put the reports of a job's slices together
  ansible.builtin.import_role:
    name: kubesphere.multicluster.report
    tasks_from: parts
  vars:
    report_dir: build/report
    report_parts: ["slices/*/report.json"]

- name: Put them together by templates of one's own, which were copied from the role's and changed
  kubesphere.multicluster.report:
    path: build/report
    parts: ["slices/*/report.json"]
    templates: "{{ playbook_dir }}/templates"
"""

RETURN = r"""
path:
  description: The page.
  returned: success
  type: str
  sample: build/report/index.html
files:
  description: The files.
  returned: success
  type: list
  elements: str
  sample: [build/report/report.json, build/report/index.html, build/report/report.md]
verdict:
  description: V(clean), V(drift), or V(error).
  returned: success
  type: str
  sample: clean
totals:
  description: The numbers of the report, such as C(members) and C(health).
  returned: success
  type: dict
  sample: {"members": 3, "nodes": 12, "problems": 0, "differences": 0, "failed": 0}
conflicts:
  description: In what the parts contradict each other.
  returned: success
  type: list
  elements: str
  sample: []
actions:
  description: Each write in words, in order; the same in check mode and in the run.
  returned: when something is written
  type: list
  elements: str
  sample: ["write build/report/report.json"]
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: KubeError
"""
