#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module fleet, which is an action plugin alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet
short_description: Do with every cluster of the play in one task what a module of this collection does with one
version_added: 0.1.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - With C(run_once), one task works on all clusters of the batch side by side, each with its own variables. A thousand
    clusters so cost one process, one connection to the host and one watch of its Clusters in place of a thousand.
  - The failure of one cluster is kept in RV(clusters) and does not fail the task; the module
    M(kubesphere.multicluster.outcome) hands each cluster its own result later. What is done in one task is not begun
    with a cluster that O(after) has seen failing.
  - Without C(run_once), the task concerns its own inventory host alone, fails by itself, and is done by the host's own
    connection. That is for clusters behind a bastion, and for strategies other than linear.
  - The keywords C(serial) and C(throttle) bound the clusters that are worked on at the same time, as everywhere.
options:
  phase:
    description: What the result calls this step.
    type: str
    required: true
  module:
    description: The module, without the collection's name.
    type: str
    required: true
    choices: [cluster_configuration, cluster_info, member, proxy_address]
  arguments:
    description:
      - Names of variables that hold the module's arguments, as mappings; a later one goes before.
      - Names, not values, for each cluster has its own.
    type: list
    elements: str
    required: true
  applies:
    description:
      - Name of the variable that says whether a cluster is meant at all.
      - By default all are.
    type: str
  after:
    description:
      - Names of variables that earlier tasks of this module have registered. Clusters that failed there are left out.
      - One that does not exist counts for nothing.
    type: list
    elements: str
    default: []
  continues:
    description: Name of a variable that an earlier task has registered; its clusters are in the result as well.
    type: str
  variables:
    description:
      - Specification of the variables of a cluster, as in C(meta/argument_specs.yml). A cluster whose variables do not
        fit fails before anything is done.
    type: dict
    default: {}
  in_flight:
    description: Number of clusters that are worked on at the same time; V(0) is without a bound.
    type: int
    default: 0
  writes_per_second:
    description: Number of writes a second that the fleet's host gets at most; V(0) is without a bound.
    type: float
    default: 0
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
seealso:
  - module: kubesphere.multicluster.outcome
"""

EXAMPLES = r"""
- name: Import all members
  kubesphere.multicluster.fleet:
    phase: import
    module: member
    arguments: [my_access, my_member]
    in_flight: 50
  vars:
    my_access:
      kubeconfig: "{{ kubesphere_kubeconfig }}"
    my_member:
      host_cluster:
        name: host
        kubeconfig: "{{ hostvars['host'].kubesphere_kubeconfig }}"
      region: "{{ region | default(omit) }}"
  run_once: true
  register: imported

- name: Hand each member its outcome
  kubesphere.multicluster.outcome:
    of: [imported]
"""

RETURN = r"""
clusters:
  description:
    - What happened to each cluster by its inventory name. What the module returns is in it, C(phase), C(module) and
      C(seconds), and C(failed) with C(msg) where it failed.
    - Clusters that were not meant, or had failed before, are not in it.
  returned: always
  type: dict
  sample:
    member-1: {changed: true, name: member-1, verified: true, phase: import, module: member, seconds: 2.1}
changed_clusters:
  description: Inventory names of the clusters with which something changed.
  returned: always
  type: list
  elements: str
  sample: [member-1]
failed_clusters:
  description: Inventory names of the clusters that failed.
  returned: always
  type: list
  elements: str
  sample: []
"""
