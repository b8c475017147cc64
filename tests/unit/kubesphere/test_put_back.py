# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of a kubeconfig that makes way for the former one."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import CLUSTER, CREDENTIAL
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.put_back import put_back

from tests.unit.fakes import FakeSession, item


def cluster(kubeconfig: str, note: str | None = None) -> Object:
    made = item(CLUSTER, "m", spec={"connection": {"type": "direct", "kubeconfig": kubeconfig}})
    if note is not None:
        made["metadata"]["annotations"] = {CREDENTIAL: note}
    return made


def stored(host: FakeSession) -> tuple[Any, Any]:
    found = host.at(CLUSTER, "m")
    return found["spec"]["connection"]["kubeconfig"], (found["metadata"].get("annotations") or {}).get(CREDENTIAL)


def test_a_kubeconfig_and_whose_it_was() -> None:
    host, error = FakeSession("host", cluster("bmV3", "minted")), KubeError("It does not work.", "host")
    assert put_back(host, cluster("b2xk", "given"), cluster("bmV3", "minted"), error) is True
    assert stored(host) == ("b2xk", "given")
    assert error.message == "It does not work. The former kubeconfig was put back"


def test_a_note_that_was_not_there() -> None:
    host, error = FakeSession("host", cluster("bmV3", "minted")), KubeError("It does not work", "host")
    assert put_back(host, cluster("b2xk"), cluster("bmV3", "minted"), error)
    assert stored(host) == ("b2xk", None)


def test_somebody_who_is_quicker_by_a_moment() -> None:
    host, error = FakeSession("host", cluster("bmV3")), KubeError("It does not work", "host")
    request = host.request

    def overtaken(method: str, path: str, body: Object | None = None, **more: Any) -> Object:
        if method == "PATCH":
            host.put(cluster("dGhlaXJz"))
        return request(method, path, body, **more)

    host.request = overtaken  # type: ignore[method-assign]
    assert put_back(host, cluster("b2xk"), cluster("bmV3"), error) is False
    assert stored(host) == ("dGhlaXJz", None)
    assert "could not be put back: somebody else has replaced it meanwhile" in error.message
