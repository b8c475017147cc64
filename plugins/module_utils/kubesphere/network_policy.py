# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may reach tower's ports that lead to members (private to the collection).

tower opens two ports for each member and asks nobody who calls there for a certificate: a pod that reaches one is
cluster-admin of the member, by the agent's own token (tower v0.2.1 pkg/proxy/proxy_server.go L101-127, L166-184). Who
has to reach them are ks-apiserver and ks-controller-manager, in tower's own namespace, and kubefed's controller.
"""

from __future__ import annotations

from typing import Any

from ..kube.merge import patch_between
from ..kube.resources import NETWORK_POLICY, Object
from ..kube.session import Session
from .names import FEDERATION_NAMESPACE, MANAGED_BY, NAMESPACE, OWNER, TOWER
from .refusals import Refused

NAME = "kubesphere-multicluster-tower"

_AGENT_PORT = 8080  # of the container, whatever the Service's is (ks-installer v3.4.1 roles/ks-multicluster)

# Kubernetes gives the first label to every namespace from 1.21 on and lets nobody change it. The second is KubeSphere's
# (v3.4.1 pkg/controller/namespace/namespace_controller.go L115); it counts only where the first does not exist at all.
_NAME_LABEL = "kubernetes.io/metadata.name"
_KUBESPHERE_LABEL = "kubesphere.io/namespace"


def ensure(host: Session, wanted: bool) -> None:
    """Make our NetworkPolicy stand as it should, or remove it; one request if nothing is to be done.

    Raises:
        Refused: another's NetworkPolicy has our name.
        KubeError: a request failed.
    """
    live = host.find(NETWORK_POLICY, NAME, NAMESPACE)
    if live is None:
        if wanted:
            host.create(manifest(), "only KubeSphere is to reach the members through tower")
        return
    if (live["metadata"].get("labels") or {}).get(MANAGED_BY) != OWNER:
        if not wanted:
            return
        raise Refused(
            f"{NETWORK_POLICY.title(NAME, NAMESPACE)} is not ours: its label {MANAGED_BY} is not {OWNER}",
            host.cluster,
            "Rename or remove it, or set kubesphere_proxy_network_policy to false.",
        )
    if not wanted:
        host.delete(live, "nobody wants it any more")
    elif changes := patch_between(live.get("spec"), _spec()):
        host.patch(live, {"spec": changes}, "only KubeSphere is to reach the members through tower")


def manifest() -> Object:
    """Our NetworkPolicy."""
    return {
        "apiVersion": NETWORK_POLICY.api_version,
        "kind": NETWORK_POLICY.kind,
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {MANAGED_BY: OWNER}},
        "spec": _spec(),
    }


def _spec() -> dict[str, Any]:
    # What is allowed is said by port for everybody and by sender for all ports, so it takes no range of ports, which
    # Kubernetes knows from 1.22 on.
    agents = {"ports": [{"port": _AGENT_PORT, "protocol": "TCP"}]}
    kubesphere = {"from": [{"podSelector": {}}, *({"namespaceSelector": each} for each in _federation())]}
    return {
        # The labels by which the members' Services select tower (tower v0.2.1 pkg/proxy/proxy.go L419-422).
        "podSelector": {"matchLabels": {"app": TOWER, "app.kubernetes.io/name": TOWER}},
        "policyTypes": ["Ingress"],
        "ingress": [agents, kubesphere],
    }


def _federation() -> list[dict[str, Any]]:
    named = {"operator": "In", "values": [FEDERATION_NAMESPACE]}
    return [
        {"matchExpressions": [{"key": _NAME_LABEL, **named}]},
        {
            "matchExpressions": [
                {"key": _NAME_LABEL, "operator": "DoesNotExist"},
                {"key": _KUBESPHERE_LABEL, **named},
            ]
        },
    ]
