#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module member_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: member_info
short_description: Say what a host knows of its members, and whether they work
version_added: 0.1.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Lists the Cluster objects of a host, the host's own included, without their secrets.
  - A Cluster that is Ready may be gone for long, since KubeSphere cannot write its condition then. So each member is
    also used through the host.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes.info_module
  - kubesphere.multicluster.options
options:
  names:
    description: Names of the members; all if empty.
    type: list
    elements: str
    default: []
  use:
    description: Whether to use each member through the host.
    type: bool
    default: true
seealso:
  - module: kubesphere.multicluster.member
"""

EXAMPLES = r"""
- name: Look at the fleet
  kubesphere.multicluster.member_info:
    kubeconfig: ~/.kube/host.yaml
  register: fleet

- name: Show what does not work
  ansible.builtin.debug:
    msg: "{{ fleet.members | selectattr('problem') | items2dict(key_name='name', value_name='problem') }}"
"""

RETURN = r"""
members:
  description: The clusters, in the order of their names or as asked for.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the Cluster.
      type: str
      returned: always
      sample: member-1
    known:
      description: Whether the host knows it; nothing else is returned if not, but the problem.
      type: bool
      returned: always
      sample: true
    cluster_role:
      description: C(host) or C(member).
      type: str
      returned: if known
      sample: member
    connection:
      description: C(direct) or C(agent).
      type: str
      returned: if known
      sample: direct
    ready:
      description: Whether its condition Ready is True.
      type: bool
      returned: if known
      sample: true
    ready_updated:
      description: When that was written.
      type: str
      returned: if known
      sample: "2026-11-22T12:00:00Z"
    problem:
      description: Why it does not work; empty if it does.
      type: str
      returned: always
      sample: ""
    kubernetes_version:
      description: Version of Kubernetes.
      type: str
      returned: if known
      sample: v1.26.5
    kubesphere_version:
      description: Version of KubeSphere, from release v3.1.0 on.
      type: str
      returned: if known
      sample: v3.4.1
    nodes:
      description: Number of nodes.
      type: int
      returned: if known
      sample: 3
    uid:
      description: UID of its namespace kube-system, from release v3.3.0 on.
      type: str
      returned: if known
      sample: 2d6a9b8e-6d3f-4b7a-9a60-0a54c8a9b0a1
    alias:
      description: Name that the console shows.
      type: str
      returned: if known
      sample: Frankfurt
    provider:
      description: Provider of the Kubernetes cluster.
      type: str
      returned: if known
      sample: kubeadm
    region:
      description: Region.
      type: str
      returned: if known
      sample: eu-1
    group:
      description: Group.
      type: str
      returned: if known
      sample: production
    labels:
      description: Its labels.
      type: dict
      returned: if known
      sample: {"cluster.kubesphere.io/region": "eu-1"}
"""

from ..module_utils.goals.member_info import GOAL
from ..module_utils.goals.outcome import run_module


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
