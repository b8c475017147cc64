"""What stands after a member was unbound, seen by somebody who knows KubeSphere and not the collection."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from tests.sandbox import audit
from tests.scenario import (
    CLUSTERS,
    DEPLOYMENTS,
    STATE,
    SYSTEM,
    WORKPLACE,
    api,
    changes,
    cluster_object,
    name_of,
    playbook,
    settings,
)

PRODUCT = "kubesphere.multicluster/"
FEDERATION = "kube-federation-system"
GONE = "member-2"

testinfra_hosts = ["ansible://all"]


@pytest.fixture(scope="module")
def plan() -> str:
    """What a check run prints when everything is done."""
    return playbook("kubesphere.multicluster.unbind", "--check", "--diff")


def test_it_was_there() -> None:
    events = audit.select(audit.read(STATE / f"{GONE}.audit.log"), PRODUCT)
    assert audit.writes(events)["delete", "deployments"] == 1


def test_host_knows_the_others() -> None:
    found = api("host").get(CLUSTERS)["items"]
    assert {item["metadata"]["name"] for item in found} == {"host", "member-1"}
    conditions = cluster_object("member-1")["status"]["conditions"]
    assert {item["type"] for item in conditions if item["status"] == "True"} >= {"Federated", "Ready"}


def test_host_has_nothing_of_it() -> None:
    host = api("host")
    assert host.find(f"/apis/core.kubefed.io/v1beta1/namespaces/{FEDERATION}/kubefedclusters/{GONE}") is None
    assert host.find(f"/api/v1/namespaces/{FEDERATION}/secrets/{GONE}-secret") is None
    assert host.find(f"{SYSTEM}/services/mc-{GONE}") is None


def test_it_has_nothing_of_the_host() -> None:
    member = api(GONE)
    assert member.find(f"{DEPLOYMENTS}/cluster-agent") is None
    assert member.find(f"/api/v1/namespaces/{FEDERATION}") is None
    for kind in ("clusterroles", "clusterrolebindings"):
        found = member.get(f"/apis/rbac.authorization.k8s.io/v1/{kind}")["items"]
        assert [item for item in found if item["metadata"]["name"].startswith("kubefed-controller-manager:")] == []
    assert "clusterName" not in settings(GONE)["multicluster"]


def test_its_kubesphere_goes_on() -> None:
    found = api(GONE).get(DEPLOYMENTS)["items"]
    ready = {item["metadata"]["name"] for item in found if item["status"].get("availableReplicas")}
    assert {"ks-apiserver", "ks-controller-manager", "ks-installer"} <= ready


def test_second_run_wrote_nothing(host: Host) -> None:
    mark = int((STATE / name_of(host) / "audit.mark").read_text())
    events = audit.select(audit.read(STATE / f"{name_of(host)}.audit.log", mark), PRODUCT)
    assert events, "the second run did not even look at this cluster"
    assert audit.writes(events) == {}


def test_plan_of_what_is_done_is_empty(host: Host, plan: str) -> None:
    assert changes(plan).get(name_of(host), 0) == 0


def test_secrets_are_in_no_output(host: Host, plan: str) -> None:
    log = (WORKPLACE / "ansible.log").read_text()
    assert "TASK [kubesphere.multicluster.unbind : Unbind]" in log
    secret = settings(name_of(host))["authentication"]["jwtSecret"]
    assert secret not in log, "the jwtSecret is shown"
    assert secret not in plan, "the jwtSecret is shown"
