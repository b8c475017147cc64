"""What stands of KubeSphere in a sandbox's cluster: looked at, steered and wiped by the tests themselves."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import ApiError, Object

USER_AGENT = "kubesphere.multicluster/"
SYSTEM = "/api/v1/namespaces/kubesphere-system"
DEPLOYMENTS = "/apis/apps/v1/namespaces/kubesphere-system/deployments"
CONFIGURATIONS = "/apis/installer.kubesphere.io/v1alpha1/namespaces/kubesphere-system/clusterconfigurations"
CONFIGURATION = f"{CONFIGURATIONS}/ks-installer"
CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"
# KubeSphere's own programs take longer than their stand-ins: definitions, caches.
INSTALL_SECONDS = 120 if os.environ.get("KUBESPHERE_ASSETS") else 25
STORAGE_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
_OWN_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_OWN_CLASSES = ("local",)

# What a cluster writes by itself all the time, whoever does anything or not: who is alive, and what the controllers of
# Kubernetes and KubeSphere note down at their resyncs.
_BACKGROUND = {"leases", "nodes/status", "events"}
# At a member the stand-in calls itself standin, and nothing else does.
_CLUSTER_CONTROLLERS = re.compile(r"standin$|standin-ks-controller-manager|controller-manager/")
_RESYNCED = {"clusters", "kubefedclusters", "secrets", "clusterroles", "clusterrolebindings"}


def eventually(reached: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    """What ``reached`` returns as soon as it is true.

    Raises:
        AssertionError: it is not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := reached():
                return found
        except (ApiError, OSError, KeyError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"not reached within {seconds:g} s: {what}")


def side_by_side(work: Callable[[Cluster], Any], clusters: Iterable[Cluster]) -> None:
    """Do the same with all clusters at once."""
    listed = list(clusters)
    with ThreadPoolExecutor(max_workers=max(1, len(listed))) as pool:
        list(pool.map(work, listed))


class Audit:
    """What was written on clusters since this was made."""

    def __init__(self, clusters: Iterable[Cluster]) -> None:
        self._marks = [(cluster, cluster.audit_mark()) for cluster in clusters]

    def writes(self, user_agent: str = USER_AGENT) -> dict[str, Counter[tuple[str, str]]]:
        """Writes of the collection by cluster; clusters without any are left out."""
        found = {cluster.name: cluster.writes(mark, user_agent) for cluster, mark in self._marks}
        return {name: writes for name, writes in found.items() if writes}

    def requests(self) -> dict[str, Counter[tuple[str, str]]]:
        """Requests of the collection by cluster; clusters without any are left out."""
        found = {cluster.name: cluster.requests(mark, USER_AGENT) for cluster, mark in self._marks}
        return {name: requests for name, requests in found.items() if requests}

    def caused(self) -> dict[str, set[tuple[str, str, str]]]:
        """Writes of anybody, as (client, verb, resource), less those that go on all the time."""
        found = {}
        for cluster, mark in self._marks:
            events = cluster.audit_events(mark)
            writes = {
                (event.get("userAgent", "").split("/")[0], *write)
                for event in events
                for write in _written(event)
                if write[1] not in _BACKGROUND and not _resync(event)
            }
            if writes:
                found[cluster.name] = writes
        return found


def _written(event: dict[str, Any]) -> list[tuple[str, str]]:
    from tests.sandbox import audit

    return list(audit.writes([event]))


def _resync(event: dict[str, Any]) -> bool:
    """Whether KubeSphere's cluster controller, the stand-in or the real one, finds a Cluster as it was."""
    client = str(event.get("userAgent", ""))
    return bool(_CLUSTER_CONTROLLERS.match(client)) and event["objectRef"]["resource"] in _RESYNCED


def steer(cluster: Cluster, **knobs: dict[str, Any]) -> None:
    """Set the stand-ins' knobs; the installer is always a quick one."""
    wanted = {**knobs, "installer": {"duration": 0.3, "retry": 0.5, **knobs.get("installer", {})}}
    path = cluster.state / "standin.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(wanted))
    partial.rename(path)


def configuration(cluster: Cluster) -> Object:
    """The ClusterConfiguration."""
    return cluster.api.get(CONFIGURATION)


def settings(cluster: Cluster) -> dict[str, Any]:
    """The document of kubesphere-config."""
    text = cluster.api.get(f"{SYSTEM}/configmaps/kubesphere-config")["data"]["kubesphere.yaml"]
    return dict(yaml.safe_load(text))


def jwt_secret(cluster: Cluster) -> str:
    """The jwtSecret that a cluster's KubeSphere runs with."""
    return str(settings(cluster)["authentication"]["jwtSecret"])


def stored_kubeconfig(host: Cluster, name: str) -> dict[str, Any]:
    """The kubeconfig in a member's Cluster."""
    encoded = host.api.get(f"{CLUSTERS}/{name}")["spec"]["connection"]["kubeconfig"]
    return dict(yaml.safe_load(base64.b64decode(encoded)))


def names(cluster: Cluster) -> list[str]:
    """Names of the Clusters that a host knows."""
    return sorted(item["metadata"]["name"] for item in cluster.api.get(CLUSTERS)["items"])


def installer_log(cluster: Cluster) -> str:
    """The log of the newest pod of ks-installer; one that is about to go may be of the same second."""
    items = cluster.api.get(f"{SYSTEM}/pods")["items"]
    pods = [
        item
        for item in items
        if "ks-installer" in item["metadata"]["name"] and not item["metadata"].get("deletionTimestamp")
    ]
    name = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))["metadata"]["name"]
    return str(cluster.api.request("GET", f"{SYSTEM}/pods/{name}/log").get("text", ""))


def meaning(cluster: Cluster) -> dict[str, Any]:
    """What an installation and an import leave behind, without what differs from one to the next."""
    found = configuration(cluster)
    spec = json.loads(json.dumps(found["spec"]))
    spec["authentication"]["jwtSecret"] = bool(spec["authentication"]["jwtSecret"])
    deployments = cluster.api.get(DEPLOYMENTS)["items"]
    clusters = cluster.api.find(CLUSTERS) or {"items": []}
    return {
        "labels": found["metadata"]["labels"],
        "spec": spec,
        "version": found["status"]["core"]["version"],
        "images": {item["metadata"]["name"]: _images(item) for item in deployments},
        "clusters": {item["metadata"]["name"]: _cluster(item) for item in clusters["items"]},
    }


def _images(deployment: Object) -> list[str]:
    return [container["image"] for container in deployment["spec"]["template"]["spec"]["containers"]]


def _cluster(item: Object) -> dict[str, Any]:
    connection = item["spec"]["connection"]
    conditions = (item.get("status") or {}).get("conditions") or []
    return {
        "type": connection["type"],
        "kubeconfig": bool(connection.get("kubeconfig")),
        "labels": item["metadata"].get("labels"),
        "conditions": {each["type"]: each["status"] for each in conditions},
    }


def wipe(cluster: Cluster) -> None:
    """Remove everything that is not Kubernetes' own, so that KubeSphere was never here; quicker than a new cluster."""
    api = cluster.api
    steer(cluster)
    for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
        _delete_all(cluster, f"{_WEBHOOKS}/{kind}")
    # The installer first: it would make anew what is deleted.
    api.delete(f"{DEPLOYMENTS}/ks-installer")
    for namespace in ("kubesphere-system", "kube-federation-system"):
        _delete_now(cluster, f"/apis/apps/v1/namespaces/{namespace}/deployments")
        _delete_now(cluster, f"/api/v1/namespaces/{namespace}/pods")
    for item in (api.find(CLUSTERS) or {"items": []})["items"]:
        api.patch(f"{CLUSTERS}/{item['metadata']['name']}", {"metadata": {"finalizers": None}})
    _delete_all(cluster, _DEFINITIONS)
    for kind in ("clusterroles", "clusterrolebindings"):
        _delete_all(cluster, f"{_RBAC}/{kind}", keep=_is_kubernetes_own)
    _delete_all(cluster, STORAGE_CLASSES, keep=lambda item: item["metadata"]["name"] in _OWN_CLASSES)
    _delete_all(cluster, "/api/v1/namespaces", keep=lambda item: item["metadata"]["name"] in _OWN_NAMESPACES)
    eventually(lambda: _wiped(cluster), f"{cluster.name} to be empty")


def _wiped(cluster: Cluster) -> bool:
    left = {item["metadata"]["name"] for item in cluster.api.get("/api/v1/namespaces")["items"]}
    return left == set(_OWN_NAMESPACES) and not cluster.api.get(_DEFINITIONS)["items"]


def _is_kubernetes_own(item: Object) -> bool:
    name = item["metadata"]["name"]
    own = ("system:", "sandbox:", "cluster-admin", "admin", "edit", "view")
    return bool(name.startswith(own[:2]) or name in own)


def _delete_all(cluster: Cluster, collection: str, keep: Callable[[Object], bool] = lambda _: False) -> None:
    for item in cluster.api.get(collection)["items"]:
        if not keep(item):
            cluster.api.delete(f"{collection}/{item['metadata']['name']}")


def _delete_now(cluster: Cluster, collection: str) -> None:
    for item in (cluster.api.find(collection) or {"items": []})["items"]:
        cluster.api.delete(f"{collection}/{item['metadata']['name']}", {"gracePeriodSeconds": 0})


def variables(cluster: Cluster, **more: Any) -> Mapping[str, Any]:
    """Inventory variables of a cluster."""
    return {"kubesphere_kubeconfig": str(cluster.kubeconfig), **more}


def whole_list(found: dict[str, list[str]], host: str = "host") -> dict[str, str]:
    """The messages of a run that is refused as a whole: the host's has everything, each other's its own."""

    def listed(names: Iterable[str]) -> str:
        lines = [f"- {name}: {each}" for name in names for each in found[name]]
        return "\n".join([f"Nothing was written. {len(lines)} problem{'s' * (len(lines) > 1)} found:", *lines])

    return {name: listed(sorted(found) if name == host else [name]) for name in {host, *found}}
