# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address at which agents dial the host's tower: found, or set where it lasts (private to the collection)."""

from __future__ import annotations

from dataclasses import dataclass

from ..kube.resources import SERVICE, Object
from ..kube.session import Session
from .address import BadAddress, for_agent, problems, same, shown
from .kubesphere_config import KubeSphereConfig
from .names import NAMESPACE

__all__ = ["BadAddress", "InForce", "for_agent", "in_force", "problems", "same", "shown"]

TOWER = "tower"
"""Service and Deployment of the proxy; ks-installer always names them to kubesphere-config as ``proxyPublishService``
(v3.4.1 roles/ks-core/config/templates/kubesphere-config.yaml.j2)."""


@dataclass(frozen=True)
class InForce:
    """The address that KubeSphere gives to agents.

    Attributes:
        address: as it stands; empty if there is none. ks-apiserver takes what it finds, so it may be one that no agent
            can dial: an IPv6 address of a load balancer gets no brackets.
        source: ``proxyPublishAddress``, ``ingress`` or ``none``.
    """

    address: str
    source: str


def in_force(host: Session, config: KubeSphereConfig) -> InForce:
    """The address that ks-apiserver gives out, as it derives it itself.

    Raises:
        KubeError: the Service cannot be read.
    """
    if config.proxy_publish_address:
        return InForce(config.proxy_publish_address, "proxyPublishAddress")
    service = host.find(SERVICE, TOWER, NAMESPACE)
    address = ingress_address(service) if service else ""
    return InForce(address, "ingress" if address else "none")


def ingress_address(service: Object) -> str:
    """What ks-apiserver makes of a load balancer; empty while there is none.

    Always http and the first port, never a nodePort; the last ingress wins, in it the IP over the hostname, and nothing
    gets brackets (kubesphere v3.4.1 pkg/kapis/cluster/v1alpha1/handler.go L133-178).
    """
    ports = (service.get("spec") or {}).get("ports") or []
    ingresses = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    hosts = [each.get("ip") or each.get("hostname") for each in ingresses if each.get("ip") or each.get("hostname")]
    return f"http://{hosts[-1]}:{ports[0]['port']}" if hosts and ports else ""
