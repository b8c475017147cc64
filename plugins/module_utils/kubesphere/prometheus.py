# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run as metrics for Prometheus, by way of node_exporter's textfile collector (private to the collection).

The collector refuses samples with a timestamp, so when the run ended is a metric of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .durations import QUANTILES

_PREFIX = "kubesphere_multicluster"

Sample = tuple[str, dict[str, str], float]
"""What is appended to the metric's name, labels, value."""


def render(durations: Mapping[str, Any], counts: Mapping[str, int], ended: float) -> str:
    """The metrics of a run.

    Args:
        durations: as :func:`durations.of` returns it.
        counts: as :func:`plan.of` returns it.
        ended: when the run ended, in seconds since 1970.
    """
    return "".join(_metrics(durations, counts, ended))


def _metrics(durations: Mapping[str, Any], counts: Mapping[str, int], ended: float) -> Iterator[str]:
    phases = durations["phases"]
    yield _metric(
        "cluster_phase_seconds",
        "gauge",
        "How long a phase of the last run took for a cluster.",
        (
            ("", {"cluster": name, "phase": phase}, seconds)
            for name, by_phase in durations["clusters"].items()
            for phase, seconds in by_phase.items()
        ),
    )
    yield _metric(
        "phase_seconds",
        "summary",
        "How long a phase of the last run took for the clusters that it did not fail for; quantiles by nearest rank.",
        (sample for phase, figures in phases.items() for sample in _summary(phase, figures)),
    )
    yield _metric(
        "phase_max_seconds",
        "gauge",
        "How long a phase of the last run took for the slowest cluster that it did not fail for.",
        (("", {"phase": phase}, each["max"]) for phase, each in phases.items() if each["max"] is not None),
    )
    yield _metric(
        "phase_clusters",
        "gauge",
        "Number of clusters that went through a phase of the last run.",
        (
            ("", {"phase": phase, "result": result}, number)
            for phase, each in phases.items()
            for result, number in (("succeeded", each["clusters"] - each["failed"]), ("failed", each["failed"]))
        ),
    )
    yield _metric(
        "run_clusters",
        "gauge",
        "Number of clusters by what the last run did; one that was installed and imported counts for both.",
        (("", {"what": what}, number) for what, number in counts.items()),
    )
    yield _metric("run_timestamp_seconds", "gauge", "When the last run ended.", [("", {}, round(ended, 3))])


def _summary(phase: str, figures: Mapping[str, Any]) -> Iterator[Sample]:
    labels = {"phase": phase}
    for name, share in QUANTILES.items():
        if figures[name] is not None:
            yield "", {**labels, "quantile": str(share)}, figures[name]
    yield "_sum", labels, figures["sum"]
    yield "_count", labels, figures["clusters"] - figures["failed"]


def _metric(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    full = f"{_PREFIX}_{name}"
    told = [f"{full}{end}{_labels(labels)} {float(value)!r}" for end, labels, value in samples]
    return "\n".join([f"# HELP {full} {text}", f"# TYPE {full} {kind}", *told, ""])


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
