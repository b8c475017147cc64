# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The road of many clusters at the same time (private to the collection)."""

from __future__ import annotations

import sys
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Protocol

Outcome = dict[str, Any]
"""Result of one cluster's phase: ``changed``, ``failed``, ``msg`` and so on, and ``seconds``, which it took."""

Call = Callable[[], Outcome]

_LATE = 3.0
"""How many times as long as most others a cluster may take before they go on without it."""

_LATE_AT_LEAST = 0.5
"""Seconds; what takes less holds nobody up."""

_MOST = 0.5
"""Share of the clusters that must have come before another can be late."""

_SWITCH, _SWITCH_EACH = 0.001, 0.00005
"""Seconds after which a thread that computes lets others go on: at least, and for each cluster that has begun.

Python's default is 5 ms, which a thread whose answer has come waits at each of its steps. But each thread that waits
for its turn wakes up so often to ask for it: a thousand of them, once a millisecond, took 180 s of system time.
"""


@dataclass(frozen=True)
class Phase:
    """A step of the road.

    Attributes:
        name: what the outcome calls it.
        waits: whether it does nothing but wait, so that any number of clusters may be in it.
        follows: whether no cluster begins it before the one that goes first is past it.
        judged: whether all clusters are judged together at its end.
    """

    name: str
    waits: bool = False
    follows: bool = False
    judged: bool = False


class Work(Protocol):
    """What is done with the clusters. Its methods are called in one thread, the calls in threads of their own."""

    def call(self, name: str, phase: int) -> Call | None:
        """What is to be done with a cluster in a phase, which raises nothing; None if the phase is not for it."""

    def needs(self, name: str, phase: int) -> bool:
        """Whether a cluster goes no further if the one that goes first fails in a phase."""

    def verdict(self, outcomes: Mapping[str, Outcome]) -> Mapping[str, str]:
        """Why clusters may go no further, by name, seen side by side."""

    def needs_all(self, outcome: Outcome) -> bool:
        """Whether none may be missing when they are judged, by what is known of the one that goes first."""

    def done(self, name: str, phase: int, outcome: Outcome) -> None:
        """Something was done."""

    def passed(self, name: str) -> None:
        """A cluster is past a phase."""

    def ended(self, name: str) -> None:
        """A cluster has come to the end of its road, or to its failure."""


@dataclass(frozen=True)
class _Step:
    name: str
    phase: int
    began: float


class FanOut:
    """Clusters on their roads, each in a thread of its own; none waits for another, or fails because of another.

    There are two exceptions. Where a phase follows the cluster that goes first, the host, the others wait for it, and
    are not begun if it fails in what they need. And where a phase is judged, clusters wait until all can be seen side
    by side; but once most have come, one that takes much longer is waited for no more, and judged when it comes.

    What is to be done is asked for when there is room for it, later phases before earlier ones: what has been begun is
    brought to its end before more is begun.
    """

    def __init__(
        self,
        work: Work,
        phases: Sequence[Phase],
        names: Sequence[str],
        in_flight: int,
        first: str | None = None,
        patient: bool = False,
    ) -> None:
        """Begin nothing yet.

        Args:
            work: what is done with them.
            phases: the road.
            names: the clusters.
            in_flight: number of clusters that are worked on at the same time, but for those in phases that wait.
            first: the one that goes first.
            patient: whether the judgement waits for the last one, however long it takes.
        """
        self._work, self._phases, self._in_flight = work, phases, max(1, in_flight)
        self._first = first if first in names else None
        self._patient, self._number = patient, len(names)
        ahead = [self._first] if self._first else []
        self._ready: list[deque[str]] = [deque() for _phase in phases]
        if phases:
            self._ready[0] += [*ahead, *(name for name in names if name != self._first)]
        self._running: dict[Future[Outcome], _Step] = {}
        self._completed: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self._arrived: list[dict[str, Outcome]] = [{} for _phase in phases]
        self._seconds: list[list[float]] = [[] for _phase in phases]  # of those that have arrived, in order
        self._judged: set[int] = set()
        self._first_at = 0  # the phase that the first one is in
        self._first_failed = ""  # the phase in which it failed

    def run(self) -> None:
        """Bring all of them to their ends.

        Raises:
            Exception: what ``work`` has raised; nothing more is begun then, and it is told of what has been done.
        """
        pool = ThreadPoolExecutor(max(1, sum(map(len, self._ready))), thread_name_prefix="fan-out")
        usual = sys.getswitchinterval()
        try:
            self._begin(pool)
            while self._running:
                self._take()
                self._judge()
                self._begin(pool)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for future, step in self._running.items():
                if future.done() and not future.cancelled():
                    self._work.done(step.name, step.phase, future.result())
            raise
        finally:
            sys.setswitchinterval(usual)
        pool.shutdown()

    # What can begin

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        """Begin whatever can; who passes a phase that is not for it may begin the next."""
        moved = True
        while moved:
            moved = False
            for phase in reversed(range(len(self._phases))):
                while (name := self._next(phase)) is not None:
                    call = self._work.call(name, phase)
                    if call is None:
                        self._pass(name, phase)
                        moved = True
                    elif self._is_held(name, phase) and self._work.needs(name, self._first_at):  # where it has failed
                        self._refuse(name, phase)
                    else:
                        future = pool.submit(timed, call)
                        self._running[future] = _Step(name, phase, time.monotonic())
                        future.add_done_callback(self._completed.put)
            moved = self._judge() or moved
        sys.setswitchinterval(max(_SWITCH, _SWITCH_EACH * len(self._running)))

    def _next(self, phase: int) -> str | None:
        """A cluster that may begin a phase now."""
        ready = self._ready[phase]
        if not ready or (not self._phases[phase].waits and self._now_in_flight() >= self._in_flight):
            return None
        if self._first is not None and self._first in ready:
            ready.remove(self._first)
            return self._first
        if self._is_held(ready[0], phase) and not self._first_failed:
            return None
        return ready.popleft()

    def _is_held(self, name: str, phase: int) -> bool:
        """Whether the one that goes first has not come past a phase which others begin after it."""
        follows = self._phases[phase].follows and self._first not in (None, name)
        return follows and self._first_at <= phase

    def _refuse(self, name: str, phase: int) -> None:
        message = (
            f"{self._first} has failed ({self._first_failed}), so this was not begun. Mend that, and run it again."
        )
        self._done(name, phase, {"changed": False, "failed": True, "msg": message, "seconds": 0.0})

    def _now_in_flight(self) -> int:
        now = time.monotonic()
        return sum(
            1 for step in self._running.values() if not self._phases[step.phase].waits and not self._is_late(step, now)
        )

    # What has come

    def _take(self) -> None:
        """Wait for an end, or until it is known that one will be late."""
        try:
            future = self._completed.get(timeout=self._until_late())
        except Empty:
            return
        step, outcome = self._running.pop(future), future.result()
        if self._phases[step.phase].judged:
            self._arrived[step.phase][step.name] = outcome
            if not outcome.get("failed"):  # what fails at once is no measure for the others
                insort(self._seconds[step.phase], outcome["seconds"])
            if step.name == self._first:
                self._patient = self._patient or self._work.needs_all(outcome)
            if step.phase in self._judged:  # the others could not wait for it
                self._tell(step.phase, [step.name])
        else:
            self._done(step.name, step.phase, outcome)

    def _done(self, name: str, phase: int, outcome: Outcome) -> None:
        self._work.done(name, phase, outcome)
        if not outcome.get("failed"):
            self._pass(name, phase)
            return
        if name == self._first:
            self._first_failed = self._phases[phase].name
        self._work.ended(name)

    def _pass(self, name: str, phase: int) -> None:
        if name == self._first:
            self._first_at = phase + 1
        self._work.passed(name)
        if phase + 1 < len(self._phases):
            self._ready[phase + 1].append(name)
        else:
            self._work.ended(name)

    # Side by side

    def _judge(self) -> bool:
        """Judge the clusters of a phase, once all have come that are not late; whether it was done."""
        for phase in range(len(self._phases)):
            if self._phases[phase].judged and phase not in self._judged and self._is_complete(phase):
                self._judged.add(phase)
                self._tell(phase, list(self._arrived[phase]))
                return True
        return False

    def _tell(self, phase: int, names: Iterable[str]) -> None:
        verdict = self._work.verdict(self._arrived[phase])
        for name in names:
            outcome = self._arrived[phase][name]
            failed = {"failed": True, "msg": verdict[name]} if name in verdict else {}
            self._done(name, phase, {**outcome, **failed})

    def _is_complete(self, phase: int) -> bool:
        if any(self._ready[: phase + 1]) or not self._arrived[phase]:
            return False
        now = time.monotonic()
        return all(
            self._is_late(step, now) and step.name != self._first
            for step in self._running.values()
            if step.phase <= phase
        )

    def _is_late(self, step: _Step, now: float) -> bool:
        return self._late_at(step) <= now

    def _late_at(self, step: _Step) -> float:
        """When the others go on without a cluster."""
        seconds = self._seconds[step.phase]
        is_last = step.phase + 1 == len(self._phases)
        if self._patient or is_last or not len(seconds) > _MOST * self._number:  # none arrive where none are judged
            return float("inf")
        return step.began + max(_LATE_AT_LEAST, _LATE * seconds[len(seconds) // 2])

    def _until_late(self) -> float | None:
        """Seconds until it is known that another cluster is late; None if none can be."""
        now = time.monotonic()
        times = [at - now for at in map(self._late_at, self._running.values()) if now < at < float("inf")]
        return max(0.001, min(times)) if times else None


def timed(call: Call) -> Outcome:
    """The outcome of a call, with its ``seconds``."""
    started = time.monotonic()
    outcome = call()
    return {**outcome, "seconds": round(time.monotonic() - started, 3)}


def summary(phase: str, outcomes: Iterable[Outcome]) -> str:
    """How a phase went, in one line.

    Args:
        phase: what was done, ``import`` for example.
        outcomes: of all clusters that took part.
    """
    all_of_them = list(outcomes)
    failed = sum(1 for each in all_of_them if each.get("failed"))
    changed = sum(1 for each in all_of_them if each.get("changed") and not each.get("failed"))
    return f"{phase}: {len(all_of_them) - changed - failed} as they should be, {changed} changed, {failed} failed"


def as_task(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What happened to one cluster, phase by phase, as the result of a task of its own.

    Args:
        outcomes: of its phases, in order.

    Returns:
        ``changed``, ``phases``, ``actions``, ``diff`` and ``warnings``; of a phase that failed ``failed``, ``msg`` and
        so on, too.
    """
    told = ("phase", "seconds", "changed", "failed", "msg")
    returned: dict[str, Any] = {
        "changed": any(each.get("changed") for each in outcomes),
        "phases": [{key: each[key] for key in told if key in each} for each in outcomes],
        "actions": [action for each in outcomes for action in each.get("actions", ())],
    }
    for key in ("diff", "warnings"):
        found = [item for each in outcomes for item in each.get(key, ())]
        returned |= {key: found} if found else {}
    failure = next((each for each in outcomes if each.get("failed")), {})
    return {**returned, **{key: failure[key] for key in ("failed", "msg", "error", "exception") if key in failure}}
