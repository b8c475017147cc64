#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module member."""

from __future__ import annotations

DOCUMENTATION = r"""
module: member
short_description: Import a member cluster into a host, or unbind it
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Creates the member's Cluster object on the host, waits until it is Federated and Ready, and then uses the member
    through the host, because a Cluster that is Ready may still refuse the host's users.
  - KubeSphere has to be installed on both, as host and as member, by M(kubesphere.multicluster.cluster_configuration)
    for example. For an agent, the host has to have an address; M(kubesphere.multicluster.proxy_address) sees to that.
  - Before anything is written, the member is checked as the console would check it, and for what the console leaves
    out; its role and jwtSecret, and whether it is the host itself or is imported already, under another name or by
    another host.
  - With an agent connection, an agent in the member calls the host's tower. The module waits until tower has
    initialised the Cluster, sees that its ports are not those of another member, starts the agent on the member, and
    checks that the cluster at the other end of the tunnel is the right one.
  - A member that is imported already is changed in place. What KubeSphere's controllers own is never written.
  - With O(state=absent) it undoes all of that. Namespaces that belong to the host's workspaces are released first, and
    keep what is in them; then the Cluster is deleted, and its finalizer waited for; then whatever else the import has
    left on either side is removed. If a run was killed, the next one goes on where it stopped.
  - A changed kubeconfig is tried before KubeSphere gets it, and must lead to the same cluster. If the member cannot be
    used through the host with it, the former one is put back. If it can, a former credential that was made here is
    revoked.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.pair
  - kubesphere.multicluster.options
  - kubesphere.multicluster.options.host_cluster
  - kubesphere.multicluster.options.member_kubeconfig
  - kubesphere.multicluster.options.agent
options:
  cluster_name:
    description:
      - Name of the member's Cluster on the host, lower-case letters, digits and hyphens.
      - By default the name of the inventory host.
  state:
    description:
      - Whether the member is to be imported, or to be unbound.
      - V(absent) is refused for the host itself. It is also refused, unless O(force) is set, if the cluster is another
        one than was imported, and if it says that it is imported under this name although the host has no such Cluster.
    type: str
    default: present
    choices: [present, absent]
  force:
    description:
      - With O(state=absent), clean the host even if the member is not reached, or is another cluster.
      - If KubeSphere does not remove the Cluster's finalizer within some seconds, it is removed here. That is so from
        release 3.4 on with a member that KubeSphere does not reach. The webhook that forbids it is suspended meanwhile.
    type: bool
    default: false
  connection:
    description:
      - How the host reaches the member. With V(direct) the host calls the member's API server, by a kubeconfig; with
        V(agent) an agent in the member calls the host.
      - V(auto) looks when the member is imported. It is V(direct) if the host reaches the member's API server, V(agent)
        if only the member reaches the host's tower; later the connection that stands is kept.
    type: str
    default: direct
    choices: [direct, agent, auto]
  switch_connection:
    description:
      - Whether a member that was imported by the other connection is switched to O(connection). Otherwise it is
        refused.
    type: bool
    default: false
  reachable:
    description:
      - Whether the task reaches the member's API server.
      - If V(false), the connection is by agent. The agent's manifest is written to O(agent_manifest_path), somebody
        else applies it on the member, and the task waits for the agent. With O(state=absent), it takes O(force).
    type: bool
    default: true
  proxy_address_follows:
    description:
      - Whether the run finds or sets the host's proxy address before it comes to the member.
      - In check mode, a plan without the address then says so. Otherwise the member is refused, as in a run.
    type: bool
    default: false
  agent_manifest_path:
    description:
      - File for the agent's manifest where the member is not O(reachable). It holds the agent's token and is for its
        owner only.
    type: path
  kubesphere_api_endpoint:
    description:
      - URL of the member's ks-apiserver.
      - Best not set. KubeSphere then goes through the member's API server.
    type: str
  credential_days:
    description:
      - Days for which a credential that is made is to be valid. If the member's API server grants less, a warning says
        so.
    type: int
    default: 365
  renew_before_days:
    description:
      - How many days before its end a credential that was made is renewed. One that is valid for less than twice as
        long is renewed when half of its time is over. Of one that was given, a warning tells that it ends.
    type: int
    default: 30
  renew:
    description: Whether a credential that was made is renewed now, due or not.
    type: bool
    default: false
  only_imported:
    description: Whether a member that is not imported yet is refused.
    type: bool
    default: false
  alias:
    description: Name that the console shows.
    type: str
  description:
    description: Text that the console shows.
    type: str
  creator:
    description: User that the console shows as the creator.
    type: str
  provider:
    description: Provider of the Kubernetes cluster, any text.
    type: str
  region:
    description: Region of the cluster, as a label.
    type: str
  group:
    description: Group of the cluster, as a label. The console knows production, development, testing and demo.
    type: str
  labels:
    description: More labels of the Cluster. Labels that are not named stay.
    type: dict
    default: {}
  annotations:
    description: More annotations of the Cluster. Annotations that are not named stay.
    type: dict
    default: {}
  adopt:
    description: Import a member although it says that another host has imported it.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait until the member is Ready and can be used through the host.
      - If V(false), a later run finishes what is left. With an agent connection the module waits until tower has
        initialised the Cluster in any case, for a minute at most.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait.
    type: int
    default: 600
seealso:
  - module: kubesphere.multicluster.member_info
  - module: kubesphere.multicluster.agent_manifest
  - module: kubesphere.multicluster.proxy_address
  - module: kubesphere.multicluster.cluster_configuration
"""

EXAMPLES = r"""
- name: Import a member
  kubesphere.multicluster.member:
    cluster_name: member-1
    kubeconfig: ~/.kube/member-1.yaml
    host_cluster:
      kubeconfig: ~/.kube/host.yaml
    region: eu-1
    group: production

- name: Import a member whose API server has another address for the host
  kubesphere.multicluster.member:
    cluster_name: member-2
    kubeconfig: ~/.kube/member-2.yaml
    api_server: https://10.0.8.2:6443
    host_cluster:
      kubeconfig: ~/.kube/host.yaml

- name: Import a member whose kubeconfig has a credential plugin, and renew what KubeSphere gets in its place
  kubesphere.multicluster.member:
    cluster_name: member-5
    kubeconfig: ~/.kube/eks.yaml
    credential: auto
    host_cluster:
      kubeconfig: ~/.kube/host.yaml

- name: Import a member by agent, through an HTTP proxy of the member's site
  kubesphere.multicluster.member:
    cluster_name: member-3
    kubeconfig: ~/.kube/member-3.yaml
    connection: agent
    agent:
      environment:
        HTTPS_PROXY: http://proxy.example.org:3128
        NO_PROXY: 10.0.0.0/8,.svc
    host_cluster:
      kubeconfig: ~/.kube/host.yaml

- name: Import a member whose API server is not reached from here
  kubesphere.multicluster.member:
    cluster_name: member-4
    connection: agent
    reachable: false
    agent_manifest_path: agents/member-4.yaml
    wait: false
    host_cluster:
      kubeconfig: ~/.kube/host.yaml

- name: Unbind a member
  kubesphere.multicluster.member:
    state: absent
    cluster_name: member-1
    kubeconfig: ~/.kube/member-1.yaml
    host_cluster:
      kubeconfig: ~/.kube/host.yaml

- name: Unbind a member that is no more
  kubesphere.multicluster.member:
    state: absent
    force: true
    cluster_name: member-4
    reachable: false
    host_cluster:
      kubeconfig: ~/.kube/host.yaml
"""

RETURN = r"""
name:
  description: Name of the Cluster.
  returned: success
  type: str
  sample: member-1
connection:
  description: Connection of the member, V(direct) or V(agent); none in a plan that cannot tell yet.
  returned: with O(state=present)
  type: str
  sample: agent
connection_reason:
  description: What O(connection=auto) saw, from where, when it chose.
  returned: with O(connection=auto)
  type: str
  sample: https://10.0.8.2:6443 is reached by the host's ks-apiserver
proxy_address:
  description: Address under which the agent calls the host; none in a plan that cannot tell yet.
  returned: for an agent connection
  type: str
  sample: http://203.0.113.10:8080
agent_manifest:
  description: File with the agent's manifest; none if the agent was brought up by this task.
  returned: for an agent connection
  type: str
  sample: agents/member-4.yaml
uid:
  description: UID of the member's namespace kube-system; none if the member is not reached.
  returned: with O(state=present)
  type: str
  sample: 2d6a9b8e-6d3f-4b7a-9a60-0a54c8a9b0a1
verified:
  description: Whether the member was used through the host.
  returned: with O(state=present)
  type: bool
  sample: true
nodes:
  description: Number of the member's nodes, seen through the host; none if it was not used.
  returned: with O(state=present)
  type: int
  sample: 3
known:
  description: Whether the host had its Cluster.
  returned: with O(state=absent)
  type: bool
  sample: true
member_cleaned:
  description: Whether what the import had left on the member was removed.
  returned: with O(state=absent)
  type: bool
  sample: true
remaining:
  description: What may still be on a member that was not cleaned, in words.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: []
commands:
  description: Commands that remove it on the member, in order, for a shell with kubectl.
  returned: with O(state=absent)
  type: list
  elements: str
  sample: []
actions:
  description: Each write in words, in order; the same in check mode and in the run.
  returned: when something is written
  type: list
  elements: str
  sample:
    - "create Cluster member-1 on host: import it"
unknown:
  description: What a plan cannot tell, in words; they are warnings, too.
  returned: in check mode, if there is any
  type: list
  elements: str
  sample:
    - "host: KubeSphere is not installed yet; the run will check whether member-1 can be imported."
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: Refused
"""

from ..module_utils.goals.member import GOAL
from ..module_utils.goals.outcome import run_module


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
