# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what the module rollout_restart makes of its options."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals import rollout_restart
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.rollout_restart import GOAL
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import restarts, rollout
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import DEPLOYMENT, STATEFUL_SET

from tests.unit.fakes import FakeSession
from tests.unit.kube.test_rollout import ON_DELETE, workload

SYSTEM = "kubesphere-system"


def options(**given: Any) -> dict[str, Any]:
    """Arguments as the module's spec checks and completes them."""
    checked = ArgumentSpecValidator(GOAL.argument_spec, **GOAL.rules).validate({"cluster_name": "host", **given})
    assert checked.error_messages == []
    return dict(checked.validated_parameters)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    """The session that a task gets."""
    made = FakeSession("host")
    made.server_time = "2026-11-22T12:00:00Z"
    monkeypatch.setattr(rollout_restart, "session", lambda *_arguments: made)
    return made


def put(session: FakeSession, *workloads: dict[str, Any], namespace: str = SYSTEM) -> None:
    for each in workloads:
        each["metadata"]["namespace"] = namespace
        session.put(each)


def test_a_restart(session: FakeSession) -> None:
    put(session, workload(name="a"))
    put(session, workload(STATEFUL_SET, name="b"), namespace="other")
    given = [{"name": "a"}, {"kind": "StatefulSet", "name": "b", "namespace": "other"}]
    result = GOAL.run(options(workloads=given, wait=False), Context())
    assert result.changed
    assert result.warnings == []
    assert result.actions == [
        "patch Deployment kubesphere-system/a on host: restart it: asked for",
        "patch StatefulSet other/b on host: restart it: asked for",
    ]
    assert result.data["workloads"] == [
        {
            "kind": "Deployment",
            "namespace": SYSTEM,
            "name": "a",
            "restarted": True,
            "why": "asked for",
            "restarted_at": "2026-11-22T12:00:00Z",
            "revision": "",
        },
        {
            "kind": "StatefulSet",
            "namespace": "other",
            "name": "b",
            "restarted": True,
            "why": "asked for",
            "restarted_at": "2026-11-22T12:00:00Z",
            "revision": "w-1",
        },
    ]


def test_a_difference_shows_the_annotation(session: FakeSession) -> None:
    put(session, workload())
    (diff,) = GOAL.run(options(workloads=[{"name": "w"}], wait=False), Context()).diff
    assert "annotations" not in diff["before"]["spec"]["template"]["metadata"]
    assert diff["after"]["spec"]["template"]["metadata"]["annotations"] == {
        rollout.RESTARTED_AT: "2026-11-22T12:00:00Z"
    }


def test_no_reason_no_restart(session: FakeSession) -> None:
    put(session, workload(), namespace="n")
    result = GOAL.run(options(workloads=[{"name": "w"}], namespace="n", reasons=[]), Context())
    assert (result.changed, result.actions) == (False, [])
    assert result.data["workloads"][0]["why"] == "there is no reason"


def test_a_reason_is_taken_as_it_is_given(session: FakeSession) -> None:
    put(session, workload())
    given = options(workloads=[{"name": "w"}], reasons=[{"text": "a", "since": "2026-11-22T13:06:00+01:00"}])
    with pytest.raises(KubeError, match="the reason 'a' is of 2026-11-22T12:06:00Z"):
        GOAL.run(given, Context())
    assert session.writes == []


def test_a_warning_names_the_cluster(session: FakeSession) -> None:
    put(session, workload(STATEFUL_SET, ON_DELETE))
    given = options(workloads=[{"kind": "StatefulSet", "name": "w"}], wait=False)
    assert GOAL.run(given, Context()).warnings == [
        "host: StatefulSet kubesphere-system/w: its update strategy is OnDelete, so its pods go on running until "
        "somebody deletes them"
    ]


@pytest.mark.parametrize("since", ["2026-11-22T12:00:00", "now", ""])
def test_a_time_without_a_zone(session: FakeSession, since: str) -> None:
    given = options(workloads=[{"name": "w"}], reasons=[{"text": "a", "since": since}])
    with pytest.raises(KubeError) as caught:
        GOAL.run(given, Context())
    assert str(caught.value) == (
        f"host: the reason 'a' has since: '{since}', which is no time with a zone. "
        "Write it by RFC 3339, as in 2026-11-22T12:00:00Z."
    )
    assert session.requests == []


@pytest.mark.parametrize("empty", ["name", "label_selector"])
def test_nothing_does_not_mean_everything(session: FakeSession, empty: str) -> None:
    put(session, workload())
    with pytest.raises(KubeError, match="a Deployment among the workloads has an empty name or label_selector"):
        GOAL.run(options(workloads=[{empty: ""}]), Context())
    assert session.requests == []


def test_waits_and_undoes_as_asked(session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def restart_all(_session: Any, _selected: Any, _reasons: Any, **more: Any) -> list[Any]:
        asked.append(more)
        return []

    monkeypatch.setattr(restarts, "restart_all", restart_all)
    context = Context()
    GOAL.run(options(workloads=[{"name": "w"}], wait_timeout=7, rollback_on_failure=True), context)
    GOAL.run(options(workloads=[{"name": "w"}], wait=False), context)
    assert asked == [
        {"wait_timeout": 7.0, "rollback": True, "progress": context.progress},
        {"wait_timeout": None, "rollback": False, "progress": context.progress},
    ]
    assert session.requests == []


@pytest.mark.parametrize(
    "workloads",
    [[{}], [{"kind": "Deployment"}], [{"name": "a", "label_selector": "b"}], [{"kind": "Job", "name": "a"}], None],
)
def test_what_the_spec_refuses(workloads: Any) -> None:
    given = {"workloads": workloads} if workloads is not None else {}
    assert ArgumentSpecValidator(GOAL.argument_spec, **GOAL.rules).validate(given).error_messages


def test_kinds_are_those_that_roll_out() -> None:
    assert rollout.KINDS["Deployment"] is DEPLOYMENT
    assert list(rollout.KINDS) == GOAL.argument_spec["workloads"]["options"]["kind"]["choices"]
