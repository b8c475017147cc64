# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module fleet has left with the clusters of all batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Outcomes = Mapping[str, Mapping[str, Any]]
Registered = Mapping[str, Any]

_ROADS = ("install_road", "rollout_road", "drift_road")
"""Variables that tasks with several phases register; ``registers`` there has what tasks with one would have left."""


def outcomes(hostvars: Any, names: Iterable[str], registers: Sequence[str]) -> dict[str, Outcomes]:
    """Outcomes by variable and inventory name, of those clusters that have any.

    Args:
        hostvars: variables by inventory name.
        names: inventory names of the clusters.
        registers: names of the variables.
    """
    found: dict[str, dict[str, Mapping[str, Any]]] = {register: {} for register in registers}
    read = getattr(hostvars, "raw_get", None) or hostvars.get  # raw: nothing there is a template
    for name in names:
        variables = read(name) if name in hostvars else {}
        for register in registers:
            outcome = left_with(name, variables, register)
            if outcome is not None:
                found[register][name] = outcome
    return dict(found)


def left_with(name: str, variables: Mapping[str, Any], register: str) -> Mapping[str, Any] | None:
    """The outcome of a cluster that the last task has left in a variable, or under its name among those of a road.

    None where that task did nothing with the cluster, whatever an earlier one did.
    """
    last = max(_left(variables, register), key=lambda each: float(each.get("ended") or 0), default={})
    outcome = (last.get("clusters") or {}).get(name)
    if outcome is not None and "diff" in last:  # of a task for one cluster, which has shown it as its own
        return {**outcome, "diff": last["diff"]}
    return outcome


def by_register(registered: Registered, register: str) -> Iterator[tuple[str, Registered]]:
    """What a task has left, by the variables that tasks with one phase would have registered."""
    yield from (registered.get("registers") or {register: registered}).items()


def _left(variables: Registered, register: str) -> Iterator[Registered]:
    if variables.get(register):
        yield variables[register]
    for road in _ROADS:
        left = variables.get(road) or {}
        if register in (left.get("registers") or ()):
            yield {**left["registers"][register], "ended": left.get("ended")}
