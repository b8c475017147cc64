# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of Cluster objects (private to the collection)."""

from __future__ import annotations

from ..kube.resources import Object


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
