"""The driver counts honestly: what did not run, broke or hung is never a pass."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.check import __main__ as driver
from tests.check import pytests
from tests.check.command import environment, run
from tests.check.results import Outcome, Result, read_junit, summary, write_junit
from tests.prepare import MAIN

RESULTS = [
    Result("good", Outcome.PASSED, "", 0.5),
    Result("bad", Outcome.FAILED, "line 1\n\x1b[31mred\x1b[0m <&>"),
    Result("left out", Outcome.SKIPPED, "no such tool"),
]


@pytest.fixture(autouse=True)
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the reports of these tests away from those of the run that they are part of."""
    monkeypatch.setattr(driver, "REPORTS", tmp_path)
    monkeypatch.setattr(pytests, "REPORTS", tmp_path)
    return tmp_path


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "suite.xml"
    write_junit(file, "suite", RESULTS)
    read = read_junit(file)
    assert [(result.name, result.outcome, result.seconds) for result in read] == [
        (result.name, result.outcome, result.seconds) for result in RESULTS
    ]
    assert "[31mred[0m <&>" in read[1].detail
    assert read[2].detail == "no such tool"


def test_the_summary_counts_every_outcome() -> None:
    assert summary(RESULTS) == "1 passed, 1 failed, 1 skipped"
    assert summary([]) == "0 passed, 0 failed, 0 skipped"


def test_a_stage_without_work_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    results = driver.run_stage("empty", list)
    assert [result.outcome for result in results] == [Outcome.FAILED]
    assert "found nothing to run" in capsys.readouterr().out


def test_a_stage_that_breaks_has_failed(reports: Path) -> None:
    def broken() -> list[Result]:
        raise RuntimeError("out of order")

    results = driver.run_stage("broken", broken)
    assert [result.outcome for result in results] == [Outcome.FAILED]
    assert "out of order" in read_junit(reports / "broken.xml")[0].detail


def test_the_other_stages_run_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(driver, "STAGES", {"first": lambda: [RESULTS[1]], "second": lambda: [RESULTS[0]]})
    monkeypatch.setattr(sys, "argv", ["check"])
    assert driver.main() == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


@pytest.mark.parametrize(
    ("content", "failed", "passed"),
    [
        ("def test_good(): pass\n", 0, 1),
        ("def test_bad(): assert False\n", 1, 0),
        ("import no_such_module\n", 1, 0),
        ("", 1, 0),  # nothing collected
    ],
)
def test_pytest_is_counted_whatever_way_it_ends(tmp_path: Path, content: str, failed: int, passed: int) -> None:
    (tmp_path / "test_sample.py").write_text(content)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    results = pytests.run_pytest("sample", [str(tmp_path)], MAIN, timeout=60)
    assert summary(results) == f"{passed} passed, {failed} failed, 0 skipped"


def test_a_tool_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    started = time.monotonic()
    result = run("hang", ["sh", "-c", f"echo begun; (sleep 2; touch {mark}) & wait"], timeout=0.5)
    assert time.monotonic() - started < 1.5
    assert result.outcome is Outcome.FAILED
    assert "begun" in result.detail
    assert "still running after" in result.detail
    time.sleep(2)
    assert not mark.exists()


def test_a_tool_that_is_not_there_is_named() -> None:
    result = run("absent", ["/nonexistent/tool"], timeout=1)
    assert result.outcome is Outcome.FAILED
    assert "/nonexistent/tool" in result.detail


def test_the_users_own_clusters_and_ansible_settings_are_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "K8S_AUTH_HOST", "ANSIBLE_STRATEGY", "GIT_DIR"):
        monkeypatch.setenv(name, "/mine")
    assert "/mine" not in environment().values()
