# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How quickly sessions may write to one API server (private to the collection)."""

from __future__ import annotations

import threading
import time


class Pace:
    """Writes per second, for all threads together.

    What was not used of a second may be made up for at once, so that a few writes are not slowed down; what is more
    than that goes in step. Each write takes its turn under the lock, and waits for it outside.
    """

    def __init__(self, writes_per_second: float | None = None) -> None:
        """Begin with a whole second's worth.

        Args:
            writes_per_second: how many; None bounds nothing, and only holds back when it is asked to.
        """
        rate = writes_per_second or 0.0
        self._interval = 1 / rate if rate else 0.0
        self._saved = max(0.0, 1 - self._interval) if rate else 0.0  # seconds that may be made up for
        self._lock = threading.Lock()
        self._turn = time.monotonic() - self._saved  # when the next write may go
        self._held_until = self._turn

    def take(self) -> None:
        """Wait until it is one's turn to write."""
        turn = self._wait()
        while turn < self._held_until:  # somebody has been told meanwhile to wait longer: all that wait begin anew
            turn = self._wait()

    def _wait(self) -> float:
        """Take a turn, and wait for it."""
        with self._lock:
            now = time.monotonic()
            turn = max(self._turn, now - self._saved)
            self._turn = turn + self._interval
        if turn > now:
            time.sleep(turn - now)
        return turn

    def hold(self, seconds: float) -> None:
        """Let nobody write for so long: the API server has said that it has enough."""
        with self._lock:
            self._held_until = max(self._held_until, time.monotonic() + seconds)
            self._turn = max(self._turn, self._held_until)
