"""Events, as kubelet writes them: what repeats is counted in one Event instead of being written again."""

from __future__ import annotations

import hashlib
import http.client
import queue
import sys
import threading
from collections import OrderedDict
from datetime import datetime, timezone

from ..kubeapi import ApiError, KubeApi, Object

REMEMBERED = 500
"""Events that may be counted up; older ones are written anew."""

QUEUED = 200
"""Events that may wait for an API server that does not answer; further ones are dropped."""


def now() -> str:
    """The present time as Kubernetes writes it, to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Events:
    """Writes events in a thread of its own, so that nobody waits for them."""

    def __init__(self, api: KubeApi, node: str) -> None:
        self._api = api
        self._node = node
        self._written: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()
        self._queue: queue.Queue[tuple[tuple[str, ...], Object]] = queue.Queue(QUEUED)
        threading.Thread(target=self._run, name="events", daemon=True).start()

    def pod(self, pod: Object, reason: str, message: str, container: str = "", warning: bool = False) -> None:
        """Write an event about a pod, or about one of its containers (``spec.containers{name}``)."""
        metadata = pod["metadata"]
        involved = {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        if container:
            involved["fieldPath"] = container
        self._add(metadata["namespace"], involved, reason, message, warning)

    def node(self, reason: str, message: str) -> None:
        """Write an event about the node; kubelet takes the node's name for its uid there."""
        involved = {"kind": "Node", "name": self._node, "uid": self._node}
        self._add("default", involved, reason, message, warning=False)

    def _add(self, namespace: str, involved: Object, reason: str, message: str, warning: bool) -> None:
        key = (namespace, involved["uid"], involved.get("fieldPath", ""), reason, message)
        time = now()
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": namespace, "name": _name(involved["name"], key, time)},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": "Warning" if warning else "Normal",
            "source": {"component": "kubelet", "host": self._node},
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        if not self._queue.full():
            self._queue.put((key, event))

    def _run(self) -> None:
        while True:
            key, event = self._queue.get()
            try:
                self._write(key, event)
            except (ApiError, OSError, http.client.HTTPException) as error:
                # A namespace that is being deleted takes no events; that is nobody's fault.
                if not (isinstance(error, ApiError) and error.status in (403, 404)):
                    print(f"event {event['reason']} not written: {error}", file=sys.stderr, flush=True)

    def _write(self, key: tuple[str, ...], event: Object) -> None:
        collection = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        name, count = self._written.pop(key, ("", 0))
        if name:
            try:
                self._api.patch(f"{collection}/{name}", {"count": count + 1, "lastTimestamp": event["lastTimestamp"]})
            except ApiError as error:
                if error.status != 404:
                    raise
                name = ""
        if not name:
            name, count = event["metadata"]["name"], 0
            self._api.create(collection, event)
        self._written[key] = (name, count + 1)
        if len(self._written) > REMEMBERED:
            self._written.popitem(last=False)


def _name(involved: str, key: tuple[str, ...], time: str) -> str:
    digest = hashlib.sha256("\0".join((*key, time)).encode()).hexdigest()[:16]
    return f"{involved}.{digest}"
