# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of who may reach tower's ports, on an API server in a dictionary."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge_patch
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import NETWORK_POLICY, Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import NAMESPACE
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.network_policy import (
    NAME,
    ensure,
    manifest,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused

from tests.unit.fakes import FakeSession

Labels = dict[str, str]
FOREIGN: Object = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "somebody"}}}


def written(host: FakeSession) -> list[str]:
    return [entry.verb for entry in host.journal]


def standing(host: FakeSession) -> Object | None:
    return host.find(NETWORK_POLICY, NAME, NAMESPACE)


def matches(selector: dict[str, Any], labels: Labels) -> bool:
    """Whether a label selector takes an object, as Kubernetes decides it."""
    checks = {
        "In": lambda each: labels.get(each["key"]) in each["values"],
        "DoesNotExist": lambda each: each["key"] not in labels,
    }
    wanted = selector.get("matchLabels", {}).items()
    return wanted <= labels.items() and all(
        checks[each["operator"]](each) for each in selector.get("matchExpressions", [])
    )


def admitted(namespace: str, labels: Labels, port: int) -> bool:
    """Whether our policy lets a pod of a namespace reach a port of tower, as Kubernetes decides it."""

    def sender(peer: dict[str, Any]) -> bool:
        if "namespaceSelector" in peer:
            return matches(peer["namespaceSelector"], labels)
        return namespace == NAMESPACE and matches(peer["podSelector"], {"app": "ks-apiserver"})

    return any(
        ("from" not in rule or any(map(sender, rule["from"])))
        and ("ports" not in rule or any(each["port"] == port for each in rule["ports"]))
        for rule in manifest()["spec"]["ingress"]
    )


@pytest.mark.parametrize("port", [6000, 7000, 16000, 17000])
@pytest.mark.parametrize(
    ("namespace", "labels", "allowed"),
    [
        ("kubesphere-system", {}, True),
        ("kube-federation-system", {"kubernetes.io/metadata.name": "kube-federation-system"}, True),
        ("kube-federation-system", {"kubesphere.io/namespace": "kube-federation-system"}, True),
        ("default", {"kubesphere.io/namespace": "default"}, False),
        ("default", {}, False),
        # A label that a tenant puts on a namespace of its own, where Kubernetes says the true name.
        ("evil", {"kubernetes.io/metadata.name": "evil", "kubesphere.io/namespace": "kube-federation-system"}, False),
    ],
)
def test_members_are_for_kubesphere(namespace: str, labels: Labels, allowed: bool, port: int) -> None:
    assert admitted(namespace, labels, port) is allowed


@pytest.mark.parametrize(
    ("labels", "meant"),
    [
        ({"app": "tower", "app.kubernetes.io/name": "tower", "pod-template-hash": "6d4f"}, True),
        ({"app": "tower"}, False),
        ({"app": "ks-apiserver", "tier": "backend"}, False),
    ],
)
def test_it_is_for_the_pods_that_the_members_services_select(labels: Labels, meant: bool) -> None:
    spec = manifest()["spec"]
    assert spec["podSelector"].keys() == {"matchLabels"}
    assert matches(spec["podSelector"], labels) is meant
    assert spec["policyTypes"] == ["Ingress"]


def test_everybody_reaches_the_port_that_agents_call() -> None:
    assert admitted("anywhere", {}, 8080)
    assert admitted(NAMESPACE, {}, 8080)


def test_stands_after_one_write_and_stays() -> None:
    host = FakeSession()
    ensure(host, True)
    ensure(host, True)
    assert written(host) == ["create"]
    assert standing(host) is not None
    ensure(host, False)
    ensure(host, False)
    assert written(host) == ["create", "delete"]
    assert standing(host) is None


def test_plan_says_what_the_run_does() -> None:
    host = FakeSession(planning=True)
    ensure(host, True)
    ensure(host, True)
    assert written(host) == ["create"]
    assert host.objects == {}


@pytest.mark.parametrize(
    "change",
    [
        {"podSelector": {"matchLabels": {"more": "labels"}}},
        {"ingress": [{}]},
        {"policyTypes": ["Ingress", "Egress"]},
        {"egress": []},
    ],
)
def test_whatever_was_changed_by_hand_is_put_back(change: dict[str, Any]) -> None:
    host = FakeSession("one", merge_patch(manifest(), {"spec": change}))
    ensure(host, True)
    ensure(host, True)
    assert written(host) == ["patch"]
    assert (standing(host) or {})["spec"] == manifest()["spec"]


def test_anothers_policy_is_left_alone() -> None:
    host = FakeSession("one", merge_patch(manifest(), FOREIGN))
    with pytest.raises(Refused, match="NetworkPolicy kubesphere-system/kubesphere-multicluster-tower is not ours"):
        ensure(host, True)
    ensure(host, False)
    assert written(host) == []
