# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of choosing a member's connection, and of keeping it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import session as session_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    KubeError,
    WaitTimeout,
    for_status,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import reachability
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member_agent import AgentOptions
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member_direct import DirectOptions
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import CONNECTION_REASON
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.reachability import Evidence
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

from tests.unit.fakes import Clock
from tests.unit.kube.test_connection import SERVER
from tests.unit.kube.test_connection import config as kubeconfig
from tests.unit.kubesphere.test_agent import ADDRESS, IMAGE
from tests.unit.kubesphere.test_member import PROXY
from tests.unit.kubesphere.test_member_agent import Fleet

VALIDATION = f"{PROXY}/kapis/cluster.kubesphere.io/v1alpha1/clusters/validation"
POD_OF_MEMBER, POD_OF_HOST, HERE = "a pod in member", "a pod in host", "where the play runs"
NO_KUBECONFIG = "direct: there is no kubeconfig for KubeSphere (kubesphere_member_kubeconfig)"
BY_HOST = f"{SERVER} is reached by the host's ks-apiserver"


class World(Fleet):
    """A fleet in which who reaches whom is given.

    Attributes:
        answer: what ks-apiserver's validation says: words, or the status of an answer that is none.
        of_member: whether the member reaches tower.
        of_host: whether the host's pods reach the member.
        tried: what was asked, in order.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
        super().__init__(**fields)
        self.answer: str | int = ""
        self.of_member = Evidence(True, POD_OF_MEMBER, "OK")
        self.of_host = Evidence(True, POD_OF_HOST, f"{SERVER} answers")
        self.tried: list[tuple[str, ...]] = []
        self.questions: list[Any] = []
        monkeypatch.setattr(self.host, "text", self._text)
        monkeypatch.setattr(reachability, "tower_from_member", self._tower)
        monkeypatch.setattr(reachability, "tower_from_here", self._tower_from_here)
        monkeypatch.setattr(reachability, "api_server_from_host", self._api_server)

    def auto(self, **wanted: Any) -> Result:
        """Import the member by whatever holds."""
        return self.run(connection="auto", **wanted)

    def _text(self, path: str, _what: str, *, method: str, body: Any, headers: Any, **_more: Any) -> str:
        assert (path, method, list(headers)) == (VALIDATION, "POST", ["X-KubeSphere-Authorization"])
        self.tried.append(("ks-apiserver",))
        self.questions.append(body)
        if self.answer == "":
            return ""
        status = self.answer if isinstance(self.answer, int) else 400
        error = for_status(status)(f"Failed to have ks-apiserver validate a member: {status}", "host", status=status)
        error.detail = str(self.answer)
        raise error

    def _tower(self, _member: Any, address: str, image: str, **_more: Any) -> Evidence:
        self.tried.append(("tower", address, image))
        return self.of_member

    def _tower_from_here(self, address: str, *_more: Any) -> Evidence:
        self.tried.append(("tower from here", address))
        return Evidence(self.of_member.reached, HERE, self.of_member.detail, weak=True)

    def _api_server(self, _host: Any, server: str, image: str, **_more: Any) -> Evidence:
        self.tried.append(("API server", server, image))
        return self.of_host


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    monkeypatch.setattr(session_module, "time", made)
    return made


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


class TestDirect:
    """The host reaches the member."""

    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "cluster m already exists (x), MUST not import the same cluster twice",
            "unable validate kubesphere endpoint, ks-apiserver is not installed",
            "unable validate kubesphere endpoint, error trying to reach service: dial tcp 192.0.2.1:9090",
            'Unauthorized: the server has asked for the client to provide credentials (get namespaces kube-system)',
        ],
    )  # fmt: skip
    def test_any_answer_has_reached_it(self, world: World, answer: str) -> None:
        world.answer = answer
        found = world.auto()
        assert (found.data["connection"], found.data["connection_reason"]) == ("direct", BY_HOST)
        assert found.actions == [f"create Cluster m on host: import it by connection direct: {BY_HOST}"]
        assert found.data["verified"]
        assert world.cluster["metadata"]["annotations"] == {CONNECTION_REASON: BY_HOST}
        assert world.tried == [("ks-apiserver",)]
        assert world.member.writes == []

    def test_what_ks_apiserver_is_asked(self, world: World) -> None:
        world.auto()
        (question,) = world.questions
        created = world.host.journal[0].after
        assert created is not None
        assert question["spec"] == {"connection": created["spec"]["connection"], "joinFederation": True}
        assert (question["kind"], question["metadata"]) == ("Cluster", {"name": "m"})

    @pytest.mark.parametrize("status", [404, 501, 503])
    def test_a_pod_looks_where_ks_apiserver_says_nothing(self, world: World, status: int) -> None:
        world.answer = status
        found = world.auto()
        assert found.data["connection_reason"] == f"{SERVER} is reached from {POD_OF_HOST}"
        assert found.data["connection"] == "direct"
        assert world.tried == [("ks-apiserver",), ("API server", SERVER, IMAGE)]

    def test_a_plan_is_the_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plan, done = World(monkeypatch, planning=True).auto(), World(monkeypatch).auto()
        assert (plan.actions, plan.diff) == (done.actions, done.diff)

    def test_no_secret_is_told(self, world: World) -> None:
        world.answer = "dial tcp: a-member-token"
        found = world.auto()
        assert "a-member-token" not in json.dumps([found.actions, found.diff, found.data, found.warnings])
        assert "dial tcp: ***" in found.data["connection_reason"]


class TestAgent:
    """Only the member reaches the host."""

    @pytest.mark.parametrize(
        "answer",
        [
            'Get "https://192.0.2.1:6443/api/v1/namespaces/kube-system": dial tcp 192.0.2.1:6443: i/o timeout',
            "dial tcp: lookup m.example.org: no such host",
            'Get "https://192.0.2.1:6443/version": EOF',
            "read tcp 192.0.2.2:55->192.0.2.1:6443: read: connection reset by peer",
            'Get "https://192.0.2.1:6443": context deadline exceeded (Client.Timeout exceeded)',
            "net/http: TLS handshake timeout",
            'Get "https://192.0.2.1:6443": x509: certificate is valid for 10.0.0.1, not 192.0.2.1',
        ],
    )
    def test_the_host_does_not_reach_the_member(self, world: World, answer: str) -> None:
        world.answer = answer
        found = world.auto()
        reason = (
            f"direct: {SERVER} is not reached by the host's ks-apiserver: {answer}; "
            f"the proxy address {ADDRESS} is reached from {POD_OF_MEMBER}"
        )
        assert (found.data["connection"], found.data["connection_reason"]) == ("agent", reason)
        assert found.actions[0] == f"create Cluster m on host: import it by connection agent: {reason}"
        assert len(found.actions) == 2
        assert found.data["verified"]
        # The pod in the member is not started a second time for the agent connection's own check.
        assert world.tried == [("ks-apiserver",), ("tower", ADDRESS, IMAGE)]

    def test_a_pod_of_the_host_does_not_reach_it_either(self, world: World) -> None:
        world.answer, world.of_host = 501, Evidence(False, POD_OF_HOST, "no route")
        found = world.auto()
        assert found.data["connection"] == "agent"
        assert found.data["connection_reason"].startswith(
            f"direct: {SERVER} is not reached from {POD_OF_HOST}: no route; the proxy address"
        )

    def test_a_plan_starts_no_pod_in_the_host(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World(monkeypatch, planning=True)
        world.answer = 501
        found = world.auto()
        assert found.data["connection"] == "agent"
        assert "the host's ks-apiserver does not say whether it reaches" in found.data["connection_reason"]
        assert [each[0] for each in world.tried] == ["ks-apiserver", "tower"]

    def test_a_kubeconfig_that_kubesphere_cannot_use(self, world: World) -> None:
        found = world.auto(direct=DirectOptions(kubeconfig(user={"exec": {"command": "x"}})))
        assert found.data["connection"] == "agent"
        assert found.data["connection_reason"].startswith(
            "direct: KubeSphere cannot use its kubeconfig: its credential comes from a plugin (exec)"
        )
        assert ("ks-apiserver",) not in world.tried

    def test_no_kubeconfig(self, world: World) -> None:
        found = world.auto(direct=None)
        assert found.data["connection_reason"].startswith(f"{NO_KUBECONFIG}; the proxy address")

    def test_a_member_that_the_play_does_not_reach(self, world: World) -> None:
        world.of_member = Evidence(False, "", "refused")
        found = world.run(None, member=False, connection="auto")
        assert found.data["connection"] == "agent"
        assert found.data["connection_reason"] == (
            f"{NO_KUBECONFIG}; the proxy address {ADDRESS} is not reached from {HERE}"
        )
        assert world.tried == [("tower from here", ADDRESS)]

    def test_weak_evidence_lets_the_agent_try(self, world: World) -> None:
        world.of_member = Evidence(False, HERE, "refused", weak=True)
        found = world.auto(direct=None)
        assert (found.data["connection"], found.data["verified"]) == ("agent", True)
        assert found.warnings == [
            f"m: {ADDRESS} is not reached from {HERE}: refused. The member may reach it all the same."
        ]

    def test_a_name_that_is_too_long_for_it(self, world: World) -> None:
        with pytest.raises(Refused, match="an agent connection takes 60 at most"):
            world.auto(name="m" * 61, direct=None)
        assert world.host.writes == []


class TestNeither:
    """What was tried from where is said."""

    def refused(self, world: World, **wanted: Any) -> str:
        with pytest.raises(Refused) as caught:
            world.auto(**wanted)
        assert caught.value.cluster == "m"
        assert "kubesphere_api_server" in caught.value.hint
        assert "kubesphere_proxy_address" in caught.value.hint
        assert (world.host.writes, world.member.writes) == ([], [])
        return caught.value.message

    def test_nobody_reaches_anybody(self, world: World) -> None:
        world.answer = "dial tcp 192.0.2.1:6443: connect: connection refused"
        world.of_member = Evidence(False, POD_OF_MEMBER, "no answer in 5 s")
        assert self.refused(world) == (
            "it can be imported neither directly nor by agent: "
            f"direct: {SERVER} is not reached by the host's ks-apiserver: {world.answer}; "
            f"agent: the proxy address {ADDRESS} is not reached from {POD_OF_MEMBER}: no answer in 5 s"
        )

    def test_no_proxy_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World(monkeypatch, address="")
        world.answer, world.of_host = 501, Evidence(False, POD_OF_HOST, "no route")
        assert self.refused(world) == (
            "it can be imported neither directly nor by agent: "
            f"direct: {SERVER} is not reached from {POD_OF_HOST}: no route; "
            "agent: the host has no proxy address; run the playbook kubesphere.multicluster.proxy"
        )

    def test_a_plan_without_an_address_that_the_run_will_have(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World(monkeypatch, planning=True, address="")
        world.answer = "dial tcp 192.0.2.1:6443: connect: connection refused"
        found = world.auto(agent=AgentOptions(address_follows=True))
        assert (found.actions, found.data["connection"]) == ([], None)
        assert "member: its connection is chosen when the host has its proxy address." in found.warnings
        assert "run the playbook kubesphere.multicluster.proxy" in self.refused(world)

    def test_no_kubeconfig_and_no_proxy_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World(monkeypatch, address="")
        assert NO_KUBECONFIG in self.refused(world, direct=None)
        assert world.tried == []

    def test_no_kubesphere_on_the_host(self, world: World) -> None:
        world.host.objects = {path: each for path, each in world.host.objects.items() if each["kind"] != "ConfigMap"}
        with pytest.raises(Refused, match="KubeSphere is not installed here"):
            world.auto()

    def test_a_plan_before_that(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = World(monkeypatch, planning=True)
        world.host.objects = {path: each for path, each in world.host.objects.items() if each["kind"] != "ConfigMap"}
        found = world.auto()
        assert (found.actions, found.data["connection"]) == ([], None)
        assert "member: its connection is chosen when KubeSphere stands on the host." in found.warnings
        assert "connection_reason" not in found.data


class TestKept:
    """A choice is made once."""

    def test_another_day_nobody_looks(self, world: World) -> None:
        world.auto()
        world.tried.clear()
        world.answer = "dial tcp: i/o timeout"
        found = world.auto()
        assert (found.changed, found.data["connection"], found.data["connection_reason"]) == (False, "direct", BY_HOST)
        assert world.tried == []

    def test_what_was_imported_otherwise_stays_so(self, world: World) -> None:
        world.run(connection="agent")
        world.tried.clear()
        found = world.auto()
        assert (found.data["connection"], found.data["connection_reason"]) == ("agent", "it is imported so")
        assert world.tried == []
        assert not world.auto().changed

    @pytest.mark.parametrize(("answer", "connection"), [("", "direct"), ("dial tcp", "agent")])
    def test_it_is_said_when_it_no_longer_holds(self, world: World, answer: str, connection: str) -> None:
        world.answer = answer
        reason = world.auto().data["connection_reason"]
        conditions = world.cluster["status"]["conditions"]
        conditions = [each if each["type"] == "Initialized" else {**each, "status": "False"} for each in conditions]
        world.host.put({**world.cluster, "status": {**world.cluster["status"], "conditions": conditions}})
        with pytest.raises(WaitTimeout) as caught:
            world.auto()
        assert caught.value.hint.endswith(
            f" Connection {connection} was chosen before ({reason}); if that no longer holds, set "
            "kubesphere_connection to the other one and kubesphere_switch_connection to true."
        )

    def test_nothing_is_said_of_before_when_it_was_chosen_now(self, world: World) -> None:
        world.host.on_write = lambda _method, _written: None
        with pytest.raises(WaitTimeout) as caught:
            world.auto()
        assert "was chosen before" not in caught.value.hint

    def test_the_user_may_say_it(self, world: World) -> None:
        world.auto()
        with pytest.raises(Refused, match="it is imported by connection direct, not agent"):
            world.run(connection="agent")
        world.run(connection="agent", switch=True)
        assert CONNECTION_REASON not in (world.cluster["metadata"].get("annotations") or {})
        found = world.auto()
        assert (found.data["connection"], found.data["connection_reason"]) == ("agent", "it is imported so")

    def test_switching_does_not_choose_again(self, world: World) -> None:
        world.auto()
        world.answer = "dial tcp"
        assert world.auto(switch=True).data["connection"] == "direct"

    def test_direct_still_takes_a_kubeconfig(self, world: World) -> None:
        world.auto()
        with pytest.raises(Refused, match="a direct connection takes a kubeconfig"):
            world.auto(member=False)

    def test_an_agent_that_stands_needs_none(self, world: World) -> None:
        world.auto(direct=None)
        assert not world.auto(direct=None, agent=AgentOptions()).changed

    def test_the_reason_is_a_note_of_the_collections_own(self, world: World) -> None:
        found = world.auto()
        assert CONNECTION_REASON not in json.dumps(found.diff)

    def test_an_error_of_the_look_is_told(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_each: Any, **_more: Any) -> Evidence:
            raise KubeError("no pods here", "host")

        world.answer = 501
        monkeypatch.setattr(reachability, "api_server_from_host", fail)
        with pytest.raises(KubeError, match="no pods here"):
            world.auto()
        assert world.host.writes == []
