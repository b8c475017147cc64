# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The direct connection: the host reaches a member by the member's kubeconfig (private to the collection)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..kube.resources import SERVICE, Object
from ..kube.session import Session
from ..kube.wait import Progress
from . import agent, credentials, installed, releases
from .names import NAMESPACE, mc_service
from .refusals import Refused


@dataclass(frozen=True)
class DirectOptions:
    """What a user says of a direct connection.

    Attributes:
        kubeconfig: self-contained kubeconfig for KubeSphere.
        kubesphere_api_endpoint: URL of the member's ks-apiserver; empty goes through its API server.
    """

    kubeconfig: credentials.Kubeconfig
    kubesphere_api_endpoint: str = ""


class Direct:
    """What is of the direct connection alone in an import; the rest is :mod:`member`'s."""

    name = "direct"
    field = "direct"  # of spec.connection.type
    conditions = ("Federated", "Ready")
    finalizers: Sequence[str] = ()  # the controller's own business

    def __init__(self, host: Session, member: Session, cluster_name: str, options: DirectOptions) -> None:
        self.host = host
        self.member = member
        self.cluster_name = cluster_name
        self.options = options
        for session in (host, member):
            session.redactor.add(credentials.encode(options.kubeconfig))
            session.redactor.add(str(options.kubeconfig["users"][0]["user"].get("token") or ""))

    @property
    def server(self) -> str:
        """URL of the API server under which the host reaches the member."""
        return str(self.options.kubeconfig["clusters"][0]["cluster"]["server"])

    def problems(self) -> list[str]:
        """Why KubeSphere could not use the kubeconfig."""
        standing = installed.read(self.host)
        known = releases.RELEASES.get(standing.release if standing else "")
        return credentials.problems(self.options.kubeconfig, known or releases.find(releases.DEFAULT_RELEASE))

    def check(self, live: Object | None) -> list[str]:
        """Refuse a kubeconfig that KubeSphere could not use, unless it uses it already; there are no warnings."""
        if not self.leads_there(live):
            for problem in self.problems():
                raise Refused(f"KubeSphere cannot use its kubeconfig: {problem}", self.member.cluster)
        return []

    def leads_there(self, live: Object | None) -> bool:
        """Whether a Cluster leads already where the wanted kubeconfig leads."""
        stored = ((live or {}).get("spec") or {}).get("connection") or {}
        return credentials.same(credentials.decode(str(stored.get("kubeconfig") or "")), self.options.kubeconfig)

    def connection(self) -> dict[str, Any]:
        """``spec.connection`` of a new Cluster."""
        connection: dict[str, Any] = {"type": self.field, "kubeconfig": credentials.encode(self.options.kubeconfig)}
        if self.options.kubesphere_api_endpoint:
            connection["kubesphereAPIEndpoint"] = self.options.kubesphere_api_endpoint
        return connection

    def changes(self, live: Object) -> dict[str, Any]:
        """What of ``spec.connection`` a Cluster that stands should have."""
        connection: dict[str, Any] = {}
        if not self.leads_there(live):
            connection["kubeconfig"] = credentials.encode(self.options.kubeconfig)
            # KubeSphere fills this in once and does not follow a new server (cluster_controller.go L465).
            connection["kubernetesAPIEndpoint"] = self.server
        if self.options.kubesphere_api_endpoint:
            connection["kubesphereAPIEndpoint"] = self.options.kubesphere_api_endpoint
        return connection

    def switched(self) -> dict[str, Any]:
        """The merge patch of ``spec.connection`` that turns a Cluster of the agent connection into a direct one."""
        ports = dict.fromkeys(("token", "kubernetesAPIServerPort", "kubesphereAPIServerPort"))
        endpoint = self.options.kubesphere_api_endpoint or None
        return {**self.connection(), "kubernetesAPIEndpoint": self.server, "kubesphereAPIEndpoint": endpoint, **ports}

    def establish(self, cluster: Object, timeout: float, progress: Progress, *, waits: bool) -> Object:  # noqa: ARG002
        """Nothing more than the Cluster is needed."""
        return cluster

    def since(self) -> str:
        """No condition has to be newer than the Cluster's own change."""
        return ""

    def trouble(self) -> str:
        """Nothing here knows more than the Cluster's conditions."""
        return ""

    def clear_agent(self) -> None:
        """Remove what the agent connection has left: the agent, and the Service that tower forgets.

        tower v0.2.1 pkg/proxy/proxy.go, delete(): it returns early for a Cluster that is of type direct by then.
        """
        deployment = agent.find(self.member)
        if deployment is not None and agent.belongs_to(deployment) == self.cluster_name:
            self.member.delete(deployment, "its connection is direct now")
        service = self.host.find(SERVICE, mc_service(self.cluster_name), NAMESPACE)
        if service is not None:
            self.host.delete(service, "its connection is direct now")
