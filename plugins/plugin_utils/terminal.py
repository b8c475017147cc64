# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines at the bottom of a terminal that give way to whatever else is printed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

_ERASE = b"\x1b[J"  # from the cursor to the end of the screen
_END = b"\n"
_WRAP, _NO_WRAP = "\x1b[?7h", "\x1b[?7l"


def is_terminal(stream: Any, environment: Mapping[str, str]) -> bool:
    """Whether somebody looks at a stream on a screen that can be drawn on.

    Args:
        stream: standard output.
        environment: of the process. AWX and ansible-runner give a run a terminal and read it line by line; so do some
            CI systems.
    """
    read_by_a_program = any(environment.get(name) for name in ("CI", "AWX_ISOLATED_DATA_DIR"))
    able = environment.get("TERM", "dumb") not in ("", "dumb", "unknown")
    return bool(able and not read_by_a_program and stream.isatty())


class Terminal:
    """A screen with lines at its bottom.

    The cursor stands at the beginning of the first of them. So what comes next erases them by erasing whatever is
    below the cursor, however often the window has changed its size meanwhile, and however the terminal has broken the
    lines anew; there is nothing to be counted. And a run that is killed leaves no more than some lines.
    """

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        """Take over standard output and standard error.

        Args:
            lock: under which Ansible writes and forks.
        """
        self._lock = lock
        self._process = os.getpid()
        self._file = sys.stdout.fileno()
        self._drawn = False
        self._at_start = True  # of a line; elsewhere stands a question that waits for its answer
        self._lines: Sequence[str] = ()
        self._hooked: list[tuple[Any, Callable[[Any], int]]] = []
        for stream in (sys.stdout, sys.stderr):
            if stream.isatty():
                self._hook(stream.buffer)

    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        found = os.get_terminal_size(self._file)
        return found.columns or 80, found.lines or 24

    def show(self, lines: Sequence[str]) -> None:
        """Let these lines be at the bottom from now on; none takes them away."""
        with self._lock:
            self._lines = lines
            self._put(self._hooked[0], self._erased() + self._drawing())

    def close(self) -> None:
        """Take the lines away for good."""
        with self._lock:
            self.show([])
            for buffer, write in self._hooked:
                buffer.write = write

    def _hook(self, buffer: Any) -> None:
        """Let whatever goes to a stream take the lines away before it, and draw them below it, in one write."""
        write = buffer.write
        self._hooked.append((buffer, write))

        def hooked(data: Any) -> int:
            if os.getpid() != self._process:  # a worker has nothing to do with this screen
                return int(write(data))
            with self._lock:
                self._at_start = bytes(data[-1:]) == _END
                if not self._lines:
                    return int(write(data))
                self._put((buffer, write), self._erased() + bytes(data) + self._drawing())
            return len(data)

        buffer.write = hooked

    def _erased(self) -> bytes:
        drawn, self._drawn = self._drawn, False
        return _ERASE if drawn else b""

    def _drawing(self) -> bytes:
        if not (self._lines and self._at_start and self._is_ours()):
            return b""
        self._drawn = True
        up = f"\x1b[{len(self._lines) - 1}A" if len(self._lines) > 1 else ""
        text = "\r\n".join(self._lines)
        return f"{_NO_WRAP}{text}{up}\r{_WRAP}".encode(errors="replace")

    @staticmethod
    def _put(hooked: tuple[Any, Callable[[Any], int]], data: bytes) -> None:
        buffer, write = hooked
        if data:
            write(data)
            buffer.flush()

    def _is_ours(self) -> bool:
        """Whether the run is in the foreground; in the background the screen is the shell's."""
        try:
            return os.tcgetpgrp(self._file) == os.getpgrp()
        except OSError:  # the terminal controls no jobs
            return True
