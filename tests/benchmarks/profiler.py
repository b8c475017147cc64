"""Run a Python program under cProfile, with all its threads and forks: ``python -P profiler.py FOLDER PROGRAM ...``.

Each process leaves ``<pid>.prof`` in the folder, and the first one ``main.prof``. What is measured is processor time,
by thread: waiting costs nothing, so what stands at the top is work. It takes a Python before 3.12, where a profiler
belongs to its thread. A program of its own, for it has to be there before what it looks at.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import runpy
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn


class _Profiles:
    """The profiles of one process, one of each thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = "main"
        self._profiles: list[cProfile.Profile] = []
        self._own = threading.local()

    def begin(self, *_: object) -> None:
        """Profile this thread from now on."""
        profile = cProfile.Profile(time.thread_time)
        self._own.profile = profile
        self._profiles.append(profile)
        profile.enable()

    def begin_forked(self) -> None:
        """Forget in a new process what its parent did."""
        if inherited := getattr(self._own, "profile", None):
            inherited.disable()
        self._profiles, self._name = [], str(os.getpid())
        self.begin()

    def write(self) -> None:
        """Write down what this process did."""
        self._own.profile.disable()
        stats: pstats.Stats | None = None
        for profile in list(self._profiles):
            if not profile.getstats():
                continue
            if stats is None:
                stats = pstats.Stats(profile)
            else:
                stats.add(profile)
        if stats is not None:
            stats.dump_stats(self._folder / f"{self._name}.prof")


def main(folder: str, program: str, *arguments: str) -> None:
    """Run the program as if it had been called."""
    profiles = _Profiles(Path(folder))
    leave = os._exit

    def leave_written(status: int) -> NoReturn:
        profiles.write()
        leave(status)

    def begin_thread(_frame: FrameType, _event: str, _argument: Any) -> None:
        profiles.begin()

    os._exit = leave_written  # how a forked worker ends
    os.register_at_fork(after_in_child=profiles.begin_forked)
    threading.setprofile(begin_thread)
    sys.argv = [program, *arguments]
    profiles.begin()
    try:
        runpy.run_path(program, run_name="__main__")
    finally:
        profiles.write()


if __name__ == "__main__":
    main(*sys.argv[1:])
