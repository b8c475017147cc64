#!/usr/bin/python
# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module proxy_address."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_address
short_description: Find or set the address at which the members' agents call the host
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Agents in the members call the host's Service C(kubesphere-system/tower). This module finds the address at which
    they do, or sets it, and sees that ks-apiserver gives it out.
  - An address that a load balancer gives to the Service is in force by itself. While it is pending, the module waits
    for it.
  - Any other address is set as C(spec.multicluster.proxyPublishAddress) of the ClusterConfiguration, from where
    ks-installer carries it into kubesphere-config at each of its runs. The ClusterConfiguration is not changed while
    ks-installer runs.
  - ks-apiserver is restarted only if it would give out another address.
  - An address that no agent could call is refused, with the reason.
extends_documentation_fragment:
  - kubesphere.multicluster.attributes
  - kubesphere.multicluster.attributes.pair
  - kubesphere.multicluster.options
options:
  address:
    description:
      - The address, C(http://<host>[:<port>]) or C(https://<host>[:<port>]), with an IP address or a name for the host
        and an IPv6 address in brackets.
      - It is always set with a port, because the agent does not always add one by itself.
    type: str
  source:
    description:
      - Where the address comes from if O(address) is not given.
      - V(auto) keeps the address in force, and waits for that of a load balancer if there is none.
      - V(ingress) is the address that a load balancer gives to the Service.
      - V(node_port) is the node port of the Service at a node that is Ready, at an external address of a node if there
        is one. The one in force is kept while it is one of them.
      - V(external_ip) is an external IP of the Service.
    type: str
    choices: [auto, ingress, node_port, external_ip]
    default: auto
  node_port:
    description: Fixed node port for the Service. An upgrade by ks-installer may replace it.
    type: int
  store:
    description:
      - Where the address is written.
      - V(config_map) edits one value in the text of kubesphere-config. The next run of ks-installer undoes that, so it
        is only for clusters without a ks-installer.
    type: str
    choices: [cluster_configuration, config_map]
    default: cluster_configuration
  required:
    description:
      - Whether it is an error if a load balancer does not give an address.
      - If V(false), it is a warning, and a Service that is older than O(wait_timeout) is not waited for.
    type: bool
    default: true
  network_policy:
    description:
      - Whether the NetworkPolicy C(kubesphere-system/kubesphere-multicluster-tower) is to exist. It lets everybody
        reach the port that agents call, but only KubeSphere's own pods the ports that lead to the members, at which
        tower asks for no credentials.
      - V(false) removes it. If this option is not set, it is left alone. Other NetworkPolicies are never touched.
      - It has an effect only with a network plugin that enforces policies. Kubernetes does not tell whether there is
        one.
    type: bool
  managed:
    description:
      - Whether it is for this play to set the address. If V(false), nothing is written, whatever the other options say;
        the address in force is told, and waited for if it is O(required).
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for the address of a load balancer, and for a run of ks-installer.
    type: int
    default: 600
seealso:
  - module: kubesphere.multicluster.cluster_configuration
  - module: kubesphere.multicluster.member
"""

EXAMPLES = r"""
- name: Wait for the load balancer and say the address
  kubesphere.multicluster.proxy_address:
    kubeconfig: ~/.kube/host.yaml
  register: proxy

- name: Set the address of a load balancer of one's own
  kubesphere.multicluster.proxy_address:
    kubeconfig: ~/.kube/host.yaml
    address: https://tower.example.com

- name: Without a load balancer, at a fixed port of a node
  kubesphere.multicluster.proxy_address:
    kubeconfig: ~/.kube/host.yaml
    source: node_port
    node_port: 30881
"""

RETURN = r"""
address:
  description: The address as an agent is to get it. None if there is none.
  returned: success
  type: str
  sample: http://203.0.113.10:8080
source:
  description:
    - Where the address comes from.
    - V(given) is the option O(address), V(proxyPublishAddress) what was in force, the others are as O(source) says.
  returned: success
  type: str
  sample: ingress
service_type:
  description: Type of the Service. None if it does not exist yet, which is so in check mode only.
  returned: success
  type: str
  sample: LoadBalancer
pending:
  description: Whether a load balancer has yet to give the Service an address.
  returned: success
  type: bool
  sample: false
candidates:
  description: The addresses that follow from the Service, and where each comes from.
  returned: success
  type: list
  elements: dict
  sample:
    - address: http://203.0.113.10:8080
      source: ingress
    - address: http://192.0.2.11:30881
      source: node_port
published:
  description: Whether the address is the proxyPublishAddress, and not the load balancer's by itself.
  returned: success
  type: bool
  sample: false
restarted:
  description: Whether ks-apiserver was restarted.
  returned: success
  type: bool
  sample: false
reached:
  description:
    - Whether tower was reached at the address from where the play runs. For members that may be different.
    - None if it was not tried because the address would change, in check mode.
  returned: success
  type: bool
  sample: true
reached_detail:
  description: What came back; none if it was not tried.
  returned: success
  type: str
  sample: http://203.0.113.10:8080 answers, and is tower
actions:
  description: Each write in words, in order; the same in check mode and in the run.
  returned: when something is written
  type: list
  elements: str
  sample:
    - "patch ClusterConfiguration kubesphere-system/ks-installer on host: change multicluster.proxyPublishAddress"
unknown:
  description: What a plan cannot tell, in words; they are warnings, too.
  returned: in check mode, if there is any
  type: list
  elements: str
  sample:
    - "host: KubeSphere is not installed yet; the run will find the proxy address."
error:
  description: Kind of the error, for programs.
  returned: on failure
  type: str
  sample: BadAddress
"""

from ..module_utils.goals.outcome import run_module
from ..module_utils.goals.proxy_address import GOAL


def main() -> None:
    """Be the module."""
    run_module(GOAL)


if __name__ == "__main__":
    main()
