"""The plan of a whole fleet, and the run that does exactly that."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import Audit, steer
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

NAMES = ("kubesphere_plan", "kubesphere_run")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs write their durations."""
    return tmp_path_factory.mktemp("textfile") / "fleet.prom"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs write their reports."""
    return tmp_path_factory.mktemp("reports")


def report(folder: Path) -> dict[str, Any]:
    """The report in a folder, which is written whole."""
    assert {file.name for file in folder.iterdir()} == {"report.json", "report.md", "index.html"}
    return dict(json.loads((folder / "report.json").read_text()))


def outcomes(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """How each cluster is, and what was done with it."""
    return {each["name"]: (each["health"], each["outcome"]["text"]) for each in found["clusters"]}


@pytest.fixture(scope="module")
def mixed(fleet: Fleet, clusters: Clusters, metrics: Path) -> Fleet:
    """The inventory: a member with a credential of its own, and one that an agent connects."""
    steer(clusters["host"], cloud={"address": "auto"})
    described = fleet.with_member("member-1", kubesphere_credential="token")
    described = described.with_member("member-2", kubesphere_connection="agent")
    return described.with_host(kubesphere_metrics_path=str(metrics))


@pytest.fixture(scope="module")
def foretold(controller: Controller, mixed: Fleet, clusters: Clusters, reports: Path) -> Run:
    """The plan of the first run."""
    audit = Audit(clusters.values())
    run = controller.playbook("site", mixed, "--check", "--diff", "-e", f"report_dir={reports}/plan")
    assert run.status == 0, run.output
    assert audit.writes() == {}
    assert audit.caused() == {}
    return run


@pytest.fixture(scope="module")
def first(controller: Controller, mixed: Fleet, foretold: Run, reports: Path) -> Run:
    """The first run."""
    assert foretold.status == 0
    run = controller.playbook("site", mixed, "-e", f"report_dir={reports}/run")
    assert run.status == 0, run.output
    return run


@pytest.fixture(scope="module")
def standing(mixed: Fleet, first: Run) -> Fleet:
    """The inventory of the fleet that stands."""
    assert first.status == 0
    return mixed


def told(run: Run) -> dict[str, Any]:
    """What a run has handed on: a plan, or what it has done."""
    stats = (task.result.get("ansible_stats") or {} for task in run.tasks if task.status == "ok")
    found = [value for each in stats for name, value in each.get("data", {}).items() if name in NAMES]
    assert found, run.output
    return dict(found[-1])


def numbers(found: dict[str, Any]) -> dict[str, int]:
    return {what: number for what, number in found["counts"].items() if number}


def test_a_plan_of_everything(foretold: Run, metrics: Path) -> None:
    plan = told(foretold)
    assert plan["summary"] == "Plan: 3 to install, 2 to import."
    assert plan["summary"] in foretold.output
    assert {name: [step["what"] for step in steps] for name, steps in plan["changes"].items()} == {
        "host": ["install"],
        "member-1": ["install", "import"],
        "member-2": ["install", "import"],
    }
    assert {"member-1", "member-2"} <= plan["unknown"].keys()
    assert (plan["problems"], plan["not_begun"]) == ({}, [])
    assert not metrics.exists()


def test_the_run_does_exactly_that(foretold: Run, first: Run) -> None:
    plan, done = told(foretold), told(first)
    assert done["changes"] == plan["changes"]
    assert done["counts"] == plan["counts"]
    assert done["unknown"] == {}
    assert done["summary"] == "Done: 3 installed, 2 imported."


def test_its_durations(first: Run, metrics: Path) -> None:
    durations = told(first)["durations"]
    assert {"install", "import", "join"} <= durations["clusters"]["member-1"].keys()
    joined = [durations["clusters"][name]["join"] for name in ("member-1", "member-2")]
    assert durations["phases"]["join"]["max"] == max(joined)
    assert all(0 < seconds < first.seconds for seconds in joined)
    assert stat.S_IMODE(metrics.stat().st_mode) == 0o644
    text = metrics.read_text()
    assert f'cluster_phase_seconds{{cluster="member-1",phase="join"}} {joined[0]}\n' in text
    assert 'run_clusters{what="import"} 2.0\n' in text
    assert [written["changed"] for written in first.of("metrics")] == [False]  # no change of the fleet


def test_the_picture_of_a_plan(foretold: Run, reports: Path) -> None:
    found = report(reports / "plan")
    assert outcomes(found) == {
        "host": ("missing", "to install"),
        "member-1": ("missing", "to install, to import"),
        "member-2": ("missing", "to install, to import"),
    }
    assert found["runs"][0]["summary"] == "Plan: 3 to install, 2 to import."
    assert not any(foretold.changed[name] for name in foretold.changed if name not in ("host", "member-1", "member-2"))


def test_the_picture_of_the_run(first: Run, reports: Path) -> None:
    found = report(reports / "run")
    assert outcomes(found) == {
        "host": ("works", "installed"),
        "member-1": ("works", "installed, imported"),
        "member-2": ("works", "installed, imported"),
    }
    assert [each["connection"] for each in found["clusters"]] == ["direct", "direct", "agent"]
    assert (found["verdict"], found["totals"]["compared"]) == ("clean", 0)
    assert found["durations"]["phases"] == told(first)["durations"]["phases"]
    assert [each["credential"]["kind"] for each in found["clusters"][1:]] == ["token", "certificate"]
    assert first.table[-2:] == ["", f"Report: {reports}/run/index.html"]
    assert f"… Report: {reports}/run/index.html" in first.output


def test_then_nothing_is_to_be_done(controller: Controller, standing: Fleet, clusters: Clusters, metrics: Path) -> None:
    before = metrics.read_text()
    audit = Audit(clusters.values())
    again = controller.playbook("site", standing, "--check", "--diff")
    assert again.status == 0, again.output
    assert audit.writes() == {}
    plan = told(again)
    assert (plan["summary"], plan["changes"]) == ("Plan: nothing to do, 3 as they should be.", {})
    assert metrics.read_text() == before


def test_a_plan_with_a_member_that_cannot(
    controller: Controller, standing: Fleet, clusters: Clusters, reports: Path
) -> None:
    fleet = standing.with_member("member-1", kubesphere_renew=True, kubesphere_region="eu-1")
    fleet = fleet.with_member("member-2", kubesphere_kubeconfig="/nowhere")
    audit = Audit(clusters.values())
    foretold = controller.playbook("site", fleet, "--check", "--diff")
    assert audit.writes() == {}
    plan = told(foretold)
    assert plan["summary"] == "Plan: 1 to renew, 1 as they should be; 1 cannot: member-2."
    assert list(plan["problems"]) == ["member-2"]
    [step] = plan["changes"]["member-1"]
    assert any("eu-1" in field for field in step["writes"][0]["fields"])
    run = controller.playbook("site", fleet, "-e", f"report_dir={reports}/failed")
    assert list(run.failures) == ["member-2"]
    assert outcomes(report(reports / "failed"))["member-2"] == ("works", "failed")
    done = told(run)
    assert done["changes"] == plan["changes"]
    assert done["summary"] == "Done: 1 renewed, 1 as they should be; 1 failed: member-2."


def test_reports_of_several_runs_as_one(controller: Controller, standing: Fleet, first: Run, reports: Path) -> None:
    """Without an inventory; and the last of a playbook that goes to members alone."""
    assert first.status == 0
    slice_ = controller.playbook("import", standing, "--limit", "member-1", "-e", f"report_dir={reports}/slice-1")
    assert slice_.status == 0, slice_.output
    assert outcomes(report(reports / "slice-1")) == {
        "host": ("works", ""),
        "member-1": ("works", "as it should be"),
        "member-2": ("works", ""),
    }
    given = ["-e", f"report_parts={reports}/run,{reports}/slice-*", "-e", f"report_dir={reports}/whole"]
    run = controller.playbook("report", Fleet(), *given)
    assert run.status == 0, run.output
    whole = report(reports / "whole")
    assert [each["of"] for each in whole["runs"]] == ["site", "import"]
    assert outcomes(whole)["member-1"] == ("works", "as it should be")
    assert outcomes(whole)["member-2"] == ("works", "installed, imported")
    (reports / "slice-2").mkdir()
    (reports / "slice-2" / "report.json").write_text('{"schema": 1, "clusters": "{{ 7 * 7 }}"}')
    refused = controller.playbook("report", Fleet(), *given)
    assert refused.status == 2
    assert "slice-2/report.json is refused: the report has no written" in refused.failures["localhost"]
    assert report(reports / "whole") == whole
