"""What a large fleet of simulated members costs, and what one bad member costs the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.benchmarks.bench import FIRST, SITE, Bench, Sample
from tests.benchmarks.figures import growth
from tests.benchmarks.simulated import Simulated
from tests.benchmarks.targets import Reading
from tests.benchmarks.text import Row, aligned
from tests.benchmarks.tools import Ours
from tests.simulation.server import SILENT, Behaviour

FORKS = 10

BAD = {"dead": Behaviour(SILENT), "slow": Behaviour(latency=2.0), "refusing": Behaviour("403")}
"""How the bad member is: it never answers; it takes two seconds for each answer; it refuses whatever it is asked."""

_FAILING = ("dead", "refusing")
_FAILED = 2  # ansible-playbook's exit status where a host failed


def measure(bench: Bench, fleet: Simulated) -> None:
    """The first import of all members, and the second run of the whole road."""
    fleet.reset()
    with fleet.watcher() as watcher:
        bench.measure(fleet, Ours(forks=FORKS), FIRST, watcher=watcher)
    bench.measure(fleet, Ours("site", forks=FORKS), SITE)


def readings(samples: Sequence[Sample]) -> list[Reading]:
    """Of the largest fleet, and of the growth from the smallest to it."""
    sizes = sorted({sample.members for sample in samples})
    found = {(sample.step, sample.members): sample for sample in samples}
    imported, road = found[FIRST, sizes[-1]], found[SITE, sizes[-1]]
    listed = [
        _reading(road, "road-seconds", road.usage.seconds, f"CPU {road.usage.cpu:.1f} s, writes {road.writes}"),
        _reading(road, "road-largest", road.usage.largest),
        _reading(road, "road-together", road.usage.together),
        _reading(
            imported, "import-cpu", imported.usage.cpu / imported.members, f"{imported.usage.seconds:.1f} s in all"
        ),
    ]
    if len(sizes) > 1:
        small = found[FIRST, sizes[0]]
        for name, before, after in (
            ("growth-cpu", small.usage.cpu, imported.usage.cpu),
            ("growth-seconds", small.usage.seconds, imported.usage.seconds),
        ):
            value = growth((small.members, before), (imported.members, after))
            listed.append(_reading(imported, name, value, f"{before:.1f} s and {after:.1f} s"))
        listed[-1] = replace(listed[-1], beside=f"{listed[-1].beside}; {_cores(small)} and {_cores(imported)}")
    return listed


def _cores(sample: Sample) -> str:
    """Who had the processors while the time passed: a run that waits for them is as slow as all who want them."""
    usage = sample.usage
    return f"{usage.busy / usage.seconds:.1f} cores busy, {usage.cpu / usage.seconds:.1f} of them by the run"


def _reading(sample: Sample, target: str, value: float, beside: str = "") -> Reading:
    return Reading(target, value, sample.members, sample.simulated, beside)


@dataclass(frozen=True)
class Run:
    """A second run of the whole road with one member that is bad.

    Attributes:
        members: number of members.
        bad: how the bad one is, of BAD; empty if none is.
        others: seconds until the last request that concerned another member was answered.
        seconds: what the play took.
    """

    members: int
    bad: str
    others: float
    seconds: float


def isolate(bench: Bench, fleet: Simulated, repeat: int) -> list[Run]:
    """Run the whole road over imported members with none, and with one of each kind, that is bad, taking turns."""
    one = list(fleet.members)[len(fleet.members) // 2]
    runs = []
    for number in range(repeat):
        for bad in ("", *BAD):
            fleet.behave(BAD.get(bad, Behaviour()), one)
            marks, status = fleet.marks(), _FAILED if bad in _FAILING else 0
            step = f"{SITE}, {bad or 'none is bad'}"
            sample = bench.measure(fleet, Ours("site", forks=FORKS), step, number, status=status)
            others = fleet.finished(marks, left_out=one) - sample.begun
            runs.append(Run(sample.members, bad, others, sample.usage.seconds))
    fleet.behave(Behaviour(), one)
    return runs


def isolation(runs: Sequence[Run]) -> list[Reading]:
    """What the others took beside each kind of bad member, against what they took without; the best of the rounds."""
    best = {bad: min(run.others for run in runs if run.bad == bad) for bad in ("", *BAD)}
    return [
        Reading(
            bad, best[bad] / best[""], runs[0].members, True, f"{best['']:.1f} s without, {best[bad]:.1f} s beside it"
        )
        for bad in BAD
    ]


def render(runs: Sequence[Run]) -> str:
    """All runs as a table."""
    rows: list[Row] = [("ONE MEMBER IS", "MEMBERS", "OTHERS s", "WHOLE PLAY s")]
    rows += [(run.bad or "well", f"{run.members:,}", f"{run.others:.2f}", f"{run.seconds:.2f}") for run in runs]
    return aligned(rows, left=(0,))
