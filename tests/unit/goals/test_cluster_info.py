# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of looking at one cluster: whatever is wrong is in the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals import cluster_info
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.cluster_info import GOAL
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.member import kubeconfig_for_host
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import resolve
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import Session

from tests.unit.fakes import FakeSession
from tests.unit.kube.server import Reply, serving
from tests.unit.kube.test_connection import SERVER, config
from tests.unit.kube.test_session import free_port
from tests.unit.kubesphere.test_installation import standing
from tests.unit.kubesphere.test_preflight import cluster, default

DEFAULTS = {
    "cluster_name": "one",
    "cluster_role": "member",
    "release": "v3.4.1",
    "connection": "direct",
    "credential": "given",
    "reachable": True,
    "configuration": None,
    "jwt_secret": None,
    "request_timeout": 1,
}


def look(**options: Any) -> tuple[dict[str, Any], list[str]]:
    result = GOAL.run({**DEFAULTS, **options}, Context(cluster="of the inventory"))
    assert (result.changed, result.actions) == (False, [])
    assert set(result.data) == {"cluster", "problems"}
    return result.data["cluster"], result.data["problems"]


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    """The cluster that the goal reaches."""
    session = cluster(default("fast"))
    monkeypatch.setattr(cluster_info, "session", lambda *_arguments: session)
    monkeypatch.setattr(cluster_info, "kubeconfig_for_host", lambda *_arguments: config(user={"token": "abc"}))
    return session


def test_what_is_seen(reached: FakeSession) -> None:
    assert look() == (
        {
            "name": "one",
            "cluster_role": "member",
            "release": "v3.4.1",
            "server": reached.server,
            "uid": "uid-1",
            "kubernetes_version": "v1.20.2",
            "storage_classes": ["fast"],
            "default_storage_class": "fast",
            "installed": {"release": None, "cluster_role": "none", "complete": False},
        },
        [],
    )


def test_what_is_wanted_and_what_stands_are_told_apart(reached: FakeSession) -> None:
    reached.put(standing("host", "v3.3.2"))
    seen, problems = look()
    assert (seen["release"], seen["cluster_role"]) == ("v3.4.1", "member")
    assert seen["installed"] == {"release": "v3.3.2", "cluster_role": "host", "complete": True}
    assert len(problems) == 1


def test_problems_of_both_kinds_in_one_list(reached: FakeSession) -> None:
    reached.answers["/version"] = lambda: {"gitVersion": "v1.99.0"}
    _seen, problems = look(cluster_name="No_Name", configuration="text", jwt_secret=["x"])
    words = ["cluster name 'No_Name'", "jwtSecret must be a string", "kubesphere_configuration: ", "Kubernetes v1.99.0"]
    assert [each.startswith(word) for each, word in zip(problems, words)] == [True] * 4
    assert len(problems) == 4


def test_secrets_that_the_cluster_repeats_are_masked(reached: FakeSession) -> None:
    reached.redactor.add("very-secret")
    reached.answers["/version"] = lambda: {"gitVersion": "very-secret"}
    assert look()[1] == ["its Kubernetes version '***' cannot be read"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kubeconfig": "/no/such/file"}, "kubeconfig (/no/such/file) cannot be read: No such file or directory"),
        ({"kubeconfig": ""}, "kubeconfig is empty"),
        ({"kubeconfig": {"a": 1}}, "has no current-context"),
        ({"host": "nonsense"}, "the API server's address 'nonsense' is no URL"),
        ({"host": "https://x", "ca_cert": __file__}, "is no PEM text"),
    ],
)
def test_a_way_that_is_none_is_a_problem_beside_others(options: dict[str, Any], words: str) -> None:
    seen, problems = look(connection="pigeon", **options)
    assert words in problems[0]
    assert problems[1].startswith("kubesphere_connection is 'pigeon'")
    assert len(problems) == 2
    assert (seen["server"], seen["uid"], seen["installed"]) == (None, None, None)


def test_a_member_that_the_play_does_not_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def reach(*_arguments: Any) -> None:
        raise AssertionError("it is not to be reached")

    monkeypatch.setattr(cluster_info, "session", reach)
    seen, problems = look(reachable=False, connection="agent", kubeconfig="/no/such/file")
    assert problems == []
    assert seen == {
        "name": "one",
        "cluster_role": "member",
        "release": "v3.4.1",
        "server": None,
        "uid": None,
        "installed": None,
    }
    assert look(reachable=False, cluster_role="host", connection="agent")[1] == [
        "kubesphere_reachable is false, which goes with a member and kubesphere_connection: agent only"
    ]


@pytest.mark.parametrize(("connection", "number"), [("direct", 1), ("agent", 0), ("auto", 0)])
def test_a_kubeconfig_counts_for_the_direct_connection_alone(
    monkeypatch: pytest.MonkeyPatch, reached: FakeSession, connection: str, number: int
) -> None:
    monkeypatch.setattr(cluster_info, "kubeconfig_for_host", lambda *_arguments: config(user={}))
    problems = look(connection=connection)[1]
    assert problems == ["kubeconfig: it has neither a token nor a client certificate"] * number
    assert reached.writes == [("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")]


@pytest.mark.parametrize(
    ("role", "connection", "number"), [("member", "direct", 1), ("member", "agent", 0), ("host", "direct", 0)]
)
def test_tls_that_is_switched_off_for_kubesphere_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, reached: FakeSession, role: str, connection: str, number: int
) -> None:
    own = config({"insecure-skip-tls-verify": True}, user={"token": "abc"})
    monkeypatch.setattr(cluster_info, "kubeconfig_for_host", lambda *_arguments: own)
    context = Context()
    GOAL.run({**DEFAULTS, "cluster_role": role, "connection": connection}, context)
    assert reached.requests
    assert ["insecure-skip-tls-verify is true" in warning for warning in context.warnings] == [True] * number


def test_a_server_that_does_not_answer() -> None:
    server = f"http://127.0.0.1:{free_port()}"
    seen, problems = look(host=server, api_key="abc", cluster_role="host")
    assert (seen["server"], seen["uid"]) == (server, None)
    assert len(problems) == 1
    assert problems[0].startswith(f"Failed to read its version: no answer from {server}")


def test_a_token_that_is_refused() -> None:
    with serving() as server:
        server.script = [Reply(401, {"kind": "Status", "message": "Unauthorized"})]
        _seen, problems = look(host=server.url, api_key="my-bad-token", cluster_role="host")
    assert problems[0].startswith(f"Failed to read its version: 401 from {server.url}: Unauthorized. Give a credential")
    assert len(problems) == 1


def test_a_members_own_kubeconfig_is_what_is_checked(tmp_path: Path) -> None:
    options = {"host": f"http://127.0.0.1:{free_port()}", "api_key": "abc"}
    _seen, problems = look(member_kubeconfig=config(user={}), **options)
    assert problems[0] == "kubeconfig: it has neither a token nor a client certificate"
    _seen, problems = look(member_kubeconfig=str(tmp_path / "none"), **options)
    assert problems[0].startswith(f"kubeconfig ({tmp_path}/none) cannot be read")


class TestKubeconfigForHost:
    """What KubeSphere gets to reach a member by."""

    def session(self) -> Session:
        return Session(resolve({"kubeconfig": config(user={"token": "of-the-play"})}), "one")

    def test_the_plays_own(self) -> None:
        made = kubeconfig_for_host({"api_server": None}, self.session())
        assert made["clusters"][0]["cluster"]["server"] == SERVER
        assert made["users"][0]["user"] == {"token": "of-the-play"}

    def test_the_plays_own_with_another_address(self) -> None:
        made = kubeconfig_for_host({"api_server": "https://inside:6443"}, self.session())
        assert made["clusters"][0]["cluster"]["server"] == "https://inside:6443"

    def test_a_given_one(self) -> None:
        given = config(user={"token": "of-its-own"})
        given["contexts"].append({"name": "two", "context": {"cluster": "c", "user": "v"}})
        given["users"].append({"name": "v", "user": {"token": "of-two"}})
        options = {"member_kubeconfig": given, "member_context": "two", "api_server": "https://inside:6443"}
        made = kubeconfig_for_host(options, self.session())
        assert made["current-context"] == "two"
        assert [each["user"] for each in made["users"]] == [{"token": "of-two"}]
        assert made["clusters"][0]["cluster"]["server"] == "https://inside:6443"


@pytest.mark.usefixtures("reached")
def test_a_short_jwt_secret_is_warned_of_once() -> None:
    def warnings(role: str, secret: str) -> list[str]:
        options = {**DEFAULTS, "cluster_role": role, "jwt_secret": secret}
        return GOAL.run(options, Context(cluster="of the inventory")).warnings

    [warning] = warnings("host", "Short1")
    assert warning.startswith("one: jwtSecret is shorter than the 32 letters that are recommended")
    assert "Short1" not in warning
    assert warnings("member", "Short1") == warnings("host", "x" * 32) == []


@pytest.mark.parametrize("named, warned", [(None, True), ("two", False)])
def test_the_current_one_of_several_contexts_is_told(named: str | None, warned: bool) -> None:
    """Also of a cluster that does not answer: it may be the wrong one."""
    contexts = {name: f"https://127.0.0.1:{free_port()}" for name in ("one", "two")}
    kubeconfig = {
        "clusters": [{"name": name, "cluster": {"server": server}} for name, server in contexts.items()],
        "users": [{"name": "u", "user": {"token": "abc"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "u"}} for name in contexts],
        "current-context": "two",
    }
    context = Context()
    GOAL.run({**DEFAULTS, "cluster_name": "berlin", "kubeconfig": kubeconfig, "context": named}, context)
    told = [text for text in context.warnings if "contexts" in text]
    assert told == [
        f"berlin: its kubeconfig has 2 contexts, and none is named. Its current one is taken, two ({contexts['two']}). "
        "Name the one that is meant in kubesphere_context."
    ] * int(warned)
