"""The node in the API: its Node object, its status and its Lease.

Held against Kubernetes' own hollow node (kubemark 1.20.2, the real kubelet on a fake runtime); tests/integration has
the comparison. Same: labels, annotation, addresses, the names of capacity and allocatable, daemonEndpoints, the names
of nodeInfo, four conditions with kubelet's reasons and texts, the Lease (owner, holder, 40 s, renewed every 10 s).
Other on purpose: containerRuntimeVersion says ``sandbox``, machineID and systemUUID are the cluster's own and not the
machine's, capacity is generous so that KubeSphere's requests fit, and no images or volumes are reported.
"""

from __future__ import annotations

import http.client
import os
import platform
import sys
import threading
import uuid
from datetime import datetime, timezone
from pathlib import Path

from ..kubeapi import STRATEGIC_MERGE_PATCH, ApiError, KubeApi, Object
from .events import now

LEASE_SECONDS = 40
LEASE_RENEWAL = 10.0
STATUS_REFRESH = 300.0
"""Seconds; kubelet's nodeLeaseDurationSeconds, a quarter of it, and nodeStatusReportFrequency."""

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

KUBELET_PORT = 10250

CAPACITY = {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "500Gi", "pods": "250", "hugepages-2Mi": "0"}

CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Registration:
    """Keeps the Node object and the Lease."""

    def __init__(self, api: KubeApi, name: str, address: str, cluster: str) -> None:
        self._api = api
        self._name = name
        self._address = address
        self._cluster = cluster
        self._path = f"/api/v1/nodes/{name}"

    def register(self) -> None:
        """Make the Node (or bring an existing one up to date), say that it is ready, and take the Lease.

        Raises:
            ApiError, OSError, http.client.HTTPException: not possible now.
        """
        version = str(self._api.get("/version")["gitVersion"])
        node = self._node()
        try:
            self._api.create("/api/v1/nodes", node)
        except ApiError as error:
            if error.status != 409:
                raise
            self._api.patch(self._path, {"metadata": node["metadata"]})
        self.report(version)
        self.renew()

    def report(self, version: str = "") -> None:
        """Write the node's status.

        Args:
            version: what the kubelet calls itself; empty asks the API server, whose version it always has.
        """
        version = version or str(self._api.get("/version")["gitVersion"])
        existing = self._api.get(self._path).get("status", {}).get("conditions") or ()
        self._api.patch(f"{self._path}/status", {"status": self._status(version, existing)}, STRATEGIC_MERGE_PATCH)

    def renew(self) -> None:
        """Renew the Lease, or take it."""
        moment = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        try:
            self._api.patch(f"{LEASES}/{self._name}", {"spec": {"renewTime": moment, "holderIdentity": self._name}})
        except ApiError as error:
            if error.status != 404:
                raise
            self._api.create(LEASES, self._lease(moment))

    def keep(self, stopped: threading.Event) -> None:
        """Renew the Lease and refresh the status until stopped; a failure is tried again at the next turn."""
        since_report = 0.0
        while not stopped.wait(LEASE_RENEWAL):
            since_report += LEASE_RENEWAL
            try:
                self.renew()
                if since_report >= STATUS_REFRESH:
                    self.report()
                    since_report = 0.0
            except (ApiError, OSError, http.client.HTTPException) as error:
                print(f"lease or status of node {self._name} not written: {error}", file=sys.stderr, flush=True)

    def _node(self) -> Object:
        architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self._name,
                "labels": {
                    "beta.kubernetes.io/arch": architecture,
                    "beta.kubernetes.io/os": "linux",
                    "kubernetes.io/arch": architecture,
                    "kubernetes.io/hostname": self._name,
                    "kubernetes.io/os": "linux",
                },
                "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
            },
        }

    def _lease(self, moment: str) -> Object:
        node = self._api.get(self._path)["metadata"]
        owner = {"apiVersion": "v1", "kind": "Node", "name": self._name, "uid": node["uid"]}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": "kube-node-lease", "ownerReferences": [owner]},
            "spec": {"holderIdentity": self._name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": moment},
        }

    def _status(self, version: str, existing: list[Object] | tuple[()]) -> Object:
        time = now()
        before = {entry["type"]: entry for entry in existing}
        conditions = []
        for kind, status, reason, message in CONDITIONS:
            known = before.get(kind, {})
            since = known["lastTransitionTime"] if known.get("status") == status else time
            conditions.append(
                {
                    "type": kind,
                    "status": status,
                    "reason": reason,
                    "message": message,
                    "lastHeartbeatTime": time,
                    "lastTransitionTime": since,
                }
            )
        return {
            "addresses": [
                {"type": "InternalIP", "address": self._address},
                {"type": "Hostname", "address": self._name},
            ],
            "capacity": CAPACITY,
            "allocatable": CAPACITY,
            "conditions": conditions,
            "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
            "nodeInfo": self._info(version),
        }

    def _info(self, version: str) -> Object:
        identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{self._name}.{self._cluster}.{self._address}")
        return {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "bootID": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            "containerRuntimeVersion": "sandbox://1.0.0",
            "kernelVersion": os.uname().release,
            "kubeProxyVersion": version,
            "kubeletVersion": version,
            "machineID": identity.hex,
            "operatingSystem": "linux",
            "osImage": _os_name(),
            "systemUUID": str(identity),
        }


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
