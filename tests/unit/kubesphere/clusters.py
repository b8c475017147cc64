# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters as a host has them, for tests of what is made of them."""

from __future__ import annotations

import base64
import calendar
import json
import time
from typing import Any

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP, Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import credentials
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER,
    HOST_LABEL,
    NAMESPACE,
)

from tests.unit.fakes import item

NOW, RECENTLY, LONG_AGO = "2026-11-22T12:00:00Z", "2026-11-22T11:59:00Z", "2026-11-22T11:00:00Z"
TOKEN = "pLanted-t0ken-of-a-member"
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def jwt(begins: str, ends: str, **claims: Any) -> str:
    """A token that holds from noon of one day to noon of another."""
    moments = {
        name: calendar.timegm(time.strptime(f"{day} 12", "%Y-%m-%d %H"))
        for name, day in (("iat", begins), ("exp", ends))
    }
    return f"e30.{base64.urlsafe_b64encode(json.dumps({**moments, **claims}).encode()).decode().rstrip('=')}.signature"


def kubeconfig(server: str = "https://192.0.2.7:6443", **user: str) -> str:
    """A kubeconfig as it is stored."""
    return credentials.encode(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": user or {"token": TOKEN}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
    )


def cluster(
    name: str,
    kind: str = "direct",
    *,
    ready: str = "True",
    updated: str = RECENTLY,
    release: str = "v3.4.1",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    **connection: Any,
) -> Object:
    """A Cluster; ``kubectl apply`` has left all of it, its kubeconfig too, in an annotation."""
    stored = {"type": kind, "kubeconfig": kubeconfig(), **connection}
    made = item(
        CLUSTER,
        name,
        spec={"connection": stored, "provider": "kubeadm"},
        status={
            "conditions": [
                {"type": "Ready", "status": ready, "reason": "Because", "message": "of it", "lastUpdateTime": updated}
            ],
            "kubernetesVersion": "v1.26.5+k3s1",
            "kubeSphereVersion": release,
            "nodeCount": 3,
            "uid": f"uid-of-{name}",
        },
    )
    made["metadata"]["labels"] = labels or {}
    made["metadata"]["annotations"] = {APPLIED: str(stored), **(annotations or {})}
    return made


def of_host(name: str = "host", **more: Any) -> Object:
    """The host's own Cluster."""
    return cluster(name, labels={HOST_LABEL: ""}, **more)


def config_map(resync: str = "") -> Object:
    """The host's kubesphere-config."""
    period = f"multicluster: {{clusterControllerResyncPeriod: {resync}}}" if resync else ""
    text = f"authentication: {{jwtSecret: pLanted-jwt-secret}}\n{period}"
    return item(CONFIG_MAP, "kubesphere-config", NAMESPACE, data={"kubesphere.yaml": text})
