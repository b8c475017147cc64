# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what the modules member and member_info make of their options."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals import member as goal_of_member
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals import member_info
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import Session
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import fleet, member
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

from tests.unit.kube.test_connection import config

PLAIN: dict[str, Any] = {
    "kubeconfig": config(user={"token": "abc"}),
    "kubesphere_api_endpoint": None,
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


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the domain is asked for."""
    made: list[tuple[Any, ...]] = []

    def import_direct(
        host: Session, one: Session, wanted: member.Wanted, *, wait_timeout: Any, progress: Any
    ) -> Result:
        assert callable(progress)
        made.append((host.cluster, one.cluster, wanted, wait_timeout))
        return Result()

    monkeypatch.setattr(member, "import_direct", import_direct)
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
    assert (wanted.name, wanted.kubesphere_api_endpoint, wanted.adopt) == ("east", "http://192.0.2.2:80", True)
    assert (wanted.labels, wanted.annotations) == ({"a": "b"}, {"c": "d"})
    assert wanted.kubeconfig["users"][0]["user"] == {"token": "of-its-own"}


def test_without_a_wait(calls: list[tuple[Any, ...]]) -> None:
    goal_of_member.GOAL.run({**PLAIN, "host_cluster": HOST, "wait": False}, Context(cluster="one"))
    assert calls[0][3] is None
    assert calls[0][2].kubesphere_api_endpoint == ""


def test_member_info(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fleet, "members", lambda host, names, *, use: [{"name": name, "by": host.cluster, "use": use} for name in names]
    )
    result = member_info.GOAL.run({**HOST, "cluster_name": "main", "names": ["a"], "use": False}, Context())
    assert (result.changed, result.data) == (False, {"members": [{"name": "a", "by": "main", "use": False}]})
