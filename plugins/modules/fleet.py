#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module fleet, which is an action plugin alone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet
short_description: Bring every cluster of the play along its road in one task
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - The roles of the collection use this module; a playbook of your own seldom needs it.
  - With C(run_once), one task works on all clusters of the batch side by side, each with its own variables. A thousand
    clusters then take one process, one connection to the host and one watch of its Clusters, not a thousand of each.
  - Each cluster goes through the O(phases), one after the other. Clusters do not wait for each other, with two
    exceptions, O(phases[].clusters) and O(phases[].judged).
  - A cluster that fails goes no further, and does not make the task fail. Its failure is kept in RV(clusters), and the
    module M(kubesphere.multicluster.outcome) hands each cluster its own result later.
  - Without C(run_once), the task is for its own inventory host alone. It has one phase, fails if that fails, returns
    what that returns, too, and is done by the connection of that host. That is for clusters behind a bastion, and for
    strategies other than linear.
  - The keywords C(serial) and C(throttle) bound how many clusters are worked on at the same time, as everywhere.
options:
  phases:
    description: What is done with each cluster, in this order.
    type: list
    elements: dict
    required: true
    suboptions:
      phase:
        description: Name of the phase in the results.
        type: str
        required: true
      module:
        description: The module that the phase runs, without the name of the collection.
        type: str
        required: true
        choices: [cluster_configuration, cluster_info, member, proxy_address]
      arguments:
        description:
          - Names of variables that hold the module's arguments as mappings. If several hold the same argument, the last
            one wins.
          - They are names, not values, because each cluster has values of its own.
        type: list
        elements: str
        required: true
      applies:
        description:
          - Name of a variable that says whether the phase is for a cluster.
          - By default it is for every cluster.
        type: str
      needed_by:
        description:
          - Name of a variable that says whether a cluster needs what the first one does in this phase. If the first one
            fails in it, those that do not need it go on.
          - By default all need it.
        type: str
      register:
        description:
          - Name of the variable that gets the results of the phase, for later phases and later tasks.
          - If the task has one phase only, this is the variable that the task itself registers.
        type: str
        required: true
      clusters:
        description:
          - For which clusters the phase is. V(first) is the cluster that O(first) names, V(others) are all but that.
          - The others begin such a phase when the first one has finished it, and not at all if the first one has
            failed in what they need. If the first one is not in the play, nobody waits for it.
        type: str
        choices: [all, first, others]
        default: all
      waits:
        description: Whether the phase only waits, so that it does not count for O(in_flight).
        type: bool
        default: false
      judged:
        description:
          - Whether the clusters are compared with each other at the end of the phase, which has to be one of the module
            M(kubesphere.multicluster.cluster_info). A cluster with problems fails. If the first one has problems, all
            fail.
          - A cluster that takes three times as long as most, and half a second at least, does not hold up the others.
            It is judged when it comes. If it turns out to be a cluster that another entry names too, it is the one that
            fails.
          - All clusters are waited for if O(strict) is set, if the first one is to be upgraded, or if this is the last
            phase.
        type: bool
        default: false
  first:
    description: Inventory name of the cluster that goes first; the host of the fleet.
    type: str
  independent:
    description: Whether the others do not wait for the first cluster, for example because nothing is written.
    type: bool
    default: false
  strict:
    description: Whether all clusters fail if any of them has problems, where they are judged.
    type: bool
    default: false
  after:
    description:
      - Names of variables that earlier tasks of this module have registered. Clusters that failed there are left out.
      - A variable that does not exist is ignored.
    type: list
    elements: str
    default: []
  continues:
    description: Name of a variable that an earlier task has registered. Its clusters are added to the result.
    type: str
  variables:
    description:
      - Argument spec for the variables of a cluster, as in C(meta/argument_specs.yml) of a role. A cluster whose
        variables do not fit fails before anything is done.
    type: dict
    default: {}
  in_flight:
    description:
      - How many clusters are worked on at the same time; V(0) means all.
      - Clusters in a phase that only waits do not count.
    type: int
    default: 0
  writes_per_second:
    description: How many writes per second the host's API server gets at most; V(0) means no bound.
    type: float
    default: 0
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.pair
attributes:
  connection:
    description: Does its work where the task's connection leads.
    support: partial
    details: With C(run_once) in the controller's own process, and clusters with another connection are refused.
seealso:
  - module: kubesphere.multicluster.outcome
  - plugin: kubesphere.multicluster.fleet_run
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Import all members
  kubesphere.multicluster.fleet:
    phases:
      - phase: import
        module: member
        arguments: [my_access, my_member]
        register: imported
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
    - What happened to each cluster, by its inventory name, in the last phase that it came to. It has what the module of
      that phase returns, C(phase), C(module) and C(seconds), and C(failed) with C(msg) if it failed.
    - Clusters that no phase was for, or that had failed before, are not in it.
  returned: success
  type: dict
  sample:
    member-1: {changed: true, name: member-1, verified: true, phase: import, module: member, seconds: 2.1}
registers:
  description: The same for each phase, by the name of its variable.
  returned: where there are several phases
  type: dict
  sample:
    install_fleet: {clusters: {member-1: {changed: false, phase: install, module: cluster_configuration, seconds: 0.2}}}
ended:
  description: When the task ended, in seconds since 1970.
  returned: success
  type: float
  sample: 1763866800.123
changed_clusters:
  description: Inventory names of the clusters in which something changed.
  returned: success
  type: list
  elements: str
  sample: [member-1]
failed_clusters:
  description: Inventory names of the clusters that failed.
  returned: success
  type: list
  elements: str
  sample: []
"""
