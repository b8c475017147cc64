# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ks-apiserver of one cluster, reached through that cluster's API server (private to the collection)."""

from __future__ import annotations

from collections.abc import Mapping

from ..kube.errors import KubeError, NotFound, Unauthorized
from ..kube.resources import NAMESPACE as NAMESPACE_KIND
from ..kube.resources import NODE, Kind, Object
from ..kube.secret import Secret
from ..kube.session import Session
from .names import NAMESPACE

# The form without a scheme is what KubeSphere's own controller uses: kubesphere v3.4.1
# pkg/controller/cluster/cluster_controller.go.
_PROXY = f"/api/v1/namespaces/{NAMESPACE}/services/:ks-apiserver:80/proxy"
_CLUSTERS = "/kapis/cluster.kubesphere.io/v1alpha1/clusters"

# Seconds for which an answer is waited for. ks-apiserver closes its port and starts anew whenever its kubesphere-config
# changes, at the end of an installation twice: kubesphere v3.4.1 cmd/ks-apiserver/app/server.go. It was back after
# 0.7 s on an idle machine.
RESTART = 15.0
_ONE_LOOK = 1.0


class MemberRefusesToken(Unauthorized):
    """The member's ks-apiserver does not accept a token that the host has signed."""

    default_hint = (
        "Give the member the host's jwtSecret (playbook kubesphere.multicluster.install does), and look that "
        "accessTokenMaxAge is 0 in its kubesphere-config."
    )


def version(session: Session) -> str:
    """KubeSphere's version as ks-apiserver says it (``gitVersion``); needs no token.

    Raises:
        KubeError: ks-apiserver does not answer.
    """
    what = "ask ks-apiserver for its version"
    answer = session.request("GET", f"{_PROXY}/kapis/version", what=what, patience=RESTART)
    return str(answer.get("gitVersion") or "")


def nodes_of_member(session: Session, member: str, token: Secret, patience: float = _ONE_LOOK) -> int:
    """Use a member through the host: list its nodes by the host's dispatcher.

    Args:
        session: the host.
        member: name of the member's Cluster.
        token: the host's admin token.
        patience: seconds for which it is asked again while a ks-apiserver does not listen; a caller that waits itself
            looks once.

    Returns:
        Number of nodes of the member.

    Raises:
        MemberRefusesToken: the member verifies tokens with another jwtSecret.
        KubeError: the way through the host does not work.
    """
    answer = _of_member(session, member, token, NODE.path(), patience, {"limit": "1"})
    nodes = session.checked_list(NODE, answer)
    remaining = int((nodes.get("metadata") or {}).get("remainingItemCount") or 0)
    return len(nodes.get("items") or []) + remaining


def uid_of_member(session: Session, member: str, token: Secret) -> str:
    """UID of a member's namespace kube-system, read through the host: which cluster is at the other end.

    Args:
        session: the host.
        member: name of the member's Cluster.
        token: the host's admin token.

    Raises:
        MemberRefusesToken: the member verifies tokens with another jwtSecret.
        KubeError: the way through the host does not work.
    """
    answer = _of_member(session, member, token, NAMESPACE_KIND.path("kube-system"), _ONE_LOOK)
    namespace = session.checked(NAMESPACE_KIND, answer, "kube-system")
    return str((namespace.get("metadata") or {}).get("uid") or "")


def find_in_member(
    session: Session, member: str, token: Secret, kind: Kind, name: str, namespace: str | None = None
) -> Object | None:
    """Read an object of a member through the host; None where there is none.

    Args:
        session: the host.
        member: name of the member's Cluster.
        token: the host's admin token.
        kind: what to read.
        name: its name.
        namespace: where it is.

    Raises:
        MemberRefusesToken: the member verifies tokens with another jwtSecret.
        KubeError: the way through the host does not work.
    """
    try:
        answer = _of_member(session, member, token, kind.path(name, namespace), RESTART)
        return session.checked(kind, answer, name)
    except NotFound:
        return None


def validate(session: Session, cluster: Object, token: Secret) -> str:
    """Ask the host whether it would take a member by direct connection; it tries the member's kubeconfig from its pod.

    The answer stores nothing (kubesphere v3.4.1 pkg/kapis/cluster/v1alpha1/handler.go L337-483).

    Args:
        session: the host.
        cluster: the member's Cluster, which need not exist.
        token: the host's admin token.

    Returns:
        Empty if it would; else why not, in ks-apiserver's words.

    Raises:
        KubeError: ks-apiserver did not answer the question.
    """
    path, what = f"{_PROXY}{_CLUSTERS}/validation", "have ks-apiserver validate a member"
    try:
        session.text(path, what, method="POST", body=cluster, headers=_authorized(session, token), patience=RESTART)
    except KubeError as error:
        if error.status != 400:
            raise
        return error.detail
    return ""


def agent_manifest(session: Session, member: str, token: Secret, patience: float = RESTART) -> str:
    """The agent's manifest as ks-apiserver makes it: with what this process of it has loaded.

    Args:
        session: the host.
        member: name of the member's Cluster, one of the connection by agent.
        token: the host's admin token.
        patience: seconds for which it is asked again while a ks-apiserver does not listen.

    Returns:
        YAML of one Deployment.

    Raises:
        KubeError: it makes none; ``detail`` has its own words (kubesphere v3.4.1 pkg/kapis/cluster/v1alpha1/handler.go
            L99-178).
    """
    path, what = (
        f"{_PROXY}{_CLUSTERS}/{member}/agent/deployment",
        f"ask ks-apiserver for the agent's manifest of {member}",
    )
    return session.text(path, what, headers=_authorized(session, token), patience=patience)


def _authorized(session: Session, token: Secret) -> dict[str, str]:
    # The API server keeps Authorization for itself: kubesphere v3.4.1 pkg/apiserver/filters/requestinfo.go.
    session.redactor.add(token)
    return {"X-KubeSphere-Authorization": f"Bearer {token.reveal()}"}


def _of_member(
    session: Session, member: str, token: Secret, path: str, patience: float, query: Mapping[str, str] | None = None
) -> Object:
    """Read something of a member by the host's dispatcher; the path is that of the member's own API server."""
    headers, what = _authorized(session, token), f"use {member} through the host"
    root, rest = path.lstrip("/").split("/", 1)
    path = f"{_PROXY}/{root}/clusters/{member}/{rest}"
    try:
        return session.request("GET", path, query=query, headers=headers, what=what, patience=patience)
    except Unauthorized as error:
        raise MemberRefusesToken(error.message, session.cluster, status=error.status) from None
    except KubeError as error:
        raise type(error)(error.message, session.cluster, _hint(error, member), error.status) from None


def _hint(error: KubeError, member: str) -> str:
    if error.status == 503:
        return "Look whether the Deployment kubesphere-system/ks-apiserver is available, on the host and on the member."
    if "not ready" in error.message:
        return f"Look at the conditions of Cluster {member} on the host."
    return error.hint
