"""Hold the mutants of the domain against its tests, show the score of each module, and write build/mutation.json.

    python -m tests.mutation                       the whole domain
    python -m tests.mutation member waves          these modules
    python -m tests.mutation waves --tests tests/unit/kubesphere/test_waves.py
    python -m tests.mutation --seconds 600         as many mutants as there is time for, of all modules alike

The score is the share of the mutants that a test has found, of all that could be found: those that do the same as the
function without the mistake are listed in equivalent.yml, each with the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.mutation.mutants import Mutant, by_module
from tests.mutation.runner import KILLED, LEFT_OUT, SURVIVED, TIMEOUT, UNREACHED, Bounds, Runner, survivors
from tests.prepare import ROOT

REPORT = ROOT / "build" / "mutation.json"
DOMAIN = ROOT / "plugins" / "module_utils" / "kubesphere"
TESTS = ("tests/unit/kubesphere", "tests/unit/goals", "tests/unit/hostile")

EQUIVALENT = "equivalent"


def known_equivalents() -> dict[tuple[str, str, str], str]:
    """Why a mutant does the same, by module, function and change."""
    listed = yaml.safe_load(Path(__file__).with_name("equivalent.yml").read_text())
    return {(*name.split(".", 1), change): why for name, changes in listed.items() for change, why in changes.items()}


def judge(outcomes: dict[Mutant, str]) -> dict[Mutant, str]:
    """The outcomes, with those that are known to be equivalent as such.

    Raises:
        ValueError: one is said to be equivalent that a test has found.
    """
    known = known_equivalents()
    judged = {}
    for mutant, outcome in outcomes.items():
        key = (Path(mutant.file).stem, mutant.function, mutant.change)
        if key in known and outcome in (KILLED, TIMEOUT):
            raise ValueError(f"equivalent.yml says of what a test has found that it does the same: {mutant}")
        judged[mutant] = EQUIVALENT if key in known and outcome != LEFT_OUT else outcome
    return judged


def rows(outcomes: dict[Mutant, str]) -> Iterator[dict[str, Any]]:
    """The figures of each module, and of all."""
    names = sorted({Path(mutant.file).stem for mutant in outcomes})
    for name in names:
        yield _row(name, Counter(each for mutant, each in outcomes.items() if Path(mutant.file).stem == name))
    yield _row("all", Counter(outcomes.values()))


def _row(name: str, counts: Counter[str]) -> dict[str, Any]:
    found = counts[KILLED] + counts[TIMEOUT]
    judged = found + counts[SURVIVED] + counts[UNREACHED]
    score = round(100 * found / judged, 1) if judged else None
    return {"module": name, "mutants": counts.total(), **{each: counts[each] for each in COLUMNS}, "score": score}


COLUMNS = (KILLED, TIMEOUT, SURVIVED, UNREACHED, EQUIVALENT, LEFT_OUT)


def table(figures: list[dict[str, Any]]) -> Iterator[str]:
    """The figures as lines of text."""
    yield "".join((f"{'module':20}", f"{'mutants':>8}", *(f"{each:>11}" for each in COLUMNS), f"{'score':>9}"))
    for row in figures:
        score = "-" if row["score"] is None else f"{row['score']:.1f} %"
        yield "".join(
            (f"{row['module']:20}", f"{row['mutants']:8}", *(f"{row[each]:11}" for each in COLUMNS), f"{score:>9}")
        )


def main() -> int:
    """Do it for the modules that the command line names, or for all."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mutation testing of the domain.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="a module of plugins/module_utils/kubesphere")
    parser.add_argument("--jobs", type=int, default=2, help="how many side by side (default: 2)")
    parser.add_argument("--seconds", type=float, default=3600, help="at most, for all mutants (default: 3600)")
    parser.add_argument("--each", type=float, default=10, help="seconds of tests for one mutant (default: 10)")
    parser.add_argument("--tests", nargs="+", default=TESTS, help=f"the tests (default: {' '.join(TESTS)})")
    options = parser.parse_args()
    files = [DOMAIN / f"{name}.py" for name in options.modules] or sorted(DOMAIN.glob("*.py"))
    found = [mutant for each in by_module(files).values() for mutant in each]
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", file=sys.stderr, flush=True)

    runner = Runner(found, Bounds(options.jobs, options.seconds, options.each), say)
    status = pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", *options.tests], plugins=[runner])
    if status != pytest.ExitCode.OK:
        return int(status)
    outcomes = judge(runner.outcomes)
    for mutant in survivors(outcomes):
        print(f"{outcomes[mutant]:10} {mutant}")
    figures = list(rows(outcomes))
    print("\n".join(table(figures)))
    alive = [f"{outcomes[mutant]}: {mutant}" for mutant in survivors(outcomes)]
    REPORT.write_text(json.dumps({"modules": figures, "survivors": alive}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
