"""The measurement: every tool imports the same members from the same starting point, one tool after the other."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.fleet import Fleet, RealFleet, Requests
from tests.benchmarks.joins import Join
from tests.benchmarks.meter import Usage, measure
from tests.benchmarks.tools import Ours, Tool
from tests.benchmarks.watcher import Watcher

FIRST, SECOND = "first import", "second run"
"""The steps that all tools are measured in."""

INSTALL, SITE = "install", "site.yml, second run"
"""What only the collection does."""

_TIMEOUT, _TIMEOUT_EACH = 600.0, 2.0  # seconds for a run, and more for each member
_TAIL = 40  # lines of a failed command's output


class BenchmarkError(Exception):
    """A tool failed, or did not do what the others did; the message has what was seen."""


@dataclass(frozen=True)
class Sample:
    """One run of one tool.

    Attributes:
        tool: its name.
        connection: how the members are connected; it plays no part in ``INSTALL``.
        members: number of members.
        step: what it did, ``FIRST`` for example.
        round: number of the repetition, from 0.
        usage: time and memory.
        host: requests to the host.
        member: requests to all members together.
        load: the machine's load average over one minute before the run.
        joins: the imports that it made, one for each member, where that was looked at.
        simulated: whether the members were simulated.
        begun: when it began, in seconds since the epoch.
    """

    tool: str
    connection: str
    members: int
    step: str
    round: int
    usage: Usage
    host: Requests
    member: Requests
    load: float
    joins: list[Join] = field(default_factory=list)
    simulated: bool = False
    begun: float = 0.0

    @property
    def writes(self) -> int:
        """Writing requests to any cluster."""
        return self.host.writes + self.member.writes


class Bench:
    """Measures tools on fleets.

    Attributes:
        samples: what has been measured so far.
        versions: of what the clusters run, as the last measurement found them.
    """

    def __init__(self, work: Path, say: Callable[[str], None]) -> None:
        """Prepare nothing yet.

        Args:
            work: folder for the tools' caches and output.
            say: told what is being done.
        """
        self.samples: list[Sample] = []
        self.versions: dict[str, str] = {}
        self._work = work
        self._say = say

    def install(self, fleet: Fleet) -> None:
        """Have KubeSphere installed where it is not; measured, but compared with nothing."""
        self.measure(fleet, Ours("install"), INSTALL)

    def compare(self, fleet: RealFleet, tools: Sequence[Tool], repeat: int) -> None:
        """Measure the tools on a fleet, taking turns.

        Args:
            fleet: one with KubeSphere.
            tools: they; those that cannot make the fleet's connection are left out.
            repeat: number of rounds.

        Raises:
            BenchmarkError: a tool failed, or two of them came to different ends.
        """
        able = [each for each in tools if fleet.connection in each.connections]
        for each in able:
            # Not counted: caches of discovery and of compiled modules are filled, and KubeSphere has seen every member.
            self._import(fleet, each)
        ends = {}
        with fleet.watcher() as watcher:
            for number in range(repeat):
                for each in able:
                    fleet.reset()
                    self.measure(fleet, each, FIRST, number, watcher)
                    ends[each.name] = fleet.user_owned()
                    self.measure(fleet, each, SECOND, number)
                    if isinstance(each, Ours):
                        self.measure(fleet, Ours("site"), SITE, number)
        _check_same_end(ends)

    def import_again(self, fleet: Fleet, repeat: int) -> None:
        """Have the collection import the members so many times, for figures that take many imports."""
        with fleet.watcher() as watcher:
            for number in range(repeat):
                fleet.reset()
                self.measure(fleet, Ours(), FIRST, number, watcher)

    def measure(
        self,
        fleet: Fleet,
        tool: Tool,
        step: str,
        number: int = 0,
        watcher: Watcher | None = None,
        status: int = 0,
    ) -> Sample:
        """Run a tool once and keep the sample.

        Args:
            fleet: the clusters.
            tool: what to run.
            step: what it does, ``FIRST`` for example.
            number: number of the repetition.
            watcher: sees the members' Clusters get their conditions, where joins are to be looked at.
            status: exit status that the tool has to end with.

        Raises:
            BenchmarkError: it ended with another one.
        """
        self._say(f"{len(fleet.members)} members, {fleet.connection}, round {number + 1}: {tool.name}, {step}")
        load, marks = os.getloadavg()[0], fleet.marks()
        begun = time.time()
        usage = self._run(fleet, tool, status)
        host, member = Requests.of(fleet.host_events(marks)), Requests.of(fleet.member_events(marks))
        seen = watcher.since(begun) if watcher else {}
        joined = fleet.joins(marks, seen)
        sample = Sample(
            tool=tool.name,
            connection=fleet.connection,
            members=len(fleet.members),
            step=step,
            round=number,
            usage=usage,
            host=host,
            member=member,
            load=load,
            joins=joined,
            simulated=fleet.simulated,
            begun=begun,
        )
        self.samples.append(sample)
        self.versions = fleet.versions()
        return sample

    def _import(self, fleet: Fleet, tool: Tool) -> None:
        self._say(f"{len(fleet.members)} members, {fleet.connection}: {tool.name}, to warm up")
        fleet.reset()
        self._run(fleet, tool)

    def _run(self, fleet: Fleet, tool: Tool, status: int = 0) -> Usage:
        folder = self._work / tool.name
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "output.log"
        timeout = _TIMEOUT + _TIMEOUT_EACH * len(fleet.members)
        usage = measure(tool.command(fleet), tool.environment(folder), folder, log, timeout)
        if usage.status != status:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:])
            raise BenchmarkError(f"{tool.name} ended with {usage.status}, not {status}; the end of its output:\n{tail}")
        return usage


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def as_data(sample: Sample) -> dict[str, Any]:
    """A sample as plain data, with all that was counted."""
    return asdict(sample)


def _check_same_end(ends: dict[str, dict[str, Any]]) -> None:
    names = list(ends)
    for other in names[1:]:
        for member, wanted in ends[names[0]].items():
            # The values may be credentials: only their places are told.
            different = [key for key, value in wanted.items() if ends[other][member][key] != value]
            if different:
                raise BenchmarkError(f"{other} left {member} different from {names[0]} in: {', '.join(different)}")
