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
  - With C(run_once), one task works on all clusters of the batch side by side, each with its own variables. A thousand
    clusters so cost one process, one connection to the host and one watch of its Clusters in place of a thousand.
  - What is done with a cluster are O(phases), one after the other. No cluster waits for another, but for the one that
    goes first, and where clusters are judged together.
  - The failure of one cluster is kept in RV(clusters) and does not fail the task; the module
    M(kubesphere.multicluster.outcome) hands each cluster its own result later. A cluster that has failed goes no
    further on its road, nor is it begun with if O(after) has seen it failing.
  - Without C(run_once), the task concerns its own inventory host alone, has one phase, fails by itself, and is done by
    the host's own connection. That is for clusters behind a bastion, and for strategies other than linear.
  - The keywords C(serial) and C(throttle) bound the clusters that are worked on at the same time, as everywhere.
options:
  phases:
    description: The road.
    type: list
    elements: dict
    required: true
    suboptions:
      phase:
        description: What the result calls it.
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
          - Name of the variable that says whether the phase is for a cluster.
          - By default it is for all.
        type: str
      register:
        description:
          - Variable in which later phases, and those who come after the task, find what this one has returned, in the
            shape of a task with one phase.
          - The one that the task itself registers, where it has no other phase.
        type: str
        required: true
      clusters:
        description:
          - V(first) is the one that goes first, V(others) are all but it.
          - The others begin such a phase when the first one has come past it, and not at all if that has failed. If it
            is not among the clusters of the play, nobody waits for it.
        type: str
        choices: [all, first, others]
        default: all
      waits:
        description: Nothing is done but to wait, so any number of clusters may do so at the same time.
        type: bool
        default: false
      judged:
        description:
          - The clusters are seen side by side when they have come to the end of the phase, which is one of the module
            M(kubesphere.multicluster.cluster_info). What is wrong with one of them is its failure; what is wrong with
            the first is everybody's.
          - Once most of them have come, a cluster that takes three times as long, and half a second at least, is not
            waited for. It is judged when it comes; of two entries that are the same cluster, it is the one that is
            refused then. All are waited for if O(strict) is set, if the first is to be upgraded, and if the road ends
            there.
        type: bool
        default: false
  first:
    description: Inventory name of the cluster that goes first, the fleet's host.
    type: str
  independent:
    description: Nobody waits for the first cluster, for example because nothing is written.
    type: bool
    default: false
  strict:
    description: What is wrong with any cluster, where they are judged, is everybody's failure.
    type: bool
    default: false
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
    description:
      - Number of clusters that are worked on at the same time; V(0) is without a bound.
      - Those in phases that only wait do not count, nor do those that the judgement does not wait for.
    type: int
    default: 0
  writes_per_second:
    description: Number of writes a second that the fleet's host gets at most; V(0) is without a bound.
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
    - What happened to each cluster by its inventory name, in the last phase that it came to. What the module returns is
      in it, C(phase), C(module) and C(seconds), and C(failed) with C(msg) where it failed.
    - Clusters that were not meant, or had failed before, are not in it.
  returned: always
  type: dict
  sample:
    member-1: {changed: true, name: member-1, verified: true, phase: import, module: member, seconds: 2.1}
registers:
  description: The same for each phase, by the variables that the phases name.
  returned: where there are several phases
  type: dict
  sample:
    install_fleet: {clusters: {member-1: {changed: false, phase: install, module: cluster_configuration, seconds: 0.2}}}
ended:
  description: When the task ended, in seconds since 1970.
  returned: always
  type: float
  sample: 1763866800.123
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
