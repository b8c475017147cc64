"""A queue of keys with delays: each key waits in it once and is worked on by one worker at a time."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class WorkQueue(Generic[K]):
    """Keys to work on, the earliest first. A key added while it is worked on comes again afterwards."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}
        self._order = itertools.count()
        self._active: set[K] = set()

    def add(self, key: K, delay: float = 0.0) -> None:
        """Have the key worked on after so many seconds, or earlier where that was already planned.

        Only the earliest time is kept: who works on the key and still waits for a later one adds it again.
        """
        when = time.monotonic() + delay
        with self._changed:
            if when < self._due.get(key, float("inf")):
                self._due[key] = when
                if key not in self._active:
                    self._push(key, when)

    def get(self) -> K:
        """Wait for the next key that is due. The worker calls ``done`` after its work."""
        with self._changed:
            while True:
                now = time.monotonic()
                if self._heap and self._heap[0][0] <= now:
                    when, _dummy, key = heapq.heappop(self._heap)
                    # An entry that was planned anew, or whose key is being worked on, is void.
                    if self._due.get(key) == when and key not in self._active:
                        del self._due[key]
                        self._active.add(key)
                        return key
                    continue
                self._changed.wait(self._heap[0][0] - now if self._heap else None)

    def done(self, key: K) -> None:
        """The work on a key has ended: it may be handed out again."""
        with self._changed:
            self._active.discard(key)
            if key in self._due:
                self._push(key, self._due[key])

    def _push(self, key: K, when: float) -> None:
        heapq.heappush(self._heap, (when, next(self._order), key))
        self._changed.notify()
