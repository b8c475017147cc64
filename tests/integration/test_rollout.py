"""A first roll-out in waves: the canary fails and is mended; nothing is done to those behind it until then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import Audit, names, steer
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]


@pytest.fixture(scope="module")
def waves(fleet: Fleet) -> Fleet:
    """The inventory: one member after the other has its turn, the first one is to be absent, and is no canary."""
    members = {"gone": {"kubesphere_member_state": "absent"}, **fleet.members}
    return Fleet(fleet.hosts, members, fleet.everyone).with_all(kubesphere_waves=[1, 1])


@pytest.fixture(scope="module")
def bad_canary(waves: Fleet, clusters: Clusters) -> Fleet:
    """The inventory with a credential that the canary does not take."""
    expired = clusters["member-1"].kubeconfig_for("late", ["system:masters"], expires_in=-60)
    return waves.with_member("member-1", kubesphere_kubeconfig=str(expired))


@pytest.fixture(scope="module")
def foretold(controller: Controller, bad_canary: Fleet, clusters: Clusters) -> Run:
    """The plan."""
    audit = Audit(clusters.values())
    run = controller.playbook("rollout", bad_canary, "--check")
    assert audit.writes() == {}
    return run


@pytest.fixture(scope="module")
def stopped(controller: Controller, bad_canary: Fleet, clusters: Clusters, foretold: Run) -> Run:
    """The run whose canary fails."""
    assert foretold.status == 2
    audit = Audit(clusters.values())
    run = controller.playbook("rollout", bad_canary)
    assert set(audit.writes()) == {"host"}
    return run


def told(run: Run) -> dict[str, Any]:
    """What the run says as data: the whole of it."""
    stats = [task.result["ansible_stats"]["data"] for task in run.tasks if "ansible_stats" in task.result]
    return dict(next(iter(stats[-1].values())))


def test_canary_that_fails_is_the_last(stopped: Run, clusters: Clusters) -> None:
    assert stopped.status == 2, stopped.output
    assert "its client certificate expired" in stopped.failures["member-1"]
    assert stopped.failures["member-2"] == (
        "It was not begun, because member-1 failed, 1 of 1 in a wave, and kubesphere_max_failures (0) allows 0. "
        "Mend that, and run the playbook again: it goes on where it stopped."
    )
    assert {name: (counts["failures"], counts["changed"]) for name, counts in stopped.stats.items()} == {
        "host": (0, 1),
        "gone": (0, 0),
        "member-1": (1, 0),
        "member-2": (1, 0),
    }
    assert names(clusters["host"]) == ["host"]


def test_what_was_not_begun_is_told_as_such(stopped: Run, foretold: Run) -> None:
    found = told(stopped)
    assert (found["not_begun"], list(found["problems"])) == (["member-2"], ["member-1"])
    assert found["summary"] == "Done: 1 installed; 1 failed: member-1; 1 not begun: member-2."
    planned = told(foretold)
    assert (planned["changes"], planned["not_begun"]) == (found["changes"], found["not_begun"])
    assert stopped.actions == foretold.actions
    assert foretold.failures == stopped.failures


@pytest.fixture(scope="module")
def mended(controller: Controller, waves: Fleet, stopped: Run) -> Run:
    """The next run, the canary's credential being right."""
    assert stopped.status == 2
    run = controller.playbook("rollout", waves)
    assert run.status == 0, run.output
    return run


def test_next_run_goes_on_where_it_stopped(mended: Run, clusters: Clusters) -> None:
    assert names(clusters["host"]) == ["host", "member-1", "member-2"]
    assert (mended.changed["host"], mended.changed["member-1"], mended.changed["member-2"]) == (0, 1, 1)
    assert told(mended)["summary"] == "Done: 2 installed, 2 imported, 1 as they should be."
    assert [row.split()[-1] for row in mended.table[1:]] == ["works"] * 3


def test_one_wave_ends_before_the_next_begins(mended: Run) -> None:
    steps = [
        (task.host, task.action.rpartition(".")[2])
        for task in mended.tasks
        if task.host in ("member-1", "member-2") and task.action.endswith((".cluster_configuration", ".member"))
    ]
    assert [host for host, _module in dict.fromkeys(steps)] == ["member-1", "member-1", "member-2", "member-2"]
    assert [result["verified"] for result in mended.of("member")] == [True, True]


def test_run_on_a_fleet_that_stands_writes_nothing(
    controller: Controller, waves: Fleet, clusters: Clusters, mended: Run
) -> None:
    assert mended.status == 0
    audit = Audit(clusters.values())
    run = controller.playbook("rollout", waves)
    assert run.status == 0, run.output
    assert audit.writes() == {}
    assert run.changed == {"host": 0, "gone": 0, "member-1": 0, "member-2": 0}


def test_limit_that_leaves_the_host_out(controller: Controller, waves: Fleet, mended: Run) -> None:
    """As a retry file does, in which there is nobody but who failed or was not begun."""
    assert mended.status == 0
    run = controller.playbook("rollout", waves, "--limit", "member-2,member-1")
    assert run.status == 0, run.output
    assert [result["verified"] for result in run.of("member")] == [True, True]
    assert run.changed == {"member-1": 0, "member-2": 0}


def test_nothing_goes_on_without_the_host(
    controller: Controller, waves: Fleet, clusters: Clusters, mended: Run
) -> None:
    assert mended.status == 0
    steer(clusters["host"], installer={"fail": "ks-core", "message": "no space left"})
    audit = Audit(clusters.values())
    try:
        run = controller.playbook("rollout", waves.with_host(kubesphere_configuration={"alerting": {"enabled": True}}))
    finally:
        steer(clusters["host"])
    assert run.status == 2, run.output
    assert set(audit.writes()) == {"host"}
    assert "no space left" in run.failures.pop("host")
    assert "because host failed. Mend that" in run.failures["member-1"]
    assert told(run)["summary"] == "Done: nothing was to be done; 1 failed: host; 2 not begun: member-1, member-2."
