"""Two runs at once, and a person in between: nobody's word is lost."""

from __future__ import annotations

import functools
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.integration.controller import Fleet, Run
from tests.integration.kubesphere import CLUSTERS, CONFIGURATION
from tests.torture.ground import MEMBER, Ground
from tests.torture.killed import Say
from tests.torture.proxy import Answer, Gate, Request
from tests.torture.results import Case

_CONFLICT = r"changed .* meanwhile|has changed it|already exists|conflict|409"

Edit = Callable[[Ground, int], None]
"""What a person writes, the how many-th time."""


class Person(Gate):
    """Writes just before the play does, so that the play has read what is out of date."""

    def __init__(self, ground: Ground, path: str, edit: Edit, times: int = 1) -> None:
        """Wait for the play's change.

        Args:
            ground: where.
            path: of the object that both change.
            edit: what the person writes.
            times: before how many of the play's changes.
        """
        self._ground = ground
        self._path = path
        self._edit = edit
        self._times = times
        self._lock = threading.Lock()
        self.edits = 0

    def before(self, request: Request) -> Answer | None:
        with self._lock:
            if request.method == "PATCH" and request.path == self._path and self.edits < self._times:
                self.edits += 1
                self._edit(self._ground, self.edits)
        return None


@dataclass(frozen=True)
class Meeting:
    """A run that a person meets.

    Attributes:
        name: in the table.
        playbook: what is run.
        member: variables of the member.
        host: variables of the host.
        path: of the object that both change.
        edit: what the person writes.
        kept: whether both changes stand in the end.
        times: before how many of the play's changes the person writes.
        fails: what the run says that gives up; empty where it has to succeed.
    """

    name: str
    playbook: str
    path: str
    edit: Edit
    kept: Callable[[Ground], bool]
    member: Mapping[str, object]
    host: Mapping[str, object]
    times: int = 1
    fails: str = ""


def _label_member(ground: Ground, count: int) -> None:
    change = {"metadata": {"labels": {"person": f"was-here-{count}"}}, "spec": {"provider": "a-person"}}
    ground.host.api.patch(f"{CLUSTERS}/{MEMBER}", change)


def _set_terminal(ground: Ground, _count: int) -> None:
    ground.host.api.patch(CONFIGURATION, {"spec": {"terminal": {"timeout": 777}}})


def _cluster(ground: Ground) -> dict[str, object]:
    found = ground.host.api.get(f"{CLUSTERS}/{MEMBER}")
    labels = found["metadata"]["labels"]
    return {"person": labels.get("person"), "play": labels.get("play"), "provider": found["spec"].get("provider")}


def _both_labels(ground: Ground) -> bool:
    return _cluster(ground) == {"person": "was-here-1", "play": "too", "provider": "a-person"}


def _person_won(ground: Ground) -> bool:
    found = _cluster(ground)
    return (found["provider"], str(found["person"])[:8]) == ("a-person", "was-here") and found["play"] != "never"


def _both_settings(ground: Ground) -> bool:
    spec = ground.host.api.get(CONFIGURATION)["spec"]
    return (spec["terminal"].get("timeout"), spec["network"]["networkpolicy"]["enabled"]) == (777, True)


MEETINGS = (
    Meeting(
        "a person labels the Cluster",
        "import",
        f"{CLUSTERS}/{MEMBER}",
        _label_member,
        _both_labels,
        member={"kubesphere_labels": {"play": "too"}},
        host={},
    ),
    Meeting(
        "a person changes the Cluster again and again",
        "import",
        f"{CLUSTERS}/{MEMBER}",
        _label_member,
        _person_won,
        member={"kubesphere_labels": {"play": "never"}},
        host={},
        times=99,
        fails="sandbox",
    ),
    Meeting(
        "a person changes the ClusterConfiguration",
        "install",
        CONFIGURATION,
        _set_terminal,
        _both_settings,
        member={},
        host={"kubesphere_configuration": {"network": {"networkpolicy": {"enabled": True}}}},
    ),
)


class Together:
    """Several writers on one fleet."""

    name = "together"

    def __init__(self, ground: Ground, say: Say) -> None:
        """Prepare.

        Args:
            ground: where.
            say: told of each case.
        """
        self._ground = ground
        self._say = say
        ground.install()

    def _fleet(self, **member: object) -> Fleet:
        return self._ground.fleet.with_member(MEMBER, **member)

    def cases(self) -> dict[str, Callable[[], Case]]:
        """All of them by their names, not yet tried."""
        meetings = {each.name: functools.partial(self.meeting, each) for each in MEETINGS}
        return {**meetings, **{_title(*each): functools.partial(self.pair, *each) for each in PAIRS}}

    def meeting(self, meeting: Meeting) -> Case:
        """Have a person write just before the run does."""
        return self._case(meeting.name, lambda: self._meet(meeting))

    def _meet(self, meeting: Meeting) -> tuple[str, str]:
        self._ground.forget()
        self._ground.must("import", self._fleet())
        fleet = self._fleet(**meeting.member).with_host(**meeting.host)
        gate = Person(self._ground, meeting.path, meeting.edit, meeting.times)
        with self._ground.behind(gate):
            run = self._ground.run(meeting.playbook, fleet)
        told = f"{gate.edits} edits in between; {_ended(run)}"
        if not gate.edits:
            return told, "the person met no run"
        if bool(run.status) != bool(meeting.fails) or not re.search(meeting.fails, " ".join(run.failures.values())):
            return told, f"it ended otherwise than expected: {run.failures}"
        return told, "" if meeting.kept(self._ground) else "a change was lost"

    def pair(self, connection: str, playbook: str = "import") -> Case:
        """Two runs that begin at the same time."""
        return self._case(_title(connection, playbook), lambda: self._pair(connection, playbook))

    def _pair(self, connection: str, playbook: str) -> tuple[str, str]:
        ground, fleet = self._ground, self._fleet(kubesphere_connection=connection)
        begin = ground.bare if playbook == "site" else ground.forget
        begin()
        ground.must(playbook, fleet)
        expected = ground.settled()
        begin()
        started = [ground.start(playbook, fleet) for dummy in range(2)]
        runs = [each.end() for each in started]
        told = "; ".join(_ended(run) for run in runs)
        losers = [run for run in runs if run.status]
        if len(losers) == len(runs):
            return told, f"nobody won: {[run.failures for run in runs]}"
        for run in losers:
            if not re.search(_CONFLICT, " ".join(run.failures.values())):
                return told, f"the loser does not say of what: {run.failures}"
            ground.must(playbook, fleet)
        return told, ground.differs(expected)

    def _case(self, plan: str, happen: Callable[[], tuple[str, str]]) -> Case:
        started = time.monotonic()
        told = ""
        try:
            told, problem = happen()
        except AssertionError as error:
            problem = str(error)
        leftovers = self._ground.leftovers()
        self._ground.clear_files()
        case = Case(self.name, plan, told, 0, problem, leftovers, time.monotonic() - started)
        self._say(str(case))
        return case


PAIRS = (("direct", "import"), ("agent", "import"), ("agent", "site"))


def _title(connection: str, playbook: str) -> str:
    return f"two runs of {playbook}, {connection}"


def _ended(run: Run) -> str:
    return "succeeded" if run.status == 0 else f"failed: {' '.join(run.failures.values())[:400]}"
