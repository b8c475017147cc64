"""What a pod's containers are doing, and the pod status that kubelet makes of it. Pure: no process, no API."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from ..images import with_tag
from ..kubeapi import Object

ENDED_PHASES = ("Succeeded", "Failed")


def rfc3339(moment: float) -> str:
    """Seconds since the epoch as Kubernetes writes a time."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(text: str) -> float:
    """Seconds since the epoch of a time as Kubernetes writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@dataclass(frozen=True)
class Run:
    """One run of a container, going on or ended. Times are seconds since the epoch."""

    container_id: str
    started: float
    idle: bool = False
    """There is no process: the image just runs."""
    finished: float | None = None
    exit_code: int = 0
    reason: str = ""
    message: str = ""

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self.finished is None

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.finished is not None and self.exit_code == 0

    def terminated(self) -> Object:
        """``state.terminated`` of an ended run."""
        state = {
            "exitCode": self.exit_code,
            "reason": self.reason,
            "message": self.message,
            "startedAt": rfc3339(self.started),
            "finishedAt": rfc3339(self.finished or self.started),
            "containerID": self.container_id,
        }
        return {key: value for key, value in state.items() if value != ""}


class ContainerState:
    """What is known of one container of a pod."""

    def __init__(self, spec: Object) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.restarts = 0
        self.run: Run | None = None
        self.previous: Run | None = None
        self.waiting: tuple[str, str] | None = None
        """Reason and message for not being (re)started yet; it goes before an ended run."""
        self.passed_readiness = False
        self.passed_startup = False

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        return self.run is not None and self.run.running

    @property
    def ready(self) -> bool:
        """Whether the container counts as ready: it runs, and its probes say so."""
        return self.running and self.passed_readiness and self.passed_startup

    def status(self, waiting_for: str, init: bool) -> Object:
        """An entry of ``containerStatuses``.

        Args:
            waiting_for: reason while nothing has been tried yet (ContainerCreating, PodInitializing).
            init: it is an init container: those are ready once they have succeeded.
        """
        last = self.previous
        if self.waiting and not self.running:
            state: Object = {"waiting": _waiting(*self.waiting)}
            last = self.run or self.previous
        elif self.run is None:
            state = {"waiting": {"reason": waiting_for}}
        elif self.run.running:
            state = {"running": {"startedAt": rfc3339(self.run.started)}}
        else:
            state = {"terminated": self.run.terminated()}
        image = with_tag(self.spec["image"])
        entry: Object = {
            "name": self.name,
            "image": image,
            "imageID": image_id(image) if self.run else "",
            "ready": bool(self.run and self.run.succeeded) if init else self.ready,
            "restartCount": self.restarts,
            "state": state,
            "lastState": {"terminated": last.terminated()} if last else {},
        }
        if self.run:
            entry["containerID"] = self.run.container_id
        if not init:
            entry["started"] = self.running and self.passed_startup
        return entry


def _waiting(reason: str, message: str) -> Object:
    return {"reason": reason, **({"message": message} if message else {})}


def image_id(image: str) -> str:
    """An identity of the image's content; here it can only come from the name."""
    repository = image.partition("@")[0].rpartition(":")[0]
    return f"{repository}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def phase(policy: str, init: Sequence[ContainerState], main: Sequence[ContainerState]) -> str:
    """The pod's phase.

    Args:
        policy: the pod's restartPolicy.
        init: its init containers, in order.
        main: its containers.
    """
    for container in init:
        if container.run is None or not container.run.succeeded:
            failed = container.run is not None and not container.run.running
            return "Failed" if failed and policy == "Never" else "Pending"
    runs = [container.run for container in main]
    if any(run is None for run in runs):
        return "Pending"
    if any(run and run.running for run in runs) or policy == "Always":
        return "Running"
    if all(run and run.succeeded for run in runs):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def conditions(
    pod: Object, now_phase: str, init: Sequence[ContainerState], main: Sequence[ContainerState], now: str
) -> list[Object]:
    """The conditions that kubelet owns, with the time of their last change kept where they did not change."""
    incomplete = [c.name for c in init if c.run is None or not c.run.succeeded]
    unready = [c.name for c in main if not c.ready]
    existing = {c["type"]: c for c in pod.get("status", {}).get("conditions") or ()}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    closed = [gate for gate in gates if existing.get(gate, {}).get("status") != "True"]
    initialized = ("ContainersNotInitialized", f"containers with incomplete status: [{' '.join(incomplete)}]")
    containers = ("ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    if now_phase == "Succeeded":
        completed = ("PodCompleted", "")
        wanted = {"Initialized": completed, "Ready": completed, "ContainersReady": completed}
        good = {"Initialized"}
    else:
        gate_text = "; ".join(
            f'corresponding condition of pod readiness gate "{gate}" does not exist.' for gate in closed
        )
        ready = containers if unready else ("ReadinessGatesNotReady", gate_text)
        wanted = {"Initialized": initialized, "Ready": ready, "ContainersReady": containers}
        good = {"Initialized"} if not incomplete else set()
        good |= {"ContainersReady"} if not unready else set()
        good |= {"Ready"} if not unready and not closed else set()
    result = []
    for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled"):
        is_good = kind in good or kind == "PodScheduled"
        reason, message = wanted.get(kind, ("", ""))
        shown = not is_good or reason == "PodCompleted"
        before = existing.get(kind, {})
        same = before.get("status") == ("True" if is_good else "False")
        result.append(
            {
                "type": kind,
                "status": "True" if is_good else "False",
                "reason": reason if shown and reason else None,
                "message": message if shown and message else None,
                "lastProbeTime": None,
                "lastTransitionTime": before.get("lastTransitionTime", now) if same else now,
            }
        )
    return result


def pod_status(
    pod: Object, init: Sequence[ContainerState], main: Sequence[ContainerState], address: str, now: str
) -> Object:
    """The part of a pod's status that kubelet owns, as a strategic merge patch (None takes a field away)."""
    now_phase = phase(pod["spec"].get("restartPolicy", "Always"), init, main)
    waiting_for = "PodInitializing" if init else "ContainerCreating"
    status: Object = {
        "phase": now_phase,
        "conditions": conditions(pod, now_phase, init, main, now),
        "hostIP": address,
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": pod.get("status", {}).get("startTime") or now,
        "containerStatuses": [c.status(waiting_for, init=False) for c in main],
        "reason": None,
        "message": None,
    }
    if init:
        status["initContainerStatuses"] = [c.status("PodInitializing", init=True) for c in init]
    return status
