# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods say about themselves, in words (private to the collection)."""

from __future__ import annotations

from .errors import KubeError
from .resources import POD, Object
from .session import Session

_LONGEST_LINE = 300  # characters of a log's line that a message takes


def pod_problem(pod: Object) -> str:
    """Why a pod does not do its work; empty if nothing is wrong with it.

    Looks at scheduling, image pulls, crashes and readiness, init containers first.
    """
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"pod {name} is not scheduled: {condition.get('message') or condition.get('reason')}"
    containers = _containers(pod)
    for container in containers:
        problem = _container_problem(container)
        if problem:
            return f"pod {name}: container {container['name']} {problem}"
    if status.get("phase") in ("Failed", "Unknown"):
        return f"pod {name} is {status['phase']}: {status.get('message') or status.get('reason') or 'no reason given'}"
    unready = [container["name"] for container in containers if not container.get("ready")]
    if status.get("phase") == "Running" and unready:
        return f"pod {name}: container {unready[0]} is not ready"
    return ""


def worst_pod(session: Session, workload: Object) -> str:
    """The first problem among the pods of a Deployment, StatefulSet or DaemonSet, newest pods first; empty if none.

    Of a crashed container the last line of its log is told where its end left no message.

    Raises:
        KubeError: its pods could not be listed.
    """
    pods = pods_of(session, workload)
    for pod in newest(of_template(workload, pods) or pods):
        problem = pod_problem(pod)
        if problem:
            return problem + _last_line(session, pod)
    return ""


def pods_of(session: Session, workload: Object) -> list[Object]:
    """The pods of a Deployment, StatefulSet or DaemonSet by its selector, those that are about to go aside.

    Raises:
        KubeError: they could not be listed.
    """
    found = session.list(POD, workload["metadata"]["namespace"], label_selector=selector(workload)).items
    return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]


def selector(workload: Object) -> str:
    """The label selector of a workload as the API takes it in a query."""
    stated = workload["spec"]["selector"]
    terms = [f"{key}={value}" for key, value in sorted((stated.get("matchLabels") or {}).items())]
    for expression in stated.get("matchExpressions") or []:
        key, values = expression["key"], ",".join(expression.get("values") or [])
        operator = expression["operator"]
        terms.append({"Exists": key, "DoesNotExist": f"!{key}"}.get(operator, f"{key} {operator.lower()} ({values})"))
    return ",".join(terms)


def of_template(workload: Object, pods: list[Object]) -> list[Object]:
    """Those pods that carry the annotations of the workload's present pod template.

    A restart is an annotation of the template, and pods take it over: so the pods before it are told from those after.
    """
    wanted = (workload["spec"].get("template") or {}).get("metadata", {}).get("annotations") or {}
    return [pod for pod in pods if wanted.items() <= (pod["metadata"].get("annotations") or {}).items()]


def newest(pods: list[Object]) -> list[Object]:
    """Pods in the order of their age, the youngest first."""
    return sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""), reverse=True)


def _containers(pod: Object) -> list[Object]:
    """What a pod's containers are doing, init containers first."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _container_problem(container: Object) -> str:
    waiting, ended = _waiting(container), _ended(container)
    if ended:
        last_words = str(ended.get("message") or ended.get("reason") or "").strip().splitlines()
        times = f", restarted {container['restartCount']} times" if container.get("restartCount") else ""
        return f"ended with exit code {ended.get('exitCode')}{times}: {last_words[-1] if last_words else 'no message'}"
    if waiting:
        return f"waits: {waiting['reason']}: {waiting.get('message') or 'no message'}"
    return ""


def _waiting(container: Object) -> Object:
    """What a container waits for, where that is no usual part of its start; empty if it does not wait."""
    waiting: Object = (container.get("state") or {}).get("waiting") or {}
    return {} if waiting.get("reason") in (None, "PodInitializing", "ContainerCreating") else waiting


def _ended(container: Object) -> Object:
    """How a container has ended, where that is its problem; empty if it is not."""
    ended: Object = (container.get("state") or {}).get("terminated") or {}
    if not ended and not container.get("ready"):  # a former end is history once it works again
        ended = (container.get("lastState") or {}).get("terminated") or {}
    waiting = _waiting(container).get("reason")
    if waiting == "CrashLoopBackOff":
        return ended or {"exitCode": None}
    return ended if not waiting and ended.get("exitCode") else {}


def _last_line(session: Session, pod: Object) -> str:
    """The last line of the log of a pod's crashed container, as the end of a message; empty if its end has a message.

    Kubernetes puts the log's end into the message only where the container's terminationMessagePolicy asks for it.
    """
    container = next(filter(_container_problem, _containers(pod)), {})
    ended = _ended(container)
    if not ended or str(ended.get("message") or "").strip():
        return ""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    former = not (container.get("state") or {}).get("terminated")
    query = {"container": container["name"], "tailLines": "5", **({"previous": "true"} if former else {})}
    try:
        log = session.text(f"{POD.path(name, namespace)}/log", f"read the log of pod {namespace}/{name}", query)
    except KubeError:  # it only explains: the node may have thrown the log away
        return ""
    lines = log.strip().splitlines()
    return f", its last line: {lines[-1].strip()[:_LONGEST_LINE]}" if lines else ""
