# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says of its fleet by itself, in as few requests as can be (private to the collection).

No member is asked, however many there are: one list of Clusters has all of it.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from ..kube.errors import KubeError, NotFound
from ..kube.resources import Object
from ..kube.rollout import parse_time, written_time
from ..kube.session import Session
from . import address, conditions, credentials, fleet, kubesphere_config, minted, releases, stored_kubeconfig
from .names import CLUSTER, HOST_LABEL, connection_of


def look(host: Session, label_selector: str = "", before_days: int = credentials.BEFORE_DAYS) -> dict[str, Any]:
    """Everything that the Clusters of a host say; plain data without secrets.

    Args:
        host: the host.
        label_selector: which members; all if empty. The host itself is always there.
        before_days: days before its end that a credential is due.

    Returns:
        ``at``, when that was, and ``clusters``: each as :func:`fleet.member`, with ``conditions`` (status by type),
        ``credential``, ``server``, ``deleted``, and ``minted``, the kind of a credential that the collection has made.
        A cluster is ``ready`` only if that was written lately.

    Raises:
        KubeError: the Clusters cannot be read.
    """
    try:
        clusters = host.list(CLUSTER, label_selector=label_selector).items
        if label_selector:
            clusters += [each for each in host.list(CLUSTER, label_selector=HOST_LABEL).items if each not in clusters]
    except NotFound:
        raise KubeError(
            "KubeSphere is not installed here as a host: there is no such resource as a Cluster",
            host.cluster,
            "Give the kubeconfig of the host; or install it first, from an inventory that names all clusters.",
        ) from None
    resync = _resync(host, clusters)
    now = parse_time(host.server_time) or datetime.now(timezone.utc)
    found = [_cluster(host.sibling(), each, resync, before_days, now) for each in clusters]
    return {"at": written_time(now), "clusters": sorted(found, key=lambda each: str(each["name"]))}


def _cluster(host: Session, cluster: Object, resync: float | None, before_days: int, now: datetime) -> dict[str, Any]:
    """One cluster; ``host`` is a session of its own, so that secrets of one are not looked for in all others."""
    name = cluster["metadata"]["name"]
    kubeconfig = stored_kubeconfig.of(host, connection_of(cluster))
    found = fleet.member(host, name, cluster)
    standing = (cluster.get("status") or {}).get("conditions") or []
    problem = found["problem"] or conditions.stale(name, conditions.all_seen(cluster, now, resync), resync)
    ours = minted.recognise(kubeconfig) if kubeconfig else None
    return {
        **found,
        "ready": not problem,
        "problem": problem,
        "conditions": {str(each["type"]): each.get("status") for each in standing},
        "credential": stored_kubeconfig.summary(cluster, kubeconfig, before_days, now),
        "minted": ours.kind if ours else None,
        "server": address.shown(kubeconfig["clusters"][0]["cluster"]["server"]) if kubeconfig else None,
        "deleted": cluster["metadata"].get("deletionTimestamp"),
    }


def _resync(host: Session, clusters: list[Object]) -> float | None:
    """Seconds after which the host looks at its members; None for a release that writes no condition anew."""
    own = next((each for each in clusters if fleet.is_host(each)), {})
    release = releases.RELEASES.get(str((own.get("status") or {}).get("kubeSphereVersion") or ""))
    if release is None or not release.renews_conditions:
        return None
    try:
        config = kubesphere_config.read(host)
    except KubeError:  # whoever may list Clusters need not be allowed to read the fleet's jwtSecret
        config = None
    return config.resync_period if config else kubesphere_config.RESYNC_PERIOD
