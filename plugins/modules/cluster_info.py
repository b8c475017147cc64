#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cluster_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Look at one cluster, and say what stands in the way of KubeSphere
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Reads what an installation and an import depend on, and returns everything that is wrong in one list.
  - A cluster that cannot be reached is a problem in that list, and no failure of the task.
  - Nothing is written. Unless KubeSphere is installed already, a SelfSubjectAccessReview asks the API server whether
    the kubeconfig's user may install it.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes.info_module
  - kubesphere.multicluster.attributes.pair
  - kubesphere.multicluster.options
  - kubesphere.multicluster.options.member_kubeconfig
options:
  cluster_role:
    description: What the cluster is to be in its fleet.
    type: str
    default: member
    choices: [host, member]
  release:
    description: Release of KubeSphere that is to be installed. An unknown one is a problem in the list.
    type: str
    default: v3.4.1
  connection:
    description:
      - How the member is to be connected, V(direct), V(agent) or V(auto). Anything else is a problem in the list.
    type: str
    default: direct
  reachable:
    description: Whether the task reaches the cluster's API server. If not, only the options are checked.
    type: bool
    default: true
  configuration:
    description: The user's values for the ClusterConfiguration. Anything but a mapping is a problem in the list.
    type: raw
  jwt_secret:
    description: The user's jwtSecret.
    type: raw
seealso:
  - module: kubesphere.multicluster.member_info
  - module: kubesphere.multicluster.member
  - module: kubesphere.multicluster.cluster_configuration
"""

EXAMPLES = r"""
- name: Look at a cluster
  kubesphere.multicluster.cluster_info:
    cluster_name: member-1
    kubeconfig: ~/.kube/member-1.yaml
    cluster_role: member
    release: v3.4.1
  register: member

- name: Stop if KubeSphere could not be installed there
  ansible.builtin.assert:
    that: not member.problems
    fail_msg: "{{ member.problems }}"
"""

RETURN = r"""
cluster:
  description: What was seen.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the cluster.
      type: str
      returned: always
      sample: member-1
    cluster_role:
      description: What it is to be in its fleet.
      type: str
      returned: always
      sample: member
    release:
      description: The release that is to be installed.
      type: str
      returned: always
      sample: v3.4.1
    server:
      description: URL of its API server; none if the kubeconfig is not usable.
      type: str
      returned: always
      sample: https://192.0.2.11:6443
    uid:
      description: UID of its namespace kube-system, which tells clusters apart; none if it cannot be reached.
      type: str
      returned: always
      sample: 2d6a9b8e-6d3f-4b7a-9a60-0a54c8a9b0a1
    kubernetes_version:
      description: Version of its API server; none if it cannot be reached.
      type: str
      returned: if the kubeconfig is usable
      sample: v1.26.5
    storage_classes:
      description: Names of its StorageClasses.
      type: list
      elements: str
      returned: if the kubeconfig is usable
      sample: [local]
    default_storage_class:
      description: Name of the default one; none if there is none.
      type: str
      returned: if the kubeconfig is usable
      sample: local
    installed:
      description: What stands of KubeSphere; none if the kubeconfig is not usable.
      type: dict
      returned: always
      contains:
        release:
          description: Its release; none if it is not installed.
          type: str
          returned: always
          sample: v3.4.1
        cluster_role:
          description: Its role, V(host), V(member), or V(none) if it is neither.
          type: str
          returned: always
          sample: member
        complete:
          description: Whether an installation has come to its end at least once.
          type: bool
          returned: always
          sample: true
    members:
      description: Releases of the members that it knows, by name of the Cluster.
      type: dict
      returned: if it is a host that is to be upgraded
      sample: {member-1: v3.3.2}
problems:
  description: Everything that is wrong, each with what to do.
  returned: success
  type: list
  elements: str
  sample:
    - Kubernetes v1.15.2 is not supported by KubeSphere v3.4.1, which takes 1.20 to 1.26
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: ConnectionOptionError
"""

from ..module_utils.goals.cluster_info import GOAL
from ..module_utils.goals.outcome import run_module


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
