# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubeconfig that a host has stored of a member, in its Cluster (private to the collection)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..kube.errors import KubeError, NotFound
from ..kube.resources import Object
from ..kube.session import Session
from . import credentials, fleet
from .credentials import Kubeconfig
from .names import CLUSTER, connection_of


def of(session: Session, connection: Mapping[str, Any]) -> Kubeconfig:
    """The kubeconfig of a Cluster, its secrets made known; empty if there is none that can be read.

    Args:
        session: whose messages must not show them.
        connection: ``spec.connection`` of the Cluster.
    """
    kubeconfig = credentials.decode(str(connection.get("kubeconfig") or ""))
    known = credentials.secrets(kubeconfig) if kubeconfig else []
    for secret in (connection.get("kubeconfig"), connection.get("token"), *known):
        session.redactor.add(str(secret or ""))
    return kubeconfig


def summary(cluster: Object, kubeconfig: Kubeconfig, before_days: int, now: datetime) -> dict[str, Any]:
    """What the credential in a Cluster is, and when it ends; see :func:`credentials.summary`."""
    found = credentials.summary(kubeconfig, before_days, now.timestamp())
    # KubeSphere keeps the host's own kubeconfig as it was made, and does not need it.
    return {**found, "due": found["due"] and not fleet.is_host(cluster)}


def read(host: Session, name: str) -> Kubeconfig:
    """The kubeconfig by which KubeSphere reaches a direct member, for somebody who reaches it by the same address.

    Args:
        host: the fleet's host.
        name: of the member's Cluster.

    Raises:
        KubeError: there is none that can be used from here.
    """
    try:
        cluster = host.get(CLUSTER, name)
    except NotFound:
        raise KubeError(
            f"it knows no member {name}, whose kubeconfig is asked for",
            host.cluster,
            "Look at its members: playbook status. An inventory from a cache may be old: --flush-cache.",
        ) from None
    if fleet.member(host, name, cluster)["connection"] == "agent":
        raise KubeError(
            f"{name} is connected by agent: the kubeconfig that is stored of it leads through tower, to which only "
            "pods of the host get",
            host.cluster,
            f"Set kubesphere_reachable to false for {name}, or kubesphere_kubeconfig to one that leads there.",
        )
    kubeconfig = of(host, connection_of(cluster))
    if not kubeconfig:
        raise KubeError(
            f"no kubeconfig that can be read is stored of {name}",
            host.cluster,
            f"Set kubesphere_kubeconfig of {name}, and import it again: playbook import.",
        )
    return kubeconfig
