# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of suspending the webhook that guards Clusters."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError, Unreachable
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    VALIDATING_WEBHOOK_CONFIGURATION,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import cluster_webhook
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import SUSPENDED_RULES

from tests.unit.fakes import FakeSession, item

RULES = [{"apiGroups": ["cluster.kubesphere.io"], "operations": ["UPDATE"], "resources": ["clusters"]}]


def configuration() -> Object:
    """The webhook as the chart makes it."""
    hooks = [{"name": "validating", "clientConfig": {"caBundle": "abc"}, "rules": RULES}]
    return item(VALIDATING_WEBHOOK_CONFIGURATION, cluster_webhook.WEBHOOK, webhooks=hooks)


def standing(host: FakeSession) -> Object:
    """The webhook as it stands."""
    return host.at(VALIDATING_WEBHOOK_CONFIGURATION, cluster_webhook.WEBHOOK)


def test_rules_are_taken_and_given_back() -> None:
    host = FakeSession("host", configuration())
    with cluster_webhook.suspended(host, "why"):
        [hook] = standing(host)["webhooks"]
        assert hook == {"name": "validating", "clientConfig": {"caBundle": "abc"}, "rules": []}
        assert cluster_webhook.is_suspended(standing(host))
    assert standing(host)["webhooks"] == configuration()["webhooks"]
    assert not standing(host)["metadata"].get("annotations")
    assert [write.reason for write in host.journal] == ["suspend it: why", "restore what was suspended"]


def test_rules_that_came_back_are_taken_again() -> None:
    host = FakeSession("host", configuration())
    cluster_webhook.suspend(host, "one")
    host.put({**standing(host), "webhooks": configuration()["webhooks"]})
    with cluster_webhook.suspended(host, "two"):
        assert [hook["rules"] for hook in standing(host)["webhooks"]] == [[]]
    assert standing(host)["webhooks"] == configuration()["webhooks"]


def test_it_is_restored_whatever_happens() -> None:
    host = FakeSession("host", configuration())
    with pytest.raises(KeyboardInterrupt), cluster_webhook.suspended(host, "why"):
        raise KeyboardInterrupt
    assert standing(host)["webhooks"] == configuration()["webhooks"]


def test_it_is_restored_where_the_answer_gets_lost() -> None:
    host = FakeSession("host", configuration())

    def lost(_method: str, _written: Object) -> None:
        host.on_write = lambda *_: None
        raise Unreachable("no answer", "host")

    host.on_write = lost
    with pytest.raises(Unreachable), cluster_webhook.suspended(host, "why"):
        pytest.fail("it is not known to be suspended")
    assert standing(host)["webhooks"] == configuration()["webhooks"]


def test_a_plan_says_the_same() -> None:
    words = []
    for planning in (True, False):
        host = FakeSession("host", configuration(), planning=planning)
        with cluster_webhook.suspended(host, "why"):
            pass
        words.append([(write.verb, write.reason, write.after and write.after["webhooks"]) for write in host.journal])
        assert bool(host.writes) is not planning
    assert words[0] == words[1]


def test_what_a_killed_run_left_is_restored_by_another() -> None:
    host = FakeSession("host", configuration())
    cluster_webhook.suspend(host, "why")
    cluster_webhook.suspend(host, "why")
    cluster_webhook.restore(host)
    cluster_webhook.restore(host)
    assert standing(host)["webhooks"] == configuration()["webhooks"]
    assert len(host.journal) == 2


def test_rules_that_somebody_has_set_meanwhile_stay() -> None:
    host = FakeSession("host", configuration())
    cluster_webhook.suspend(host, "why")
    stored = standing(host)
    stored["webhooks"][0]["rules"] = [{"operations": ["CREATE"]}]
    host.put(stored)
    cluster_webhook.restore(host)
    assert standing(host)["webhooks"][0]["rules"] == [{"operations": ["CREATE"]}]


def test_a_host_without_it() -> None:
    host = FakeSession("host")
    with cluster_webhook.suspended(host, "why"):
        pass
    assert host.writes == []


@pytest.mark.parametrize("note", ["", "[", "[]", "7"])
def test_a_note_that_is_none(note: Any) -> None:
    held = configuration()
    held["metadata"]["annotations"] = {SUSPENDED_RULES: note}
    host = FakeSession("host", held)
    with pytest.raises(KubeError, match="is not what unbind has written"):
        cluster_webhook.restore(host)
    assert host.writes == []
