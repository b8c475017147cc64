"""Coverage of the collection's code by its tests, by floor, with branches.

    python -m tests.check.coverage                                  the unit tests
    python -m tests.check.coverage tests/unit tests/integration     these tests

Every Python that the tests start measures itself: Ansible's workers too, which are forked and end by ``os._exit``. What
a module does on a bastion is not seen: it runs out of a zip file there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coverage import Coverage

from tests.check.command import BUILD, environment
from tests.prepare import MAIN, ROOT

REPORT = BUILD / "coverage.json"

FLOORS = {
    "cluster access": "plugins/module_utils/kube/",
    "domain": "plugins/module_utils/kubesphere/",
    "goals": "plugins/module_utils/goals/",
    "plugins": "plugins/",
}
"""Where each floor's code is; what is in no other floor's is a plugin. Roles and playbooks hold no Python."""

_DATA = BUILD / "coverage"
_SETTINGS = _DATA / "settings"
_LEAST = 10


@dataclass
class Count:
    """How much there is, and how much of it the tests reach.

    Attributes:
        statements: statements.
        reached: those that ran.
        branches: ways out of a decision.
        taken: those that were taken.
    """

    statements: int = 0
    reached: int = 0
    branches: int = 0
    taken: int = 0

    def add(self, summary: Mapping[str, int]) -> None:
        """Add a file, by its summary in coverage's report."""
        self.statements += summary["num_statements"]
        self.reached += summary["covered_lines"]
        self.branches += summary["num_branches"]
        self.taken += summary["covered_branches"]

    @property
    def percent(self) -> float:
        """Statements and branches together."""
        return 100 * (self.reached + self.taken) / max(1, self.statements + self.branches)


def measure(tests: Iterable[str]) -> int:
    """Run tests, and return pytest's exit status."""
    shutil.rmtree(_DATA, ignore_errors=True)
    _DATA.mkdir(parents=True)
    _SETTINGS.write_text(_settings())
    command = [str(MAIN.python), "-m", "pytest", "-q", "--no-summary", *tests]
    env = environment({"COVERAGE_PROCESS_START": str(_SETTINGS)})
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def _settings() -> str:
    """Paths are absolute: what the tests start works in folders of its own."""
    return f"""
[run]
branch = true
source = {ROOT / "plugins"}
data_file = {_DATA / "data"}
parallel = true
patch = _exit

[report]
include_namespace_packages = true
exclude_also = if TYPE_CHECKING:
"""


def report() -> dict[str, dict[str, Any]]:
    """Put together what all processes have measured: coverage's summary by file."""
    measured = Coverage(config_file=str(_SETTINGS))
    measured.combine()
    whole = _DATA / "whole.json"
    measured.json_report(outfile=str(whole))
    files = json.loads(whole.read_text())["files"]
    found = {os.path.relpath(ROOT / name, ROOT): each["summary"] for name, each in files.items()}
    return {name: summary for name, summary in found.items() if "doc_fragments" not in name}


def by_floor(files: Mapping[str, Mapping[str, int]]) -> dict[str, Count]:
    """The sums of each floor."""
    counts = {floor: Count() for floor in FLOORS}
    for name, summary in files.items():
        counts[next(floor for floor, folder in FLOORS.items() if name.startswith(folder))].add(summary)
    return counts


def table(counts: Mapping[str, Count]) -> Iterator[str]:
    """The sums as lines of text."""
    yield f"{'floor':15} {'statements':>10} {'reached':>8} {'branches':>9} {'taken':>7} {'together':>9}"
    for name, count in counts.items():
        statements = f"{100 * count.reached / max(1, count.statements):.1f} %"
        branches = f"{100 * count.taken / max(1, count.branches):.1f} %"
        yield (
            f"{name:15} {count.statements:10} {statements:>8} {count.branches:9} {branches:>7} {count.percent:7.1f} %"
        )


def main() -> int:
    """Measure the tests that the command line names."""
    status = measure(sys.argv[1:] or ["tests/unit"])
    files = report()
    counts = by_floor(files)
    print("\n".join(table(counts)))
    least = sorted(files, key=lambda name: files[name]["percent_covered"])[:_LEAST]
    print("\nLeast:", *(f"  {files[name]['percent_covered']:5.1f} %  {name}" for name in least), sep="\n")
    floors = {name: {**vars(count), "percent": round(count.percent, 1)} for name, count in counts.items()}
    REPORT.write_text(json.dumps({"floors": floors, "files": files}, indent=2) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
