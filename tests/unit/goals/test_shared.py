# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what the goals of one fan-out have in common."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context, host_session, session
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.shared import Shared
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import ConnectionOptionError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import Session
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER,
    CONFIG,
    NAMESPACE,
)

from tests.unit.fakes import item
from tests.unit.kube.collection import Collection
from tests.unit.kube.server import Reply, Server, serving
from tests.unit.kube.test_informer import eventually, following

TOKEN = "a-token-nobody-sees"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture
def shared() -> Iterator[Shared]:
    made = Shared(in_flight=4, writes_per_second=None)
    yield made
    made.close()
    assert following() == []


def reach(shared: Shared | None, url: str, warnings: list[str] | None = None, **more: Any) -> Session:
    context = Context(warnings=[] if warnings is None else warnings, shared=shared, check_mode=more.pop("plan", False))
    found = host_session({"host_cluster": {"name": "host", "host": url, "api_key": TOKEN, **more}}, context)
    assert found
    return found


def test_members_share_what_is_the_host_s(server: Server, shared: Shared) -> None:
    clusters = Collection(server, CLUSTER, "a")
    config = item(CONFIG_MAP, CONFIG, NAMESPACE)
    config["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    path = CONFIG_MAP.path(CONFIG, NAMESPACE)
    clusters.refused = lambda request: Reply(200, config) if request.path == path else None

    def read(_member: int) -> str:
        one = reach(shared, server.url)
        assert one.get(CONFIG_MAP, CONFIG, NAMESPACE)
        return str(one.get(CLUSTER, "a")["metadata"]["uid"])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(20))) == ["uid-of-a"] * 20
    eventually(lambda: clusters.streams)
    assert sorted(clusters.asked()) == sorted([path, CLUSTER.path()])
    for stream in clusters.streams:
        stream.events.put(None)


def test_each_has_its_own_journal_plan_and_secrets(shared: Shared) -> None:
    one, other = (reach(shared, "https://127.0.0.1:1", plan=True) for _dummy in range(2))
    one.create(item(CLUSTER, "a"))
    one.redactor.add("a-secret-of-one")
    assert (len(one.journal), other.journal) == (1, [])
    assert other.redactor.text(f"a-secret-of-one {TOKEN}") == "a-secret-of-one ***"
    assert one._pool is other._pool


def test_hosts_are_told_apart_without_showing_secrets(shared: Shared) -> None:
    one = reach(shared, "https://127.0.0.1:1")
    others = [
        reach(shared, "https://127.0.0.1:2"),
        reach(shared, "https://127.0.0.1:1", api_key="another-token"),
        reach(shared, "https://127.0.0.1:1", plan=True),
    ]
    assert len({id(each._pool) for each in (one, *others)}) == 4
    assert TOKEN not in repr(vars(shared._hosts))


def test_connections_for_all_in_flight_and_the_watch(shared: Shared) -> None:
    assert reach(shared, "https://127.0.0.1:1")._pool.connection_pool_kw["maxsize"] == 5


def test_warnings_are_given_once(shared: Shared) -> None:
    warnings: list[str] = []
    for _dummy in range(3):
        reach(shared, "http://127.0.0.1:1", warnings)
    assert len(warnings) == 1


def test_options_that_lead_nowhere_are_told_to_everybody(shared: Shared) -> None:
    for _dummy in range(2):
        with pytest.raises(ConnectionOptionError, match="host: the API server's address"):
            reach(shared, "nowhere")


def test_alone_nothing_is_shared() -> None:
    one, other = reach(None, "https://127.0.0.1:1"), reach(None, "https://127.0.0.1:1")
    assert one._pool is not other._pool
    assert one.reads is None


# The cluster's own


def own(shared: Shared, cluster: str, **options: Any) -> Session:
    given = {"host": "https://127.0.0.1:1", "api_key": TOKEN, **options}
    return session(given, cluster, Context(cluster=cluster, shared=shared, check_mode=given.pop("plan", False)))


def test_a_cluster_keeps_its_connections_from_phase_to_phase_and_nothing_else(shared: Shared) -> None:
    one, later = own(shared, "a", plan=True), own(shared, "a", plan=True)
    one.create(item(CLUSTER, "a"))
    one.redactor.add("a-secret-of-one")
    assert one._pool is later._pool
    assert (later.journal, later.redactor.text("a-secret-of-one")) == ([], "a-secret-of-one")


def test_clusters_credentials_and_plans_have_connections_of_their_own(shared: Shared) -> None:
    found = [own(shared, "a"), own(shared, "b"), own(shared, "a", api_key="another-token"), own(shared, "a", plan=True)]
    assert len({id(each._pool) for each in found}) == 4
    assert TOKEN not in repr(vars(shared._sessions["a"]))


def test_who_has_left_may_come_again(shared: Shared) -> None:
    one = own(shared, "a")
    shared.leave("a")
    shared.leave("nobody")
    assert own(shared, "a")._pool is not one._pool


def test_what_the_host_is_past_is_read_anew(server: Server, shared: Shared) -> None:
    config = item(CONFIG_MAP, CONFIG, NAMESPACE)
    config["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    server.script = [Reply(200, config)]
    for _dummy in range(2):
        reach(shared, server.url).get(CONFIG_MAP, CONFIG, NAMESPACE)
    shared.refresh()
    server.script = [Reply(200, {**config, "data": {"new": "1"}})]
    assert reach(shared, server.url).get(CONFIG_MAP, CONFIG, NAMESPACE)["data"] == {"new": "1"}
