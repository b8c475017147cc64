"""The parts of the benchmark: what each measures, and its readings for the targets."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks import installing, phases, scale, table
from tests.benchmarks.bench import FIRST, SECOND, Bench, Sample
from tests.benchmarks.figures import percentile
from tests.benchmarks.fleet import AGENT, DIRECT, RealFleet
from tests.benchmarks.simulated import Simulated
from tests.benchmarks.table import Figures, Key
from tests.benchmarks.targets import Reading, number
from tests.benchmarks.tools import Ours, Tool
from tests.sandbox.sandbox import Sandbox, names_for
from tests.simulation.fleet import SimulatedFleet


@dataclass(frozen=True)
class Plan:
    """What is to be measured, and where.

    Attributes:
        state: state folder of the sandbox.
        sizes: numbers of members that are clusters.
        simulated: numbers of members that are simulated.
        repeat: number of rounds of a comparison.
        tools: the tools that are compared.
        say: told what is being done.
    """

    state: Path
    sizes: Sequence[int]
    simulated: Sequence[int]
    repeat: int
    tools: Sequence[Tool]
    say: Callable[[str], None]

    @property
    def work(self) -> Path:
        """Folder for inventories, and for the tools' caches and output."""
        return self.state / "tools"

    def sandbox(self, members: int) -> Sandbox:
        """A host and so many members, up; those of an earlier part are used again."""
        sandbox = Sandbox(self.state, names_for(members), say=self.say)
        sandbox.up()
        return sandbox


@dataclass
class Outcome:
    """What a part found out.

    Attributes:
        readings: for the targets.
        text: tables of its own.
        data: all of its numbers.
        versions: of what the clusters ran.
    """

    readings: list[Reading] = field(default_factory=list)
    text: str = ""
    data: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


def direct(plan: Plan) -> Outcome:
    """Imports by direct connection, of all tools in turns."""
    bench = _compared(plan, DIRECT)
    return _outcome(bench, comparison(bench.samples), table.render(bench.samples))


def agent(plan: Plan) -> Outcome:
    """Imports by agent, of all tools in turns; there are no targets for them."""
    bench = _compared(plan, AGENT)
    return _outcome(bench, [], table.render(bench.samples))


def waits(plan: Plan) -> Outcome:
    """Imports of the largest fleet again and again: a 99th percentile takes a hundred."""
    members = max(plan.sizes)
    bench = Bench(plan.work, plan.say)
    fleet = RealFleet(plan.sandbox(members), plan.work / DIRECT, DIRECT)
    bench.install(fleet)
    bench.import_again(fleet, -(-100 // members))
    return _outcome(bench, beyond([sample for sample in bench.samples if sample.step == FIRST]))


def install(plan: Plan) -> Outcome:
    """Installations that take a while, with different numbers of forks."""
    fleet = RealFleet(plan.sandbox(max(plan.sizes)), plan.work / DIRECT, DIRECT)
    bench = Bench(plan.work, plan.say)
    runs = installing.measure(bench, fleet)
    return Outcome([installing.reading(runs)], installing.render(runs), [asdict(run) for run in runs], bench.versions)


def change(plan: Plan) -> Outcome:
    """The same of simulated members, whose configuration is changed."""
    bench, runs, readings = Bench(plan.work, plan.say), [], []
    for members in plan.simulated:
        with _simulated(plan, members) as fleet:
            some = installing.change(bench, fleet)
        runs += some
        readings.append(installing.reading(some))
    return Outcome(readings, installing.render(runs), [asdict(run) for run in runs], bench.versions)


def scaling(plan: Plan) -> Outcome:
    """First imports and second runs of simulated fleets."""
    bench = Bench(plan.work, plan.say)
    for members in plan.simulated:
        with _simulated(plan, members) as fleet:
            scale.measure(bench, fleet)
    largest = [sample for sample in bench.samples if sample.members == max(plan.simulated) and sample.joins]
    return _outcome(bench, [*beyond(largest), *scale.readings(bench.samples)], table.render(bench.samples))


def by_phase(plan: Plan) -> Outcome:
    """Second runs of each playbook by itself, with simulated members."""
    bench = Bench(plan.work, plan.say)
    for members in phases.SIZES:
        with _simulated(plan, members) as fleet:
            phases.measure(bench, fleet)
    return _outcome(bench, [], phases.render(bench.samples))


def isolation(plan: Plan) -> Outcome:
    """Second runs of the largest simulated fleet beside one member that is dead, slow or refusing."""
    bench = Bench(plan.work, plan.say)
    with _simulated(plan, max(plan.simulated)) as fleet:
        bench.measure(fleet, Ours("site", forks=scale.FORKS), "to begin with")
        runs = scale.isolate(bench, fleet, plan.repeat)
    return Outcome(scale.isolation(runs), scale.render(runs), [asdict(run) for run in runs], bench.versions)


_ALL: tuple[Callable[[Plan], Outcome], ...] = (direct, agent, waits, install, change, scaling, isolation, by_phase)

PARTS = {part.__name__: part for part in _ALL}
"""All parts by name, in their order."""


@contextmanager
def _simulated(plan: Plan, members: int) -> Iterator[Simulated]:
    folder = plan.state / "simulated"
    Sandbox(plan.state).down()  # real members, which an earlier part has left, take half a core for doing nothing
    try:
        with SimulatedFleet(folder, members, plan.say) as fleet:
            yield Simulated(fleet)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _outcome(bench: Bench, readings: list[Reading], text: str = "") -> Outcome:
    return Outcome(readings, text, [asdict(sample) for sample in bench.samples], bench.versions)


def _compared(plan: Plan, connection: str) -> Bench:
    bench = Bench(plan.work, plan.say)
    for members in plan.sizes:
        fleet = RealFleet(plan.sandbox(members), plan.work / connection, connection)
        bench.install(fleet)
        bench.compare(fleet, plan.tools, plan.repeat)
    return bench


def comparison(samples: Sequence[Sample]) -> list[Reading]:
    """Readings of the largest fleet, each figure the median of the rounds."""
    figures, members = Figures(samples), max(sample.members for sample in samples)

    def counted(target: str, step: str, count: Callable[[Sample], float]) -> Reading:
        values = {key.tool: figures.value(key, count) for key in figures.keys if key[:3] == (step, DIRECT, members)}
        beside = ", ".join(f"{tool} {number(value)}" for tool, value in values.items() if tool != "ours")
        return Reading(target, values["ours"], members, beside=beside)

    def processor(tool: str) -> Reading:
        own, its = (figures.value(Key(FIRST, DIRECT, members, each), _processor) for each in ("ours", tool))
        return Reading(f"cpu-{tool}", own / its, members, beside=f"ours {own:.3f} s, {tool} {its:.3f} s")

    peers = dict.fromkeys(sample.tool for sample in samples if sample.tool != "ours")
    return [
        counted("first-host", FIRST, lambda sample: sample.host.total / sample.members),
        counted("first-member", FIRST, lambda sample: sample.member.total / sample.members),
        counted("second-host", SECOND, lambda sample: sample.host.total / sample.members),
        counted("second-member", SECOND, lambda sample: sample.member.total / sample.members),
        counted("second-writes", SECOND, lambda sample: sample.writes),
        *(processor(tool) for tool in peers),
    ]


def _processor(sample: Sample) -> float:
    return sample.usage.cpu / sample.members


def beyond(samples: Sequence[Sample]) -> list[Reading]:
    """Readings of what joins took beyond KubeSphere's part, over all of them together."""
    found = [join for sample in samples for join in sample.joins]

    def reading(target: str, figures: Sequence[float], beside: str) -> Reading:
        half, members, simulated = percentile(figures, 0.5), samples[0].members, samples[0].simulated
        beside = f"{len(found):,} imports; P50 {1000 * half:.0f} ms; {beside}"
        return Reading(target, percentile(figures, 0.99), members, simulated, beside)

    answering, whole = [join.answering for join in found], [join.seconds for join in found]
    return [
        reading("beyond", [join.beyond for join in found], f"the whole join {_range(whole)}"),
        reading("asked", [join.asking for join in found], f"KubeSphere's answer {_range(answering)}"),
    ]


def _range(seconds: Sequence[float]) -> str:
    return f"P50 {percentile(seconds, 0.5):.2f} s, P99 {percentile(seconds, 0.99):.2f} s"
