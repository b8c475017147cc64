# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that the role rollout uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils.kubesphere import waves
from ..plugin_utils.registered import outcomes

LOOKED = "preflight_fleet"
BEGUN = ("install_fleet", "install_waited", "proxy_fleet", "import_fleet")
"""Variables that the phases of the road register, in its order."""

HostVars = Mapping[str, Mapping[str, Any]]


def stop_reason(hostvars: HostVars, names: Sequence[str], max_failures: int | str | None) -> str:
    """Why no other wave may begin after this one; empty if it may.

    Args:
        hostvars: variables by inventory name; what the phases have registered is among them.
        names: inventory names of the clusters of the wave.
        max_failures: how many of them may fail, as a number or a share; None where all of them are needed.
    """
    phases = outcomes(hostvars, names, [LOOKED, *BEGUN]).values()
    failed = [name for name in names if any(phase.get(name, {}).get("failed") for phase in phases)]
    return waves.stop_reason(failed, len(names), max_failures)


def not_begun(hostvars: HostVars, names: Sequence[str], stopped: str) -> dict[str, Any]:
    """The clusters that no wave came to as failed ones, in the shape of what the module fleet returns.

    Args:
        hostvars: variables by inventory name; what the phases have registered is among them.
        names: inventory names of the clusters to speak of.
        stopped: why no other wave was begun.
    """
    phases = outcomes(hostvars, names, [LOOKED, *BEGUN])
    fine = {name for name, seen in phases.pop(LOOKED).items() if not seen.get("failed")}
    left = fine.difference(*phases.values())
    told = {"phase": "wave", "changed": False, "failed": True, "msg": waves.not_begun(stopped)}
    return {"clusters": {name: told for name in names if name in left}}


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"not_begun": not_begun, "stop_reason": stop_reason, "wave_problems": waves.problems}
