"""A fleet in slices, as AWX makes them of one job: side by side, each does its members and leaves the others alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller import Fleet
from tests.integration.kubesphere import CLUSTERS, Audit, configuration, jwt_secret, names, steer
from tests.integration.runner import Ended, Job, inventory, side_by_side
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

FORMER = "v3.3.2"
"""The release that the fleet begins with."""

SLICES = {3: [["host"], ["member-1"], ["member-2"]], 2: [["host", "member-2"], ["member-1"]]}
"""Which clusters are in which slice."""


@pytest.fixture(scope="module")
def sliced(fleet: Fleet) -> Fleet:
    """The inventory: one member is direct, the other connected by agent; the host is known by its group's variables."""
    patient = {"kubesphere_import_timeout": 180, "kubesphere_install_timeout": 180}  # three runs at once on one machine
    wanted = fleet.with_all(kubesphere_slice_host="host", **patient).with_member(
        "member-2", kubesphere_connection="agent"
    )
    return Fleet(hosts={"host": {}}, members=wanted.members, everyone=wanted.everyone)


def jobs_of(folder: Path, sliced: Fleet, fleet: Fleet, count: int, **extra: Any) -> list[Job]:
    """The jobs of a sliced template."""
    of_host = {**fleet.hosts["host"], "kubesphere_proxy_source": "auto"}
    return [
        Job(folder / f"{number}of{count}", inventory(sliced, number, count, of_host), dict(extra))
        for number in range(1, count + 1)
    ]


def fine(ended: list[Ended]) -> None:
    for each in ended:
        assert each.status == "successful", each.output


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, sliced: Fleet, fleet: Fleet, clusters: Clusters) -> list[Ended]:
    """The plan of the first run, in two slices."""
    audit = Audit(clusters.values())
    jobs = jobs_of(tmp_path_factory.mktemp("plan"), sliced, fleet, 2)
    ended = side_by_side([replace(job, arguments=["--check"]) for job in jobs], "site")
    fine(ended)
    assert audit.writes() == {}
    return ended


@pytest.fixture(scope="module")
def first(
    tmp_path_factory: pytest.TempPathFactory, planned: list[Ended], sliced: Fleet, fleet: Fleet, clusters: Clusters
) -> list[Ended]:
    """The first run, in three slices side by side: nothing is installed anywhere."""
    fine(planned)
    steer(clusters["host"], cloud={"address": "auto"})
    wanted = sliced.with_all(kubesphere_release=FORMER)
    ended = side_by_side(jobs_of(tmp_path_factory.mktemp("first"), wanted, fleet, 3), "site")
    fine(ended)
    return ended


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory, first: list[Ended], sliced: Fleet, fleet: Fleet) -> list[Ended]:
    """The upgrade, in two slices: the members of the one wait for the host of the other."""
    fine(first)
    ended = side_by_side(jobs_of(tmp_path_factory.mktemp("upgrade"), sliced, fleet, 2), "upgrade")
    fine(ended)
    return ended


def test_slices_are_those_of_awx(sliced: Fleet) -> None:
    for count, expected in SLICES.items():
        for number, clusters in enumerate(expected, 1):
            found = inventory(sliced, number, count, {"kubesphere_release": "v3.4.1"})
            assert sorted(found["_meta"]["hostvars"]) == clusters
            assert found["kubesphere_host"]["vars"] == {"kubesphere_release": "v3.4.1"}
            assert ("hosts" in found["kubesphere_host"]) == ("host" in clusters)


def test_each_slice_plans_its_own(planned: list[Ended]) -> None:
    assert [each.artifacts["kubesphere_result"]["summary"] for each in planned] == [
        "Plan: 2 to install, 1 to import.",
        "Plan: 1 to install, 1 to import, 1 as they should be.",
    ]


def test_first_run_in_slices_makes_one_fleet(first: list[Ended], clusters: Clusters) -> None:
    host = clusters["host"]
    assert names(host) == ["host", "member-1", "member-2"]
    assert {jwt_secret(cluster) for cluster in clusters.values()} == {jwt_secret(host)}
    assert configuration(host)["spec"]["multicluster"]["clusterRole"] == "host"
    kinds = {name: host.api.get(f"{CLUSTERS}/{name}")["spec"]["connection"]["type"] for name in names(host)[1:]}
    assert kinds == {"member-1": "direct", "member-2": "proxy"}
    # Each has done its own and told of nobody else; a host of another slice is looked at, and has not changed.
    assert [each.changed for each in first] == [{"host": 1}, {"member-1": 1}, {"member-2": 1}]
    counts = [each.artifacts["kubesphere_run"]["counts"] for each in first]
    assert [each["install"] for each in counts] == [1, 1, 1]
    assert [each["import"] for each in counts] == [0, 1, 1]
    assert [each["unchanged"] for each in counts] == [0, 1, 1]


def test_an_upgrade_in_slices_takes_the_host_first(upgraded: list[Ended], clusters: Clusters) -> None:
    assert [each.changed for each in upgraded] == [{"host": 1, "member-2": 1}, {"member-1": 1}]
    assert [each.artifacts["kubesphere_run"]["counts"]["upgrade"] for each in upgraded] == [2, 1]
    for cluster in clusters.values():
        assert configuration(cluster)["status"]["core"]["version"] == "v3.4.1"


@pytest.mark.parametrize("count", SLICES)
def test_second_run_writes_nothing(
    tmp_path: Path, upgraded: list[Ended], sliced: Fleet, fleet: Fleet, clusters: Clusters, count: int
) -> None:
    fine(upgraded)
    audit = Audit(clusters.values())
    ended = side_by_side(jobs_of(tmp_path, sliced, fleet, count), "site")
    fine(ended)
    assert [each.changed for each in ended] == [{}] * count
    assert audit.writes() == {}
    assert audit.caused() == {}


def test_status_of_slices_misses_nobody(
    tmp_path: Path, upgraded: list[Ended], sliced: Fleet, fleet: Fleet, clusters: Clusters
) -> None:
    """What one slice does not list is another's, and neither unknown nor unwanted."""
    fine(upgraded)
    audit = Audit(clusters.values())
    ended = side_by_side(jobs_of(tmp_path, sliced, fleet, 2, kubesphere_status_fail_on="drift"), "status")
    fine(ended)
    found = [each.artifacts["kubesphere_status"] for each in ended]
    assert [(each["verdict"], each["unplanned"]) for each in found] == [("clean", [])] * 2
    assert [each["others"] for each in found] == [["member-1"], ["member-2"]]
    assert audit.writes() == {}


def test_reports_of_slices_are_put_together(tmp_path: Path, upgraded: list[Ended], sliced: Fleet, fleet: Fleet) -> None:
    """Each tells of its own members; together they tell of everybody, once, and do not contradict each other."""
    fine(upgraded)
    jobs = jobs_of(tmp_path, sliced, fleet, 2)
    for number, job in enumerate(jobs, 1):
        job.extra["report_dir"] = str(tmp_path / "parts" / str(number))
    ended = side_by_side(jobs, "site")
    fine(ended)
    assert [each.artifacts["kubesphere_result"]["report"] for each in ended] == [
        job.extra["report_dir"] for job in jobs
    ]
    parts = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("parts/*/report.json"))]
    assert [sorted(each["name"] for each in part["clusters"]) for part in parts] == [
        ["host", "member-2"],
        ["host", "member-1"],
    ]
    folder = tmp_path / "report"
    whole = Job(tmp_path / "whole", {}, {"report_dir": str(folder), "report_parts": [str(tmp_path / "parts" / "*")]})
    fine([whole.run("report")])
    found = json.loads((folder / "report.json").read_text())
    assert {each["name"]: each["health"] for each in found["clusters"]} == {
        "host": "works",
        "member-1": "works",
        "member-2": "works",
    }
    assert len(found["clusters"]) == 3
    assert (found["verdict"], found["conflicts"], len(found["runs"])) == ("clean", [], 2)
    assert (folder / "index.html").stat().st_size > 1000


def test_drift_of_the_host_is_told_by_its_slice_alone(
    tmp_path: Path, upgraded: list[Ended], sliced: Fleet, fleet: Fleet
) -> None:
    fine(upgraded)
    jobs = jobs_of(tmp_path, sliced, fleet, 2)
    wanted = {**jobs[0].inventory["kubesphere_host"]["vars"], "kubesphere_configuration": {"devops": {"enabled": True}}}
    for number, job in enumerate(jobs):
        job.inventory["kubesphere_host"]["vars"] = wanted
        jobs[number] = Job(job.folder, job.inventory)
    found = [each.artifacts["kubesphere_status"] for each in side_by_side(jobs, "status")]
    assert [each["verdict"] for each in found] == ["drift", "clean"]
    assert {each["cluster"] for each in found[0]["drift"]} == {"host"}


def test_members_of_two_slices_change_side_by_side(
    tmp_path: Path, upgraded: list[Ended], sliced: Fleet, fleet: Fleet, clusters: Clusters
) -> None:
    fine(upgraded)
    audit = Audit(clusters.values())
    wanted = sliced.with_member("member-1", kubesphere_region="eu-1").with_member("member-2", kubesphere_region="eu-2")
    fine(side_by_side(jobs_of(tmp_path, wanted, fleet, 2), "site"))
    assert {name: dict(found) for name, found in audit.writes().items()} == {"host": {("patch", "clusters"): 2}}
    labels = {name: clusters["host"].api.get(f"{CLUSTERS}/{name}")["metadata"]["labels"] for name in wanted.members}
    assert {name: found["cluster.kubesphere.io/region"] for name, found in labels.items()} == {
        "member-1": "eu-1",
        "member-2": "eu-2",
    }


def test_the_same_cluster_in_two_slices_is_imported_once(
    tmp_path: Path, upgraded: list[Ended], sliced: Fleet, fleet: Fleet, clusters: Clusters
) -> None:
    """A preflight sees a slice only; what the host knows tells the rest."""
    fine(upgraded)
    twice = sliced.with_member("member-3", **sliced.members["member-1"])
    job = Job(tmp_path, inventory(twice, 4, 4, fleet.hosts["host"]))
    assert sorted(job.inventory["_meta"]["hostvars"]) == ["member-3"]
    audit = Audit(clusters.values())
    ended = job.run("site")
    assert ended.status == "failed"
    assert "member-1" in ended.failures["member-3"]
    assert audit.writes() == {}


def test_names_beside_the_inventory_are_for_no_slice(
    tmp_path: Path, upgraded: list[Ended], sliced: Fleet, fleet: Fleet, clusters: Clusters
) -> None:
    fine(upgraded)
    audit = Audit(clusters.values())
    ended = side_by_side(
        jobs_of(tmp_path, sliced, fleet, 2, kubesphere_unbind=["member-1"], kubesphere_force=True), "unbind"
    )
    for each in ended:
        assert each.status == "failed"
        assert any("does not tell whether another one lists them" in text for text in each.failures.values())
    assert audit.writes() == {}


def test_without_its_name_a_slice_refuses(tmp_path: Path, sliced: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    ended = Job(tmp_path, inventory(sliced, 2, 2), {"kubesphere_slice_host": ""}).run("site")
    assert ended.status == "failed"
    assert all("kubesphere_slice_host" in text for text in ended.failures.values())
    assert audit.requests() == {}


def test_unbind_in_slices_takes_what_is_absent(
    tmp_path: Path, upgraded: list[Ended], sliced: Fleet, fleet: Fleet, clusters: Clusters
) -> None:
    """Both at once; the share of each slice is one of its own members."""
    fine(upgraded)
    wanted = sliced.with_member("member-1", kubesphere_member_state="absent").with_member(
        "member-2", kubesphere_member_state="absent"
    )
    fine(side_by_side(jobs_of(tmp_path, wanted, fleet, 2), "unbind"))
    assert names(clusters["host"]) == ["host"]
