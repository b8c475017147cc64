"""Runs that are killed at a write, before or after it reached the API server, or at any time; and then run again.

The state in the end has to be that of a run that nobody disturbed, with nothing left over.
"""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.integration.controller import Fleet, Started
from tests.torture.ground import Ground
from tests.torture.proxy import Answer, Gate, HangUp, Request
from tests.torture.results import Case

_MOST_RUNS = 2
"""Runs that a killed one may need after it, until one ends with status 0."""

_STARTED = 30.0  # seconds until a run that has been started is known to be
_LONGEST = 180.0  # seconds that a run may take
_SOONEST = 0.4  # seconds; before that, Ansible reads its own files

Say = Callable[[str], None]


@dataclass(frozen=True)
class Scenario:
    """A run to be killed.

    Attributes:
        name: in the table.
        playbook: what is run.
        fleet: with which inventory.
        prepare: brings the clusters to where the scenario begins, from anywhere.
        begin: the same before each further cut, from where a run of the scenario ends.
        cuts: of each write, ``both``: before and after it was delivered; or in turns, the first one ``before`` or
            ``after``.
        at_random: cuts at random times.
        sampled: cuts that `make test` makes of all these.
    """

    name: str
    playbook: str
    fleet: Callable[[Ground], Fleet]
    prepare: Callable[[Ground], None]
    begin: Callable[[Ground], None]
    cuts: str = "both"
    at_random: int = 0
    sampled: int = 0


@dataclass(frozen=True)
class Plan:
    """When a run is killed: at a write, counted from 1, or after a share of the time that it takes."""

    write: int = 0
    delivered: bool = False
    share: float = 0.0

    def __str__(self) -> str:
        if self.write:
            return f"write {self.write}, {'delivered' if self.delivered else 'not delivered'}"
        return f"at {self.share:.4f} of its time"


class Cut(Gate):
    """Counts the writes of a run, and kills it at one of them. What else is on its way then gets no answer."""

    def __init__(self, plan: Plan) -> None:
        """Kill nothing yet."""
        self.plan = plan
        self.writes: list[Request] = []
        self.struck = ""
        self._marked: Request | None = None
        self._lock = threading.Lock()
        self._victim: Started | None = None
        self._started = threading.Event()

    def aim(self, run: Started) -> None:
        """Name the run."""
        self._victim = run
        self._started.set()

    def before(self, request: Request) -> Answer | None:
        with self._lock:
            if self.struck:
                raise HangUp
            if not request.writes:
                return None
            self.writes.append(request)
            if len(self.writes) != self.plan.write:
                return None
            self._marked = request
            if not self.plan.delivered:
                self.strike(str(request))
                raise HangUp
        return None

    def after(self, request: Request, answer: Answer) -> Answer:
        with self._lock:
            if request is self._marked:
                self.strike(f"{request}: {answer.status}")
            if self.struck:
                raise HangUp
        return answer

    def strike(self, where: str) -> None:
        """Kill the run."""
        assert self._started.wait(_STARTED)
        assert self._victim is not None
        self.struck = where
        self._victim.kill()


class Torture:
    """One scenario, from its undisturbed run to its last cut."""

    def __init__(self, ground: Ground, scenario: Scenario, seed: int, say: Say) -> None:
        """Prepare, and look at a run that nobody disturbs.

        Args:
            ground: where.
            scenario: what.
            seed: of what is drawn.
            say: told of each case.

        Raises:
            AssertionError: the undisturbed run does not succeed.
        """
        self._ground = ground
        self._scenario = scenario
        self._say = say
        self._as_it_should_be = True
        scenario.prepare(ground)
        gate = Cut(Plan())
        with ground.behind(gate):
            run = ground.must(scenario.playbook, scenario.fleet(ground))
        self._state, self._seconds = ground.settled(), run.seconds
        self.plans = plans(scenario, len(gate.writes), seed)
        say(f"{scenario.name}: {len(gate.writes)} writes in {run.seconds:.1f} s, {len(self.plans)} cuts")

    def cases(self) -> dict[str, Callable[[], Case | None]]:
        """All cuts by their names, not yet made."""
        return {str(plan): functools.partial(self.cut, plan) for plan in self.plans}

    def cut(self, plan: Plan) -> Case | None:
        """Kill a run, run it again, and compare; None where the run had ended before."""
        started = time.monotonic()
        where, runs, leftovers = "", 0, []
        try:
            (self._scenario.begin if self._as_it_should_be else self._scenario.prepare)(self._ground)
            where = self._kill(plan)
            if not where:
                return None
            runs, problem = self._run_again()
            problem = problem or self._ground.differs(self._state)
            leftovers = self._ground.leftovers()
        except AssertionError as error:
            problem = f"{error}"
        self._as_it_should_be = not problem
        if problem:
            self._ground.distrust()
        self._ground.clear_files()
        case = Case(self._scenario.name, str(plan), where, runs, problem, leftovers, time.monotonic() - started)
        self._say(str(case))
        return case

    def _kill(self, plan: Plan) -> str:
        """Where the run was when it was killed; empty if it had come to its end."""
        gate = Cut(plan)
        with self._ground.behind(gate):
            run = self._ground.start(self._scenario.playbook, self._scenario.fleet(self._ground))
            gate.aim(run)
            if plan.write:
                run.process.wait(_LONGEST)
                return gate.struck
            time.sleep(max(_SOONEST, self._seconds * plan.share))
            if run.process.poll() is None:
                last = f"the last was {gate.writes[-1]}" if gate.writes else "nothing was written"
                gate.strike(f"{len(gate.writes)} writes, {last}")
        return gate.struck

    def _run_again(self) -> tuple[int, str]:
        """How many runs it took until one ended well, and the last one's words where none did."""
        for count in range(1, _MOST_RUNS + 1):
            run = self._ground.run(self._scenario.playbook, self._scenario.fleet(self._ground))
            if run.status == 0:
                return count, ""
        return _MOST_RUNS, f"no run ended well: {run.failures or run.output[-2000:]}"


def plans(scenario: Scenario, writes: int, seed: int) -> list[Plan]:
    """All cuts of a scenario whose run makes so many writes."""
    both = [Plan(write, delivered) for write in range(1, writes + 1) for delivered in (False, True)]
    first = scenario.cuts == "after"
    chosen = [plan for plan in both if scenario.cuts == "both" or (plan.write % 2 == 1) == (plan.delivered == first)]
    chance = random.Random(f"{seed} {scenario.name}")
    return [*chosen, *(Plan(share=chance.random()) for dummy in range(scenario.at_random))]


def sample(of: list[Plan], most: int, seed: int) -> list[Plan]:
    """So many of the cuts at most."""
    return random.Random(f"{seed} sample").sample(of, min(most, len(of)))
