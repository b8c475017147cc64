"""One container of a pod on this machine: its folder, its process, its log.

The folder is the state: a node that is started again finds there what it needs to go on with a running container.

    pid               "pid starttime" of the container's own process, the first of its PID namespace
    shim              the same for the shim, which waits for it
    exit              its exit status, written by the shim, so that it is not lost while no node runs
    state.json        runs and restarts
    output            named pipe from the process to the node; the process holds both ends, so it survives the node
    <restarts>.log    what it wrote; the one before is kept for ``kubectl logs --previous``
    termination-log   what the process left as its last words
    work, run.json    empty folder for the root file system, and what enter.py is to do

The shim is a shell of about 1 MB. When the first process of a PID namespace ends the kernel ends all others in it:
nothing that a container started can stay behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..images import Program
from ..kubeapi import Object
from .enter import START_ERROR
from .logs import LogWriter, tail_of
from .processes import Monitor, Record
from .status import ContainerState, Run

SHIM = """
(exec "$1" -I -S "$2" "$3" 1<>"$4" 2>&1)
echo $? >"$5"
"""
"""What a shell does that ``unshare`` has put into new namespaces. Its first child is the first process of the PID
namespace, and after that one's end it could start no other: the exit status is written by the shell itself. (With
``unshare --fork`` in its place a SIGKILL would come out as status 1, as of util-linux 2.38.) The parentheses keep the
shell's own word about a killed child out of the container's log."""

START_WAIT = 5.0
"""Seconds that a start is waited for, as kubelet waits for its runtime; it takes some hundredths."""

LOST = 137
"""Exit code of a container whose end nobody saw, as kubelet reports it."""

MESSAGE_BYTES = 4096
LOG_MESSAGE_LINES = 80
LOG_MESSAGE_BYTES = 2048


@dataclass(frozen=True)
class Launch:
    """What a container's process is started with."""

    program: Program
    env: dict[str, str]
    cwd: str
    hostname: str
    mounts: list[Object]
    """``source``, ``target`` and ``readOnly`` each."""


class Container(ContainerState):
    """A container that can be started, stopped and found again."""

    def __init__(self, folder: Path, spec: Object, monitor: Monitor, changed: Callable[[], None]) -> None:
        """Find what an earlier node left in the folder, or begin anew.

        Args:
            folder: the container's folder; made at the first start.
            spec: its part of the pod's spec.
            monitor: where its process and its output are waited for.
            changed: called, in any thread, when a run has ended.
        """
        super().__init__(spec)
        self.folder = folder
        self.kill_at: float | None = None
        self.back_off = 0.0
        self.pull_delay = 0.0
        self.pull_at = 0.0
        self.failures: dict[str, int] = {}
        self.successes: dict[str, int] = {}
        self.log: LogWriter | None = None
        self._monitor = monitor
        self._changed = changed
        self._shim: subprocess.Popen[bytes] | None = None
        self._output = -1
        self._handle = -1
        self._load()

    def log_path(self, previous: bool = False) -> Path:
        """File of the present run's log, or of the one before."""
        return self.folder / f"{self.restarts - previous}.log"

    def start(self, launch: Launch) -> None:
        """Start a run. One that ended becomes the previous one."""
        if self.run:
            self.previous, self.restarts = self.run, self.restarts + 1
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("pid", "shim", "exit", "error", "termination-log", f"{self.restarts - 2}.log"):
            (self.folder / name).unlink(missing_ok=True)
        self.kill_at, self.waiting = None, None
        self.failures, self.successes = {}, {}
        self.passed_readiness = self.passed_startup = False
        idle = not launch.program.argv
        self.run = Run(f"sandbox://{uuid.uuid4().hex}{uuid.uuid4().hex}", time.time(), idle)
        self.log_path().touch()
        (self.folder / "termination-log").touch()
        self._save()
        if not idle:
            self._start_process(launch)

    def finish_idle(self) -> None:
        """End a run that has no process."""
        self._finish(0)

    def stop(self, grace: float) -> None:
        """End the run: SIGTERM now, SIGKILL after so many seconds, by ``check_deadline``."""
        if self.run is None or not self.run.running:
            return
        if self.run.idle:
            self._finish(0)
            return
        kill_at = time.monotonic() + grace
        if self.kill_at is not None:
            self.kill_at = min(self.kill_at, kill_at)
            return
        process = self.process()
        # The first process of a PID namespace does not get a SIGTERM that it has no handler for: on a real node its pod
        # takes the whole grace period to go. Nothing can happen in that time, so it is not waited for here.
        self.kill_at = kill_at if process and process.heeds(signal.SIGTERM) else 0.0
        if process and grace > 0:
            process.signal(signal.SIGTERM)

    def check_deadline(self) -> float | None:
        """Kill what has outlived its grace period; return the seconds left otherwise, None where nothing is ending."""
        if self.kill_at is None or not self.running:
            return None
        left = self.kill_at - time.monotonic()
        if left > 0:
            return left
        self.kill()
        return None

    def kill(self) -> None:
        """End the process at once."""
        process = self.process() or Record.read(self.folder / "shim")
        if process:
            process.signal(signal.SIGKILL)

    def process(self) -> Record | None:
        """The container's own process, as far as it runs."""
        record = Record.read(self.folder / "pid")
        return record if record and record.alive else None

    def _start_process(self, launch: Launch) -> None:
        work = self.folder / "work"
        work.mkdir(exist_ok=True)
        run_file, output = self.folder / "run.json", self.folder / "output"
        run_file.touch(mode=0o600)
        run = {
            "argv": launch.program.argv,
            "env": launch.env,
            "cwd": launch.cwd,
            "hostname": launch.hostname,
            "mounts": launch.mounts,
            "work": str(work),
            "pid": str(self.folder / "pid"),
            "error": str(self.folder / "error"),
        }
        run_file.write_text(json.dumps(run))
        with contextlib.suppress(FileExistsError):
            os.mkfifo(output, 0o600)
        self._open_output()
        enter = Path(__file__).with_name("enter.py")
        arguments = [sys.executable, enter, run_file, output, self.folder / "exit"]
        self._shim = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--uts", "sh", "-c", SHIM, "shim", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        record = Record.of(self._shim.pid)
        if record:
            record.write(self.folder / "shim")
        self._watch(self._shim.pid)
        deadline = time.monotonic() + START_WAIT
        while self.running and not (self.folder / "pid").exists() and time.monotonic() < deadline:
            time.sleep(0.005)

    def _open_output(self) -> None:
        self.log = LogWriter(self.log_path())
        self._output = os.open(self.folder / "output", os.O_RDONLY | os.O_NONBLOCK)
        self._monitor.watch(self._output, self._read_output)

    def _watch(self, pid: int) -> None:
        self._handle = os.pidfd_open(pid)
        self._monitor.watch(self._handle, self._ended)

    def _read_output(self) -> None:
        """Take what the process has written; runs in the monitor's thread."""
        try:
            data = os.read(self._output, 65536)
        except BlockingIOError:
            return
        if data:
            assert self.log
            self.log.feed(data)
        else:
            # The last writer has gone. The end of the shim is what counts; until then there is nothing to read.
            self._monitor.forget(self._output)

    def _ended(self) -> None:
        """The shim has ended; runs in the monitor's thread."""
        self._monitor.forget(self._handle)
        os.close(self._handle)
        if self._shim:
            self._shim.wait()
        self._close_output()
        code, finished = self._exit()
        self._finish(code, finished)
        self._changed()

    def _close_output(self) -> None:
        self._monitor.forget(self._output)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._output, 65536):
                assert self.log
                self.log.feed(data)
        os.close(self._output)
        if self.log:
            self.log.close()

    def _exit(self) -> tuple[int | None, float]:
        path = self.folder / "exit"
        try:
            return int(path.read_text()), path.stat().st_mtime
        except (OSError, ValueError):
            return None, time.time()

    def _finish(self, code: int | None, finished: float | None = None) -> None:
        """Note how the run ended; a code of None means that nobody knows."""
        assert self.run
        error = self._text("error") if code == START_ERROR else ""
        if code is None:
            reason, message = "ContainerStatusUnknown", "The container could not be located when the pod was terminated"
        elif error:
            reason, message = (
                "StartError",
                f"failed to create containerd task: OCI runtime create failed: {error}: unknown",
            )
        else:
            reason, message = "Error" if code else "Completed", self._last_words(code)
        self.run = replace(
            self.run,
            finished=max(finished or time.time(), self.run.started),
            exit_code=LOST if code is None else code,
            reason=reason,
            message=message,
        )
        self.kill_at = None
        self._save()

    def _last_words(self, code: int) -> str:
        words = self._text("termination-log")
        if not words and code and self.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            return tail_of(self.log_path(), LOG_MESSAGE_LINES, LOG_MESSAGE_BYTES)
        return words

    def _text(self, name: str) -> str:
        try:
            return (self.folder / name).read_bytes()[:MESSAGE_BYTES].decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _save(self) -> None:
        runs = {"run": self.run, "previous": self.previous}
        state = {"restarts": self.restarts, **{key: asdict(run) if run else None for key, run in runs.items()}}
        partial = self.folder / "state.new"
        partial.write_text(json.dumps(state))
        partial.rename(self.folder / "state.json")

    def _load(self) -> None:
        try:
            state = json.loads((self.folder / "state.json").read_text())
        except FileNotFoundError:
            return
        self.restarts = state["restarts"]
        self.run = Run(**state["run"]) if state["run"] else None
        self.previous = Run(**state["previous"]) if state["previous"] else None
        if not self.run or not self.run.running or self.run.idle:
            self.passed_readiness = self.passed_startup = bool(self.run and self.run.idle)
            return
        shim = Record.read(self.folder / "shim")
        if shim and shim.alive:
            self._open_output()
            with contextlib.suppress(ProcessLookupError):
                self._watch(shim.pid)
                return
            self._close_output()
        if process := self.process():
            process.signal(signal.SIGKILL)
        self._finish(*self._exit())

    def remove(self) -> None:
        """Take the folder away; the container has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
