"""What stands on the clusters of a fleet, without what differs from one time to the next."""

from __future__ import annotations

import base64
import difflib
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from tests.integration.kubesphere import CLUSTERS, CONFIGURATION, DEPLOYMENTS, jwt_secret
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import KubeApi, Object

State = dict[str, Any]

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_COLLECTIONS = (
    *(f"/api/v1/{plural}" for plural in ("namespaces", "configmaps", "secrets", "serviceaccounts", "services")),
    *("/apis/apps/v1/deployments", "/apis/apps/v1/daemonsets", "/apis/batch/v1/jobs"),
    *(f"/apis/rbac.authorization.k8s.io/v1/{kind}" for kind in ("clusterroles", "clusterrolebindings")),
    *(f"/apis/rbac.authorization.k8s.io/v1/{kind}" for kind in ("roles", "rolebindings")),
    *(f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations" for kind in ("validating", "mutating")),
    "/apis/certificates.k8s.io/v1/certificatesigningrequests",
    "/apis/networking.k8s.io/v1/networkpolicies",
    _DEFINITIONS,
)
_KUBERNETES_OWN = ("kube-system", "kube-public", "kube-node-lease")

# Of each object: who and when; and what is drawn, made up or counted anew each time.
_DROPPED = re.compile(
    r"uid|.*\.uid|resourceVersion|selfLink|generation|managedFields|creationTimestamp|.*[tT]ime|.*restartedAt"
    r"|deployment\.kubernetes\.io/revision|caBundle|clusterIPs?|externalIPs|nodePort|targetPort|.*APIServerPort"
    r"|generateName|observedGeneration|message|startedAt|.*last-applied-configuration"
)
_SECRET = re.compile(r"token|jwtSecret|kubeconfig|.*password", re.IGNORECASE)
_STATUS = ("conditions", "core", "clusterRole", "kubernetesVersion", "nodeCount", "readyReplicas", "loadBalancer")
_MADE_UP = (
    (re.compile(r"-token-[a-z0-9]{5}$"), "-token-*"),
    (re.compile(r"\b(kubesphere-multicluster[-:])[0-9a-f]{8,}"), r"\1*"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*"), "<time>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<token>"),
    (re.compile(r"\b10\.96\.\d+\.\d+\b"), "<cluster address>"),
    (re.compile(r"(:|=)(3[0-2]\d{3}|\d{5})\b"), r"\1<port>"),
)


def of_fleet(clusters: Mapping[str, Cluster]) -> State:
    """What stands on all clusters, and whether it fits together."""
    found = {f"{name}: {key}": value for name, cluster in clusters.items() for key, value in of(cluster.api).items()}
    return {**found, **_together(clusters)}


def of(api: KubeApi) -> State:
    """The objects of one cluster by ``resource/namespace/name``."""
    found: State = {}
    for path in (*_COLLECTIONS, *_custom(api)):
        resource = path.rpartition("/")[2]
        for item in (api.find(path) or {"items": []})["items"]:
            metadata = item["metadata"]
            if metadata.get("namespace") in _KUBERNETES_OWN or metadata["name"].startswith("system:"):
                continue
            key = "/".join(filter(None, (resource, metadata.get("namespace"), _text(metadata["name"]))))
            # Two that differ by what is drawn are two all the same. But how many tokens a ServiceAccount has is
            # decided by a race of Kubernetes with KubeSphere.
            same = 0 if key.endswith("-token-*") else sum(1 for each in found if each.partition(" ")[0] == key)
            found[f"{key} ({same + 1})" if same else key] = _object(item)
    return found


def difference(expected: State, found: State) -> str:
    """What is not as expected, in words; empty if nothing."""
    told = []
    for key in sorted({*expected, *found}):
        if key not in found:
            told.append(f"{key} is missing")
        elif key not in expected:
            told.append(f"{key} is too much: {json.dumps(found[key], sort_keys=True, default=str)[:300]}")
        elif expected[key] != found[key]:
            told.append(f"{key} differs:\n{_lines(expected[key], found[key])}")
    return "\n".join(told)


def _lines(expected: Any, found: Any) -> str:
    before, after = (yaml.safe_dump(each, default_flow_style=False).splitlines() for each in (expected, found))
    lines = difflib.unified_diff(before, after, "undisturbed", "found", lineterm="", n=1)
    return "\n".join(f"  {line}" for line in lines)


def _custom(api: KubeApi) -> list[str]:
    """The collections of custom resources."""
    paths = []
    for item in api.get(_DEFINITIONS)["items"]:
        spec = item["spec"]
        version = next((each["name"] for each in spec["versions"] if each["served"]), None)
        if version:
            paths.append(f"/apis/{spec['group']}/{version}/{spec['names']['plural']}")
    return paths


def _object(item: Object) -> Any:
    if "data" in item and item.get("type") is not None:  # a Secret
        return {"type": item["type"], "keys": sorted(item["data"] or {}), "metadata": _plain(item["metadata"])}
    kept = {key: value for key, value in item.items() if key not in ("status", "apiVersion", "kind", "secrets")}
    status = {key: value for key, value in (item.get("status") or {}).items() if key in _STATUS}
    return _plain({**kept, "status": status})


def _plain(value: Any) -> Any:
    """The value without what is never the same; lists of things with names are sorted by them."""
    if isinstance(value, dict):
        return {key: _masked(key, each) for key, each in value.items() if not _DROPPED.fullmatch(str(key))}
    if isinstance(value, list):
        plain = [_plain(each) for each in value]
        return sorted(plain, key=lambda each: json.dumps(each, sort_keys=True, default=str))
    return _text(value) if isinstance(value, str) else value


def _masked(key: str, value: Any) -> Any:
    if key == "kubeconfig" and isinstance(value, str):
        return _kubeconfig(value)
    if _SECRET.fullmatch(key) and isinstance(value, str):
        return bool(value)
    if key.endswith((".yaml", ".yml")) and isinstance(value, str):
        return _plain(yaml.safe_load(value))
    return _plain(value)


def _kubeconfig(encoded: str) -> Any:
    content = yaml.safe_load(base64.b64decode(encoded)) or {}
    servers = [_text(each["cluster"]["server"]) for each in content.get("clusters") or []]
    return {"servers": servers, "users": [sorted(each["user"]) for each in content.get("users") or []]}


def _text(text: str) -> str:
    for pattern, stand_in in _MADE_UP:
        text = pattern.sub(stand_in, text)
    return text


def _together(clusters: Mapping[str, Cluster]) -> State:
    """Secrets are not looked at one by one, but they have to agree."""
    host = clusters["host"]
    if not host.api.find(CONFIGURATION):
        return {}
    state: State = {}
    members = {name: cluster for name, cluster in clusters.items() if name != "host"}
    for name, member in members.items():
        if member.api.find(CONFIGURATION):
            state[f"{name} has the host's jwtSecret"] = jwt_secret(member) == jwt_secret(host)
        agent, known = member.api.find(f"{DEPLOYMENTS}/cluster-agent"), host.api.find(f"{CLUSTERS}/{name}")
        if agent and known:
            command = agent["spec"]["template"]["spec"]["containers"][0]["command"]
            state[f"{name}'s agent has its Cluster's token"] = (
                f"--token={known['spec']['connection'].get('token')}" in command
            )
    return state
