"""The virtual kubelet on a real cluster: pods are processes, and their statuses, logs and events are true."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.sandbox.binaries import find, require
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import KubeApi, Object
from tests.sandbox.network import has_privileges
from tests.sandbox.node.processes import Record, end_all
from tests.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.skipif(not has_privileges(), reason="network namespaces take root")

PODS = "/api/v1/namespaces/default/pods"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
JOBS = "/apis/batch/v1/namespaces/default/jobs"

LOOP = "trap 'exit 0' TERM; echo started; while :; do sleep 0.1; done"

SERVER = """\
import http.server, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
Server(("0.0.0.0", 9090), http.server.SimpleHTTPRequestHandler).serve_forever()
"""

T = TypeVar("T")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Sandbox(tmp_path_factory.mktemp("node"), ["host"], node="virtual") as sandbox:
        yield sandbox["host"]


@pytest.fixture
def api(cluster: Cluster) -> KubeApi:
    return cluster.api


def eventually(look: Callable[[], T | None], what: str, seconds: float = 60) -> T:
    """The first true answer of ``look``."""
    deadline = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def pod(name: str, command: list[str], image: str = "busybox", **spec: object) -> Object:
    """A pod with one container ``c``; ``container`` in ``spec`` is merged into the container."""
    extra = spec.pop("container", {})
    assert isinstance(extra, dict)
    container = {"name": "c", "image": image, "imagePullPolicy": "IfNotPresent", "command": command, **extra}
    return {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}


def container_status(api: KubeApi, name: str) -> Object:
    statuses = api.get(f"{PODS}/{name}")["status"].get("containerStatuses") or [{}]
    return dict(statuses[0])


def running(api: KubeApi, name: str, restarts: int = 0) -> Object:
    def look() -> Object | None:
        status = container_status(api, name)
        found = "running" in status.get("state", {}) and status["restartCount"] >= restarts
        return status if found else None

    return eventually(look, f"pod {name} to run with {restarts} restarts")


def ended(api: KubeApi, name: str) -> Object:
    def look() -> Object | None:
        found = api.get(f"{PODS}/{name}")
        return found if found["status"]["phase"] in ("Succeeded", "Failed") else None

    return eventually(look, f"pod {name} to end")


def kubectl(cluster: Cluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(require("kubectl")), f"--kubeconfig={cluster.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def folder(cluster: Cluster, name: str) -> Path:
    found = list((cluster.state / "node" / "pods").glob(f"default_{name}_*"))
    assert len(found) == 1
    return found[0]


def process(cluster: Cluster, name: str) -> Record:
    record = Record.read(folder(cluster, name) / "c" / "pid")
    assert record is not None
    return record


def remove(api: KubeApi, name: str, grace: int | None = None) -> None:
    api.delete(f"{PODS}/{name}", {} if grace is None else {"gracePeriodSeconds": grace})
    eventually(lambda: api.find(f"{PODS}/{name}") is None, f"pod {name} to go")


def events(api: KubeApi, name: str) -> dict[str, Object]:
    listed = api.get("/api/v1/namespaces/default/events", fieldSelector=f"involvedObject.name={name}")["items"]
    return {event["reason"]: event for event in listed}


def test_the_node_is_what_a_kubelet_registers(cluster: Cluster, api: KubeApi) -> None:
    node = api.get(f"/api/v1/nodes/{cluster.node_name}")
    conditions = {entry["type"]: (entry["status"], entry["reason"]) for entry in node["status"]["conditions"]}
    assert conditions == {
        "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
        "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
        "PIDPressure": ("False", "KubeletHasSufficientPID"),
        "Ready": ("True", "KubeletReady"),
    }
    assert not node["spec"].get("taints")
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == cluster.node_name
    assert node["status"]["nodeInfo"]["kubeletVersion"] == api.get("/version")["gitVersion"]
    assert {"type": "InternalIP", "address": cluster.address} in node["status"]["addresses"]
    lease = api.get(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{cluster.node_name}")
    assert lease["spec"]["leaseDurationSeconds"] == 40
    assert lease["spec"]["holderIdentity"] == cluster.node_name
    assert lease["metadata"]["ownerReferences"][0]["uid"] == node["metadata"]["uid"]


@pytest.mark.skipif(find("kubemark") is None, reason="kubemark is not here: python3 tests/sandbox/binaries.py kubemark")
def test_the_node_says_what_the_hollow_node_says(
    cluster: Cluster, api: KubeApi, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Kubernetes' own hollow node is the yardstick: what it writes and ours does not has to be known here."""
    with Sandbox(tmp_path_factory.mktemp("hollow"), ["hollow"], node="kubemark") as sandbox:
        hollow = sandbox["hollow"]
        theirs = hollow.api.get(f"/api/v1/nodes/{hollow.node_name}")
        lease = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        their_lease = hollow.api.get(f"{lease}/{hollow.node_name}")
    ours = api.get(f"/api/v1/nodes/{cluster.node_name}")
    assert set(theirs["metadata"]["labels"]) == set(ours["metadata"]["labels"])
    assert set(theirs["status"]) - set(ours["status"]) <= {"images", "volumesInUse", "volumesAttached"}
    assert set(theirs["status"]["nodeInfo"]) == set(ours["status"]["nodeInfo"])
    assert set(theirs["status"]["capacity"]) - set(ours["status"]["capacity"]) <= {"hugepages-1Gi"}

    def essence(node: Object) -> list[tuple[str, ...]]:
        keys = ("type", "status", "reason", "message")
        return sorted(tuple(entry[key] for key in keys) for entry in node["status"]["conditions"])

    assert essence(theirs) == essence(ours)
    assert theirs["status"]["daemonEndpoints"] == ours["status"]["daemonEndpoints"]
    our_lease = api.get(f"{lease}/{cluster.node_name}")
    assert set(their_lease["spec"]) == set(our_lease["spec"])
    assert their_lease["spec"]["leaseDurationSeconds"] == our_lease["spec"]["leaseDurationSeconds"]


def test_a_process_sees_a_root_of_its_own(cluster: Cluster, api: KubeApi) -> None:
    script = (
        "set -e; hostname; echo $GREETING; cat /etc/made/up/key; "
        "cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; echo; "
        "touch /etc/leak /run/leak /tmp/leak /dev/leak; ls /proc/1/exe >/dev/null; echo words >/dev/termination-log"
    )
    api.create(CONFIG_MAPS, {"metadata": {"name": "made-up"}, "data": {"key": "value\n"}})
    mounts = {
        "env": [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "GREETING", "value": "hello $(NAME) at $(POD_IP)"},
        ],
        "volumeMounts": [{"name": "v", "mountPath": "/etc/made/up"}],
    }
    volumes = [{"name": "v", "configMap": {"name": "made-up"}}]
    body = pod("own-root", ["sh", "-c", script], restartPolicy="Never", volumes=volumes, container=mounts)
    api.create(PODS, body)
    done = ended(api, "own-root")
    state = done["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"], state["message"]) == (0, "Completed", "words\n")
    log = kubectl(cluster, "logs", "own-root").stdout.splitlines()
    assert log == ["own-root", f"hello own-root at {cluster.address}", "value", "default"]
    for left in ("/etc/leak", "/run/leak", "/tmp/leak", "/dev/leak", "/etc/made", "/run/secrets/kubernetes.io"):
        assert not Path(left).exists()


def test_jobs_end_as_their_processes_do(api: KubeApi) -> None:
    for name, code in (("good", 0), ("bad", 3)):
        body = pod(name, ["sh", "-c", f"echo from {name}; exit {code}"], restartPolicy="Never")
        body["spec"]["containers"][0]["terminationMessagePolicy"] = "FallbackToLogsOnError"
        api.create(JOBS, {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": body["spec"]}}})

    def conditions(name: str) -> list[str]:
        return [entry["type"] for entry in api.get(f"{JOBS}/{name}")["status"].get("conditions") or ()]

    assert eventually(lambda: conditions("good"), "the good job") == ["Complete"]
    assert eventually(lambda: conditions("bad"), "the bad job") == ["Failed"]
    (failed,) = api.get(PODS, labelSelector="job-name=bad")["items"]
    state = failed["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"], state["message"]) == (3, "Error", "from bad\n")
    assert failed["status"]["phase"] == "Failed"


def test_a_killed_process_is_restarted(cluster: Cluster, api: KubeApi) -> None:
    api.create(PODS, pod("killed", ["sh", "-c", LOOP]))
    before = running(api, "killed")
    process(cluster, "killed").signal(signal.SIGKILL)
    after = running(api, "killed", restarts=1)
    last = after["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "Error")
    assert last["containerID"] == before["containerID"] != after["containerID"]
    assert kubectl(cluster, "logs", "killed", "--previous").stdout == "started\n"
    remove(api, "killed", grace=0)


def test_a_crash_loop_backs_off(cluster: Cluster, api: KubeApi) -> None:
    api.create(PODS, pod("crash", ["sh", "-c", "echo up; exit 7"]))

    def look() -> Object | None:
        status = container_status(api, "crash")
        waiting = status.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
        return status if waiting and status["restartCount"] >= 2 else None

    status = eventually(look, "CrashLoopBackOff")
    assert status["lastState"]["terminated"]["exitCode"] == 7
    assert not status["ready"]
    assert api.get(f"{PODS}/crash")["status"]["phase"] == "Running"
    assert events(api, "crash")["BackOff"]["message"] == "Back-off restarting failed container"
    assert kubectl(cluster, "logs", "crash").stdout == "up\n"
    remove(api, "crash")


def test_an_unknown_image_cannot_be_pulled(cluster: Cluster, api: KubeApi) -> None:
    api.create(PODS, pod("no-image", [], image="example.org/no/such:v1"))

    def reason() -> str:
        return str(container_status(api, "no-image").get("state", {}).get("waiting", {}).get("reason"))

    eventually(lambda: reason() == "ErrImagePull", "ErrImagePull")
    eventually(lambda: reason() == "ImagePullBackOff", "ImagePullBackOff")
    written = eventually(lambda: found if "BackOff" in (found := events(api, "no-image")) else None, "the event")
    assert written["BackOff"]["message"] == 'Back-off pulling image "example.org/no/such:v1"'
    refused = kubectl(cluster, "logs", "no-image")
    assert 'container "c" in pod "no-image" is waiting to start: trying and failing to pull image' in refused.stderr
    remove(api, "no-image")


def test_a_program_that_is_not_there_is_a_start_error(api: KubeApi) -> None:
    api.create(PODS, pod("no-program", ["/no/such"], restartPolicy="Never"))
    state = ended(api, "no-program")["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (128, "StartError")
    assert 'exec: "/no/such": executable file not found in $PATH' in state["message"]


def test_a_missing_configmap_holds_the_pod_until_it_is_there(api: KubeApi) -> None:
    environment = {"envFrom": [{"configMapRef": {"name": "late"}}]}
    volumes = [{"name": "v", "secret": {"secretName": "late"}}]
    api.create(PODS, pod("late", ["sh", "-c", LOOP], volumes=volumes, container=environment))
    eventually(lambda: "FailedMount" in events(api, "late"), "FailedMount")
    assert container_status(api, "late")["state"] == {"waiting": {"reason": "ContainerCreating"}}
    api.create("/api/v1/namespaces/default/secrets", {"metadata": {"name": "late"}})

    def reason() -> bool:
        state = container_status(api, "late").get("state", {})
        wanted = {"reason": "CreateContainerConfigError", "message": 'configmap "late" not found'}
        return bool(state.get("waiting") == wanted)

    eventually(reason, "CreateContainerConfigError")
    api.create(CONFIG_MAPS, {"metadata": {"name": "late"}, "data": {}})
    running(api, "late")
    remove(api, "late")


def test_a_changed_configmap_reaches_the_process(cluster: Cluster, api: KubeApi) -> None:
    api.create(CONFIG_MAPS, {"metadata": {"name": "changing"}, "data": {"key": "one"}})
    script = "trap 'exit 0' TERM; until grep -q two /etc/changing/key; do sleep 0.05; done; echo seen; exit 0"
    volumes = [{"name": "v", "configMap": {"name": "changing"}}]
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/etc/changing"}]}
    body = pod("changing", ["sh", "-c", script], restartPolicy="Never", volumes=volumes, container=mount)
    api.create(PODS, body)
    running(api, "changing")
    api.patch(f"{CONFIG_MAPS}/changing", {"data": {"key": "two"}})
    changed = time.monotonic()
    assert ended(api, "changing")["status"]["phase"] == "Succeeded"
    assert time.monotonic() - changed < 3
    assert kubectl(cluster, "logs", "changing").stdout == "seen\n"


def test_the_service_account_token_opens_the_api(api: KubeApi, cluster: Cluster) -> None:
    program = (
        "import os, sys; sys.path.insert(0, os.environ['PYTHONPATH'])\n"
        "from tests.sandbox.kubeapi import KubeApi, ApiError\n"
        "try: KubeApi.in_cluster().get('/api/v1/nodes')\n"
        "except ApiError as error: print(error.status, error.message)\n"
    )
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 600}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    api.create(PODS, pod("secret-token", ["python3", "-c", program], restartPolicy="Never"))
    body = pod(
        "projected-token",
        ["python3", "-c", program],
        restartPolicy="Never",
        automountServiceAccountToken=False,
        volumes=[{"name": "v", "projected": {"sources": sources}}],
        container={"volumeMounts": [{"name": "v", "mountPath": account}]},
    )
    api.create(PODS, body)
    for name in ("secret-token", "projected-token"):
        ended(api, name)
        said = kubectl(cluster, "logs", name).stdout
        assert said.startswith('403 nodes is forbidden: User "system:serviceaccount:default:default"'), said


def test_a_rollout_restart_replaces_the_process(cluster: Cluster, api: KubeApi) -> None:
    body = pod("", ["python3", "-c", SERVER])["spec"]
    body["containers"][0] |= {
        "ports": [{"name": "http", "containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
    }
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": body}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    api.create(DEPLOYMENTS, {"metadata": {"name": "web"}, "spec": spec})
    assert kubectl(cluster, "rollout", "status", "deployment/web", "--timeout=30s").returncode == 0
    (old,) = api.get(PODS, labelSelector="app=web")["items"]
    record = process(cluster, old["metadata"]["name"])
    started = time.monotonic()
    kubectl(cluster, "rollout", "restart", "deployment/web")
    assert kubectl(cluster, "rollout", "status", "deployment/web", "--timeout=30s").returncode == 0
    assert time.monotonic() - started < 15
    eventually(lambda: not record.alive, "the old process to end")
    (new,) = eventually(
        lambda: found if len(found := api.get(PODS, labelSelector="app=web")["items"]) == 1 else None, "one pod"
    )
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert process(cluster, new["metadata"]["name"]).alive
    api.delete(f"{DEPLOYMENTS}/web", {"propagationPolicy": "Foreground"})


def test_a_failing_liveness_probe_restarts_and_readiness_follows_its_probe(cluster: Cluster, api: KubeApi) -> None:
    probe = {"exec": {"command": ["test", "-e", "/state/alive"]}, "periodSeconds": 1, "failureThreshold": 1}
    ready = {"exec": {"command": ["test", "-e", "/state/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    container = {
        "livenessProbe": probe,
        "readinessProbe": ready,
        "volumeMounts": [{"name": "v", "mountPath": "/state"}],
    }
    script = f"touch /state/alive; {LOOP}"
    volumes = [{"name": "v", "emptyDir": {}}]
    api.create(PODS, pod("probed", ["sh", "-c", script], volumes=volumes, container=container))
    running(api, "probed")
    state = folder(cluster, "probed") / ".volumes" / "v"
    assert not container_status(api, "probed")["ready"]
    (state / "ready").touch()
    eventually(lambda: container_status(api, "probed")["ready"], "readiness")
    (state / "ready").unlink()
    eventually(lambda: not container_status(api, "probed")["ready"], "the loss of readiness")
    (state / "alive").unlink()
    running(api, "probed", restarts=1)
    assert events(api, "probed")["Unhealthy"]["type"] == "Warning"
    remove(api, "probed")
    eventually(lambda: not state.exists(), "the pod's folder to go")


def test_deletion_gives_the_grace_period_to_who_asks_for_it(api: KubeApi) -> None:
    api.create(PODS, pod("stubborn", ["sh", "-c", "trap '' TERM; sleep 60"], terminationGracePeriodSeconds=2))
    api.create(PODS, pod("deaf", ["sleep", "60"]))
    for name, least, most in (("stubborn", 1.8, 6), ("deaf", 0, 3)):
        running(api, name)
        time.sleep(0.3)  # the shell has to set its trap
        started = time.monotonic()
        remove(api, name)
        assert least <= time.monotonic() - started < most


def test_init_containers_run_one_after_the_other(cluster: Cluster, api: KubeApi) -> None:
    body = pod("initialised", ["cat", "/state/log"], restartPolicy="Never", volumes=[{"name": "v", "emptyDir": {}}])
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/state"}], "image": "busybox"}
    body["spec"]["containers"][0] |= mount
    body["spec"]["initContainers"] = [
        {"name": name, "command": ["sh", "-c", f"echo {name} >>/state/log"], **mount} for name in ("first", "second")
    ]
    api.create(PODS, body)
    assert ended(api, "initialised")["status"]["phase"] == "Succeeded"
    assert kubectl(cluster, "logs", "initialised", "-c", "c").stdout == "first\nsecond\n"


def test_logs_are_followed_until_the_end(cluster: Cluster, api: KubeApi) -> None:
    script = "for n in 1 2 3 4; do echo $n; sleep 0.3; done"
    api.create(PODS, pod("talking", ["sh", "-c", script], restartPolicy="Never"))
    running(api, "talking")
    assert kubectl(cluster, "logs", "-f", "talking").stdout == "1\n2\n3\n4\n"
    assert kubectl(cluster, "logs", "talking", "--tail=1").stdout == "4\n"
    stamped = kubectl(cluster, "logs", "talking", "--timestamps", "--since=1h").stdout.splitlines()
    assert [line.partition(" ")[2] for line in stamped] == ["1", "2", "3", "4"]


def test_only_the_clusters_own_clients_may_read_logs(cluster: Cluster) -> None:
    url = f"https://{cluster.address}:10250/healthz"
    refused = cluster.exec(["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", url])
    assert refused.stdout == "401"
    exec_ = kubectl(cluster, "get", "--raw", f"/api/v1/nodes/{cluster.node_name}/proxy/exec/a/b/c")
    assert "exec does not exist on a sandbox node" in exec_.stderr + exec_.stdout


def test_a_test_can_take_an_image_away(cluster: Cluster, api: KubeApi) -> None:
    knobs = cluster.state / "standin.json"
    knobs.write_text(json.dumps({"node": {"absentImages": ["*/busybox:gone"]}}))
    api.create(PODS, pod("taken", ["sh", "-c", LOOP], image="library/busybox:gone"))
    eventually(lambda: "waiting" in container_status(api, "taken").get("state", {}), "the pod to wait")
    knobs.unlink()
    running(api, "taken")
    remove(api, "taken")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_next_node_goes_on_with_running_containers(cluster: Cluster, api: KubeApi, end: str) -> None:
    api.create(PODS, pod("kept", ["sh", "-c", "trap 'exit 5' TERM; while :; do echo on; sleep 0.1; done"]))
    api.create(PODS, pod("ends", ["sh", "-c", "sleep 1; exit 4"], restartPolicy="Never"))
    api.create(PODS, pod("leaves", ["sh", "-c", LOOP]))
    before = running(api, "kept")
    running(api, "ends")
    running(api, "leaves")
    record, orphan = process(cluster, "kept"), process(cluster, "leaves")
    getattr(cluster, end)("node")
    api.delete(f"{PODS}/leaves", {"gracePeriodSeconds": 0})
    assert record.alive
    time.sleep(1.2)
    cluster.restart("node")
    assert ended(api, "ends")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 4
    eventually(lambda: not orphan.alive, "the orphan to end")
    after = running(api, "kept")
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)
    assert record.alive
    record.signal(signal.SIGTERM)
    last = running(api, "kept", restarts=1)["lastState"]["terminated"]
    assert last["exitCode"] == 5
    remove(api, "kept")
    remove(api, "ends")


def test_the_node_outlives_an_api_server(cluster: Cluster, api: KubeApi) -> None:
    api.create(PODS, pod("steady", ["sh", "-c", LOOP]))
    before = running(api, "steady")
    cluster.restart("kube-apiserver")
    process(cluster, "steady").signal(signal.SIGKILL)
    after = running(api, "steady", restarts=1)
    assert after["containerID"] != before["containerID"]
    remove(api, "steady")


def test_everything_can_be_ended(cluster: Cluster, api: KubeApi) -> None:
    api.create(PODS, pod("last", ["sh", "-c", "(setsid sleep 1000 &); " + LOOP]))
    running(api, "last")
    record = process(cluster, "last")
    cluster.stop("node")
    assert end_all(cluster.state / "node") >= 1
    assert not record.alive
    cluster.restart("node")
    last = running(api, "last", restarts=1)["lastState"]["terminated"]
    assert last["exitCode"] == 137
    remove(api, "last")
