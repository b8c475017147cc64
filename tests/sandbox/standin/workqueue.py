"""A queue of names as client-go has it: no name twice, none handled by two workers, failures retried ever later."""

from __future__ import annotations

import heapq
import threading
import time

# client-go's DefaultControllerRateLimiter: 5 ms, doubled at each failure, at most 1000 s.
FIRST_DELAY = 0.005
LONGEST_DELAY = 1000.0


class WorkQueue:
    """Rate-limited work queue."""

    def __init__(self) -> None:
        self._ready: list[str] = []
        self._dirty: set[str] = set()
        self._processing: set[str] = set()
        self._later: list[tuple[float, str]] = []
        self._failures: dict[str, int] = {}
        self._condition = threading.Condition()

    def add(self, name: str) -> None:
        """Queue a name; one that is being handled is handled once more afterwards."""
        with self._condition:
            if name in self._dirty:
                return
            self._dirty.add(name)
            if name not in self._processing:
                self._ready.append(name)
                self._condition.notify()

    def add_rate_limited(self, name: str) -> None:
        """Queue a name after a delay that grows with its failures."""
        with self._condition:
            failures = self._failures.get(name, 0)
            self._failures[name] = failures + 1
            delay = min(FIRST_DELAY * 2**failures, LONGEST_DELAY)
            heapq.heappush(self._later, (time.monotonic() + delay, name))
            self._condition.notify()

    def failures(self, name: str) -> int:
        """How often the name was queued again since it was forgotten."""
        with self._condition:
            return self._failures.get(name, 0)

    def forget(self, name: str) -> None:
        """Let the next failure start with the shortest delay."""
        with self._condition:
            self._failures.pop(name, None)

    def get(self, timeout: float = 1.0) -> str | None:
        """The next name, or None after ``timeout`` seconds; call `done` when it is handled."""
        deadline = time.monotonic() + timeout
        with self._condition:
            while True:
                moment = time.monotonic()
                while self._later and self._later[0][0] <= moment:
                    self._mature(heapq.heappop(self._later)[1])
                if self._ready:
                    name = self._ready.pop(0)
                    self._dirty.discard(name)
                    self._processing.add(name)
                    return name
                if moment >= deadline:
                    return None
                until = min(deadline, self._later[0][0]) if self._later else deadline
                self._condition.wait(until - moment)

    def done(self, name: str) -> None:
        """Tell that a name is handled."""
        with self._condition:
            self._processing.discard(name)
            if name in self._dirty:
                self._ready.append(name)
                self._condition.notify()

    def _mature(self, name: str) -> None:
        if name in self._dirty:
            return
        self._dirty.add(name)
        if name not in self._processing:
            self._ready.append(name)
