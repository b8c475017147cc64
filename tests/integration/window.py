"""A window of a terminal in which a program runs, as whoever looks at it sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyte

_SCROLLED_MOST = 100_000


class Window:
    """A program and what it has written, interpreted as a terminal does.

    Attributes:
        written: all bytes.
        views: the lines of the window, whenever they had changed.
    """

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], columns: int, lines: int
    ) -> None:
        """Start the program."""
        self._screen = pyte.HistoryScreen(columns, lines, history=_SCROLLED_MOST)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self.views: list[list[str]] = []
        self._status: int | None = None
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            try:
                _set_size(0, columns, lines)
                os.chdir(folder)
                os.execvpe(command[0], list(command), dict(environment))
            finally:
                os._exit(127)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Make it larger or smaller."""
        self._screen.resize(lines, columns)
        _set_size(self._terminal, columns, lines)

    def until(self, reached: Callable[[list[str]], bool], what: str, seconds: float = 60) -> list[str]:
        """Look at it until it shows something.

        Raises:
            AssertionError: it does not within so many seconds, or the program has ended.
        """
        deadline = time.monotonic() + seconds
        while not reached(self.view):
            assert self._read(deadline), f"never seen: {what}\n" + "\n".join(self.text)
        return self.view

    def end(self, seconds: float = 120) -> int:
        """Look at it until the program ends; its exit status.

        Raises:
            AssertionError: it does not within so many seconds.
        """
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        assert self._status is not None, "still running:\n" + "\n".join(self.text)
        return self._status

    @property
    def view(self) -> list[str]:
        """What can be seen now, without empty lines at the end."""
        return _without_end([line.rstrip() for line in self._screen.display])

    @property
    def text(self) -> list[str]:
        """What can be seen when one scrolls back, too."""
        gone = [_line(each, self._screen.columns) for each in self._screen.history.top]
        return [*gone, *self.view]

    @property
    def cursor(self) -> int:
        """The line in which the cursor stands."""
        return int(self._screen.cursor.y)

    def _read(self, deadline: float) -> bool:
        """Whether there may be more to be seen."""
        if self._status is not None:
            return False
        ready, _writable, _failed = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            return False
        try:
            data = os.read(self._terminal, 1 << 16)
        except OSError:  # the program has ended
            data = b""
        if not data:
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            os.close(self._terminal)
            return False
        self.written += data
        self._stream.feed(data)
        if not self.views or self.views[-1] != self.view:
            self.views.append(self.view)
        return True


def _set_size(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def _line(cells: Mapping[int, Any], columns: int) -> str:
    return "".join(cells[column].data for column in range(columns)).rstrip()


def _without_end(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines
