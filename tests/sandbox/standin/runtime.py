"""What the programs have in common: connection, release, log, steering by tests, lists that stay current."""

from __future__ import annotations

import argparse
import datetime
import http.client
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sandbox.kubeapi import ApiError, KubeApi, Object
from tests.sandbox.standin.releases import Release

NAMESPACE = "kubesphere-system"
NAMESPACE_PATH = f"/api/v1/namespaces/{NAMESPACE}"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
CONFIG_MAP = f"{NAMESPACE_PATH}/configmaps/kubesphere-config"
CONFIG_KEY = "kubesphere.yaml"
CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"
HOST_LABEL = "cluster-role.kubesphere.io/host"
CONNECTION_ERRORS = (OSError, http.client.HTTPException)

stopping = threading.Event()


def log(*words: object) -> None:
    """Write a line to the container's log."""
    print(*words, flush=True)


def klog(severity: str, place: str, words: object) -> None:
    """Write a line as klog does.

    Args:
        severity: ``I``, ``W``, ``E`` or ``F``.
        place: file and line of the original that says this.
        words: the message.
    """
    moment = datetime.datetime.now().strftime("%m%d %H:%M:%S.%f")
    log(f"{severity}{moment} {os.getpid():>7} {place}] {words}")


def connect(program: str) -> KubeApi:
    """Client with the pod's service account, or with $KUBECONFIG where a test runs the program without a pod."""
    agent = f"standin-{program}"
    path = os.environ.get("KUBECONFIG")
    return KubeApi.from_kubeconfig(path, agent) if path else KubeApi.in_cluster(agent)


def own_release(api: KubeApi, deployment: str, argument: str | None) -> Release:
    """The release that this process plays.

    Args:
        api: client of the own cluster.
        deployment: name of the Deployment that the process belongs to.
        argument: what the command line says; it wins.
    """
    if argument:
        return Release.of(argument)
    pod = os.environ.get("POD_NAME") or os.environ.get("HOSTNAME", "")
    owner = api.find(f"{NAMESPACE_PATH}/pods/{pod}") if pod.startswith(deployment) else None
    spec = owner["spec"] if owner else api.get(f"{DEPLOYMENTS}/{deployment}")["spec"]["template"]["spec"]
    return Release.of(spec["containers"][0]["image"].rpartition(":")[2])


def command_line(description: str) -> argparse.Namespace:
    """Arguments that every program has; those of the real program (klog's and so on) are ignored."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--release", help="release to play, for example v3.4.1; by default that of the pod's image")
    return parser.parse_known_args()[0]


def knobs(program: str) -> dict[str, Any]:
    """What a test wants of this program now: its part of ``$SANDBOX_STATE/standin.json``, read anew each time.

    ``installer``: ``duration`` (seconds of a run), ``fail`` (a component, a phase, or ``precheck``), ``message`` (why
    it failed), ``hang`` (a phase; until the knob is gone), ``crash`` (a phase or true: the process exits 1), ``retry``
    (seconds between the attempts of a hook that raised). ``controller``: ``resync`` (seconds), ``pause`` (true:
    nothing is synchronised), ``election`` (seconds until it leads after a changed kubesphere-config). ``apiserver``:
    ``status`` (answer everything but /healthz with this HTTP status), ``delay`` (seconds), ``reload`` (seconds for
    which the port is closed after a changed kubesphere-config). ``tower``: ``port`` (every draw of a port gives this
    one; or a port for each Cluster by name), ``pause`` (true: no Cluster is initialised), ``resync`` (seconds),
    ``tls`` (true: its port speaks HTTPS, too, with a certificate that nobody trusts), ``health`` (what /health
    answers). ``agent``: ``retry`` (the longest pause between two attempts, seconds), ``dial`` (seconds until an
    attempt is given up), ``start`` (seconds before the first).
    """
    path = Path(os.environ.get("SANDBOX_STATE", "/nonexistent"), "standin.json")
    try:
        return dict(json.loads(path.read_text()).get(program) or {})
    except (OSError, ValueError, AttributeError):
        return {}


def run(main: Callable[[], None]) -> None:
    """Run a program in a thread until it ends or SIGTERM comes; a program that raises ends the process with 1."""
    failed = threading.Event()

    def guarded() -> None:
        try:
            main()
        except SystemExit as error:
            if error.code not in (None, 0):
                failed.set()
        except Exception as error:
            log(f"fatal: {type(error).__name__}: {error}")
            failed.set()
        finally:
            stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.Thread(target=guarded, daemon=True).start()
    stopping.wait()
    sys.stdout.flush()
    # Threads may sit in a read that only the other side ends.
    os._exit(1 if failed.is_set() else 0)


def background(target: Callable[..., None], *arguments: object) -> None:
    """Start a thread that ends with the process."""
    threading.Thread(target=target, args=arguments, daemon=True).start()


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def until_reachable(action: Callable[[], Any]) -> Any:
    """Result of an action, tried again while the API server cannot be reached."""
    while not stopping.is_set():
        try:
            return action()
        except CONNECTION_ERRORS as error:
            log(f"API server not reachable, retrying: {error}")
            stopping.wait(1)
    raise SystemExit(0)


class Listing:
    """Objects of one collection, kept current by a watch in a thread (what an informer does)."""

    def __init__(self, api: KubeApi, path: str, changed: Callable[[Object | None, Object | None], None]) -> None:
        """Start to watch.

        Args:
            api: client.
            path: the collection.
            changed: called with the object before and after; None where there is none.
        """
        self._api = api
        self._path = path
        self._changed = changed
        self._objects: dict[str, Object] = {}
        self._lock = threading.Lock()
        self.synced = threading.Event()
        background(self._keep_current)

    def get(self, name: str) -> Object | None:
        """The object of this name as last seen, a copy."""
        with self._lock:
            found = self._objects.get(name)
            return json.loads(json.dumps(found)) if found is not None else None

    def names(self) -> list[str]:
        """Names of all objects."""
        with self._lock:
            return list(self._objects)

    def all(self) -> list[Object]:
        """All objects as last seen, copies."""
        return [found for name in self.names() if (found := self.get(name)) is not None]

    def _keep_current(self) -> None:
        while not stopping.is_set():
            try:
                version = self._list()
                self.synced.set()
                while not stopping.is_set():
                    version = self._watch(version)
            except (ApiError, *CONNECTION_ERRORS, ValueError) as error:
                log(f"watch of {self._path} ended, listing again: {error}")
                stopping.wait(0.5)

    def _list(self) -> str:
        answer = self._api.get(self._path)
        seen = set()
        for item in answer["items"]:
            seen.add(item["metadata"]["name"])
            self._put(item)
        for name in set(self.names()) - seen:
            self._drop(name)
        return str(answer["metadata"]["resourceVersion"])

    def _watch(self, version: str) -> str:
        started = time.monotonic()
        for kind, item in self._api.watch(self._path, version):
            version = item["metadata"]["resourceVersion"]
            if kind == "DELETED":
                self._drop(item["metadata"]["name"])
            elif kind != "BOOKMARK":
                self._put(item)
        if time.monotonic() - started < 1:
            stopping.wait(1)  # a server that ends watches at once must not be flooded
        return version

    def _put(self, item: Object) -> None:
        name = item["metadata"]["name"]
        with self._lock:
            before = self._objects.get(name)
            self._objects[name] = item
        if before is None or before["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
            self._changed(before, item)

    def _drop(self, name: str) -> None:
        with self._lock:
            before = self._objects.pop(name, None)
        self._changed(before, None)
