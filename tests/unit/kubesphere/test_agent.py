# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the agent's Deployment, on an API server in a dictionary."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import documents
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import session as session_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import Conflict, KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import DEPLOYMENT, POD, Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import agent, result
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.agent import Settings
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import NAMESPACE

from tests.unit.fakes import Clock, FakeSession, item

TOKEN = "a-token-of-an-agent"
ADDRESS = "http://192.0.2.9:8080"
IMAGE = "kubesphere/tower:v0.2.1"
PLAIN = Settings()

PRINTED = f"""\
---
apiVersion: apps/v1
kind: Deployment
metadata:
  creationTimestamp: null
  name: cluster-agent
  namespace: kubesphere-system
spec:
  selector:
    matchLabels:
      app: agent
      app.kubernetes.io/part-of: tower
  strategy: {{}}
  template:
    metadata:
      creationTimestamp: null
      labels:
        app: agent
        app.kubernetes.io/part-of: tower
    spec:
      containers:
      - command:
        - /agent
        - --name=m
        - --token={TOKEN}
        - --proxy-server={ADDRESS}
        - --keepalive=10s
        - --kubesphere-service=ks-apiserver.kubesphere-system.svc:80
        - --kubernetes-service=kubernetes.default.svc:443
        - --v=0
        image: {IMAGE}
        name: agent
        resources:
          limits:
            cpu: "1"
            memory: 200M
          requests:
            cpu: 100m
            memory: 100M
      serviceAccountName: kubesphere
status: {{}}
"""
"""What generateDefaultDeployment prints (kubesphere v3.4.1 pkg/kapis/cluster/v1alpha1/handler.go L180-250).

The YAMLPrinter of Kubernetes writes the line --- from its second document on, and ks-apiserver has one printer.
"""


def made(settings: Settings = PLAIN, name: str = "m", token: str = TOKEN, address: str = ADDRESS) -> Object:
    return agent.manifest(name, Secret(token), address, IMAGE, settings)


def container(deployment: Object) -> dict[str, Any]:
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def defaulted(deployment: Object) -> Object:
    """A Deployment as the API server stores it."""
    stored = copy.deepcopy(deployment)
    pod = stored["spec"]["template"]["spec"]
    pod |= {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "serviceAccount": "kubesphere"}
    container(stored).setdefault("imagePullPolicy", "IfNotPresent")
    container(stored)["terminationMessagePath"] = "/dev/termination-log"
    stored["spec"] = {"replicas": 1, "progressDeadlineSeconds": 600, **stored["spec"]}
    return stored


def member(*items: Object) -> FakeSession:
    return FakeSession("member", *items)


def ensure(session: FakeSession, wanted: Object) -> Object:
    return agent.ensure(session, agent.find(session), wanted, "connect it to the host")


def reasons(session: FakeSession) -> list[tuple[str, str]]:
    return [(each.verb, each.reason) for each in session.journal]


class TestImage:
    """Which image an agent runs."""

    @pytest.mark.parametrize(
        ("image", "registry", "found"),
        [
            (None, None, "kubesphere/tower:v0.2.1"),
            (None, "", "kubesphere/tower:v0.2.1"),
            (None, "r.example.org", "r.example.org/kubesphere/tower:v0.2.1"),
            (None, "r.example.org:5000/", "r.example.org:5000/kubesphere/tower:v0.2.1"),
            (None, "r.example.org/mirror", "r.example.org/mirror/kubesphere/tower:v0.2.1"),
            ("quay.io/x/tower:v1", None, "quay.io/x/tower:v1"),
            ("quay.io/x/tower:v1", "r:5000", "r:5000/x/tower:v1"),
            ("quay:5000/tower:v1", "r:5000", "r:5000/tower:v1"),
            ("localhost/tower", "r:5000", "r:5000/tower"),
            ("tower:v1", "r:5000", "r:5000/tower:v1"),
            ("x/tower@sha256:0a", "r:5000", "r:5000/x/tower@sha256:0a"),
            ("[fd00::1]:5000/x/tower", "r:5000", "r:5000/x/tower"),
        ],
    )
    def test_image(self, image: str | None, registry: str | None, found: str) -> None:
        assert Settings(image=image, registry=registry).image_for(IMAGE) == found


class TestManifest:
    """The manifest that the collection makes."""

    def test_it_is_what_ks_apiserver_prints(self) -> None:
        printed = documents.load_one(PRINTED, "it")
        for nothing in (printed, printed["metadata"], printed["spec"]["template"]["metadata"], printed["spec"]):
            for key in ("status", "creationTimestamp", "strategy"):
                nothing.pop(key, None)
        assert made() == printed

    def test_settings_are_laid_over_it(self) -> None:
        settings = Settings(
            image="r.example.org/tower:v1",
            registry="other.example.org",
            replicas=2,
            environment={"HTTPS_PROXY": "http://192.0.2.3:3128", "NO_PROXY": ""},
            tolerations=[{"key": "edge", "operator": "Exists"}],
            node_selector={"zone": "edge"},
            pull_secrets=["one", "two"],
        )
        found = made(settings)
        pod = found["spec"]["template"]["spec"]
        assert container(found) == {
            **container(made()),
            "image": "other.example.org/tower:v1",
            "env": [{"name": "HTTPS_PROXY", "value": "http://192.0.2.3:3128"}, {"name": "NO_PROXY"}],
        }
        assert pod == {
            "serviceAccountName": "kubesphere",
            "containers": [container(found)],
            "tolerations": [{"key": "edge", "operator": "Exists"}],
            "nodeSelector": {"zone": "edge"},
            "imagePullSecrets": [{"name": "one"}, {"name": "two"}],
        }
        assert found["spec"]["replicas"] == 2

    def test_whose_it_is(self) -> None:
        assert (agent.belongs_to(made()), agent.proxy_address_of(made())) == ("m", ADDRESS)
        for foreign in ({}, {"spec": None}, {"spec": {"template": {"spec": {"containers": [{"name": "x"}]}}}}):
            assert (agent.belongs_to(foreign), agent.proxy_address_of(foreign)) == ("", "")


class TestParse:
    """The manifest that ks-apiserver makes."""

    @pytest.mark.parametrize("text", [PRINTED, PRINTED.removeprefix("---\n"), PRINTED + "---\n"])
    @pytest.mark.parametrize(
        "settings", [PLAIN, Settings(registry="r:5000", replicas=2, environment={"A": "b"}, pull_secrets=["x"])]
    )
    def test_it_means_the_same(self, text: str, settings: Settings) -> None:
        parsed = agent.parse(text, settings, "host")
        assert parsed == made(settings)
        for stands, wanted in ((parsed, made(settings)), (made(settings), parsed)):
            session = member(defaulted(stands))
            ensure(session, wanted)
            assert session.writes == []

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a: [",
            "cluster m is not using proxy connection",
            "<html></html>",
            "- kind: Deployment",
            "kind: Deployment",
            "{kind: Deployment, metadata: cluster-agent}",
            "{kind: Deployment, metadata: {name: cluster-agent}, spec: {template: {spec: {containers: []}}}}",
            PRINTED.replace("kind: Deployment", "kind: DaemonSet"),
            PRINTED.replace("name: cluster-agent", "name: other"),
            PRINTED.replace("name: agent", "name: other"),
            PRINTED.replace("--name=", "--called="),
            PRINTED.replace("--token=", "--tokens="),
            PRINTED.replace("--proxy-server=", "--server="),
            PRINTED + "---\nkind: ClusterRoleBinding\n",
            PRINTED + PRINTED,
        ],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(KubeError, match="is no Deployment cluster-agent with --name, --token, --proxy-") as caught:
            agent.parse(text, PLAIN, "host")
        assert caught.value.cluster == "host"
        assert "kubesphere_agent_manifest_source" in caught.value.hint
        assert TOKEN not in str(caught.value)

    def test_without_pyyaml(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(documents, "HAS_YAML", False)
        with pytest.raises(documents.Malformed, match="PyYAML is missing"):
            agent.parse(PRINTED, PLAIN, "host")


class TestEnsure:
    """The Deployment in the member."""

    @pytest.fixture(autouse=True)
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> Clock:
        made_clock = Clock()
        monkeypatch.setattr(session_module, "time", made_clock)
        return made_clock

    def test_it_is_created_and_then_nothing_is_written(self) -> None:
        session = member()
        ensure(session, made())
        assert reasons(session) == [("create", "connect it to the host")]
        assert session.at(DEPLOYMENT, agent.AGENT, NAMESPACE)["spec"] == made()["spec"]
        assert len(session.writes) == 1
        found = ensure(session, made())
        assert len(session.writes) == 1
        assert found["metadata"]["uid"] == "uid-of-cluster-agent"

    @pytest.mark.parametrize(
        "settings",
        [
            Settings(replicas=1),
            Settings(environment={"NO_PROXY": "", "A": "b"}),
            Settings(tolerations=[{"key": "a", "operator": "Exists"}], node_selector={"b": "c"}, pull_secrets=["d"]),
        ],
    )
    def test_what_the_api_server_fills_in_is_no_difference(self, settings: Settings) -> None:
        session = member(defaulted(made(settings)))
        ensure(session, made(settings))
        ensure(session, made())
        assert session.writes == []

    @pytest.mark.parametrize(
        ("change", "flag", "reason"),
        [
            ({"address": "https://t.example.org:443"}, "--proxy-server=https://t.example.org:443",
             "the proxy address is https://t.example.org:443 now, no longer http://192.0.2.9:8080"),
            ({"name": "n"}, "--name=n", "it was the agent of m"),
            ({"token": "another-token"}, "--token=another-token", "its token is not the Cluster's"),
        ],
    )  # fmt: skip
    def test_own_flags(self, change: dict[str, Any], flag: str, reason: str) -> None:
        session = member(defaulted(made()))
        found = ensure(session, made(**change))
        assert reasons(session) == [("patch", reason)]
        assert container(found)["command"] == container(made(**change))["command"]
        assert flag in container(found)["command"]

    def test_an_agent_of_nobody(self) -> None:
        nobody = made()
        container(nobody)["command"] = ["/agent"]
        session = member(nobody)
        ensure(session, made())
        assert reasons(session) == [("patch", "it was the agent of no Cluster")]

    def test_what_a_user_has_added_stays(self) -> None:
        users = defaulted(made())
        pod = users["spec"]["template"]["spec"]
        own = container(users)
        own["command"] = [*own["command"][:-4], "--keepalive=3s", "--kubesphere-service=ks:80", "--v=4", "--extra=1"]
        own["env"] = [{"name": "MINE", "value": "1"}, {"name": "OURS", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]
        own["resources"] = {"limits": {"memory": "1G"}}
        own["livenessProbe"] = {"httpGet": {"path": "/", "port": 1}}
        sidecar = {"name": "sidecar", "image": "x", "command": ["--token=of-its-own"]}
        pod["containers"] = [sidecar, own]
        pod |= {"priorityClassName": "high", "tolerations": [{"operator": "Exists"}], "nodeSelector": {"a": "b"}}
        users["spec"]["replicas"] = 3
        users["metadata"]["annotations"] = {"mine": "too"}
        session = member(users)
        settings = Settings(environment={"OURS": "2", "NEW": "3"}, node_selector={"c": "d"})
        found = ensure(session, made(settings, address="http://192.0.2.8:8080"))
        expected = copy.deepcopy(users)
        pod = expected["spec"]["template"]["spec"]
        # Only what is not the import's is the user's: --kubernetes-service was missing, so it is there again.
        pod["containers"][1]["command"] = [
            "/agent",
            "--name=m",
            f"--token={TOKEN}",
            "--proxy-server=http://192.0.2.8:8080",
            "--keepalive=3s",
            "--kubesphere-service=ks:80",
            "--v=4",
            "--extra=1",
            "--kubernetes-service=kubernetes.default.svc:443",
        ]
        pod["containers"][1]["env"] = [
            {"name": "MINE", "value": "1"},
            {"name": "OURS", "value": "2"},
            {"name": "NEW", "value": "3"},
        ]
        pod["nodeSelector"] = {"a": "b", "c": "d"}
        assert found["spec"] == expected["spec"]
        assert found["metadata"]["annotations"] == {"mine": "too"}
        assert ensure(session, made(settings, address="http://192.0.2.8:8080")) == found
        assert len(session.writes) == 1

    def test_a_flag_that_stands_twice(self) -> None:
        twice = made()
        container(twice)["command"].append("--token=a-former-one")
        session = member(twice)
        assert container(ensure(session, made()))["command"] == container(made())["command"]

    def test_a_container_that_is_missing(self) -> None:
        foreign = made()
        container(foreign)["name"] = "x"
        session = member(foreign)
        found = ensure(session, made())
        names = [each["name"] for each in found["spec"]["template"]["spec"]["containers"]]
        assert names == ["x", "agent"]

    def test_settings_that_change(self) -> None:
        narrow = {"key": "a", "operator": "Exists", "effect": "NoSchedule"}
        session = member(defaulted(made(Settings(tolerations=[narrow]))))
        wide = {"key": "a", "operator": "Exists"}
        found = ensure(session, made(Settings(image="x/tower:v2", tolerations=[wide], replicas=2)))
        assert reasons(session) == [("patch", "its image is x/tower:v2 now, no longer kubesphere/tower:v0.2.1")]
        assert found["spec"]["template"]["spec"]["tolerations"] == [wide]
        assert (container(found)["image"], found["spec"]["replicas"]) == ("x/tower:v2", 2)

    def test_somebody_else_is_quicker(self) -> None:
        session = member(defaulted(made()))
        seen = agent.find(session)
        assert seen is not None
        session.put(merge(seen, {"spec": {"replicas": 5}, "metadata": {"annotations": {"kept": "yes"}}}))
        wanted = made(address="http://192.0.2.8:8080")
        found = agent.ensure(session, seen, wanted, "")
        assert (found["spec"]["replicas"], found["metadata"]["annotations"]) == (5, {"kept": "yes"})
        assert agent.proxy_address_of(found) == "http://192.0.2.8:8080"
        assert [method for method, _path in session.writes] == ["PATCH", "PATCH"]
        assert len(session.journal) == 1

    def test_somebody_else_has_created_it(self) -> None:
        session = member(defaulted(made()))
        found = agent.ensure(session, None, made(), "")
        assert agent.belongs_to(found) == "m"
        assert [method for method, _path in session.writes] == ["POST"]
        assert session.journal == []

    def test_somebody_else_is_always_quicker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        session = member(defaulted(made()))
        stale = agent.find(session)
        session.put(defaulted(made()))
        monkeypatch.setattr(agent, "find", lambda _session: stale)
        with pytest.raises(Conflict):
            agent.ensure(session, stale, made(name="n"), "")

    def test_a_plan_writes_nothing(self) -> None:
        session = FakeSession("member", planning=True)
        assert ensure(session, made()) == ensure(session, made()) == made()
        assert (session.writes, len(session.journal)) == ([], 1)


class TestTrouble:
    """Why an agent does not connect."""

    RUNNING: Mapping[str, Any] = {
        "phase": "Running",
        "containerStatuses": [{"name": "agent", "ready": True, "state": {"running": {}}}],
    }
    CONNECTION = "Connection error: dial tcp 192.0.2.9:8080: connect: connection refused"
    LOG = (
        "I1122 12:00:00.000000       1 agent.go:58] starting\n"
        "W1122 12:00:01.000000       1 agent.go:168] Connection error: Unauthorized agent\n"
        "W1122 12:00:02.000000       1 agent.go:173] Retrying in 1s...\n"
        f"W1122 12:00:03.000000       1 agent.go:168] {CONNECTION} (Attempt: 1)\n"
        "W1122 12:00:04.000000       1 agent.go:173] Retrying in 2s...\n"
    )

    def pod(self, name: str, status: Mapping[str, Any], created: str = "1", **metadata: Any) -> Object:
        made_pod = item(POD, name, NAMESPACE, status=dict(status))
        labels = made()["spec"]["selector"]["matchLabels"]
        made_pod["metadata"] |= {"labels": labels, "creationTimestamp": created, **metadata}
        return made_pod

    def log(self, session: FakeSession, name: str, text: str) -> None:
        session.logs[f"{POD.path(name, NAMESPACE)}/log"] = text

    def test_the_pods_problem_first(self) -> None:
        waiting = {"name": "agent", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
        session = member(made(), self.pod("a", {"phase": "Pending", "containerStatuses": [waiting]}))
        assert agent.trouble(session, made()) == ("pod a: container agent waits: ImagePullBackOff: no such image")

    def test_the_agents_last_telling_line(self) -> None:
        session = member(self.pod("a", self.RUNNING))
        self.log(session, "a", self.LOG)
        assert agent.trouble(session, made()) == (
            f"the agent says: W1122 12:00:03.000000       1 agent.go:168] {self.CONNECTION} (Attempt: 1)"
        )

    @pytest.mark.parametrize(("started", "expected"), [("2026-11-22T12:00:00Z", 40.0), ("", 0.0)])
    def test_how_long_it_runs(self, started: str, expected: float) -> None:
        session = member(self.pod("a", {**self.RUNNING, "startTime": started}))
        session.server_time = "2026-11-22T12:00:40Z"
        assert agent.running_for(session, made()) == expected
        assert agent.running_for(member(), made()) == 0

    def test_secrets_in_it_are_masked(self) -> None:
        session = member(self.pod("a", self.RUNNING))
        session.redactor.add(TOKEN)
        self.log(session, "a", f"E1122 agent.go:206] Authentication failed {TOKEN}\n")
        assert agent.trouble(session, made()) == "the agent says: E1122 agent.go:206] Authentication failed ***"

    def test_nothing_to_tell(self) -> None:
        session = member(self.pod("a", self.RUNNING))
        self.log(session, "a", "I1122 all is well\n")
        assert agent.trouble(session, made()) == ""

    @pytest.mark.parametrize("status", [None, {"phase": "Pending"}])
    def test_no_pod_yet(self, status: dict[str, Any] | None) -> None:
        session = member(*([self.pod("a", status)] if status else []))
        assert agent.trouble(session, made()) == "its pod does not run yet"

    def test_its_own_container_of_its_newest_pod(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[tuple[str, Any]] = []

        def text(path: str, _what: str, query: Any) -> str:
            asked.append((path, query))
            return "error of the agent"

        session = member(
            self.pod("new", self.RUNNING, "2026-01-02T00:00:00Z"),
            self.pod("old", self.RUNNING, "2026-01-01T00:00:00Z"),
            self.pod("going", self.RUNNING, "2026-01-03T00:00:00Z", deletionTimestamp="2026-01-04T00:00:00Z"),
        )
        monkeypatch.setattr(session, "text", text)
        assert agent.trouble(session, made()) == "the agent says: error of the agent"
        query = {"container": "agent", "tailLines": "20", "sinceSeconds": "20"}
        assert asked == [(f"{POD.path('new', NAMESPACE)}/log", query)]


class TestSettings:
    """What a user says of an agent."""

    def test_a_registry_that_is_there_already(self) -> None:
        image = "harbor.example.org/mirror/kubesphere/tower:v0.2.1"
        assert Settings(registry="harbor.example.org/mirror/").image_for(image) == image

    def test_secrets_of_the_environment(self) -> None:
        environment = {
            "HTTPS_PROXY": "http://user:a-password@192.0.2.9:3128",
            "NO_PROXY": "10.0.0.0/8",
            "PROXY_TOKEN": "a-token",
            "EMPTY_PASSWORD": "",
        }
        assert Settings(environment=environment).secrets() == ["a-password", "a-token"]

    def test_they_are_not_shown_when_the_agent_is_removed(self) -> None:
        environment = {"HTTPS_PROXY": "http://user:a-password@192.0.2.9:3128"}
        session = FakeSession("member", made(settings=Settings(environment=environment)))
        agent.remove(session, session.at(DEPLOYMENT, agent.AGENT, NAMESPACE), "nobody needs it")
        shown = str(result.of([session]).diff)
        assert "HTTPS_PROXY" in shown
        assert "a-password" not in shown

    def test_another_address(self) -> None:
        changed = agent.with_proxy_address(made(), "http://192.0.2.77:8080")
        assert agent.proxy_address_of(changed) == "http://192.0.2.77:8080"
        assert agent.proxy_address_of(made()) == ADDRESS
