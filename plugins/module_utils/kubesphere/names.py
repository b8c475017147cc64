# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where KubeSphere keeps its things (private to the collection)."""

from __future__ import annotations

from typing import Any

from ..kube import shapes
from ..kube.resources import Kind, Object, register

NAMESPACE = "kubesphere-system"
FEDERATION_NAMESPACE = "kube-federation-system"

INSTALLER = "ks-installer"
"""Name of the installer's Deployment and of the one ClusterConfiguration that it looks at."""

CONFIG = "kubesphere-config"
CONFIG_KEY = "kubesphere.yaml"
"""ConfigMap that ks-apiserver and ks-controller-manager read, and its only key."""

TOWER = "tower"
"""Name of the Deployment and of the Service on a host that agents call."""

_CONNECTION = {
    **dict.fromkeys(("type", "kubeconfig", "token", "kubernetesAPIEndpoint", "kubesphereAPIEndpoint"), str),
    **dict.fromkeys(("kubernetesAPIServerPort", "kubesphereAPIServerPort"), int),
}
_SEEN = {
    **dict.fromkeys(("kubernetesVersion", "kubeSphereVersion", "uid"), str),
    "nodeCount": int,
    "conditions": shapes.CONDITIONS,
}
CLUSTER = Kind(
    "cluster.kubesphere.io/v1alpha1",
    "Cluster",
    "clusters",
    namespaced=False,
    shape={"spec": {"connection": _CONNECTION, "provider": str}, "status": _SEEN},
)
CLUSTER_CONFIGURATION = Kind("installer.kubesphere.io/v1alpha1", "ClusterConfiguration", "clusterconfigurations")
KUBEFED_CLUSTER = Kind("core.kubefed.io/v1beta1", "KubeFedCluster", "kubefedclusters")
WORKSPACE = Kind("tenant.kubesphere.io/v1alpha1", "Workspace", "workspaces", namespaced=False)
WORKSPACE_TEMPLATE = Kind("tenant.kubesphere.io/v1alpha2", "WorkspaceTemplate", "workspacetemplates", namespaced=False)

FINALIZER = "finalizer.cluster.kubesphere.io"
"""The cluster controller puts it on every Cluster."""

HOST_LABEL = "cluster-role.kubesphere.io/host"
REGION_LABEL = "cluster.kubesphere.io/region"
GROUP_LABEL = "cluster.kubesphere.io/group"
WORKSPACE_LABEL = "kubesphere.io/workspace"
MANAGED_LABEL = "kubefed.io/managed"
"""On what the host's federation has made or taken over on a member: ``true``."""

ALIAS_ANNOTATION = "kubesphere.io/alias-name"
DESCRIPTION_ANNOTATION = "kubesphere.io/description"
CREATOR_ANNOTATION = "kubesphere.io/creator"

OWN_PREFIX = "kubesphere.multicluster/"
"""Of the annotations that the collection keeps for itself, on the ClusterConfiguration and on Clusters."""

CHANGED_AT = f"{OWN_PREFIX}changed-at"
RUN_BEFORE = f"{OWN_PREFIX}core-enabled-before"
FAILED_RUN = f"{OWN_PREFIX}failed-run"

FORMER_CONNECTION = f"{OWN_PREFIX}former-connection"
"""On a Cluster that was switched: the connection whose leftovers are still there."""

CONNECTION_REASON = f"{OWN_PREFIX}connection-reason"
"""On a Cluster: why `auto` chose the connection that it has."""

CREDENTIAL = f"{OWN_PREFIX}credential"
"""On a Cluster: what kind of credential was minted for it; until the last one is removed from the member."""

MANAGED_BY = "app.kubernetes.io/managed-by"
OWNER = "kubesphere.multicluster"
"""Label, and its value, of whatever the collection makes on a member for itself."""

OWN = f"{MANAGED_BY}={OWNER}"
"""The selector for it."""

UNBINDING = f"{OWN_PREFIX}unbinding"
"""On a member's kubesphere-config: name of the Cluster that is being unbound, until nothing is left of it there."""

SUSPENDED_RULES = f"{OWN_PREFIX}suspended-rules"
"""On the webhook of Cluster objects: its rules, while it is suspended."""

register(CLUSTER, CLUSTER_CONFIGURATION, KUBEFED_CLUSTER, WORKSPACE, WORKSPACE_TEMPLATE)


def mc_service(cluster_name: str) -> str:
    """Name of the Service by which a host reaches a member through its agent; tower makes it."""
    return f"mc-{cluster_name}"


def federation_secret(cluster_name: str) -> str:
    """Name of the Secret by which the host's federation reaches a cluster."""
    return f"{cluster_name}-secret"


def connection_of(cluster: Object | None) -> dict[str, Any]:
    """The ``spec.connection`` of a Cluster; empty if it has none, or if there is no Cluster."""
    found: dict[str, Any] = ((cluster or {}).get("spec") or {}).get("connection") or {}
    return found


_LONGEST_SERVICE = 63  # letters


def check_service_name(cluster_name: str) -> list[str]:
    """What is wrong with a Cluster's name for an agent connection."""
    longest = _LONGEST_SERVICE - len(mc_service(""))
    if len(cluster_name) <= longest:
        return []
    return [
        f"its name {cluster_name} has {len(cluster_name)} letters; an agent connection takes {longest} at most, "
        "since a Service is named after it"
    ]
