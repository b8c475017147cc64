# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what the modules member, agent_manifest and member_info make of their options."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals import agent_manifest, member_info
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals import member as goal_of_member
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import documents
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import Session
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import (
    fleet,
    fleet_details,
    member,
    member_agent,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.agent import Settings, manifest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.member_credential import (
    CredentialOptions,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

from tests.unit.kube.test_connection import config

AGENT: dict[str, Any] = {
    "proxy_address": None,
    "registry": None,
    "pull_secrets": [],
    "agent": {},
    "agent_manifest_source": "collection",
}
PLAIN: dict[str, Any] = {
    **AGENT,
    "kubeconfig": config(user={"token": "abc"}),
    "connection": "direct",
    "switch_connection": False,
    "state": "present",
    "force": False,
    "reachable": True,
    "proxy_address_follows": False,
    "agent_manifest_path": None,
    "kubesphere_api_endpoint": None,
    "credential": "given",
    "credential_days": 365,
    "renew_before_days": 30,
    "renew": False,
    "only_imported": False,
    "alias": None,
    "description": None,
    "creator": None,
    "provider": None,
    "region": None,
    "group": None,
    "labels": {},
    "annotations": {},
    "adopt": False,
    "wait": True,
    "wait_timeout": 60,
}
HOST = {"name": "main", "host": "https://192.0.2.1:6443", "api_key": "def"}
DEPLOYMENT = manifest(
    "east", Secret("a-token-of-an-agent"), "http://192.0.2.9:8080", "kubesphere/tower:v0.2.1", Settings()
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the domain is asked for; a Cluster called connected has an agent."""
    made: list[tuple[Any, ...]] = []

    def import_member(
        host: Session, one: Session | None, wanted: member.Wanted, *, wait_timeout: Any, progress: Any
    ) -> Result:
        assert callable(progress)
        made.append((host.cluster, one.cluster if one else None, wanted, wait_timeout))
        connected = wanted.name == "connected"
        handed_over = wanted.agent.hand_over(DEPLOYMENT, connected) if wanted.agent.hand_over and not one else None
        return Result(data={"agent_manifest": handed_over})

    monkeypatch.setattr(member, "import_member", import_member)
    return made


@pytest.mark.parametrize("host", [None, {"name": "main", "kubeconfig": ""}])
def test_a_member_without_a_host(calls: list[tuple[Any, ...]], host: Any) -> None:
    with pytest.raises(KubeError) as caught:
        goal_of_member.GOAL.run({**PLAIN, "host_cluster": host}, Context(cluster="one"))
    assert str(caught.value) == (
        "one: it was not said how to reach the host. "
        "Set host_cluster; the roles take it from the inventory's group kubesphere_host."
    )
    assert calls == []


def test_what_is_given_is_what_is_wanted(calls: list[tuple[Any, ...]]) -> None:
    words = {name: name.upper() for name in ("alias", "description", "creator", "provider", "region", "group")}
    own = config(user={"token": "of-its-own"})
    options = {
        **PLAIN,
        **words,
        "host_cluster": HOST,
        "cluster_name": "east",
        "member_kubeconfig": own,
        "kubesphere_api_endpoint": "http://192.0.2.2:80",
        "labels": {"a": "b"},
        "annotations": {"c": "d"},
        "adopt": True,
    }
    goal_of_member.GOAL.run(options, Context(cluster="one"))
    ((host, one, wanted, timeout),) = calls
    assert (host, one, timeout) == ("main", "east", 60.0)
    assert {name: getattr(wanted, name) for name in words} == words
    assert (wanted.name, wanted.connection, wanted.switch, wanted.adopt) == ("east", "direct", False, True)
    assert (wanted.labels, wanted.annotations) == ({"a": "b"}, {"c": "d"})
    assert wanted.direct.kubesphere_api_endpoint == "http://192.0.2.2:80"
    assert wanted.direct.kubeconfig["users"][0]["user"] == {"token": "of-its-own"}
    assert wanted.agent == member_agent.AgentOptions(settings=Settings(pull_secrets=[]))


@pytest.mark.parametrize(
    ("cluster", "connection", "number"),
    [
        ({"insecure-skip-tls-verify": True}, "direct", 1),
        ({"insecure-skip-tls-verify": True}, "auto", 1),
        ({"insecure-skip-tls-verify": True}, "agent", 0),
        ({"server": "http://192.0.2.3:8001"}, "direct", 1),
        ({}, "direct", 0),
    ],
)
def test_a_kubeconfig_for_kubesphere_that_switches_tls_off_is_warned_of(
    calls: list[tuple[Any, ...]], cluster: dict[str, Any], connection: str, number: int
) -> None:
    context = Context(cluster="one")
    own = config(cluster, user={"token": "of-its-own"})
    options = {**PLAIN, "host_cluster": HOST, "connection": connection, "member_kubeconfig": own}
    goal_of_member.GOAL.run(options, context)
    assert len(calls) == 1
    assert [warning.startswith("one: in the kubeconfig that KubeSphere gets,") for warning in context.warnings] == [
        True
    ] * number


def test_what_is_said_of_a_credential(calls: list[tuple[Any, ...]]) -> None:
    how = {"credential": "token", "credential_days": 7, "renew_before_days": 2, "renew": True, "only_imported": True}
    goal_of_member.GOAL.run({**PLAIN, **how, "host_cluster": HOST}, Context(cluster="one"))
    wanted = calls[0][2]
    assert wanted.direct.credential == CredentialOptions("token", 7, 2, True)
    assert wanted.only_imported


@pytest.mark.parametrize("how", [{"credential_days": 0}, {"credential_days": 40000}, {"renew_before_days": -1}])
def test_days_that_are_none(calls: list[tuple[Any, ...]], how: dict[str, int]) -> None:
    with pytest.raises(KubeError, match="credential_days is"):
        goal_of_member.GOAL.run({**PLAIN, **how, "host_cluster": HOST}, Context(cluster="one"))
    assert calls == []


def test_without_a_wait(calls: list[tuple[Any, ...]]) -> None:
    goal_of_member.GOAL.run({**PLAIN, "host_cluster": HOST, "wait": False}, Context(cluster="one"))
    assert calls[0][3] is None
    assert calls[0][2].direct.kubesphere_api_endpoint == ""


def test_what_is_said_of_an_agent(calls: list[tuple[Any, ...]]) -> None:
    agent: dict[str, Any] = {
        "image": "r.example.org/tower:v1",
        "replicas": 2,
        "environment": {"HTTPS_PROXY": "http://192.0.2.3:3128"},
        "tolerations": [{"operator": "Exists"}],
        "node_selector": {"a": "b"},
    }
    options = {
        **PLAIN,
        "host_cluster": HOST,
        "connection": "auto",
        "switch_connection": True,
        "proxy_address": "http://192.0.2.9:8080",
        "registry": "r.example.org:5000",
        "pull_secrets": ["pull"],
        "agent": agent,
        "agent_manifest_source": "ks_apiserver",
        "proxy_address_follows": True,
    }
    goal_of_member.GOAL.run(options, Context(cluster="one"))
    wanted = calls[0][2]
    assert (wanted.connection, wanted.switch) == ("auto", True)
    assert wanted.direct is not None
    assert wanted.agent == member_agent.AgentOptions(
        proxy_address="http://192.0.2.9:8080",
        settings=Settings(registry="r.example.org:5000", pull_secrets=["pull"], **agent),
        manifest_source="ks_apiserver",
        address_follows=True,
    )


def test_the_agent_connection_takes_no_kubeconfig(calls: list[tuple[Any, ...]]) -> None:
    options = {**PLAIN, "host_cluster": HOST, "connection": "agent", "member_kubeconfig": "/no/such/file"}
    goal_of_member.GOAL.run(options, Context(cluster="one"))
    ((_host, one, wanted, _timeout),) = calls
    assert (one, wanted.direct) == ("one", None)


class TestHandingOver:
    """The manifest as a file, where the play does not reach the member."""

    def run(self, path: Path, name: str = "east", **context: Any) -> Result:
        options = {
            **PLAIN,
            "kubeconfig": "/no/such/file",
            "host_cluster": HOST,
            "connection": "agent",
            "reachable": False,
            "agent_manifest_path": str(path),
        }
        return goal_of_member.GOAL.run(options, Context(cluster=name, **context))

    @pytest.mark.usefixtures("calls")
    def test_once(self, tmp_path: Path) -> None:
        path = tmp_path / "new" / "east.yml"
        found = self.run(path)
        assert (found.changed, found.actions) == (True, [f"write {path}"])
        assert found.data == {"agent_manifest": str(path)}
        assert documents.load_one(path.read_text(), "it") == DEPLOYMENT
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "a-token-of-an-agent" not in str((found.actions, found.diff, found.data))
        again = self.run(path)
        assert (again.changed, again.actions, again.diff) == (False, [], [])

    @pytest.mark.usefixtures("calls")
    def test_who_is_connected_needs_no_manifest(self, tmp_path: Path) -> None:
        path = tmp_path / "connected.yml"
        assert not self.run(path, name="connected").changed
        assert not path.exists()
        path.write_text("kind: Deployment\n")
        found = self.run(path, name="connected")
        assert found.actions == [f"write {path}"]
        assert found.warnings == [f"connected: its agent is to be changed: apply {path} on the member again."]

    @pytest.mark.usefixtures("calls")
    def test_a_former_token_is_masked_as_well(self, tmp_path: Path) -> None:
        path = tmp_path / "east.yml"
        path.write_text("command: [--token=a-former-token, --name=east]\n")
        found = self.run(path)
        assert found.diff[0]["before"] == [{"command": ["--token=***", "--name=east"]}]

    @pytest.mark.usefixtures("calls")
    @pytest.mark.parametrize("former", ["a: [", "---\n---\n", ""])
    def test_a_former_file_that_holds_nothing(self, tmp_path: Path, former: str) -> None:
        path = tmp_path / "east.yml"
        path.write_text(former)
        assert self.run(path).diff[0]["before"] == []
        assert documents.load_one(path.read_text(), "it") == DEPLOYMENT

    @pytest.mark.usefixtures("calls")
    def test_a_write_that_fails_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_self: Path, _target: Path) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "replace", full)
        with pytest.raises(KubeError, match=r"east\.yml cannot be written: .*No space left on device"):
            self.run(tmp_path / "east.yml")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.usefixtures("calls")
    def test_check_mode_says_it_and_writes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "east.yml"
        found = self.run(path, check_mode=True)
        assert (found.changed, found.actions, found.data["agent_manifest"]) == (True, [f"write {path}"], str(path))
        assert list(tmp_path.iterdir()) == []

    def test_without_a_path_nobody_takes_it(self, calls: list[tuple[Any, ...]]) -> None:
        goal_of_member.GOAL.run({**PLAIN, "host_cluster": HOST, "connection": "agent"}, Context(cluster="one"))
        assert calls[0][2].agent.hand_over is None

    def test_a_member_that_is_not_reached_takes_a_path(self, calls: list[tuple[Any, ...]]) -> None:
        options = {**PLAIN, "host_cluster": HOST, "connection": "agent", "reachable": False}
        with pytest.raises(KubeError, match="takes agent_manifest_path"):
            goal_of_member.GOAL.run(options, Context(cluster="one"))
        assert calls == []


@pytest.mark.parametrize("reachable", [True, False])
def test_a_member_that_is_to_be_absent(reachable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, ...]] = []

    def unbind(host: Session, one: Session | None, name: str, **more: Any) -> Result:
        made.append((host.cluster, one.cluster if one else None, name, more["force"], more["wait_timeout"]))
        return Result()

    monkeypatch.setattr(goal_of_member, "unbind", unbind)
    options = {**PLAIN, "host_cluster": HOST, "state": "absent", "force": True, "reachable": reachable}
    goal_of_member.GOAL.run(options, Context(cluster="one"))
    assert made == [("main", "one" if reachable else None, "one", True, 60.0)]


class TestAgentManifest:
    """The module agent_manifest."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
        """What the domain is asked for."""
        made: list[tuple[Any, ...]] = []

        def manifest_of(host: Session, name: str, options: member_agent.AgentOptions) -> Object:
            made.append((host.cluster, name, options))
            host.redactor.add("a-token-of-an-agent")
            return DEPLOYMENT

        monkeypatch.setattr(member_agent, "manifest_of", manifest_of)
        return made

    def test_as_text(self, asked: list[tuple[Any, ...]]) -> None:
        options = {**AGENT, "host_cluster": HOST, "path": None, "agent": {"replicas": 3}}
        found = agent_manifest.GOAL.run(options, Context(cluster="east"))
        assert asked == [("main", "east", member_agent.AgentOptions(settings=Settings(replicas=3, pull_secrets=[])))]
        assert documents.load_one(found.data.pop("manifest"), "it") == DEPLOYMENT
        assert found == Result(data={"name": "east", "path": None, "proxy_address": "http://192.0.2.9:8080"})

    @pytest.mark.usefixtures("asked")
    def test_as_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FOLDER", str(tmp_path))
        options = {**AGENT, "host_cluster": HOST, "path": "$FOLDER/east.yml", "cluster_name": "east"}
        found = agent_manifest.GOAL.run(options, Context())
        path = tmp_path / "east.yml"
        assert (found.changed, found.actions) == (True, [f"write {path}"])
        assert found.data == {"name": "east", "path": str(path), "proxy_address": "http://192.0.2.9:8080"}
        assert "a-token-of-an-agent" in path.read_text()
        assert "a-token-of-an-agent" not in str(found)
        assert not agent_manifest.GOAL.run(options, Context()).changed

    @pytest.mark.usefixtures("asked")
    def test_a_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        options = {**AGENT, "host_cluster": HOST, "path": str(tmp_path), "cluster_name": "east"}
        with pytest.raises(KubeError, match=r"cannot be written: .*Is a directory") as caught:
            agent_manifest.GOAL.run(options, Context())
        assert caught.value.hint

    def test_without_a_host(self, asked: list[tuple[Any, ...]]) -> None:
        with pytest.raises(KubeError, match="it was not said how to reach the host"):
            agent_manifest.GOAL.run({**AGENT, "host_cluster": None, "path": None}, Context(cluster="east"))
        assert asked == []


def test_member_info(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fleet,
        "look",
        lambda host, names, **how: {"members": [{"name": name, "by": host.cluster, **how} for name in names]},
    )
    monkeypatch.setattr(
        fleet_details,
        "look",
        lambda host, names, *, among, before_days: {"members": [host.cluster, *names, among, before_days]},
    )
    how = {"among": ["a", "b"], "use": False, "used": {"a": 3}}
    options = {**HOST, "cluster_name": "main", "names": ["a"], **how, "details": False, "renew_before_days": 7}
    result = member_info.GOAL.run(options, Context())
    assert (result.changed, result.data) == (False, {"members": [{"name": "a", "by": "main", **how}]})
    closer = member_info.GOAL.run({**options, "details": True}, Context())
    assert (closer.changed, closer.data) == (False, {"members": ["main", "a", ["a", "b"], 7]})
