"""One pod on the node: a state machine that is called again whenever something has happened to the pod.

``Pod.sync`` looks at what is wanted and what is there, does the next steps, writes the status, and asks to be called
again where time itself is what has to pass. It never waits.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from ..images import Kind, Program, resolve, valid
from ..kubeapi import STRATEGIC_MERGE_PATCH, ApiError, KubeApi, Object
from . import dns, probes
from .container import LOST, Container, Launch
from .environment import ConfigError, Fetch, container_environment, expand, expand_all
from .events import Events, now
from .processes import Monitor
from .status import ENDED_PHASES, ContainerState, Run, epoch, pod_status
from .volumes import VolumeError, Volumes

BACK_OFF_FIRST = 1.0
BACK_OFF_LAST = 30.0
BACK_OFF_RESET = 60.0
"""Seconds before the second restart, at most, and after which a run counts as good. A tenth of kubelet's 10 s, 300 s
and 600 s: the order of what is seen is the same, and every test of a crash waits for it."""

VOLUME_RETRY_FIRST = 0.5
VOLUME_RETRY_LAST = 10.0
"""Seconds between attempts to set up volumes; kubelet doubles from 0.5 s too (and goes up to two minutes)."""

RETRY = 1.0
"""Seconds after which a token is asked for again where it could not be had."""

FIRST_READINESS_EVERY = 0.25
FIRST_READINESS_FOR = 10.0
"""Until a container has been ready for the first time it is asked more often than its probe says, so that a process
which listens after half a second does not count as unready for a whole period. Failures before that change nothing."""

CHECKOUT = Path(__file__).resolve().parents[3]

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Surroundings:
    """What all pods of a node share."""

    api: KubeApi
    node: str
    address: str
    cluster: str
    state: Path
    """The node's state folder, absolute; it lies in the cluster's."""
    events: Events
    monitor: Monitor
    fetch: Fetch
    wake: Callable[[str, float], None]
    """Have ``sync`` called for the pod with this uid, in so many seconds. Only the earliest wish counts, so every call
    of ``sync`` asks anew for what it waits for."""
    schedule_probe: Callable[[tuple[str, str, str], float], None]
    """Have ``probe`` called for (uid, container, kind of probe), in so many seconds."""
    service_environment: Callable[[], dict[str, str]]
    """Where the cluster's API server is for its pods."""
    assets: Path | None
    """Folder with real KubeSphere binaries."""


class Pod:
    """A pod that is bound to this node."""

    def __init__(self, around: Surroundings, wanted: Object) -> None:
        metadata = wanted["metadata"]
        self.uid: str = metadata["uid"]
        self.wanted = wanted
        self.gone = False
        self.forgotten = False
        self.folder = pods_folder(around.state) / f"{metadata['namespace']}_{metadata['name']}_{self.uid}"
        self._around = around
        self._lock = threading.Lock()
        self._reported: Object | None = None
        self._mounted = False
        self._volume_delay = VOLUME_RETRY_FIRST
        machine = around.state / "machine"
        self._volumes = Volumes(self.folder / ".volumes", machine, around.api, around.fetch)
        spec = wanted["spec"]
        self.init = [self._container(each, "initContainerStatuses") for each in spec.get("initContainers") or ()]
        self.main = [self._container(each, "containerStatuses") for each in spec["containers"]]
        self._schedule_found_probes()

    @property
    def containers(self) -> list[Container]:
        """All containers, those that initialise first."""
        return [*self.init, *self.main]

    @property
    def policy(self) -> str:
        """The pod's restartPolicy."""
        return str(self.wanted["spec"].get("restartPolicy") or "Always")

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.wanted["metadata"]["namespace"], self.wanted["metadata"]["name"]

    def refresh_volumes(self) -> None:
        """Bring volumes up to date after a ConfigMap or Secret has changed."""
        with self._lock:
            if self._mounted and not self.gone:
                self._refresh()

    def _refresh(self) -> None:
        try:
            self._volumes.refresh(self._described())
        except VolumeError as error:
            self._say(f"volume {error.volume} kept as it is: {error}")

    def sync(self) -> None:
        """Do what can be done now.

        Raises:
            ApiError, OSError, http.client.HTTPException: the API server refused or was not there; to be called again.
        """
        with self._lock:
            if self.gone:
                self._clear_away()
            elif self.wanted["metadata"].get("deletionTimestamp"):
                self._end()
            else:
                self._advance()
                self._report()

    def probe(self, name: str, kind: str) -> float | None:
        """Carry out a probe; returns the seconds until the next, or None where there shall be none."""
        container = next(each for each in self.main if each.name == name)
        run = container.run
        spec = container.spec[kind]
        period = float(spec.get("periodSeconds") or 10)
        if self.gone or run is None or not run.running:
            return None
        if kind != "startupProbe" and not container.passed_startup:
            return FIRST_READINESS_EVERY
        early = run.started + float(spec.get("initialDelaySeconds") or 0) - time.time()
        if early > 0:
            return early
        process = container.process()
        if process is None:  # it is about to start, or has just ended
            return FIRST_READINESS_EVERY
        passed, output = probes.check(spec, container.spec, self._around.address, process)
        if container.run is not run:
            return None
        first = kind != "livenessProbe" and not container.ready and time.time() - run.started < FIRST_READINESS_FOR
        if not passed and first:
            return min(period, FIRST_READINESS_EVERY)
        self._judge(container, kind, spec, passed, output)
        return None if kind == "startupProbe" and container.passed_startup else period

    def _judge(self, container: Container, kind: str, spec: Object, passed: bool, output: str) -> None:
        counts, others = container.successes, container.failures
        if not passed:
            counts, others = others, counts
            text = f"{probes.TITLES[kind]} probe failed: {output}"
            self._event("Unhealthy", text, container, warning=True)
        counts[kind], others[kind] = counts.get(kind, 0) + 1, 0
        threshold = int(spec.get("successThreshold") or 1) if passed else int(spec.get("failureThreshold") or 3)
        if counts[kind] < threshold:
            return
        before = container.ready
        if kind == "readinessProbe":
            container.passed_readiness = passed
        elif passed and kind == "startupProbe":
            container.passed_startup = True
        elif not passed and container.kill_at is None:
            title = probes.TITLES[kind].lower()
            self._event("Killing", f"Container {container.name} failed {title} probe, will be restarted", container)
            container.stop(self._grace())
        if before != container.ready or not passed:
            self._wake()

    def _container(self, spec: Object, statuses: str) -> Container:
        container = Container(self.folder / spec["name"], spec, self._around.monitor, self._wake)
        known = self.wanted.get("status", {}).get(statuses) or ()
        status = next((entry for entry in known if entry["name"] == container.name), None)
        if status and status.get("containerID"):
            if container.run is None:
                _take_over(container, status)
            elif container.running and not container.run.idle:
                container.passed_readiness = status["ready"]
                container.passed_startup = status.get("started", True)
        return container

    def _schedule_found_probes(self) -> None:
        for container in self.main:
            if container.running:
                self._schedule_probes(container)

    def _advance(self) -> None:
        if self.wanted.get("status", {}).get("phase") in ENDED_PHASES or self._over_deadline():
            return
        if not self._set_up_volumes():
            return
        self._renew_tokens()
        for container in self.init:
            if not (container.run and container.run.succeeded):
                self._keep_running(container, "OnFailure" if self.policy == "Always" else self.policy)
                if not (container.run and container.run.succeeded):
                    return
        for container in self.main:
            self._keep_running(container, self.policy)

    def _over_deadline(self) -> bool:
        """Whether the pod has used up its activeDeadlineSeconds; its containers are ended then."""
        seconds = self.wanted["spec"].get("activeDeadlineSeconds")
        started = self.wanted.get("status", {}).get("startTime")
        if not seconds or not started:
            return False
        left = epoch(started) + seconds - time.time()
        if left > 0:
            self._wake(left)
            return False
        self._stop_all(self._grace())
        return True

    def _set_up_volumes(self) -> bool:
        if self._mounted:
            return True
        try:
            self._volumes.set_up(self._described())
        except VolumeError as error:
            text = f'MountVolume.SetUp failed for volume "{error.volume}" : {error}'
            self._around.events.pod(self.wanted, "FailedMount", text, warning=True)
            self._wake(self._volume_delay)
            self._volume_delay = min(self._volume_delay * 2, VOLUME_RETRY_LAST)
            return False
        self._mounted = True
        return True

    def _renew_tokens(self) -> None:
        """Replace service account tokens that are soon too old; called at every turn, since it asks for the next."""
        if self._volumes.renewal() == 0.0:
            self._refresh()
        renewal = self._volumes.renewal()
        if renewal is not None:
            self._wake(renewal + RETRY)

    def _keep_running(self, container: Container, policy: str) -> None:
        """Start a container where it should run and does not."""
        run = container.run
        if run and run.running:
            left = container.check_deadline()
            if left is not None:
                self._wake(left)
            return
        if run and (policy == "Never" or (policy == "OnFailure" and run.succeeded)):
            return
        if run and self._backs_off(container, run):
            return
        program = self._pull(container)
        if program:
            self._start(container, program)

    def _backs_off(self, container: Container, run: Run) -> bool:
        """Whether a container that ended has to wait before it is started again: the first time it has not."""
        assert run.finished is not None
        if run.finished - run.started > BACK_OFF_RESET:
            container.back_off = 0.0
        left = run.finished + container.back_off - time.time()
        if container.back_off and left > 0:
            if container.waiting is None:
                namespace, name = self.key
                place = f"restarting failed container={container.name} pod={name}_{namespace}({self.uid})"
                container.waiting = ("CrashLoopBackOff", f"back-off {container.back_off:.0f}s {place}")
                self._event("BackOff", "Back-off restarting failed container", container, warning=True)
            self._wake(left)
            return True
        container.back_off = min(container.back_off * 2, BACK_OFF_LAST) or BACK_OFF_FIRST
        return False

    def _pull(self, container: Container) -> Program | None:
        """What the container's image means; None, and the container waits, where there is no such image."""
        image = container.spec["image"]
        always = container.spec.get("imagePullPolicy") == "Always"
        if not valid(image):
            text = f'Failed to apply default image tag "{image}": couldn\'t parse image reference "{image}"'
            self._hold(container, "InvalidImageName", text, "InspectFailed")
            return None
        left = container.pull_at - time.monotonic()
        if left > container.pull_delay / 2:  # the failure itself is shown for a while
            self._wake(left - container.pull_delay / 2)
            return None
        if left > 0:
            self._hold(container, "ImagePullBackOff", f'Back-off pulling image "{image}"', "BackOff")
            self._wake(left)
            return None
        program = None if self._absent(image) else self._program(container, {})
        if program and always:
            self._event("Pulling", f'Pulling image "{image}"', container)
            self._event("Pulled", f'Successfully pulled image "{image}" in 1ms', container)
        elif program:
            self._event("Pulled", f'Container image "{image}" already present on machine', container)
        elif container.spec.get("imagePullPolicy") == "Never":
            text = f'Container image "{image}" is not present with pull policy of Never'
            self._hold(container, "ErrImageNeverPull", text, "ErrImageNeverPull")
        else:
            self._event("Pulling", f'Pulling image "{image}"', container)
            text = f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": not found'
            self._event("Failed", f'Failed to pull image "{image}": {text}', container, warning=True)
            container.waiting = ("ErrImagePull", text)
            self._event("Failed", "Error: ErrImagePull", container, warning=True)
            container.pull_delay = min(container.pull_delay * 2, BACK_OFF_LAST) or BACK_OFF_FIRST
            container.pull_at = time.monotonic() + container.pull_delay
            self._wake(container.pull_delay / 2)
        return program

    def _hold(self, container: Container, reason: str, message: str, event: str) -> None:
        """Have the container wait, and say it once."""
        if container.waiting != (reason, message):
            container.waiting = (reason, message)
            self._event(event, message, container, warning=event != "BackOff")
            self._event("Failed", f"Error: {reason}", container, warning=True)

    def _absent(self, image: str) -> bool:
        """Whether a test has taken the image away: standin.json, ``{"node": {"absentImages": ["*/tower:v0.2.1"]}}``."""
        try:
            knobs = json.loads((self._around.state.parent / "standin.json").read_text())
        except (FileNotFoundError, ValueError):
            return False
        return any(fnmatch(image, pattern) for pattern in knobs.get("node", {}).get("absentImages", ()))

    def _program(self, container: Container, variables: dict[str, str]) -> Program | None:
        command = expand_all(container.spec.get("command"), variables)
        args = expand_all(container.spec.get("args"), variables)
        return resolve(container.spec["image"], command, args, self._around.assets)

    def _start(self, container: Container, program: Program) -> None:
        described = self._described()
        try:
            env = self._environment(container, described)
            mounts = [self._mount(entry, env) for entry in container.spec.get("volumeMounts") or ()]
        except ConfigError as error:
            self._hold(container, "CreateContainerConfigError", str(error), "Failed")
            self._wake(container.back_off or BACK_OFF_FIRST)
            return
        program = self._program(container, env) or program
        words = container.spec.get("terminationMessagePath") or "/dev/termination-log"
        mounts.append({"source": str(container.folder / "termination-log"), "target": words, "readOnly": False})
        mounts += self._files(program)
        launch = Launch(program, env, self._cwd(container, program), env["HOSTNAME"], [*self._kept(), *mounts])
        container.start(launch)
        self._event("Created", f"Created container {container.name}", container)
        self._event("Started", f"Started container {container.name}", container)
        if program.kind is Kind.IDLE:
            container.passed_readiness = container.passed_startup = True
            if container in self.init or self.policy != "Always":
                container.finish_idle()
        elif container in self.main:
            container.passed_startup = "startupProbe" not in container.spec
            container.passed_readiness = "readinessProbe" not in container.spec
            self._schedule_probes(container)

    def _schedule_probes(self, container: Container) -> None:
        assert container.run
        if not container.run.idle:
            for kind in probes.KINDS:
                if kind in container.spec:
                    self._around.schedule_probe((self.uid, container.name, kind), 0.0)

    def _environment(self, container: Container, described: Object) -> dict[str, str]:
        spec = self.wanted["spec"]
        around = self._around
        base = {
            "PATH": SYSTEM_PATH,
            "HOME": "/root",
            "HOSTNAME": around.node if spec.get("hostNetwork") else spec.get("hostname") or self.key[1],
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "SANDBOX_CLUSTER": around.cluster,
            "SANDBOX_STATE": str(around.state.parent),
            "POD_IP": around.address,
            **({"KUBESPHERE_ASSETS": str(around.assets)} if around.assets else {}),
            **around.service_environment(),
        }
        return container_environment(described, container.spec, around.fetch, base)

    def _mount(self, entry: Object, env: dict[str, str]) -> Object:
        sub_path = expand(entry.get("subPathExpr") or "", env) or entry.get("subPath") or ""
        source, read_only = self._volumes.mount(entry["name"], sub_path)
        return {
            "source": str(source),
            "target": entry["mountPath"],
            "readOnly": read_only or bool(entry.get("readOnly")),
        }

    def _files(self, program: Program) -> list[Object]:
        """Files that every container finds, and those that the image of tower has."""
        files = dns.resolver_files(self._around.state, self._around.address, self.key[0])
        if program.kind is Kind.BINARY and Path(program.argv[0]).name == "proxy":
            # Imported here: the package cryptography is a third of this process.
            from ..certificates import tower_authority

            authority = tower_authority(self._around.state.parent)
            files |= {"/ca.crt": authority.certificate_file, "/ca.key": authority.key_file}
        return [{"source": str(path), "target": target, "readOnly": True} for target, path in files.items()]

    def _cwd(self, container: Container, program: Program) -> str:
        if program.kind is Kind.STAND_IN:
            return str(CHECKOUT)
        return container.spec.get("workingDir") or "/"

    def _kept(self) -> list[Object]:
        """The program's own places, which a container's private root must not hide or freeze."""
        places = [CHECKOUT, self._around.state.parent, Path(sys.prefix), Path(sys.base_prefix)]
        if self._around.assets:
            places.append(self._around.assets)
        paths = dict.fromkeys(str(place) for place in places)
        return [{"source": path, "target": path, "readOnly": False} for path in paths]

    def _end(self) -> None:
        """Deletion: end the containers, then take the object away, as only the node may do."""
        ended = self._stop_all(self._grace())
        self._report()
        if not ended:
            return
        namespace, name = self.key
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}}
        try:
            self._around.api.delete(f"/api/v1/namespaces/{namespace}/pods/{name}", options)
        except ApiError as error:
            if error.status != 409:  # another pod has the name by now
                raise

    def _clear_away(self) -> None:
        """The object has gone: nothing of the pod may stay."""
        if self._stop_all(0):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.forgotten = True

    def _grace(self) -> float:
        metadata, spec = self.wanted["metadata"], self.wanted["spec"]
        seconds = metadata.get("deletionGracePeriodSeconds", spec.get("terminationGracePeriodSeconds"))
        return 30.0 if seconds is None else float(seconds)

    def _stop_all(self, grace: float) -> bool:
        """Have every container end; True once all have."""
        for container in self.containers:
            if container.running:
                if container.kill_at is None and not self.gone:
                    self._event("Killing", f"Stopping container {container.name}", container)
                container.stop(grace)
                left = container.check_deadline()
                if left is not None:
                    self._wake(left)
        return not any(container.running for container in self.containers)

    def _described(self) -> Object:
        """The pod with the addresses that it has here, though its status may not say so yet."""
        address = self._around.address
        status = {**self.wanted.get("status", {}), "hostIP": address, "podIP": address, "podIPs": [{"ip": address}]}
        return {**self.wanted, "status": status}

    def _report(self) -> None:
        """Write the status, where it differs from what was written last."""
        if self.wanted.get("status", {}).get("phase") in ENDED_PHASES and not self._reported:
            return
        pod = self.wanted
        if self._reported:
            pod = {**pod, "status": {**pod.get("status", {}), **self._reported}}
        init: list[ContainerState] = [*self.init]
        main: list[ContainerState] = [*self.main]
        status = pod_status(pod, init, main, self._around.address, now())
        if self._over_deadline() and not any(container.running for container in self.containers):
            text = "Pod was active on the node longer than the specified deadline"
            status |= {"phase": "Failed", "reason": "DeadlineExceeded", "message": text}
        if status == self._reported:
            return
        namespace, name = self.key
        body = {"metadata": {"uid": self.uid}, "status": status}
        try:
            self._around.api.patch(f"/api/v1/namespaces/{namespace}/pods/{name}/status", body, STRATEGIC_MERGE_PATCH)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
        self._reported = status

    def _event(self, reason: str, message: str, container: Container, warning: bool = False) -> None:
        kind = "initContainers" if container in self.init else "containers"
        self._around.events.pod(self.wanted, reason, message, f"spec.{kind}{{{container.name}}}", warning)

    def _wake(self, delay: float = 0.0) -> None:
        self._around.wake(self.uid, delay)

    def _say(self, text: str) -> None:
        print(f"pod {'/'.join(self.key)}: {text}", file=sys.stderr, flush=True)


def pods_folder(state: Path) -> Path:
    """Where the pods' folders are, in the node's state folder."""
    return state / "pods"


def _take_over(container: Container, status: Object) -> None:
    """Go on from what the API server knows of a container whose folder has been lost."""
    container.restarts = status["restartCount"]
    ended = status["state"].get("terminated")
    moment = epoch(ended["finishedAt"]) if ended and ended.get("finishedAt") else time.time()
    container.run = Run(
        container_id=status["containerID"],
        started=moment,
        finished=moment,
        exit_code=ended["exitCode"] if ended else LOST,
        reason=ended.get("reason", "") if ended else "ContainerStatusUnknown",
    )
