#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module member_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: member_info
short_description: Say what a host knows of its members, and whether they work
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Lists the Cluster objects of a host, the host's own included, without their secrets.
  - A Cluster may say Ready although the member is gone, because KubeSphere cannot update its conditions then. So each
    member is also used through the host.
  - With O(details) the module returns everything that can be known of the fleet from its host.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes.info_module
  - kubesphere.multicluster.attributes.pair
  - kubesphere.multicluster.options
options:
  names:
    description: Names of the members; all if empty.
    type: list
    elements: str
    default: []
  among:
    description:
      - Look only at those of these Clusters that the host knows, and at the host's own. For a run that has only a slice
        of the fleet in its inventory; an empty list leaves the host's own.
      - RV(others) has the names of those that were left alone.
    type: list
    elements: str
  use:
    description: Whether to use each member through the host.
    type: bool
    default: true
  used:
    description:
      - Members that have just been used through the host, with the number of nodes that was seen. They are not used
        again, but must be Ready all the same.
    type: dict
    default: {}
  details:
    description:
      - Whether to look closely. Each member is then read through the host, with the host's credential alone, and its
        kubeconfig is looked at. O(use) is ignored.
      - It takes three or four more requests for each member.
    type: bool
    default: false
  renew_before_days:
    description:
      - How many days before its end a member's credential is reported as a problem; with O(details).
      - One that is valid for less than twice as long is reported when half of its time is over.
    type: int
    default: 30
seealso:
  - module: kubesphere.multicluster.member
  - module: kubesphere.multicluster.cluster_info
  - plugin: kubesphere.multicluster.fleet_status
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at the fleet
  kubesphere.multicluster.member_info:
    kubeconfig: ~/.kube/host.yaml
  register: fleet

- name: Show what does not work
  ansible.builtin.debug:
    msg: "{{ fleet.members | selectattr('problem') | items2dict(key_name='name', value_name='problem') }}"

- name: Look closely
  kubesphere.multicluster.member_info:
    kubeconfig: ~/.kube/host.yaml
    details: true
    renew_before_days: 60
  register: fleet

- name: Show which credentials end soon, or have ended
  ansible.builtin.debug:
    msg: "{{ fleet.members | selectattr('known') | selectattr('credential.due') | map(attribute='name') }}"
"""

RETURN = r"""
members:
  description: The clusters, the host first and then the others by name, or as asked for.
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
      description: Whether the host knows it. If not, nothing but its name and RV(members[].problem) is returned.
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
      description: When that was written; null if there is no such condition.
      type: str
      returned: if known
      sample: "2026-11-22T12:00:00Z"
    problem:
      description: Why it does not work; empty if it does.
      type: str
      returned: always
      sample: ""
    kubernetes_version:
      description: Version of Kubernetes; null if KubeSphere has not read it yet.
      type: str
      returned: if known
      sample: v1.26.5
    kubesphere_version:
      description: Version of KubeSphere, from release v3.1.0 on; null if it has not been read yet.
      type: str
      returned: if known
      sample: v3.4.1
    nodes:
      description: Number of nodes; null if it is not known yet.
      type: int
      returned: if known
      sample: 3
    uid:
      description: UID of its namespace kube-system, from release v3.3.0 on; else null.
      type: str
      returned: if known
      sample: 2d6a9b8e-6d3f-4b7a-9a60-0a54c8a9b0a1
    alias:
      description: Name that the console shows; null if it has none.
      type: str
      returned: if known
      sample: Frankfurt
    provider:
      description: Provider of the Kubernetes cluster; null if nobody said it.
      type: str
      returned: if known
      sample: kubeadm
    region:
      description: Region; null if it has none.
      type: str
      returned: if known
      sample: eu-1
    group:
      description: Group; null if it has none.
      type: str
      returned: if known
      sample: production
    labels:
      description: Its labels.
      type: dict
      returned: if known
      sample: {"cluster.kubesphere.io/region": "eu-1"}
    problems:
      description: Everything that is wrong with it, the reason why it does not work first.
      type: list
      elements: str
      returned: with O(details)
      sample: ["the certificate in its kubeconfig expires on 2026-12-01T00:00:00Z: give it a new one"]
    works:
      description: Whether it could be used through the host just now; null if KubeSphere is not installed on the host.
      type: bool
      returned: if known, with O(details)
      sample: true
    conditions:
      description: Conditions of the Cluster.
      type: list
      elements: dict
      returned: if known, with O(details)
      contains:
        type:
          description: Type.
          type: str
          returned: always
          sample: Ready
        status:
          description: V(True), V(False) or V(Unknown).
          type: str
          returned: always
          sample: "True"
        reason:
          description: Reason.
          type: str
          returned: always
          sample: Ready
        message:
          description: Message.
          type: str
          returned: always
          sample: Cluster is available now
        updated:
          description: When it was written; null if that is not known.
          type: str
          returned: always
          sample: "2026-11-22T12:00:00Z"
        age:
          description: Seconds since then, by the clock of the host's API server; null if the time is not known.
          type: int
          returned: always
          sample: 42
        fresh:
          description:
            - Whether KubeSphere has written it within its last three resyncs. A member that is gone keeps its
              conditions.
            - Null for a condition that is written once (C(Initialized), C(AgentAvailable)), and in release v3.0.0,
              which writes none anew.
          type: bool
          returned: always
          sample: true
    kubernetes_skew:
      description: Minor versions of Kubernetes that it is ahead of the host, negative if behind; null if not known.
      type: int
      returned: if known, with O(details)
      sample: -1
    kubesphere_skew:
      description: Whether its release is the V(same) as the host's, V(older) or V(newer); null if not known.
      type: str
      returned: if known, with O(details)
      sample: same
    credential:
      description: The credential in the kubeconfig that KubeSphere uses.
      type: dict
      returned: if known, with O(details)
      contains:
        kind:
          description: V(certificate), V(token), or V(none) where there is no kubeconfig that can be read.
          type: str
          returned: always
          sample: certificate
        expires:
          description: When it expires; null if never, or not known.
          type: str
          returned: always
          sample: "2027-11-22T12:00:00Z"
        days:
          description: Whole days until then, negative if it has expired; null if it never does, or that is not known.
          type: int
          returned: always
          sample: 365
        due:
          description: Whether it is so close to its end that it is a problem. Never that of the host.
          type: bool
          returned: always
          sample: false
    server:
      description: URL of the API server in that kubeconfig; null without one.
      type: str
      returned: if known, with O(details)
      sample: https://10.0.0.7:6443
    ports:
      description: Ports that tower listens on for it; empty for a direct connection.
      type: list
      elements: int
      returned: if known, with O(details)
      sample: [6443, 16443]
    ports_shared_with:
      description: Other Clusters with one of these ports, which tower does not notice.
      type: list
      elements: str
      returned: if known, with O(details)
      sample: []
    jwt_secret_agrees:
      description:
        - Whether its jwtSecret is the host's, in its kubesphere-config and in its ClusterConfiguration. Compared, and
          never shown.
        - Null if that could not be found out.
      type: bool
      returned: if known, with O(details)
      sample: true
    proxy_address:
      description: Address at which its agent calls the host; null for a direct connection.
      type: dict
      returned: if known, with O(details)
      contains:
        in_force:
          description: Address that the host gives to agents; null if it has none.
          type: str
          returned: always
          sample: http://192.0.2.1:8080
        used:
          description: Address that its Deployment C(cluster-agent) uses; null if it could not be read.
          type: str
          returned: always
          sample: http://192.0.2.1:8080
        same:
          description: Whether they lead to the same place; null if that is not known. An inventory may give a member an
            address of its own.
          type: bool
          returned: always
          sample: true
    components:
      description: Status of its components, as ks-installer has written it; null if it could not be read.
      type: dict
      returned: if known, with O(details)
      sample: {"core": "enabled", "monitoring": "enabled"}
    deleted:
      description: When it was deleted, if it still waits for its finalizer; else null.
      type: str
      returned: if known, with O(details)
      sample: "2026-11-22T12:00:00Z"
others:
  description: Names of the Clusters that were left alone.
  returned: with O(among)
  type: list
  elements: str
  sample: [member-7, member-8]
leftovers:
  description:
    - Objects on the host that KubeSphere has made for Clusters which are gone.
    - The webhook of Clusters is one of them if an unbind that was killed has left it without its rules.
    - Null if they could not be read; then RV(problems) says why.
  returned: with O(details)
  type: list
  elements: dict
  contains:
    kind:
      description: Kind.
      type: str
      returned: always
      sample: Service
    namespace:
      description: Namespace; null for the webhook.
      type: str
      returned: always
      sample: kubesphere-system
    name:
      description: Name.
      type: str
      returned: always
      sample: mc-member-1
    member:
      description: The Cluster that it was made for; null for the webhook.
      type: str
      returned: always
      sample: member-1
looked_at:
  description: When it was looked, by the clock of the host's API server.
  returned: with O(details)
  type: str
  sample: "2026-11-22T12:00:42Z"
problems:
  description: What is wrong with the host, beside what is wrong with its Clusters.
  returned: with O(details)
  type: list
  elements: str
  sample: []
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: Unreachable
"""

from ..module_utils.goals.member_info import GOAL
from ..module_utils.goals.outcome import run_module


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
