"""Members that are unbound: what stood before the import stands again, dead ones too, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.controller import Controller, Fleet
from tests.integration.kubesphere import CLUSTERS, Audit, eventually, steer
from tests.integration.objects import Objects, all_objects, difference
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import Object

Clusters = dict[str, Cluster]

MEMBERS = ("member-1", "member-2")
NAMESPACES = "/api/v1/namespaces"
WORKSPACES = "/apis/tenant.kubesphere.io/v1alpha1/workspaces"
TEMPLATES = "/apis/tenant.kubesphere.io/v1alpha2/workspacetemplates"
WEBHOOK = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/cluster.kubesphere.io"
MANAGED = "kubefed.io/managed"
NOTE = "kubesphere.multicluster/suspended-rules"


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
    wanted = fleet.with_member("member-2", kubesphere_connection="agent").with_all(kubesphere_unbind_max=2)
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
    federate(member)
    uid = member.api.get(f"{NAMESPACES}/team-project")["metadata"]["uid"]
    token = clusters["host"].api.get(f"{CLUSTERS}/member-2")["spec"]["connection"]["token"]
    wanted = absent(installed, *MEMBERS)

    audit = Audit(clusters.values())
    foretold = controller.playbook("unbind", wanted, "--check", "--diff")
    assert foretold.status == 0, foretold.output
    assert audit.writes() == {}
    run = controller.playbook("unbind", wanted, "--diff", "-vvv")
    assert run.status == 0, run.output
    assert foretold.actions == run.actions
    assert "delete Workspace team on member-1: it came from the host" in run.actions
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
    assert audit.requests().keys() == set(clusters)
    assert audit.writes() == {}


def stands_as_before(cluster: Cluster, before: Objects) -> None:
    """Wait until what takes its time to go has gone, and say what is different then."""
    found: list[str] = []

    def same() -> bool:
        found[:] = difference(before, all_objects(cluster))
        return not found

    try:
        eventually(same, "the same objects", 10)
    except AssertionError:
        raise AssertionError(f"{cluster.name} is not as it was:\n" + "\n".join(found)) from None
