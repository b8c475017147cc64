# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of restarting, watching and undoing rollouts."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import rollout
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError, WaitTimeout
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CONTROLLER_REVISION,
    DAEMON_SET,
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    STATEFUL_SET,
    Kind,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.wait import Target

from tests.unit.fakes import Clock, FakeSession, item

UP: dict[str, dict[str, Any]] = {
    "Deployment": {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2},
    "StatefulSet": {"updatedReplicas": 2, "readyReplicas": 2, "currentRevision": "w-1", "updateRevision": "w-1"},
    "DaemonSet": {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2},
}
"""The status of each kind when it is fully rolled out."""

TARGET = Target(DEPLOYMENT, "w", "ns")
STUCK = {"containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ErrImagePull", "message": "no such"}}}]}


def workload(kind: Kind = DEPLOYMENT, spec: Any = None, name: str = "w", generation: int = 3, **status: Any) -> Object:
    replicas = {} if kind is DAEMON_SET else {"replicas": 2}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "new"}]}}
    full = {**replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **(spec or {})}
    made = item(kind, name, "ns", spec=full, status={"observedGeneration": 3, **UP[kind.kind], **status})
    made["metadata"]["generation"] = generation
    return made


def stuck(name: str = "w-new", app: str = "w", **annotations: str) -> Object:
    made = item(POD, name, "ns", status=STUCK)
    made["metadata"] |= {"labels": {"app": app}, "annotations": annotations}
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


# What is missing

ON_DELETE = {"updateStrategy": {"type": "OnDelete"}}
PARTITION = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}


@pytest.mark.parametrize(
    ("standing", "problem"),
    [
        (workload(), ""),
        (workload(spec={"replicas": 0}, replicas=0, updatedReplicas=0, availableReplicas=0), ""),
        (workload(generation=4), "Deployment w: its last change is not observed yet"),
        ({**workload(), "status": {}}, "Deployment w: its last change is not observed yet"),
        (workload(updatedReplicas=1), "Deployment w: 1 of 2 pods are updated"),
        (workload(availableReplicas=1), "Deployment w: 1 of 2 pods are available"),
        (workload(replicas=3), "Deployment w: 1 pods of the former template are still there"),
        (workload(STATEFUL_SET), ""),
        (workload(STATEFUL_SET, generation=4), "StatefulSet w: its last change is not observed yet"),
        (workload(STATEFUL_SET, updatedReplicas=1), "StatefulSet w: 1 of 2 pods are updated"),
        (workload(STATEFUL_SET, readyReplicas=1), "StatefulSet w: 1 of 2 pods are ready"),
        (workload(STATEFUL_SET, currentRevision="w-0"), "StatefulSet w: revision w-1 is not the current one yet"),
        (
            workload(STATEFUL_SET, {"minReadySeconds": 5}, availableReplicas=1),
            "StatefulSet w: 1 of 2 pods are available",
        ),
        (workload(STATEFUL_SET, {"minReadySeconds": 5}, availableReplicas=2), ""),
        (workload(STATEFUL_SET, PARTITION, updatedReplicas=1, currentRevision="w-0"), ""),
        (workload(STATEFUL_SET, PARTITION, updatedReplicas=0), "StatefulSet w: 0 of 1 pods are updated"),
        (workload(STATEFUL_SET, ON_DELETE, currentRevision="w-0"), ""),
        (workload(STATEFUL_SET, ON_DELETE, updatedReplicas=1), "StatefulSet w: 1 of 2 pods are updated"),
        (workload(DAEMON_SET), ""),
        (workload(DAEMON_SET, desiredNumberScheduled=0, updatedNumberScheduled=0, numberAvailable=0), ""),
        (workload(DAEMON_SET, generation=4), "DaemonSet w: its last change is not observed yet"),
        (workload(DAEMON_SET, updatedNumberScheduled=1), "DaemonSet w: 1 of 2 pods are updated"),
        (workload(DAEMON_SET, numberAvailable=0), "DaemonSet w: 0 of 2 pods are available"),
    ],
)
def test_what_is_missing(standing: Object, problem: str) -> None:
    assert rollout.problem(standing) == problem


def test_what_keeps_deployments_from_being_available() -> None:
    session = FakeSession("one", workload(name="ok"), workload(availableReplicas=0), stuck())
    assert rollout.unavailable(session, "ns", ("ok",)) == ""
    assert rollout.unavailable(session, "ns", ("ok", "w")) == (
        "Deployment w: 0 of 2 pods are available; pod w-new: container c waits: ErrImagePull: no such"
    )
    assert rollout.unavailable(session, "ns", ("other", "w")) == "Deployment ns/other does not exist yet"
