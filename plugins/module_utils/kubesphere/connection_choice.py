# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing a member's connection by looking at who reaches whom (private to the collection)."""

from __future__ import annotations

from dataclasses import dataclass

from ..kube.errors import KubeError
from ..kube.resources import Object
from ..kube.session import Session
from . import jwt, ks_apiserver, reachability
from .kubesphere_config import KubeSphereConfig
from .member_agent import PROBE, Agent
from .member_direct import Direct
from .names import CLUSTER
from .refusals import Refused

_BEHIND_IT = "error trying to reach service"  # an API server's own words about who stands behind its service proxy


@dataclass(frozen=True)
class Choice:
    """A connection, and why.

    Attributes:
        connection: ``direct`` or ``agent``.
        reason: what was seen, from where.
        fresh: whether it was chosen now; otherwise it is the one that stands.
    """

    connection: str
    reason: str
    fresh: bool = True


def choose(
    host: Session, cluster_name: str, config: KubeSphereConfig, direct: Direct | None, agent: Agent
) -> Choice | None:
    """Direct if the host reaches the member's API server; by agent if only the member reaches the host's tower.

    Args:
        host: the fleet's host.
        cluster_name: name of the member's Cluster.
        config: the host's kubesphere-config.
        direct: the direct connection as it would be made; None where there is no kubeconfig to give to KubeSphere.
        agent: the agent connection as it would be made.

    Returns:
        The choice; None where a plan cannot tell it yet, for want of the proxy address.

    Raises:
        Refused: neither holds; says what was tried from where.
        KubeError: it could not be looked at.
    """
    tried = []
    if direct is None:
        tried.append("direct: there is no kubeconfig for KubeSphere (kubesphere_member_kubeconfig)")
    else:
        reached, text = _host_reaches(host, cluster_name, config, direct, agent.image)
        if reached:
            return Choice("direct", text)
        tried.append(f"direct: {text}")
    if agent.bad_address:
        tried.append(f"agent: {agent.bad_address.message}")
    elif agent.address_follows:
        return None
    elif not agent.address:
        tried.append("agent: the host has no proxy address; run the playbook kubesphere.multicluster.proxy")
    else:
        evidence = agent.reached()
        found = "is" if evidence.reached else "is not"
        text = f"the proxy address {agent.address} {found} reached from {evidence.place}"
        # Where nobody could look from within the member, the agent's own attempts will tell.
        if evidence.reached or evidence.weak:
            return Choice("agent", f"{'; '.join(tried)}; {text}")
        tried.append(f"agent: {text}: {evidence.detail}")
    raise Refused(
        f"it can be imported neither directly nor by agent: {'; '.join(tried)}",
        cluster_name,
        "Let the host reach the member's API server (kubesphere_api_server), or the member the host's tower "
        "(kubesphere_proxy_address).",
    )


def _host_reaches(
    host: Session, cluster_name: str, config: KubeSphereConfig, direct: Direct, image: str
) -> tuple[bool, str]:
    """Whether the host could use the member's kubeconfig, and how that is known."""
    problems = direct.problems()
    if problems:
        return False, f"KubeSphere cannot use its kubeconfig: {problems[0]}"
    try:
        words = ks_apiserver.validate(host, _question(cluster_name, direct), jwt.admin_token(config.jwt_secret))
    except KubeError as error:
        if host.planning:  # no Job is started for a plan
            return False, f"the host's ks-apiserver does not say whether it reaches {direct.server}: {error.message}"
        evidence = reachability.api_server_from_host(host, direct.server, image, timeout=PROBE)
        found = "is" if evidence.reached else "is not"
        detail = "" if evidence.reached else f": {evidence.detail}"
        # That the play reaches it says nothing of the host.
        return evidence.reached and not evidence.weak, f"{direct.server} {found} reached from {evidence.place}{detail}"
    # Any other answer has reached the member; so has what its API server says of a ks-apiserver that starts anew.
    if words and _BEHIND_IT not in words and reachability.NOT_CONNECTED.search(words):
        return False, f"{direct.server} is not reached by the host's ks-apiserver: {words}"
    return True, f"{direct.server} is reached by the host's ks-apiserver"


def _question(cluster_name: str, direct: Direct) -> Object:
    return {
        "apiVersion": CLUSTER.api_version,
        "kind": CLUSTER.kind,
        "metadata": {"name": cluster_name},
        "spec": {"connection": direct.question(), "joinFederation": True},
    }
