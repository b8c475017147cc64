# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of Cluster objects (private to the collection)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..kube.resources import Object
from ..kube.rollout import parse_time

_RENEWED = ("Federated", "Ready", "KubeConfigCertExpiresInSevenDays")
"""Conditions that the cluster controller writes at each resync; tower writes the others when something happens."""

_MISSED = 3  # resyncs without a word until a condition is stale


def condition(cluster: Object, kind: str) -> dict[str, str]:
    """The condition of a type; empty if the Cluster has none."""
    conditions = (cluster.get("status") or {}).get("conditions") or []
    return next((dict(each) for each in conditions if each.get("type") == kind), {})


def condition_problem(cluster: Object, kind: str, since: str = "") -> str:
    """Why a condition does not hold; empty if it does.

    A member that cannot be reached keeps its last conditions: KubeSphere cannot write new ones. So True counts only if
    it was written after ``since``.

    Args:
        cluster: the Cluster.
        kind: type of the condition.
        since: RFC 3339 time in UTC; any age will do if it is empty.
    """
    name, found = cluster["metadata"]["name"], condition(cluster, kind)
    if not found:
        return f"Cluster {name} has no condition {kind} yet"
    if found.get("status") != "True":
        # The controller puts the text of an error into the reason.
        told = "; ".join(filter(None, (found.get("reason"), found.get("message"))))
        return f"Cluster {name} is not {kind}: {told or 'no reason given'}"
    if since and str(found.get("lastUpdateTime") or "") < since:
        return f"Cluster {name} was {kind} before the change ({found.get('lastUpdateTime')}) and not seen since"
    return ""


def seen(given: Mapping[str, Any], now: datetime, resync: float | None) -> dict[str, Any]:
    """A condition, and how old it is.

    Args:
        given: the condition.
        now: by the clock of the host's API server.
        resync: seconds after which the host writes it anew; None for a release that never does.

    Returns:
        ``type``, ``status``, ``reason``, ``message``; ``updated``, when it was written; ``age``, seconds since then,
        None if the time is not known; ``fresh``, whether it is of the last three resyncs, None if it is written once.
    """
    updated = parse_time(str(given.get("lastUpdateTime") or ""))
    age = max(0, round((now - updated).total_seconds())) if updated else None
    renewed = resync is not None and given.get("type") in _RENEWED
    return {
        "type": given.get("type"),
        "status": given.get("status"),
        "reason": given.get("reason") or "",
        "message": given.get("message") or "",
        "updated": given.get("lastUpdateTime"),
        "age": age,
        "fresh": age <= _MISSED * resync if renewed and resync is not None and age is not None else None,
    }


def all_seen(cluster: Object, now: datetime, resync: float | None) -> list[dict[str, Any]]:
    """Every condition of a Cluster, see :func:`seen`."""
    return [seen(each, now, resync) for each in (cluster.get("status") or {}).get("conditions") or []]


def stale(
    name: str, conditions: list[dict[str, Any]], resync: float | None, who: str = "it may be gone for long"
) -> str:
    """Why a Cluster that says Ready is not to be believed: nobody has looked for long. Empty if it is.

    Args:
        name: of the Cluster.
        conditions: as :func:`all_seen` gives them.
        resync: seconds after which the host should have looked.
        who: what may be the reason.
    """
    ready = next((each for each in conditions if each["type"] == "Ready"), {})
    if ready.get("status") != "True" or ready["fresh"] is not False:
        return ""
    since, every = ready["updated"], f"{resync:g} s"
    return f"Cluster {name} says Ready since {since}, and KubeSphere should have looked every {every}: {who}"
