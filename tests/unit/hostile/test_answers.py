# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hostile API server: in a good set of answers, anything is replaced by anything; that is an error, or ignored."""

from __future__ import annotations

import copy
import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals import goal
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import kubeconfig as kube
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import probe, session, wait
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import Unreachable
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    NODE,
    SERVICE,
    STORAGE_CLASS,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import Session
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import (
    credentials,
    member,
    member_agent,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import CLUSTER, HOST_LABEL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.fakes import Clock, item
from tests.unit.hostile.kubeconfigs import with_
from tests.unit.hostile.world import _PROXY, JWT_SECRET, TOKEN, World, tell
from tests.unit.kubesphere.test_installation import standing

URL = "http://192.0.2.1"
OF_WEST = with_("clusters.0.cluster.server", "https://192.0.2.2:6443")
NOW = "2026-11-22T12:00:00Z"
DISPATCHER = _PROXY.removesuffix("/kapis") + "/api/clusters/west/v1"

JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "\0{{ x }}",
    [],
    ["x"],
    [None],
    [[]],
    {},
    {"x": 1},
    {"name": []},
]


def host() -> World:
    """A host that knows itself and a member."""
    world = World("host")
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastUpdateTime": NOW}
    seen = {"conditions": [ready], "kubernetesVersion": "v1.20.2", "kubeSphereVersion": "v3.4.1", "nodeCount": 1}
    kubeconfig = credentials.encode(kube.load(OF_WEST).self_contained())
    direct = {"type": "direct", "kubeconfig": kubeconfig, "kubernetesAPIEndpoint": "https://192.0.2.2:6443"}
    world.put(item(CLUSTER, "host", spec={"connection": {"type": "direct"}}, status={**seen, "uid": "uid-of-host"}))
    world.put(item(CLUSTER, "west", spec={"connection": direct, "provider": "x"}, status={**seen, "uid": "west"}))
    world.answers[CLUSTER.path("host")]["metadata"] |= {"labels": {HOST_LABEL: ""}, "annotations": {"a": "b"}}
    world.put(standing("host", spec={"multicluster": {"proxyPublishAddress": "http://192.0.2.9:8080"}}))
    world.put(
        item(
            SERVICE,
            "tower",
            "kubesphere-system",
            spec={"type": "LoadBalancer", "ports": [{"name": "http", "port": 8080, "nodePort": 30721}]},
            status={"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}},
        )
    )
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", "command": ["x"]}]}}
    for name in ("tower", "ks-apiserver", "cluster-agent"):
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}, "template": template}
        status = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}
        world.put(item(DEPLOYMENT, name, "kubesphere-system", spec=spec, status=status))
    world.put(item(NODE, "one", status={"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}))
    world.put(item(STORAGE_CLASS, "local"))
    world.answers[f"{DISPATCHER}/nodes"] = {"metadata": {"remainingItemCount": 1}, "items": [{"metadata": {}}]}
    world.answers[f"{DISPATCHER}/namespaces/kube-system"] = item(NAMESPACE, "kube-system")
    world.answers[f"{DISPATCHER}/namespaces/kube-system"]["metadata"] |= {"uid": "west", "resourceVersion": "1"}
    config = copy.deepcopy(world.answers[CONFIG_MAP.path("kubesphere-config", "kubesphere-system")])
    world.answers[f"{DISPATCHER}/namespaces/kubesphere-system/configmaps/kubesphere-config"] = config
    return world


class Answering(Session):
    """A session, all of its logic included, that is answered by a World."""

    worlds: Mapping[str, World]
    clock = Clock()

    def _send(self, method: str, path: str, *_what: str, body: Any = None, **_more: Any) -> tuple[int, bytes]:
        if self.server not in self.worlds:
            raise Unreachable(f"nobody is at {self.server}")
        status, answer = self.worlds[self.server].answer(method, path, body)
        return status, json.dumps(answer).encode()

    def watch(self, *_what: Any, **_more: Any) -> Iterator[Any]:
        """Nothing happens."""
        self.clock.sleep(_what[-1])
        return iter(())


MEMBER = {"cluster_name": "east", "host": f"{URL}2", "api_key": TOKEN, "host_cluster": {"host": URL, "api_key": TOKEN}}
HOST = {"cluster_name": "host", "host": URL, "api_key": TOKEN}
TASKS = [
    ("member_info", HOST),
    ("member_info", {**HOST, "details": True}),
    ("cluster_info", {**HOST, "cluster_role": "host"}),
    ("proxy_address", {**HOST, "store": "config_map"}),
    ("member", {**MEMBER, "wait": False}),
    ("member", {**MEMBER, "cluster_name": "west", "wait": False, "labels": {"a": "b"}, "member_kubeconfig": OF_WEST}),
]


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something can be replaced."""
    if above:
        yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*above, key))


PLACES = list(places(host().answers))


def replaced(world: World, place: tuple[Any, ...], junk: Any) -> None:
    *above, last = place
    inner: Any = world.answers
    for key in above:
        if not isinstance(inner, (dict, list)) or (isinstance(inner, list) and key not in range(len(inner))):
            return
        inner = inner.get(key) if isinstance(inner, dict) else inner[key]
    if isinstance(inner, dict) or (isinstance(inner, list) and last in range(len(inner))):
        inner[last] = copy.deepcopy(junk)


@pytest.fixture
def _in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (goal, session):
        monkeypatch.setattr(module, "Session", Answering)
    monkeypatch.setattr(probe, "get", lambda *_arguments, **_more: probe.Answer(problem="nobody is there"))
    for waits in (session, wait, member, member_agent):
        monkeypatch.setattr(waits, "time", Answering.clock)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_arguments: None)


def told(task: tuple[str, dict[str, Any]], world: World) -> Any:
    other = World("member")
    other.answers = copy.deepcopy(world.answers)
    system = other.answers.get("/api/v1/namespaces/kube-system")
    if isinstance(system, dict) and isinstance(system.get("metadata"), dict):
        system["metadata"]["uid"] = "west" if task[1]["cluster_name"] == "west" else "uid-of-member"
    name = "/api/v1/namespaces/kubesphere-system/configmaps/kubesphere-config"
    other.answers[name] = json.loads(json.dumps(other.answers[name]).replace('\\"host\\"', '\\"member\\"'))
    Answering.worlds = {URL: world, f"{URL}2": other}
    return tell(*task)


@pytest.mark.usefixtures("_in_process")
@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task[0]}-{len(task[1])}")
def test_good_answers(task: tuple[str, dict[str, Any]]) -> None:
    found = told(task, host())
    assert found.message == "" or "proxy" in task[0], found


@pytest.mark.usefixtures("_in_process")
@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task[0]}-{len(task[1])}")
@settings(max_examples=100, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(JUNK)), min_size=1, max_size=3))
def test_junk_among_them(task: tuple[str, dict[str, Any]], changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    world = host()
    for place, junk in changes:
        replaced(world, place, junk)
    found = told(task, world)
    assert found.kind != "Defect", found.result.get("exception")
    assert JWT_SECRET not in repr(found)
    assert task[0] == "member" or not world.writes
