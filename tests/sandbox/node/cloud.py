"""The cloud that gives load balancers their addresses, where a test wants one; by default there is none.

Without the knob ``cloud`` in ``standin.json`` a Service of type LoadBalancer is pending for ever and nobody says a word
about it, as on machines of one's own. With it, this writes what the service controller of a cloud's
cloud-controller-manager writes (kubernetes v1.20 staging/src/k8s.io/cloud-provider/controllers/service/controller.go),
its finalizer apart: a sandbox's Services have to go when nobody runs any more.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ..kubeapi import MERGE_PATCH, ApiError, KubeApi, Object
from .events import now

SECONDS = 0.5
FIRST_RETRY, LAST_RETRY = 5.0, 300.0
"""Pauses of the original after a failure, each twice as long as the one before."""


class Cloud:
    """Looks at the knob and at the Services again and again; without the knob it asks the API server nothing."""

    def __init__(self, api: KubeApi, balanced: str, cluster: Path) -> None:
        """Do nothing yet.

        Args:
            api: client.
            balanced: the address that ``auto`` means.
            cluster: the cluster's state folder.
        """
        self._api = api
        self._balanced = balanced
        self._knobs = cluster / "standin.json"
        self._seen: dict[str, float] = {}
        self._failed: dict[str, tuple[float, float]] = {}

    def run(self) -> None:
        """Work for ever."""
        while True:
            wanted = self._wanted()
            if wanted is None:
                self._seen.clear()
                self._failed.clear()
            else:
                try:
                    self.turn(wanted)
                except (ApiError, OSError, http.client.HTTPException) as error:
                    print(f"{time.strftime('%H:%M:%S')} cloud: {error}", file=sys.stderr, flush=True)
            time.sleep(SECONDS)

    def turn(self, wanted: dict[str, Any]) -> None:
        """Bring all Services up to date once.

        Args:
            wanted: the knob. ``address``: ``auto``, an IP address or null; ``hostname``: a name or null; ``after``:
                seconds that an assignment takes; ``fail``: why it fails. With neither address nor hostname it is
                begun and never ends.

        Raises:
            ApiError, OSError, http.client.HTTPException: the API server refused or was not there.
        """
        services = self._api.get("/api/v1/services")["items"]
        balancers = {service["metadata"]["uid"]: service for service in services if _is_balancer(service)}
        for uid in self._seen.keys() - balancers.keys():
            del self._seen[uid]
        for uid, service in balancers.items():
            if uid not in self._seen:
                self._seen[uid] = time.monotonic()
                if not _ingress(service):
                    self._event(service, "EnsuringLoadBalancer", "Ensuring load balancer")
            self._assign(service, wanted)

    def _assign(self, service: Object, wanted: dict[str, Any]) -> None:
        uid = service["metadata"]["uid"]
        address, hostname = wanted.get("address"), wanted.get("hostname")
        if wanted.get("fail"):
            self._fail(service, str(wanted["fail"]))
            return
        if time.monotonic() - self._seen[uid] < float(wanted.get("after") or 0):
            return
        if address == "auto":
            address = self._balanced
            # Kept until the namespace goes; where it is already, nothing changes.
            argv = ["ip", "address", "replace", f"{address}/32", "dev", "eth0"]
            subprocess.run(argv, check=True, capture_output=True, timeout=10)
        given = {key: value for key, value in (("ip", address), ("hostname", hostname)) if value}
        ingress = [given] if given else []
        if ingress == _ingress(service):
            return
        metadata = service["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}/status"
        self._api.patch(path, {"status": {"loadBalancer": {"ingress": ingress or None}}}, MERGE_PATCH)
        if ingress:
            self._event(service, "EnsuredLoadBalancer", "Ensured load balancer")

    def _fail(self, service: Object, reason: str) -> None:
        uid = service["metadata"]["uid"]
        due, pause = self._failed.get(uid, (0.0, FIRST_RETRY))
        if time.monotonic() < due:
            return
        if due:
            self._event(service, "EnsuringLoadBalancer", "Ensuring load balancer")
        text = f"Error syncing load balancer: failed to ensure load balancer: {reason}"
        self._event(service, "SyncLoadBalancerFailed", text, warning=True)
        self._failed[uid] = (time.monotonic() + pause, min(pause * 2, LAST_RETRY))

    def _event(self, service: Object, reason: str, message: str, warning: bool = False) -> None:
        metadata, moment = service["metadata"], now()
        involved = {key: metadata[key] for key in ("name", "namespace", "uid")}
        involved |= {"apiVersion": "v1", "kind": "Service"}
        collection = f"/api/v1/namespaces/{metadata['namespace']}/events"
        name = f"{metadata['name']}.{metadata['uid'][:8]}.{reason.lower()}"
        known = self._api.find(f"{collection}/{name}")
        if known and known["message"] == message:
            self._api.patch(f"{collection}/{name}", {"count": known["count"] + 1, "lastTimestamp": moment}, MERGE_PATCH)
            return
        if known:
            self._api.delete(f"{collection}/{name}")
        self._api.create(
            collection,
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"namespace": metadata["namespace"], "name": name},
                "involvedObject": involved,
                "reason": reason,
                "message": message,
                "type": "Warning" if warning else "Normal",
                "source": {"component": "service-controller"},
                "firstTimestamp": moment,
                "lastTimestamp": moment,
                "count": 1,
            },
        )

    def _wanted(self) -> dict[str, Any] | None:
        try:
            wanted = json.loads(self._knobs.read_text()).get("cloud")
        except (OSError, ValueError, AttributeError):
            return None
        return dict(wanted) if wanted is not None else None


def _is_balancer(service: Object) -> bool:
    return service["spec"].get("type") == "LoadBalancer" and "deletionTimestamp" not in service["metadata"]


def _ingress(service: Object) -> list[Object]:
    found: list[Object] = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return found
