"""Run a command and measure what it and everything that it started took: ``python -m tests.benchmarks.meter``.

A program of its own, so that nothing of the benchmark's is in the figures. Orphans of the command become its children
(it is their subreaper), so processor time is complete: the kernel counts it, nothing is sampled. Only the memory of all
processes together is sampled, as proportional set size: pages that forked workers share count once.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_SAMPLING_PERIOD = 0.1
_SAMPLING_SHARE = 0.02
"""Part of a core that sampling may take: while the kernel counts a large process' pages, that cannot fork."""
_GRACE = 5.0
"""Seconds that what the command left running may go on."""


@dataclass(frozen=True)
class Usage:
    """What a command took.

    Attributes:
        status: exit status of the command.
        seconds: from its start until its end.
        cpu: processor time of the whole process tree, user and system, seconds.
        largest: peak resident memory of the largest process, bytes.
        together: peak memory of all processes together (proportional set size), bytes; 0 if it ended too soon.
        processes: number of processes that were reaped here: the command, and those it orphaned.
        busy: processor time that the whole machine spent meanwhile, the command's included, seconds.
    """

    status: int
    seconds: float
    cpu: float
    largest: int
    together: int
    processes: int
    busy: float


def measure(
    command: Sequence[str | Path], environment: Mapping[str, str], cwd: Path, log: Path, timeout: float
) -> Usage:
    """Run a command under the meter.

    Args:
        command: the program and its arguments.
        environment: all of its environment.
        cwd: folder to run in.
        log: file for its output.
        timeout: seconds after which it is ended, with everything that it started.

    Raises:
        subprocess.TimeoutExpired: it was ended.
    """
    result = log.with_suffix(".usage.json")
    result.unlink(missing_ok=True)
    # By its path: the meter needs nothing of the package, and starts faster without it.
    meter = [sys.executable, "-IS", __file__, str(result), *(str(part) for part in command)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            meter,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(timeout)
        finally:
            if process.poll() is None:
                process.terminate()  # the meter ends what it started
                process.wait()
    return Usage(**json.loads(result.read_text()))


def _run(command: list[str]) -> Usage:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sampler = _Sampler()
    started, busy = time.monotonic(), _busy()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: _end_all())
    sampler.start()
    status, seconds, cpu, largest, count = 1, 0.0, 0.0, 0, 0
    while True:
        try:
            pid, code, used = os.wait4(-1, 0)
        except ChildProcessError:
            break
        # Of a reaped process the kernel gives its own use and that of all descendants that it has reaped itself.
        cpu += used.ru_utime + used.ru_stime
        largest = max(largest, used.ru_maxrss * 1024)
        count += 1
        if pid == process.pid:
            status, seconds, busy = os.waitstatus_to_exitcode(code), time.monotonic() - started, _busy() - busy
            threading.Thread(target=_end_later, daemon=True).start()
    return Usage(status, seconds, cpu, largest, sampler.peak, count, busy)


class _Sampler(threading.Thread):
    """Looks at the memory of all descendants from time to time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0

    def run(self) -> None:
        while True:
            begun = time.thread_time()
            self.peak = max(self.peak, sum(map(_proportional_memory, _descendants(os.getpid()))))
            time.sleep(max(_SAMPLING_PERIOD, (time.thread_time() - begun) / _SAMPLING_SHARE))


def _busy() -> float:
    """Processor seconds of all processes of the machine since it runs; a guest's are among the user's (proc(5))."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            listed = [int(child) for child in children.read_text().split()]
        except OSError:  # ended meanwhile
            continue
        for child in listed:
            found += [child, *_descendants(child)]
    return found


def _proportional_memory(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:  # ended meanwhile
        pass
    return 0


def _end_later() -> None:
    time.sleep(_GRACE)
    _end_all()


def _end_all() -> None:
    for pid in _descendants(os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(asdict(_run(sys.argv[2:]))))
