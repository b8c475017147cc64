# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging of plain data (private to the collection)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SCALARS = frozenset((str, int, float, bool, type(None)))


def merge(defaults: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Lay values over defaults.

    Mappings are merged key by key; everything else, lists too, is replaced. A None in ``values`` stays a None.

    Args:
        defaults: what holds where ``values`` says nothing.
        values: what takes precedence.

    Returns:
        A new mapping that shares nothing with the arguments.
    """
    merged: dict[str, Any] = plain_copy(defaults)
    for key, value in values.items():
        under = merged.get(key)
        merged[key] = (
            merge(under, value) if isinstance(under, dict) and isinstance(value, Mapping) else plain_copy(value)
        )
    return merged


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386): as :func:`merge`, but a None removes the key.

    Returns:
        A new value that shares nothing with the arguments.
    """
    if not isinstance(patch, Mapping):
        return plain_copy(patch)
    patched: dict[str, Any] = plain_copy(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            patched.pop(key, None)
        else:
            patched[key] = merge_patch(patched.get(key), value)
    return patched


def missing_from(live: Any, wanted: Any, *, whole_lists: bool = False) -> Any:
    """The merge patch that makes ``live`` hold everything that ``wanted`` says; None where it does already.

    Fields that ``wanted`` does not name are left alone. A list that differs is given whole.

    Args:
        live: what stands.
        wanted: what should; a None in it wants nothing.
        whole_lists: compare lists as they are. Otherwise their items are compared by the fields that are wanted,
            since the API server fills in others.
    """
    if isinstance(wanted, dict) and isinstance(live, dict):
        patch = {
            key: difference
            for key, value in wanted.items()
            if (difference := missing_from(live.get(key), value, whole_lists=whole_lists)) is not None
        }
        return patch or None
    if wanted is None or (same(live, wanted) if whole_lists else _holds(live, wanted)):
        return None
    return plain_copy(wanted)


def patch_between(live: Any, wanted: Any) -> Any:
    """The merge patch that makes ``live`` equal to ``wanted``: what ``wanted`` does not name is removed.

    Returns:
        The patch; None where both are equal already.
    """
    if not isinstance(live, Mapping) or not isinstance(wanted, Mapping):
        return None if same(live, wanted) else plain_copy(wanted)
    patch: dict[str, Any] = {key: None for key in live if key not in wanted}
    for key, value in wanted.items():
        if key not in live:
            patch[key] = plain_copy(value)
        elif not same(live[key], value):
            patch[key] = patch_between(live[key], value)
    return patch or None


def plain_copy(value: Any) -> Any:
    """Copy JSON-like data into plain mappings and lists, whatever types the caller's are of."""
    kind = type(value)  # most values are scalars or dicts, and to ask for a Mapping takes ten times as long
    if kind in _SCALARS:
        return value
    if kind is dict or isinstance(value, Mapping):
        return {key: plain_copy(inner) for key, inner in value.items()}
    return [plain_copy(inner) for inner in value] if is_list(value) else value


def same(one: Any, other: Any) -> bool:
    """Compare JSON values; in Python alone, ``True == 1``."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if is_list(one) and is_list(other):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def is_list(value: Any) -> bool:
    """Whether a value is a list in JSON."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _holds(live: Any, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, dict):
        # An empty mapping and an absent one mean the same to the API server.
        present = {} if live is None else live
        return isinstance(present, dict) and all(_holds(present.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(live) == len(wanted) and all(map(_holds, live, wanted))
    if wanted in ("", []):
        return live in ("", [], None)
    return same(live, wanted)
