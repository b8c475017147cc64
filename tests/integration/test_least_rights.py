"""The road with the rights that docs/rbac grants and no others, and each of these rights used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests import rights
from tests.integration.controller import Controller, Fleet, Run
from tests.integration.kubesphere import CLUSTERS, Audit, names, steer
from tests.integration.test_unbind import federate, make_own_workspace
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import KubeApi, Object

Clusters = dict[str, Cluster]

# Releases of real programs are one.
pytestmark = pytest.mark.stand_in("ks-apiserver", "controller-manager")

RBAC = Path(__file__).resolve().parents[2] / "docs" / "rbac"
ACCOUNT = "kubesphere-multicluster-play"
USER = f"system:serviceaccount:kubesphere-system:{ACCOUNT}"
INSTALL = f"{ACCOUNT}-install"
MEMBERS = ("member-1", "member-2")
PORT = 30890
POLICY = "/apis/networking.k8s.io/v1/namespaces/kubesphere-system/networkpolicies/kubesphere-multicluster-tower"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

RBAC_GROUP = "rbac.authorization.k8s.io"
NOT_SEEN = {
    rights.Right("escalate", RBAC_GROUP, "clusterroles"): "RBAC asks for it by itself, which no audit log shows",
    rights.Right("bind", RBAC_GROUP, "clusterroles", name="ks-installer"): "RBAC asks for it by itself",
    rights.Right("bind", RBAC_GROUP, "clusterroles", name="cluster-admin"): "RBAC asks for it by itself",
    rights.Right(
        "approve", "certificates.k8s.io", "signers", name="kubernetes.io/kube-apiserver-client"
    ): "an admission plugin asks for it",
    rights.Right(
        "patch",
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        name="clusterconfigurations.installer.kubesphere.io",
    ): "an upgrade from 3.1",
    **{
        rights.Right(verb, "apps", "deployments", "kubesphere-system", "ks-apiserver"): "one that holds another address"
        for verb in ("get", "patch")
    },
    rights.Right(
        "patch", "admissionregistration.k8s.io", "validatingwebhookconfigurations", name="cluster.kubesphere.io"
    ): "a dead member",
    **{
        rights.Right("delete", *leftover): "KubeSphere removes it by itself, unless the member is dead"
        for leftover in (
            ("core.kubefed.io", "kubefedclusters", "kube-federation-system"),
            ("", "secrets", "kube-federation-system"),
        )
    },
    rights.Right("get", "batch", "jobs", "kubesphere-system"): "a Job that takes long, or that a killed run has left",
}
"""Rights that are granted and not used here, and what they are for."""

DANGEROUS = [
    {"verb": "*", "group": "*", "resource": "*"},
    {"verb": "list", "resource": "secrets"},
    {"verb": "list", "resource": "secrets", "namespace": "kube-system"},
    {"verb": "create", "resource": "pods", "subresource": "exec", "namespace": "kubesphere-system"},
    {
        "verb": "create",
        "resource": "serviceaccounts",
        "subresource": "token",
        "namespace": "kubesphere-system",
        "name": "kubesphere",
    },
    {"verb": "escalate", "group": RBAC_GROUP, "resource": "clusterroles"},
    {"verb": "bind", "group": RBAC_GROUP, "resource": "clusterroles", "name": "admin"},
    {"verb": "impersonate", "resource": "users"},
    {"verb": "patch", "group": "apps", "resource": "deployments", "namespace": "kubesphere-system", "name": "tower"},
    {"verb": "patch", "resource": "nodes"},
]


def manifest(cluster: Cluster) -> list[Object]:
    """What the documentation grants on a cluster."""
    return rights.load(RBAC / ("host.yml" if cluster.name == "host" else "member.yml"))


def collection(item: Object) -> str:
    """Path of the objects of which one is."""
    version, namespace = item["apiVersion"], item["metadata"].get("namespace")
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{base}{f'/namespaces/{namespace}' if namespace else ''}/{item['kind'].lower()}s"


def grant(cluster: Cluster) -> str:
    """Apply the manifest; the path of a kubeconfig of the account in it."""
    for item in manifest(cluster):
        cluster.api.create(collection(item), item)
    return str(cluster.token_kubeconfig(ACCOUNT, "kubesphere-system"))


class Play:
    """What the account has asked for since this was made."""

    def __init__(self, clusters: Clusters) -> None:
        self._marks = {name: (cluster, cluster.audit_mark()) for name, cluster in clusters.items()}

    def events(self, chosen: Iterable[str]) -> list[dict[str, Any]]:
        """Its requests to some clusters."""
        marks = [self._marks[name] for name in chosen]
        return rights.of_user((event for cluster, mark in marks for event in cluster.audit_events(mark)), USER)


@pytest.fixture(scope="module")
def play(clusters: Clusters) -> Play:
    """What is asked for from here on."""
    return Play(clusters)


@pytest.fixture(scope="module")
def restricted(fleet: Fleet, clusters: Clusters, play: Play) -> Fleet:
    """The inventory with the documented rights: one member direct, one by agent, both of older releases."""
    assert play
    wanted = fleet.with_all(kubesphere_proxy_timeout=20).with_host(
        kubesphere_kubeconfig=grant(clusters["host"]),
        kubesphere_proxy_network_policy=True,
        kubesphere_proxy_source="node_port",
        kubesphere_proxy_node_port=PORT,
    )
    wanted = wanted.with_member(
        "member-1",
        kubesphere_kubeconfig=grant(clusters["member-1"]),
        kubesphere_connection="auto",
        kubesphere_release="v3.4.0",
        # What KubeSphere gets has to be cluster-admin; what the play has, need not.
        kubesphere_credential="token",
    )
    return wanted.with_member(
        "member-2",
        kubesphere_kubeconfig=grant(clusters["member-2"]),
        kubesphere_connection="agent",
        kubesphere_release="v3.2.1",
    )


@pytest.fixture(scope="module")
def first(controller: Controller, restricted: Fleet) -> Run:
    """The whole road."""
    return succeed(controller, "site", restricted)


@pytest.fixture(scope="module")
def moved(controller: Controller, restricted: Fleet, first: Run) -> Fleet:
    """The inventory after upgrades and with another proxy address."""
    assert first
    wanted = restricted.with_host(kubesphere_proxy_node_port=PORT + 1)
    wanted = wanted.with_member("member-1", kubesphere_release="v3.4.1")
    wanted = wanted.with_member("member-2", kubesphere_release="v3.3.2")
    succeed(controller, "site", wanted)
    return wanted


@pytest.fixture(scope="module")
def unbound(moved: Fleet, clusters: Clusters) -> Fleet:
    """The inventory once nothing is to be installed any more, and the rights for that are taken back."""
    for cluster in clusters.values():
        for item in manifest(cluster):
            if item["kind"] in ("RoleBinding", "ClusterRoleBinding") and item["metadata"]["name"] == INSTALL:
                cluster.api.delete(f"{collection(item)}/{INSTALL}")
    return moved


def succeed(controller: Controller, playbook: str, fleet: Fleet) -> Run:
    run = controller.playbook(playbook, fleet)
    assert run.status == 0, run.output
    return run


def test_the_whole_road(first: Run, host: Cluster) -> None:
    assert names(host) == ["host", "member-1", "member-2"]
    types = {name: host.api.get(f"{CLUSTERS}/{name}")["spec"]["connection"]["type"] for name in MEMBERS}
    assert types == {"member-1": "direct", "member-2": "proxy"}
    assert {row.split()[-1] for row in first.table[1:]} == {"works"}


def test_second_run_without_the_rights_to_install(controller: Controller, unbound: Fleet, clusters: Clusters) -> None:
    audit = Audit(clusters.values())
    for playbook in ("site", "status"):
        run = succeed(controller, playbook, unbound)
        assert not any(run.changed.values())
    assert audit.writes() == {}


def test_changes_without_the_rights_to_install(controller: Controller, unbound: Fleet, host: Cluster) -> None:
    wanted = unbound.with_member("member-1", kubesphere_labels={"tier": "gold"})
    wanted = wanted.with_member("member-2", kubesphere_agent={"environment": {"NO_PROXY": "192.0.2.0/24"}})
    assert len(succeed(controller, "import", wanted).actions) == 2
    host.api.patch(POLICY, {"spec": {"ingress": [{}]}})
    assert len(succeed(controller, "proxy", unbound).actions) == 1
    run = succeed(controller, "proxy", unbound.with_host(kubesphere_proxy_network_policy=False))
    assert [action.split()[0] for action in run.actions] == ["delete"]


def test_renewal_without_the_rights_to_install(controller: Controller, unbound: Fleet) -> None:
    for kind in ("certificate", "token_secret"):
        wanted = unbound.with_member("member-1", kubesphere_credential=kind)
        run = succeed(controller, "renew", wanted.with_all(kubesphere_credential_days=30))
        assert run.changed["member-1"] == 1


def test_switch_without_the_rights_to_install(controller: Controller, unbound: Fleet, clusters: Clusters) -> None:
    direct = unbound.with_member(
        "member-2",
        kubesphere_connection="direct",
        kubesphere_switch_connection=True,
        kubesphere_member_kubeconfig=str(clusters["member-2"].kubeconfig),
    )
    run = succeed(controller, "import", direct)
    assert {action.split()[0] for action in run.actions} >= {"patch", "delete"}


def test_unbind_without_the_rights_to_install(controller: Controller, unbound: Fleet, clusters: Clusters) -> None:
    member = clusters["member-1"]
    make_own_workspace(member)
    federate(member)
    absent = unbound.with_all(kubesphere_unbind_max=2)
    for name in MEMBERS:
        absent = absent.with_member(name, kubesphere_member_state="absent")
    run = succeed(controller, "unbind", absent)
    assert "delete Workspace team on member-1: it came from the host" in run.actions
    assert names(clusters["host"]) == ["host"]


def test_pending_address_is_explained(controller: Controller, unbound: Fleet, host: Cluster) -> None:
    steer(host, cloud={"fail": "the quota of addresses is used up"})
    run = controller.playbook("proxy", unbound.with_host(kubesphere_proxy_source="ingress", kubesphere_proxy_timeout=2))
    assert "the quota of addresses is used up" in run.failures["host"]


@pytest.mark.parametrize("attributes", DANGEROUS, ids=lambda each: "-".join(each.values()))
def test_what_is_not_granted(unbound: Fleet, attributes: dict[str, str]) -> None:
    for given in (*unbound.hosts.values(), *unbound.members.values()):
        review = {"spec": {"resourceAttributes": attributes}}
        answer = KubeApi.from_kubeconfig(given["kubesphere_kubeconfig"]).create(REVIEWS, review)
        assert answer["status"].get("allowed") is False


def test_nothing_was_forbidden_and_each_right_was_used(play: Play, clusters: Clusters) -> None:
    """The last one, for it looks at what the others have asked for."""
    everything = play.events(clusters)
    assert rights.denied(everything) == []
    lacking: list[rights.Right] = []
    vain: list[rights.Right] = []
    for chosen in (("host",), MEMBERS):
        items = manifest(clusters[chosen[0]])
        asked = rights.used(play.events(chosen))
        lacking += rights.missing(rights.granted(items), asked)
        # What installs is the same for all, and not every cluster is upgraded.
        installing = [item for item in items if item["metadata"]["name"] == INSTALL]
        standing = [item for item in items if item["metadata"]["name"] != INSTALL]
        vain += rights.superfluous(rights.granted(standing), asked)
        vain += rights.superfluous(rights.granted(installing), rights.used(everything))
    assert lacking == []
    # Who waits for something that is so already, watches nothing.
    assert [str(right) for right in vain if right not in NOT_SEEN and right.verb != "watch"] == []
