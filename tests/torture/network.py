"""Runs through a bad network: each kind of fault, and what a run makes of it.

A run succeeds, or fails and says why, within its deadlines; it creates nothing twice; and the next run, through a good
network, comes to the same end as ever.
"""

from __future__ import annotations

import functools
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.integration.controller import Fleet, Run
from tests.integration.kubesphere import USER_AGENT
from tests.sandbox.audit import target
from tests.torture.ground import MEMBER, Ground
from tests.torture.killed import Say
from tests.torture.proxy import Answer, Gate, HangUp, Request
from tests.torture.results import Case
from tests.torture.state import State

_REQUEST_TIMEOUT = 3  # seconds that one request may take
_LONGEST = 110.0  # seconds within which every run has to come to its end; its own deadlines end sooner

_BUSY = b'{"kind":"Status","apiVersion":"v1","status":"Failure","message":"%s","code":%d}'
_EXPIRED = json.dumps(
    {
        "type": "ERROR",
        "object": {"kind": "Status", "status": "Failure", "reason": "Expired", "message": "too old", "code": 410},
    }
)


@dataclass(frozen=True)
class Fault:
    """What happens to some of the requests.

    Attributes:
        name: in the table.
        harm: what is done: ``slow``, ``reset``, ``lost``, ``half``, ``stall``, ``expired`` or an HTTP status.
        every: to each n-th request that it concerns.
        most: so often at most.
        watches: whether it concerns watches, and nothing else.
        writes: whether it concerns writes, and nothing else.
        told: what a run that fails has to say of the cause.
        seconds: of ``slow``.
    """

    name: str
    harm: str
    every: int = 4
    most: int = 1000
    watches: bool = False
    writes: bool = False
    told: str = ""
    seconds: float = 0.3


FAULTS = (
    Fault("latency", "slow", every=1, told="timed out"),
    Fault("reset before delivery", "reset", told="reset|aborted|closed"),
    Fault("answers lost", "lost", told="reset|aborted|closed"),
    Fault("answers of writes lost", "lost", every=1, most=3, writes=True, told="reset|aborted|closed"),
    Fault("429 with Retry-After", "429", told="429"),
    Fault("500", "500", every=9, told="500"),
    Fault("503", "503", told="503"),
    Fault("truncated bodies", "half", every=5, told="no JSON|more expected|broken|incomplete"),
    Fault("stalled connections", "stall", every=6, most=4, told="timed out"),
    Fault("nothing is answered", "stall", every=1, told="timed out"),
    Fault("expired watches", "expired", every=1, watches=True, told="too old"),
    Fault("watches that break", "lost", every=1, watches=True, told="reset|aborted|closed"),
)


class Faulty(Gate):
    """Does harm to each n-th request that a fault concerns."""

    def __init__(self, fault: Fault) -> None:
        """Count from nothing."""
        self._fault = fault
        self._lock = threading.Lock()
        self._concerned = 0
        self.harmed = 0
        self._marked: dict[int, Request] = {}  # by their ids: equal ones are different requests

    def before(self, request: Request) -> Answer | None:
        fault = self._fault
        if not self._is_harmed(request):
            return None
        if fault.harm == "slow":
            time.sleep(fault.seconds)
        elif fault.harm == "reset":
            raise HangUp
        elif fault.harm == "stall":
            time.sleep(_REQUEST_TIMEOUT + 1)
            raise HangUp
        elif fault.harm == "expired":
            return Answer(200, _EXPIRED.encode() + b"\n")
        elif fault.harm.isdigit():
            status = int(fault.harm)
            header = {"Retry-After": "1"} if status == 429 else {}
            return Answer(status, _BUSY % (b"a fault", status), {"Content-Type": "application/json", **header})
        else:  # done with the answer
            with self._lock:
                self._marked[id(request)] = request
        return None

    def after(self, request: Request, answer: Answer) -> Answer:
        with self._lock:
            marked = self._marked.pop(id(request), None)
        if marked is None:
            return answer
        if self._fault.harm == "lost":
            raise HangUp
        return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers, len(answer.body))

    def _is_harmed(self, request: Request) -> bool:
        fault = self._fault
        if request.watches != fault.watches or (fault.writes and not request.writes):
            return False
        with self._lock:
            self._concerned += 1
            harmed = self._concerned % fault.every == 0 and self.harmed < fault.most
            self.harmed += harmed
        return harmed


class Network:
    """Runs of one playbook through each fault."""

    def __init__(self, ground: Ground, say: Say, playbook: str = "site", **member: object) -> None:
        """Prepare, and look at a run through a good network.

        Args:
            ground: where.
            say: told of each case.
            playbook: what is run: ``import`` and ``site`` import the member, ``status`` finds it imported.
            member: variables of the member.
        """
        self.name = f"network, {playbook}"
        self._ground = ground
        self._say = say
        self._playbook = playbook
        self._member = member
        ground.install()
        before = self._marks()
        self._good_run()
        self._creates = self._created(before)
        if playbook == "status":
            ground.must("import", self._fleet)
        self._state: State = ground.settled()

    @property
    def _fleet(self) -> Fleet:
        times = {"kubesphere_request_timeout": _REQUEST_TIMEOUT, "kubesphere_import_timeout": 30}
        return self._ground.fleet.with_member(MEMBER, **self._member).with_all(**times)

    def _good_run(self) -> None:
        self._ground.must(self._playbook, self._fleet)

    def cases(self) -> dict[str, Callable[[], Case]]:
        """All faults by their names, not yet tried; a status neither writes nor watches."""
        met = [fault for fault in FAULTS if self._playbook != "status" or not (fault.writes or fault.watches)]
        return {fault.name: functools.partial(self.case, fault) for fault in met}

    def case(self, fault: Fault) -> Case:
        """Run it through a fault, and then through a good network."""
        started = time.monotonic()
        told, problem = "", ""
        try:
            if self._playbook != "status":
                self._ground.forget()
            told, problem = self._through(fault)
            self._good_run()
            problem = problem or self._ground.differs(self._state)
        except AssertionError as error:
            problem = problem or str(error)
        if problem:
            self._ground.distrust()
        leftovers = self._ground.leftovers()
        self._ground.clear_files()
        case = Case(self.name, fault.name, told, 1, problem, leftovers, time.monotonic() - started)
        self._say(str(case))
        return case

    def _through(self, fault: Fault) -> tuple[str, str]:
        """What the run came to, and what is wrong with that."""
        marks, gate = self._marks(), Faulty(fault)
        with self._ground.behind(gate):
            run = self._ground.start(self._playbook, self._fleet).end(_LONGEST)
        problems = [*_unexplained(run, fault)]
        twice = self._created(marks) - self._creates
        problems += [
            f"{resource} was created {number} times too often on {name}" for (name, resource), number in twice.items()
        ]
        if not gate.harmed:
            problems.append("the fault met no request")
        ended = "succeeded" if run.status == 0 else f"failed: {' '.join(run.failures.values())[:300]}"
        return f"{gate.harmed} faults, {ended} after {run.seconds:.1f} s", "; ".join(problems)

    def _marks(self) -> dict[str, int]:
        return {name: cluster.audit_mark() for name, cluster in self._ground.clusters.items()}

    def _created(self, marks: dict[str, int]) -> Counter[tuple[str, str]]:
        """How many objects of each resource the play has created on each cluster."""
        return Counter(
            (name, target(event))
            for name, cluster in self._ground.clusters.items()
            for event in cluster.audit_events(marks[name], USER_AGENT)
            if event["verb"] == "create" and event.get("responseStatus", {}).get("code") == 201
        )


def _unexplained(run: Run, fault: Fault) -> Iterator[str]:
    """Failures that do not name their cause."""
    if run.status and not run.failures:
        yield f"failed without a message: {run.output[-500:]}"
    for host, message in run.failures.items():
        if not re.search(fault.told, message):
            yield f"the message for {host} does not tell of the fault: {message}"
