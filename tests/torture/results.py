"""What was found: one case after the other, a table of them, and the file for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

Row = Sequence[str]


@dataclass(frozen=True)
class Case:
    """One thing that was done to a run, and what came of it.

    Attributes:
        scenario: the kind of run.
        plan: what was to be done to it; with the scenario, this names the case.
        what: what was done to it.
        runs: further runs that it took until one ended with status 0.
        problem: why this is no success; empty if it is one.
        leftovers: what no run may leave behind.
        seconds: how long all of it took.
    """

    scenario: str
    plan: str
    what: str
    runs: int
    problem: str = ""
    leftovers: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it ended as it should."""
        return not self.problem and not self.leftovers

    def __str__(self) -> str:
        told = "" if self.good else f"\n    {self.problem or 'converged'}\n    left over: {self.leftovers or 'nothing'}"
        verdict = "ok" if self.good else "FAILED"
        return f"{verdict:6} {self.scenario}: {self.plan}: {self.what} ({self.runs} more, {self.seconds:.1f} s){told}"


@dataclass(frozen=True)
class Summary:
    """All cases of one scenario in a few numbers."""

    scenario: str
    cases: int
    good: int
    most_runs: int
    leftovers: int
    seconds: float


def summary(scenario: str, cases: Sequence[Case]) -> Summary:
    """Sum up the cases of one scenario."""
    return Summary(
        scenario,
        len(cases),
        sum(case.good for case in cases),
        max((case.runs for case in cases), default=0),
        sum(len(case.leftovers) for case in cases),
        round(sum(case.seconds for case in cases), 1),
    )


def table(cases: Iterable[Case]) -> str:
    """A line for each scenario, and one for all."""
    rows: list[Row] = [("SCENARIO", "CASES", "CONVERGED", "MOST RUNS AFTER", "LEFT OVER", "SECONDS")]
    listed = list(cases)
    for scenario in dict.fromkeys(case.scenario for case in listed):
        rows.append(_cells(summary(scenario, _of(scenario, listed))))
    rows.append(_cells(summary("all", listed)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    )


def _cells(of: Summary) -> Row:
    return (of.scenario, str(of.cases), str(of.good), str(of.most_runs), str(of.leftovers), f"{of.seconds:.0f}")


@dataclass
class Results:
    """The file for machines, and what stands in it.

    Attributes:
        cases: what was found.
        complete: parts that have come to their end.
    """

    file: Path
    cases: list[Case] = field(default_factory=list)
    complete: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, file: Path) -> Results:
        """What a file has already; nothing where there is none."""
        content = json.loads(file.read_text()) if file.exists() else {"cases": [], "complete": []}
        return cls(file, [Case(**case) for case in content["cases"]], content["complete"])

    def has(self, scenario: str, plan: str) -> bool:
        """Whether a case was tried."""
        return any((case.scenario, case.plan) == (scenario, plan) for case in self.cases)

    def add(self, case: Case) -> None:
        """Write down a case."""
        self.cases.append(case)
        self._write()

    def finish(self, part: str) -> None:
        """Write down that all cases of a part were tried."""
        self.complete.append(part)
        self._write()

    def _write(self) -> None:
        scenarios = dict.fromkeys(case.scenario for case in self.cases)
        content = {
            "complete": self.complete,
            "scenarios": [asdict(summary(each, _of(each, self.cases))) for each in scenarios],
            "cases": [asdict(case) for case in self.cases],
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_suffix(".partial")
        partial.write_text(json.dumps(content, indent=1) + "\n")
        partial.rename(self.file)


def _of(scenario: str, cases: Iterable[Case]) -> list[Case]:
    return [case for case in cases if case.scenario == scenario]
