"""What each phase of the road costs a cluster that stands already: the figures of the cost model in docs/cost.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.benchmarks.bench import Bench, Sample
from tests.benchmarks.figures import slope
from tests.benchmarks.fleet import Fleet
from tests.benchmarks.scale import FORKS
from tests.benchmarks.targets import number
from tests.benchmarks.text import Row, aligned
from tests.benchmarks.tools import Ours

SIZES = (10, 100)
"""Two fleets: what grows between them is a member's, the rest is the start's."""

_PLAYBOOKS = ("preflight", "install", "proxy", "import", "site", "status")
_COLUMNS = (
    "SECOND RUN OF",
    "START CPU s",
    "MEMBER CPU s",
    "MEMBER WALL s",
    "MEMBER MB",
    "START TO HOST",
    "MEMBER TO HOST",
    "TO MEMBER",
)


def measure(bench: Bench, fleet: Fleet) -> None:
    """Run every playbook over members that are imported."""
    bench.measure(fleet, Ours("site", forks=FORKS), "to begin with")
    for playbook in _PLAYBOOKS:
        bench.measure(fleet, Ours(playbook, forks=FORKS), playbook)


def render(samples: Sequence[Sample]) -> str:
    """What a run costs by itself, and for each member."""
    rows: list[Row] = [_COLUMNS]
    for playbook in _PLAYBOOKS:
        small, large = sorted((each for each in samples if each.step == playbook), key=lambda each: each.members)
        cpu, to_host = _line(small, large, _cpu), _line(small, large, _to_host)
        rows.append(
            (
                playbook,
                *(f"{value:.3f}" for value in (*cpu, _line(small, large, _wall)[1])),
                f"{_line(small, large, _memory)[1]:.2f}",
                *(number(value) for value in (*to_host, _line(small, large, _to_member)[1])),
            )
        )
    return aligned(rows, left=(0,))


def _line(small: Sample, large: Sample, figure: Callable[[Sample], float]) -> tuple[float, float]:
    """A figure of no members at all, and what each member adds to it."""
    each = slope((small.members, figure(small)), (large.members, figure(large)))
    return figure(small) - each * small.members, each


def _cpu(sample: Sample) -> float:
    return sample.usage.cpu


def _wall(sample: Sample) -> float:
    return sample.usage.seconds


def _memory(sample: Sample) -> float:
    return sample.usage.together / 1e6


def _to_host(sample: Sample) -> float:
    return sample.host.total


def _to_member(sample: Sample) -> float:
    return sample.member.total
