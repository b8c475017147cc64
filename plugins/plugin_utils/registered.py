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
    """Outcomes by variable and inventory name, of those clusters that have any; of several, the last.

    Args:
        hostvars: variables by inventory name.
        names: inventory names of the clusters.
        registers: names of the variables.
    """
    found: dict[str, dict[str, Mapping[str, Any]]] = {register: {} for register in registers}
    read = getattr(hostvars, "raw_get", None) or hostvars.get  # raw: nothing there is a template
    for name in names:
        missing = [register for register in registers if name not in found[register]]  # all of a batch have the same
        variables = read(name) if missing and name in hostvars else {}
        for register in missing:
            for registered in sorted(_left(variables, register), key=lambda each: float(each.get("ended") or 0)):
                found[register] |= _clusters(name, registered)
    return dict(found)


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


def _clusters(name: str, registered: Registered) -> Outcomes:
    clusters: Outcomes = registered.get("clusters") or {}
    if name in clusters and "diff" in registered:  # of a task for one cluster, which has shown it as its own
        return {name: {**clusters[name], "diff": registered["diff"]}}
    return clusters
