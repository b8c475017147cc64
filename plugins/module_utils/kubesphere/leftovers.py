# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left on a host of members that are gone (private to the collection)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..kube.resources import SECRET, SERVICE, VALIDATING_WEBHOOK_CONFIGURATION, Kind, Object
from ..kube.session import Session
from . import cluster_webhook
from .names import FEDERATION_NAMESPACE, KUBEFED_CLUSTER, NAMESPACE, TOWER, federation_secret, mc_service

_TOWER = {"app": TOWER, "app.kubernetes.io/name": TOWER}


def find(host: Session, clusters: Iterable[str]) -> list[dict[str, Any]]:
    """Objects that KubeSphere makes for a Cluster and that outlive it where its finalizer was taken off.

    Args:
        host: the host.
        clusters: names of the Clusters that it knows.

    Returns:
        ``kind``, ``namespace`` and ``name`` of each, and ``member``, the Cluster that it was made for. The webhook of
        Clusters is among them, for no member, where an unbind that was killed has left it without its rules.

    Raises:
        KubeError: something cannot be read.
    """
    known = set(clusters)
    found: list[dict[str, Any]] = []
    for kind, namespace, pattern in (
        (KUBEFED_CLUSTER, FEDERATION_NAMESPACE, "{}"),
        (SECRET, FEDERATION_NAMESPACE, federation_secret("{}")),
        (SERVICE, NAMESPACE, mc_service("{}")),
    ):
        before, after = pattern.split("{}")
        for name in _names(host, kind, namespace):
            member = name[len(before) : len(name) - len(after)]
            if name != pattern.format(member) or member in known:
                continue
            if kind == KUBEFED_CLUSTER or is_kubespheres(host.find(kind, name, namespace)):
                found.append({"kind": kind.kind, "namespace": namespace, "name": name, "member": member})
    return found + _suspended_webhook(host)


def is_kubespheres(found: Object | None) -> bool:
    """Whether an object that has such a name is one that KubeSphere makes for a Cluster, and not a user's own.

    Its Services select tower (tower v0.2.1 pkg/proxy/proxy.go L419-422; so do those of KubeSphere 3.0), and its Secrets
    hold a token and nothing else (kubesphere v3.4.1 pkg/controller/cluster/join.go, populateSecretInHostCluster).
    """
    if found is None:
        return False
    if found["kind"] == SERVICE.kind:
        return bool(_TOWER.items() <= (found["spec"].get("selector") or {}).items())
    if found["kind"] == SECRET.kind:
        return found.get("type", "Opaque") == "Opaque" and set(found.get("data") or {}) == {"token"}
    return True


def _suspended_webhook(host: Session) -> list[dict[str, Any]]:
    if not cluster_webhook.is_suspended(cluster_webhook.find(host)):
        return []
    kind = VALIDATING_WEBHOOK_CONFIGURATION.kind
    return [{"kind": kind, "namespace": None, "name": cluster_webhook.WEBHOOK, "member": None}]


def _names(host: Session, kind: Kind, namespace: str) -> list[str]:
    listed = host.list(kind, namespace, missing_ok=True, metadata_only=True).items
    return sorted(str(item["metadata"]["name"]) for item in listed)
