"""The simulated members are no kinder than a real one: the same is asked of both, and answered alike."""

from __future__ import annotations

import functools
import http.client
import json
import re
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.integration.controller import Controller, Fleet
from tests.integration.kubesphere import CLUSTERS, SYSTEM, USER_AGENT, eventually, names
from tests.sandbox import audit
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import MERGE_PATCH, KubeApi
from tests.sandbox.network import Network
from tests.sandbox.sandbox import Sandbox
from tests.simulation.members import Members
from tests.simulation.snapshot import Snapshot

SIMULATED, REAL = "simulated", "member-1"
Asked = Counter[tuple[str, str, int]]

MAPS = "/api/v1/namespaces/default/configmaps"
FEDERATION = "/api/v1/namespaces/kube-federation-system"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
PROXY = f"{SYSTEM}/services/:ks-apiserver:80/proxy"
CONFIG = f"{SYSTEM}/configmaps/kubesphere-config"


@pytest.fixture(scope="module")
def simulated(
    product_sandbox: Sandbox,
    clusters: dict[str, Cluster],
    fleet: Fleet,
    controller: Controller,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Members]:
    """A copy of the first member as it is after its installation, before any import."""
    installed = controller.playbook("install", fleet.without("member-2"))
    assert installed.status == 0, installed.output
    network = Network.find(str(product_sandbox.state))
    assert network is not None
    snapshot = Snapshot.take(clusters[REAL].api)
    with Members(tmp_path_factory.mktemp("simulated"), snapshot, [SIMULATED], network.machine) as members:
        yield members


@pytest.fixture(scope="module")
def both(fleet: Fleet, simulated: Members) -> Fleet:
    """The real member and its copy, in one inventory."""
    more = fleet.without("member-2")
    return more.with_member(SIMULATED, kubesphere_kubeconfig=str(simulated.kubeconfig(SIMULATED)))


@dataclass(frozen=True)
class Road:
    """What was asked of both members while they were imported and gone over again.

    Attributes:
        of_collection: what the collection asked, by member: verb, path and status.
        of_controllers: the same of KubeSphere's controllers on the host.
        reads: what both sorts read of the real member, without its name.
    """

    of_collection: dict[str, Asked]
    of_controllers: dict[str, Asked]
    reads: list[str]


@pytest.fixture(scope="module")
def road(both: Fleet, simulated: Members, clusters: dict[str, Cluster], controller: Controller) -> Road:
    """An import, the whole road once more, and a status."""
    real, mark = clusters[REAL], simulated.mark()
    since = real.audit_mark()
    for playbook in ("import", "site", "status"):
        run = controller.playbook(playbook, both)
        assert run.status == 0, run.output
        assert {run.changed.get(name, 0) for name in (REAL, SIMULATED)} == {int(playbook == "import")}
    assert simulated.defects() == []
    # What its own programs ask is not in a simulated member's log.
    from_outside = [event for event in real.audit_events(since) if event["sourceIPs"][-1] != real.address]
    events = {REAL: from_outside, SIMULATED: simulated.events(mark)}
    read = [event["requestURI"] for event in from_outside if event["verb"] in ("get", "list")]
    return Road(
        {name: _asked(name, found, USER_AGENT) for name, found in events.items()},
        {name: _asked(name, found, "standin") for name, found in events.items()},
        sorted({path.replace(f"{REAL}-kubesphere", "{name}-kubesphere") for path in read}),
    )


def _asked(name: str, events: list[audit.Event], user_agent: str) -> Asked:
    return Counter(
        (event["verb"], _unnamed(name, event["requestURI"]), event["responseStatus"]["code"])
        for event in audit.select(events, user_agent)
        # Whether somebody asks ks-apiserver in the moment in which it reloads is chance, with either.
        if not ("/proxy/" in event["requestURI"] and event["responseStatus"]["code"] == 500)
    )


def _unnamed(name: str, path: str) -> str:
    return re.sub(r"-token-[a-z0-9]{5}", "-token-x", path.replace(f"{name}-kubesphere", "{name}-kubesphere"))


def test_the_copy_is_imported_and_used_like_the_real_one(road: Road, clusters: dict[str, Cluster]) -> None:
    assert road.of_collection[REAL]
    host = clusters["host"]
    assert names(host) == ["host", REAL, SIMULATED]
    found = {name: host.api.get(f"{CLUSTERS}/{name}") for name in (REAL, SIMULATED)}
    assert shape(found[SIMULATED]) == shape(found[REAL])
    assert found[SIMULATED]["status"]["uid"] != found[REAL]["status"]["uid"]


def test_the_collection_asks_the_same_of_both_and_is_answered_the_same(road: Road) -> None:
    # How often the host is waited for differs; what it asks meanwhile of the member through ks-apiserver, too.
    waits = "/services/:ks-apiserver:/proxy/"
    direct = {
        name: Counter({what: number for what, number in asked.items() if waits not in what[1]})
        for name, asked in road.of_collection.items()
    }
    assert direct[SIMULATED] == direct[REAL]
    assert set(road.of_collection[SIMULATED]) == set(road.of_collection[REAL])
    assert sum(direct[REAL].values()) >= 10


@pytest.mark.stand_in("controller-manager")
def test_controllers_ask_the_same_of_both_and_are_answered_the_same(road: Road) -> None:
    """Each path with each status at both; how often depends on how soon a token is there."""
    # Whether the ServiceAccount gets its token between a controller's look and its update, so that this conflicts, is
    # chance, with either.
    found = {
        name: {(verb, path, 200 if (verb, status) == ("update", 409) else status) for verb, path, status in asked}
        for name, asked in road.of_controllers.items()
    }
    assert found[SIMULATED] == found[REAL]
    assert ("create", f"{FEDERATION}/serviceaccounts", 201) in road.of_controllers[SIMULATED]


# Request by request


@dataclass(frozen=True)
class Asking:
    """One member, for requests that are sent to both."""

    name: str
    api: KubeApi

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        anonymous: bool = False,
        **headers: str,
    ) -> dict[str, Any]:
        """Send a request; what of the answer has to be the same everywhere."""
        address = self.api._address
        context = ssl._create_unverified_context() if anonymous else self.api._context
        connection = http.client.HTTPSConnection(*address, context=context, timeout=10)
        more = {"Content-Type": content_type} if body is not None else {}
        sent = {"Accept": "application/json", "User-Agent": "sandbox-comparison", **more, **headers}
        path = path.replace("{name}", self.name)
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        kept = ("Content-Type", "Cache-Control", "X-Content-Type-Options")
        found = {"status": answer.status, **{name: answer.headers.get(name) for name in kept}}
        found["dated"] = answer.headers.get("Date", "").endswith("GMT")
        try:
            content = [json.loads(line) for line in text.splitlines()] if "watch=1" in path else json.loads(text)
        except ValueError:
            return {**found, "text": text}
        if isinstance(content, dict) and content.get("kind") == "Status":
            # Its words are the same, but for what each cluster calls by another name.
            words = json.dumps(content).replace(self.name, "{name}")
            return {**found, "content": re.sub(r"[0-9a-f-]{36}|\b[0-9]+\b(?=\))|[0-9.]+:9090", "…", words)}
        return {**found, "shape": shape(content)}


@pytest.fixture(scope="module")
def members(road: Road, simulated: Members, clusters: dict[str, Cluster]) -> list[Asking]:
    """The real one and its copy, both imported."""
    assert road.reads
    copy = KubeApi.from_kubeconfig(simulated.kubeconfig(SIMULATED))
    return [Asking(REAL, clusters[REAL].api), Asking(SIMULATED, copy)]


def alike(members: list[Asking], *request: Any, **more: Any) -> dict[str, Any]:
    """The answer that both give to a request."""
    real, simulated = (member(*request, **more) for member in members)
    assert simulated == real, (request, more)
    return real


def test_everything_that_was_read_reads_the_same(road: Road, members: list[Asking]) -> None:
    paths = [path for path in road.reads if "-token-" not in path]
    assert len(paths) > 15
    for path in paths:
        alike(members, "GET", path)


def test_what_is_not_there_is_not_there_in_the_same_words(members: list[Asking]) -> None:
    for path in (
        f"{MAPS}/nope",
        "/api/v1/namespaces/nope",
        "/apis/apps/v1/namespaces/default/deployments/nope",
        "/api/v1/foos",
        "/apis/apps/v1/foos/x",
        "/apis/foo.bar/v1/things",
        "/apis/tenant.kubesphere.io/v1/nope/x",
        f"{SYSTEM}/services/nope/proxy/x",
    ):
        assert alike(members, "GET", path)["status"] == 404
    assert alike(members, "GET", f"{PROXY}/kapis/nope")["status"] == 403
    for method in ("PUT", "PATCH", "DELETE"):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "nope"}}
        kind = MERGE_PATCH if method == "PATCH" else "application/json"
        assert alike(members, method, f"{MAPS}/nope", None if method == "DELETE" else body, kind)["status"] == 404
    assert alike(members, "POST", "/api/v1/namespaces/nope/configmaps", body)["status"] == 404


def test_who_is_not_let_in_hears_the_same(members: list[Asking]) -> None:
    for path in ("/version", "/api/v1/nodes", f"{MAPS}/x", f"{PROXY}/kapis/version"):
        assert alike(members, "GET", path, anonymous=True, Authorization="Bearer wrong")["status"] == 401
    assert alike(members, "GET", "/version", anonymous=True)["status"] == 200
    for path in ("/api/v1/nodes", f"{MAPS}/x", "/apis/apps/v1/deployments", "/nope"):
        assert alike(members, "GET", path, anonymous=True)["status"] == 403


def test_writes_are_answered_the_same(members: list[Asking]) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}
    assert alike(members, "POST", f"{MAPS}?fieldManager=me", body)["status"] == 201
    assert alike(members, "POST", MAPS, body)["status"] == 409
    generated = {**body, "metadata": {"generateName": "generated-"}}
    assert alike(members, "POST", MAPS, generated)["status"] == 201
    assert alike(members, "PATCH", f"{MAPS}/a", {"data": {"x": "2", "y": None}}, MERGE_PATCH)["status"] == 200
    stale = {"metadata": {"resourceVersion": "1"}, "data": {"x": "3"}}
    assert alike(members, "PATCH", f"{MAPS}/a", stale, MERGE_PATCH)["status"] == 409
    assert (
        alike(members, "PUT", f"{MAPS}/a", {**body, **stale, "metadata": {**stale["metadata"], "name": "a"}})["status"]
        == 409
    )
    assert alike(members, "PUT", f"{MAPS}/a", {**body, "data": {"x": "4"}})["status"] == 200
    other_name = {**body, "metadata": {"name": "b"}}
    assert alike(members, "PUT", f"{MAPS}/a", other_name)["status"] == 400
    assert alike(members, "PATCH", f"{MAPS}/a", {}, "application/json")["status"] == 415
    for path, kind, content in (
        ("/api/v1/namespaces", "Namespace", {}),
        (f"{FEDERATION}/serviceaccounts", "ServiceAccount", {}),
        (ROLES, "ClusterRole", {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}),
    ):
        version = "v1" if path.startswith("/api/") else "rbac.authorization.k8s.io/v1"
        made = {"apiVersion": version, "kind": kind, "metadata": {"name": "compared"}, **content}
        assert alike(members, "POST", path, made)["status"] == 201
        time.sleep(0.3)  # until an account has its token
        assert alike(members, "GET", f"{path}/compared")["status"] == 200
    selected = f"{MAPS}?fieldSelector=metadata.name%3Da&watch=1&timeoutSeconds=1"
    assert len(alike(members, "GET", selected)["shape"]) == 1
    condition = {"preconditions": {"uid": "another"}}
    assert alike(members, "DELETE", f"{MAPS}/a", condition)["status"] == 409
    assert alike(members, "DELETE", f"{MAPS}/a")["status"] == 200
    assert alike(members, "GET", f"{MAPS}/a")["status"] == 404


def test_lists_are_cut_and_reduced_the_same(members: list[Asking]) -> None:
    metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    alike(members, "GET", "/api/v1/nodes", Accept=metadata)
    alike(members, "GET", "/api/v1/namespaces?limit=2")
    alike(members, "GET", "/api/v1/namespaces?fieldSelector=metadata.name%3Dkube-system")
    for member in members:
        paged = [member.api.get("/api/v1/namespaces", limit="3")]
        while paged[-1]["metadata"].get("continue"):
            paged.append(
                member.api.get("/api/v1/namespaces", limit="3", **{"continue": paged[-1]["metadata"]["continue"]})
            )
        found = [item["metadata"]["name"] for page in paged for item in page["items"]]
        assert found == [item["metadata"]["name"] for item in member.api.get("/api/v1/namespaces")["items"]]


def test_stale_versions_conflict_after_somebody_elses_write(members: list[Asking]) -> None:
    for member in members:
        before = member.api.get(CONFIG)
        member.api.patch(CONFIG, {"metadata": {"annotations": {"compared": "1"}}})
        member.api.patch(CONFIG, {"metadata": {"annotations": {"compared": None}}})
        stale = {"metadata": {"resourceVersion": before["metadata"]["resourceVersion"], "labels": {"x": "y"}}}
        assert member("PATCH", CONFIG, stale, MERGE_PATCH)["status"] == 409
        assert member.api.get(CONFIG)["metadata"].get("labels") == before["metadata"].get("labels")


def test_ks_apiserver_is_away_after_its_settings_have_changed(members: list[Asking]) -> None:
    seen = []
    for member in members:
        text = member.api.get(CONFIG)["data"]["kubesphere.yaml"]
        changed = yaml.safe_load(text)
        changed["multicluster"]["clusterName"] = "renamed"
        member.api.patch(CONFIG, {"data": {"kubesphere.yaml": yaml.safe_dump(changed)}})
        seen.append(eventually(functools.partial(_failure, member), f"ks-apiserver of {member.name} to be away", 10))
        started = time.monotonic()
        eventually(functools.partial(_is_well, member), f"ks-apiserver of {member.name} to be back", 10)
        assert 0.3 < time.monotonic() - started < 5
        member.api.patch(CONFIG, {"data": {"kubesphere.yaml": text}})
    assert seen[0] == seen[1]


def _failure(member: Asking) -> dict[str, Any] | None:
    answer = member("GET", f"{PROXY}/kapis/version")
    return answer if answer["status"] != 200 else None


def _is_well(member: Asking) -> bool:
    return _failure(member) is None


_VOLATILE = {"labels", "annotations", "fieldsV1", "managedFields"}


def shape(content: Any) -> Any:
    """The fields of an answer, without their values; of lists what any item has."""
    if isinstance(content, dict):
        return {name: shape(value) for name, value in content.items() if name not in _VOLATILE}
    if isinstance(content, list):
        return sorted({json.dumps(shape(each), sort_keys=True) for each in content})
    return "" if content is None else type(content).__name__
