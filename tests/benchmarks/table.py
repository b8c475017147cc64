"""The figures as tables in plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from tests.benchmarks.bench import FIRST, INSTALL, SECOND, SITE, Sample

_MEBIBYTE = 1 << 20
_STEPS = (FIRST, SECOND, SITE, INSTALL)

Row = Sequence[str]


class Figures:
    """Samples, grouped by number of members, step and tool; every figure is the median of the rounds."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        """Group them."""
        self._groups: dict[tuple[int, str, str], list[Sample]] = {}
        for sample in samples:
            self._groups.setdefault((sample.members, sample.step, sample.tool), []).append(sample)
        tools = list(dict.fromkeys(tool for _members, _step, tool in self._groups))
        self.keys = sorted(self._groups, key=lambda key: (_STEPS.index(key[1]), key[0], tools.index(key[2])))

    def value(self, key: tuple[int, str, str], figure: Callable[[Sample], float]) -> float:
        """Median of a figure."""
        return float(median(figure(sample) for sample in self._groups[key]))

    def verbs(self, key: tuple[int, str, str], requests: Callable[[Sample], dict[str, int]]) -> dict[str, float]:
        """Median number of requests by verb, per member."""
        counted = [requests(sample) for sample in self._groups[key]]
        verbs = sorted({verb for each in counted for verb in each})
        medians = {verb: median(each.get(verb, 0) for each in counted) / key[0] for verb in verbs}
        return {verb: number for verb, number in medians.items() if number}

    def ratio(self, key: tuple[int, str, str], figure: Callable[[Sample], float], against: str = "ours") -> str:
        """A figure of ours, as a share of a peer's."""
        members, step, tool = key
        own = (members, step, against)
        if tool == against or own not in self._groups:
            return ""
        peer = self.value(key, figure)
        return f"{self.value(own, figure) / peer:.3f}" if peer else "-"


def render(samples: Iterable[Sample]) -> str:
    """All tables."""
    figures = Figures(samples)
    tables = (_costs(figures), _growth(figures), _requests(figures))
    return "\n\n".join(text for text in tables if text)


def _costs(figures: Figures) -> str:
    names = ("STEP", "MEMBERS", "TOOL", "WALL s", "CPU s", "CPU/MEMBER s", "LARGEST MiB", "ALL MiB")
    rows: list[Row] = [(*names, "OURS:IT WALL", "OURS:IT CPU", "OURS:IT REQUESTS")]
    for key in figures.keys:
        members, step, tool = key
        cpu = figures.value(key, _cpu)
        rows.append(
            (
                *(step, str(members), tool, f"{figures.value(key, _wall):.2f}", f"{cpu:.2f}", f"{cpu / members:.3f}"),
                f"{figures.value(key, lambda sample: sample.usage.largest) / _MEBIBYTE:.0f}",
                f"{figures.value(key, lambda sample: sample.usage.together) / _MEBIBYTE:.0f}",
                *(figures.ratio(key, figure) for figure in (_wall, _cpu, _all_requests)),
            )
        )
    return _aligned(rows)


def _growth(figures: Figures) -> str:
    """What each further member costs, between the smallest and the largest fleet: a tool's start is not in it."""
    sizes = sorted({members for members, _step, _tool in figures.keys})
    smallest, largest = sizes[0], sizes[-1]
    if smallest == largest:
        return ""
    rows: list[Row] = [("EACH FURTHER MEMBER", "TOOL", "WALL s", "CPU s", "OURS:IT WALL", "OURS:IT CPU")]
    own: dict[str, list[float]] = {}
    for members, step, tool in figures.keys:
        if members != largest or step == INSTALL:
            continue
        slopes = [
            (figures.value((largest, step, tool), figure) - figures.value((smallest, step, tool), figure))
            / (largest - smallest)
            for figure in (_wall, _cpu)
        ]
        ours = own.setdefault(step, slopes)
        ratios = ["" if ours is slopes else f"{mine / its:.3f}" for mine, its in zip(ours, slopes, strict=True)]
        rows.append((step, tool, *(f"{slope:.3f}" for slope in slopes), *ratios))
    return _aligned(rows, left=(0, 1))


def _requests(figures: Figures) -> str:
    rows: list[Row] = [
        ("STEP", "MEMBERS", "TOOL", "HOST/MEMBER", "MEMBER", "WRITES", "HOST BY VERB, PER MEMBER", "MEMBER BY VERB")
    ]
    for key in figures.keys:
        members, step, tool = key
        rows.append(
            (
                *(step, str(members), tool),
                _number(figures.value(key, lambda sample: sample.host.total) / members),
                _number(figures.value(key, lambda sample: sample.member.total) / members),
                _number(figures.value(key, lambda sample: sample.writes)),
                _listed(figures.verbs(key, lambda sample: sample.host.verbs)),
                _listed(figures.verbs(key, lambda sample: sample.member.verbs)),
            )
        )
    return _aligned(rows, left=(0, 2, 6, 7))


def _wall(sample: Sample) -> float:
    return sample.usage.seconds


def _cpu(sample: Sample) -> float:
    return sample.usage.cpu


def _all_requests(sample: Sample) -> float:
    return sample.host.total + sample.member.total


def _listed(verbs: dict[str, float]) -> str:
    return " ".join(f"{verb} {_number(number)}" for verb, number in verbs.items())


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _aligned(rows: Sequence[Row], left: Sequence[int] = (0, 2)) -> str:
    """Columns of text to the left, of numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
