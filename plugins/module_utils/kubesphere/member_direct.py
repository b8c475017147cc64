# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The direct connection: the host reaches a member by the member's kubeconfig (private to the collection)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..kube.resources import SERVICE, Object
from ..kube.session import Session
from ..kube.wait import Progress
from . import agent, credentials, installed, member_credential, minted, releases
from .member_credential import Credential, CredentialOptions, Given
from .names import CLUSTER, CREDENTIAL, NAMESPACE, connection_of, mc_service


@dataclass(frozen=True)
class DirectOptions:
    """What a user says of a direct connection.

    Attributes:
        kubeconfig: self-contained kubeconfig for KubeSphere.
        kubesphere_api_endpoint: URL of the member's ks-apiserver; empty goes through its API server.
        credential: whether KubeSphere gets that kubeconfig's credential, or one of ours.
    """

    kubeconfig: credentials.Kubeconfig
    kubesphere_api_endpoint: str = ""
    credential: CredentialOptions = field(default_factory=CredentialOptions)


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
            for secret in credentials.secrets(options.kubeconfig):
                session.redactor.add(secret)

    @cached_property
    def credential(self) -> Credential:
        """Whose credential KubeSphere gets."""
        options = self.options
        return member_credential.choose(self.host, self.member, options.kubeconfig, options.credential, self._release)

    @property
    def server(self) -> str:
        """URL of the API server under which the host reaches the member."""
        return str(self.options.kubeconfig["clusters"][0]["cluster"]["server"])

    def _release(self) -> releases.Release:
        standing = installed.read(self.host)
        known = releases.RELEASES.get(standing.release if standing else "")
        return known or releases.find(releases.DEFAULT_RELEASE)

    def problems(self) -> list[str]:
        """Why KubeSphere could not use the kubeconfig."""
        return self.credential.problems()

    def check(self, live: Object | None) -> list[str]:
        """Refuse a kubeconfig that KubeSphere could not use, unless it uses it already; returns warnings."""
        return self.credential.look(stored(live))

    def prepare(self, live: Object | None, uid: str) -> list[str]:
        """Make the credential where it is one of ours, and try it; returns warnings."""
        return self.credential.prepare(stored(live), uid)

    @property
    def reason(self) -> str:
        """Why another kubeconfig takes the place of the one that stands."""
        return self.credential.reason

    def discard(self) -> None:
        """Revoke what was made in vain: whatever the Cluster does not have."""
        self.credential.discard(stored(self.host.find(CLUSTER, self.cluster_name)))

    @property
    def has_minted(self) -> bool:
        """Whether the credential is one of ours; a user may also give what was made for him."""
        return not isinstance(self.credential, Given) or minted.recognise(self.credential.config) is not None

    def clear_credentials(self) -> None:
        """Revoke every other credential of ours than the Cluster has, a killed run's too."""
        if self.credential.has_former:
            self.credential.clear(stored(self.host.get(CLUSTER, self.cluster_name)))

    def notes(self) -> dict[str, str]:
        """Annotations for the Cluster."""
        return {} if isinstance(self.credential, Given) else {CREDENTIAL: self.credential.kind}

    def question(self) -> dict[str, Any]:
        """``spec.connection`` to ask the host with whether it reaches the member."""
        return self._connection(self.credential.question)

    def connection(self) -> dict[str, Any]:
        """``spec.connection`` of a new Cluster."""
        return self._connection(self.credential.config)

    def _connection(self, kubeconfig: credentials.Kubeconfig) -> dict[str, Any]:
        connection: dict[str, Any] = {"type": self.field, "kubeconfig": credentials.encode(kubeconfig)}
        if self.options.kubesphere_api_endpoint:
            connection["kubesphereAPIEndpoint"] = self.options.kubesphere_api_endpoint
        return connection

    def changes(self, live: Object) -> dict[str, Any]:
        """What of ``spec.connection`` a Cluster that stands should have."""
        connection: dict[str, Any] = {}
        if self.credential.replaces(stored(live)):
            connection["kubeconfig"] = credentials.encode(self.credential.config)
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
            agent.remove(self.member, deployment, "its connection is direct now")
        service = self.host.find(SERVICE, mc_service(self.cluster_name), NAMESPACE)
        if service is not None:
            self.host.delete(service, "its connection is direct now")


def stored(live: Object | None) -> credentials.Kubeconfig:
    """The kubeconfig that a Cluster has; empty if none, or one that cannot be read."""
    return credentials.decode(str(connection_of(live).get("kubeconfig") or ""))
