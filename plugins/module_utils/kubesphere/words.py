# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many things are spoken of in few words (private to the collection)."""

from __future__ import annotations

from collections.abc import Sequence

_MOST = 3


def some(names: Sequence[str]) -> str:
    """Some names in one line; of many the first ones, and the last."""
    if len(names) <= _MOST + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST])} … {names[-1]}"
