# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds that the collection uses, and where the API serves them (private to the collection).

Paths are known beforehand, so that no request is ever spent on API discovery.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from . import shapes

Object = dict[str, Any]
"""A Kubernetes object as JSON gives it."""


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    Attributes:
        api_version: group and version, ``apps/v1``.
        kind: as it stands in manifests, ``Deployment``.
        plural: as it stands in paths, ``deployments``.
        namespaced: whether its objects live in namespaces.
        shape: what its objects have to look like, beside what all have to.
    """

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    shape: shapes.Shape = field(default_factory=dict, compare=False, repr=False)

    @property
    def group(self) -> str:
        """Its API group; empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def definition(self) -> str:
        """Name of the CustomResourceDefinition that makes a custom kind."""
        return f"{self.plural}.{self.group}"

    def path(self, name: str | None = None, namespace: str | None = None) -> str:
        """Path of one object, or of the collection where no name is given (all namespaces where none is given)."""
        path = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        if self.namespaced and namespace:
            path += f"/namespaces/{quote(namespace, safe='')}"
        path += f"/{self.plural}"
        return f"{path}/{quote(name, safe='')}" if name else path

    def title(self, name: str | None = None, namespace: str | None = None) -> str:
        """How messages call one object: ``Deployment kube-system/coredns``."""
        if name is None:
            return f"{self.plural} of {namespace}" if namespace else self.plural
        return f"{self.kind} {namespace}/{name}" if self.namespaced and namespace else f"{self.kind} {name}"


NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
NODE = Kind("v1", "Node", "nodes", namespaced=False, shape=shapes.NODE)
POD = Kind("v1", "Pod", "pods", shape=shapes.POD)
SECRET = Kind("v1", "Secret", "secrets", shape=shapes.DATA)
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", shape=shapes.DATA)
SERVICE = Kind("v1", "Service", "services", shape=shapes.SERVICE)
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
PERSISTENT_VOLUME_CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
EVENT = Kind("v1", "Event", "events", shape=shapes.EVENT)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments", shape=shapes.WORKLOAD)
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets", shape=shapes.WORKLOAD)
DAEMON_SET = Kind("apps/v1", "DaemonSet", "daemonsets", shape=shapes.WORKLOAD)
REPLICA_SET = Kind("apps/v1", "ReplicaSet", "replicasets")
CONTROLLER_REVISION = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
JOB = Kind("batch/v1", "Job", "jobs", shape=shapes.JOB)
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False)
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDING = Kind(
    "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding",
    "clusterrolebindings",
    namespaced=False,
    shape=shapes.BINDING,
)
CUSTOM_RESOURCE_DEFINITION = Kind(
    "apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
CUSTOM_RESOURCE_DEFINITION_V1BETA1 = Kind(
    "apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False
)
CERTIFICATE_SIGNING_REQUEST = Kind(
    "certificates.k8s.io/v1",
    "CertificateSigningRequest",
    "certificatesigningrequests",
    namespaced=False,
    shape=shapes.SIGNING_REQUEST,
)
VALIDATING_WEBHOOK_CONFIGURATION = Kind(
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
)
SELF_SUBJECT_ACCESS_REVIEW = Kind(
    "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False
)

_REGISTERED: dict[tuple[str, str], Kind] = {}


def register(*kinds: Kind) -> None:
    """Make kinds known to :func:`of`; floors above register their custom resources."""
    for kind in kinds:
        _REGISTERED[kind.api_version, kind.kind] = kind


def of(manifest: Object) -> Kind:
    """The kind of a manifest.

    Raises:
        ValueError: the manifest has no kind, or one whose path nobody has said.
    """
    api_version, kind = str(manifest.get("apiVersion", "")), str(manifest.get("kind", ""))
    try:
        return _REGISTERED[api_version, kind]
    except KeyError:
        raise ValueError(
            f"objects of kind {kind or '(none)'}, apiVersion {api_version or '(none)'}, are not supported"
        ) from None


register(*[value for value in list(globals().values()) if isinstance(value, Kind)])
