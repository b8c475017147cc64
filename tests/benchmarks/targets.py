"""The targets, what was measured for each of them, and the one table of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tests.benchmarks.text import Row, aligned

_COLUMNS = ("WHAT", "TARGET", "MEASURED", "MET", "MEMBERS", "BESIDE IT")


@dataclass(frozen=True)
class Target:
    """One bound; a measured value is to be at most that.

    Attributes:
        name: by which a reading refers to it.
        what: what is measured, as the table says it.
        bound: the largest value that meets it; None where it follows from the run, and so stands in the reading.
        show: a value as text, with its unit.
        least: number of members that it is about, at least.
    """

    name: str
    what: str
    bound: float | None
    show: Callable[[float], str]
    least: int = 1


@dataclass(frozen=True)
class Reading:
    """What was measured for a target.

    Attributes:
        target: name of the target.
        value: the figure, in the unit that the target shows.
        members: number of members that it was measured with.
        simulated: whether they were simulated; else each was a cluster.
        beside: what helps to judge it: the same of the peers, the number of samples.
        bound: the bound, where it follows from the run.
    """

    target: str
    value: float
    members: int
    simulated: bool = False
    beside: str = ""
    bound: float | None = None

    @property
    def limit(self) -> float:
        """The largest value that meets the target.

        Raises:
            ValueError: neither the target nor the reading has one.
        """
        bound = self.bound if self.bound is not None else TARGETS[self.target].bound
        if bound is None:
            raise ValueError(f"{self.target} has no bound")
        return bound

    @property
    def counts(self) -> bool:
        """Whether there were as many members as the target is about."""
        return self.members >= TARGETS[self.target].least

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.counts and self.value <= self.limit

    @property
    def row(self) -> Row:
        """The reading as a row of the table."""
        target = TARGETS[self.target]
        kind = "simulated" if self.simulated else "real"
        shown, limit = target.show(self.value), f"at most {target.show(self.limit)}"
        verdict = ("yes" if self.met else "NO") if self.counts else f"not {target.least:,}"
        return (target.what, limit, shown, verdict, f"{self.members:,} {kind}", self.beside)


def number(value: float) -> str:
    """A count."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def _share(value: float) -> str:
    return f"1/{1 / value:.1f}".removesuffix(".0") if value else "0"


def _milliseconds(value: float) -> str:
    return f"{1000 * value:.0f} ms"


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _processor(value: float) -> str:
    return f"{value:.3f} s"


def _megabytes(value: float) -> str:
    return f"{value / 1e6:.0f} MB"


def _times(value: float) -> str:
    return f"{value:.3f} x"


TARGETS = {
    target.name: target
    for target in (
        Target("first-host", "requests per direct member, first import: to the host", 8, number),
        Target("first-member", "requests per direct member, first import: to the member", 6, number),
        Target("second-host", "requests per direct member, second run: to the host", 2, number),
        Target("second-member", "requests per direct member, second run: to the member", 2, number),
        Target("second-writes", "writes, second run", 0, number),
        Target("cpu-kubernetes.core", "CPU per imported member, against kubernetes.core", 1 / 30, _share, least=10),
        Target("cpu-kubectl", "CPU per imported member, against kubectl", 1 / 3, _share, least=10),
        Target("beyond", "Cluster written until verified, beyond KubeSphere's part: P99", 0.1, _milliseconds),
        Target("asked", "of it until the last use is asked for, which is ours alone: P99", 0.1, _milliseconds),
        Target("installing", "installing, whatever --forks is: the slowest run", None, _seconds),
        Target("road-seconds", "second run of the whole road", 60, _seconds, least=1000),
        Target("road-largest", "the same: largest process", 300e6, _megabytes, least=1000),
        Target("road-together", "the same: all processes", 600e6, _megabytes, least=1000),
        Target("import-cpu", "CPU per imported member, first import", 0.1, _processor, least=1000),
        Target("growth-cpu", "first import, from 100 to 1,000: CPU against linear growth", 1, _times, least=1000),
        Target("growth-seconds", "first import, from 100 to 1,000: time against linear growth", 1, _times, least=1000),
        Target("dead", "the others, beside a member that is dead: time", 1.01, _times, least=1000),
        Target("slow", "the others, beside a member that is slow: time", 1.01, _times, least=1000),
        Target("refusing", "the others, beside a member that refuses: time", 1.01, _times, least=1000),
    )
}


def render(readings: Iterable[Reading]) -> str:
    """The table of all targets, also of those that were not measured."""
    found = list(readings)
    rows: list[Row] = [_COLUMNS]
    for target in TARGETS.values():
        measured = [reading.row for reading in found if reading.target == target.name]
        rows += measured or [_not_measured(target)]
    return aligned(rows, left=(0, 3, 4, 5))


def verdict(readings: Sequence[Reading]) -> str:
    """How many targets are met, and which are not."""
    counted = [reading for reading in readings if reading.counts]
    missed = dict.fromkeys(reading.target for reading in counted if not reading.met)
    measured = {reading.target for reading in counted}
    text = f"{len(measured) - len(missed)} of {len(TARGETS)} targets are met"
    if missed:
        text += f"; not met: {', '.join(missed)}"
    if absent := [name for name in TARGETS if name not in measured]:
        text += f"; not measured: {', '.join(absent)}"
    return text + "."


def _not_measured(target: Target) -> Row:
    limit = "" if target.bound is None else f"at most {target.show(target.bound)}"
    return (target.what, limit, "", "not measured", "", "")
