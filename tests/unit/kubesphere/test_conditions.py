# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of conditions of Clusters, and of what a host lacks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.conditions import (
    condition,
    condition_problem,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installed import Installed, unfinished
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CLUSTER,
    FEDERATION_NAMESPACE,
    HOST_LABEL,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import find

from tests.unit.fakes import FakeSession, item
from tests.unit.kubesphere.test_installation import available, cluster, config, standing

AGO, SINCE, THEN = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"


def having(**fields: str) -> Object:
    return item(
        CLUSTER, "a", status={"conditions": [{"type": "Other", "status": "False"}, {"type": "Ready", **fields}]}
    )


@pytest.mark.parametrize("status", [None, {}, {"conditions": None}, {"conditions": []}])
def test_none_yet(status: Any) -> None:
    bare = item(CLUSTER, "a", status=status)
    assert condition(bare, "Ready") == {}
    assert condition_problem(bare, "Ready") == "Cluster a has no condition Ready yet"


@pytest.mark.parametrize(
    ("fields", "since", "problem"),
    [
        ({"status": "True"}, "", ""),
        ({"status": "True", "lastUpdateTime": THEN}, SINCE, ""),
        ({"status": "True", "lastUpdateTime": SINCE}, SINCE, ""),
        (
            {"status": "True", "lastUpdateTime": AGO},
            SINCE,
            f"Cluster a was Ready before the change ({AGO}) and not seen since",
        ),
        ({"status": "True"}, SINCE, "Cluster a was Ready before the change (None) and not seen since"),
        ({"status": "False"}, "", "Cluster a is not Ready: no reason given"),
        ({"status": "Unknown", "reason": "Why", "message": "how"}, "", "Cluster a is not Ready: Why; how"),
        ({}, "", "Cluster a is not Ready: no reason given"),
    ],
)
def test_whether_it_holds(fields: dict[str, str], since: str, problem: str) -> None:
    assert condition_problem(having(**fields), "Ready", since) == problem


class TestHost:
    """A host has more to become than a member."""

    def host(self, address: str = "", *items: Object) -> tuple[FakeSession, Installed]:
        made = standing("host", spec={"multicluster": {"proxyPublishAddress": address}})
        made["status"]["multicluster"] = {"status": "enabled"}
        session = cluster(config(role="host"), available("tower"), *items)
        for name in ("kubefed-controller-manager", "kubefed-admission-webhook"):
            each = available(name)
            each["metadata"]["namespace"] = FEDERATION_NAMESPACE
            session.put(each)
        return session, Installed(made)

    def own(self, ready: str = "True") -> Object:
        made = item(CLUSTER, "host", status={"conditions": [{"type": "Ready", "status": ready}]})
        made["metadata"]["labels"] = {HOST_LABEL: ""}
        return made

    def missing(self, address: str = "", *items: Object) -> str:
        session, installed = self.host(address, *items)
        return unfinished(session, find("v3.4.1"), installed)

    def test_its_own_cluster(self) -> None:
        assert self.missing() == "the host's own Cluster does not exist yet"
        assert self.missing("", item(CLUSTER, "a-member")) == "the host's own Cluster does not exist yet"
        assert self.missing("", self.own("False")) == "Cluster host is not Ready: no reason given"
        assert self.missing("", self.own()) == ""

    def test_its_proxys_address(self) -> None:
        wanted = "http://192.0.2.9:8080"
        assert self.missing(wanted) == f"kubesphere-config has not got proxyPublishAddress {wanted} yet"

    @pytest.mark.parametrize("name", ["tower", "kubefed-controller-manager", "kubefed-admission-webhook"])
    def test_its_deployments(self, name: str) -> None:
        session, installed = self.host("", self.own())
        path = next(path for path in session.objects if path.endswith(f"/deployments/{name}"))
        del session.objects[path]
        assert unfinished(session, find("v3.4.1"), installed).endswith(f"/{name} does not exist yet")
