#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module agent_manifest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_manifest
short_description: Give out the manifest of a member's agent
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Gives out the Deployment that connects a member to its host, for a member whose API server the play does not reach.
    Somebody on the other side applies it there, with C(kubectl apply) or kubernetes.core.k8s.
  - The member has to be imported by M(kubesphere.multicluster.member) with an agent connection. No cluster is written.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.pair
  - kubesphere.multicluster.options.host_cluster
  - kubesphere.multicluster.options.agent
options:
  cluster_name:
    description:
      - Name of the member's Cluster on the host.
      - By default the name of the inventory host.
    type: str
  path:
    description:
      - File for the manifest, for its owner only. Without it the manifest is returned.
    type: path
notes:
  - The manifest holds the token by which the host knows the agent. Where it is returned, set C(no_log) for the task.
seealso:
  - module: kubesphere.multicluster.member
  - module: kubesphere.multicluster.proxy_address
"""

EXAMPLES = r"""
- name: Write the manifest of a member's agent
  kubesphere.multicluster.agent_manifest:
    cluster_name: member-4
    path: agents/member-4.yaml
    host_cluster:
      kubeconfig: ~/.kube/host.yaml

- name: Hand the manifest to a pipeline on the other side
  kubesphere.multicluster.agent_manifest:
    cluster_name: member-4
    host_cluster:
      kubeconfig: ~/.kube/host.yaml
  register: agent
  no_log: true
"""

RETURN = r"""
name:
  description: Name of the member's Cluster.
  returned: success
  type: str
  sample: member-4
path:
  description: The file; none if the manifest is returned.
  returned: success
  type: str
  sample: agents/member-4.yaml
manifest:
  description: The manifest, as YAML. It holds a secret.
  returned: without O(path)
  type: str
  sample: |
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: cluster-agent
      namespace: kubesphere-system
proxy_address:
  description: Address under which the agent calls the host.
  returned: success
  type: str
  sample: http://203.0.113.10:8080
actions:
  description: Each write in words; the same in check mode and in the run.
  returned: when something is written
  type: list
  elements: str
  sample: ["write agents/member-4.yaml"]
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: Refused
"""

from ..module_utils.goals.agent_manifest import GOAL
from ..module_utils.goals.outcome import run_module


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
