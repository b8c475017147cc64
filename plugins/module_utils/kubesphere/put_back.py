# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig that does not work through the host makes way for the former one (private to the collection)."""

from __future__ import annotations

from ..kube.errors import KubeError
from ..kube.resources import Object
from ..kube.session import Session, retry_on_conflict
from .names import CLUSTER, CREDENTIAL, connection_of

_FIELDS = ("kubeconfig", "kubernetesAPIEndpoint", "kubesphereAPIEndpoint")


def put_back(host: Session, former: Object, written: Object, error: KubeError) -> bool:
    """Put back the kubeconfig that a Cluster had.

    Args:
        host: the fleet's host.
        former: the Cluster as it was.
        written: the Cluster with the new kubeconfig.
        error: why; it is told what became of this.

    Returns:
        Whether the former kubeconfig is in force again.
    """
    note = {CREDENTIAL: (former["metadata"].get("annotations") or {}).get(CREDENTIAL)}
    connection = {each: connection_of(former).get(each) for each in _FIELDS}
    before = {"metadata": {"annotations": note}, "spec": {"connection": connection}}

    def change(seen: Object) -> Object:
        if connection_of(seen).get("kubeconfig") != connection_of(written).get("kubeconfig"):
            raise KubeError("somebody else has replaced it meanwhile", host.cluster)
        return host.patch(seen, before, "the new one does not work", guarded=True)

    def read() -> Object:
        return host.get(CLUSTER, str(former["metadata"]["name"]))

    told = error.message.rstrip(".")
    try:
        retry_on_conflict(change, read(), read)
    except KubeError as second:
        error.message = f"{told}. And the former kubeconfig could not be put back: {second.message}"
        return False
    error.message = f"{told}. The former kubeconfig was put back"
    return True
