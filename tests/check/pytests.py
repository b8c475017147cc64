"""Run tests with pytest, and take over what its report says."""

from __future__ import annotations

from pathlib import Path

from tests.check.command import BUILD, run
from tests.check.results import Outcome, Result, read_junit
from tests.prepare import Environment

REPORTS = BUILD / "junit"
"""One JUnit report per stage."""


def run_pytest(name: str, tests: list[str], venv: Environment, timeout: float, *, live: bool = True) -> list[Result]:
    """Run tests with pytest.

    Args:
        name: name of the report.
        tests: files and folders, and options of pytest.
        venv: the virtual environment to use.
        timeout: seconds for all of them.
        live: show the output while it comes.
    """
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    command: list[str | Path] = [venv.python, "-m", "pytest", "-q", "--no-summary", *tests, f"--junit-xml={report}"]
    ended = run("pytest", command, venv=venv, timeout=timeout, live=live)
    results = read_junit(report) if report.exists() else []
    # pytest can also fail without a failed test: nothing collected, a broken conftest, the deadline.
    if ended.outcome is Outcome.FAILED and all(result.outcome is not Outcome.FAILED for result in results):
        results.append(ended)
    return results
