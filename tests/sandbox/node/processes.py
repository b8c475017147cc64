"""Processes as the node knows them: by pid and start time, so that a reused pid is never taken for a container."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SIGNAL_WAIT = 5.0
"""Seconds that ended processes are waited for."""


class Record(NamedTuple):
    """A process, told apart from later ones with the same pid by when it started (clock ticks since boot)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Record | None:
        """The process that has this pid now; None where there is none, or only a zombie."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """What a record file says ("pid starttime"); None where there is no such file."""
        try:
            pid, started = path.read_text().split()
        except (OSError, ValueError):
            return None
        return cls(int(pid), int(started))

    def write(self, path: Path) -> None:
        """Keep the record in a file, in one step."""
        partial = path.with_suffix(".new")
        partial.write_text(f"{self.pid} {self.started}\n")
        partial.rename(path)

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return Record.of(self.pid) == self

    def signal(self, number: int) -> None:
        """Send a signal to that very process; nothing happens where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(self.pid)
            try:
                if self.alive:
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)

    def heeds(self, number: int) -> bool:
        """Whether the process has said what to do at a signal: it catches or ignores it."""
        try:
            lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        except OSError:
            return False
        masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigIgn:", "SigCgt:"))]
        return any(mask >> (number - 1) & 1 for mask in masks)


def end_all(state_dir: str | Path) -> int:
    """End every container process of a cluster; for whoever takes the cluster down, after the node itself has ended.

    Args:
        state_dir: the node's state folder, what it has as ``--state``.

    Returns:
        How many processes were running.
    """
    pods = Path(state_dir) / "pods"
    records = [record for path in pods.glob("*/*/pid") if (record := Record.read(path))]
    # A shim goes last: by itself as soon as its container has ended, or here where it has not come to start one.
    records += [record for path in pods.glob("*/*/shim") if (record := Record.read(path))]
    running = [record for record in records if record.alive]
    for record in running:
        record.signal(signal.SIGKILL)
    deadline = time.monotonic() + SIGNAL_WAIT
    while any(record.alive for record in running) and time.monotonic() < deadline:
        time.sleep(0.02)
    return len(running)


class Monitor:
    """One thread that waits for any number of file descriptors (ends of processes, output of containers)."""

    def __init__(self) -> None:
        self._selector = selectors.EpollSelector()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="monitor", daemon=True).start()

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back, in the monitor's thread, each time that the descriptor can be read."""
        with self._lock:
            self._selector.register(descriptor, selectors.EVENT_READ, callback)

    def forget(self, descriptor: int) -> None:
        """Call back no more; the caller closes the descriptor afterwards."""
        with self._lock, contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)

    def _run(self) -> None:
        while True:
            for key, _dummy in self._selector.select():
                # An end closes the output that may stand in the same batch, and its number may be another's by now.
                with self._lock:
                    known = self._selector.get_map().get(key.fd) is key
                try:
                    if known:
                        key.data()
                except Exception:
                    # Without this thread no end of any container would be noticed any more.
                    print(f"monitor: {traceback.format_exc()}", file=sys.stderr, flush=True)
