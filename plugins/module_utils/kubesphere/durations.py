# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the phases of a run took, cluster by cluster and in figures (private to the collection)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import table
from .plan import Phases

Data = dict[str, Any]

JOIN = "join"
"""All phases of a member that the run imported, from the first look at it to its use through the host."""

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
    figures: Data = {}
    for phase, results in phases.items():
        went = {name: result for name, result in results.items() if result.get("seconds") is not None}
        for name, result in went.items():
            clusters.setdefault(name, {})[phase] = round(float(result["seconds"]), _DIGITS)
        done = [clusters[name][phase] for name, result in went.items() if not _failed(result)]
        if went:
            figures[phase] = _figures(done, len(went) - len(done))
    whole = {name: round(sum(clusters[name].values()), _DIGITS) for name in joined if name in clusters}
    for name, seconds in whole.items():
        clusters[name][JOIN] = seconds
    if whole:
        figures[JOIN] = _figures(list(whole.values()), 0)
    return {"phases": figures, "clusters": clusters}


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
        times = (_seconds(figures[each]) for each in (*QUANTILES, "max"))
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


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} s" if value < 100 else f"{value:.0f} s"
