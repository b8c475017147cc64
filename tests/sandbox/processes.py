"""Processes that outlive the program that started them, and that are ended by identity, not by number alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# The process writes its own identity before it becomes the program: a start that is killed at any point leaves either
# no process or one that is found again. exec keeps the number and the start time.
_LAUNCHER = 'cat /proc/$$/stat >"$1.part" && mv "$1.part" "$1" && cd "$2" && shift 2 && exec "$@"'

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Status:
    """What ``/proc/<pid>/stat`` tells.

    Attributes:
        pid: process id.
        state: one letter, ``Z`` for one that has ended and waits for its parent.
        threads: number of threads that have not ended.
        started: start time, clock ticks since boot.
        cpu: processor time used so far, seconds.
        memory: resident memory, bytes.
    """

    pid: int
    state: str
    threads: int
    started: int
    cpu: float
    memory: int

    @classmethod
    def parse(cls, text: str) -> Status:
        """Read a stat line; the command's name in it may hold blanks and parentheses."""
        head, _dummy, tail = text.rpartition(")")
        fields = tail.split()
        cpu = (int(fields[11]) + int(fields[12])) / _TICK
        threads, started, pages = int(fields[17]), int(fields[19]), int(fields[21])
        return cls(int(head.split()[0]), fields[0], threads, started, cpu, pages * _PAGE)

    @classmethod
    def of(cls, pid: int) -> Status | None:
        """Status of a running process, or None."""
        try:
            status = cls.parse(Path(f"/proc/{pid}/stat").read_text())
        except (OSError, IndexError, ValueError):
            return None
        # A process whose first thread has ended holds its sockets until the last one has.
        ended = status.state in "ZX" and status.threads <= 1
        return None if ended else status


@dataclass(frozen=True)
class Process:
    """A named program of a cluster.

    Attributes:
        name: of the program.
        identity: file with the stat line of the process at its start.
        log: file that its output is appended to.
    """

    name: str
    identity: Path
    log: Path

    def start(self, argv: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> None:
        """Start it in a session of its own, with no standard input; one that runs already is left alone."""
        if self.status():
            return
        self.identity.unlink(missing_ok=True)
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _LAUNCHER, "sh", str(self.identity), str(cwd), *argv],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGINT],
        )
        os.close(output)
        while not self.identity.exists() and Status.of(pid):
            time.sleep(0.002)

    def status(self) -> Status | None:
        """Status of the running process, or None; a stranger that has its number by now is not taken for it."""
        try:
            recorded = Status.parse(self.identity.read_text())
        except (OSError, IndexError, ValueError):
            return None
        _reap(recorded.pid)
        status = Status.of(recorded.pid)
        return status if status and status.started == recorded.started else None

    def signal(self, number: int) -> None:
        """Send a signal, where it runs."""
        status = self.status()
        if status:
            _signal(status.pid, number)

    def tail(self, lines: int = 10) -> str:
        """The last lines of its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def stop(processes: Sequence[Process], grace: float) -> None:
    """End processes: all are asked to, and what still runs after ``grace`` seconds is killed."""
    for process in processes:
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGCONT)
    _wait(processes, grace)
    for process in processes:
        process.signal(signal.SIGKILL)
    _wait(processes, 5)
    for process in processes:
        if not process.status():
            process.identity.unlink(missing_ok=True)


def kill_all(pids: Sequence[int]) -> None:
    """Kill processes that are known to be ours by where they run."""
    for pid in pids:
        _signal(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(Status.of(pid) for pid in pids) and time.monotonic() < deadline:
        for pid in pids:
            _reap(pid)
        time.sleep(0.02)


def _wait(processes: Sequence[Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(process.status() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    """Take the exit status of a child that has ended; whoever is not our child has a parent that does."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
