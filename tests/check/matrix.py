"""The stage ``matrix``: the same tests with every ansible-core, and what travels to bastions under other Pythons.

With each ansible-core run the unit tests of the collection, and the road of a fleet on real API servers
(``tests/matrix``). The floors that know no Ansible run their unit tests under the ends of the range of Pythons too; the
road has modules run under those Pythons, as on a bastion. What came out is shown as a table, and written as JSON.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from tests.check.command import BUILD
from tests.check.pytests import run_pytest
from tests.check.results import Outcome, Result, summary
from tests.prepare import CORES, MAIN, PYTHONS, ROOT, Environment, bastion_python

REPORT = BUILD / "matrix.json"

_SIDE_BY_SIDE = 2
_TIMEOUT = 1200

_OF_THE_TESTS = ("benchmarks", "check", "matrix", "mutation", "sandbox", "simulation", "torture")
"""Folders of unit tests that test the tests: no ansible-core changes what they say."""

_WITHOUT_ANSIBLE = ("tests/unit/kube", "tests/unit/kubesphere")


@dataclass(frozen=True)
class Job:
    """One run of pytest.

    Attributes:
        name: what is run on what.
        tests: files and folders.
        venv: where.
    """

    name: str
    tests: tuple[str, ...]
    venv: Environment

    def run(self) -> list[Result]:
        """Run it; its name is added to those of the results."""
        started = time.monotonic()
        report = "matrix-" + self.name.replace(" ", "-")
        results = run_pytest(report, list(self.tests), self.venv, _TIMEOUT, live=False)
        print(f"{self.name}: {summary(results)} in {time.monotonic() - started:.0f} s", flush=True)
        return [replace(result, name=f"{self.name}: {result.name}") for result in results]


def matrix() -> list[Result]:
    """Run all of it, two at a time."""
    jobs = list(_jobs())
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        found = dict(zip((job.name for job in jobs), pool.map(Job.run, jobs), strict=True))
    missing = [
        Result(f"unit on Python {version}", Outcome.SKIPPED, "this machine has no such Python")
        for version in PYTHONS
        if version not in _pythons()
    ]
    rows = list(_rows(found))
    print(table(rows), flush=True)
    REPORT.write_text(json.dumps(rows, indent=2) + "\n")
    return [*(result for results in found.values() for result in results), *missing]


def _jobs() -> Iterator[Job]:
    """The longest first."""
    yield Job("road", ("tests/matrix",), MAIN)
    folders = sorted(folder.name for folder in (ROOT / "tests" / "unit").iterdir() if folder.is_dir())
    own = [f"tests/unit/{name}" for name in folders if name not in _OF_THE_TESTS and name != "__pycache__"]
    for line, venv in CORES.items():
        yield Job(f"unit on ansible-core {line}", tuple(own), venv)
    for version, python in _pythons().items():
        yield Job(f"unit on Python {version}", _WITHOUT_ANSIBLE, python)


def _rows(found: dict[str, list[Result]]) -> Iterator[dict[str, Any]]:
    """What was run on each ansible-core, and under each Python."""
    road = found["road"]
    for line, venv in CORES.items():
        gone = [result for result in road if line in _parameters(result.name)]
        cells = {"unit": found[f"unit on ansible-core {line}"], "road": gone}
        yield {"ansible-core": installed(venv, "ansible_core"), "Python": _python(venv), **_counted(cells)}
    for version, python in _pythons().items():
        there = [result for result in road if version in _parameters(result.name)]
        cells = {"unit": found[f"unit on Python {version}"], "road": there}
        yield {"ansible-core": "-", "Python": _python(python), **_counted(cells)}


def _pythons() -> dict[str, Environment]:
    """The other Pythons that are here."""
    return {version: venv for version in PYTHONS if (venv := bastion_python(version))}


def _counted(cells: dict[str, list[Result]]) -> dict[str, dict[str, int]]:
    return {
        suite: {outcome.value: sum(result.outcome is outcome for result in results) for outcome in Outcome}
        for suite, results in cells.items()
    }


def table(rows: Iterable[dict[str, Any]]) -> str:
    """The rows as text; a suite's cell has what failed or was skipped only where something was."""
    lines = [("ansible-core", "Python", "unit", "road")]
    for row in rows:
        lines.append((row["ansible-core"], row["Python"], _cell(row["unit"]), _cell(row["road"])))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cell(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing ran"


def installed(venv: Environment, package: str) -> str:
    """The version of a package that an environment has."""
    folders = venv.path.glob(f"lib/python*/site-packages/{package}-*.dist-info")
    return next((folder.name.removesuffix(".dist-info").split("-")[-1] for folder in folders), "-")


def _python(venv: Environment) -> str:
    settings = venv.path / "pyvenv.cfg"
    found = re.search(r"^version\s*=\s*(\S+)", settings.read_text(), re.MULTILINE) if settings.exists() else None
    return found[1] if found else "-"


def _parameters(name: str) -> list[str]:
    """The versions that a test ran with: those of ``test_plan[2.17-3.9]`` are 2.17 and 3.9."""
    return re.split(r"[][-]", name)[1:]
