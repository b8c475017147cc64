"""The stand-ins of KubeSphere's pods on real API servers: an installation, an import, and what goes wrong with them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from tests.integration.kubesphere import eventually
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import MERGE_PATCH, ApiError, Object
from tests.sandbox.network import has_privileges
from tests.sandbox.sandbox import Sandbox, names_for
from tests.sandbox.standin import jwt
from tests.sandbox.standin.remote import Remote, RestConfig

pytestmark = pytest.mark.skipif(not has_privileges(), reason="network namespaces take root")

SECRET = "abcdefghijklmnopqrstuvwxyz012345"
CONFIGURATIONS = "/apis/installer.kubesphere.io/v1alpha1/namespaces/kubesphere-system/clusterconfigurations"
CONFIGURATION = f"{CONFIGURATIONS}/ks-installer"
CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"
SYSTEM = "/api/v1/namespaces/kubesphere-system"
SERVER = f"{SYSTEM}/services/:ks-apiserver:80/proxy"
VALIDATION = "/kapis/cluster.kubesphere.io/v1alpha1/clusters/validation"
RESTART = 5.0  # seconds for which the port may be closed when kubesphere-config has changed


def installer(release: str) -> list[tuple[str, Object]]:
    """The objects of kubesphere-installer.yaml by collection, with more rights than it really has."""
    labels = {"app": "ks-installer"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": "ClusterConfiguration", "plural": "clusterconfigurations"}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    pod = {
        "serviceAccountName": "ks-installer",
        "containers": [{"name": "installer", "image": f"kubesphere/ks-installer:{release}"}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    return [
        ("/api/v1/namespaces", {"metadata": {"name": "kubesphere-system"}}),
        (
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            {
                "metadata": {"name": "clusterconfigurations.installer.kubesphere.io"},
                "spec": {
                    "group": "installer.kubesphere.io",
                    "names": names,
                    "scope": "Namespaced",
                    "versions": [version],
                },
            },
        ),
        (f"{SYSTEM}/serviceaccounts", {"metadata": {"name": "ks-installer"}}),
        (
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            {
                "metadata": {"name": "ks-installer"},
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": "cluster-admin",
                },
                "subjects": [{"kind": "ServiceAccount", "name": "ks-installer", "namespace": "kubesphere-system"}],
            },
        ),
        (
            "/apis/apps/v1/namespaces/kubesphere-system/deployments",
            {"metadata": {"name": "ks-installer"}, "spec": {"selector": {"matchLabels": labels}, "template": template}},
        ),
    ]


def specification(role: str) -> dict[str, Any]:
    return {
        "persistence": {"storageClass": ""},
        "authentication": {"jwtSecret": SECRET},
        "common": {"core": {"console": {"type": "NodePort", "port": 30880}}, "es": {}},
        "multicluster": {"clusterRole": role},
        "terminal": {"timeout": 600},
    }


class KubeSphere:
    """A cluster with KubeSphere's stand-ins."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.api = cluster.api

    def steer(self, **knobs: dict[str, Any]) -> None:
        path = self.cluster.kubeconfig.with_name(self.cluster.name) / "standin.json"
        path.write_text(json.dumps({"installer": {"duration": 0.3}, **knobs}))

    def install(self, role: str, release: str = "v3.4.1") -> None:
        self.steer()
        for collection, body in installer(release):
            self.api.create(collection, body)
        eventually(lambda: self.api.get(CONFIGURATIONS), "the kind ClusterConfiguration")
        self.api.create(
            CONFIGURATIONS,
            {
                "apiVersion": "installer.kubesphere.io/v1alpha1",
                "kind": "ClusterConfiguration",
                "metadata": {"name": "ks-installer"},
                "spec": specification(role),
            },
        )
        eventually(lambda: self.status()["clusterId"], f"the end of the installation of {self.cluster.name}")

    def configuration(self) -> Object:
        return self.api.get(CONFIGURATION)

    def status(self) -> dict[str, Any]:
        return dict(self.configuration().get("status") or {})

    def edit(self, **spec: Any) -> None:
        self.api.patch(CONFIGURATION, {"spec": spec}, MERGE_PATCH)

    def run(self, **spec: Any) -> None:
        """Edit the spec and wait for the end of the run that follows."""
        before = self.log("ks-installer").count("Welcome")
        self.edit(**spec)
        eventually(lambda: self.log("ks-installer").count("Welcome") > before, "the end of a run")

    def settings(self) -> dict[str, Any]:
        text = self.api.get(f"{SYSTEM}/configmaps/kubesphere-config")["data"]["kubesphere.yaml"]
        return dict(yaml.safe_load(text))

    def log(self, deployment: str) -> str:
        pods = self.api.get(f"{SYSTEM}/pods")["items"]
        name = next(pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith(deployment))
        return str(self.api.request("GET", f"{SYSTEM}/pods/{name}/log").get("text", ""))

    def ask(
        self, path: str, token: str | None = None, method: str = "GET", body: Object | None = None
    ) -> tuple[int, str]:
        """Ask ks-apiserver through the API server's service proxy, as somebody with a kubeconfig would.

        It starts anew whenever its kubesphere-config changes, and the second writer may change that at any time: while
        nobody listens on its port, it is asked again.
        """
        deadline = time.monotonic() + RESTART
        while True:
            status, text = self._ask(path, token, method, body)
            if b"error trying to reach service" not in text or time.monotonic() > deadline:
                return status, text.decode()
            time.sleep(0.1)

    def _ask(self, path: str, token: str | None, method: str, body: Object | None) -> tuple[int, bytes]:
        remote = Remote(RestConfig.parse(self.cluster.kubeconfig.read_bytes()))
        headers = {"X-KubeSphere-Authorization": f"Bearer {token}"} if token else {}
        if body:
            headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode() if body else None
        response, connection = remote.forward(method, SERVER + path, headers, data)
        try:
            return response.status, response.read()
        finally:
            connection.close()

    def token(self) -> str:
        secret = self.api.get(f"{SYSTEM}/secrets/kubesphere-secret")
        return base64.b64decode(secret["data"]["token"]).decode()

    def conditions(self, name: str) -> dict[str, str]:
        found = self.api.get(f"{CLUSTERS}/{name}")
        return {item["type"]: item["status"] for item in (found.get("status") or {}).get("conditions") or []}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KubeSphere, KubeSphere]]:
    with Sandbox(tmp_path_factory.mktemp("standin"), names_for(1)) as sandbox:
        pair = KubeSphere(sandbox["host"]), KubeSphere(sandbox["member-1"])
        with ThreadPoolExecutor() as pool:
            list(pool.map(KubeSphere.install, pair, ("host", "member")))
        eventually(lambda: pair[0].conditions("host")["Ready"] == "True", "the host's Cluster to be Ready")
        yield pair


@pytest.fixture
def host(fleet: tuple[KubeSphere, KubeSphere]) -> KubeSphere:
    return fleet[0]


@pytest.fixture
def member(fleet: tuple[KubeSphere, KubeSphere]) -> KubeSphere:
    return fleet[1]


def cluster_object(name: str, member: KubeSphere) -> Object:
    kubeconfig = base64.b64encode(member.cluster.kubeconfig.read_bytes()).decode()
    return {
        "apiVersion": "cluster.kubesphere.io/v1alpha1",
        "kind": "Cluster",
        "metadata": {"name": name},
        "spec": {
            "joinFederation": True,
            "provider": "",
            "connection": {"type": "direct", "kubeconfig": kubeconfig},
        },
    }


@pytest.fixture
def imported(host: KubeSphere, member: KubeSphere) -> Iterator[float]:
    """The member is imported as ``member``; yields after how many seconds it was Ready."""
    started = time.monotonic()
    host.api.create(CLUSTERS, cluster_object("member", member))
    eventually(lambda: host.conditions("member")["Ready"] == "True", "the member to be Ready")
    yield time.monotonic() - started
    host.api.delete(f"{CLUSTERS}/member")
    eventually(lambda: host.api.find(f"{CLUSTERS}/member") is None, "the member to be gone")


def test_installation_leaves_what_the_installer_leaves(host: KubeSphere, member: KubeSphere) -> None:
    assert host.status()["core"]["version"] == "v3.4.1"
    assert host.status()["multicluster"]["status"] == "enabled"
    assert "multicluster" not in member.status()
    assert host.token() == member.token() == jwt.static_token(SECRET)
    assert member.settings()["multicluster"] == {"clusterRole": "member", "enable": False}
    assert member.settings()["authentication"]["oauthOptions"]["accessTokenMaxAge"] == 0
    assert "Welcome to KubeSphere!" in host.log("ks-installer")
    named = eventually(lambda: host.settings()["multicluster"].get("clusterName"), "the second writer")
    assert named == "host"
    tower = host.api.get(f"{SYSTEM}/services/tower")["spec"]
    assert (tower["type"], tower["ports"][0]["port"]) == ("LoadBalancer", 8080)


def test_direct_member_is_used_through_the_host(host: KubeSphere, imported: float) -> None:
    assert imported < 3
    # The second writer has just changed the member's kubesphere-config: its ks-apiserver starts anew.
    nodes = "/api/clusters/member/v1/nodes"
    eventually(lambda: host.ask(nodes, host.token())[0] == 200, "the member's ks-apiserver")
    status, text = host.ask(nodes, host.token())
    assert [node["metadata"]["name"] for node in json.loads(text)["items"]] == ["member-1-node"]
    status, text = host.ask("/kapis/clusters/member/resources.kubesphere.io/v1alpha3/nodes", host.token())
    assert (status, json.loads(text)["totalItems"]) == (200, 1)
    assert host.ask("/api/clusters/other/v1/nodes", host.token())[0] == 400
    assert host.ask("/api/v1/nodes", jwt.static_token("another secret"))[0] == 401
    assert host.ask("/api/v1/nodes")[0] == 403
    assert host.ask("/kapis/version")[0] == 200


@pytest.mark.usefixtures("imported")
def test_other_jwt_secret_is_refused_by_a_ready_member(host: KubeSphere, member: KubeSphere) -> None:
    member.edit(authentication={"jwtSecret": SECRET[::-1]})
    try:
        eventually(lambda: host.ask("/api/clusters/member/v1/nodes", host.token())[0] == 401, "401 by the member")
        assert host.conditions("member")["Ready"] == "True"
        status, text = host.ask(VALIDATION, host.token(), "POST", cluster_object("again", member))
        assert (status, "already exists (member)" in text) == (400, True)
    finally:
        member.run(authentication={"jwtSecret": SECRET})
    eventually(lambda: host.ask("/api/clusters/member/v1/nodes", host.token())[0] == 200, "200 by the member")


def test_validation_wants_a_member(host: KubeSphere, member: KubeSphere) -> None:
    assert host.ask(VALIDATION, host.token(), "POST", cluster_object("new", member)) == (200, "")
    proxy = cluster_object("new", member)
    proxy["spec"]["connection"]["type"] = "proxy"
    assert host.ask(VALIDATION, host.token(), "POST", proxy)[1] == "cluster connection type MUST be direct\n"
    member.run(multicluster={"clusterRole": "none"})
    try:
        # Its ks-apiserver is asked first, which starts anew.
        wanted = host.token(), "POST", cluster_object("new", member)
        eventually(lambda: "must be 'member'" in host.ask(VALIDATION, *wanted)[1], "the role to be refused")
    finally:
        member.run(multicluster={"clusterRole": "member"})


@pytest.mark.usefixtures("imported")
def test_webhook_refuses_what_it_cannot_compare(host: KubeSphere, member: KubeSphere) -> None:
    own = base64.b64encode(host.cluster.kubeconfig.read_bytes()).decode()
    with pytest.raises(ApiError, match="corresponds to a different cluster"):
        host.api.patch(f"{CLUSTERS}/member", {"spec": {"connection": {"kubeconfig": own}}})
    closed = member.cluster.kubeconfig.read_bytes().replace(b":6443", b":6444")
    with pytest.raises(ApiError, match=r"validating-cluster\.kubesphere\.io.*denied.*connect: connection refused"):
        host.api.patch(
            f"{CLUSTERS}/member", {"spec": {"connection": {"kubeconfig": base64.b64encode(closed).decode()}}}
        )


def test_unreachable_cluster_does_not_join(host: KubeSphere, member: KubeSphere) -> None:
    broken = cluster_object("broken", member)
    kubeconfig = member.cluster.kubeconfig.read_bytes().replace(b":6443", b":6444")
    broken["spec"]["connection"]["kubeconfig"] = base64.b64encode(kubeconfig).decode()
    host.api.create(CLUSTERS, broken)
    eventually(lambda: host.conditions("broken") == {"Federated": "False", "Ready": "False"}, "both conditions")
    conditions = host.api.get(f"{CLUSTERS}/broken")["status"]["conditions"]
    assert conditions[0]["reason"].endswith("connect: connection refused")
    host.api.delete(f"{CLUSTERS}/broken")
    eventually(lambda: host.api.find(f"{CLUSTERS}/broken") is None, "the cluster to be gone")


def test_deletion_cleans_up_the_host_only(host: KubeSphere, member: KubeSphere) -> None:
    federation = "/apis/core.kubefed.io/v1beta1/namespaces/kube-federation-system/kubefedclusters"
    host.api.create(CLUSTERS, cluster_object("passing", member))
    eventually(lambda: host.conditions("passing")["Ready"] == "True", "the member to be Ready")
    assert host.api.find(f"{federation}/passing") is not None
    host.api.delete(f"{CLUSTERS}/passing")
    eventually(lambda: host.api.find(f"{CLUSTERS}/passing") is None, "the member to be gone")
    assert host.api.find(f"{federation}/passing") is None
    accounts = "/api/v1/namespaces/kube-federation-system/serviceaccounts"
    assert member.api.find(f"{accounts}/passing-kubesphere") is not None


def test_failed_precheck_ends_the_run_without_a_trace(member: KubeSphere) -> None:
    before = member.status()["core"]["enabledTime"]
    member.edit(persistence={"storageClass": "missing"})
    try:
        eventually(lambda: "StorageClass missing was not found !" in member.log("ks-installer"), "the message")
        assert member.status()["core"]["enabledTime"] == before
    finally:
        member.run(persistence={"storageClass": ""})
    assert member.status()["core"]["enabledTime"] != before


def test_edit_during_a_run_wipes_the_status(member: KubeSphere) -> None:
    """Between status.core.status and status.core.version, an edit makes the installer begin again from nothing."""
    before = member.configuration()
    member.steer(installer={"duration": 0.3, "hang": "ks-config"})
    member.api.patch(CONFIGURATION, {"status": {"core": {"version": None}}})
    member.edit(terminal={"timeout": 601})
    fresh = eventually(
        lambda: (found := member.configuration())["metadata"]["uid"] != before["metadata"]["uid"] and found,
        "a new ClusterConfiguration",
    )
    assert fresh["metadata"]["labels"] == {"version": "v3.4.1"}
    assert fresh["status"]["clusterId"] == before["status"]["clusterId"]
    assert "version" not in fresh["status"].get("core", {})
    member.steer()
    eventually(lambda: member.status()["core"]["version"] == "v3.4.1", "the end of the new run")
    member.run(terminal={"timeout": 600})


def test_configuration_without_es_fails_for_ever(member: KubeSphere) -> None:
    member.steer(installer={"duration": 0.3, "retry": 0.2})
    member.edit(common={"es": None})
    try:
        eventually(lambda: member.log("ks-installer").count("KeyError: 'es'") > 2, "the hook to be tried again")
    finally:
        member.run(common={"es": {}})
        member.steer()


def test_component_that_fails_leaves_no_status_and_no_welcome(member: KubeSphere) -> None:
    member.steer(installer={"duration": 0.3, "fail": "alerting"})
    welcomes = member.log("ks-installer").count("Welcome")
    member.edit(alerting={"enabled": True})
    eventually(lambda: "Task 'alerting' failed:" in member.log("ks-installer"), "the failure")
    eventually(lambda: member.status()["core"]["version"] == "v3.4.1", "the end of the run")
    assert "alerting" not in member.status()
    assert member.log("ks-installer").count("Welcome") == welcomes
    member.steer()
