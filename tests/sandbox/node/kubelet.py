"""The node itself: watches, queues and workers around its pods."""

from __future__ import annotations

import http.client
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from ..kubeapi import ApiError, KubeApi, Object
from .events import Events
from .pod import Pod, Surroundings, pods_folder
from .processes import Monitor, Record
from .registration import Registration
from .volumes import references
from .workqueue import WorkQueue

WORKERS = 4
PROBERS = 3
"""Threads that work on pods, and that probe: few, since most work is a wait for the API server or for a probe."""

WATCH_SECONDS = 30

RETRY = 1.0
"""Seconds after which what the API server refused or did not hear is tried again."""

Failure = (ApiError, OSError, http.client.HTTPException)


class Kubelet:
    """Everything that runs in the node's process."""

    def __init__(self, api: KubeApi, name: str, address: str, cluster: str, state: Path, assets: Path | None) -> None:
        self._api = api
        self._name = name
        self._state = state
        self._pods: dict[str, Pod] = {}
        self._queue: WorkQueue[str] = WorkQueue()
        self._probes: WorkQueue[tuple[str, str, str]] = WorkQueue()
        self._stopped = threading.Event()
        self._service: dict[str, str] = {}
        self._registration = Registration(api, name, address, cluster)
        self._events = Events(api, name)
        self._around = Surroundings(
            api=api,
            node=name,
            address=address,
            cluster=cluster,
            state=state,
            events=self._events,
            monitor=Monitor(),
            fetch=self._fetch,
            wake=self._queue.add,
            schedule_probe=self._probes.add,
            service_environment=self._service_environment,
            assets=assets,
        )

    def run(self) -> None:
        """Register, and work until ``stop``. Containers go on running afterwards, as with kubelet."""
        while not self._stopped.is_set():
            try:
                self._registration.register()
                break
            except Failure as error:
                _say(f"not registered yet: {error}")
                self._stopped.wait(RETRY)
        self._events.node("Starting", "Starting kubelet.")
        tasks: list[Callable[[], None]] = [self._watch_pods, lambda: self._registration.keep(self._stopped)]
        tasks += [lambda: self._watch_sources("configmaps"), lambda: self._watch_sources("secrets")]
        tasks += [self._work] * WORKERS + [self._probe] * PROBERS
        for task in tasks:
            threading.Thread(target=task, daemon=True).start()
        self._stopped.wait()

    def stop(self) -> None:
        """Have ``run`` come to its end."""
        self._stopped.set()

    def find_pod(self, namespace: str, name: str) -> Pod | None:
        """The pod of that name, the one that is not being deleted first."""
        found = [pod for pod in list(self._pods.values()) if pod.key == (namespace, name)]
        return min(found, key=lambda pod: "deletionTimestamp" in pod.wanted["metadata"], default=None)

    def _work(self) -> None:
        while True:
            uid = self._queue.get()
            pod = self._pods.get(uid)
            try:
                if pod:
                    pod.sync()
                    if pod.forgotten:
                        del self._pods[uid]
            except Failure as error:
                _say(f"pod {uid}: {error}")
                self._queue.add(uid, RETRY)
            except Exception:
                # A mistake in here must cost one pod a turn, not all pods a worker.
                _say(f"pod {uid}: {traceback.format_exc()}")
                self._queue.add(uid, RETRY)
            finally:
                self._queue.done(uid)

    def _probe(self) -> None:
        while True:
            key = self._probes.get()
            pod = self._pods.get(key[0])
            again: float | None = RETRY
            try:
                again = pod.probe(*key[1:]) if pod else None
            except Exception:
                _say(f"probe {key}: {traceback.format_exc()}")
            if again is not None:
                self._probes.add(key, again)
            self._probes.done(key)

    def _watch_pods(self) -> None:
        query = {"fieldSelector": f"spec.nodeName={self._name}"}
        self._follow("/api/v1/pods", query, self._replace_pods, self._pod_event)

    def _replace_pods(self, listed: list[Object]) -> None:
        uids = {pod["metadata"]["uid"] for pod in listed}
        for uid in self._pods.keys() - uids:
            self._forget(uid)
        for pod in listed:
            self._want(pod)
        self._remove_orphans()

    def _pod_event(self, kind: str, pod: Object) -> None:
        if kind == "DELETED":
            self._forget(pod["metadata"]["uid"])
        else:
            self._want(pod)

    def _want(self, wanted: Object) -> None:
        uid = wanted["metadata"]["uid"]
        if uid in self._pods:
            self._pods[uid].wanted = wanted
        else:
            self._pods[uid] = Pod(self._around, wanted)
        self._queue.add(uid)

    def _forget(self, uid: str) -> None:
        if uid in self._pods:
            self._pods[uid].gone = True
            self._queue.add(uid)

    def _remove_orphans(self) -> None:
        """End and remove what an earlier node left of pods that have gone meanwhile."""
        known = {pod.folder for pod in self._pods.values()}
        for folder in pods_folder(self._state).glob("*"):
            if folder not in known:
                for path in [*folder.glob("*/pid"), *folder.glob("*/shim")]:
                    if record := Record.read(path):
                        record.signal(signal.SIGKILL)
                shutil.rmtree(folder, ignore_errors=True)

    def _watch_sources(self, resource: str) -> None:
        """Have pods see changes of their ConfigMaps and Secrets."""

        def refresh(namespace: str, name: str) -> None:
            for pod in list(self._pods.values()):
                if pod.key[0] == namespace and (resource, name) in references(pod.wanted):
                    try:
                        pod.refresh_volumes()
                    except Failure as error:
                        _say(f"volumes of {pod.key}: {error}")
                    self._queue.add(pod.uid)

        def event(_kind: str, source: Object) -> None:
            refresh(source["metadata"]["namespace"], source["metadata"]["name"])

        def replace(listed: list[Object]) -> None:
            for source in listed:
                event("", source)

        self._follow(f"/api/v1/{resource}", {}, replace, event)

    def _follow(
        self,
        path: str,
        query: dict[str, str],
        replace: Callable[[list[Object]], None],
        event: Callable[[str, Object], None],
    ) -> None:
        """List a collection and watch it, for ever. After a failure it is listed again."""
        while not self._stopped.is_set():
            try:
                listed = self._api.get(path, **query)
                version = listed["metadata"]["resourceVersion"]
                replace(listed["items"])
                # Listed anew after each watch: an event that is lost costs some seconds, not the pod.
                for kind, entry in self._api.watch(path, version, WATCH_SECONDS, **query):
                    if kind != "BOOKMARK":
                        event(kind, entry)
            except (*Failure, ValueError) as error:  # ValueError: a line of the watch was cut off
                if not (isinstance(error, ApiError) and error.status == 410):
                    _say(f"{path}: {error}")
                self._stopped.wait(RETRY)

    def _fetch(self, resource: str, namespace: str, name: str) -> Object | None:
        return self._api.find(f"/api/v1/namespaces/{namespace}/{resource}/{name}")

    def _service_environment(self) -> dict[str, str]:
        """Where pods find the API server: the Service ``kubernetes``, which the API server itself makes."""
        if not self._service:
            spec = self._api.get("/api/v1/namespaces/default/services/kubernetes")["spec"]
            port = str(spec["ports"][0]["port"])
            self._service = {
                "KUBERNETES_SERVICE_HOST": spec["clusterIP"],
                "KUBERNETES_SERVICE_PORT": port,
                "KUBERNETES_SERVICE_PORT_HTTPS": port,
            }
        return self._service


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
