"""Simulated members over the network, and what their API server answers, from a snapshot made by hand.

Whether a real one answers the same is what an integration test looks at.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.certificates import Authority
from tests.sandbox.kubeapi import ApiError, KubeApi, Object
from tests.sandbox.standin import jwt
from tests.simulation.members import Members
from tests.simulation.server import DEAD, SILENT, Behaviour
from tests.simulation.snapshot import Snapshot

SECRET = "aSecretOfTheFleet"
SYSTEM = "/api/v1/namespaces/kubesphere-system"
MAPS = f"{SYSTEM}/configmaps"
PROXY = f"{SYSTEM}/services/:ks-apiserver:80/proxy"
CONFIG = {"authentication": {"jwtSecret": SECRET}, "multicluster": {"clusterRole": "member"}}
USERS = "/apis/iam.kubesphere.io/v1alpha2/users"
CONFIGURATIONS = "/apis/installer.kubesphere.io/v1alpha1/clusterconfigurations"


def listed(*items: Object) -> Object:
    return {"metadata": {"resourceVersion": "100"}, "items": list(items)}


def named(name: str, namespace: str = "", **content: Any) -> Object:
    metadata = {
        "name": name,
        "uid": f"uid-of-{name}",
        "resourceVersion": "9",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": {**metadata, **({"namespace": namespace} if namespace else {})}, **content}


def snapshot() -> Snapshot:
    """A member with KubeSphere, as small as it can be."""
    kinds = {
        "/api/v1": {
            "namespaces": ("Namespace", False),
            "nodes": ("Node", False),
            "configmaps": ("ConfigMap", True),
            "secrets": ("Secret", True),
            "serviceaccounts": ("ServiceAccount", True),
            "pods": ("Pod", True),
            "pods/log": ("Pod", True),
            "services": ("Service", True),
            "services/proxy": ("ServiceProxyOptions", True),
        },
        USERS.rpartition("/")[0]: {"users": ("User", False)},
        CONFIGURATIONS.rpartition("/")[0]: {"clusterconfigurations": ("ClusterConfiguration", True)},
        "/apis/apiextensions.k8s.io/v1": {"customresourcedefinitions": ("CustomResourceDefinition", False)},
    }
    objects = {
        "/api/v1/namespaces": [named("kube-system"), named("kubesphere-system")],
        "/api/v1/nodes": [named("node", status={"nodeInfo": {"machineID": "x"}})],
        "/api/v1/configmaps": [
            named("kubesphere-config", "kubesphere-system", data={"kubesphere.yaml": yaml.safe_dump(CONFIG)})
        ],
        USERS: [named("admin")],
        CONFIGURATIONS: [named("ks-installer", "kubesphere-system", status={"core": {"version": "v3.4.1"}})],
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": [
            named("users.iam.kubesphere.io"),
            named("clusterconfigurations.installer.kubesphere.io"),
        ],
    }
    served = {
        base: {name: {"kind": kind, "namespaced": spaced} for name, (kind, spaced) in found.items()}
        for base, found in kinds.items()
    }
    paths = [f"{base}/{name}" for base, found in kinds.items() for name in found if "/" not in name]
    return Snapshot(
        {"gitVersion": "v1.20.2"}, served, {path: listed(*objects.get(path, [])) for path in paths}, "v3.4.1"
    )


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Members]:
    with Members(tmp_path_factory.mktemp("members"), snapshot(), ["one", "two"], port=24101) as running:
        yield running


@pytest.fixture(autouse=True)
def anew(members: Members) -> None:
    members.behave(Behaviour())
    members.reset()


@pytest.fixture
def one(members: Members) -> KubeApi:
    return api_of(members, "one")


def api_of(members: Members, name: str) -> KubeApi:
    return KubeApi.from_kubeconfig(members.kubeconfig(name))


def refused(status: int, call: Any, *arguments: Any) -> ApiError:
    with pytest.raises(ApiError) as caught:
        call(*arguments)
    assert caught.value.status == status, caught.value
    return caught.value


def test_each_member_is_itself(members: Members) -> None:
    uids = {api_of(members, name).get("/api/v1/namespaces/kube-system")["metadata"]["uid"] for name in members.names}
    assert uids == {identity.uid for identity in members.identities.values()}
    machines = {
        api_of(members, name).get("/api/v1/nodes")["items"][0]["status"]["nodeInfo"]["machineID"]
        for name in members.names
    }
    assert len(machines) == 2


def test_each_member_has_its_own_authority(members: Members) -> None:
    """Who takes one member for another does not get through the handshake."""
    content = yaml.safe_load(members.kubeconfig("one").read_text())
    content["clusters"][0]["cluster"]["server"] = api_of(members, "two").server
    with pytest.raises(ssl.SSLCertVerificationError):
        KubeApi.from_kubeconfig(content).get("/version")


def test_wrong_credentials_are_refused(members: Members) -> None:
    assert KubeApi.from_kubeconfig(members.token_kubeconfig("one")).get("/api/v1/nodes")["items"]
    wrong = KubeApi.from_kubeconfig(members.token_kubeconfig("one", "wrong"))
    assert refused(401, wrong.get, "/version").message == "Unauthorized"
    # Another member's administrator has a good certificate, for somebody else.
    content = yaml.safe_load(members.kubeconfig("one").read_text())
    content["users"] = yaml.safe_load(members.kubeconfig("two").read_text())["users"]
    refused(401, KubeApi.from_kubeconfig(content).get, "/version")
    del content["users"][0]["user"]["client-certificate-data"]
    nobody = KubeApi.from_kubeconfig(content)
    assert nobody.get("/version")["gitVersion"] == "v1.20.2"
    assert "system:anonymous" in refused(403, nobody.get, "/api/v1/nodes").message


def test_writes_are_of_one_member_and_forgotten(members: Members, one: KubeApi) -> None:
    made = one.create(MAPS, {"metadata": {"name": "a"}, "data": {"x": "1"}})
    assert int(made["metadata"]["resourceVersion"]) > 100
    assert made["metadata"]["uid"]
    assert refused(409, one.create, MAPS, {"metadata": {"name": "a"}}).reason == "AlreadyExists"
    assert api_of(members, "two").find(f"{MAPS}/a") is None
    assert one.create(MAPS, {"metadata": {"generateName": "a-"}})["metadata"]["name"].startswith("a-")
    members.reset("one")
    assert one.find(f"{MAPS}/a") is None


def test_stale_writes_conflict(one: KubeApi) -> None:
    made = one.create(MAPS, {"metadata": {"name": "a"}, "data": {"x": "1", "y": "1"}})
    after = one.patch(f"{MAPS}/a", {"data": {"x": "2", "y": None}})
    assert after["data"] == {"x": "2"}
    stale = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"x": "3"}}
    assert "has been modified" in refused(409, one.patch, f"{MAPS}/a", stale).message
    assert refused(409, one.update, f"{MAPS}/a", made).reason == "Conflict"
    same = one.update(f"{MAPS}/a", one.get(f"{MAPS}/a"))
    assert same["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    other = {"preconditions": {"uid": "another"}}
    assert refused(409, one.request, "DELETE", f"{MAPS}/a", other).reason == "Conflict"
    assert one.request("DELETE", f"{MAPS}/a")["status"] == "Success"
    refused(404, one.patch, f"{MAPS}/a", {"data": {}})


def test_what_is_not_there_and_what_is_not_played(members: Members, one: KubeApi) -> None:
    mark = members.mark()
    assert refused(404, one.get, f"{MAPS}/nope").message == 'configmaps "nope" not found'
    assert (
        refused(404, one.create, "/api/v1/namespaces/nope/configmaps", {"metadata": {"name": "a"}}).reason == "NotFound"
    )
    refused(404, one.get, "/api/v1/foos")
    assert refused(404, one.get, "/apis/foo.bar/v1/things").message == "404 page not found\n"
    assert members.defects(mark) == []
    refused(501, one.create, f"{SYSTEM}/pods", {"metadata": {"name": "a"}})
    refused(501, one.patch, f"{MAPS}/kubesphere-config", {}, "application/strategic-merge-patch+json")
    assert members.defects(mark) == [f"create {SYSTEM}/pods", f"patch {MAPS}/kubesphere-config"]


def test_lists_are_cut_and_chosen(one: KubeApi) -> None:
    for name, labels in (("a", {"tier": "x"}), ("b", {"tier": "y"}), ("c", {})):
        one.create(MAPS, {"metadata": {"name": name, "labels": labels}})
    first = one.get(MAPS, limit="2")
    rest = one.get(MAPS, limit="2", **{"continue": first["metadata"]["continue"]})
    assert first["metadata"]["remainingItemCount"] == 2
    found = [item["metadata"]["name"] for item in first["items"] + rest["items"]]
    assert found == ["a", "b", "c", "kubesphere-config"]
    assert [each["metadata"]["name"] for each in one.get(MAPS, labelSelector="tier=x")["items"]] == ["a"]
    assert [each["metadata"]["name"] for each in one.get(MAPS, fieldSelector="metadata.name=b")["items"]] == ["b"]
    refused(501, lambda: one.get(MAPS, labelSelector="tier in (x)"))


def test_watches_tell_what_happens(one: KubeApi) -> None:
    began = one.get(MAPS)["metadata"]["resourceVersion"]
    one.create(MAPS, {"metadata": {"name": "a"}})
    started = time.monotonic()
    events = one.watch(MAPS, began, seconds=1, fieldSelector="metadata.name=a")
    kind, item = next(events)
    assert (kind, item["metadata"]["name"]) == ("ADDED", "a")
    one.patch(f"{MAPS}/a", {"data": {"x": "1"}})
    one.create(MAPS, {"metadata": {"name": "b"}})
    one.delete(f"{MAPS}/a")
    assert [kind for kind, _item in events] == ["MODIFIED", "DELETED"]
    assert 0.9 < time.monotonic() - started < 5
    assert refused(410, lambda: list(one.watch(MAPS, "1"))).reason == "Expired"


def test_account_gets_a_token_that_opens(one: KubeApi, members: Members) -> None:
    path = f"{SYSTEM}/serviceaccounts"
    assert not one.create(path, {"metadata": {"name": "joiner"}}).get("secrets")
    deadline = time.monotonic() + 5
    while not (found := one.get(f"{path}/joiner")).get("secrets") and time.monotonic() < deadline:
        time.sleep(0.01)
    secret = one.get(f"{SYSTEM}/secrets/{found['secrets'][0]['name']}")
    token = base64.b64decode(secret["data"]["token"]).decode()
    assert KubeApi.from_kubeconfig(members.token_kubeconfig("one", token)).get("/api/v1/nodes")["items"]


def test_ks_apiserver_knows_the_fleets_tokens_and_reloads(one: KubeApi) -> None:
    assert one.get(f"{PROXY}/kapis/version")["gitVersion"] == "v3.4.1"
    nodes = f"{PROXY}/api/v1/nodes"
    refused(403, one.get, nodes)
    headers = {"X-KubeSphere-Authorization": f"Bearer {jwt.static_token(SECRET)}"}
    assert ask(one, nodes, headers)[0] == 200
    assert ask(one, nodes, {"X-KubeSphere-Authorization": f"Bearer {jwt.static_token('other')}"})[0] == 401
    named_now = yaml.safe_dump({**CONFIG, "multicluster": {"clusterName": "one"}})
    one.patch(f"{MAPS}/kubesphere-config", {"data": {"kubesphere.yaml": named_now}})
    deadline, seen = time.monotonic() + 5, set()
    while (status := ask(one, f"{PROXY}/kapis/version", {})[0]) != 200 or 500 not in seen:
        seen.add(status)
        assert time.monotonic() < deadline, seen
        time.sleep(0.02)
    assert seen == {200, 500}


def ask(api: KubeApi, path: str, headers: dict[str, str]) -> tuple[int, Any]:
    connection = api.connect(5)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_installer_takes_its_time_over_a_change(members: Members, one: KubeApi) -> None:
    path = f"{CONFIGURATIONS.replace('/cluster', '/namespaces/kubesphere-system/cluster')}/ks-installer"
    change = {"spec": {"events": {"enabled": True}}}
    refused(501, one.patch, path, change)
    log = f"{SYSTEM}/pods/ks-installer-0/log"
    members.install(0.6, "one")
    refused(501, one.get, log)
    one.patch(path, change)
    assert "PLAY" in one.get(log)["text"]
    assert "Welcome" not in one.get(log)["text"]
    time.sleep(0.4)
    assert one.get(path)["status"]["core"]["enabledTime"]
    assert "Welcome" not in one.get(log)["text"]
    with closing(one.connect(5)) as connection:
        connection.request("GET", f"{log}?follow=true&sinceSeconds=1")
        assert b"Welcome to KubeSphere!" in connection.getresponse().readline()
    assert "Welcome to KubeSphere!" in one.get(log)["text"]
    one.patch(path, change)  # nothing new: no run
    assert "Welcome" in one.get(log)["text"]
    members.install(0)


def test_faults(members: Members, one: KubeApi) -> None:
    other = api_of(members, "two")
    for api in (one, other):
        assert api.request("GET", "/version", timeout=0.5)  # which its connection keeps
    members.behave(Behaviour(DEAD), "one")
    with pytest.raises(ConnectionRefusedError):
        one.get("/version")
    members.behave(Behaviour(SILENT), "one")
    with pytest.raises(TimeoutError):
        one.request("GET", "/version", timeout=0.3)
    for status in (401, 403, 500):
        members.behave(Behaviour(str(status)), "one")
        refused(status, one.get, "/version")
    members.behave(Behaviour(latency=0.2, jitter=0.1), "one")
    one.get("/version")
    started = time.monotonic()
    one.get("/version")
    assert 0.2 <= time.monotonic() - started < 2
    members.behave(Behaviour())
    members.behave(Behaviour(SILENT), "two")
    with pytest.raises(TimeoutError):  # a connection that is open hangs, too
        other.request("GET", "/version", timeout=0.5)


def test_requests_are_counted_by_member(members: Members, one: KubeApi) -> None:
    mark = members.mark()
    one.get("/version")
    one.find(f"{MAPS}/nope")
    one.create(MAPS, {"metadata": {"name": "a"}})
    list(one.watch(MAPS, "100", seconds=1))
    counts = members.counts(mark)
    assert counts == {
        "one": {
            ("get", "/version"): 1,
            ("get", "configmaps"): 1,
            ("create", "configmaps"): 1,
            ("watch", "configmaps"): 1,
        }
    }
    assert members.writes(mark) == {"one": {("create", "configmaps"): 1}}
    usage = members.usage
    assert usage.requests > 3
    assert 0 < usage.cpu < 30
    assert 10 << 20 < usage.memory < 300 << 20


def test_stranger_does_not_get_through(members: Members, tmp_path: Path) -> None:
    """The one difference to a real API server, which would say 401: here TLS refuses who is of no known authority."""
    pair = Authority(tmp_path / "stranger").client("eve")
    pair.write(tmp_path / "eve")
    authority = members.identities["one"].authority.decode()
    files = (str(tmp_path / "eve.crt"), str(tmp_path / "eve.key"))
    api = KubeApi(api_of(members, "one").server, ca=authority, client_certificate=files)
    with pytest.raises((OSError, http.client.HTTPException)):
        api.get("/version")
