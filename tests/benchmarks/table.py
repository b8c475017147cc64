"""What every tool took, as tables: costs, growth and requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median
from typing import NamedTuple

from tests.benchmarks.bench import FIRST, INSTALL, SECOND, SITE, Sample
from tests.benchmarks.figures import slope
from tests.benchmarks.targets import number
from tests.benchmarks.text import Row, aligned

_MEBIBYTE = 1 << 20
_STEPS = (FIRST, SECOND, SITE, INSTALL)
_FIRST_CELLS = ("STEP", "CONNECTION", "MEMBERS", "TOOL")

_LEFT = (0, 1, 3)  # columns of text among the first cells


class Key(NamedTuple):
    """What the samples of one row have in common."""

    step: str
    connection: str
    members: int
    tool: str

    @property
    def cells(self) -> Row:
        """The row's first cells; nothing is connected by an installation."""
        return (self.step, "-" if self.step == INSTALL else self.connection, str(self.members), self.tool)


class Figures:
    """Samples, grouped by what they have in common; every figure is the median of the rounds."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        """Group them."""
        self._groups: dict[Key, list[Sample]] = {}
        for sample in samples:
            key = Key(sample.step, sample.connection, sample.members, sample.tool)
            self._groups.setdefault(key, []).append(sample)
        tools, connections = ([*dict.fromkeys(key[place] for key in self._groups)] for place in (3, 1))
        self.keys = sorted(
            self._groups,
            key=lambda key: (
                _STEPS.index(key.step),
                connections.index(key.connection),
                key.members,
                tools.index(key.tool),
            ),
        )

    def value(self, key: Key, figure: Callable[[Sample], float]) -> float:
        """Median of a figure."""
        return float(median(figure(sample) for sample in self._groups[key]))

    def verbs(self, key: Key, requests: Callable[[Sample], dict[str, int]]) -> dict[str, float]:
        """Median number of requests by verb, per member."""
        counted = [requests(sample) for sample in self._groups[key]]
        verbs = sorted({verb for each in counted for verb in each})
        medians = {verb: median(each.get(verb, 0) for each in counted) / key.members for verb in verbs}
        return {verb: count for verb, count in medians.items() if count}

    def ratio(self, key: Key, figure: Callable[[Sample], float], against: str = "ours") -> str:
        """A figure of ours, as a share of a peer's."""
        own = key._replace(tool=against)
        if key == own or own not in self._groups:
            return ""
        peer = self.value(key, figure)
        return f"{self.value(own, figure) / peer:.3f}" if peer else "-"


def render(samples: Iterable[Sample]) -> str:
    """All tables."""
    figures = Figures(samples)
    tables = (_costs(figures), _growth(figures), _requests(figures))
    return "\n\n".join(text for text in tables if text)


def _costs(figures: Figures) -> str:
    names = ("WALL s", "CPU s", "CPU/MEMBER s", "LARGEST MiB", "ALL MiB")
    rows: list[Row] = [(*_FIRST_CELLS, *names, "OURS:IT WALL", "OURS:IT CPU", "OURS:IT REQUESTS")]
    for key in figures.keys:
        cpu = figures.value(key, _cpu)
        rows.append(
            (
                *(*key.cells, f"{figures.value(key, _wall):.2f}", f"{cpu:.2f}", f"{cpu / key.members:.3f}"),
                f"{figures.value(key, lambda sample: sample.usage.largest) / _MEBIBYTE:.0f}",
                f"{figures.value(key, lambda sample: sample.usage.together) / _MEBIBYTE:.0f}",
                *(figures.ratio(key, figure) for figure in (_wall, _cpu, _all_requests)),
            )
        )
    return aligned(rows, _LEFT)


def _growth(figures: Figures) -> str:
    """What each further member costs, between the smallest and the largest fleet: a tool's start is not in it."""
    sizes = sorted({key.members for key in figures.keys})
    smallest, largest = sizes[0], sizes[-1]
    if smallest == largest:
        return ""
    names = ("EACH FURTHER MEMBER", "CONNECTION", "TOOL", "WALL s", "CPU s", "OURS:IT WALL", "OURS:IT CPU")
    rows: list[Row] = [names]
    own: dict[tuple[str, str], list[float]] = {}
    for key in figures.keys:
        if key.members != largest or key.step == INSTALL:
            continue
        least = key._replace(members=smallest)
        slopes = [
            slope((smallest, figures.value(least, figure)), (largest, figures.value(key, figure)))
            for figure in (_wall, _cpu)
        ]
        ours = own.setdefault((key.step, key.connection), slopes)
        ratios = ["" if ours is slopes else f"{mine / its:.3f}" for mine, its in zip(ours, slopes, strict=True)]
        rows.append((key.step, key.connection, key.tool, *(f"{each:.3f}" for each in slopes), *ratios))
    return aligned(rows, left=(0, 1, 2))


def _requests(figures: Figures) -> str:
    rows: list[Row] = [(*_FIRST_CELLS, "HOST/MEMBER", "MEMBER", "WRITES", "HOST BY VERB, PER MEMBER", "MEMBER BY VERB")]
    for key in figures.keys:
        rows.append(
            (
                *key.cells,
                number(figures.value(key, lambda sample: sample.host.total) / key.members),
                number(figures.value(key, lambda sample: sample.member.total) / key.members),
                number(figures.value(key, lambda sample: sample.writes)),
                _listed(figures.verbs(key, lambda sample: sample.host.verbs)),
                _listed(figures.verbs(key, lambda sample: sample.member.verbs)),
            )
        )
    return aligned(rows, left=(0, 1, 3, 7, 8))


def _wall(sample: Sample) -> float:
    return sample.usage.seconds


def _cpu(sample: Sample) -> float:
    return sample.usage.cpu


def _all_requests(sample: Sample) -> float:
    return sample.host.total + sample.member.total


def _listed(verbs: dict[str, float]) -> str:
    return " ".join(f"{verb} {number(count)}" for verb, count in verbs.items())
