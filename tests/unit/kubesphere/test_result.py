# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of results."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP, SECRET
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import result

from tests.unit.fakes import FakeSession, item

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def test_nothing_written_nothing_changed() -> None:
    found = result.of([FakeSession()], ["careful"], answer=42)
    assert (found.changed, found.actions, found.diff) == (False, [], [])
    assert (found.warnings, found.data) == (["careful"], {"answer": 42})


def test_each_write_in_words_and_as_a_diff() -> None:
    session = FakeSession("one", item(CONFIG_MAP, "a", "ns", data={"x": "1"}))
    session.patch(session.get(CONFIG_MAP, "a", "ns"), {"data": {"x": "2"}}, "because")
    session.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "ns"}})
    session.delete(session.get(CONFIG_MAP, "a", "ns"))
    found = result.of([session])
    assert found.changed
    assert found.actions == [
        "patch ConfigMap ns/a on one: because",
        "create ConfigMap ns/b on one",
        "delete ConfigMap ns/a on one",
    ]
    assert found.diff[0]["before_header"] == found.diff[0]["after_header"] == "ConfigMap ns/a on one"
    assert (found.diff[0]["before"]["data"], found.diff[0]["after"]["data"]) == ({"x": "1"}, {"x": "2"})
    assert found.diff[1]["before"] == found.diff[2]["after"] == {}


def test_what_the_api_server_keeps_for_itself_is_no_difference() -> None:
    live = item(CONFIG_MAP, "a", "ns", status={"x": 1}, data={})
    live["metadata"] |= {"generation": 2, "managedFields": [], "creationTimestamp": "x", "selfLink": "y", "uid": "z"}
    live["metadata"]["labels"] = {}
    session = FakeSession("one", live)
    session.patch(live, {"data": {"x": "2"}})
    before: dict[str, Any] = result.of([session]).diff[0]["before"]
    assert before == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "ns", "labels": {}},
        "data": {},
    }


def test_no_secret_is_shown() -> None:
    secret = "correct horse"
    live = item(SECRET, "a", "ns", data={"x": "eA=="})
    live["metadata"]["annotations"] = {LAST_APPLIED: json.dumps({"stringData": {"x": secret}}), "mine": "y"}
    session = FakeSession("one", live)
    session.patch(live, {"data": {"x": "eQ=="}}, f"it was {secret}")
    session.redactor.add(secret)
    found = result.of([session])
    assert secret not in json.dumps([found.actions, found.diff])
    assert "eA==" not in json.dumps(found.diff)
    assert found.diff[0]["before"]["metadata"]["annotations"] == {"mine": "y"}
    assert (found.diff[0]["before"]["data"], found.diff[0]["after"]["data"]) == (
        {"x": "*** (before)"},
        {"x": "*** (after)"},
    )
