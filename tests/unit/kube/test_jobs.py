# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of short-lived Jobs, on an API server in a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import jobs
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Forbidden,
    KubeError,
    Unreachable,
    WaitTimeout,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import EVENT, JOB, POD, Object

from tests.unit.fakes import Clock, FakeSession, item

NAME, NAMESPACE = "look", "there"
POD_NAME = f"{NAME}-x"
SPEC: dict[str, Any] = {"containers": [{"name": "wget", "image": "alpine", "command": ["wget", "-O", "-", "x"]}]}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


def pod_of(job: Object, phase: str, **container: Any) -> Object:
    """The pod that the job controller makes."""
    status = {"phase": phase, "containerStatuses": [{"name": "wget", "ready": False, **container}]}
    made = item(POD, POD_NAME, NAMESPACE, status=status)
    made["metadata"]["labels"] = {"job-name": NAME}
    made["metadata"]["ownerReferences"] = [{"uid": job["metadata"]["uid"]}]
    return made


def ended(code: int, message: str = "") -> dict[str, Any]:
    return {"state": {"terminated": {"exitCode": code, "message": message}}}


def controlled(session: FakeSession, pod: Callable[[Object], Object | None]) -> list[Object]:
    """Let a controller make a pod of each new Job; gives the Jobs."""
    made: list[Object] = []

    def on_write(method: str, each: Object) -> None:
        if each["kind"] == "Job" and method == "POST":
            made.append(each)
            if found := pod(each):
                session.put(found)
        if each["kind"] == "Job" and method == "DELETE":
            session.objects.pop(POD.path(POD_NAME, NAMESPACE), None)

    session.on_write = on_write
    return made


def run(session: FakeSession, timeout: float = 20) -> jobs.Ended:
    return jobs.run_to_end(session, namespace=NAMESPACE, name=NAME, pod_spec=SPEC, labels={"a": "b"}, timeout=timeout)


def test_job_is_run_read_and_removed() -> None:
    session = FakeSession()
    made = controlled(session, lambda job: pod_of(job, "Succeeded", **ended(0)))
    session.logs[f"{POD.path(POD_NAME, NAMESPACE)}/log"] = "OK\n"
    assert run(session) == jobs.Ended(True, 0, "OK\n")
    [job] = made
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["activeDeadlineSeconds"] == 30
    assert job["spec"]["ttlSecondsAfterFinished"] > 0
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert job["metadata"]["labels"] == {"a": "b", "app.kubernetes.io/managed-by": "kubesphere.multicluster"}
    assert session.objects == {}
    assert session.journal == []


def test_failure_keeps_its_words() -> None:
    session = FakeSession()
    controlled(session, lambda job: pod_of(job, "Failed", **ended(1, "wget: bad address 'x'")))
    assert run(session) == jobs.Ended(False, 1, "wget: bad address 'x'")
    assert session.objects == {}


def test_image_that_cannot_be_pulled_is_told_at_once(clock: Clock) -> None:
    session = FakeSession()
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
    controlled(session, lambda job: pod_of(job, "Pending", **waiting))
    with pytest.raises(jobs.NotStarted, match="ImagePullBackOff: no such image"):
        run(session)
    assert clock.now < 5
    assert session.objects == {}


def test_pod_that_is_not_let_in_is_told_with_the_words_of_the_event(clock: Clock) -> None:
    session = FakeSession()

    def refuse(job: Object) -> None:
        event = item(EVENT, "e", NAMESPACE, reason="FailedCreate", message="violates PodSecurity restricted")
        session.put({**event, "involvedObject": {"uid": job["metadata"]["uid"]}})

    controlled(session, refuse)
    with pytest.raises(jobs.NotStarted, match="no pod was let in for Job there/look: violates PodSecurity"):
        run(session)
    assert clock.now < 5
    assert JOB.path(NAME, NAMESPACE) not in session.objects


def test_deadline_holds_and_clears_up(clock: Clock) -> None:
    session = FakeSession()
    controlled(session, lambda job: pod_of(job, "Running", ready=True))
    with pytest.raises(WaitTimeout, match="Waited 20 s"):
        run(session)
    assert 20 <= clock.now < 25
    assert session.objects == {}


def test_no_pod_at_all_ends_in_time(clock: Clock) -> None:
    session = FakeSession()
    controlled(session, lambda _job: None)
    with pytest.raises(WaitTimeout, match="its pod does not exist yet"):
        run(session)
    assert clock.now < 25
    assert session.objects == {}


def left_behind(session: FakeSession, spec: dict[str, Any] | None = None, **status: Any) -> Object:
    """The Job of a run that was killed."""
    manifest = jobs._manifest(NAMESPACE, NAME, spec or SPEC, {}, 20)
    manifest["metadata"]["uid"] = "former"
    return session.put({**manifest, "status": status})


def test_job_that_goes_on_is_adopted() -> None:
    session = FakeSession()
    job = left_behind(session, active=1)
    session.put(pod_of(job, "Succeeded", **ended(0, "OK")))
    made = controlled(session, lambda _job: None)
    assert run(session).output == "OK"
    assert made == []
    assert JOB.path(NAME, NAMESPACE) not in session.objects


@pytest.mark.parametrize(
    ("spec", "status"), [(SPEC, {"succeeded": 1}), (SPEC, {"failed": 1}), ({"containers": []}, {"active": 1})]
)
def test_former_job_is_replaced(spec: dict[str, Any], status: dict[str, int]) -> None:
    session = FakeSession()
    former = left_behind(session, spec, **status)
    session.put(pod_of(former, "Succeeded", **ended(0, "stale")))
    made = controlled(session, lambda job: pod_of(job, "Succeeded", **ended(0, "fresh")))
    assert run(session).output == "fresh"
    assert len(made) == 1
    assert session.objects == {}


def test_job_of_somebody_else_is_left_alone() -> None:
    session = FakeSession("one", item(JOB, NAME, NAMESPACE, spec={}))
    with pytest.raises(KubeError, match="is not one of ours"):
        run(session)
    assert JOB.path(NAME, NAMESPACE) in session.objects
    assert [method for method, _path in session.writes] == ["POST"]


def test_lost_answer_to_the_creation_adopts_what_was_created() -> None:
    session = FakeSession()

    def lost() -> Object:
        session.answers.clear()
        job = left_behind(session, active=1)
        session.put(pod_of(job, "Succeeded", **ended(0, "OK")))
        error = Unreachable("gone", "one")
        error.maybe_delivered = True
        raise error

    session.answers[JOB.path(namespace=NAMESPACE)] = lost
    assert run(session).output == "OK"
    assert JOB.path(NAME, NAMESPACE) not in session.objects


def test_refused_creation_is_the_error() -> None:
    session = FakeSession()

    def refused() -> Object:
        raise Forbidden("exceeded quota", "one", status=403)

    session.answers[JOB.path(namespace=NAMESPACE)] = refused
    with pytest.raises(Forbidden, match="exceeded quota"):
        run(session)


def test_interrupt_clears_up() -> None:
    session = FakeSession()

    def interrupted(_job: Object) -> None:
        raise KeyboardInterrupt

    controlled(session, interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(session)
    assert session.objects == {}


def test_plan_makes_none() -> None:
    session = FakeSession(planning=True)
    with pytest.raises(KubeError, match="check mode"):
        run(session)
    assert session.requests == []
