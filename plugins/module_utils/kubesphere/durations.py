# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the phases of a run took, cluster by cluster and in figures (private to the collection)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from . import table
from .plan import Phases

Data = dict[str, Any]

JOIN = "join"
"""All phases of a member that the run imported, from the first look at it to its use through the host."""

ROAD = ("preflight", "install", "wait", "proxy", "import", "renew", "unbind")
"""The phases in their order."""

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}

_DIGITS = 3  # of a second


def of(phases: Phases, joined: Iterable[str]) -> Data:
    """How long it took.

    Args:
        phases: what they returned, with ``seconds``.
        joined: inventory names of the members that the run imported.

    Returns:
        ``clusters``: seconds by inventory name and phase. ``phases``: by phase ``clusters`` (how many went through it),
        ``failed`` (how many of them failed), ``success_share``; and of those that did not fail ``sum``, ``p50``,
        ``p90``, ``p99`` and ``max`` in seconds, None if there are none. A quantile is one of the durations: the
        smallest that so many of them do not exceed (nearest rank). JOIN is a phase of both.
    """
    clusters: dict[str, dict[str, float]] = {}
    failed: set[tuple[str, str]] = set()
    for phase, results in phases.items():
        for name, result in results.items():
            if result.get("seconds") is not None:
                clusters.setdefault(name, {})[phase] = round(float(result["seconds"]), _DIGITS)
                failed |= {(name, phase)} if _failed(result) else set()
    for name in joined:
        if name in clusters:
            clusters[name][JOIN] = round(sum(clusters[name].values()), _DIGITS)
    return {"phases": figures(clusters, failed), "clusters": clusters}


def figures(clusters: Mapping[str, Mapping[str, float]], failed: Collection[tuple[str, str]]) -> Data:
    """The ``phases`` of :func:`of`.

    Args:
        clusters: seconds by name and phase.
        failed: which phases failed for which clusters, by name and phase.
    """
    by_phase: dict[str, dict[str, float]] = {phase: {} for phase in ROAD}
    for name, phases in clusters.items():
        for phase, seconds in phases.items():
            by_phase.setdefault(phase, {})[name] = seconds
    by_phase[JOIN] = by_phase.pop(JOIN, {})  # the last one
    found: Data = {}
    for phase, went in by_phase.items():
        done = [seconds for name, seconds in went.items() if (name, phase) not in failed]
        if went:
            found[phase] = _figures(done, len(went) - len(done))
    return found


def histogram(seconds: Iterable[float], most: int = 12) -> list[Data]:
    """How often which duration came, in steps of a round length: ``least``, ``below`` and ``clusters`` of each.

    Args:
        seconds: the durations.
        most: number of steps at most.
    """
    ordered = sorted(seconds)
    if not ordered:
        return []
    step = _round_step((ordered[-1] - ordered[0]) / most)
    first = math.floor(ordered[0] / step)
    counts = [0] * (math.floor(ordered[-1] / step) - first + 1)
    for value in ordered:
        counts[math.floor(value / step) - first] += 1
    edges = [round((first + number) * step, _DIGITS) for number in range(len(counts) + 1)]
    return [
        {"least": least, "below": below, "clusters": count} for least, below, count in zip(edges, edges[1:], counts)
    ]


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20 … that is not below a number, and of a hundredth at least."""
    least = max(least, 0.01)
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= least * (1 - 1e-9))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of some numbers in order that is not exceeded by this share of them (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def lines(found: Mapping[str, Any]) -> list[str]:
    """The figures as a table; empty if nothing was measured.

    Args:
        found: as :func:`of` returns it.
    """
    if not found["phases"]:
        return []
    rows = [("PHASE", "CLUSTERS", "SUCCESS", "P50", "P90", "P99", "MAX")]
    for phase, figures in found["phases"].items():
        times = (in_seconds(figures[each]) for each in (*QUANTILES, "max"))
        rows.append((phase, str(figures["clusters"]), f"{100 * figures['success_share']:.4g}%", *times))
    return table.aligned(rows)


def _failed(result: Mapping[str, Any]) -> bool:
    return bool(result.get("failed") or result.get("problems"))


def _figures(done: Iterable[float], failed: int) -> Data:
    ordered = sorted(done)
    count = len(ordered) + failed
    quantiles = {name: quantile(ordered, share) if ordered else None for name, share in QUANTILES.items()}
    return {
        "clusters": count,
        "failed": failed,
        "success_share": len(ordered) / count,
        "sum": round(sum(ordered), _DIGITS),
        **quantiles,
        "max": ordered[-1] if ordered else None,
    }


def in_seconds(value: float | None) -> str:
    """A duration as people read it."""
    return "-" if value is None else f"{value:.3g} s" if value < 100 else f"{value:.0f} s"
