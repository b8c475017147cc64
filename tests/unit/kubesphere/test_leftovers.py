# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what is left on a host of members that are gone."""

from __future__ import annotations

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    SECRET,
    SERVICE,
    VALIDATING_WEBHOOK_CONFIGURATION,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import leftovers
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    FEDERATION_NAMESPACE,
    KUBEFED_CLUSTER,
    NAMESPACE,
    SUSPENDED_RULES,
)

from tests.unit.fakes import FakeSession, item

SELECTOR = {"app": "tower", "app.kubernetes.io/name": "tower"}


def standing(*names: str) -> FakeSession:
    """A host on which KubeSphere has made its objects for these Clusters."""
    session = FakeSession("host", item(SERVICE, "tower", NAMESPACE), item(SECRET, "serving-cert", FEDERATION_NAMESPACE))
    for name in names:
        session.put(item(KUBEFED_CLUSTER, name, FEDERATION_NAMESPACE))
        session.put(item(SECRET, f"{name}-secret", FEDERATION_NAMESPACE, type="Opaque", data={"token": "dA=="}))
        session.put(item(SERVICE, f"mc-{name}", NAMESPACE, spec={"selector": SELECTOR}))
    return session


def webhook(**annotations: str) -> dict[str, object]:
    found = item(VALIDATING_WEBHOOK_CONFIGURATION, "cluster.kubesphere.io")
    found["metadata"]["annotations"] = annotations
    return found


def test_nothing_where_every_object_has_its_cluster() -> None:
    session = standing("host", "one")
    session.put(webhook(other="x"))
    assert leftovers.find(session, ["host", "one"]) == []
    assert session.writes == []


def test_objects_of_a_cluster_that_is_gone() -> None:
    found = leftovers.find(standing("one", "gone"), ["one"])
    assert [(each["kind"], each["namespace"], each["name"], each["member"]) for each in found] == [
        ("KubeFedCluster", FEDERATION_NAMESPACE, "gone", "gone"),
        ("Secret", FEDERATION_NAMESPACE, "gone-secret", "gone"),
        ("Service", NAMESPACE, "mc-gone", "gone"),
    ]


def test_what_users_have_named_like_it_is_none_of_it() -> None:
    session = standing("one")
    for name, spec in (("mc-monitor", {"selector": {"app": "mc-monitor"}}), ("mc-endpoints", {"ports": []})):
        session.put(item(SERVICE, name, NAMESPACE, spec=spec))
    for name, more in (
        ("registry-secret", {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "e30="}}),
        ("login-secret", {"type": "Opaque", "data": {"user": "dQ==", "token": "dA=="}}),
        ("empty-secret", {"type": "Opaque"}),
    ):
        session.put(item(SECRET, name, FEDERATION_NAMESPACE, **more))
    assert leftovers.find(session, ["one"]) == []


def test_a_webhook_that_an_unbind_has_suspended() -> None:
    session = standing()
    session.put(webhook(**{SUSPENDED_RULES: "[]"}))
    [found] = leftovers.find(session, [])
    assert (found["kind"], found["name"], found["member"]) == (
        "ValidatingWebhookConfiguration",
        "cluster.kubesphere.io",
        None,
    )


def test_where_kubesphere_is_not_installed() -> None:
    assert leftovers.find(FakeSession("host"), []) == []
