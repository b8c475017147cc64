# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host knows of its members (private to the collection)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..kube.errors import KubeError
from ..kube.resources import Object
from ..kube.secret import Secret
from ..kube.session import Session
from . import jwt, ks_apiserver, kubesphere_config
from .conditions import condition, condition_problem
from .names import ALIAS_ANNOTATION, CLUSTER, GROUP_LABEL, HOST_LABEL, REGION_LABEL

AT_ONCE = 8
"""Members that are looked at side by side."""


def look(
    host: Session,
    names: Sequence[str] = (),
    *,
    among: Collection[str] | None = None,
    use: bool = True,
    used: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Every cluster that the host knows, itself included; no secrets.

    Args:
        host: the host.
        names: only these; all if empty. One that the host does not know is listed as ``known: False``.
        among: only those of these that the host knows, and the host's own.
        use: also use each member through the host, to see that it works now.
        used: number of nodes by name, of those that have been used just now, and need not be again.

    Returns:
        ``members``; with ``among`` also ``others``, the names of the Clusters that were left alone.

    Raises:
        KubeError: the host cannot be read.
    """
    clusters = {item["metadata"]["name"]: item for item in host.list(CLUSTER, missing_ok=True).items}
    config = kubesphere_config.read(host) if use else None
    token = jwt.admin_token(config.jwt_secret) if config else None
    wanted = chosen(clusters, names, among)
    seen = used or {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda name: member(host, name, clusters.get(name), token, seen.get(name)), wanted))
    return {"members": found, **others(clusters, wanted, among)}


def chosen(clusters: Mapping[str, Object], names: Sequence[str], among: Collection[str] | None) -> list[str]:
    """Names of the Clusters to look at; see :func:`look`. Where they are not given, the host goes first."""
    if among is None and names:
        return list(names)
    wanted = [name for name, cluster in clusters.items() if among is None or name in among or is_host(cluster)]
    return sorted(wanted, key=lambda name: (not is_host(clusters[name]), name))


def others(
    clusters: Mapping[str, Object], wanted: Collection[str], among: Collection[str] | None
) -> dict[str, list[str]]:
    """The Clusters that were left alone; see :func:`look`."""
    return {} if among is None else {"others": sorted(clusters.keys() - set(wanted))}


def member(
    host: Session, name: str, cluster: Object | None, token: Secret | None = None, seen: int | None = None
) -> dict[str, Any]:
    """What a Cluster says, and with a token whether the member can be used through the host.

    Args:
        host: the host.
        name: name of the Cluster.
        cluster: the Cluster; None if the host has none of this name.
        token: the host's admin token.
        seen: number of its nodes, if it has been used just now.
    """
    if cluster is None:
        return {"name": name, "known": False, "problem": f"{host.cluster} has no Cluster {name}: import it"}
    metadata, spec, status = cluster["metadata"], cluster.get("spec") or {}, cluster.get("status") or {}
    labels = metadata.get("labels") or {}
    ready = condition(cluster, "Ready")
    problem, nodes = condition_problem(cluster, "Ready"), status.get("nodeCount") if seen is None else seen
    of_host = is_host(cluster)
    if token and not problem and not of_host and seen is None:
        try:
            nodes = ks_apiserver.nodes_of_member(host, name, token, ks_apiserver.RESTART)
        except KubeError as error:
            problem = f"{error.message}. {error.hint}".strip()
    return {
        "name": name,
        "known": True,
        "cluster_role": "host" if of_host else "member",
        "connection": "direct" if of_host else _connection(spec),
        "ready": ready.get("status") == "True",
        "ready_updated": ready.get("lastUpdateTime"),
        "problem": host.redactor.text(problem),
        "kubernetes_version": status.get("kubernetesVersion"),
        "kubesphere_version": status.get("kubeSphereVersion"),
        "nodes": nodes,
        "uid": status.get("uid"),
        "alias": (metadata.get("annotations") or {}).get(ALIAS_ANNOTATION),
        "provider": spec.get("provider") or None,
        "region": labels.get(REGION_LABEL),
        "group": labels.get(GROUP_LABEL),
        "labels": labels,
    }


def is_host(cluster: Object) -> bool:
    """Whether a Cluster is the host's own."""
    return HOST_LABEL in (cluster["metadata"].get("labels") or {})


def _connection(spec: Object) -> str:
    """The connection as the collection calls it; the API says proxy for agent."""
    kind = str((spec.get("connection") or {}).get("type") or "")
    return {"proxy": "agent"}.get(kind, kind)
