"""The matrix shows for every ansible-core what ran on it, and never takes what did not run for a pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.check import matrix as stage
from tests.check.results import Outcome, Result
from tests.prepare import CORES, PYTHONS, Environment, bastion_python


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the figures go."""
    monkeypatch.setattr(stage, "REPORT", tmp_path / "matrix.json")
    return stage.REPORT


def test_each_version_has_its_row(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(job: stage.Job) -> list[Result]:
        if job.name == "road":
            failed = Result("road: test_plan[2.17]", Outcome.FAILED)
            return [failed, *(Result(f"road: test_plan[{line}]", Outcome.PASSED) for line in ("2.16", "2.19"))]
        return [Result(f"{job.name}: test", Outcome.PASSED), Result(f"{job.name}: other", Outcome.SKIPPED)]

    monkeypatch.setattr(stage.Job, "run", run)
    results = stage.matrix()
    assert sum(result.outcome is Outcome.FAILED for result in results) == 1
    rows = json.loads(report.read_text())
    by_line = dict(zip(CORES, rows, strict=False))
    assert by_line["2.16"]["road"] == {"passed": 1, "failed": 0, "skipped": 0}
    assert by_line["2.17"]["road"] == {"passed": 0, "failed": 1, "skipped": 0}
    assert "nothing ran" in stage.table([by_line["2.18"]])
    assert "1 passed, 1 skipped" in stage.table(rows)


def test_a_python_that_is_not_here_is_told(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.Job, "run", lambda _: [Result("test", Outcome.PASSED)])
    monkeypatch.setattr(stage, "bastion_python", lambda _: None)
    skipped = [result for result in stage.matrix() if result.outcome is Outcome.SKIPPED]
    assert [result.name for result in skipped] == [f"unit on Python {version}" for version in PYTHONS]
    assert report.exists()


def test_pythons_are_found_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "versions" / "3.9.18" / "bin" / "python3.9"
    made.parent.mkdir(parents=True)
    made.touch(mode=0o755)
    shim = tmp_path / "shims" / "python3.9"
    shim.parent.mkdir()
    shim.touch(mode=0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(shim.parent))
    found = bastion_python("3.9")
    assert isinstance(found, Environment)
    assert found.interpreter == made
    assert bastion_python("3.10") is None
