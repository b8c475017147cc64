# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has changed an object (private to the collection)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .resources import Object

_OF_EVERY_WRITE = ("managedFields", "resourceVersion", "generation")
_MOST = 3  # fields that a message names

Path = tuple[str, ...]


def who_changed(before: Object, after: Object) -> str:
    """Who has changed what of an object between two looks, as a sentence.

    The managed fields tell whose a field is. Their times are no help: they stay where the same field is written again.
    """
    changed = list(_changed(before, after))
    entries = (after.get("metadata") or {}).get("managedFields") or []
    owned = {
        str(entry.get("manager")): [path for path in changed if _owns(entry.get("fieldsV1") or {}, path)]
        for entry in entries
    }
    told = [f"{manager} has changed {_named(paths)}" for manager, paths in owned.items() if paths]
    return f"{'; '.join(told) or 'Somebody has changed it'} meanwhile. Run this again."


def _changed(before: Any, after: Any, path: Path = ()) -> Iterator[Path]:
    """Fields that differ; lists count as one."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        if before != after:
            yield path
        return
    for key in sorted({*before, *after}):
        if path != ("metadata",) or key not in _OF_EVERY_WRITE:
            yield from _changed(before.get(key), after.get(key), (*path, key))


def _owns(fields: Mapping[str, Any], path: Path) -> bool:
    """Whether managed fields have a field, or one above or below it."""
    for depth, key in enumerate(path):
        if f"f:{key}" not in fields:
            return depth > 0 and not fields
        fields = fields[f"f:{key}"]
    return True


def _named(paths: list[Path]) -> str:
    more = f" and {len(paths) - _MOST} more" if len(paths) > _MOST else ""
    return ", ".join(".".join(path) for path in paths[:_MOST]) + more
