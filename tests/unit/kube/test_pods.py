# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what pods say about themselves."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.pods import pod_problem, selector, worst_pod
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import DEPLOYMENT, POD, Object

from tests.unit.fakes import FakeSession, item


def container(ready: bool = False, restarts: int = 0, last: Any = None, **state: Any) -> dict[str, Any]:
    last_state = {"lastState": {"terminated": last}} if last else {}
    return {"name": "c", "ready": ready, "restartCount": restarts, "state": state, **last_state}


RUNNING = {"startedAt": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ({}, ""),
        ({"phase": "Pending"}, ""),
        ({"phase": "Running", "containerStatuses": [container(True, running=RUNNING)]}, ""),
        ({"phase": "Succeeded", "containerStatuses": [container(terminated={"exitCode": 0})]}, ""),
        (
            {
                "conditions": [
                    {"type": "Initialized", "status": "True"},
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"},
                ]
            },
            "pod p is not scheduled: 0/1 nodes",
        ),
        (
            {"containerStatuses": [container(waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling"})]},
            "pod p: container c waits: ImagePullBackOff: Back-off pulling",
        ),
        ({"containerStatuses": [container(waiting={"reason": "ContainerCreating"})]}, ""),
        (
            {"containerStatuses": [container(waiting={"reason": "CreateContainerConfigError"})]},
            "pod p: container c waits: CreateContainerConfigError: no message",
        ),
        (
            {
                "containerStatuses": [
                    container(
                        restarts=3,
                        last={"exitCode": 2, "message": "starting\npanic: no\n"},
                        waiting={"reason": "CrashLoopBackOff", "message": "back-off"},
                    )
                ]
            },
            "pod p: container c ended with exit code 2, restarted 3 times: panic: no",
        ),
        (
            {"containerStatuses": [container(terminated={"exitCode": 137, "reason": "OOMKilled"})]},
            "pod p: container c ended with exit code 137: OOMKilled",
        ),
        # What has ended once and works again is no problem, what works no more is.
        (
            {
                "phase": "Running",
                "containerStatuses": [container(True, 1, {"exitCode": 1, "reason": "Error"}, running=RUNNING)],
            },
            "",
        ),
        (
            {
                "phase": "Running",
                "containerStatuses": [container(False, 1, {"exitCode": 1, "reason": "Error"}, running=RUNNING)],
            },
            "pod p: container c ended with exit code 1, restarted 1 times: Error",
        ),
        (
            {"phase": "Running", "containerStatuses": [container(False, running=RUNNING)]},
            "pod p: container c is not ready",
        ),
        (
            {
                "initContainerStatuses": [container(terminated={"exitCode": 1, "message": "init"})],
                "containerStatuses": [container(waiting={"reason": "PodInitializing"})],
            },
            "pod p: container c ended with exit code 1: init",
        ),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "pod p is Failed: low on memory"),
        ({"phase": "Unknown"}, "pod p is Unknown: no reason given"),
    ],
)
def test_pods(status: dict[str, Any], problem: str) -> None:
    assert pod_problem(item(POD, "p", "ns", status=status)) == problem


def workload(**annotations: str) -> Object:
    template = {"metadata": {"annotations": annotations}} if annotations else {}
    return item(DEPLOYMENT, "d", "ns", spec={"selector": {"matchLabels": {"app": "d"}}, "template": template})


def pod(name: str, *statuses: Any, created: str = "2026-01-01T00:00:00Z", **annotations: str) -> Object:
    made = item(POD, name, "ns", status={"phase": "Running", "containerStatuses": list(statuses)})
    made["metadata"] |= {"labels": {"app": "d"}, "creationTimestamp": created, "annotations": annotations}
    return made


CRASHED = container(restarts=1, last={"exitCode": 1, "reason": "Error"}, waiting={"reason": "CrashLoopBackOff"})
LOG = "/api/v1/namespaces/ns/pods/p/log"


@pytest.mark.parametrize(
    ("log", "problem"),
    [
        (
            "starting\npanic: no\n",
            "pod p: container c ended with exit code 1, restarted 1 times: Error, its last line: panic: no",
        ),
        ("\n", "pod p: container c ended with exit code 1, restarted 1 times: Error"),
        (None, "pod p: container c ended with exit code 1, restarted 1 times: Error"),
    ],
)
def test_a_crash_without_a_message_is_told_by_the_log(log: str | None, problem: str) -> None:
    session = FakeSession("one", pod("p", CRASHED))
    if log is not None:
        session.logs[LOG] = log
    assert worst_pod(session, workload()) == problem


def test_what_has_said_why_is_not_asked_again() -> None:
    said = container(terminated={"exitCode": 1, "message": "no"})
    session = FakeSession("one", pod("p", said))
    session.logs[LOG] = "another line"
    assert worst_pod(session, workload()) == "pod p: container c ended with exit code 1: no"


def test_pods_of_the_present_template_speak_newest_first() -> None:
    session = FakeSession("one", pod("old", container(waiting={"reason": "OldTrouble"}), at="1"))
    assert "OldTrouble" in worst_pod(session, workload(at="2")), "none of the present one: those that are there"
    session.put(pod("first", container(waiting={"reason": "First"}), created="2026-01-01T00:00:01Z", at="2"))
    assert "First" in worst_pod(session, workload(at="2"))
    session.put(pod("second", container(waiting={"reason": "Second"}), created="2026-01-01T00:00:02Z", at="2"))
    assert "Second" in worst_pod(session, workload(at="2"))
    going = pod("third", container(waiting={"reason": "Third"}), created="2026-01-01T00:00:03Z", at="2")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:04Z"
    session.put(going)
    assert "Second" in worst_pod(session, workload(at="2"))


def test_selectors() -> None:
    made = workload()
    made["spec"]["selector"] = {
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [
            {"key": "c", "operator": "In", "values": ["x", "y"]},
            {"key": "d", "operator": "NotIn", "values": ["z"]},
            {"key": "e", "operator": "Exists"},
            {"key": "f", "operator": "DoesNotExist"},
        ],
    }
    assert selector(made) == "a=1,b=2,c in (x,y),d notin (z),e,!f"
