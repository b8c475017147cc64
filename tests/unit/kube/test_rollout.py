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


# Times


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z"),
        ("2026-11-22t12:00:00z", "2026-11-22T12:00:00Z"),
        ("2026-11-22 12:00:00+00:00", "2026-11-22T12:00:00Z"),
        ("2026-11-22T12:00:00+01:00", "2026-11-22T11:00:00Z"),
        ("2026-11-22T12:00:00.5Z", "2026-11-22T12:00:00.500000Z"),
        ("2026-11-22T12:00:00.123456789-00:30", "2026-11-22T12:30:00.123456Z"),
        ("2026-11-22T12:00:00", None),
        ("2026-11-22", None),
        ("2026-11-31T12:00:00Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times(text: str, written: str | None) -> None:
    moment = rollout.parse_time(text)
    assert (rollout.written_time(moment) if moment else None) == written


# Restarting


def annotated(session: FakeSession, kind: Kind = DEPLOYMENT, name: str = "w") -> str:
    return rollout.restarted_at(session.at(kind, name, "ns"))


@pytest.mark.parametrize("kind", [DEPLOYMENT, STATEFUL_SET, DAEMON_SET])
def test_a_restart_is_one_patch_of_an_annotation(kind: Kind) -> None:
    session = FakeSession("one", workload(kind))
    session.server_time = "2026-11-22T12:00:00Z"
    live = session.get(kind, "w", "ns")
    written = rollout.restart(session, live, "why")
    assert session.writes == [("PATCH", kind.path("w", "ns"))]
    assert annotated(session, kind) == rollout.restarted_at(written) == "2026-11-22T12:00:00Z"
    written["spec"]["template"]["metadata"].pop("annotations")
    assert written["spec"] == live["spec"]
    assert [(write.verb, write.title, write.reason) for write in session.journal] == [
        ("patch", f"{kind.kind} ns/w", "why")
    ]


def test_a_second_restart_within_a_second_is_another() -> None:
    session = FakeSession("one", workload())
    session.server_time = "2026-11-22T12:00:00Z"
    first = rollout.restart(session, session.get(DEPLOYMENT, "w", "ns"), "")
    rollout.restart(session, first, "")
    assert annotated(session).startswith("2026-11-22T12:00:00.")
    assert rollout.parse_time(annotated(session)) is not None


def test_a_restart_is_not_earlier_than_its_reason() -> None:
    session = FakeSession("one", workload())
    session.server_time = "2026-11-22T12:00:00Z"
    reason = rollout.parse_time("2026-11-22T12:00:02.5Z")
    rollout.restart(session, session.get(DEPLOYMENT, "w", "ns"), "", not_before=reason)
    assert annotated(session) == "2026-11-22T12:00:02.500000Z"


def test_a_restart_while_its_controller_writes() -> None:
    session = FakeSession("one", workload())
    stale = session.get(DEPLOYMENT, "w", "ns")
    session.put(workload(availableReplicas=1))
    rollout.restart(session, stale, "")
    assert annotated(session)
    # After the conflict it is read once to tell who was quicker, and once to begin anew.
    assert [method for method, _path in session.requests] == ["GET", "PATCH", "GET", "GET", "PATCH"]


def test_a_paused_deployment_is_not_restarted() -> None:
    session = FakeSession("one", workload(spec={"paused": True}))
    with pytest.raises(rollout.NotRestartable) as caught:
        rollout.restart(session, session.get(DEPLOYMENT, "w", "ns"), "")
    assert str(caught.value) == (
        "one: Deployment ns/w is paused: kubectl -n ns rollout resume deployment/w makes it go on."
    )
    assert session.writes == []


def test_a_planned_restart_is_not_sent() -> None:
    session = FakeSession("one", workload(), planning=True)
    written = rollout.restart(session, session.get(DEPLOYMENT, "w", "ns"), "")
    assert rollout.restarted_at(written)
    assert rollout.wait_until_rolled_out(session, TARGET, timeout=9, start=written) == written
    assert rollout.restarted_at(rollout.wait_until_rolled_out(session, TARGET, timeout=9))
    assert session.writes == []


# Waiting


def test_a_rollout_that_comes_to_its_end(clock: Clock) -> None:
    session, lines = FakeSession("one", workload(updatedReplicas=1)), list[str]()
    clock.on_sleep = partial(session.put, workload())
    ended = rollout.wait_until_rolled_out(session, TARGET, timeout=60, progress=lines.append)
    assert ended["status"]["updatedReplicas"] == 2
    assert lines == ["one: waiting until Deployment ns/w is rolled out: Deployment w: 1 of 2 pods are updated"]


def test_a_timeout_has_the_words_of_a_pod(clock: Clock) -> None:
    session = FakeSession("one", workload(availableReplicas=1), stuck())
    with pytest.raises(WaitTimeout) as caught:
        rollout.wait_until_rolled_out(session, TARGET, timeout=60)
    assert str(caught.value) == (
        "one: Waited 60 s in vain until Deployment ns/w is rolled out: Deployment w: 1 of 2 pods are available; "
        "pod w-new: container c waits: ErrImagePull: no such. Mend it and run this again; more is told by: "
        "kubectl -n ns describe pods, and by kubectl -n ns describe deployment/w."
    )
    assert clock.now == pytest.approx(60)


def test_why_there_are_no_pods(clock: Clock) -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": "pods are forbidden: exceeded quota"}
    session = FakeSession("one", workload(updatedReplicas=0, conditions=[failure]))
    with pytest.raises(WaitTimeout, match="0 of 2 pods are updated; pods are forbidden: exceeded quota"):
        rollout.wait_until_rolled_out(session, TARGET, timeout=clock.now)


def test_a_workload_that_does_not_exist(clock: Clock) -> None:
    with pytest.raises(WaitTimeout, match="it does not exist"):
        rollout.wait_until_rolled_out(FakeSession(), TARGET, timeout=9)
    assert clock.now == pytest.approx(9)


EXCEEDED = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]


@pytest.mark.parametrize(
    ("standing", "message"),
    [
        (
            workload(spec={"progressDeadlineSeconds": 7}, updatedReplicas=1, conditions=EXCEEDED),
            "Deployment ns/w is not rolled out: nothing has come up within its progress deadline of 7 s: "
            "Deployment w: 1 of 2 pods are updated; pod w-new: container c waits: ErrImagePull: no such",
        ),
        (
            workload(STATEFUL_SET, ON_DELETE, updatedReplicas=1),
            "StatefulSet ns/w is not rolled out: its update strategy is OnDelete, so Kubernetes replaces a pod only "
            "when somebody deletes it: StatefulSet w: 1 of 2 pods are updated; "
            "pod w-new: container c waits: ErrImagePull: no such",
        ),
        (
            workload(spec={"paused": True}, updatedReplicas=1),
            "Deployment ns/w is not rolled out: it is paused: Deployment w: 1 of 2 pods are updated; "
            "pod w-new: container c waits: ErrImagePull: no such",
        ),
    ],
)
def test_what_will_not_come_is_not_waited_for(clock: Clock, standing: Object, message: str) -> None:
    session = FakeSession("one", standing, stuck())
    target = Target(rollout.KINDS[standing["kind"]], "w", "ns")
    with pytest.raises(rollout.RolloutFailed) as caught:
        rollout.wait_until_rolled_out(session, target, timeout=60)
    assert (caught.value.message, clock.now) == (message, 0)


def test_an_old_deadline_does_not_end_a_new_rollout(clock: Clock) -> None:
    session = FakeSession("one", workload(generation=4, conditions=EXCEEDED))
    clock.on_sleep = partial(session.put, workload())
    assert rollout.wait_until_rolled_out(session, TARGET, timeout=60)


# Undoing


def replica_set(name: str, revision: str, owner: str = "uid-of-w", **template: Any) -> Object:
    labels = {"app": "w", "pod-template-hash": name}
    full = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": name}]}, **template}
    made = item(REPLICA_SET, name, "ns", spec={"template": full})
    made["metadata"] |= {
        "labels": labels,
        "ownerReferences": [{"uid": owner}],
        "annotations": {"deployment.kubernetes.io/revision": revision} if revision else {},
    }
    return made


def controller_revision(name: str, revision: int, image: str, owner: str = "uid-of-w") -> Object:
    template = {
        "$patch": "replace",
        "metadata": {"labels": {"app": "w"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }
    made = item(CONTROLLER_REVISION, name, "ns", data={"spec": {"template": template}}, revision=revision)
    made["metadata"] |= {"labels": {"app": "w"}, "ownerReferences": [{"uid": owner}]}
    return made


def restarted(session: FakeSession, kind: Kind = DEPLOYMENT) -> Object:
    return rollout.restart(session, session.get(kind, "w", "ns"), "")


def test_a_deployment_goes_back_to_its_former_template() -> None:
    sets = [replica_set("r1", "9"), replica_set("r3", "11"), replica_set("r2", "10"), replica_set("r0", "")]
    foreign = replica_set("other", "12", owner="another")
    session = FakeSession("one", workload(), *sets, foreign)
    live = restarted(session)
    session.put({**live, "status": {"availableReplicas": 1}})  # its controller writes meanwhile
    written = rollout.undo(session, live, "it failed")
    assert written["spec"]["template"] == {
        "metadata": {"labels": {"app": "w"}},
        "spec": {"containers": [{"name": "c", "image": "r2"}]},
    }
    assert session.journal[-1].reason == "it failed"


@pytest.mark.parametrize("kind", [STATEFUL_SET, DAEMON_SET])
def test_others_go_back_by_their_controller_revisions(kind: Kind) -> None:
    history = [controller_revision("a", 2, "former"), controller_revision("b", 10, "new")]
    session = FakeSession("one", workload(kind), *history, controller_revision("c", 11, "other", owner="another"))
    live = restarted(session, kind)
    stamp = {rollout.RESTARTED_AT: rollout.restarted_at(live)}
    ready = stuck("w-ready", **stamp)
    ready["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    for pod in (ready, stuck("w-stuck", **stamp), stuck("w-former")):
        session.put(pod)
    written = rollout.undo(session, live, "it failed")
    assert written["spec"]["template"] == {
        "metadata": {"labels": {"app": "w"}},
        "spec": {"containers": [{"name": "c", "image": "former"}]},
    }
    deleted = [path for method, path in session.writes if method == "DELETE"]
    assert deleted == ([POD.path("w-stuck", "ns")] if kind is STATEFUL_SET else [])


def test_what_has_no_former_template_is_not_undone() -> None:
    session = FakeSession("one", workload(), replica_set("r1", "1"))
    with pytest.raises(rollout.RolloutFailed, match="Deployment ns/w has no former revision"):
        rollout.undo(session, session.get(DEPLOYMENT, "w", "ns"), "")
    assert session.writes == []


def test_what_somebody_else_has_changed_is_not_undone() -> None:
    session = FakeSession("one", workload(), replica_set("r1", "1"), replica_set("r2", "2"))
    live = restarted(session)
    session.put(workload(spec={"template": {"spec": {"containers": [{"name": "c", "image": "mended"}]}}}))
    with pytest.raises(rollout.RolloutFailed, match="Deployment ns/w was changed by somebody else meanwhile"):
        rollout.undo(session, live, "")
    assert session.at(DEPLOYMENT, "w", "ns")["spec"]["template"]["spec"]["containers"][0]["image"] == "mended"


def test_a_template_that_is_the_former_one_already() -> None:
    history = [controller_revision("a", 1, "new"), controller_revision("b", 2, "x")]
    session = FakeSession("one", workload(DAEMON_SET), *history)
    rollout.undo(session, session.get(DAEMON_SET, "w", "ns"), "")
    assert session.writes == []


def test_a_paused_deployment_is_not_undone() -> None:
    session = FakeSession("one", workload(spec={"paused": True}), replica_set("r1", "1"), replica_set("r2", "2"))
    with pytest.raises(KubeError, match="is paused"):
        rollout.undo(session, session.get(DEPLOYMENT, "w", "ns"), "")


# What it says of itself


def test_revisions() -> None:
    one = workload()
    assert rollout.revision(one) == ""
    one["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "3"}
    assert rollout.revision(one) == "3"
    assert rollout.revision(workload(STATEFUL_SET)) == "w-1"
    daemon_set = workload(DAEMON_SET)
    daemon_set["metadata"]["annotations"] = {"deprecated.daemonset.template.generation": "2"}
    assert rollout.revision(daemon_set) == "2"
