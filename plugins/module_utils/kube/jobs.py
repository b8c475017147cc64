# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Short-lived Jobs: a program is run inside of a cluster, read, and cleaned away (private to the collection).

A Job's writes stand in no journal: in the end the cluster is as it was, so nothing has changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import Conflict, KubeError, Unreachable
from .pods import pod_problem
from .resources import EVENT, JOB, POD, Object
from .session import FIELD_MANAGER, Session
from .wait import Done, Outcome, Pending, Progress, Target, silent, wait

MANAGED_BY = "app.kubernetes.io/managed-by"

_OWNER = FIELD_MANAGER
_DIGEST = f"{FIELD_MANAGER}/job"
_JOB_NAME = "job-name"  # the label that the job controller gives to pods, in all versions of Kubernetes
_LOOK = 2.0  # seconds between looks at the pod and its events, which are not what is watched
_QUICK_LOOK = 0.5
_MARGIN = 10  # seconds that the Job may live longer than it is waited for
_KEPT = 60  # seconds until Kubernetes removes an ended one by itself, should nobody else
_REPLACED = 30.0  # seconds until a former Job has to be gone
_MOST = 4096  # bytes of output
# Kubelet tries these again and again, with the same result for as long as anyone would wait.
_HOPELESS = ("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError")


class NotStarted(KubeError):
    """A Job's program was never run."""

    default_hint = "The pod's own words say why."


@dataclass(frozen=True)
class Ended:
    """A Job that has come to its end.

    Attributes:
        succeeded: whether its program ended with status 0.
        exit_code: that status; None where nobody tells.
        output: what the program said, both streams.
    """

    succeeded: bool
    exit_code: int | None
    output: str


def run_to_end(
    session: Session,
    *,
    namespace: str,
    name: str,
    pod_spec: Object,
    labels: Mapping[str, str] | None = None,
    timeout: float,
    progress: Progress = silent,
) -> Ended:
    """Run one pod to its end, as a Job that is removed whatever happens.

    One that an earlier call has left is waited for if it is the same and still goes on, and replaced if not.

    Args:
        session: the cluster; not one that only plans.
        namespace: where.
        name: name of the Job.
        pod_spec: the pod; its restartPolicy is always Never.
        labels: more labels, for the Job and its pod.
        timeout: seconds that it may take, its image's pull included.
        progress: told what is going on.

    Raises:
        NotStarted: its pod was not let in, could not pull its image, or did not start in time.
        WaitTimeout: it did not end in time.
        KubeError: it could not be created or looked at.
    """
    if session.planning:
        raise KubeError(f"{JOB.title(name, namespace)} is not run in check mode", session.cluster)
    manifest = _manifest(namespace, name, pod_spec, labels or {}, timeout)
    job: Object | None = None
    try:
        job = _begin(session, manifest)
        return _end(session, job, timeout, progress)
    finally:
        # By its name where the answer to its creation was lost; its own deadline ends what cannot be removed now.
        with contextlib.suppress(KubeError):
            _remove(session, job or _find_own(session, name, namespace))


def _manifest(namespace: str, name: str, pod_spec: Object, labels: Mapping[str, str], timeout: float) -> Object:
    own = {**labels, MANAGED_BY: _OWNER}
    spec = {**pod_spec, "restartPolicy": "Never"}
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
    # A sidecar would outlive the program, and the Job would never end.
    sidecars = {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"}
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "metadata": {"name": name, "namespace": namespace, "labels": own, "annotations": {_DIGEST: digest}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": max(1, round(timeout)) + _MARGIN,
            "ttlSecondsAfterFinished": _KEPT,
            "template": {"metadata": {"labels": own, "annotations": sidecars}, "spec": spec},
        },
    }


def _begin(session: Session, manifest: Object) -> Object:
    """Create the Job, or adopt one that goes on."""
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    try:
        return _create(session, manifest)
    except Conflict:
        former = session.find(JOB, name, namespace)
    except Unreachable as error:
        former = session.find(JOB, name, namespace) if error.maybe_delivered else None
        if former is None:
            raise
    if former is not None:
        if (former["metadata"].get("labels") or {}).get(MANAGED_BY) != _OWNER:
            raise KubeError(
                f"{JOB.title(name, namespace)} exists and is not one of ours", session.cluster, "Remove or rename it."
            )
        if _goes_on(former, manifest):
            return former
        _remove(session, former)
        _wait_until_gone(session, former)
    return _create(session, manifest)


def _create(session: Session, manifest: Object) -> Object:
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    return session.request(
        "POST",
        JOB.path(namespace=namespace),
        manifest,
        query={"fieldManager": FIELD_MANAGER},
        what=f"create {JOB.title(name, namespace)}",
    )


def _goes_on(former: Object, manifest: Object) -> bool:
    """Whether a former Job does the same and has not ended."""
    metadata, status = former["metadata"], former.get("status") or {}
    same = (metadata.get("annotations") or {}).get(_DIGEST) == manifest["metadata"]["annotations"][_DIGEST]
    return same and not metadata.get("deletionTimestamp") and not status.get("succeeded") and not status.get("failed")


def _end(session: Session, job: Object, timeout: float, progress: Progress) -> Ended:
    """Wait for the end of the Job's pod."""
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    uid = job["metadata"]["uid"]

    looked = False

    def evaluate(now: Object | None) -> Outcome[Ended]:
        nonlocal looked
        if now is None or now["metadata"]["uid"] != uid:
            raise NotStarted(f"{JOB.title(name, namespace)} was removed by somebody else", session.cluster)
        status = now.get("status") or {}
        counted = any(status.get(each) for each in ("active", "succeeded", "failed"))
        if not counted and not looked:  # the job controller tells of its pod by the Job, which is watched
            looked = True
            return Pending("its pod does not exist yet", retry_in=_LOOK)
        pod = _pod(session, now)
        if pod is None:
            refusal = _refusal(session, now)
            if refusal:
                raise NotStarted(f"no pod was let in for {JOB.title(name, namespace)}: {refusal}", session.cluster)
            return Pending("its pod does not exist yet", retry_in=_LOOK)
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return Done(_ended(session, pod))
        problem = pod_problem(pod)
        if any(word in problem for word in _HOPELESS):
            raise NotStarted(problem, session.cluster, "Look whether the image can be pulled there.")
        return Pending(problem or f"pod {pod['metadata']['name']} goes on", retry_in=_LOOK)

    return wait(
        session,
        Target(JOB, name, namespace),
        evaluate,
        goal=f"{JOB.title(name, namespace)} has ended",
        timeout=timeout,
        start=job,
        progress=progress,
    )


def _pod(session: Session, job: Object) -> Object | None:
    """The Job's pod; there is never a second one."""
    selector = f"{_JOB_NAME}={job['metadata']['name']}"
    pods = session.list(POD, job["metadata"]["namespace"], label_selector=selector).items
    uid = job["metadata"]["uid"]
    # A replaced Job's pod may still be about to go.
    own = (pod for pod in pods if any(each.get("uid") == uid for each in pod["metadata"].get("ownerReferences") or []))
    return next(own, None)


def _refusal(session: Session, job: Object) -> str:
    """Why the Job has no pod, in the words of its events: admission, a quota."""
    uid = job["metadata"]["uid"]
    events = [
        each
        for each in session.list(EVENT, job["metadata"]["namespace"]).items
        if (each.get("involvedObject") or {}).get("uid") == uid and each.get("reason") == "FailedCreate"
    ]
    return str(events[-1].get("message") or "") if events else ""


def _ended(session: Session, pod: Object) -> Ended:
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or [{}]
    end = (containers[0].get("state") or {}).get("terminated") or {}
    path = POD.path(pod["metadata"]["name"], pod["metadata"]["namespace"])
    output = str(end.get("message") or status.get("message") or "")
    with contextlib.suppress(KubeError):  # a node whose logs cannot be had leaves the termination message
        query = {"limitBytes": str(_MOST)}
        output = session.text(f"{path}/log", f"read the log of pod {pod['metadata']['name']}", query) or output
    code = end.get("exitCode")
    return Ended(status.get("phase") == "Succeeded", None if code is None else int(code), output)


def _find_own(session: Session, name: str, namespace: str) -> Object | None:
    found = session.find(JOB, name, namespace)
    own = found and (found["metadata"].get("labels") or {}).get(MANAGED_BY) == _OWNER
    return found if own else None


def _remove(session: Session, job: Object | None) -> None:
    """Delete a Job with its pods."""
    if job is None:
        return
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": job["metadata"]["uid"]},
    }
    with contextlib.suppress(Conflict):  # another one has its name already
        try:
            session.request("DELETE", JOB.path(name, namespace), options, what=f"delete {JOB.title(name, namespace)}")
        except KubeError as error:
            if error.status != 404:
                raise


def _wait_until_gone(session: Session, job: Object) -> None:
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]

    def evaluate(now: Object | None) -> Outcome[None]:
        gone = now is None or now["metadata"]["uid"] != job["metadata"]["uid"]
        return Done(None) if gone else Pending("it is still there", retry_in=_QUICK_LOOK)

    goal = f"a former {JOB.title(name, namespace)} is gone"
    wait(session, Target(JOB, name, namespace), evaluate, goal=goal, timeout=_REPLACED)
