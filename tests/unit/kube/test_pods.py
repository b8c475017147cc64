# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what pods and Deployments say about themselves."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.pods import (
    deployment_problem,
    pod_problem,
    unavailable,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import DEPLOYMENT, POD

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


def deployment(name: str = "d", replicas: int = 2, generation: int = 3, **status: Any) -> dict[str, Any]:
    made = item(DEPLOYMENT, name, "ns", spec={"replicas": replicas, "selector": {"matchLabels": {"app": name}}})
    made["metadata"]["generation"] = generation
    return {**made, "status": {"observedGeneration": 3, "updatedReplicas": 2, "availableReplicas": 2, **status}}


@pytest.mark.parametrize(
    ("standing", "problem"),
    [
        (deployment(), ""),
        (deployment(replicas=0, updatedReplicas=0, availableReplicas=0), ""),
        (deployment(generation=4), "Deployment d: its last change is not observed yet"),
        (deployment(updatedReplicas=1), "Deployment d: 1 of 2 pods are updated"),
        (deployment(availableReplicas=1), "Deployment d: 1 of 2 pods are available"),
        ({**deployment(), "status": {}}, "Deployment d: its last change is not observed yet"),
    ],
)
def test_deployments(standing: dict[str, Any], problem: str) -> None:
    assert deployment_problem(standing) == problem


def test_what_keeps_deployments_from_being_available() -> None:
    pod = item(POD, "d-1", "ns", status={"containerStatuses": [container(waiting={"reason": "ErrImagePull"})]})
    pod["metadata"]["labels"] = {"app": "d"}
    session = FakeSession("one", deployment("ok"), deployment("d", availableReplicas=0), pod)
    assert unavailable(session, "ns", ("ok",)) == ""
    assert unavailable(session, "ns", ("ok", "d")) == (
        "Deployment d: 0 of 2 pods are available; pod d-1: container c waits: ErrImagePull: no message"
    )
    assert unavailable(session, "ns", ("other", "d")) == "Deployment ns/other does not exist yet"
