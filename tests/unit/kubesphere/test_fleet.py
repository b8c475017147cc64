# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what a host says of its members."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Forbidden,
    ServerError,
    Unauthorized,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP, Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.fleet import look
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER,
    HOST_LABEL,
    NAMESPACE,
)

from tests.unit.fakes import FakeSession, item
from tests.unit.kubesphere.test_installation import SECRET

PROXY = f"/api/v1/namespaces/{NAMESPACE}/services/:ks-apiserver:80/proxy"


def imported(name: str, connection: str = "direct", ready: str = "True", **labels: str) -> Object:
    condition = {"type": "Ready", "status": ready, "reason": "Because", "lastUpdateTime": "2026-01-01T00:00:00Z"}
    status = {
        "conditions": [condition],
        "kubernetesVersion": "v1.20.2",
        "kubeSphereVersion": "v3.4.1",
        "nodeCount": 7,
        "uid": f"uid-of-{name}",
    }
    spec = {"connection": {"type": connection, "kubeconfig": "bm90aGluZw=="}, "provider": ""}
    made = item(CLUSTER, name, spec=spec, status=status)
    made["metadata"]["labels"] = labels
    return made


def host(*clusters: Object, configured: bool = True) -> FakeSession:
    data = {"kubesphere.yaml": json.dumps({"authentication": {"jwtSecret": SECRET}})}
    config = [item(CONFIG_MAP, "kubesphere-config", NAMESPACE, data=data)] if configured else []
    session = FakeSession("host", *config, *clusters)
    for each in clusters:
        nodes = f"{PROXY}/api/clusters/{each['metadata']['name']}/v1/nodes"
        session.answers[nodes] = lambda: {"items": [{}], "metadata": {"remainingItemCount": 2}}
    return session


def members(session: FakeSession, *names: Any, **options: Any) -> list[dict[str, Any]]:
    found = look(session, *names, **options)
    assert found.keys() == {"members"}
    clusters: list[dict[str, Any]] = found["members"]
    return clusters


def test_among_some_the_others_are_only_named() -> None:
    own = imported("main", **{HOST_LABEL: ""})
    session = host(own, imported("a"), imported("b"), imported("c"))
    found = look(session, among=["b", "x"])
    assert [each["name"] for each in found["members"]] == ["main", "b"]
    assert found["others"] == ["a", "c"]
    assert not [request for request in session.requests if "/clusters/a/" in request[1]]
    nobody = look(session, among=[])
    assert ([each["name"] for each in nobody["members"]], nobody["others"]) == (["main"], ["a", "b", "c"])


def test_a_member_that_works() -> None:
    one = imported("one", "proxy", **{"cluster.kubesphere.io/region": "eu", "cluster.kubesphere.io/group": "test"})
    one["metadata"]["annotations"] = {"kubesphere.io/alias-name": "Number One"}
    one["spec"]["provider"] = "own"
    session = host(one)
    assert members(session) == [
        {
            "name": "one",
            "known": True,
            "cluster_role": "member",
            "connection": "agent",
            "ready": True,
            "ready_updated": "2026-01-01T00:00:00Z",
            "problem": "",
            "kubernetes_version": "v1.20.2",
            "kubesphere_version": "v3.4.1",
            "nodes": 3,
            "uid": "uid-of-one",
            "alias": "Number One",
            "provider": "own",
            "region": "eu",
            "group": "test",
            "labels": one["metadata"]["labels"],
        }
    ]
    assert session.writes == []


def test_the_host_then_all_by_name_or_those_asked_for_in_their_order() -> None:
    session = host(imported("b"), imported("a"), imported("host", **{HOST_LABEL: ""}))
    assert [each["name"] for each in members(session)] == ["host", "a", "b"]
    found = members(session, ["x", "b"])
    assert [each["name"] for each in found] == ["x", "b"]
    assert found[0] == {"name": "x", "known": False, "problem": "host has no Cluster x: import it"}


def test_the_host_is_not_used_through_itself() -> None:
    session = host(imported("host", **{HOST_LABEL: ""}))
    found = members(session)[0]
    assert (found["cluster_role"], found["connection"], found["nodes"]) == ("host", "direct", 7)
    assert not [path for _method, path in session.requests if path.startswith(PROXY)]


@pytest.mark.parametrize(
    ("use", "configured", "used"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_members_are_used_if_wanted_and_possible(use: bool, configured: bool, used: bool) -> None:
    session = host(imported("one"), configured=configured)
    assert members(session, use=use)[0]["nodes"] == (3 if used else 7)
    assert bool([path for _method, path in session.requests if path.startswith(PROXY)]) is used


def test_those_that_were_used_just_now_are_not_used_again() -> None:
    session = host(imported("one"), imported("two"), imported("three", ready="False"))
    found = {each["name"]: each for each in members(session, used={"one": 5, "three": 6})}
    assert {name: each["nodes"] for name, each in found.items()} == {"one": 5, "two": 3, "three": 6}
    assert [name for name, each in found.items() if each["problem"]] == ["three"]
    assert [path for _method, path in session.requests if path.startswith(PROXY)] == [
        f"{PROXY}/api/clusters/two/v1/nodes"
    ]


def test_one_that_is_not_ready_is_not_used() -> None:
    session = host(imported("one", ready="False"))
    found = members(session)[0]
    assert (found["ready"], found["problem"], found["nodes"]) == (False, "Cluster one is not Ready: Because", 7)
    assert not [path for _method, path in session.requests if path.startswith(PROXY)]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unauthorized("Failed to use one: 401", "host", status=401), "Give the member the host's jwtSecret"),
        (ServerError("Failed to use one: 503", "host", status=503), "Look whether the Deployment"),
        (Forbidden("Failed to use one: cluster one is not ready", "host", status=403), "conditions of Cluster one"),
    ],
)
def test_one_that_says_ready_and_does_not_work(error: Exception, words: str) -> None:
    session = host(imported("one"), imported("two"))

    def fail() -> Any:
        raise error

    session.answers[f"{PROXY}/api/clusters/one/v1/nodes"] = fail
    found = members(session)
    assert found[0]["ready"] is True
    assert found[0]["problem"].startswith("Failed to use one: ")
    assert words in found[0]["problem"]
    assert found[1]["problem"] == ""  # the trouble of one is not that of another


def test_problems_show_no_secret() -> None:
    one = imported("one", ready="False")
    one["status"]["conditions"][0]["message"] = f"signature by {SECRET} is invalid"
    assert members(host(one))[0]["problem"] == "Cluster one is not Ready: Because; signature by *** is invalid"


def test_a_cluster_without_anything_but_a_name() -> None:
    found = members(host(item(CLUSTER, "bare")))[0]
    assert found["problem"] == "Cluster bare has no condition Ready yet"
    assert (found["known"], found["connection"], found["nodes"], found["labels"]) == (True, "", None, {})


def test_where_no_cluster_can_be() -> None:
    assert members(FakeSession("host")) == []
