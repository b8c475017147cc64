#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module results."""

from __future__ import annotations

DOCUMENTATION = r"""
module: results
short_description: Write what a run has come to as JUnit and JSON, for a pipeline
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Writes C(junit.xml), a suite for each phase and in it a case for each cluster, with its duration and the cause of
    its failure; and C(results.json), the same as data.
  - Each file is replaced in one step and has mode 0644. Nothing else in the folder is touched. No secret is in them.
  - No cluster is touched.
  - The role P(kubesphere.multicluster.report#role) calls it where C(kubesphere_results_dir) is set, in check mode too.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.pair
attributes:
  diff_mode:
    description: Returns what changed, or in C(check_mode) would change, as before and after.
    support: none
  idempotent:
    description: A second run with the same arguments changes nothing.
    support: none
    details: The file says when the run ended.
options:
  path:
    description: The folder, made if it is not there.
    type: path
    required: true
  results:
    description:
      - What the filters P(kubesphere.multicluster.run_results#filter) and
        P(kubesphere.multicluster.status_results#filter) return.
    type: dict
    required: true
seealso:
  - module: kubesphere.multicluster.metrics
  - plugin: kubesphere.multicluster.run_results
    plugin_type: filter
  - plugin: kubesphere.multicluster.status_results
    plugin_type: filter
"""

EXAMPLES = r"""
# In a play of the host, frankfurt, after the part plan of the role report, which has set the fact report_run.
- name: Write the results of the run for the pipeline
  kubesphere.multicluster.results:
    path: "{{ lookup('ansible.builtin.env', 'CI_PROJECT_DIR') }}/results"
    results: >-
      {{ hostvars | kubesphere.multicluster.run_results('frankfurt', groups['kubesphere_members'], report_run) }}
  changed_when: false
"""

RETURN = r"""
junit:
  description: The JUnit file.
  returned: success
  type: str
  sample: /builds/fleet/results/junit.xml
json:
  description: The same as data.
  returned: success
  type: str
  sample: /builds/fleet/results/results.json
actions:
  description: Each write in words, in order; the same in check mode and in the run.
  returned: when something is written
  type: list
  elements: str
  sample: ["write /builds/fleet/results/junit.xml", "write /builds/fleet/results/results.json"]
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: KubeError
"""

from ..module_utils.goals.outcome import run_module
from ..module_utils.goals.results import GOAL


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
