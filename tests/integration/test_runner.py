"""The collection under ansible-runner, as AWX runs it: events, what is handed on, credentials, cancelling."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import junit
from tests.integration.controller import Fleet, files_below
from tests.integration.kubesphere import Audit, eventually, jwt_secret, names, steer
from tests.integration.runner import Cancel, Ended, Job, inventory, processes_of
from tests.integration.test_secrets import Needles
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

_GONE_WITHIN = 5.0  # seconds after a job is cancelled


def merged(*clusters: Cluster) -> str:
    """One kubeconfig for several clusters, a context for each, as a credential of a whole fleet has them."""
    whole: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": [], "users": [], "contexts": []}
    for cluster in clusters:
        content = yaml.safe_load(cluster.kubeconfig.read_text())
        for kind, key in (("clusters", "cluster"), ("users", "user")):
            whole[kind].append({"name": cluster.name, key: content[kind][0][key]})
        whole["contexts"].append({"name": cluster.name, "context": {"cluster": cluster.name, "user": cluster.name}})
    return yaml.safe_dump(whole)


def with_credentials(folder: Path, fleet: Fleet, clusters: Clusters) -> Job:
    """A job with two credentials: the host's by environment variable, the members' by a file that a variable names."""
    host = {"kubesphere_kubeconfig": "{{ lookup('ansible.builtin.env', 'K8S_AUTH_KUBECONFIG') }}"}
    members = {
        name: {"kubesphere_kubeconfig": "{{ fleet_credential }}", "kubesphere_context": name} for name in fleet.members
    }
    job = Job(folder, inventory(replace(fleet, hosts={"host": host}, members=members)))
    of_host = job.put("env/tmp_host", clusters["host"].kubeconfig.read_text())
    of_members = job.put("env/tmp_fleet", merged(*(clusters[name] for name in members)))
    job.env["K8S_AUTH_KUBECONFIG"] = str(of_host)
    job.extra |= {"fleet_credential": str(of_members), "kubesphere_results_dir": str(folder / "results")}
    return job


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, fleet: Fleet, clusters: Clusters) -> Job:
    """A job for host and members."""
    return with_credentials(tmp_path_factory.mktemp("job"), fleet, clusters)


@pytest.fixture(scope="module")
def planned(job: Job, clusters: Clusters) -> Ended:
    """The plan, before anything stands."""
    audit = Audit(clusters.values())
    ended = replace(job, arguments=["--check"]).run("site")
    assert ended.status == "successful", ended.output
    assert audit.writes() == {}
    return ended


@pytest.fixture(scope="module")
def first(job: Job, planned: Ended) -> Ended:
    """The run that follows."""
    assert planned.rc == 0
    ended = job.run("site")
    assert ended.status == "successful", ended.output
    return ended


def test_a_plan_is_handed_on(planned: Ended) -> None:
    assert planned.artifacts["kubesphere_plan"]["planned"] is True
    result = planned.artifacts["kubesphere_result"]
    assert (result["planned"], result["changed"], result["failed"]) == (True, True, [])
    assert result["counts"]["install"] == 3
    assert result["summary"] == "Plan: 3 to install, 2 to import."
    assert planned.changed == {"host": 1, "member-1": 1, "member-2": 1}


def test_a_run_hands_on_what_the_next_node_wants(first: Ended) -> None:
    result = first.artifacts["kubesphere_result"]
    assert result == {
        "planned": False,
        "summary": "Done: 3 installed, 2 imported.",
        "changed": True,
        "counts": first.artifacts["kubesphere_run"]["counts"],
        "failed": [],
        "not_begun": [],
        "report": "",
    }
    assert first.changed == {"host": 1, "member-1": 1, "member-2": 1}


def test_each_cluster_has_its_own_event(first: Ended) -> None:
    outcomes = [
        event["event_data"]
        for event in first.of("runner_on_ok")
        if event["event_data"].get("task_action", "").endswith(".outcome")
    ]
    assert {each["host"]: each["res"]["changed"] for each in outcomes} == {
        "host": True,
        "member-1": True,
        "member-2": True,
    }
    assert all(each["res"]["phases"] for each in outcomes)


def test_results_for_a_pipeline(job: Job, first: Ended) -> None:
    assert first.rc == 0
    folder = Path(job.extra["kubesphere_results_dir"])
    assert junit.problems((folder / "junit.xml").read_text()) == []
    results = json.loads((folder / "results.json").read_text())
    assert (results["kind"], results["failed"]) == ("run", [])
    assert results["changed"] == ["host", "member-1", "member-2"]
    suites = {suite["name"]: len(suite["cases"]) for suite in results["suites"]}
    assert suites == {"preflight": 3, "install": 3, "wait": 3, "import": 2}


def test_a_second_run_has_nothing_to_hand_on(job: Job, first: Ended, clusters: Clusters) -> None:
    assert first.rc == 0
    audit = Audit(clusters.values())
    ended = job.run("site")
    assert (ended.status, ended.changed) == ("successful", {}), ended.output
    assert ended.artifacts["kubesphere_result"]["changed"] is False
    assert audit.writes() == {}


def test_status(job: Job, first: Ended) -> None:
    assert first.rc == 0
    ended = job.run("status")
    assert (ended.status, ended.rc) == ("successful", 0), ended.output
    assert ended.artifacts["kubesphere_status"]["verdict"] == "clean"
    results = json.loads((Path(job.extra["kubesphere_results_dir"]) / "results.json").read_text())
    assert (results["kind"], results["summary"]) == ("status", "Status: clean.")


def test_a_members_failure_is_an_event_of_that_member(
    tmp_path: Path, first: Ended, fleet: Fleet, clusters: Clusters
) -> None:
    assert first.rc == 0
    broken = with_credentials(tmp_path, fleet, clusters)
    broken.inventory["_meta"]["hostvars"]["member-2"]["kubesphere_context"] = "nowhere"
    broken.__post_init__()
    ended = broken.run("site")
    assert (ended.status, ended.rc) == ("failed", 2)
    assert set(ended.failures) == {"member-2"}
    assert "nowhere" in ended.failures["member-2"]
    assert ended.artifacts["kubesphere_result"]["failed"] == ["member-2"]
    results = tmp_path / "results"
    assert junit.problems((results / "junit.xml").read_text()) == []
    assert json.loads((results / "results.json").read_text())["failed"] == ["member-2"]


def test_no_secret_and_no_fact_is_left(job: Job, first: Ended, clusters: Clusters) -> None:
    """Neither in events nor in the fact cache nor in files, but for the credentials themselves."""
    assert first.rc == 0
    secrets = {"jwtSecret": jwt_secret(clusters["host"])}
    for name, cluster in clusters.items():
        secrets[f"key of {name}"] = yaml.safe_load(cluster.kubeconfig.read_text())["users"][0]["user"][
            "client-key-data"
        ]
    needles = Needles(secrets)
    left = [path for path in files_below(job.folder) if path.parent != job.folder / "env"]
    assert len(left) > 100
    assert {str(path): found for path in left if (found := needles.found_in(path.read_text(errors="replace")))} == {}
    caches = [path for path in job.folder.rglob("fact_cache") if path.is_dir()]
    assert [path for cache in caches for path in files_below(cache)] == []


def test_a_job_that_is_cancelled_is_run_again(tmp_path: Path, first: Ended, fleet: Fleet, clusters: Clusters) -> None:
    """In the middle of an import: nothing of it goes on, nothing is locked, and the next run makes up for it."""
    assert first.rc == 0
    host = clusters["host"]
    steer(host, cloud={"address": "auto"})
    host.api.delete("/apis/cluster.kubesphere.io/v1alpha1/clusters/member-2")
    eventually(lambda: "member-2" not in names(host), "the Cluster to be gone")
    wanted = fleet.with_member("member-2", kubesphere_connection="agent")
    waiting = wanted.with_member(
        "member-2", kubesphere_reachable=False, kubesphere_agent_manifest_dir=str(tmp_path / "agents")
    )
    job, cancel = Job(tmp_path / "job", inventory(waiting)), Cancel()
    end = job.start("site", cancel)
    eventually(lambda: "member-2: waiting until" in (job.artifacts / "stdout").read_text(), "the import to wait")
    assert any("ansible-playbook" in line for line in processes_of(job.folder).values())
    cancel.press()
    ended = end()
    assert (ended.status, ended.rc) == ("canceled", 254)
    deadline = time.monotonic() + _GONE_WITHIN
    while (left := processes_of(job.folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == {}
    again = Job(tmp_path / "job", inventory(wanted)).run("site")
    assert again.status == "successful", again.output
    audit = Audit(clusters.values())
    third = Job(tmp_path / "third", inventory(wanted)).run("site")
    assert (third.status, third.changed) == ("successful", {})
    assert audit.writes() == {}
    assert [
        item for item in host.api.get("/apis/batch/v1/jobs")["items"] if "kubesphere" in item["metadata"]["name"]
    ] == []
