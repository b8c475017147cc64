"""The road with each ansible-core: planned, gone, gone again, looked at, refused, renewed, on a bastion, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import CLUSTERS, Audit, names, stored_kubeconfig
from tests.prepare import PYTHONS, bastion_python
from tests.sandbox.cluster import Cluster

Clusters = dict[str, Cluster]


def done(run: Run) -> Run:
    """A run that came through."""
    assert run.status == 0, run.output
    return run


@pytest.fixture(scope="module")
def foretold(controller: Controller, fleet: Fleet, clusters: Clusters) -> Run:
    """A check run before the first run."""
    audit = Audit(clusters.values())
    run = done(controller.playbook("site", fleet, "--check", "--diff"))
    assert audit.requests() != {}
    assert audit.writes() == {}
    return run


@pytest.fixture(scope="module")
def first(controller: Controller, fleet: Fleet, foretold: Run) -> Run:
    """The first run."""
    assert foretold.actions
    return done(controller.playbook("site", fleet, "--diff"))


@pytest.fixture(scope="module")
def standing(first: Run, fleet: Fleet) -> Fleet:
    """The inventory of the fleet that stands."""
    assert first.status == 0
    return fleet


def test_plan_is_what_the_run_does(foretold: Run, first: Run) -> None:
    assert len(first.actions) > 10
    assert (foretold.actions, foretold.changed) == (first.actions, first.changed)


def test_run_joins_the_fleet(first: Run, clusters: Clusters) -> None:
    assert names(clusters["host"]) == ["host", "member-1", "member-2"]
    assert [result["verified"] for result in first.of("member")] == [True, True]
    alias = clusters["host"].api.get(f"{CLUSTERS}/member-2")["metadata"]["annotations"]["kubesphere.io/alias-name"]
    assert alias == "Über den Fluß"


def test_second_run_writes_nothing(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = done(controller.playbook("site", standing))
    assert run.changed == dict.fromkeys(clusters, 0)
    assert audit.requests().keys() == set(clusters)
    assert audit.writes() == {}


def test_status_shows_the_fleet(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = done(controller.playbook("status", standing, "-e", "kubesphere_status_fail_on=drift"))
    assert [line.split()[:3] for line in run.table[1:4]] == [
        ["host", "host", "direct"],
        ["member-1", "member", "direct"],
        ["member-2", "member", "agent"],
    ]
    assert audit.writes() == {}


def test_refusal_is_a_message(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    run = controller.playbook("site", standing.with_member("member-1", kubesphere_cluster_name="member-2"))
    assert run.status == 2, run.output
    assert "Nothing was written." in run.failures["member-1"], run.output
    assert audit.writes() == {}


def test_credential_is_renewed(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    def token() -> str:
        return str(stored_kubeconfig(clusters["host"], "member-1")["users"][0]["user"]["token"])

    former = token()
    asked = ("-e", "kubesphere_renew=true")
    foretold = done(controller.playbook("renew", standing, *asked, "--check"))
    run = done(controller.playbook("renew", standing, *asked))
    assert run.actions == foretold.actions != []
    assert token() != former
    for secret in (token(), former):
        assert secret not in foretold.output + run.output
    assert done(controller.playbook("renew", standing)).actions == []


@pytest.mark.parametrize("python", PYTHONS)
def test_modules_on_a_bastion(controller: Controller, standing: Fleet, clusters: Clusters, python: str) -> None:
    """Modules travel, and run under an older and a newer Python with the same result as here."""
    bastion = bastion_python(python)
    if bastion is None:
        pytest.skip(f"this machine has no Python {python}")
    host = {"name": "host", "kubeconfig": str(clusters["host"].kubeconfig)}
    member = {"kubeconfig": str(clusters["member-1"].kubeconfig), "host_cluster": host, "alias": "From a bastion"}
    there = ("-c", "bastion", "-e", f"ansible_python_interpreter={bastion.python}")
    looked_at = {"kubeconfig": member["kubeconfig"], "cluster_name": "member-1"}
    for module, arguments in (("member", member), ("cluster_info", looked_at)):
        said = [
            result_of(controller.module(module, "member-1", standing, arguments, "--check", "--diff", *where))
            for where in (("-c", "local"), there)
        ]
        assert said[0] == said[1]


def result_of(run: Run) -> dict[str, Any]:
    """The result of a run's only task, without what differs from one run to the next."""
    [task] = done(run).tasks
    volatile = ("invocation", "warnings", "deprecations", "ansible_facts")
    return {key: value for key, value in task.result.items() if key not in volatile}


def test_member_is_unbound(controller: Controller, standing: Fleet, clusters: Clusters) -> None:
    wanted = standing.with_member("member-2", kubesphere_member_state="absent")
    foretold = done(controller.playbook("unbind", wanted, "--check"))
    run = done(controller.playbook("unbind", wanted))
    assert run.actions == foretold.actions != []
    assert names(clusters["host"]) == ["host", "member-1"]
    audit = Audit(clusters.values())
    assert done(controller.playbook("unbind", wanted)).actions == []
    assert audit.writes() == {}


def test_nothing_is_deprecated(controller: Controller, standing: Fleet) -> None:
    """What this ansible-core warns of ends with a later one; all the runs above were to say nothing of the kind."""
    outputs = [file.read_text() for file in Path(controller.folder).glob("run-*/output")]
    assert len(outputs) > 10
    assert [line for output in outputs for line in output.splitlines() if "DEPRECAT" in line] == []
    assert standing.members
