# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging of plain data (private to the collection)."""

from __future__ import annotations

import copy
from typing import Any


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386) and return the result; neither argument is changed."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return {key: copy.deepcopy(value) if key not in patch else value for key, value in result.items()}


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
    if wanted is None or (live == wanted if whole_lists else _holds(live, wanted)):
        return None
    return copy.deepcopy(wanted)


def _holds(live: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        # An empty mapping and an absent one mean the same to the API server.
        present = live if isinstance(live, dict) else {}
        return all(_holds(present.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(live) == len(wanted) and all(map(_holds, live, wanted))
    if wanted in ("", [], None):
        return live in ("", [], None)
    return bool(live == wanted) and isinstance(live, bool) == isinstance(wanted, bool)
