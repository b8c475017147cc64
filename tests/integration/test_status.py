"""What stands, what of it works, and what differs from the inventory: a direct member, and one by agent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import (
    Audit,
    steer,
)
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]

LONG_AGO = "2026-01-01T00:00:00Z"
DIRECT, BY_AGENT = "member-1", "member-2"


@pytest.fixture(scope="module")
def standing(controller: Controller, fleet: Fleet, clusters: Clusters) -> Fleet:
    """The inventory of the fleet that stands."""
    steer(clusters["host"], cloud={"address": "auto"})
    described = fleet.with_member(DIRECT, kubesphere_labels={"tier": "gold"}).with_member(
        BY_AGENT, kubesphere_connection="agent"
    )
    run = controller.playbook("site", described)
    assert run.status == 0, run.output
    return described


def verdict(run: Run) -> dict[str, Any]:
    """What a run of status has found."""
    [stats] = [task.result["ansible_stats"]["data"] for task in run.tasks if "ansible_stats" in task.result]
    return dict(stats["kubesphere_status"])


def texts(found: dict[str, Any], what: str) -> list[str]:
    """Differences or problems, one text for each."""
    return [f"{each['cluster']}: {each['text']}" for each in found[what]]


def details(run: Run, name: str) -> dict[str, Any]:
    """What member_info has said of one cluster."""
    [result] = run.of("member_info")
    return next(dict(each) for each in result["members"] if each["name"] == name)


def test_a_healthy_fleet(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = controller.playbook("status", standing, "-e", "kubesphere_status_fail_on=drift", "-vvv")
    assert run.status == 0, run.output
    assert verdict(run) == {"verdict": "clean", "drift": [], "problems": [], "unplanned": []}
    assert run.table[-1] == "Everything works, and stands as the inventory says."
    assert not any(run.changed.values())
    assert audit.requests() != {}
    assert audit.writes() == {}
