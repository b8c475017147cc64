# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that may be given as a share of a whole (private to the collection)."""

from __future__ import annotations

import math
import re

_SHARE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def count(given: int | float | str, of: int) -> int:
    """How many of a whole are meant, rounded down.

    Args:
        given: a number, or a share such as ``10%``.
        of: the whole.

    Raises:
        ValueError: it is neither.
    """
    share = _SHARE.fullmatch(str(given))
    if share:
        return math.floor(of * float(share[1]) / 100)
    if not re.fullmatch(r"\s*\d+\s*", str(given)):
        raise ValueError(f"{given!r}, and neither a number nor a share such as 10%")
    return int(given)
