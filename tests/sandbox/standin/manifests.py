"""The objects that ks-installer creates, in the shape of its charts, as far as anybody looks at them.

Imitates ks-installer v3.4.1 roles/ks-core/ks-core/files/ks-core/templates and roles/ks-multicluster.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.images import real
from tests.sandbox.kubeapi import Object
from tests.sandbox.standin.releases import Release
from tests.sandbox.standin.runtime import NAMESPACE

FEDERATION = "kube-federation-system"
WEBHOOK_CERTIFICATE = "ks-controller-manager-webhook-cert"
WEBHOOK_PATH = "/validate-cluster-kubesphere-io-v1alpha1"
TOWER_PORT = 8080


def images(release: Release, spec: dict[str, Any]) -> dict[str, str]:
    """Image references by component.

    Imitates ks-installer v3.4.1 roles/download/defaults/main.yml L5-92 (``local_registry``, ``zone``,
    ``namespace_override``, ``dev_tag``).
    """
    registry = spec.get("local_registry") or ""
    folder = "kubesphere"
    if spec.get("zone") == "cn" or registry == "registry.cn-beijing.aliyuncs.com":
        registry, folder = "registry.cn-beijing.aliyuncs.com", "kubesphereio"
    folder = spec.get("namespace_override") or folder
    base = f"{registry}/{folder}" if registry else folder
    version = installed_version(release, spec)
    return {
        "ks-apiserver": f"{base}/ks-apiserver:{version}",
        "ks-console": f"{base}/ks-console:{version}",
        "ks-controller-manager": f"{base}/ks-controller-manager:{version}",
        "kubectl": f"{base}/kubectl:v1.20.0",
        "tower": f"{base}/tower:{release.tower_tag}",
        "kubefed": f"{base}/kubefed:{release.kubefed_tag}",
    }


def installed_version(release: Release, spec: dict[str, Any]) -> str:
    """``ks_version``: the release, or the user's ``dev_tag``."""
    return str(spec.get("dev_tag") or release.tag)


def core(release: Release, spec: dict[str, Any], replicas: int) -> list[Object]:
    """The chart ks-core: identity, the three Deployments and their Services."""
    image = images(release, spec)
    version = installed_version(release, spec)
    console = ((spec.get("common") or {}).get("core") or {}).get("console") or spec.get("console") or {}
    config_mount = ("kubesphere-config", "/etc/kubesphere/", {"configMap": {"name": "kubesphere-config"}})
    certificate_mount = (
        "webhook-secret",
        "/tmp/k8s-webhook-server/serving-certs",
        {"secret": {"secretName": WEBHOOK_CERTIFICATE}},
    )
    return [
        _object("v1", "ServiceAccount", "kubesphere", NAMESPACE),
        _cluster_admin("kubesphere", NAMESPACE),
        _deployment(
            "ks-apiserver",
            "backend",
            version,
            replicas,
            {
                "name": "ks-apiserver",
                "image": image["ks-apiserver"],
                "command": ["ks-apiserver", "--logtostderr=true"],
                "ports": [{"containerPort": 9090, "protocol": "TCP"}],
                "livenessProbe": {
                    "failureThreshold": 8,
                    "httpGet": {"path": "/healthz", "port": 9090, "scheme": "HTTP"},
                    "initialDelaySeconds": 15,
                    "timeoutSeconds": 15,
                },
                "resources": _resources("20m", "100Mi"),
            },
            config_mount,
        ),
        _service("ks-apiserver", "backend", version, {"port": 80, "targetPort": 9090}),
        _deployment(
            "ks-controller-manager",
            "backend",
            version,
            replicas,
            {
                "name": "ks-controller-manager",
                "image": image["ks-controller-manager"],
                "command": ["controller-manager", "--logtostderr=true", "--leader-elect=true"],
                "ports": [{"containerPort": 8080, "protocol": "TCP"}, {"containerPort": 8443, "protocol": "TCP"}],
                "resources": _resources("30m", "50Mi"),
            },
            config_mount,
            certificate_mount,
        ),
        _service("ks-controller-manager", "backend", version, {"port": 443, "targetPort": 8443}),
        _deployment(
            "ks-console",
            "frontend",
            version,
            replicas,
            {"name": "ks-console", "image": image["ks-console"], "resources": _resources("20m", "100Mi")},
        ),
        _service(
            "ks-console",
            "frontend",
            version,
            {"name": "nginx", "port": 80, "targetPort": 8000, "nodePort": console.get("port", 30880)},
            console.get("type", "NodePort"),
        ),
    ]


def accounts() -> list[Object]:
    """The admin and what ks-apiserver needs to let it in (account.yaml, roles/ks-core/prepare)."""
    rule = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    every_path = {"nonResourceURLs": ["*"], "verbs": ["*"]}
    return [
        _object(
            "iam.kubesphere.io/v1alpha2",
            "GlobalRole",
            "platform-admin",
            rules=[rule, every_path],
        ),
        _object(
            "iam.kubesphere.io/v1alpha2",
            "GlobalRoleBinding",
            "admin",
            roleRef={"apiGroup": "iam.kubesphere.io", "kind": "GlobalRole", "name": "platform-admin"},
            subjects=[{"apiGroup": "iam.kubesphere.io", "kind": "User", "name": "admin"}],
        ),
        _object(
            "iam.kubesphere.io/v1alpha2",
            "User",
            "admin",
            spec={"email": "admin@kubesphere.io"},
            status={"state": "Active"},
        ),
    ]


def webhook(authority: bytes) -> Object:
    """The validating webhook of 3.4 (templates/webhook.yaml, configuration ``cluster.kubesphere.io``)."""
    hook = {
        "admissionReviewVersions": ["v1beta1"],
        "clientConfig": {
            "caBundle": base64.b64encode(authority).decode(),
            "service": {"name": "ks-controller-manager", "namespace": NAMESPACE, "path": WEBHOOK_PATH, "port": 443},
        },
        "failurePolicy": "Fail",
        "matchPolicy": "Exact",
        "name": "validating-cluster.kubesphere.io",
        "namespaceSelector": {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]},
        "objectSelector": {},
        "rules": [
            {
                "apiGroups": ["cluster.kubesphere.io"],
                "apiVersions": ["v1alpha1"],
                "operations": ["UPDATE"],
                "resources": ["clusters"],
                "scope": "*",
            }
        ],
        "sideEffects": "None",
        "timeoutSeconds": 30,
    }
    return _object(
        "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "cluster.kubesphere.io", webhooks=[hook]
    )


def tower(release: Release, spec: dict[str, Any]) -> list[Object]:
    """The proxy's Deployment and Service (roles/ks-multicluster/templates/tower.yaml.j2)."""
    labels = {"app": "tower", "app.kubernetes.io/name": "tower"}
    port = tower_port(release)
    command = ["/proxy", "--ca-cert=/ca.crt", "--ca-key=/ca.key", "--v=2" if release.line == (3, 0) else "--v=4"]
    if port != TOWER_PORT:
        command.append(f"--port={port}")
    if (3, 1) <= release.line <= (3, 3):
        command.append("--leader-elect=true")
    container: dict[str, Any] = {
        "name": "tower",
        "image": images(release, spec)["tower"],
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "resources": _resources("100m", "128Mi"),
    }
    if release.line > (3, 0):
        container["readinessProbe"] = {
            "failureThreshold": 3,
            "httpGet": {"path": "/health", "port": port, "scheme": "HTTP"},
            "initialDelaySeconds": 3,
            "periodSeconds": 10,
            "timeoutSeconds": 1,
        }
    given = spec.get("multicluster") or {}
    placement = {key: given[key] for key in ("affinity", "nodeSelector", "tolerations") if given.get(key)}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [container], "serviceAccountName": "kubesphere", **placement},
    }
    return [
        _object(
            "apps/v1",
            "Deployment",
            "tower",
            NAMESPACE,
            labels,
            spec={"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
        ),
        _object(
            "v1",
            "Service",
            "tower",
            NAMESPACE,
            {"app": "tower"},
            spec={
                "externalTrafficPolicy": "Cluster",
                "ports": [{"port": TOWER_PORT, "protocol": "TCP", "targetPort": port}],
                "selector": {"app": "tower"},
                "sessionAffinity": "None",
                "type": "LoadBalancer",
            },
        ),
    ]


def tower_port(release: Release) -> int:
    """The port that tower's pod listens on.

    Pods of a cluster share one address here, and the metrics of the real controller-manager hold 8080 with no option
    to change that. The Service's own port, which is all that anybody sees, stays the same.
    """
    return 18080 if real("controller-manager", f"ks-controller-manager:{release.tag}", _assets()) else TOWER_PORT


def federation(release: Release, spec: dict[str, Any], nodes: int) -> list[Object]:
    """The chart kubefed: its two Deployments."""
    image = images(release, spec)["kubefed"]
    objects = [_object("v1", "Namespace", FEDERATION)]
    for name, label, replicas in (
        ("kubefed-controller-manager", {"kubefed-control-plane": "controller-manager"}, 1 if nodes < 3 else 2),
        ("kubefed-admission-webhook", {"kubefed-admission-webhook": "true"}, 1),
    ):
        container = {"name": name.removeprefix("kubefed-"), "image": image}
        template = {"metadata": {"labels": label}, "spec": {"containers": [container]}}
        body = {"replicas": replicas, "selector": {"matchLabels": label}, "template": template}
        objects.append(_object("apps/v1", "Deployment", name, FEDERATION, label, spec=body))
    return objects


def core_definitions(release: Release) -> list[Object]:
    """CustomResourceDefinitions of every cluster; those of $KUBESPHERE_ASSETS/crds where they are given."""
    if given := _given_definitions(release):
        return [item for item in given if not item["metadata"]["name"].endswith(".kubefed.io")]
    return [
        _cluster_definition(release),
        _definition("tenant.kubesphere.io", "v1alpha1", "Workspace", "workspaces"),
        _definition("tenant.kubesphere.io", "v1alpha2", "WorkspaceTemplate", "workspacetemplates"),
        _definition("iam.kubesphere.io", "v1alpha2", "User", "users"),
        _definition("iam.kubesphere.io", "v1alpha2", "GlobalRole", "globalroles"),
        _definition("iam.kubesphere.io", "v1alpha2", "GlobalRoleBinding", "globalrolebindings"),
    ]


def federation_definitions(release: Release) -> list[Object]:
    """CustomResourceDefinitions of a host's federation control plane."""
    given = [item for item in _given_definitions(release) if item["metadata"]["name"].endswith(".kubefed.io")]
    return given or [
        _definition("core.kubefed.io", "v1beta1", "KubeFedCluster", "kubefedclusters", namespaced=True),
        _definition("types.kubefed.io", "v1beta1", "FederatedWorkspace", "federatedworkspaces"),
        _definition("types.kubefed.io", "v1beta1", "FederatedNamespace", "federatednamespaces", namespaced=True),
    ]


def _given_definitions(release: Release) -> list[Object]:
    assets = _assets()
    files = sorted(assets.glob("crds/*.yaml")) if assets and real("crds", f"ks-installer:{release.tag}", assets) else []
    documents = [document for path in files for document in yaml.safe_load_all(path.read_text())]
    found = [document for document in documents if (document or {}).get("kind") == "CustomResourceDefinition"]
    for definition in found:
        for version in definition["spec"]["versions"]:
            _accept_empty_texts(version["schema"]["openAPIV3Schema"])
    return found


def _assets() -> Path | None:
    folder = os.environ.get("KUBESPHERE_ASSETS")
    return Path(folder) if folder else None


def _accept_empty_texts(schema: dict[str, Any]) -> None:
    """Make every text of a schema nullable.

    An API server 1.20 built with a Go newer than its own takes "" for null where the schema says string; no definition
    of KubeSphere's has ``nullable``, and its API servers take "".
    """
    if schema.get("type") == "string":
        schema["nullable"] = True
    # Not what is below anyOf and the like, nor the keys of a list's items: it is forbidden there.
    parts = [*(schema.get("properties") or {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for part in parts:
        if isinstance(part, dict):
            _accept_empty_texts(part)
    for key in schema.get("x-kubernetes-list-map-keys") or ():
        schema["items"]["properties"][key].pop("nullable", None)


def _cluster_definition(release: Release) -> Object:
    """The Cluster definition: no status subresource, no enum, nothing required but a condition's type and status."""
    text: dict[str, Any] = {"type": "string"}
    truth, number = {"type": "boolean"}, {"type": "integer"}
    connection = {
        **dict.fromkeys(("kubernetesAPIEndpoint", "kubesphereAPIEndpoint", "token", "type"), text),
        "kubeconfig": {**text, "format": "byte"},
        "kubernetesAPIServerPort": number,
        "kubesphereAPIServerPort": number,
    }
    spec: dict[str, Any] = {"joinFederation": truth, "enable": truth, "provider": text}
    condition = dict.fromkeys(("type", "status", "reason", "message"), text)
    condition |= {key: {"type": "string", "format": "date-time"} for key in ("lastUpdateTime", "lastTransitionTime")}
    conditions = {"type": "object", "properties": condition, "required": ["status", "type"]}
    status: dict[str, Any] = {
        "conditions": {"type": "array", "items": conditions},
        "kubernetesVersion": text,
        "nodeCount": number,
        "zones": {"type": "array", "items": text},
        "region": text,
        "configz": {"type": "object", "additionalProperties": truth},
    }
    if release.line >= (3, 1):
        status["kubeSphereVersion"] = text
    if release.line >= (3, 3):
        connection["externalKubernetesAPIEndpoint"] = text
        spec["externalKubeAPIEnabled"] = truth
        status["uid"] = text
    spec["connection"] = {"type": "object", "properties": connection}
    definition = _definition("cluster.kubesphere.io", "v1alpha1", "Cluster", "clusters")
    definition["spec"]["versions"][0]["additionalPrinterColumns"] = [
        {"name": name, "type": kind, "jsonPath": path}
        for name, kind, path in (
            ("Federated", "boolean", ".spec.joinFederation"),
            ("Provider", "string", ".spec.provider"),
            ("Active", "boolean", ".spec.enable"),
            ("Version", "string", ".status.kubernetesVersion"),
        )
    ]
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": spec},
            "status": {"type": "object", "properties": status},
        },
    }
    _accept_empty_texts(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    return definition


def _definition(group: str, version: str, kind: str, plural: str, *, namespaced: bool = False) -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return _object(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"{plural}.{group}",
        spec={
            "group": group,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}},
            ],
        },
    )


def _object(
    version: str, kind: str, name: str, namespace: str = "", labels: dict[str, str] | None = None, **content: Any
) -> Object:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


def _cluster_admin(account: str, namespace: str) -> Object:
    return _object(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        account,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        subjects=[{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    )


def _deployment(
    name: str,
    tier: str,
    version: str,
    replicas: int,
    container: dict[str, Any],
    *mounts: tuple[str, str, dict[str, Any]],
) -> Object:
    """A Deployment of the chart; ``maxSurge: 0`` makes every rollout a gap where there is one replica."""
    labels = {"app": name, "tier": tier}
    container["imagePullPolicy"] = "IfNotPresent"
    container["volumeMounts"] = [{"name": volume, "mountPath": path} for volume, path, _dummy in mounts]
    pod = {
        "containers": [container],
        "serviceAccountName": "kubesphere",
        "volumes": [{"name": volume, **source} for volume, _dummy, source in mounts],
    }
    body = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0}},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return _object("apps/v1", "Deployment", name, NAMESPACE, {**labels, "version": version}, spec=body)


def _service(name: str, tier: str, version: str, port: dict[str, Any], kind: str = "ClusterIP") -> Object:
    labels = {"app": name, "tier": tier}
    body = {"ports": [{"protocol": "TCP", **port}], "selector": labels, "type": kind}
    return _object("v1", "Service", name, NAMESPACE, {**labels, "version": version}, spec=body)


def _resources(cpu: str, memory: str) -> dict[str, Any]:
    return {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": cpu, "memory": memory}}
