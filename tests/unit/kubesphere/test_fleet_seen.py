# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what a host says of its fleet by itself."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import Forbidden, KubeError, NotFound
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import (
    credentials,
    fleet_seen,
    stored_kubeconfig,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import CLUSTER

from tests.unit.fakes import FakeSession
from tests.unit.kubesphere.clusters import LONG_AGO, NOW, TOKEN, cluster, config_map, kubeconfig, of_host

CLUSTERS = CLUSTER.path()
CONFIG = "/api/v1/namespaces/kubesphere-system/configmaps/kubesphere-config"


def host(*clusters: Object, resync: str = "") -> FakeSession:
    session = FakeSession("frankfurt", config_map(resync), *clusters)
    session.server_time = NOW
    return session


def test_a_fleet_takes_one_list_and_nothing_of_a_member() -> None:
    session = host(cluster("b"), of_host("a"), cluster("c", "proxy"))
    found = fleet_seen.look(session)
    assert session.requests == [("GET", CLUSTERS), ("GET", CONFIG)]
    assert found["at"] == NOW
    assert [(each["name"], each["cluster_role"], each["connection"]) for each in found["clusters"]] == [
        ("a", "host", "direct"),
        ("b", "member", "direct"),
        ("c", "member", "agent"),
    ]


def test_what_is_seen_of_a_member() -> None:
    [_host, found] = fleet_seen.look(host(of_host("a"), cluster("b")))["clusters"]
    assert (found["ready"], found["problem"], found["nodes"], found["deleted"]) == (True, "", 3, None)
    assert found["server"] == "https://192.0.2.7:6443"
    assert found["credential"] == {"kind": "token", "expires": None, "days": None, "due": False}
    assert found["conditions"] == {"Ready": "True"}


def test_no_secret_is_in_it() -> None:
    told = cluster("b", token="pLanted-agent-token", ready="False")
    told["status"]["conditions"][0]["reason"] = f"401 for {TOKEN}"
    found = json.dumps(fleet_seen.look(host(of_host(), told)))
    for secret in (TOKEN, "pLanted-agent-token", "pLanted-jwt-secret", kubeconfig(), credentials.encode({})[:8]):
        assert secret not in found
    assert "401 for ***" in found


@pytest.mark.parametrize(("resync", "ready"), [("", False), ("30m", True)])
def test_a_ready_that_nobody_has_written_lately_is_none(resync: str, ready: bool) -> None:
    found = fleet_seen.look(host(of_host(), cluster("b", updated=LONG_AGO), resync=resync))["clusters"][0]
    assert found["ready"] is ready
    assert found["problem"].startswith("Cluster b says Ready since 2026-11-22T11:00:00Z") is not ready


def test_an_old_ready_says_nothing_in_a_release_that_writes_none_anew() -> None:
    found = fleet_seen.look(host(of_host(release=""), cluster("b", updated=LONG_AGO)))["clusters"][0]
    assert found["ready"] is True


def test_the_resync_period_is_the_usual_one_for_who_may_not_read_it() -> None:
    session = host(of_host(), cluster("b", updated=LONG_AGO))

    def refuse() -> Object:
        raise Forbidden("no", status=403)

    session.answers[CONFIG] = refuse
    assert "every 120 s" in fleet_seen.look(session)["clusters"][0]["problem"]


def test_a_selection_has_the_host_all_the_same() -> None:
    session = host(of_host("a"), cluster("b", labels={"tier": "gold"}), cluster("c"))
    assert [each["name"] for each in fleet_seen.look(session, "tier=gold")["clusters"]] == ["a", "b"]


def test_a_host_without_kubesphere_says_so() -> None:
    session = FakeSession("frankfurt")

    def missing() -> Object:
        raise NotFound("Failed to list clusters: 404", status=404)

    session.answers[CLUSTERS] = missing
    with pytest.raises(KubeError, match=r"frankfurt: KubeSphere is not installed here as a host"):
        fleet_seen.look(session)


def test_the_stored_kubeconfig_of_a_direct_member() -> None:
    session = host(cluster("b"))
    assert stored_kubeconfig.read(session, "b")["users"][0]["user"]["token"] == TOKEN
    assert TOKEN not in session.redactor.text(f"it is {TOKEN}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "frankfurt: it knows no member gone, .*--flush-cache"),
        ("agent", "agent is connected by agent: .* Set kubesphere_reachable to false for agent"),
        ("empty", "no kubeconfig that can be read is stored of empty"),
    ],
)
def test_there_is_no_kubeconfig_to_be_had(name: str, message: str) -> None:
    session = host(cluster("agent", "proxy"), cluster("empty", kubeconfig=""))
    with pytest.raises(KubeError, match=message):
        stored_kubeconfig.read(session, name)
