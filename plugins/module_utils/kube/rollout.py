# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restart, watch and undo the rollout of a Deployment, StatefulSet or DaemonSet (private to the collection).

All of it as kubectl does it, so that its ``rollout status`` and ``rollout undo`` go on working: kubectl's
pkg/polymorphichelpers, objectrestarter.go, rollout_status.go and rollback.go.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from .errors import Conflict, KubeError
from .merge import patch_between, plain_copy, same
from .pods import of_template, pod_problem, pods_of, selector, worst_pod
from .resources import CONTROLLER_REVISION, DAEMON_SET, DEPLOYMENT, REPLICA_SET, STATEFUL_SET, Object
from .session import Session, identity, retry_on_conflict
from .wait import Done, Outcome, Pending, Progress, Target, silent, wait

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""Annotation of the pod template that ``kubectl rollout restart`` writes."""

KINDS = {kind.kind: kind for kind in (DEPLOYMENT, STATEFUL_SET, DAEMON_SET)}
"""The kinds that are rolled out, by name."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))? ?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_REVISION = "deployment.kubernetes.io/revision"
_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
_POD_TEMPLATE_HASH = "pod-template-hash"
_UNOBSERVED = "its last change is not observed yet"
_LOOK = 5.0  # seconds between looks at the pods, which may say more while their workload says the same


class NotRestartable(KubeError):
    """A restart would have no effect; nothing was written."""


class RolloutFailed(KubeError):
    """A rollout will not come to its end by waiting, or was undone."""


def title(workload: Object) -> str:
    """How messages call a workload: ``Deployment kube-system/coredns``."""
    kind, name, namespace = identity(workload)
    return kind.title(name, namespace)


def restarted_at(workload: Object) -> str:
    """When it was last restarted by ``restart`` or kubectl, as it is written; empty if it never was."""
    return str(_annotations(_template(workload)).get(RESTARTED_AT) or "")


def revision(workload: Object) -> str:
    """The revision that is rolled out, as its controller counts; empty before the first."""
    status = workload.get("status") or {}
    noted = _annotations(workload)
    return str(noted.get(_REVISION) or status.get("updateRevision") or noted.get(_TEMPLATE_GENERATION) or "")


def on_delete(workload: Object) -> bool:
    """Whether its pods are replaced only when somebody deletes them."""
    strategy = (workload.get("spec") or {}).get("updateStrategy") or {}
    return bool(strategy.get("type") == "OnDelete")


def partition(workload: Object) -> int:
    """Ordinal below which a StatefulSet's pods keep the former pod template; 0 if none does."""
    strategy = (workload.get("spec") or {}).get("updateStrategy") or {}
    return int((strategy.get("rollingUpdate") or {}).get("partition") or 0)


def refusal(workload: Object) -> str:
    """Why a workload cannot be restarted; empty if it can. As kubectl, which refuses paused Deployments."""
    if (workload.get("spec") or {}).get("paused"):
        name, namespace = workload["metadata"]["name"], workload["metadata"]["namespace"]
        return f"{title(workload)} is paused: kubectl -n {namespace} rollout resume deployment/{name} makes it go on"
    return ""


def parse_time(text: str) -> datetime | None:
    """A time by RFC 3339, as Kubernetes, kubectl and people write it; None if it is none, or lacks the zone."""
    found = _TIME.fullmatch(text)
    if not found:
        return None
    day, clock, fraction, zone = found.groups()
    try:
        zone = "+00:00" if zone in "Zz" else zone
        return datetime.fromisoformat(f"{day}T{clock}.{fraction or '':0<6.6}{zone}").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def written_time(moment: datetime) -> str:
    """A time as the annotation has it."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


# Restarting


def restart(session: Session, workload: Object, reason: str, *, not_before: datetime | None = None) -> Object:
    """Let all pods of a workload be replaced: one patch of an annotation of the pod template.

    Args:
        session: where it is.
        workload: as it was read; it is read again if somebody else is quicker.
        reason: why, for the result.
        not_before: a time that the annotation must not be earlier than, by whatever clock that time was read.

    Returns:
        The workload as written.

    Raises:
        NotRestartable: it is paused.
        KubeError: it could not be read or written.
    """
    kind, name, namespace = identity(workload)

    def change(live: Object) -> Object:
        if refused := refusal(live):
            raise NotRestartable(refused, session.cluster)
        stamp = parse_time(session.server_time) or datetime.now(timezone.utc).replace(microsecond=0)
        stamp = max(stamp, not_before) if not_before else stamp
        if stamp == parse_time(restarted_at(live)):
            # The same annotation again would start nothing; kubectl refuses two restarts within a second.
            stamp += timedelta(microseconds=1 + time.time_ns() // 1000 % 999999)
        changes = {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: written_time(stamp)}}}}}
        return session.patch(live, changes, reason, guarded=True)

    return retry_on_conflict(change, workload, lambda: session.get(kind, name, namespace))


# Watching


def problem(workload: Object) -> str:
    """Why a workload is not fully rolled out and available; empty if it is.

    What kubectl's ``rollout status`` looks at, and beyond it whether a StatefulSet without a partition has made its
    new revision the current one.
    """
    found = _PROBLEMS[workload["kind"]](workload)
    return f"{workload['kind']} {workload['metadata']['name']}: {found}" if found else ""


def wait_until_rolled_out(
    session: Session, target: Target, *, timeout: float, progress: Progress = silent, start: Object | None = None
) -> Object:
    """Wait until a workload is fully rolled out; a plan waits for nothing.

    Args:
        session: where it is.
        target: the workload.
        timeout: seconds.
        progress: told of each new reason.
        start: the workload as it was written last; read first if not given.

    Returns:
        The workload as it stands then.

    Raises:
        RolloutFailed: it will not come to its end: the progress deadline has passed, or nobody replaces its pods.
        WaitTimeout: the timeout has passed; the message has the words of a pod that does not come up.
        KubeError: it could not be read.
    """
    if session.planning:
        return start if start is not None else session.get(target.kind, target.name, target.namespace)
    hint = (
        f"Mend it and run this again; more is told by: kubectl -n {target.namespace} describe pods, and by "
        f"kubectl -n {target.namespace} describe {target.kind.kind.lower()}/{target.name}."
    )

    def evaluate(item: Object | None) -> Outcome[Object]:
        if item is None:
            return Pending("it does not exist", hint)
        missing = problem(item)
        if not missing:
            return Done(item)
        missing = f"{missing}; {words(session, item)}".rstrip("; ")
        if never := _never(item):
            raise RolloutFailed(f"{title(item)} is not rolled out: {never}: {missing}", session.cluster, hint)
        return Pending(missing, hint)

    return wait(
        session,
        target,
        evaluate,
        goal=f"{target} is rolled out",
        timeout=timeout,
        start=start,
        recheck=_LOOK,
        progress=progress,
    )


def words(session: Session, workload: Object) -> str:
    """What the pods of a workload say about why they do not come up, or why there are none; empty if nothing.

    Raises:
        KubeError: its pods could not be listed.
    """
    if found := worst_pod(session, workload):
        return found
    failures = [each for each in _conditions(workload, "ReplicaFailure") if each.get("status") == "True"]
    return str(failures[0].get("message") or "") if failures else ""


def unavailable(session: Session, namespace: str, names: Iterable[str]) -> str:
    """What keeps the named Deployments of a namespace from being available, pods' own words included; empty if nothing.

    Raises:
        KubeError: they could not be read.
    """
    deployments = {item["metadata"]["name"]: item for item in session.list(DEPLOYMENT, namespace).items}
    for name in names:
        if name not in deployments:
            return f"Deployment {namespace}/{name} does not exist yet"
        # Items of a list do not say what they are.
        deployment = {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.kind, **deployments[name]}
        if missing := problem(deployment):
            return f"{missing}; {words(session, deployment)}".rstrip("; ")
    return ""


# Undoing


def undo(session: Session, workload: Object, reason: str) -> Object:
    """Put the former pod template back, as ``kubectl rollout undo`` does.

    Of a StatefulSet, pods of the template that is undone are deleted where they are not ready: its controller waits
    for them before it goes on, with the old template too (Kubernetes' documentation calls it a forced rollback).

    Args:
        session: where it is.
        workload: as it was read or written last; if its template is another by now, nothing is written.
        reason: why, for the result.

    Returns:
        The workload as written.

    Raises:
        RolloutFailed: there is no former template, or somebody else has changed it meanwhile.
        KubeError: it could not be read or written.
    """
    kind, name, namespace = identity(workload)
    former = _former_template(session, workload)

    def change(live: Object) -> Object:
        if not same(_template(live), _template(workload)):
            raise RolloutFailed(f"{title(live)} was changed by somebody else meanwhile", session.cluster)
        if refused := refusal(live):
            raise RolloutFailed(refused, session.cluster)
        changes = patch_between(_template(live), former)
        return session.patch(live, {"spec": {"template": changes}}, reason, guarded=True) if changes else live

    written = retry_on_conflict(change, workload, lambda: session.get(kind, name, namespace))
    if kind is STATEFUL_SET:
        _delete_stuck(session, workload, reason)
    return written


def _former_template(session: Session, workload: Object) -> Object:
    kind = REPLICA_SET if workload["kind"] == DEPLOYMENT.kind else CONTROLLER_REVISION
    listed = session.list(kind, workload["metadata"]["namespace"], label_selector=selector(workload)).items
    owned = [
        each
        for each in listed
        if any(owner.get("uid") == workload["metadata"]["uid"] for owner in each["metadata"].get("ownerReferences", []))
    ]
    if kind is REPLICA_SET:
        # One without a revision is older than all that have one, or not yet looked at.
        history = sorted((each for each in owned if _annotations(each).get(_REVISION)), key=_replica_set_revision)
    else:
        history = sorted(owned, key=lambda each: int(each.get("revision", 0)))
    if len(history) < 2:
        raise RolloutFailed(
            f"{title(workload)} has no former revision that it could be put back to",
            session.cluster,
            "Kubernetes keeps as many as spec.revisionHistoryLimit says.",
        )
    if kind is REPLICA_SET:
        template: Object = plain_copy(history[-2]["spec"]["template"])
        (template["metadata"].get("labels") or {}).pop(_POD_TEMPLATE_HASH, None)
        return template
    template = plain_copy(history[-2]["data"]["spec"]["template"])
    template.pop("$patch", None)
    return template


def _replica_set_revision(replica_set: Object) -> int:
    return int(_annotations(replica_set)[_REVISION])


def _delete_stuck(session: Session, workload: Object, reason: str) -> None:
    pods = pods_of(session, workload)
    for pod in of_template(workload, pods):
        ready = any(each.get("status") == "True" for each in _conditions(pod, "Ready"))
        if not ready or pod_problem(pod):
            with contextlib.suppress(Conflict):  # another has its name already: what was to go is gone
                session.delete({"apiVersion": "v1", "kind": "Pod", **pod}, reason)


# What a workload says of itself


def _never(workload: Object) -> str:
    """Why a rollout that is not at its end will not get there; empty if it may."""
    if on_delete(workload):
        return "its update strategy is OnDelete, so Kubernetes replaces a pod only when somebody deletes it"
    if refusal(workload):
        return "it is paused"
    if any(each.get("reason") == "ProgressDeadlineExceeded" for each in _conditions(workload, "Progressing")):
        observed = not _unobserved(workload)
        seconds = workload["spec"].get("progressDeadlineSeconds", 600)
        return f"nothing has come up within its progress deadline of {seconds} s" if observed else ""
    return ""


def _deployment_problem(deployment: Object) -> str:
    status, wanted = deployment.get("status") or {}, _replicas(deployment)
    updated, available = int(status.get("updatedReplicas", 0)), int(status.get("availableReplicas", 0))
    former = int(status.get("replicas", 0)) - updated
    if _unobserved(deployment):
        return _UNOBSERVED
    if updated < wanted:
        return f"{updated} of {wanted} pods are updated"
    if available < wanted:
        return f"{available} of {wanted} pods are available"
    if former > 0:
        return f"{former} pods of the former template are still there"
    return ""


def _stateful_set_problem(stateful_set: Object) -> str:
    status, wanted = stateful_set.get("status") or {}, _replicas(stateful_set)
    updating = max(wanted - partition(stateful_set), 0)
    updated, ready = int(status.get("updatedReplicas", 0)), int(status.get("readyReplicas", 0))
    if _unobserved(stateful_set):
        return _UNOBSERVED
    if updated < updating:
        return f"{updated} of {updating} pods are updated"
    if ready < wanted:
        return f"{ready} of {wanted} pods are ready"
    # Kubernetes before 1.22 does not count available ones, and knows no minReadySeconds here.
    available = int(status.get("availableReplicas", 0))
    if stateful_set["spec"].get("minReadySeconds") and available < wanted:
        return f"{available} of {wanted} pods are available"
    through = status.get("updateRevision") == status.get("currentRevision")
    if not through and not partition(stateful_set) and not on_delete(stateful_set):
        return f"revision {status.get('updateRevision')} is not the current one yet"
    return ""


def _daemon_set_problem(daemon_set: Object) -> str:
    status = daemon_set.get("status") or {}
    wanted = int(status.get("desiredNumberScheduled", 0))
    updated, available = int(status.get("updatedNumberScheduled", 0)), int(status.get("numberAvailable", 0))
    if _unobserved(daemon_set):
        return _UNOBSERVED
    if updated < wanted:
        return f"{updated} of {wanted} pods are updated"
    if available < wanted:
        return f"{available} of {wanted} pods are available"
    return ""


_PROBLEMS: dict[str, Callable[[Object], str]] = {
    DEPLOYMENT.kind: _deployment_problem,
    STATEFUL_SET.kind: _stateful_set_problem,
    DAEMON_SET.kind: _daemon_set_problem,
}


def _unobserved(workload: Object) -> bool:
    observed = int((workload.get("status") or {}).get("observedGeneration", 0))
    return observed < int(workload["metadata"].get("generation", 0))


def _replicas(workload: Object) -> int:
    return int((workload.get("spec") or {}).get("replicas", 1))


def _template(workload: Object) -> Object:
    template: Object = (workload.get("spec") or {}).get("template") or {}
    return template


def _annotations(item: Object) -> dict[str, Any]:
    return (item.get("metadata") or {}).get("annotations") or {}


def _conditions(item: Object, kind: str) -> list[Object]:
    conditions = (item.get("status") or {}).get("conditions") or []
    return [each for each in conditions if each.get("type") == kind]
