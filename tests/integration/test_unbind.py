"""Members that are unbound: what stood before the import stands again, dead ones too, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import CLUSTERS, DEPLOYMENTS, SYSTEM, Audit, eventually, names, steer
from tests.integration.objects import Objects, all_objects, difference
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import Object

Clusters = dict[str, Cluster]

MEMBERS = ("member-1", "member-2")
AGENT = f"{DEPLOYMENTS}/cluster-agent"
MINTED = f"{SYSTEM}/serviceaccounts/kubesphere-multicluster"
NAMESPACES = "/api/v1/namespaces"
WORKSPACES = "/apis/tenant.kubesphere.io/v1alpha1/workspaces"
TEMPLATES = "/apis/tenant.kubesphere.io/v1alpha2/workspacetemplates"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
WEBHOOK = f"{WEBHOOKS}/cluster.kubesphere.io"
MANAGED = "kubefed.io/managed"
NOTE = "kubesphere.multicluster/suspended-rules"

# Another webhook that nobody answers: while it is there, no Cluster can be updated.
OBSTACLE: Object = {
    "metadata": {"name": "obstacle.example.org"},
    "webhooks": [
        {
            "name": "obstacle.example.org",
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "rules": [
                {
                    "apiGroups": ["cluster.kubesphere.io"],
                    "apiVersions": ["*"],
                    "operations": ["UPDATE"],
                    "resources": ["clusters"],
                }
            ],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
    ],
}


@dataclass(frozen=True)
class Installed:
    """A fleet that is installed, and of which nothing is imported.

    Attributes:
        fleet: its inventory; member-1 is direct, member-2 by agent.
        before: what stands in each cluster.
    """

    fleet: Fleet
    before: dict[str, Objects]


@pytest.fixture(scope="module")
def installed(controller: Controller, fleet: Fleet, clusters: Clusters) -> Installed:
    """A host, and two members that are about to be imported."""
    steer(clusters["host"], cloud={"address": "auto"})
    wanted = fleet.with_member("member-1", kubesphere_credential="token").with_member(
        "member-2", kubesphere_connection="agent"
    )
    wanted = wanted.with_all(kubesphere_unbind_max=2)
    run = controller.playbook("install", wanted)
    assert run.status == 0, run.output
    run = controller.playbook("proxy", wanted)
    assert run.status == 0, run.output
    make_own_workspace(clusters["member-1"])
    return Installed(wanted, {name: all_objects(cluster) for name, cluster in clusters.items()})


def absent(installed: Installed, *members: str, **variables: Any) -> Fleet:
    """The inventory in which some members are to be absent."""
    fleet = installed.fleet
    for name in members:
        fleet = fleet.with_member(name, kubesphere_member_state="absent", **variables)
    return fleet


def tenant(version: str, kind: str, name: str, labels: dict[str, str]) -> Object:
    """A Workspace or its template."""
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": f"tenant.kubesphere.io/{version}", "kind": kind, "metadata": metadata, "spec": {}}


def going(cluster: Cluster) -> list[Object]:
    """Namespaces and pods that are being deleted."""
    items = [item for path in (NAMESPACES, "/api/v1/pods") for item in cluster.api.get(path)["items"]]
    return [item for item in items if "deletionTimestamp" in item["metadata"]]


def make_own_workspace(member: Cluster) -> None:
    """A workspace of the member's own with a namespace, as every KubeSphere has system-workspace."""
    member.api.create(TEMPLATES, tenant("v1alpha2", "WorkspaceTemplate", "own", {MANAGED: "false"}))
    made = member.api.create(WORKSPACES, tenant("v1alpha1", "Workspace", "own", {MANAGED: "false"}))
    make_namespace(member, "own-project", made)


def make_namespace(member: Cluster, name: str, workspace: Object, **labels: str) -> None:
    """A namespace of a workspace with something in it, as KubeSphere's controllers bind it."""
    owner = {
        **{key: workspace[key] for key in ("apiVersion", "kind")},
        **{key: workspace["metadata"][key] for key in ("name", "uid")},
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {"kubesphere.io/workspace": workspace["metadata"]["name"], **labels}
    member.api.create(NAMESPACES, {"metadata": {"name": name, "labels": labels, "ownerReferences": [owner]}})
    member.api.create(f"{NAMESPACES}/{name}/configmaps", {"metadata": {"name": "precious"}, "data": {"a": "b"}})


def federate(member: Cluster) -> None:
    """What kubefed does to a member: it takes over a workspace of the same name, and makes the host's others."""
    member.api.patch(f"{WORKSPACES}/own", {"metadata": {"labels": {MANAGED: "true"}}})
    made = member.api.create(WORKSPACES, tenant("v1alpha1", "Workspace", "team", {MANAGED: "true"}))
    make_namespace(member, "team-project", made, **{MANAGED: "true"})


def test_living_members(controller: Controller, installed: Installed, clusters: Clusters) -> None:
    member = clusters["member-1"]
    imported = controller.playbook("import", installed.fleet)
    assert imported.status == 0, imported.output
    assert member.api.find(MINTED) is not None
    assert all(difference(installed.before[name], all_objects(cluster)) for name, cluster in clusters.items())
    federate(member)
    uid = member.api.get(f"{NAMESPACES}/team-project")["metadata"]["uid"]
    token = clusters["host"].api.get(f"{CLUSTERS}/member-2")["spec"]["connection"]["token"]
    shorter = controller.playbook("unbind", absent(installed, "member-1").without("member-2"), "--check")
    assert told(shorter)["summary"] == "Plan: 1 to unbind; 1 not in the inventory, left alone: member-2."
    wanted = absent(installed, *MEMBERS)

    audit = Audit(clusters.values())
    foretold = controller.playbook("unbind", wanted, "--check", "--diff")
    assert foretold.status == 0, foretold.output
    assert audit.writes() == {}
    run = controller.playbook("unbind", wanted, "--diff", "-vvv")
    assert run.status == 0, run.output
    assert foretold.actions == run.actions
    plan, done = told(foretold), told(run)
    assert (plan["summary"], done["summary"]) == ("Plan: 2 to unbind.", "Done: 2 unbound.")
    assert plan["summary"] in foretold.output
    assert plan["changes"] == done["changes"]
    assert plan["changes"].keys() == set(MEMBERS)
    assert (done["not_begun"], done["left_alone"]) == ([], [])
    assert "delete Workspace team on member-1: it came from the host" in run.actions
    agent = "delete Deployment kubesphere-system/cluster-agent on member-2: the host does not know it any more"
    assert agent in run.actions
    assert [result["known"] for result in run.of("member") if "known" in result] == [True, True]
    assert token not in run.output

    survived = member.api.get(f"{NAMESPACES}/team-project")["metadata"]
    assert survived["uid"] == uid
    assert not survived.keys() & {"ownerReferences", "deletionTimestamp"}
    assert member.api.get(f"{NAMESPACES}/team-project/configmaps/precious")["data"] == {"a": "b"}
    member.api.delete(f"{NAMESPACES}/team-project")
    for name, cluster in clusters.items():
        stands_as_before(cluster, installed.before[name])

    audit = Audit(clusters.values())
    again = controller.playbook("unbind", wanted)
    assert again.status == 0, again.output
    assert again.actions == []
    assert told(again)["summary"] == "Done: nothing was to be done, 2 as they should be."
    assert audit.requests().keys() == set(clusters)
    assert audit.writes() == {}


def told(run: Run) -> dict[str, Any]:
    """What a run has handed on: a plan, or what it has done."""
    names = ("kubesphere_plan", "kubesphere_run")
    stats = (task.result.get("ansible_stats") or {} for task in run.tasks if task.status == "ok")
    found = [value for each in stats for name, value in each.get("data", {}).items() if name in names]
    assert found, run.output
    return dict(found[-1])


def stands_as_before(cluster: Cluster, before: Objects) -> None:
    """Wait until what takes its time to go has gone, and say what is different then."""
    eventually(lambda: not going(cluster), "nothing to be in deletion")
    found: list[str] = []

    def same() -> bool:
        found[:] = difference(before, all_objects(cluster))
        return not found

    try:
        eventually(same, "the same objects", 40)
    except AssertionError:
        raise AssertionError(f"{cluster.name} is not as it was:\n" + "\n".join(found)) from None


@pytest.fixture(scope="module")
def imported(controller: Controller, installed: Installed, clusters: Clusters) -> Fleet:
    """The inventory of the fleet, imported once more: member-1 under another name than before, member-2 as before."""
    audit = Audit(clusters.values())
    left_out = controller.playbook("import", absent(installed, *MEMBERS))
    assert left_out.status == 0, left_out.output
    assert audit.writes() == {}
    wanted = installed.fleet.with_member("member-1", kubesphere_cluster_name="renamed")
    run = controller.playbook("import", wanted)
    assert run.status == 0, run.output
    assert [result["verified"] for result in run.of("member")] == [True, True]
    return wanted


@pytest.mark.parametrize(
    ("states", "variables", "words"),
    [
        (["present", "present"], {"kubesphere_unbind": ["host"]}, "host is the host itself"),
        (["absent", "present"], {"kubesphere_unbind": ["member-2"]}, "member-2 is listed as present in the inventory"),
        (["absent", "absent"], {"kubesphere_unbind_max": "50%"}, "2 of 2 members at once"),
    ],
)
def test_what_is_refused(
    controller: Controller,
    imported: Fleet,
    clusters: Clusters,
    states: list[str],
    variables: dict[str, Any],
    words: str,
) -> None:
    audit = Audit(clusters.values())
    wanted = imported.with_all(**variables, kubesphere_force=True)
    for name, state in zip(MEMBERS, states, strict=True):
        wanted = wanted.with_member(name, kubesphere_member_state=state)
    run = controller.playbook("unbind", wanted)
    assert run.status == 2, run.output
    assert [text for text in run.failures.values() if words in text] != [], run.output
    assert audit.writes() == {}


def test_another_cluster_than_the_one_that_was_imported(
    controller: Controller, imported: Fleet, clusters: Clusters
) -> None:
    audit = Audit(clusters.values())
    swapped = imported.with_member(
        "member-1", kubesphere_member_state="absent", kubesphere_kubeconfig=str(clusters["member-2"].kubeconfig)
    )
    run = controller.playbook("unbind", swapped)
    assert "Cluster renamed on host is another cluster" in run.failures["member-1"]
    assert audit.writes() == {}


@pytest.fixture
def dead(clusters: Clusters) -> Iterator[None]:
    """The first member is reached by nobody; it lives again when the test ends."""
    host, member = clusters["host"], clusters["member-1"]
    host.cut_way_to(member, reject=True)
    member.cut_from_machine()
    yield
    host.mend(member)
    member.mend_to_machine()


@pytest.mark.usefixtures("dead")
def test_dead_member_and_a_run_that_is_killed_in_between(
    controller: Controller, imported: Fleet, clusters: Clusters
) -> None:
    host = clusters["host"]
    hook = host.api.get(WEBHOOK)["webhooks"]
    wanted = imported.with_all(kubesphere_request_timeout=3).with_member("member-1", kubesphere_member_state="absent")
    audit = Audit([host])
    refused = controller.playbook("unbind", wanted)
    assert "kubesphere_force to true, to clean the host only" in refused.failures["member-1"]
    assert audit.writes() == {}

    forced = wanted.with_all(kubesphere_force=True)
    foretold = controller.playbook("unbind", forced, "--check")
    assert foretold.status == 0, foretold.output
    assert audit.writes() == {}
    host.api.create(WEBHOOKS, OBSTACLE)
    started = controller.start("unbind", forced)
    eventually(lambda: is_suspended(host) or started.process.poll() is not None, "the webhook to be suspended")
    assert started.process.poll() is None, started.output
    started.kill()
    host.api.delete(f"{WEBHOOKS}/{OBSTACLE['metadata']['name']}")
    assert is_suspended(host)
    assert all(each.get("rules", []) == [] for each in host.api.get(WEBHOOK)["webhooks"])

    run = controller.playbook("unbind", forced)
    assert run.status == 0, run.output
    assert host.api.get(WEBHOOK)["webhooks"] == hook
    assert not is_suspended(host)
    assert "renamed" not in names(host)
    assert (
        "patch ValidatingWebhookConfiguration cluster.kubesphere.io on host: restore what was suspended" in run.actions
    )
    assert "patch Cluster renamed on host: KubeSphere does not let it go by itself" in foretold.actions
    [result] = [each for each in run.of("member") if "known" in each]
    assert result["member_cleaned"] is False
    assert any("kubefed-controller-manager:renamed-kubesphere" in each for each in result["remaining"])
    assert result["commands"][-1] in run.output
    audit = Audit([host])
    again = controller.playbook("unbind", forced)
    assert again.status == 0, again.output
    assert again.actions == []
    assert audit.writes() == {}


def is_suspended(host: Cluster) -> bool:
    """Whether the webhook of Clusters is suspended."""
    return NOTE in (host.api.get(WEBHOOK)["metadata"].get("annotations") or {})


def test_member_that_lives_again(
    controller: Controller, imported: Fleet, installed: Installed, clusters: Clusters
) -> None:
    wanted = imported.with_member("member-1", kubesphere_member_state="absent")
    audit = Audit(clusters.values())
    refused = controller.playbook("unbind", wanted)
    assert "it says that a host has imported it as renamed" in refused.failures["member-1"]
    assert audit.writes() == {}
    run = controller.playbook("unbind", wanted.with_all(kubesphere_force=True))
    assert run.status == 0, run.output
    stands_as_before(clusters["member-1"], installed.before["member-1"])


def test_cluster_that_the_inventory_no_longer_lists(
    controller: Controller, imported: Fleet, installed: Installed, clusters: Clusters
) -> None:
    shorter = imported.without(*MEMBERS).with_all(kubesphere_unbind=["member-2"])
    refused = controller.playbook("unbind", shorter)
    assert "it is not reached by the play" in refused.output
    assert list(told(refused)["problems"]) == ["member-2"]
    forced = shorter.with_all(kubesphere_force=True)
    foretold = controller.playbook("unbind", forced, "--check")
    assert foretold.status == 0, foretold.output
    run = controller.playbook("unbind", forced)
    assert run.status == 0, run.output
    assert foretold.actions == run.actions == ["delete Cluster member-2 on host: unbind it"]
    assert told(foretold)["changes"] == told(run)["changes"]
    assert [step["what"] for step in told(run)["changes"]["member-2"]] == ["unbind"]
    stands_as_before(clusters["host"], installed.before["host"])
    member = clusters["member-2"]
    assert member.api.find(AGENT) is not None
    rest = absent(installed, "member-2").with_all(kubesphere_force=True)
    assert controller.playbook("unbind", rest).status == 0
    stands_as_before(member, installed.before["member-2"])
