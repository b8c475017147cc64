"""The node's parts that need no cluster: environment, volumes, logs, statuses, the queue, and what images mean."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.sandbox import images
from tests.sandbox.kubeapi import KubeApi, Object
from tests.sandbox.node.environment import ConfigError, container_environment, expand, field, quantity, resource
from tests.sandbox.node.logs import LogQuery, LogWriter, read_log, tail_of
from tests.sandbox.node.processes import Record, end_all
from tests.sandbox.node.status import ContainerState, Run, conditions, phase, pod_status
from tests.sandbox.node.volumes import VolumeError, Volumes, references, write_atomically
from tests.sandbox.node.workqueue import WorkQueue

POD: Object = {
    "metadata": {
        "name": "web-0",
        "namespace": "shop",
        "uid": "u1",
        "labels": {"b": "2", "a": "one"},
        "annotations": {"note/x": 'say "hi"'},
    },
    "spec": {"nodeName": "n", "serviceAccountName": "web", "containers": []},
    "status": {"podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}]},
}

OBJECTS: dict[tuple[str, str, str], Object] = {
    ("configmaps", "shop", "conf"): {"data": {"LEVEL": "4", "not a name": "x"}, "binaryData": {"raw": "AAE="}},
    ("secrets", "shop", "pass"): {"data": {"word": "c2VjcmV0"}},
}


def fetch(kind: str, namespace: str, name: str) -> Object | None:
    return OBJECTS.get((kind, namespace, name))


# --- images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "module"),
    [
        ("kubesphere/ks-installer:v3.4.1", "installer"),
        ("registry.example.org:5000/mirror/a/b/ks-apiserver", "apiserver"),
        ("ks-controller-manager@sha256:" + "0" * 64, "controller"),
    ],
)
def test_stand_ins_go_by_the_last_part_of_the_name(image: str, module: str) -> None:
    program = images.resolve(image, ["whatever"], ["--flag"])
    assert program is not None
    assert program.argv[1:] == ("-m", f"tests.sandbox.standin.{module}")


def test_tower_is_given_its_own_command_line() -> None:
    program = images.resolve("kubesphere/tower:v0.2.1", ["/agent", "--name=m"], ["--v=4"])
    assert program is not None
    assert program.argv[1:] == ("-m", "tests.sandbox.standin.tower", "/agent", "--name=m", "--v=4")


def test_tower_runs_any_other_command_itself() -> None:
    words = ("wget", "-q", "-T", "5", "-O", "-", "http://192.0.2.1:8080/health")
    assert images.resolve("kubesphere/tower:v0.2.1", words, []) == images.Program(images.Kind.COMMAND, words)
    assert images.resolve("kubesphere/tower:v0.2.1", [], []) == images.Program(images.Kind.COMMAND, ("sh",))


def test_general_images_run_the_pods_command() -> None:
    assert images.resolve("docker.io/library/busybox:1.31", ["sh", "-c"], ["exit 3"]) == images.Program(
        images.Kind.COMMAND, ("sh", "-c", "exit 3")
    )
    assert images.resolve("alpine", [], []) == images.Program(images.Kind.COMMAND, ("/bin/sh",))


def test_other_known_images_just_run_and_unknown_ones_do_not_exist() -> None:
    assert images.resolve("prom/prometheus:v2.39.1", [], ["--config"]) == images.Program(images.Kind.IDLE)
    assert images.resolve("kubesphere/no-such-thing:v1", [], []) is None


def test_real_binaries_take_the_place_of_stand_ins_where_they_are(tmp_path: Path) -> None:
    for name in ("ks-apiserver", "proxy", "agent"):
        (tmp_path / name).touch()
    command = ["ks-apiserver", "--logtostderr=true"]
    program = images.resolve("kubesphere/ks-apiserver:v3.4.1", command, ["--v=2"], tmp_path)
    assert program == images.Program(
        images.Kind.BINARY, (str(tmp_path / "ks-apiserver"), "--logtostderr=true", "--v=2")
    )
    tower = images.resolve("kubesphere/tower", ["/proxy", "--v=4"], [], tmp_path)
    assert tower is not None
    assert tower.argv == (str(tmp_path / "proxy"), "--v=4")
    (tmp_path / "proxy").unlink()
    agent = images.resolve("kubesphere/tower", ["/agent"], [], tmp_path)
    assert agent is not None
    assert agent.kind is images.Kind.STAND_IN  # the proxy would not understand it
    installer = images.resolve("kubesphere/ks-installer", [], [], tmp_path)
    assert installer is not None
    assert installer.kind is images.Kind.STAND_IN


def test_real_binaries_play_their_own_release_where_the_folder_names_it(tmp_path: Path) -> None:
    for name in ("controller-manager", "proxy", "agent"):
        (tmp_path / name).touch()
    (tmp_path / "release").write_text("v3.4.1\n")
    command = ["controller-manager", "--leader-elect=true"]
    program = images.resolve("r.example.org:5000/ks-controller-manager:v3.4.1", command, [], tmp_path)
    assert program is not None
    assert program.argv[1:] == ("--leader-elect=true", "--controllers=cluster", "--leader-elect=false")
    older = images.resolve("kubesphere/ks-controller-manager:v3.3.2", command, [], tmp_path)
    assert older is not None
    assert older.kind is images.Kind.STAND_IN
    tower = images.resolve("kubesphere/tower:v0.2.1", ["/proxy"], [], tmp_path)
    assert tower is not None
    assert tower.kind is images.Kind.BINARY


@pytest.mark.parametrize("image", ["", "host/UPPER", "a b", "repo:tag:tag", "-dash"])
def test_what_is_no_image_reference(image: str) -> None:
    assert not images.valid(image)


def test_a_tag_is_added_where_there_is_none() -> None:
    assert images.with_tag("host:5000/a") == "host:5000/a:latest"
    assert images.with_tag("host:5000/a:v1") == "host:5000/a:v1"


# --- environment ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)-$(B)", "1-2"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(UNKNOWN) $A", "$(UNKNOWN) $A"),
        ("$(A", "$(A"),
    ],
)
def test_references_are_expanded_as_kubernetes_does(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "2"}) == expected


def test_a_containers_environment_comes_from_all_its_sources() -> None:
    container = {
        "name": "c",
        "resources": {"limits": {"memory": "1Gi", "cpu": "1500m"}},
        "envFrom": [
            {"prefix": "C_", "configMapRef": {"name": "conf"}},
            {"secretRef": {"name": "no", "optional": True}},
        ],
        "env": [
            {"name": "LEVEL", "value": "$(C_LEVEL)$(C_LEVEL)"},
            {"name": "EMPTY"},
            {"name": "WORD", "valueFrom": {"secretKeyRef": {"name": "pass", "key": "word"}}},
            {"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "MI", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
            {"name": "GONE", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "no", "optional": True}}},
        ],
    }
    assert container_environment(POD, container, fetch, {"BASE": "b"}) == {
        "BASE": "b",
        "C_LEVEL": "4",
        "LEVEL": "44",
        "EMPTY": "",
        "WORD": "secret",
        "ME": "web-0",
        "MI": "1024",
    }


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMapKeyRef": {"name": "none", "key": "k"}}, 'configmap "none" not found'),
        ({"secretKeyRef": {"name": "pass", "key": "k"}}, "couldn't find key k in Secret shop/pass"),
    ],
)
def test_what_is_missing_is_named(source: Object, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        container_environment(POD, {"env": [{"name": "X", "valueFrom": source}]}, fetch, {})


def test_fields_of_the_downward_api() -> None:
    assert field(POD, "metadata.labels") == 'a="one"\nb="2"'
    assert field(POD, "metadata.annotations['note/x']") == 'say "hi"'
    assert field(POD, "status.podIPs") == "10.0.0.9"
    assert field(POD, "spec.serviceAccountName") == "web"


def test_resources_are_rounded_up() -> None:
    assert resource({"resources": {"limits": {"cpu": "1500m"}}}, {"resource": "limits.cpu"}) == "2"
    assert resource({}, {"resource": "requests.memory"}) == "0"
    assert quantity("2Ki") == 2048


# --- volumes --------------------------------------------------------------------------------------------------------


def volumes(folder: Path) -> Volumes:
    return Volumes(folder / "volumes", folder / "machine", KubeApi("https://192.0.2.1"), fetch)


def with_volume(volume: Object) -> Object:
    return {**POD, "spec": {**POD["spec"], "volumes": [{"name": "v", **volume}]}}


def test_a_configmap_volume_changes_by_one_rename(tmp_path: Path) -> None:
    assert write_atomically(tmp_path, {"a": (b"1", 0o644), "sub/b": (b"2", 0o600)})
    first = (tmp_path / "..data").readlink()
    assert (tmp_path / "a").readlink() == Path("..data/a")
    assert not write_atomically(tmp_path, {"a": (b"1", 0o644), "sub/b": (b"2", 0o600)})
    assert write_atomically(tmp_path, {"a": (b"3", 0o644)})
    assert (tmp_path / "a").read_text() == "3"
    assert (tmp_path / "..data").readlink() != first
    assert {entry.name for entry in tmp_path.iterdir()} == {"a", "..data", str((tmp_path / "..data").readlink())}


def test_items_choose_keys_paths_and_modes(tmp_path: Path) -> None:
    source = {"name": "conf", "items": [{"key": "LEVEL", "path": "x/level", "mode": 0o400}]}
    pod = with_volume({"configMap": source})
    made = volumes(tmp_path)
    made.set_up(pod)
    path, read_only = made.mount("v")
    assert read_only
    assert (path / "x/level").read_text() == "4"
    assert (path / "x/level").stat().st_mode & 0o777 == 0o400
    assert references(pod) == {("configmaps", "conf")}


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        (
            {"configMap": {"name": "conf", "items": [{"key": "no", "path": "p"}]}},
            "references non-existent configmap key: no",
        ),
        ({"hostPath": {"path": "/nowhere/at/all", "type": "Directory"}}, "hostPath type check failed"),
        ({"nfs": {"server": "s"}}, "volumes of kind nfs do not exist in the sandbox"),
    ],
)
def test_a_volume_that_cannot_be_made_says_why(tmp_path: Path, volume: Object, message: str) -> None:
    with pytest.raises(VolumeError, match=message) as caught:
        volumes(tmp_path).set_up(with_volume(volume))
    assert caught.value.volume == "v"


def test_a_path_that_the_machine_lacks_is_made_in_the_state_folder(tmp_path: Path) -> None:
    made = volumes(tmp_path)
    made.set_up(with_volume({"hostPath": {"path": "/nowhere/at/all", "type": "DirectoryOrCreate"}}))
    assert made.mount("v") == (tmp_path / "machine/files/nowhere/at/all", False)
    assert not Path("/nowhere").exists()


# --- logs -----------------------------------------------------------------------------------------------------------


def test_a_log_is_read_as_kubectl_asks(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "0.log")
    log.feed(b"one\ntw")
    log.feed(b"o\nthree")
    log.close()

    def read(**query: object) -> bytes:
        return b"".join(read_log(log.path, LogQuery(**query)))  # type: ignore[arg-type]

    assert read() == b"one\ntwo\nthree"
    assert read(tail=2) == b"two\nthree"
    assert read(tail=0) == b""
    assert read(limit_bytes=5) == b"one\nt"
    assert read(since="2999-01-01T00:00:00Z") == b""
    stamped = read(timestamps=True, tail=2).splitlines()[0]
    assert stamped.endswith(b"Z two")
    assert tail_of(log.path, 2, 4) == "hree"


def test_a_followed_log_ends_with_its_container(tmp_path: Path) -> None:
    log = LogWriter(tmp_path / "0.log")
    log.feed(b"first\n")
    over = threading.Event()
    pieces: list[bytes] = []
    query = LogQuery(follow=True)
    reader = threading.Thread(target=lambda: pieces.extend(read_log(log.path, query, log.written, over.is_set)))
    reader.start()
    log.feed(b"second\n")
    over.set()
    log.close()
    reader.join(5)
    assert not reader.is_alive()
    assert b"".join(pieces) == b"first\nsecond\n"


# --- statuses -------------------------------------------------------------------------------------------------------


def state(run: Run | None, ready: bool = True, name: str = "c") -> ContainerState:
    container = ContainerState({"name": name, "image": "busybox"})
    container.run = run
    container.passed_readiness = container.passed_startup = ready
    return container


RUNNING = Run("sandbox://1", 100.0)
GOOD = Run("sandbox://1", 100.0, finished=101.0, reason="Completed")
BAD = Run("sandbox://1", 100.0, finished=101.0, exit_code=3, reason="Error")


@pytest.mark.parametrize(
    ("policy", "init", "main", "expected"),
    [
        ("Always", [None], [None], "Pending"),
        ("Always", [GOOD], [None], "Pending"),
        ("Always", [BAD], [None], "Pending"),
        ("Never", [BAD], [None], "Failed"),
        ("Always", [], [RUNNING, None], "Pending"),
        ("Always", [], [RUNNING, BAD], "Running"),
        ("Always", [], [GOOD], "Running"),
        ("OnFailure", [], [BAD], "Running"),
        ("OnFailure", [], [GOOD], "Succeeded"),
        ("Never", [], [GOOD, BAD], "Failed"),
    ],
)
def test_phases(policy: str, init: list[Run | None], main: list[Run | None], expected: str) -> None:
    assert phase(policy, [state(run) for run in init], [state(run) for run in main]) == expected


def test_conditions_keep_the_time_of_their_last_change() -> None:
    def ready(pod: Object, container: ContainerState, time: str) -> Object:
        result = conditions(pod, "Running", [], [container], time)
        pod["status"]["conditions"] = result
        return next(entry for entry in result if entry["type"] == "Ready")

    pod: Object = {**POD, "status": {}}
    assert ready(pod, state(RUNNING, ready=False), "t1") == {
        "type": "Ready",
        "status": "False",
        "reason": "ContainersNotReady",
        "message": "containers with unready status: [c]",
        "lastProbeTime": None,
        "lastTransitionTime": "t1",
    }
    assert ready(pod, state(RUNNING), "t2")["lastTransitionTime"] == "t2"
    assert ready(pod, state(RUNNING), "t3")["lastTransitionTime"] == "t2"


def test_a_container_that_waits_for_its_restart_shows_what_ended_it() -> None:
    container = state(BAD)
    container.restarts, container.waiting = 2, ("CrashLoopBackOff", "back-off")
    status = pod_status(POD, [], [container], "10.0.0.9", "now")["containerStatuses"][0]
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
    assert status["lastState"]["terminated"]["exitCode"] == 3
    assert status["restartCount"] == 2
    assert status["image"] == "busybox:latest"
    assert (status["ready"], status["started"]) == (False, False)


# --- queue and processes --------------------------------------------------------------------------------------------


def test_the_queue_gives_a_key_once_and_to_one_worker_at_a_time() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("later", 0.05)
    queue.add("now")
    queue.add("now")
    assert queue.get() == "now"
    queue.add("now")  # while it is worked on
    assert queue.get() == "later"
    queue.done("now")
    assert queue.get() == "now"


def test_an_earlier_time_wins() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("key", 60)
    queue.add("key", 0.01)
    started = time.monotonic()
    assert queue.get() == "key"
    assert time.monotonic() - started < 5


def test_a_reused_pid_is_not_taken_for_a_container(tmp_path: Path) -> None:
    folder = tmp_path / "pods" / "ns_name_uid" / "c"
    folder.mkdir(parents=True)
    me = Record.of(os.getpid())
    assert me is not None
    Record(me.pid, me.started + 1).write(folder / "pid")
    assert end_all(tmp_path) == 0


def test_all_containers_are_ended(tmp_path: Path) -> None:
    folder = tmp_path / "pods" / "ns_name_uid" / "c"
    folder.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as process:
        record = Record.of(process.pid)
        assert record is not None
        record.write(folder / "pid")
        assert not record.heeds(signal.SIGTERM)
        assert end_all(tmp_path) == 1
        assert process.wait(5) == -signal.SIGKILL
