# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods and Deployments say about themselves, in words (private to the collection)."""

from __future__ import annotations

from .resources import DEPLOYMENT, POD, Object
from .session import Session


def pod_problem(pod: Object) -> str:
    """Why a pod does not do its work; empty if nothing is wrong with it.

    Looks at scheduling, image pulls, crashes and readiness, init containers first.
    """
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"pod {name} is not scheduled: {condition.get('message') or condition.get('reason')}"
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
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


def deployment_problem(deployment: Object) -> str:
    """Why a Deployment is not fully rolled out and available; empty if it is."""
    name = deployment["metadata"]["name"]
    status, wanted = deployment.get("status") or {}, (deployment.get("spec") or {}).get("replicas", 1)
    if int(status.get("observedGeneration", 0)) < int(deployment["metadata"].get("generation", 0)):
        return f"Deployment {name}: its last change is not observed yet"
    if int(status.get("updatedReplicas", 0)) < wanted:
        return f"Deployment {name}: {status.get('updatedReplicas', 0)} of {wanted} pods are updated"
    if int(status.get("availableReplicas", 0)) < wanted:
        return f"Deployment {name}: {status.get('availableReplicas', 0)} of {wanted} pods are available"
    return ""


def unavailable(session: Session, namespace: str, names: tuple[str, ...]) -> str:
    """What keeps the named Deployments of a namespace from being available, pods' own words included; empty if nothing.

    Raises:
        KubeError: they could not be read.
    """
    deployments = {item["metadata"]["name"]: item for item in session.list(DEPLOYMENT, namespace).items}
    for name in names:
        if name not in deployments:
            return f"Deployment {namespace}/{name} does not exist yet"
        problem = deployment_problem(deployments[name])
        if problem:
            return f"{problem}; {worst_pod(session, deployments[name])}".rstrip("; ")
    return ""


def worst_pod(session: Session, deployment: Object) -> str:
    """The first problem among the pods of a Deployment; empty if none has one."""
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    pods = session.list(POD, deployment["metadata"]["namespace"], label_selector=selector).items
    return next(filter(None, map(pod_problem, pods)), "")


def _container_problem(container: Object) -> str:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    ended = state.get("terminated") or {}
    if not ended and not container.get("ready"):  # a former end is history once it works again
        ended = (container.get("lastState") or {}).get("terminated") or {}
    if waiting.get("reason") in (None, "PodInitializing", "ContainerCreating"):
        waiting = {}
    if waiting.get("reason") == "CrashLoopBackOff" or (not waiting and ended.get("exitCode")):
        last_words = str(ended.get("message") or ended.get("reason") or "").strip().splitlines()
        times = f", restarted {container['restartCount']} times" if container.get("restartCount") else ""
        return f"ended with exit code {ended.get('exitCode')}{times}: {last_words[-1] if last_words else 'no message'}"
    if waiting:
        return f"waits: {waiting['reason']}: {waiting.get('message') or 'no message'}"
    return ""
