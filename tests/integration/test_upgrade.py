"""The playbook upgrade: the host, then the members in waves, stopped by failures and taken up again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import USER_AGENT, Audit, configuration, eventually, steer, whole_list
from tests.prepare import OLDEST
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

BEFORE, AFTER = "v3.3.2", "v3.4.1"

# Real programs are of one release.
pytestmark = pytest.mark.stand_in("ks-apiserver", "controller-manager")


@pytest.fixture(scope="module")
def before(controller: Controller, fleet: Fleet, clusters: Clusters) -> Fleet:
    """The inventory of the fleet as it stands, at the older release."""
    steer(clusters["host"], controller={"resync": 2})  # 3.3 tries a join that lost a race again at the next resync only
    wanted = fleet.with_all(kubesphere_install_timeout=60, kubesphere_release=BEFORE)
    run = controller.playbook("site", wanted)
    assert run.status == 0, run.output
    return wanted


@pytest.fixture(scope="module")
def after(before: Fleet) -> Fleet:
    """The inventory of the fleet as it is to be."""
    return before.with_all(kubesphere_release=AFTER)


@pytest.fixture(scope="module")
def foretold(controller: Controller, after: Fleet, clusters: Clusters) -> Run:
    """A check run before the upgrade."""
    audit = Audit(clusters.values())
    run = controller.playbook("upgrade", after, "--check")
    assert run.status == 0, run.output
    assert audit.writes() == {}
    return run


def release(cluster: Cluster) -> str:
    """The release that an installation has come to its end with."""
    return str(configuration(cluster)["status"]["core"]["version"])


# What is refused


def test_members_ahead_of_their_host(controller: Controller, after: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = controller.playbook("upgrade", after.with_host(kubesphere_release="v3.4.0"))
    text = "its kubesphere_release v3.4.1 is newer than the host's v3.4.0: upgrade the host first"
    assert run.status == 2, run.output
    assert run.failures == whole_list({"member-1": [text], "member-2": [text]})
    assert audit.writes() == {}


def test_one_member_that_cannot_be_upgraded_stops_all(controller: Controller, after: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = controller.playbook("upgrade", after.with_member("member-2", kubesphere_release="v3.2.1"))
    assert run.status == 2, run.output
    text = "KubeSphere v3.3.2 stands here; there is no way back to v3.2.1. Set the release to v3.3.2 or to a later one."
    failures = dict(run.failures)
    untouched = failures.pop("member-1")
    assert untouched.startswith("Nothing was written: member-2 has problems, so nothing was begun here.")
    assert failures == whole_list({"member-2": [text]})
    assert audit.writes() == {}


def test_waves_that_are_none(controller: Controller, after: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = controller.playbook("upgrade", after.with_all(kubesphere_waves=[0, "half"]))
    assert run.status == 2, run.output
    assert run.failures["member-1"].startswith("Nothing was written: kubesphere_waves has 0: a wave is a number")
    assert audit.writes() == {}


# The upgrade: a wave that fails, a run that is killed, and one that comes through


@pytest.fixture(scope="module")
def stopped(controller: Controller, after: Fleet, clusters: Clusters, foretold: Run) -> tuple[Run, Audit]:
    """A run whose first wave fails."""
    assert foretold.status == 0
    steer(clusters["member-1"], installer={"fail": "ks-core", "message": "no space left on {{ 1 + 1 }}"})
    audit = Audit(clusters.values())
    try:
        return controller.playbook("upgrade", after), audit
    finally:
        steer(clusters["member-1"])


def test_check_mode_foretells_the_upgrade(foretold: Run, stopped: tuple[Run, Audit]) -> None:
    """As far as it came: nothing of it is on the second member."""
    run, _audit = stopped
    assert run.actions
    assert [action for action in foretold.actions if "member-2" not in action] == run.actions
    assert [action.replace("member-2", "member-1") for action in foretold.actions if "member-2" in action] == [
        action for action in foretold.actions if "member-1" in action
    ]


def test_wave_that_fails_is_the_last(stopped: tuple[Run, Audit], clusters: Clusters) -> None:
    run, audit = stopped
    assert run.status == 2, run.output
    assert set(audit.writes()) == {"host", "member-1"}
    assert (release(clusters["host"]), release(clusters["member-2"])) == (AFTER, BEFORE)
    assert run.failures["member-1"].startswith("member-1: ks-installer failed: ")
    assert "no space left on {{ 1 + 1 }}" in run.failures["member-1"]
    assert run.failures["member-2"] == (
        "It was not begun, because member-1 failed, 1 of 1 in a wave, and kubesphere_max_failures (0) allows 0. "
        "Mend that, and run the playbook again: it goes on where it stopped."
    )
    assert {name: counts["failures"] for name, counts in run.stats.items()} == {
        "host": 0,
        "member-1": 1,
        "member-2": 1,
    }
    assert [row.split()[0] for row in run.table] == ["CLUSTER", "host", "member-1", "member-2"]


@pytest.fixture(scope="module")
def upgraded(controller: Controller, after: Fleet, clusters: Clusters, stopped: tuple[Run, Audit]) -> Run:
    """The run that finishes, after one that was killed on the second member."""
    assert stopped[0].status == 2
    mark = clusters["member-2"].audit_mark()
    started = controller.start("upgrade", after)
    eventually(lambda: clusters["member-2"].writes(mark, USER_AGENT), "the second wave", 60)
    started.kill()
    assert release(clusters["member-1"]) == AFTER
    run = controller.playbook("upgrade", after)
    assert run.status == 0, run.output
    return run


def test_run_goes_on_where_it_stopped(upgraded: Run, clusters: Clusters) -> None:
    assert {name: release(cluster) for name, cluster in clusters.items()} == dict.fromkeys(clusters, AFTER)
    assert (upgraded.changed["host"], upgraded.changed["member-1"]) == (0, 0)
    assert [upgraded.of("member", name)[0]["verified"] for name in ("member-1", "member-2")] == [True, True]
    assert [row.split()[-1] for row in upgraded.table[1:]] == ["works"] * 3


def test_next_run_writes_nothing(controller: Controller, after: Fleet, clusters: Clusters, upgraded: Run) -> None:
    assert upgraded.status == 0
    audit = Audit(clusters.values())
    run = controller.playbook("upgrade", after)
    assert run.status == 0, run.output
    assert audit.writes() == {}, run.output
    assert run.changed == dict.fromkeys(clusters, 0)


# Waves, on a fleet that stands: the first member's import is refused


@pytest.fixture(scope="module")
def renamed(after: Fleet, upgraded: Run) -> Fleet:
    """The inventory, with another name of the first member."""
    assert upgraded.status == 0
    return after.with_member("member-1", kubesphere_cluster_name="renamed")


@pytest.mark.parametrize(
    ("said", "begun"),
    [
        ({}, False),
        ({"kubesphere_waves": ["100%"]}, True),
        ({"kubesphere_waves": ["50%"], "kubesphere_max_failures": "99%"}, False),
        ({"kubesphere_waves": [1], "kubesphere_max_failures": 1}, True),
    ],
)
def test_waves_are_those_of_the_inventory(
    controller: Controller, renamed: Fleet, said: dict[str, object], begun: bool
) -> None:
    run = controller.playbook("upgrade", renamed.with_all(**said))
    assert run.status == 2, run.output
    assert run.failures["member-1"].startswith("renamed: it is imported into host already, as member-1. ")
    assert bool(run.of("member", "member-2")) is begun
    assert ("member-2" in run.failures) is not begun


def test_oldest_ansible_stops_and_goes_the_same_road(tmp_path: Path, renamed: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = Controller(tmp_path, OLDEST).playbook("upgrade", renamed)
    assert run.status == 2, run.output
    assert "was not begun, because member-1 failed" in run.failures["member-2"]
    assert [row.split()[0] for row in run.table] == ["CLUSTER", "host", "member-1", "member-2", "renamed"]
    assert audit.writes() == {}
