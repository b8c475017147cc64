# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of importing a member, on two API servers in dictionaries."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Forbidden,
    ServerError,
    Unauthorized,
    WaitTimeout,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.reads import Reads
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    SERVICE,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import NAMESPACE as NAMESPACE_KIND
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import credentials
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member import (
    OtherCluster,
    Wanted,
    import_member,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member_direct import DirectOptions
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER,
    CLUSTER_CONFIGURATION,
    FORMER_CONNECTION,
    HOST_LABEL,
    NAMESPACE,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

from tests.unit.fakes import Clock, FakeSession, item
from tests.unit.kube.test_connection import config as kubeconfig
from tests.unit.kubesphere.test_installation import OTHER, SECRET, standing

PROXY = f"/api/v1/namespaces/{NAMESPACE}/services/:ks-apiserver:80/proxy"
KUBECONFIG = kubeconfig(user={"token": "a-member-token"})


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


def one(
    name: str, role: str, *items: Object, secret: str = SECRET, planning: bool = False, **multi: str
) -> FakeSession:
    content = {"authentication": {"jwtSecret": secret}, "multicluster": {"clusterRole": role, **multi}}
    data = {"kubesphere.yaml": json.dumps(content)}
    system = item(NAMESPACE_KIND, "kube-system")
    system["metadata"]["uid"] = f"uid-of-{name}"
    own = item(CLUSTER, "host", status={"uid": "uid-of-host"})
    own["metadata"]["labels"] = {HOST_LABEL: ""}
    here = [own] if role == "host" else []
    kubesphere = item(CONFIG_MAP, "kubesphere-config", NAMESPACE, data=data)
    session = FakeSession(name, standing(role), kubesphere, system, *here, *items, planning=planning)
    session.answers[f"{PROXY}/kapis/version"] = lambda: {"gitVersion": "v3.4.1"}
    session.answers[f"{PROXY}/api/clusters/m/v1/nodes"] = lambda: {"items": [{}], "metadata": {"remainingItemCount": 2}}
    return session


def run(host: FakeSession, member: FakeSession, timeout: float | None = None, **wanted: Any) -> Result:
    direct = DirectOptions(wanted.pop("kubeconfig", KUBECONFIG), wanted.pop("kubesphere_api_endpoint", ""))
    return import_member(host, member, Wanted(**{"name": "m", "direct": direct, **wanted}), wait_timeout=timeout)


def become_ready(host: FakeSession, uid: str = "uid-of-member") -> None:
    """Let every new Cluster be ready at once; a uid may have its name in it."""

    def control(method: str, written: Object) -> None:
        if method == "POST":
            conditions = [{"type": kind, "status": "True"} for kind in ("Federated", "Ready")]
            host.put({**written, "status": {"conditions": conditions, "uid": uid.format(**written["metadata"])}})

    host.on_write = control


def test_import_and_again_nothing() -> None:
    host, member = one("host", "host"), one("member", "member")
    become_ready(host)
    found = run(host, member, 5, alias="Mine", region="eu")
    assert found.actions == ["create Cluster m on host: import it"]
    assert found.data == {
        "name": "m",
        "connection": "direct",
        "uid": "uid-of-member",
        "nodes": 3,
        "verified": True,
    }
    assert "a-member-token" not in json.dumps([found.actions, found.diff])
    assert member.writes == []
    host.journal.clear()
    assert not run(host, member, 5, alias="Mine", region="eu").changed


CLUSTERS, OWN = CLUSTER.path(), CLUSTER.path("m")
CONFIG = CONFIG_MAP.path("kubesphere-config", NAMESPACE)
INSTALLER = CLUSTER_CONFIGURATION.path("ks-installer", NAMESPACE)
USE = f"{PROXY}/api/clusters/m/v1/nodes"
SYSTEM = NAMESPACE_KIND.path("kube-system")


def test_how_many_requests_it_takes() -> None:
    host, member = one("host", "host"), one("member", "member")
    run(host, member)
    first = [("GET", OWN), ("GET", CONFIG), ("GET", CLUSTERS), ("GET", INSTALLER), ("POST", CLUSTERS)]
    assert sorted(host.requests) == sorted(first)  # then it is watched until it is Ready, and used
    assert member.requests == [("GET", SYSTEM), ("GET", CONFIG), ("GET", f"{PROXY}/kapis/version")]
    conditions = [{"type": kind, "status": "True"} for kind in ("Federated", "Ready")]
    host.put({**host.at(CLUSTER, "m"), "status": {"conditions": conditions, "uid": "uid-of-member"}})
    host.journal.clear()
    host.requests.clear()
    member.requests.clear()
    assert not run(host, member, 5).changed
    assert host.requests == [("GET", OWN), ("GET", CONFIG), ("GET", USE)]
    assert member.requests == [("GET", SYSTEM)]


def test_how_many_requests_members_take_together() -> None:
    host = one("host", "host")
    names = [f"m{number}" for number in range(8)]
    become_ready(host, "uid-of-{name}")
    for name in names:
        host.answers[f"{PROXY}/api/clusters/{name}/v1/nodes"] = lambda: {"items": [{}]}
    members = {name: one(name, "member") for name in names}

    def together() -> list[bool]:
        host.requests.clear()
        host.reads = Reads(host, followed=[CLUSTER], once=[CONFIG, INSTALLER])

        def imported(name: str) -> bool:
            own = kubeconfig({"server": f"https://{name}.example.org:6443"}, {"token": f"the-token-of-{name}"})
            return run(host.sibling(), members[name], 30, name=name, kubeconfig=own).changed  # type: ignore[arg-type]

        with ThreadPoolExecutor(len(names)) as pool:
            changed = list(pool.map(imported, names))
        host.reads.close()
        return changed

    uses = [("GET", f"{PROXY}/api/clusters/{name}/v1/nodes") for name in names]
    once = [("GET", CLUSTERS), ("GET", CONFIG), ("WATCH", CLUSTERS)]
    assert all(together())
    assert sorted(host.requests) == sorted([*once, ("GET", INSTALLER), *[("POST", CLUSTERS)] * len(names), *uses])
    assert not any(together())
    assert sorted(host.requests) == sorted([*once, *uses])


def test_a_cluster_that_is_being_deleted() -> None:
    host, member = one("host", "host"), one("member", "member")
    going = item(CLUSTER, "m", spec={"connection": {"type": "direct"}})
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    host.put(going)
    with pytest.raises(Refused, match="Cluster m on host is being deleted"):
        run(host, member, 5)
    assert host.writes == []


def test_a_plan_is_the_run() -> None:
    plan = run(one("host", "host", planning=True), one("member", "member", planning=True), 5)
    done = run(one("host", "host"), one("member", "member"))
    assert (plan.actions, plan.diff) == (done.actions, done.diff)


def test_only_what_is_wanted_is_changed() -> None:
    host, member = one("host", "host"), one("member", "member")
    run(host, member, labels={"a": "b"})
    host.journal.clear()
    found = run(host, member, provider="x")
    assert len(found.actions) == 1
    assert host.at(CLUSTER, "m")["metadata"]["labels"] == {"a": "b"}
    assert host.at(CLUSTER, "m")["spec"]["provider"] == "x"


@pytest.mark.parametrize(
    ("member", "wanted", "words"),
    [
        (one("member", "member", secret=OTHER), {}, "its jwtSecret differs from the host's"),
        (one("member", "host"), {}, "KubeSphere runs here as host, not as member"),
        (one("host", "member"), {}, "it is the host itself"),
        (one("member", "member"), {"name": "host"}, "host is the name of the host's own Cluster"),
        (one("member", "member"), {"name": "M_1"}, "is not valid"),
        (one("member", "member", clusterName="x"), {}, "a host has imported it as x, and host has not"),
        (one("member", "member", clusterName="host"), {}, "a host has imported it as host, and host has not"),
        (one("member", "member"), {"kubeconfig": kubeconfig(user={"exec": {}})}, "comes from a plugin"),
        (FakeSession("member", item(NAMESPACE_KIND, "kube-system")), {}, "KubeSphere is not installed here"),
    ],
)
def test_refusals_write_nothing(member: FakeSession, wanted: dict[str, Any], words: str) -> None:
    host = one("host", "host")
    with pytest.raises(Refused, match=words):
        run(host, member, **wanted)
    assert host.writes == member.writes == []


def test_another_cluster_of_that_name() -> None:
    spec = {"connection": {"type": "direct"}}
    host = one("host", "host", item(CLUSTER, "m", spec=spec, status={"uid": "another"}))
    with pytest.raises(Refused, match="Cluster m on host is another cluster"):
        run(host, one("member", "member"))


def test_one_that_another_host_may_have_by_the_same_name_is_warned_of() -> None:
    [warning] = run(one("host", "host"), one("member", "member", clusterName="m")).warnings
    assert warning.startswith(
        "member: it says that a host has imported it as m, and host has not. If that host still has it"
    )


def test_one_that_says_it_is_another_hosts_can_be_adopted() -> None:
    assert run(one("host", "host"), one("member", "member", clusterName="x"), adopt=True).changed


def test_the_wait_says_what_is_missing() -> None:
    with pytest.raises(WaitTimeout, match="Cluster m has no condition Federated yet"):
        run(one("host", "host"), one("member", "member"), 0)


class TestFreshness:
    """Conditions may speak of the Cluster as it was before a change."""

    OLD, CHANGED = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"

    def imported(self, **status: Any) -> FakeSession:
        host = one("host", "host")
        become_ready(host)
        run(host, one("member", "member"), 5)
        conditions = [{"type": kind, "status": "True", "lastUpdateTime": self.OLD} for kind in ("Federated", "Ready")]
        host.put(merge(host.at(CLUSTER, "m"), {"status": {"conditions": conditions, **status}}))
        host.journal.clear()
        host.server_time = self.CHANGED
        return host

    def test_after_a_change_of_the_spec_they_have_to_be_new(self) -> None:
        host = self.imported()
        with pytest.raises(WaitTimeout, match=f"was Federated before the change .{self.OLD}. and not seen since"):
            run(host, one("member", "member"), 0, provider="x")

    @pytest.mark.parametrize("wanted", [{}, {"alias": "x"}])
    def test_after_any_other_they_need_not(self, wanted: dict[str, str]) -> None:
        assert run(self.imported(), one("member", "member"), 0, **wanted).data["verified"]

    def test_written_in_the_second_of_the_change_they_are_new(self) -> None:
        host = self.imported()
        host.server_time = self.OLD
        assert run(host, one("member", "member"), 0, provider="x").data["verified"]


def test_a_kubeconfig_that_leads_elsewhere() -> None:
    host = one("host", "host")
    become_ready(host)
    ready = host.on_write

    def elsewhere(method: str, written: Object) -> None:
        ready(method, written)
        host.put(merge(host.at(CLUSTER, "m"), {"status": {"uid": "uid-of-another"}}))

    host.on_write = elsewhere
    with pytest.raises(OtherCluster) as caught:
        run(host, one("member", "member"), 5)
    assert str(caught.value) == (
        "member: The kubeconfig that KubeSphere got leads to another cluster (kube-system UID uid-of-another) than the "
        "play reaches (uid-of-member). Mend kubesphere_member_kubeconfig or kubesphere_api_server."
    )


def test_an_agent_is_looked_for_only_where_the_cluster_says_that_it_had_one() -> None:
    host, member = one("host", "host"), one("member", "member")
    become_ready(host)
    run(host, member, 5)
    path, service = DEPLOYMENT.path("cluster-agent", NAMESPACE), SERVICE.path("mc-m", NAMESPACE)
    assert ("GET", path) not in member.requests
    assert ("GET", service) not in host.requests
    host.put(item(SERVICE, "mc-m", NAMESPACE))
    host.put({**host.at(CLUSTER, "m"), "metadata": {"name": "m", "annotations": {FORMER_CONNECTION: "agent"}}})
    host.journal.clear()
    found = run(host, member, 5)
    assert ("GET", path) in member.requests
    assert found.actions == [
        "delete Service kubesphere-system/mc-m on host: its connection is direct now",
        "patch Cluster m on host: nothing is left of its agent",
    ]
    host.journal.clear()
    assert run(host, member, 5).actions == []


def test_another_kubeconfig_is_given_on() -> None:
    host, member = one("host", "host"), one("member", "member")
    become_ready(host)
    run(host, member, 5)
    before = host.at(CLUSTER, "m")
    moved = kubeconfig({"server": "https://192.0.2.99:6443"}, {"token": "a-newer-token"})
    found = run(host, member, kubeconfig=moved)
    assert found.actions[-1] == "patch Cluster m on host: the inventory says so"
    connection = {
        **before["spec"]["connection"],
        "kubeconfig": credentials.encode(moved),
        "kubernetesAPIEndpoint": "https://192.0.2.99:6443",
    }
    after = host.at(CLUSTER, "m")
    assert after["spec"] == {**before["spec"], "connection": connection}
    assert after["status"] == before["status"]
    assert "a-newer-token" not in json.dumps([found.actions, found.diff])


def test_a_webhook_that_knows_the_cluster_by_its_uid() -> None:
    host, member = one("host", "host"), one("member", "member")
    run(host, member)

    def deny() -> Object:
        raise Forbidden("this kubeconfig corresponds to a different cluster than the previous one", "host", status=403)

    live = host.at(CLUSTER, "m")
    request = host.request

    def answer(method: str, path: str, body: Object | None = None, **more: Any) -> Object:
        return deny() if method == "PATCH" else request(method, path, body, **more)

    host.request = answer  # type: ignore[method-assign]
    with pytest.raises(Forbidden) as caught:
        run(host, member, kubeconfig=kubeconfig(user={"token": "another"}))
    assert caught.value.hint == "Give the kubeconfig of the cluster that was imported, or unbind it first."
    assert host.at(CLUSTER, "m") == live


def test_imported_already_under_another_name() -> None:
    host = one("host", "host", item(CLUSTER, "x", spec={}, status={"uid": "uid-of-member"}))
    with pytest.raises(Refused, match="it is imported already, as x"):
        run(host, one("member", "member"))
    with pytest.raises(Refused, match="it is imported into host already, as x"):
        run(host, one("member", "member", clusterName="x"))


def test_a_plan_before_the_member_is_installed() -> None:
    host = one("host", "host", planning=True)
    found = run(host, FakeSession("member", item(NAMESPACE_KIND, "kube-system"), planning=True))
    assert found.actions == ["create Cluster m on host: import it"]
    assert found.warnings == ["member: KubeSphere is not installed yet; the run will check whether m can be imported."]


@pytest.mark.parametrize(
    "error", [ServerError("not ready", "host", status=503), Unauthorized("401", "host", status=401)]
)
def test_a_ks_apiserver_that_takes_its_time(error: Exception) -> None:
    host = one("host", "host")
    become_ready(host)
    tries: list[int] = []

    def answer() -> Object:
        tries.append(1)
        if len(tries) < 3:
            raise error
        return {"items": [{}], "metadata": {}}

    host.answers[f"{PROXY}/api/clusters/m/v1/nodes"] = answer
    assert run(host, one("member", "member"), 30).data["nodes"] == 1
    assert len(tries) == 3
