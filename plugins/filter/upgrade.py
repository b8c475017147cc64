# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that the role upgrade uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..module_utils.kubesphere import upgrade


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "stop_reason": upgrade.stop_reason,
            "not_begun": upgrade.not_begun,
            "wave_problems": upgrade.wave_problems,
        }
