# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who shows what goes on: a block at the bottom of a terminal, or lines in a log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from . import progress_text
from .progress_state import State

_OFTEN = 0.1  # seconds at least between two drawings
_CLOCK = 1.0  # seconds until the times in it are others
_QUIET = 1.0  # seconds that something must go on before it is shown: what is done at once need not be
_MINUTE = 60.0
_NEVER = float("inf")
_CATCH_UP = 10.0  # seconds until lines that were left out are told of by one


class View(Protocol):
    """Shows what goes on."""

    def tell(self, line: str, now: float) -> None:
        """Something has happened."""

    def look(self, state: State, now: float) -> float | None:
        """Show what goes on; returns after how many seconds it is to be shown again, None if only after news."""

    def close(self) -> None:
        """The run has come to its end."""


class Screen(Protocol):
    """What a block is drawn on."""

    def size(self) -> tuple[int, int]:
        """Columns and lines."""

    def show(self, lines: Sequence[str]) -> None:
        """Let these lines be at its bottom."""

    def close(self) -> None:
        """Take them away."""


class Block:
    """Some lines at the bottom of a terminal."""

    def __init__(self, screen: Screen, height: int, paint: Callable[[str], str]) -> None:
        """Show nothing yet.

        Args:
            screen: the terminal.
            height: most lines.
            paint: gives the first line its colours.
        """
        self._screen, self._height, self._paint = screen, height, paint
        self._next = 0.0
        self._shown = False

    def tell(self, line: str, now: float) -> None:
        """Nothing: the block says what is, not what was."""

    def look(self, state: State, now: float) -> float | None:
        """Draw it, if something goes on."""
        if not state.is_busy:
            if self._shown:
                self._screen.show([])
            self._shown = False
            return None
        due = max(self._next, state.since + _QUIET)
        if now < due:
            return due - now
        width, rows = self._screen.size()
        lines = progress_text.block(state, width, min(self._height, rows - 1), now)
        self._screen.show([*map(self._paint, lines[:1]), *lines[1:]])
        self._next, self._shown = now + _OFTEN, True
        return _CLOCK

    def close(self) -> None:
        """Take it away."""
        self._screen.close()


class Log:
    """Line by line, so that neither a reader nor a log drowns in it, and nobody takes the run for dead."""

    def __init__(self, say: Callable[[str], None], heartbeat: float, most: int) -> None:
        """Say nothing yet.

        Args:
            say: takes a line.
            heartbeat: seconds after which what goes on is said although nothing has changed; 0 never.
            most: lines a minute; 0 bounds nothing.
        """
        self._say, self._heartbeat, self._most = say, heartbeat, most
        self._said: deque[float] = deque()  # when, within the last minute
        self._left_out = 0
        self._left_out_since = _NEVER
        self._last = 0.0

    def tell(self, line: str, now: float) -> None:
        """Say what has happened, or count it, if there has been much to say."""
        while self._said and self._said[0] <= now - _MINUTE:
            self._said.popleft()
        if self._most and len(self._said) >= self._most:
            self._left_out += 1
            self._left_out_since = min(self._left_out_since, now)
        else:
            self._said.append(now)
            self._put(line, now)

    def look(self, state: State, now: float) -> float | None:
        """Say what goes on, where silence would be taken for something else, or lines were left out."""
        if not state.is_busy:
            if self._left_out:
                self._put(self._with_left_out("that was all"), now)
            return None
        silent_until = max(self._last, state.since) + (self._heartbeat or _NEVER)
        due = min(silent_until, self._left_out_since + _CATCH_UP)
        if due <= now:
            self._put(self._with_left_out(progress_text.status(state, now)), now)
            return self.look(state, now)
        return None if due == _NEVER else due - now

    def close(self) -> None:
        """Nothing is left to be said."""

    def _with_left_out(self, line: str) -> str:
        left_out, self._left_out, self._left_out_since = self._left_out, 0, _NEVER
        return f"{line} ({left_out} lines left out)" if left_out else line

    def _put(self, line: str, now: float) -> None:
        self._last = now
        self._say(line)
