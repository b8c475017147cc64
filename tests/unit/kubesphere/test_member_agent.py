# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of importing a member by agent, on two API servers in dictionaries."""

from __future__ import annotations

import copy
import itertools
import json
import secrets
from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import session as session_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError, WaitTimeout
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    DEPLOYMENT,
    POD,
    SERVICE,
    SERVICE_ACCOUNT,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import agent, credentials, reachability
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.address import BadAddress
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.agent import Settings
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member import Wanted, import_member
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member_agent import (
    AgentOptions,
    manifest_of,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member_direct import DirectOptions
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER,
    CONNECTION_REASON,
    FORMER_CONNECTION,
    NAMESPACE,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.reachability import Evidence
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

from tests.unit.fakes import Clock, FakeSession, item
from tests.unit.kube.test_connection import SERVER
from tests.unit.kubesphere.test_agent import ADDRESS, IMAGE, PRINTED, made
from tests.unit.kubesphere.test_member import KUBECONFIG, PROXY, one

NEXT = "http://192.0.2.8:8080"
MANIFEST = f"{PROXY}/kapis/cluster.kubesphere.io/v1alpha1/clusters/m/agent/deployment"
BEFORE, NOW = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"
CREATED = "create Deployment kubesphere-system/cluster-agent on member: connect it to the host"


def proxied(name: str, port: int | None = None, **status: Any) -> Object:
    """A Cluster of the agent connection."""
    ports = {"kubernetesAPIServerPort": port, "kubesphereAPIServerPort": port + 10000} if port else {}
    connection = {"type": "proxy", "token": f"the-token-of-{name}", **ports}
    return item(CLUSTER, name, spec={"connection": connection, "joinFederation": True}, status=status)


def held(*kinds: str, at: str = NOW) -> list[dict[str, str]]:
    """Conditions that are True."""
    return [{"type": kind, "status": "True", "lastUpdateTime": at} for kind in kinds]


class Fleet:
    """A host and a member, and what tower, its agent and the controller of clusters make of what is written.

    Attributes:
        ports: what tower draws.
        connects: whether the agent comes through to tower.
        now: time of all clocks but the host's API server's.
    """

    def __init__(self, *clusters: Object, planning: bool = False, address: str = ADDRESS) -> None:
        account = item(SERVICE_ACCOUNT, "kubesphere", NAMESPACE)
        named = {"proxyPublishAddress": address} if address else {}
        self.host = one("host", "host", *clusters, planning=planning, **named)
        self.member = one("member", "member", account, planning=planning)
        self.ports: Iterable[int] = iter(range(6000, 7000))
        self.connects = True
        self.now = NOW
        self.through = "uid-of-member"
        self.host.on_write = self._host_written
        self.member.on_write = self._member_written
        path = f"{PROXY}/api/clusters/m/v1/namespaces/kube-system"
        self.host.answers[path] = lambda: {"metadata": {"uid": self.through}}

    @property
    def cluster(self) -> Object:
        """The member's Cluster as it stands."""
        return self.host.at(CLUSTER, "m")

    @property
    def agent(self) -> Object:
        """The agent's Deployment as it stands."""
        return self.member.at(DEPLOYMENT, "cluster-agent", NAMESPACE)

    def run(self, timeout: float | None = 5, member: bool = True, **wanted: Any) -> Result:
        """Import the member, with a fresh journal."""
        for session in (self.host, self.member):
            session.journal.clear()
            session.requests.clear()
        fields = {"name": "m", "connection": "agent", "direct": DirectOptions(KUBECONFIG), **wanted}
        return import_member(self.host, self.member if member else None, Wanted(**fields), wait_timeout=timeout)

    def ready(self, *kinds: str) -> None:
        """Conditions that a controller writes now."""
        status = self.cluster.get("status") or {}
        kept = [each for each in status.get("conditions") or [] if each["type"] not in kinds]
        written = {"uid": "uid-of-member", **status, "conditions": [*kept, *held(*kinds, at=self.now)]}
        self.host.put({**self.cluster, "status": written})

    def _host_written(self, method: str, written: Object) -> None:
        if method == "DELETE" or (written["kind"], written["metadata"]["name"]) != ("Cluster", "m"):
            return
        if written["spec"]["connection"]["type"] == "direct":
            self.ready("Federated", "Ready")
            return
        initialised = [each["type"] for each in (written.get("status") or {}).get("conditions") or []]
        if "Initialized" not in initialised:
            port = next(iter(self.ports))
            ports = {"kubernetesAPIServerPort": port, "kubesphereAPIServerPort": port + 10000}
            self.host.put(merge(written, {"spec": {"connection": ports}}))
            self.host.put(item(SERVICE, "mc-m", NAMESPACE))
            self.ready("Initialized")

    def _member_written(self, method: str, written: Object) -> None:
        if method == "DELETE" or written["kind"] != "Deployment":
            return
        status = {"updatedReplicas": 1, "availableReplicas": 1, "replicas": 1}
        self.member.put({**written, "status": status})
        if self.connects:
            self.connected()

    def connected(self) -> None:
        """The agent has come through to tower."""
        self.host.put(merge(self.cluster, {"spec": {"connection": {"kubeconfig": "aXNzdWVkIGJ5IHRvd2Vy"}}}))
        self.ready("AgentAvailable", "Federated", "Ready")


def standing(*clusters: Object, **fields: Any) -> Fleet:
    """A fleet whose member is imported by agent."""
    fleet = Fleet(*clusters, **fields)
    fleet.run()
    return fleet


def imported_directly() -> Fleet:
    """A fleet whose member is imported directly."""
    fleet = Fleet()
    fleet.run(connection="direct")
    return fleet


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made_clock = Clock()
    monkeypatch.setattr(wait_module, "time", made_clock)
    monkeypatch.setattr(session_module, "time", made_clock)
    return made_clock


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Addresses that members have tried, and with which image; all are reached."""
    tried: list[tuple[str, str]] = []

    def tower_from_member(_member: Any, address: str, image: str, **_more: Any) -> Evidence:
        tried.append((address, image))
        return Evidence(True, "a pod in member", "OK")

    monkeypatch.setattr(reachability, "tower_from_member", tower_from_member)
    return tried


def unreached(monkeypatch: pytest.MonkeyPatch, *, weak: bool) -> None:
    place = "where the play runs" if weak else "a pod in member"
    evidence = Evidence(False, place, "connection refused", weak=weak)
    monkeypatch.setattr(reachability, "tower_from_member", lambda *_each, **_more: evidence)
    monkeypatch.setattr(reachability, "tower_from_here", lambda *_each, **_more: evidence)


def patches(monkeypatch: pytest.MonkeyPatch, session: FakeSession) -> list[Object]:
    """Bodies of the patches to come, in order, as they are sent."""
    bodies: list[Object] = []
    request = session.request

    def noted(method: str, path: str, body: Object | None = None, **more: Any) -> Object:
        if method == "PATCH":
            bodies.append(copy.deepcopy(body or {}))
        return request(method, path, body, **more)

    monkeypatch.setattr(session, "request", noted)
    return bodies


class TestImport:
    """A member that no host has imported yet."""

    def test_import_and_again_nothing(self, asked: list[tuple[str, str]]) -> None:
        fleet = Fleet()
        found = fleet.run(alias="Mine")
        assert found.actions == ["create Cluster m on host: import it", CREATED]
        assert found.warnings == []
        assert found.data == {
            "name": "m",
            "connection": "agent",
            "uid": "uid-of-member",
            "nodes": 3,
            "verified": True,
            "proxy_address": ADDRESS,
            "agent_manifest": None,
        }
        token = fleet.cluster["spec"]["connection"]["token"]
        assert fleet.agent["spec"] == made(token=token)["spec"]
        assert asked == [(ADDRESS, IMAGE)]
        assert not fleet.run(alias="Mine").changed
        assert (fleet.host.writes, fleet.member.writes) == ([], [])
        assert asked == [(ADDRESS, IMAGE)]  # an agent that stands tells by itself whether it comes through

    def test_what_is_created(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(secrets, "token_hex", lambda size: "5" * 2 * size)
        fleet = Fleet()
        fleet.run()
        created = fleet.host.journal[0].after
        assert created is not None
        assert created["spec"] == {
            "connection": {"type": "proxy", "token": "5" * 64},
            "enable": True,
            "joinFederation": True,
        }

    def test_the_token_is_a_new_one_each_time_and_never_told(self) -> None:
        told, tokens = [], set()
        for _dummy in range(3):
            fleet = Fleet()
            lines: list[str] = []
            wanted = Wanted(name="m", connection="agent")
            found = import_member(fleet.host, fleet.member, wanted, wait_timeout=5, progress=lines.append)
            told.append(json.dumps([found.actions, found.diff, found.warnings, found.data, lines]))
            tokens.add(fleet.cluster["spec"]["connection"]["token"])
        assert len(tokens) == 3
        assert not [token for token in tokens for text in told if token in text]
        assert all("--token=***" in text for text in told)

    def test_a_plan_is_the_run(self) -> None:
        plan, done = Fleet(planning=True).run(), Fleet().run()
        assert (plan.actions, plan.diff, plan.warnings) == (done.actions, done.diff, done.warnings)
        assert (plan.data["verified"], plan.data["proxy_address"]) == (False, ADDRESS)

    def test_a_plan_writes_nothing(self) -> None:
        fleet = Fleet(planning=True)
        fleet.run()
        assert (fleet.host.writes, fleet.member.writes) == ([], [])

    def test_a_plan_before_the_host_is_installed(self) -> None:
        fleet = Fleet(planning=True)
        fleet.host.objects = {path: each for path, each in fleet.host.objects.items() if each["kind"] != "ConfigMap"}
        found = fleet.run()
        assert found.actions == ["create Cluster m on host: import it", CREATED]
        assert "m: the host's proxy address is not known before KubeSphere is installed there." in found.warnings
        assert found.data["proxy_address"] is None

    def test_the_address_of_a_load_balancer(self) -> None:
        fleet = Fleet(address="")
        ingress = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
        fleet.host.put(item(SERVICE, "tower", NAMESPACE, spec={"ports": [{"port": 8080}]}, status=ingress))
        fleet.run()
        assert agent.proxy_address_of(fleet.agent) == "http://192.0.2.7:8080"

    def test_an_address_and_settings_of_its_own(self, asked: list[tuple[str, str]]) -> None:
        fleet = Fleet(address="")
        settings = Settings(registry="r:5000", environment={"A": "b"})
        found = fleet.run(agent=AgentOptions("https://T.example.org", settings))
        token = fleet.cluster["spec"]["connection"]["token"]
        assert found.data["proxy_address"] == "https://t.example.org:443"
        assert fleet.agent["spec"] == made(settings, token=token, address="https://t.example.org:443")["spec"]
        assert asked == [("https://t.example.org:443", "r:5000/kubesphere/tower:v0.2.1")]

    def test_the_hosts_own_manifest(self) -> None:
        fleet = Fleet()
        fleet.host.logs[MANIFEST] = PRINTED.replace(ADDRESS, NEXT)
        fleet.run(agent=AgentOptions(settings=Settings(replicas=1), manifest_source="ks_apiserver"))
        # What the host has loaded may be older than what is in force, and lacks the port where nobody wrote one.
        assert agent.proxy_address_of(fleet.agent) == ADDRESS
        assert fleet.agent["spec"]["replicas"] == 1

    def test_the_host_does_not_give_it_out(self) -> None:
        fleet = Fleet()
        with pytest.raises(KubeError, match="ask ks-apiserver for the agent's manifest of m: 404"):
            fleet.run(agent=AgentOptions(manifest_source="ks_apiserver"))
        assert fleet.member.writes == []

    def test_tower_does_not_initialise_it(self) -> None:
        fleet = Fleet()
        fleet.host.on_write = lambda _method, _written: None
        with pytest.raises(WaitTimeout) as caught:
            fleet.run(2)
        assert "in vain until tower has initialised its Cluster: Cluster m has no condition Initialized yet; " in str(
            caught.value
        )
        assert "Deployment kubesphere-system/tower does not exist yet" in str(caught.value)
        assert "log of the Deployment kubesphere-system/tower on the host" in caught.value.hint
        assert fleet.member.writes == []

    def test_tower_takes_its_time(self, clock: Clock) -> None:
        fleet = Fleet()
        initialise = fleet.host.on_write
        fleet.host.on_write = lambda _method, _written: None

        def later() -> None:
            if fleet.member.writes == [] and not (fleet.cluster.get("status") or {}):
                initialise("POST", fleet.cluster)

        clock.on_sleep = later
        assert fleet.run(60).data["verified"]
        assert clock.now > 0

    def test_somebody_deletes_it(self, clock: Clock) -> None:
        fleet = Fleet()
        fleet.host.on_write = lambda _method, _written: None
        clock.on_sleep = lambda: fleet.host.objects.pop(CLUSTER.path("m"), None)
        with pytest.raises(WaitTimeout, match="somebody has deleted it"):
            fleet.run(30)

    def test_without_a_wait_the_agent_comes_up_all_the_same(self) -> None:
        fleet = Fleet()
        fleet.connects = False
        found = fleet.run(None)
        assert found.actions[-1] == CREATED
        assert (found.data["nodes"], found.data["verified"]) == (None, False)


class TestRefusals:
    """What cannot come to a connection is said before anything is written."""

    def refused(self, fleet: Fleet, words: str, **wanted: Any) -> Refused:
        with pytest.raises(Refused) as caught:
            fleet.run(**wanted)
        assert words in caught.value.message
        assert caught.value.hint
        assert (fleet.host.writes, fleet.member.writes) == ([], [])
        return caught.value

    def test_no_proxy_address(self) -> None:
        error = self.refused(Fleet(address=""), "there is no proxy address that an agent could call")
        assert error.cluster == "host"
        assert "playbook kubesphere.multicluster.proxy" in error.hint

    def test_a_plan_may_be_without_an_address_that_the_run_will_have(self) -> None:
        follows = AgentOptions(address_follows=True)
        plan = Fleet(planning=True, address="")
        found = plan.run(agent=follows)
        assert [action.partition(":")[0] for action in found.actions] == [
            "create Cluster m on host",
            "create Deployment kubesphere-system/cluster-agent on member",
        ]
        assert "m: the host's proxy address is known after the run, which finds or sets it first." in found.warnings
        assert found.data["proxy_address"] is None
        self.refused(Fleet(address=""), "there is no proxy address", agent=follows)
        self.refused(Fleet(planning=True, address=""), "there is no proxy address")

    def test_an_address_that_no_agent_can_dial(self) -> None:
        fleet = Fleet()
        with pytest.raises(KubeError, match="loopback"):
            fleet.run(agent=AgentOptions("http://127.0.0.1:8080"))
        assert (fleet.host.writes, fleet.member.writes) == ([], [])

    def test_no_service_account(self) -> None:
        fleet = Fleet()
        del fleet.member.objects[SERVICE_ACCOUNT.path("kubesphere", NAMESPACE)]
        error = self.refused(fleet, "it has no ServiceAccount kubesphere-system/kubesphere")
        assert error.cluster == "member"

    def test_a_plan_says_nothing_of_the_service_account_that_the_installation_makes(self) -> None:
        fleet = Fleet(planning=True)
        del fleet.member.objects[SERVICE_ACCOUNT.path("kubesphere", NAMESPACE)]
        assert fleet.run().actions[-1] == CREATED

    def test_the_agent_of_another_cluster(self) -> None:
        fleet = Fleet()
        fleet.member.put(made(name="x", address=NEXT))
        error = self.refused(fleet, f"it runs the agent of Cluster x already, which calls {NEXT}")
        assert "kubesphere_cluster_name to x" in error.hint

    def test_a_deployment_of_that_name_that_is_no_agent_is_made_one(self) -> None:
        fleet = Fleet()
        foreign = made()
        foreign["spec"]["template"]["spec"]["containers"][0]["command"] = ["/agent"]
        fleet.member.put(foreign)
        assert "it was the agent of no Cluster" in fleet.run().actions[-1]

    def test_tower_is_not_reached(self, monkeypatch: pytest.MonkeyPatch) -> None:
        unreached(monkeypatch, weak=False)
        error = self.refused(
            Fleet(),
            f"its agent could not call the host: {ADDRESS} is not reached from a pod in member: connection refused",
        )
        assert (error.cluster, "kubesphere_proxy_address" in error.hint) == ("m", True)

    def test_weak_evidence_is_a_warning(self, monkeypatch: pytest.MonkeyPatch) -> None:
        unreached(monkeypatch, weak=True)
        found = Fleet().run()
        assert found.warnings == [
            f"m: {ADDRESS} is not reached from where the play runs: connection refused. "
            "The member may reach it all the same."
        ]
        assert found.data["verified"]

    @pytest.mark.parametrize("letters", [60, 61])
    def test_a_name_that_a_service_is_named_after(self, letters: int) -> None:
        fleet = Fleet()
        if letters == 61:
            self.refused(fleet, "an agent connection takes 60 at most", name="m" * letters)
            fleet.run(name="m" * letters, connection="direct", timeout=None)
        else:
            fleet.host.on_write = lambda _method, _written: None
            with pytest.raises(WaitTimeout):
                fleet.run(1, name="m" * letters)


class TestPorts:
    """Ports that tower gives to two Clusters."""

    def test_they_are_drawn_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        direct = proxied("y", 6003)
        direct["spec"]["connection"]["type"] = "direct"
        fleet = Fleet(proxied("x", 6001), proxied("z", 16001 - 10000 + 1), direct)
        fleet.ports = iter([6001, 6002, 6003])  # 6002 is z's; 6003 was y's, which is direct now
        bodies = patches(monkeypatch, fleet.host)
        lines: list[str] = []
        wanted = Wanted(name="m", connection="agent")
        import_member(fleet.host, fleet.member, wanted, wait_timeout=5, progress=lines.append)
        assert fleet.cluster["spec"]["connection"]["kubernetesAPIServerPort"] == 6003
        assert [line for line in lines if "drawn anew" in line] == [
            "m: has its ports drawn anew: x has the same ports",
            "m: has its ports drawn anew: z has the same ports",
        ]
        assert [each.pop("metadata").keys() for each in bodies] == [{"resourceVersion"}, {"resourceVersion"}]
        assert bodies == [{"status": {"conditions": []}}] * 2
        assert [each.reason for each in fleet.host.journal[1:]] == ["x has the same ports", "z has the same ports"]
        for write in fleet.host.journal[1:]:
            assert write.before is not None
            assert write.after is not None
            assert {**write.before, "status": 0} == {**write.after, "status": 0}

    def test_other_conditions_stay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kept = [{"type": "AgentAvailable", "status": "False"}, {"type": "Ready", "status": "False"}]
        status = {"conditions": [*kept, *held("Initialized")], "uid": "uid-of-member", "nodeCount": 3}
        fleet = Fleet(proxied("m", 6001, **status), proxied("x", 6001))
        bodies = patches(monkeypatch, fleet.host)
        fleet.run()
        assert bodies[0]["status"] == {"conditions": kept}
        assert fleet.cluster["status"]["nodeCount"] == 3
        assert fleet.cluster["spec"]["connection"]["kubernetesAPIServerPort"] == 6000

    def test_the_patch_is_guarded(self) -> None:
        fleet = Fleet(proxied("x", 6001))
        fleet.ports = iter([6001, 6002])
        list_clusters = fleet.host.list

        def listed(*arguments: Any, **more: Any) -> Any:
            """Between the look at the ports and the patch, somebody writes a label."""
            if (
                arguments == (CLUSTER,)
                and fleet.host.journal
                and "label" not in fleet.cluster["metadata"].get("labels", {})
            ):
                fleet.host.put(merge(fleet.cluster, {"metadata": {"labels": {"label": "of another"}}}))
            return list_clusters(*arguments, **more)

        fleet.host.list = listed  # type: ignore[method-assign]
        fleet.run()
        assert fleet.cluster["metadata"]["labels"] == {"label": "of another"}
        assert fleet.cluster["spec"]["connection"]["kubernetesAPIServerPort"] == 6002
        assert [method for method, _path in fleet.host.writes] == ["POST", "PATCH", "PATCH"]

    def test_it_is_given_up(self) -> None:
        fleet = Fleet(proxied("x", 6001), proxied("y", 6001))
        fleet.ports = itertools.repeat(6001)
        with pytest.raises(KubeError) as caught:
            fleet.run()
        assert str(caught.value) == (
            "host: tower drew ports for Cluster m 11 times, and still x, y has the same ports. Run this again."
        )
        assert [method for method, _path in fleet.host.writes] == ["POST", *["PATCH"] * 10]
        assert fleet.member.writes == []

    @pytest.mark.parametrize("connected", [False, True])
    def test_a_service_with_other_ports_has_them_drawn_anew(self, connected: bool) -> None:
        fleet = standing() if connected else Fleet(proxied("m", 6001, conditions=held("Initialized")))
        wrong = [{"port": 6443, "targetPort": 6590}, {"port": 80, "targetPort": 16590}]
        if connected:
            lost = [each for each in fleet.cluster["status"]["conditions"] if each["type"] != "Ready"]
            fleet.host.put({**fleet.cluster, "status": {"conditions": lost}})
        fleet.host.put(item(SERVICE, "mc-m", NAMESPACE, spec={"ports": wrong}))
        found = fleet.run()
        assert "patch Cluster m on host: its Service leads to other ports" in found.actions
        assert fleet.cluster["spec"]["connection"]["kubernetesAPIServerPort"] == (6001 if connected else 6000)
        # An agent that is connected has to come again.
        reason = "the host does not reach the member by its connection"
        restarted = f"patch Deployment kubesphere-system/cluster-agent on member: {reason}"
        assert (restarted in found.actions) == connected

    def test_the_last_draw_counts(self) -> None:
        fleet = Fleet(proxied("x", 6001))
        fleet.ports = iter([6001] * 10 + [6002])
        assert fleet.run().data["verified"]

    def test_not_where_the_agent_is_connected(self) -> None:
        fleet = standing()
        fleet.host.put(proxied("x", 6000))
        assert not fleet.run().changed
        assert fleet.host.writes == []


class TestChanges:
    """A member that is imported by agent."""

    def test_another_proxy_address(self, asked: list[tuple[str, str]]) -> None:
        fleet = standing()
        fleet.host.server_time = fleet.now = "2026-01-01T02:00:00Z"
        found = fleet.run(agent=AgentOptions(NEXT))
        assert found.actions == [
            "patch Deployment kubesphere-system/cluster-agent on member: "
            f"the proxy address is {NEXT} now, no longer {ADDRESS}"
        ]
        assert found.data["proxy_address"] == NEXT
        assert asked[1:] == [(NEXT, IMAGE)]
        assert fleet.host.writes == []

    def test_another_proxy_address_that_is_not_reached(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fleet = standing()
        unreached(monkeypatch, weak=False)
        with pytest.raises(Refused, match="could not call the host"):
            fleet.run(agent=AgentOptions(NEXT))
        assert (fleet.host.writes, fleet.member.writes) == ([], [])

    def test_the_agent_of_another_cluster_is_left_alone(self) -> None:
        fleet = standing()
        fleet.member.put(made(name="x", token="of-another-host"))
        with pytest.raises(Refused, match="it runs the agent of Cluster x already"):
            fleet.run()
        assert (fleet.host.writes, fleet.member.writes) == ([], [])

    def test_an_agent_that_was_deleted(self) -> None:
        fleet = standing()
        del fleet.member.objects[DEPLOYMENT.path("cluster-agent", NAMESPACE)]
        assert fleet.run().actions == [CREATED]

    def test_a_changed_agent_has_to_connect_anew(self) -> None:
        fleet = standing()
        fleet.connects = False
        fleet.host.server_time = "2026-01-01T02:00:00Z"
        with pytest.raises(WaitTimeout, match=f"was AgentAvailable before the change .{NOW}. and not seen since"):
            fleet.run(agent=AgentOptions(NEXT))
        assert fleet.run(None, agent=AgentOptions(NEXT)).actions == []

    def test_its_other_conditions_have_to_be_new_as_well(self) -> None:
        fleet = standing()
        fleet.connects = False
        fleet.host.server_time = fleet.now = "2026-01-01T02:00:00Z"
        restart = fleet.member.on_write

        def restarted(method: str, written: Object) -> None:
            restart(method, written)
            fleet.ready("AgentAvailable")

        fleet.member.on_write = restarted
        with pytest.raises(WaitTimeout, match=f"was Federated before the change .{NOW}. and not seen since"):
            fleet.run(agent=AgentOptions(NEXT))

    def test_more_agents_do_not_make_the_first_connect_anew(self) -> None:
        fleet = standing()
        fleet.connects = False
        fleet.host.server_time = "2026-01-01T02:00:00Z"
        fleet.member.on_write = lambda _method, _written: None
        available = {"updatedReplicas": 2, "availableReplicas": 2, "replicas": 2}
        fleet.member.put({**fleet.agent, "status": available})
        found = fleet.run(agent=AgentOptions(settings=Settings(replicas=2)))
        assert found.actions == ["patch Deployment kubesphere-system/cluster-agent on member: the inventory says so"]
        assert found.data["verified"]

    def test_a_changed_spec_does_not_make_the_agent_connect_anew(self) -> None:
        fleet = standing()
        fleet.host.server_time = fleet.now = "2026-01-01T02:00:00Z"
        written = fleet.host.on_write

        def control(method: str, each: Object) -> None:
            written(method, each)
            fleet.ready("Federated", "Ready")  # not AgentAvailable, which is tower's

        fleet.host.on_write = control
        found = fleet.run(provider="x")
        assert found.actions == ["patch Cluster m on host: the inventory says so"]
        assert found.data["verified"]

    def test_nothing_of_the_connection_is_changed(self) -> None:
        fleet = standing()
        before = copy.deepcopy(fleet.cluster["spec"]["connection"])
        fleet.run(provider="x", labels={"a": "b"})
        assert fleet.cluster["spec"]["connection"] == before

    def test_the_agents_own_words(self) -> None:
        fleet = Fleet()
        fleet.connects = False
        status = {"phase": "Running", "containerStatuses": [{"name": "agent", "ready": True}]}
        pod = item(POD, "agent-1", NAMESPACE, status=status)
        pod["metadata"]["labels"] = made()["spec"]["selector"]["matchLabels"]
        fleet.member.put(pod)
        path = f"{POD.path('agent-1', NAMESPACE)}/log"
        fleet.member.logs[path] = "W1 agent.go:168] Connection error: Unauthorized agent\nW1 Retrying in 1s..."
        with pytest.raises(WaitTimeout) as caught:
            fleet.run()
        assert caught.value.message.endswith(
            "Cluster m has no condition AgentAvailable yet; "
            "the agent says: W1 agent.go:168] Connection error: Unauthorized agent"
        )
        assert "kubesphere-system/cluster-agent on the member" in caught.value.hint

    def test_the_token_in_the_agents_own_words(self) -> None:
        fleet = Fleet()
        fleet.connects = False
        waiting = {"waiting": {"reason": "RunContainerError", "message": "it is the-token-of-m"}}
        status = {"phase": "Pending", "containerStatuses": [{"name": "agent", "state": waiting}]}
        pod = item(POD, "agent-1", NAMESPACE, status=status)
        pod["metadata"]["labels"] = made()["spec"]["selector"]["matchLabels"]
        fleet.member.put(pod)
        fleet.member.on_write = lambda _method, _written: None  # so the Deployment is not rolled out either
        fleet.host.put(proxied("m", 6000, conditions=held("Initialized")))
        with pytest.raises(WaitTimeout, match=r"RunContainerError: it is \*\*\*") as caught:
            fleet.run()
        assert "the-token-of-m" not in str(caught.value)

    def test_an_agent_that_is_gone(self) -> None:
        fleet = Fleet()
        written = fleet.member.on_write

        def deleted(method: str, each: Object) -> None:
            fleet.connects = False
            written(method, each)
            fleet.ready("Initialized")
            watch = fleet.host.watch

            def vanish(*arguments: Any) -> Any:
                fleet.member.objects.pop(DEPLOYMENT.path("cluster-agent", NAMESPACE), None)
                return watch(*arguments)

            fleet.host.watch = vanish  # type: ignore[method-assign, assignment]

        fleet.member.on_write = deleted
        with pytest.raises(WaitTimeout, match="the member has no Deployment kubesphere-system/cluster-agent"):
            fleet.run(30)

    def test_an_agent_that_cannot_be_asked(self) -> None:
        fleet = Fleet()
        fleet.connects = False
        written = fleet.member.on_write

        def vanish(method: str, each: Object) -> None:
            written(method, each)
            fleet.host.on_write = lambda _method, _each: None

        fleet.member.on_write = vanish
        status = {"phase": "Running", "containerStatuses": [{"name": "agent", "ready": True}]}
        pod = item(POD, "agent-1", NAMESPACE, status=status)
        pod["metadata"]["labels"] = made()["spec"]["selector"]["matchLabels"]
        fleet.member.put(pod)  # without a log
        with pytest.raises(
            WaitTimeout, match="no condition AgentAvailable yet; member: Failed to read the agent's log"
        ):
            fleet.run()


class TestWhoIsAtTheOtherEnd:
    """An agent with this member's name and token may run in another cluster."""

    def test_seen_through_the_tunnel(self) -> None:
        fleet = Fleet()
        fleet.through = "uid-of-another"
        with pytest.raises(KubeError) as caught:
            fleet.run()
        assert type(caught.value).__name__ == "OtherCluster"
        assert str(caught.value) == (
            "member: Its agent leads to another cluster (kube-system UID uid-of-another) than the play reaches "
            "(uid-of-member). Another cluster runs an agent with this member's name and token: delete its Deployment "
            "kubesphere-system/cluster-agent."
        )

    def test_seen_by_the_controller(self) -> None:
        fleet = Fleet()
        written = fleet.member.on_write

        def connect(method: str, each: Object) -> None:
            written(method, each)
            fleet.host.put(merge(fleet.cluster, {"status": {"uid": "uid-of-another"}}))

        fleet.member.on_write = connect
        with pytest.raises(KubeError, match=r"to another cluster \(kube-system UID uid-of-another\) than the play"):
            fleet.run()

    def test_nobody_knows_where_the_play_does_not_reach(self) -> None:
        fleet = standing()
        fleet.through = "uid-of-another"
        found = fleet.run(member=False)
        assert (found.data["uid"], found.data["verified"]) == (None, True)


class TestHandingOver:
    """A member that the play does not reach."""

    def test_its_manifest(self) -> None:
        fleet = Fleet()
        given: list[Object] = []

        seen: list[bool] = []

        def hand_over(deployment: Object, connected: bool) -> str:
            given.append(deployment)
            seen.append(connected)
            return "/tmp/m.yml"

        options = AgentOptions(hand_over=hand_over, settings=Settings(replicas=2))
        found = fleet.run(None, member=False, agent=options)
        assert given == [made(Settings(replicas=2), token=fleet.cluster["spec"]["connection"]["token"])]
        assert found.actions == ["create Cluster m on host: import it"]
        assert (found.data["agent_manifest"], found.data["uid"]) == ("/tmp/m.yml", None)
        assert found.warnings == ["m: not reached by the play, so its role and jwtSecret are not checked."]
        assert fleet.member.requests == []
        with pytest.raises(WaitTimeout, match=r"no condition AgentAvailable yet; apply /tmp/m\.yml on the member"):
            fleet.run(member=False, agent=options)
        fleet.connected()
        assert fleet.run(member=False, agent=options).data["verified"]
        assert given[1:] == [given[0]] * 2
        assert seen == [False, False, True]

    def test_a_plan_is_the_run(self) -> None:
        plan = Fleet(planning=True).run(None, member=False)
        done = Fleet().run(None, member=False)
        assert (plan.actions, plan.diff, plan.warnings) == (done.actions, done.diff, done.warnings)

    @pytest.mark.parametrize("direct", [None, DirectOptions(KUBECONFIG)])
    def test_direct_takes_a_member_that_is_reached(self, direct: DirectOptions | None) -> None:
        fleet = Fleet()
        with pytest.raises(Refused, match="a direct connection takes a kubeconfig and a member that the play reaches"):
            fleet.run(member=False, connection="direct", direct=direct)
        assert fleet.host.writes == []


class TestManifestOf:
    """The manifest alone."""

    def test_what_the_import_would_apply(self) -> None:
        fleet = standing()
        fleet.host.requests.clear()
        found = manifest_of(fleet.host, "m", AgentOptions(settings=Settings(replicas=2)))
        token = fleet.cluster["spec"]["connection"]["token"]
        assert found == made(Settings(replicas=2), token=token)
        assert fleet.host.writes == []
        assert fleet.host.redactor.text(token) == "***"

    def test_nobody_had_told_its_token_before(self) -> None:
        host = Fleet(proxied("m", 6000)).host
        manifest_of(host, "m", AgentOptions())
        assert host.redactor.text("x the-token-of-m x") == "x *** x"

    def test_the_hosts_own(self) -> None:
        host = Fleet(proxied("m", 6000)).host
        host.logs[MANIFEST] = PRINTED
        assert manifest_of(host, "m", AgentOptions(NEXT, manifest_source="ks_apiserver")) == agent.with_proxy_address(
            made(), NEXT
        )

    @pytest.mark.parametrize(
        "clusters",
        [
            [],
            [item(CLUSTER, "m", spec={"connection": {"type": "direct", "token": "x"}})],
            [item(CLUSTER, "m", spec={"connection": {"type": "proxy"}})],
            [item(CLUSTER, "m", spec=None)],
        ],
    )
    def test_there_is_none(self, clusters: list[Object]) -> None:
        with pytest.raises(Refused, match="there is no Cluster m with an agent connection") as caught:
            manifest_of(Fleet(*clusters).host, "m", AgentOptions())
        assert caught.value.hint == "Import it first: kubesphere_connection: agent for m."

    def test_no_proxy_address(self) -> None:
        with pytest.raises(Refused, match="there is no proxy address"):
            manifest_of(Fleet(proxied("m"), address="").host, "m", AgentOptions())

    def test_no_kubesphere(self) -> None:
        with pytest.raises(Refused, match="KubeSphere is not installed here"):
            manifest_of(FakeSession("host", proxied("m")), "m", AgentOptions(ADDRESS))


class TestBadAddress:
    """A proxy address that no agent could call."""

    def test_it_is_refused_for_an_agent_alone(self) -> None:
        fleet = Fleet(address="tower.example.org:443")
        with pytest.raises(BadAddress, match="it has no scheme") as caught:
            fleet.run()
        assert (caught.value.cluster, caught.value.hint) == ("host", "Set kubesphere_proxy_address.")
        assert fleet.run(connection="direct").data["verified"]


class TestPasswordOfAProxy:
    """Of an HTTP proxy on the member's side."""

    def test_it_is_not_shown(self) -> None:
        fleet = Fleet()
        settings = Settings(environment={"HTTPS_PROXY": "http://user:a-password@192.0.2.9:3128"})
        found = fleet.run(agent=AgentOptions(settings=settings))
        assert "a-password" in json.dumps(fleet.agent)
        assert "a-password" not in json.dumps([found.actions, found.diff, found.warnings])


class TestSilence:
    """An agent that has connected while tower could not write that down."""

    @pytest.mark.parametrize(("running", "trouble"), [(5.0, ""), (30.0, "the agent says: no"), (30.0, "")])
    def test_it_is_restarted_once(self, monkeypatch: pytest.MonkeyPatch, running: float, trouble: str) -> None:
        monkeypatch.setattr(agent, "trouble", lambda _member, _deployment: trouble)
        monkeypatch.setattr(agent, "running_for", lambda _member, _deployment: running)
        fleet = Fleet()
        fleet.connects = False
        with pytest.raises(WaitTimeout):
            fleet.run(20)
        reason = "it says that it is connected, and its Cluster does not"
        restarts = [each for each in fleet.member.journal if each.reason == reason]
        assert len(restarts) == (1 if running > 20 and not trouble else 0)


class TestSwitch:
    """From one connection to the other."""

    @pytest.mark.parametrize("wanted", ["direct", "agent"])
    def test_not_by_accident(self, wanted: str) -> None:
        fleet = standing() if wanted == "direct" else imported_directly()
        stands = "agent" if wanted == "direct" else "direct"
        with pytest.raises(Refused) as caught:
            fleet.run(connection=wanted)
        assert caught.value.message == f"it is imported by connection {stands}, not {wanted}"
        assert caught.value.hint == (
            f"Set kubesphere_connection to {stands}; or kubesphere_switch_connection to true, to switch it."
        )
        assert (fleet.host.writes, fleet.member.writes) == ([], [])

    def test_to_the_agent_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(secrets, "token_hex", lambda _size: "a-new-token")
        fleet = imported_directly()
        former = [*held("Initialized", "AgentAvailable", at=BEFORE), *held("Federated", "Ready", at=BEFORE)]
        fleet.host.put(merge(fleet.cluster, {"status": {"conditions": former}}))
        version = fleet.cluster["metadata"]["resourceVersion"]
        fleet.host.server_time = fleet.now = NOW
        bodies = patches(monkeypatch, fleet.host)
        found = fleet.run(switch=True)
        assert found.actions == ["patch Cluster m on host: its connection is agent now", CREATED]
        assert bodies == [
            {
                "metadata": {
                    "resourceVersion": version,
                    "annotations": {CONNECTION_REASON: None, FORMER_CONNECTION: None},
                },
                "spec": {"connection": {"type": "proxy", "token": "a-new-token"}},
                "status": {"conditions": held("Federated", "Ready", at=BEFORE)},
            }
        ]
        assert found.data["verified"]
        assert not fleet.run().changed

    def test_to_the_direct_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        fleet = standing()
        version = fleet.cluster["metadata"]["resourceVersion"]
        bodies = patches(monkeypatch, fleet.host)
        found = fleet.run(connection="direct", switch=True)
        assert found.actions == [
            "patch Cluster m on host: its connection is direct now",
            "delete Service kubesphere-system/mc-m on host: its connection is direct now",
            "patch Cluster m on host: nothing is left of its agent",
            "delete Deployment kubesphere-system/cluster-agent on member: its connection is direct now",
        ]
        switched, cleared = bodies
        assert cleared["metadata"]["annotations"] == {FORMER_CONNECTION: None}
        assert cleared.keys() == {"metadata"}
        assert [switched] == [
            {
                "metadata": {
                    "resourceVersion": version,
                    "annotations": {CONNECTION_REASON: None, FORMER_CONNECTION: "agent"},
                },
                "spec": {
                    "connection": {
                        "type": "direct",
                        "kubeconfig": credentials.encode(KUBECONFIG),
                        "kubernetesAPIEndpoint": SERVER,
                        "kubesphereAPIEndpoint": None,
                        "token": None,
                        "kubernetesAPIServerPort": None,
                        "kubesphereAPIServerPort": None,
                    }
                },
                "status": {"conditions": held("Federated", "Ready")},
            }
        ]
        assert fleet.cluster["spec"]["connection"].keys() == {"type", "kubeconfig", "kubernetesAPIEndpoint"}
        assert not fleet.run(connection="direct").changed

    def test_to_the_direct_connection_with_an_endpoint(self) -> None:
        fleet = standing()
        options = DirectOptions(KUBECONFIG, "http://192.0.2.2:80")
        fleet.run(connection="direct", switch=True, direct=options)
        assert fleet.cluster["spec"]["connection"]["kubesphereAPIEndpoint"] == "http://192.0.2.2:80"

    def test_the_agent_of_another_cluster_is_left_alone(self) -> None:
        fleet = standing()
        fleet.member.put(made(name="x"))
        fleet.run(connection="direct", switch=True)
        assert fleet.member.writes == []
        assert SERVICE.path("mc-m", NAMESPACE) not in fleet.host.objects

    def test_nothing_is_removed_before_it_works(self) -> None:
        fleet = standing()
        control, fleet.host.on_write = fleet.host.on_write, lambda _method, _written: None
        fleet.host.put(merge(fleet.cluster, {"status": {"conditions": held("AgentAvailable", at=BEFORE)}}))
        with pytest.raises(WaitTimeout, match="no condition Federated yet"):
            fleet.run(connection="direct", switch=True)
        assert fleet.member.writes == []
        assert SERVICE.path("mc-m", NAMESPACE) in fleet.host.objects
        # The next run is no switch any more, and makes up for it.
        fleet.host.on_write = control
        fleet.ready("Federated", "Ready")
        assert fleet.run(connection="direct").actions == [
            "delete Service kubesphere-system/mc-m on host: its connection is direct now",
            "patch Cluster m on host: nothing is left of its agent",
            "delete Deployment kubesphere-system/cluster-agent on member: its connection is direct now",
        ]

    def test_nothing_is_removed_without_a_wait(self) -> None:
        fleet = standing()
        fleet.run(None, connection="direct", switch=True)
        assert fleet.member.writes == []
        assert len(fleet.run(connection="direct").actions) == 3
        assert not fleet.run(connection="direct").changed

    def test_there_and_back(self) -> None:
        fleet = standing()
        fleet.run(connection="direct", switch=True)
        assert fleet.run(switch=True).data["verified"]
        assert (
            fleet.agent["spec"]["template"]
            == made(token=fleet.cluster["spec"]["connection"]["token"])["spec"]["template"]
        )
        assert not fleet.run(switch=True).changed

    @pytest.mark.parametrize("wanted", ["direct", "agent"])
    def test_a_plan_is_the_run(self, wanted: str) -> None:
        done = standing() if wanted == "direct" else imported_directly()
        plan = Fleet(planning=True)
        plan.host.objects, plan.member.objects = copy.deepcopy((done.host.objects, done.member.objects))
        planned = plan.run(connection=wanted, switch=True)
        found = done.run(connection=wanted, switch=True)
        assert (planned.actions, planned.diff) == (found.actions, found.diff)
        assert (plan.host.writes, plan.member.writes) == ([], [])

    def test_what_auto_had_said_goes(self) -> None:
        fleet = imported_directly()
        fleet.run(connection="direct", annotations={CONNECTION_REASON: "the host reaches it"})
        fleet.run(switch=True)
        assert CONNECTION_REASON not in (fleet.cluster["metadata"].get("annotations") or {})
