"""The sandbox's clusters are what they claim: real, apart from each other, exact in their audit log, gone after use."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.sandbox.cluster import Cluster, ClusterError
from tests.sandbox.kubeapi import ApiError, KubeApi, Object
from tests.sandbox.network import Network, has_privileges
from tests.sandbox.processes import Process, Status
from tests.sandbox.sandbox import Sandbox, SandboxError, names_for

pytestmark = pytest.mark.skipif(not has_privileges(), reason="network namespaces take root")

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
ECHO = """\
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"echo")
http.server.HTTPServer(("0.0.0.0", 9090), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("clusters"), names_for(1), node="none") as running:
        yield running


@pytest.fixture
def host(sandbox: Sandbox) -> Cluster:
    return sandbox["host"]


@pytest.fixture
def member(sandbox: Sandbox) -> Cluster:
    return sandbox["member-1"]


@pytest.fixture(scope="module")
def echo(sandbox: Sandbox) -> Iterator[str]:
    """Something in the host's namespace that listens on port 9090, with a Service ``echo`` before it."""
    host = sandbox["host"]
    command = host.namespace.command([sys.executable, "-c", ECHO])
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    host.api.create(
        "/api/v1/namespaces/default/services",
        {
            "metadata": {"name": "echo"},
            "spec": {"type": "LoadBalancer", "ports": [{"port": 80, "targetPort": 9090}]},
        },
    )
    host.api.create(
        "/api/v1/namespaces/default/endpoints",
        {
            "metadata": {"name": "echo"},
            "subsets": [{"addresses": [{"ip": host.address}], "ports": [{"port": 9090}]}],
        },
    )
    yield "/api/v1/namespaces/default/services/echo"
    process.kill()
    process.wait()


def fetch(cluster: Cluster, url: str) -> str:
    """What ``url`` answers to a client in the cluster's namespace; empty where nothing does within 2 seconds."""
    program = "import sys,urllib.request as u; print(u.urlopen(sys.argv[1], timeout=2).read().decode(), end='')"
    return cluster.exec([sys.executable, "-c", program, url]).stdout


def eventually(cluster: Cluster, url: str) -> str:
    """Like ``fetch``, with the time that kube-proxy takes to follow."""
    deadline = time.monotonic() + 10
    while not (answer := fetch(cluster, url)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return answer


def reachable(address: str, port: int) -> bool:
    """Whether the machine gets a connection."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def config_map(name: str) -> Object:
    return {"metadata": {"name": name}, "data": {"key": "value"}}


def test_a_cluster_is_real_and_usable(host: Cluster) -> None:
    assert host.api.get("/version")["gitVersion"].startswith("v1.")
    classes = host.api.get("/apis/storage.k8s.io/v1/storageclasses")["items"]
    defaults = [c for c in classes if "storageclass.kubernetes.io/is-default-class" in c["metadata"]["annotations"]]
    assert len(defaults) == 1
    endpoints = host.api.get("/api/v1/namespaces/default/endpoints/kubernetes")
    assert endpoints["subsets"][0]["addresses"] == [{"ip": host.address}]


def test_kubeconfig_is_self_contained_and_private(host: Cluster) -> None:
    assert stat.S_IMODE(host.kubeconfig.stat().st_mode) == 0o600
    text = host.kubeconfig.read_text()
    config = yaml.safe_load(text)
    assert config["clusters"][0]["cluster"]["server"] == f"https://{host.address}:6443"
    assert str(host.state) not in text


def test_controllers_and_scheduler_work(host: Cluster) -> None:
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": pod}
    host.api.create("/apis/apps/v1/namespaces/default/deployments", {"metadata": {"name": "web"}, "spec": spec})
    deadline = time.monotonic() + 20
    reason = None
    while reason != "Unschedulable" and time.monotonic() < deadline:
        pods = host.api.get("/api/v1/namespaces/default/pods", labelSelector="app=web")["items"]
        reason = next((c["reason"] for p in pods for c in p["status"].get("conditions", [])), None)
        time.sleep(0.1)
    host.api.delete("/apis/apps/v1/namespaces/default/deployments/web")
    # Without a node there is no place; that the scheduler says so shows that the pod was made and looked at.
    assert reason == "Unschedulable"


def test_a_cluster_ip_leads_to_its_endpoint(host: Cluster, member: Cluster, echo: str) -> None:
    address = host.api.get(echo)["spec"]["clusterIP"]
    assert eventually(host, f"http://{address}/") == "echo"
    assert fetch(member, f"http://{address}/") == ""


def test_a_load_balancers_address_leads_to_its_endpoint(host: Cluster, member: Cluster, echo: str) -> None:
    host.api.patch(f"{echo}/status", {"status": {"loadBalancer": {"ingress": [{"ip": host.address}]}}})
    assert eventually(host, f"http://{host.address}/") == "echo"
    assert eventually(member, f"http://{host.address}/") == "echo"


def test_a_node_port_is_open_to_the_others(host: Cluster, member: Cluster, echo: str) -> None:
    port = host.api.get(echo)["spec"]["ports"][0]["nodePort"]
    assert eventually(member, f"http://{host.address}:{port}/") == "echo"
    assert reachable(host.address, port)


@pytest.mark.usefixtures("echo")
def test_two_clusters_can_be_cut_apart_and_mended(host: Cluster, member: Cluster) -> None:
    url = f"http://{host.address}:9090/"
    assert fetch(member, url) == "echo"
    host.cut(member)
    try:
        assert fetch(member, url) == ""
        assert reachable(host.address, 9090)
        assert reachable(member.address, 6443)
    finally:
        member.mend(host)
    assert fetch(member, url) == "echo"


@pytest.mark.usefixtures("echo")
def test_a_cluster_can_be_cut_from_the_machine_alone(host: Cluster, member: Cluster) -> None:
    host.cut_from_machine()
    host.cut_from_machine()
    try:
        assert not reachable(host.address, 6443)
        assert fetch(member, f"http://{host.address}:9090/") == "echo"
    finally:
        host.mend_to_machine()
    assert reachable(host.address, 6443)


def test_the_audit_log_counts_the_writes_of_a_client(host: Cluster) -> None:
    client = KubeApi.from_kubeconfig(host.kubeconfig, user_agent="counted/1")
    other = KubeApi.from_kubeconfig(host.kubeconfig, user_agent="other/1")
    mark = host.audit_mark()
    client.create(CONFIG_MAPS, config_map("counted"))
    client.get(f"{CONFIG_MAPS}/counted")
    client.patch(f"{CONFIG_MAPS}/counted", {"data": {"key": "other"}})
    client.delete(f"{CONFIG_MAPS}/counted")
    other.create(CONFIG_MAPS, config_map("uncounted"))
    other.delete(f"{CONFIG_MAPS}/uncounted")
    names = {("create", "configmaps"): 1, ("patch", "configmaps"): 1, ("delete", "configmaps"): 1}
    assert host.writes(mark, "counted/") == names
    assert host.requests(mark, "counted/") == {**names, ("get", "configmaps"): 1}
    assert not host.writes(host.audit_mark(), "counted/")


def test_a_refused_write_counts_and_a_question_does_not(host: Cluster) -> None:
    client = KubeApi.from_kubeconfig(host.kubeconfig, user_agent="asking/1")
    mark = host.audit_mark()
    client.create(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}},
    )
    client.request("POST", CONFIG_MAPS, config_map("dry"), query={"dryRun": "All"})
    with pytest.raises(ApiError, match="404"):
        client.patch(f"{CONFIG_MAPS}/absent", {"data": {}})
    assert host.writes(mark, "asking/") == {("patch", "configmaps"): 1}


def test_kubeconfig_for_a_user_has_that_users_rights(host: Cluster) -> None:
    admin = KubeApi.from_kubeconfig(host.kubeconfig_for("ann", ["system:masters"]))
    assert admin.get("/api/v1/namespaces")["items"]
    nobody = KubeApi.from_kubeconfig(host.kubeconfig_for("bob"))
    with pytest.raises(ApiError, match="bob"):
        nobody.get("/api/v1/namespaces")


def test_an_expired_certificate_is_refused(host: Cluster) -> None:
    expired = KubeApi.from_kubeconfig(host.kubeconfig_for("eve", ["system:masters"], expires_in=-60))
    with pytest.raises(ApiError) as error:
        expired.get("/api/v1/namespaces")
    assert error.value.status == 401


def test_token_kubeconfig_is_the_service_account(host: Cluster) -> None:
    client = KubeApi.from_kubeconfig(host.token_kubeconfig("default", "kube-system"))
    with pytest.raises(ApiError, match="system:serviceaccount:kube-system:default"):
        client.get("/api/v1/secrets")


def test_a_crashed_api_server_comes_back_with_its_data(member: Cluster) -> None:
    member.api.create(CONFIG_MAPS, config_map("kept"))
    others = {name: member.process(name).status() for name in member.components if name != "kube-apiserver"}
    member.kill("kube-apiserver")
    assert not reachable(member.address, 6443)
    member.start()
    assert member.api.get(f"{CONFIG_MAPS}/kept")["data"] == {"key": "value"}
    for name, before in others.items():
        now = member.process(name).status()
        assert before
        assert now
        assert now.pid == before.pid


def test_a_component_that_crashed_unnoticed_is_started_again(member: Cluster) -> None:
    before = member.process("kube-scheduler").status()
    assert before
    os.kill(before.pid, signal.SIGKILL)
    member.start()
    after = member.process("kube-scheduler").status()
    assert after
    assert after.pid != before.pid


def test_a_hanging_api_server_answers_nothing_and_goes_on(member: Cluster) -> None:
    member.freeze("kube-apiserver")
    try:
        with pytest.raises(OSError, match="timed out"):
            KubeApi.from_kubeconfig(member.kubeconfig).request("GET", "/version", timeout=1)
    finally:
        member.thaw("kube-apiserver")
    assert member.api.get("/version")


def test_a_process_that_cannot_start_is_reported_with_its_last_lines(member: Cluster) -> None:
    audit_policy = member.state / "pki" / "audit-policy.yaml"
    content = audit_policy.read_text()
    member.stop("kube-apiserver")
    audit_policy.write_text("nonsense: true\n")
    try:
        with pytest.raises(ClusterError, match=r"member-1: kube-apiserver ended while waiting .*\n(.*\n)*.*audit"):
            member.start()
    finally:
        audit_policy.write_text(content)
        member.start()


def test_up_mends_what_was_left_cut(sandbox: Sandbox, member: Cluster) -> None:
    member.cut_from_machine()
    sandbox.up()
    assert reachable(member.address, 6443)


def test_a_running_sandbox_can_be_opened(sandbox: Sandbox) -> None:
    opened = Sandbox.open(sandbox.state)
    assert list(opened.clusters) == ["host", "member-1"]
    assert opened["host"].server == sandbox["host"].server
    with pytest.raises(SandboxError, match="no sandbox is up in /nonexistent"):
        Sandbox.open("/nonexistent")


def test_a_second_sandbox_stands_beside_it(sandbox: Sandbox, tmp_path: Path) -> None:
    with Sandbox(tmp_path / "second", ["only"], minimal=True) as second:
        assert second["only"].server != sandbox["host"].server
        assert second["only"].api.get("/version")
        assert second["only"].components == ("etcd", "kube-apiserver")
        assert not fetch(sandbox["host"], f"http://{second['only'].address}:6443/")
    assert not (tmp_path / "second").exists()
    assert Network.find(str(tmp_path / "second")) is None
    assert sandbox["host"].api.get("/version")


def run_cli(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.sandbox", *arguments]
    settings = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(Path.home()), "SANDBOX_NODE": "none"}
    return subprocess.run(
        command, env={**settings, **environment}, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("seconds", [0.25, 0.6, 2.5])
def test_a_killed_start_leaves_nothing_after_down(tmp_path: Path, seconds: float) -> None:
    state = tmp_path / "killed"
    command = [sys.executable, "-m", "tests.sandbox", "up", "--members", "0", "--state", str(state)]
    starting = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    starting.send_signal(signal.SIGKILL)
    starting.wait()
    network = Network.find(str(state))
    identities = [Status.parse(file.read_text()).pid for file in state.glob("host/run/*")]
    assert run_cli("down", "--state", str(state)).returncode == 0
    assert not state.exists()
    assert Network.find(str(state)) is None
    assert not any(Status.of(pid) for pid in identities)
    if network:
        assert not network.clusters()


def test_a_killed_start_goes_on_at_the_next(tmp_path: Path) -> None:
    state = tmp_path / "resumed"
    command = [sys.executable, "-m", "tests.sandbox", "up", "--members", "0", "--state", str(state)]
    starting = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={"SANDBOX_NODE": "none", "PATH": "/usr/bin"})
    time.sleep(1.5)
    starting.send_signal(signal.SIGKILL)
    starting.wait()
    try:
        done = run_cli("up", "--members", "0", "--state", str(state))
        assert done.returncode == 0, done.stderr
        assert "host" in run_cli("status", "--state", str(state)).stdout
    finally:
        run_cli("down", "--state", str(state))
    assert not state.exists()


def test_down_without_anything_is_no_error(tmp_path: Path) -> None:
    assert run_cli("down", "--state", str(tmp_path / "none")).returncode == 0


def test_without_rights_it_says_what_is_needed(tmp_path: Path) -> None:
    command = ["setpriv", "--bounding-set=-net_admin,-sys_admin", "--inh-caps=-all", sys.executable]
    done = subprocess.run(
        [*command, "-m", "tests.sandbox", "up", "--state", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "CAP_NET_ADMIN and CAP_SYS_ADMIN" in done.stderr
    assert "sudo make demo" in done.stderr
    assert "KUBESPHERE_SANDBOX_KUBECONFIGS=" in done.stderr


def test_clusters_of_the_users_own_are_checked_copied_and_left_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    state = tmp_path / "state"
    paths = [sandbox["member-1"].kubeconfig, sandbox["host"].kubeconfig]
    done = run_cli("up", "--state", str(state), KUBESPHERE_SANDBOX_KUBECONFIGS=":".join(map(str, paths)))
    assert done.returncode == 0, done.stderr
    for name, path in zip(("host", "member-1"), paths, strict=True):
        copy = state / f"{name}.kubeconfig"
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert yaml.safe_load(copy.read_text()) == yaml.safe_load(path.read_text())
    assert sandbox["member-1"].server in run_cli("status", "--state", str(state)).stdout
    assert run_cli("down", "--state", str(state)).returncode == 0
    assert not state.exists()
    assert sandbox["host"].api.get("/version")


def test_a_brought_cluster_that_does_not_answer_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    config = yaml.safe_load(sandbox["host"].kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://{sandbox['host'].address}:1"
    dead = tmp_path / "dead.kubeconfig"
    dead.write_text(yaml.safe_dump(config))
    done = run_cli("up", "--state", str(tmp_path / "state"), KUBESPHERE_SANDBOX_KUBECONFIGS=str(dead))
    assert done.returncode == 1
    assert f"the cluster of {dead} does not answer" in done.stderr
    assert not (tmp_path / "state").exists()


def test_a_stranger_with_a_recorded_number_is_not_taken_for_ours(tmp_path: Path) -> None:
    process = Process("sleeper", tmp_path / "identity", tmp_path / "log")
    process.start(["sleep", "60"], tmp_path, {"PATH": "/usr/bin:/bin"})
    try:
        recorded = process.identity.read_text()
        status = process.status()
        assert status
        fields = recorded.split()
        fields[21] = str(int(fields[21]) - 1)
        process.identity.write_text(" ".join(fields))
        assert process.status() is None
        process.identity.write_text(recorded)
        assert process.status()
    finally:
        process.signal(signal.SIGKILL)
