# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of a domain function (private to the collection)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..kube.resources import Object
from ..kube.session import Session, Write
from .names import OWN_PREFIX

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # the object as kubectl applied it, with its secrets


class NotYetKnown(str):
    """A warning of check mode: what a plan cannot tell, and the run will."""


@dataclass
class Result:
    """What was done, or in check mode would be done.

    Attributes:
        changed: whether anything is written.
        actions: each write in words, in order, the same in check mode and in the run.
        diff: before and after of each object that is written, secrets masked; ``before_header`` and ``after_header``
            name the object.
        warnings: what the user should know; some are :class:`NotYetKnown`.
        data: what the function found out, by name.
    """

    changed: bool = False
    actions: list[str] = field(default_factory=list)
    diff: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)


def of(sessions: Iterable[Session], warnings: Iterable[str] = (), **data: Any) -> Result:
    """The result that follows from the journals of the sessions."""
    result = Result(warnings=list(warnings), data=data)
    for session in sessions:
        for write in session.journal:
            result.actions.append(session.redactor.text(_in_words(write, session.cluster)))
            result.diff.append(_diff(write, session))
    result.changed = bool(result.actions)
    return result


def _in_words(write: Write, cluster: str) -> str:
    because = f": {write.reason}" if write.reason else ""
    return f"{write.verb} {write.title} on {cluster}{because}"


def _diff(write: Write, session: Session) -> dict[str, Any]:
    before, after = session.redactor.pair(_essential(write.before), _essential(write.after))
    header = f"{write.title} on {session.cluster}"
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _essential(item: Object | None) -> Object:
    """An object without what the API server keeps for itself, which changes at every write."""
    if item is None:
        return {}
    hidden = ("managedFields", "resourceVersion", "generation", "uid", "selfLink", "creationTimestamp")
    metadata = {key: value for key, value in (item.get("metadata") or {}).items() if key not in hidden}
    annotations = metadata.pop("annotations", None) or {}
    shown = {
        key: value for key, value in annotations.items() if key != _LAST_APPLIED and not key.startswith(OWN_PREFIX)
    }
    if shown:
        metadata["annotations"] = shown
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}
