"""The stand-ins of tower and agent on real API servers: an import by agent, its failures, and the network."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from tests.integration.kubesphere import eventually
from tests.integration.sandbox.test_standin import CLUSTERS, SYSTEM, VALIDATION, KubeSphere
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import Object
from tests.sandbox.network import has_privileges
from tests.sandbox.sandbox import Sandbox, names_for

pytestmark = pytest.mark.skipif(not has_privileges(), reason="network namespaces take root")

DEPLOYMENTS = "/apis/apps/v1/namespaces/kubesphere-system/deployments"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
MANIFEST = "/kapis/cluster.kubesphere.io/v1alpha1/clusters/{}/agent/deployment"
NO_ADDRESS = (
    "cannot generate agent deployment yaml for member cluster  because tower.kubesphere-system.svc service has no "
    "public address, please check tower.kubesphere-system.svc status, or set address  mannually in "
    "ClusterConfiguration\n"
)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KubeSphere, KubeSphere]]:
    with Sandbox(tmp_path_factory.mktemp("tower"), names_for(1)) as sandbox:
        pair = KubeSphere(sandbox["host"]), KubeSphere(sandbox["member-1"])
        with ThreadPoolExecutor() as pool:
            list(pool.map(KubeSphere.install, pair, ("host", "member")))
        eventually(lambda: pair[0].conditions("host")["Ready"] == "True", "the host's Cluster to be Ready")
        eventually(lambda: pair[0].settings()["multicluster"].get("clusterName"), "the second writer")
        yield pair


@pytest.fixture
def host(fleet: tuple[KubeSphere, KubeSphere]) -> KubeSphere:
    return fleet[0]


@pytest.fixture
def member(fleet: tuple[KubeSphere, KubeSphere]) -> KubeSphere:
    return fleet[1]


def proxy_cluster(name: str, **connection: Any) -> Object:
    return {
        "apiVersion": "cluster.kubesphere.io/v1alpha1",
        "kind": "Cluster",
        "metadata": {"name": name, "finalizers": ["finalizer.cluster.kubesphere.io"]},
        "spec": {"joinFederation": True, "connection": {"type": "proxy", **connection}},
    }


def connection(host: KubeSphere, name: str) -> dict[str, Any]:
    return dict(host.api.get(f"{CLUSTERS}/{name}")["spec"]["connection"])


def condition(host: KubeSphere, name: str, kind: str) -> dict[str, Any]:
    held = host.api.get(f"{CLUSTERS}/{name}").get("status", {}).get("conditions", [])
    return next((dict(item) for item in held if item["type"] == kind), {})


def initialised(host: KubeSphere, name: str, **given: Any) -> dict[str, Any]:
    """Create a Cluster, and return its connection once tower has seen to it.

    It has the cluster controller's finalizer from the beginning. Where the controller adds it, and tower hears of that
    after it has written, it takes the older object for one that is not initialised, and draws once more.
    """
    host.api.create(CLUSTERS, proxy_cluster(name, **given))
    eventually(lambda: host.conditions(name).get("Initialized") == "True", f"{name} to be initialised", 40)
    return connection(host, name)


def gone(host: KubeSphere, name: str) -> None:
    host.api.delete(f"{CLUSTERS}/{name}")
    eventually(lambda: host.api.find(f"{CLUSTERS}/{name}") is None, f"{name} to be gone", 40)


def agent(name: str, token: str, address: str, workload: str = "cluster-agent") -> Object:
    """The Deployment of an agent."""
    labels = {"app": workload}
    command = ["/agent", f"--name={name}", f"--token={token}", f"--proxy-server={address}", "--keepalive=10s"]
    command += ["--kubesphere-service=ks-apiserver.kubesphere-system.svc:80", "--v=0"]
    container = {"name": "agent", "image": "kubesphere/tower:v0.2.1", "command": command}
    pod = {"serviceAccountName": "kubesphere", "containers": [container], "terminationGracePeriodSeconds": 0}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {"metadata": {"name": workload}, "spec": {"selector": {"matchLabels": labels}, "template": template}}


def through(host: KubeSphere, name: str, path: str, *flags: str) -> str:
    """What the member answers to somebody on the host who has no credentials at all."""
    server = connection(host, name)["kubernetesAPIEndpoint"]
    return host.cluster.exec(["curl", "-sk", "--max-time", "5", *flags, f"{server}{path}"]).stdout


def direct_address(host: KubeSphere) -> str:
    """An address of tower that needs no load balancer: its NodePort."""
    port = host.api.get(f"{SYSTEM}/services/tower")["spec"]["ports"][0]["nodePort"]
    return f"http://{host.cluster.address}:{port}"


def log_of(place: KubeSphere, deployment: str) -> str:
    """A Deployment's log; empty while it has no pod."""
    try:
        return place.log(deployment)
    except StopIteration:
        return ""


def uid(cluster: Cluster) -> str:
    return str(cluster.api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"])


def run_job(cluster: Cluster, name: str, command: list[str]) -> tuple[int, str]:
    """Run a Job to its end; its exit code and its log."""
    pod = {
        "restartPolicy": "Never",
        "containers": [
            {
                "name": "main",
                "image": "kubesphere/tower:v0.2.1",
                "command": command,
                "terminationMessagePolicy": "FallbackToLogsOnError",
            }
        ],
    }
    cluster.api.create(JOBS, {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}})
    eventually(lambda: cluster.api.get(f"{JOBS}/{name}")["status"].get("conditions"), f"the end of the Job {name}", 40)
    query = {"labelSelector": f"job-name={name}"}
    found = cluster.api.get("/api/v1/namespaces/default/pods", **query)["items"][0]
    path = f"/api/v1/namespaces/default/pods/{found['metadata']['name']}/log"
    output = str(cluster.api.request("GET", path).get("text", ""))
    ended = found["status"]["containerStatuses"][0]["state"]["terminated"]
    cluster.api.delete(f"{JOBS}/{name}", {"propagationPolicy": "Background"})
    return int(ended["exitCode"]), output or str(ended.get("message", ""))


@pytest.fixture
def imported(host: KubeSphere, member: KubeSphere) -> Iterator[str]:
    """The member is imported by agent as ``away``."""
    token = initialised(host, "away")["token"]
    member.api.create(DEPLOYMENTS, agent("away", token, direct_address(host)))
    eventually(lambda: host.conditions("away").get("Ready") == "True", "the member to be Ready", 30)
    yield "away"
    # The webhook lets nobody take the finalizer away without a way to the member: the agent goes last.
    eventually(lambda: uid(member.cluster) in through(host, "away", "/api/v1/namespaces/kube-system"), "the tunnel", 30)
    gone(host, "away")
    remove_agent(member)


def remove_agent(member: KubeSphere, workload: str = "cluster-agent") -> None:
    member.api.delete(f"{DEPLOYMENTS}/{workload}", {"propagationPolicy": "Foreground"})
    eventually(lambda: member.api.find(f"{DEPLOYMENTS}/{workload}") is None, "the agent to be gone", 40)


def test_cluster_is_initialised_as_tower_does_it(host: KubeSphere) -> None:
    found = initialised(host, "new", kubernetesAPIServerPort=6001)
    try:
        port = found["kubernetesAPIServerPort"]
        assert 6000 <= port <= 7000
        assert port != 6443  # the API server of the host has it, and all pods have its address here
        assert found["kubesphereAPIServerPort"] == port + 10000
        assert re.fullmatch("[0-9a-f]{64}", found["token"])
        service = host.api.get(f"{SYSTEM}/services/mc-new")
        assert service["metadata"]["labels"] == {"app": "mc-new", "app.kubernetes.io/name": "mc-new"}
        assert service["spec"]["selector"] == {"app": "tower", "app.kubernetes.io/name": "tower"}
        assert [(item["name"], item["port"], item["targetPort"]) for item in service["spec"]["ports"]] == [
            ("kubernetes", 6443, port),
            ("kubesphere", 80, port + 10000),
        ]
        address = service["spec"]["clusterIP"]
        assert found["kubernetesAPIEndpoint"] == f"https://{address}:6443"
        assert found["kubesphereAPIEndpoint"] == f"http://{address}:80"
        told = condition(host, "new", "Initialized")
        assert (told["reason"], told["message"]) == ("Initialized", "Cluster has been initialized")
        status, text = host.ask(VALIDATION, host.token(), "POST", proxy_cluster("new"))
        assert (status, text) == (400, "cluster connection type MUST be direct\n")
        body = {"kubeconfig": base64.b64encode(b"{}").decode()}
        path = "/kapis/cluster.kubesphere.io/v1alpha1/clusters/new/kubeconfig"
        status, text = host.ask(path, host.token(), "PUT", body)
        assert (status, "managed and will be renewed by tower" in text) == (400, True)
    finally:
        gone(host, "new")
    eventually(lambda: host.api.find(f"{SYSTEM}/services/mc-new") is None, "its Service to be gone", 40)


def test_given_token_is_kept_and_other_types_are_left_alone(host: KubeSphere) -> None:
    assert initialised(host, "own", token="mine")["token"] == "mine"
    # ks-controller-manager, which answers the webhook, may be starting anew.
    change = {"spec": {"joinFederation": False}}
    eventually(lambda: host.api.patch(f"{CLUSTERS}/own", change), "the webhook to answer", 40)
    eventually(lambda: host.api.find(f"{SYSTEM}/services/mc-own") is None, "its Service to be gone", 40)
    gone(host, "own")


def test_member_is_used_through_the_tunnel(host: KubeSphere, member: KubeSphere, imported: str) -> None:
    told = condition(host, imported, "AgentAvailable")
    assert (told["status"], told["message"]) == ("True", "Agent has connected to proxy successfully.")
    assert host.conditions(imported)["Federated"] == "True"
    assert host.api.get(f"{CLUSTERS}/{imported}")["status"]["uid"] == uid(member.cluster)
    config = yaml.safe_load(base64.b64decode(connection(host, imported)["kubeconfig"]))
    assert config["current-context"] == "kubernetes-admin@away"
    assert config["clusters"][0]["cluster"]["server"] == connection(host, imported)["kubernetesAPIEndpoint"]
    # Whoever reaches the Service is cluster-admin of the member.
    found = json.loads(through(host, imported, "/api/v1/namespaces/kube-system"))
    assert found["metadata"]["uid"] == uid(member.cluster)
    # The second writer has just changed the member's kubesphere-config: its ks-apiserver starts anew.
    nodes = f"/api/clusters/{imported}/v1/nodes"
    eventually(lambda: host.ask(nodes, host.token())[0] == 200, "the member's ks-apiserver", 40)
    listed = json.loads(host.ask(nodes, host.token())[1])["items"]
    assert [node["metadata"]["name"] for node in listed] == ["member-1-node"]
    assert host.ask(nodes, "nobody's token")[0] == 401


def test_watches_and_many_requests_share_a_tunnel(host: KubeSphere, member: KubeSphere, imported: str) -> None:
    watch = "/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=4"
    member.api.create(
        "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "large"}, "data": {"text": "x" * 700_000}}
    )
    with ThreadPoolExecutor(12) as pool:
        watched = pool.submit(through, host, imported, watch, "-N")
        path = "/api/v1/namespaces/default/configmaps/large"
        sizes = list(pool.map(lambda _: len(through(host, imported, path)), range(20)))
        member.api.delete(path)
        events = [json.loads(line)["type"] for line in watched.result().splitlines()]
    assert min(sizes) == max(sizes) > 700_000
    assert events[-1] == "DELETED"


def test_agent_comes_back_to_a_new_tower_and_over_a_mended_line(
    host: KubeSphere, member: KubeSphere, imported: str
) -> None:
    before = connection(host, imported)["kubeconfig"]
    name = next(
        pod["metadata"]["name"]
        for pod in host.api.get(f"{SYSTEM}/pods")["items"]
        if pod["metadata"]["name"].startswith("tower")
    )
    host.api.delete(f"{SYSTEM}/pods/{name}", {"gracePeriodSeconds": 0})
    eventually(lambda: connection(host, imported)["kubeconfig"] != before, "a new kubeconfig", 40)
    authority = yaml.safe_load(base64.b64decode(before))["clusters"]
    assert yaml.safe_load(base64.b64decode(connection(host, imported)["kubeconfig"]))["clusters"] == authority
    host.cluster.cut(member.cluster)
    eventually(lambda: "Connection closed with away" in host.log("tower"), "tower to notice", 40)
    # The webhook of 3.4 lets nobody say that the member is away while it is.
    assert host.conditions(imported)["AgentAvailable"] == "True"
    host.cluster.mend(member.cluster)
    eventually(lambda: host.log("tower").count("Connection established with away") == 2, "the agent to return", 40)


def test_agent_that_is_refused_tries_again(host: KubeSphere, member: KubeSphere) -> None:
    host.steer(controller={"pause": True})
    initialised(host, "strict", token="right")
    address = direct_address(host)
    member.api.create(DEPLOYMENTS, agent("strict", "wrong", address))
    try:
        refused = "Connection error: Unauthorized agent (Attempt: 2)"
        eventually(lambda: refused in log_of(member, "cluster-agent"), "the agent to be refused", 40)
        assert "Retrying in 140ms..." in log_of(member, "cluster-agent")
        host.api.patch(f"{CLUSTERS}/strict", {"spec": {"connection": {"token": "wrong"}}})
        eventually(lambda: host.conditions("strict").get("AgentAvailable") == "True", "the agent to be let in", 40)
        remove_agent(member)
        eventually(lambda: host.conditions("strict").get("AgentAvailable") == "False", "the agent to be missed", 40)
        assert condition(host, "strict", "AgentAvailable")["message"] == "Agent has not connected to proxy."
    finally:
        host.steer()
        remove_agent(member)
        gone(host, "strict")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://{member}:8080", "dial tcp {member}:8080: connect: connection refused"),
        ("https://{host}:8080", "x509: certificate signed by unknown authority"),
        ("http://{host}:9090", "websocket: bad handshake"),
        ("http://tower.example.org:8080", "dial tcp: lookup tower.example.org: no such host"),
        ("http://{host}", "dial tcp {host}:80: connect: connection refused"),
    ],
)
def test_agent_says_why_it_cannot_connect(host: KubeSphere, member: KubeSphere, address: str, words: str) -> None:
    places = {"host": host.cluster.address, "member": member.cluster.address}
    host.steer(tower={"tls": True})
    body = agent("nobody", "token", address.format(**places), "lost")
    member.api.create(DEPLOYMENTS, body)
    try:
        eventually(lambda: f"Connection error: {words.format(**places)}" in log_of(member, "lost"), words, 40)
    finally:
        host.steer()
        remove_agent(member, "lost")


def test_ports_collide_where_the_draw_wants_it(host: KubeSphere) -> None:
    host.steer(tower={"port": 6500})
    try:
        drawn = [initialised(host, name)["kubernetesAPIServerPort"] for name in ("one", "two")]
        assert drawn == [6500, 6500]
        # Who wants another one takes the condition away.
        host.steer(tower={"port": {"two": 6501}})
        host.api.patch(f"{CLUSTERS}/two", {"status": {"conditions": []}})
        eventually(lambda: connection(host, "two")["kubernetesAPIServerPort"] == 6501, "another port", 40)
        service = host.api.get(f"{SYSTEM}/services/mc-two")["spec"]["ports"]
        assert [item["targetPort"] for item in service] == [6501, 16501]
    finally:
        host.steer()
        for name in ("one", "two"):
            gone(host, name)


def test_manifest_wants_an_address(host: KubeSphere, member: KubeSphere) -> None:
    token = initialised(host, "gondor", token="randomtoken")["token"]
    path = MANIFEST.format("gondor")
    try:
        assert host.ask(MANIFEST.format("none"), host.token())[0] == 404
        assert host.ask(MANIFEST.format("host"), host.token()) == (404, "cluster host is not using proxy connection\n")
        assert host.ask(path, host.token()) == (404, NO_ADDRESS)
        # A cloud that takes its time, and then gives an address that a member really reaches.
        events = f"{SYSTEM}/events"
        host.steer(cloud={"address": "auto", "after": 1.5})
        ensuring = eventually(
            lambda: [e for e in host.api.get(events)["items"] if e["reason"] == "EnsuringLoadBalancer"], "the event", 10
        )
        assert ensuring[0]["involvedObject"]["name"] == "tower"
        assert host.ask(path, host.token()) == (404, NO_ADDRESS)
        ingress = eventually(
            lambda: host.api.get(f"{SYSTEM}/services/tower")["status"]["loadBalancer"].get("ingress"), "the address", 10
        )
        assert ingress == [{"ip": host.cluster.namespace.balanced}]
        health = f"http://{ingress[0]['ip']}:8080/health"
        assert run_job(member.cluster, "ask", ["wget", "-q", "-T", "5", "-O", "-", health]) == (0, "OK\n")
        status, first = host.ask(path, host.token())
        second = host.ask(path, host.token())[1]
        assert (status, second) == (200, f"---\n{first}")
        command = yaml.safe_load(first)["spec"]["template"]["spec"]["containers"][0]["command"]
        assert f"--token={token}" in command
        assert f"--proxy-server=http://{ingress[0]['ip']}:8080" in command
        # Found once, it is kept as long as the process, whatever becomes of the Service.
        host.steer(cloud={"address": None, "hostname": "tower.example.org"})
        eventually(
            lambda: (
                host.api.get(f"{SYSTEM}/services/tower")["status"]["loadBalancer"]["ingress"][0].get("hostname")
                == "tower.example.org"
            ),
            "the hostname",
            10,
        )
        assert f"http://{ingress[0]['ip']}:8080" in host.ask(path, host.token())[1]
        host.steer(cloud={"fail": "quota exceeded"})
        failed = eventually(
            lambda: [e for e in host.api.get(events)["items"] if e["reason"] == "SyncLoadBalancerFailed"], "failure", 10
        )
        expected = "Error syncing load balancer: failed to ensure load balancer: quota exceeded"
        assert (failed[0]["type"], failed[0]["message"]) == ("Warning", expected)
    finally:
        host.steer()
        gone(host, "gondor")


def test_connections_can_be_cut_one_way(host: KubeSphere, member: KubeSphere) -> None:
    inward, outward = f"{member.cluster.server}/healthz", f"http://{host.cluster.address}:8080/health"
    ask = ["curl", "-sk", "--max-time", "1", "--output", "/dev/null"]
    assert host.cluster.exec([*ask, inward]).returncode == member.cluster.exec([*ask, outward]).returncode == 0
    host.cluster.cut_way_to(member.cluster)
    assert host.cluster.exec([*ask, inward]).returncode == 28  # silence
    assert member.cluster.exec([*ask, outward]).returncode == 0
    assert member.api.get("/version")  # the machine is not meant
    host.cluster.mend(member.cluster)
    member.cluster.cut_way_to(host.cluster, reject=True)
    assert host.cluster.exec([*ask, inward]).returncode == 0
    assert member.cluster.exec([*ask, outward]).returncode == 7  # refused
    member.cluster.mend(host.cluster)
    member.cluster.hide()
    assert host.cluster.exec([*ask, inward]).returncode == 28
    assert member.cluster.exec([*ask, outward]).returncode == 0
    assert member.api.get("/version")
    member.cluster.namespace.mend_all()
    assert host.cluster.exec([*ask, inward]).returncode == 0


def test_jobs_end_as_their_commands_do(host: KubeSphere, member: KubeSphere) -> None:
    ask = ["wget", "-q", "-T", "2", "-O", "-"]
    code, _dummy = run_job(member.cluster, "refused", [*ask, f"http://{host.cluster.address}:8081/health"])
    assert code != 0
    assert run_job(member.cluster, "words", ["sh", "-c", "echo no way >&2; exit 3"]) == (3, "no way\n")
    named = "wget -q -T 5 -O - http://ks-apiserver.kubesphere-system.svc/kapis/version | grep -o v3.4.1"
    assert run_job(member.cluster, "named", ["sh", "-c", named]) == (0, "v3.4.1\n")
