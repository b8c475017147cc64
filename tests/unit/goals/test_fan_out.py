# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the road of many clusters at the same time."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.fan_out import (
    Call,
    FanOut,
    Outcome,
    Phase,
    as_task,
    summary,
)

SECONDS = 10  # within which everything here ends; a test that waits longer has failed
ONE = (Phase("look"),)

Calls = Callable[[str, str], Call | None]


class Told:
    """Work that is done by functions of a cluster's and a phase's name, and notes what it is told."""

    def __init__(self, calls: Calls, phases: Sequence[Phase], verdict: Mapping[str, str] | None = None) -> None:
        self._calls, self._phases, self._verdict = calls, phases, verdict or {}
        self.outcomes: dict[tuple[str, str], Outcome] = {}
        self.judged: list[set[str]] = []
        self.past: list[str] = []
        self.at_the_end: list[str] = []
        self.spared: Collection[tuple[str, str]] = ()  # by name, and the phase that the first one may fail in

    def call(self, name: str, phase: int) -> Call | None:
        return self._calls(name, self._phases[phase].name)

    def needs(self, name: str, phase: int) -> bool:
        return (name, self._phases[phase].name) not in self.spared

    def verdict(self, outcomes: Mapping[str, Outcome]) -> Mapping[str, str]:
        self.judged.append(set(outcomes))
        return self._verdict

    def needs_all(self, outcome: Outcome) -> bool:
        return bool(outcome.get("upgrade"))

    def done(self, name: str, phase: int, outcome: Outcome) -> None:
        self.outcomes[name, self._phases[phase].name] = outcome

    def passed(self, name: str) -> None:
        self.past.append(name)

    def ended(self, name: str) -> None:
        self.at_the_end.append(name)


def run(
    calls: Calls,
    names: Sequence[str],
    phases: Sequence[Phase] = ONE,
    in_flight: int = 50,
    verdict: Mapping[str, str] | None = None,
    spared: Collection[tuple[str, str]] = (),
    **how: Any,
) -> Told:
    told = Told(calls, phases, verdict)
    told.spared = spared
    FanOut(told, phases, list(names), in_flight, **how).run()
    assert sorted(told.at_the_end) == sorted(names), "each cluster ends once"
    return told


def nothing(_name: str, _phase: str) -> Call:
    return dict


def test_each_cluster_has_its_own_outcome_and_time() -> None:
    found = run(lambda name, _phase: lambda: {"name": name}, "abc", in_flight=2).outcomes
    assert {key: outcome["name"] for key, outcome in found.items()} == {(name, "look"): name for name in "abc"}
    assert all(0 <= outcome["seconds"] < SECONDS for outcome in found.values())


def test_all_of_them_are_in_flight_at_the_same_time() -> None:
    together = threading.Barrier(8, timeout=SECONDS)  # is broken if one of them waits for another's end

    def meet() -> Outcome:
        together.wait()
        return {}

    assert len(run(lambda _name, _phase: meet, "12345678", in_flight=8).outcomes) == 8


def most_at_once(phase: Phase, in_flight: int) -> int:
    lock, now, most = threading.Lock(), 0, 0

    def count() -> Outcome:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.005)
        with lock:
            now -= 1
        return {}

    run(lambda _name, _phase: count, [str(number) for number in range(20)], [phase], in_flight)
    return most


def test_no_more_than_may_are_in_flight() -> None:
    assert most_at_once(Phase("work"), 3) == 3


def test_any_number_waits() -> None:
    together = threading.Barrier(6, timeout=SECONDS)

    def meet() -> Outcome:
        together.wait()
        return {}

    run(lambda _name, _phase: meet, "123456", [Phase("wait", waits=True)], in_flight=1)


def test_a_road_is_gone_phase_by_phase_and_none_waits_for_another() -> None:
    phases = [Phase("first"), Phase("second"), Phase("third")]
    slow_may_go = threading.Event()
    order: list[tuple[str, str]] = []

    def calls(name: str, phase: str) -> Call | None:
        def work() -> Outcome:
            if (name, phase) == ("slow", "first"):
                assert slow_may_go.wait(SECONDS)
            if (name, phase) == ("quick", "third"):
                slow_may_go.set()  # its whole road is behind it while the other has not done the first phase
            order.append((name, phase))
            return {}

        return None if (name, phase) == ("slow", "second") else work

    told = run(calls, ["slow", "quick"], phases)
    assert order == [("quick", "first"), ("quick", "second"), ("quick", "third"), ("slow", "first"), ("slow", "third")]
    assert told.past.count("slow") == 3, "what is not for it is passed, too"


def test_what_fails_goes_no_further() -> None:
    def calls(name: str, phase: str) -> Call:
        return lambda: {"failed": (name, phase) == ("bad", "first")}

    told = run(calls, ["bad", "good"], [Phase("first"), Phase("second")])
    assert sorted(told.outcomes) == [("bad", "first"), ("good", "first"), ("good", "second")]


def test_later_phases_come_before_earlier_ones() -> None:
    order: list[tuple[str, str]] = []

    def calls(name: str, phase: str) -> Call:
        def work() -> Outcome:
            order.append((name, phase))
            return {}

        return work

    run(calls, "ab", [Phase("first"), Phase("second")], in_flight=1)
    assert order == [("a", "first"), ("a", "second"), ("b", "first"), ("b", "second")]


# The one that goes first

HOST_FIRST = (Phase("install"), Phase("join", follows=True))


def test_the_others_follow_the_one_that_goes_first() -> None:
    order: list[tuple[str, str]] = []

    def calls(name: str, phase: str) -> Call | None:
        if (name, phase) == ("host", "join"):
            return None

        def work() -> Outcome:
            if name == "host":
                threading.Event().wait(0.05)
            order.append((name, phase))
            return {}

        return work

    run(calls, ["a", "host", "b"], HOST_FIRST, first="host")
    assert order.index(("host", "install")) < min(order.index(("a", "join")), order.index(("b", "join")))


def test_nothing_follows_one_that_has_failed() -> None:
    def calls(name: str, _phase: str) -> Call | None:
        if name == "idle":
            return None
        return lambda: {"failed": name == "host"}

    told = run(calls, ["a", "idle", "host"], HOST_FIRST, first="host")
    assert sorted(told.outcomes) == [("a", "install"), ("a", "join"), ("host", "install")]
    assert told.outcomes["a", "join"]["failed"]
    assert told.outcomes["a", "join"]["msg"].startswith("host has failed (install), so this was not begun.")


def test_what_does_not_need_a_phase_goes_on_where_the_first_one_has_failed_in_it() -> None:
    phases = (Phase("install"), Phase("address"), Phase("join", follows=True))

    def calls(name: str, phase: str) -> Call | None:
        if (name == "host") != (phase in ("install", "address")):
            return None
        return lambda: {"failed": phase == "address"}

    told = run(calls, ["direct", "agent", "host"], phases, first="host", spared=[("direct", "address")])
    assert {key for key, outcome in told.outcomes.items() if outcome["failed"]} == {
        ("host", "address"),
        ("agent", "join"),
    }
    assert told.outcomes["agent", "join"]["msg"].startswith("host has failed (address), so this was not begun.")
    # Of one that has failed earlier nobody is spared.
    earlier = run(
        lambda name, phase: None if (name == "host") != (phase == "install") else (lambda: {"failed": name == "host"}),
        ["direct", "host"],
        phases,
        first="host",
        spared=[("direct", "address")],
    )
    assert earlier.outcomes["direct", "join"]["failed"]


def test_nobody_follows_one_that_is_not_there() -> None:
    assert len(run(nothing, "ab", HOST_FIRST, first="host").outcomes) == 4


def test_one_at_a_time_is_enough_for_the_first_to_come_past() -> None:
    assert len(run(nothing, ["a", "b", "host"], HOST_FIRST, in_flight=1, first="host").outcomes) == 6


ROAD = [
    Phase("look", judged=True),
    Phase("install"),
    Phase("join", follows=True),
    Phase("wait", waits=True),
    Phase("use", follows=True),
]


@pytest.mark.parametrize("seed", range(40))
def test_whatever_fails_or_is_not_meant_all_come_to_their_ends(seed: int) -> None:
    """And nobody overtakes the one that goes first, or goes on after a failure."""
    chance = random.Random(seed)
    names = ["host", *(f"member-{number}" for number in range(chance.randrange(8)))]
    chance.shuffle(names)
    fate = {(name, each.name): chance.choice(["fine", "fine", "idle", "failed"]) for name in names for each in ROAD}
    refused = {name: "no" for name in names if chance.random() < 0.2}
    past: list[tuple[str, str]] = []

    def calls(name: str, phase: str) -> Call | None:
        def work() -> Outcome:
            threading.Event().wait(chance.random() / 500)
            past.append((name, phase))
            return {"failed": fate[name, phase] == "failed"}

        return None if fate[name, phase] == "idle" else work

    told = run(calls, names, ROAD, chance.randrange(4), refused, first="host", patient=chance.random() < 0.5)
    fine = [key for key, outcome in told.outcomes.items() if not outcome.get("failed")]
    for name in names:
        gone = [each.name for each in ROAD if (name, each.name) in told.outcomes]
        assert [(name, phase) in fine for phase in gone[:-1]] == [True] * len(gone[:-1])
    for name, phase in [key for key in past if key[0] != "host" and key[1] in ("join", "use")]:
        road = [each.name for each in ROAD]
        before = [("host", each) for each in road[: road.index(phase) + 1] if fate["host", each] != "idle"]
        assert all(key in fine for key in before)
        first = past.index((name, phase))
        assert all(past.index(key) < first for key in before)


# Side by side

JUDGED = (Phase("look", judged=True), Phase("work"))


def test_clusters_are_judged_together() -> None:
    told = run(nothing, "abc", JUDGED, in_flight=1, verdict={"b": "twice there"})
    assert told.judged == [{"a", "b", "c"}]
    assert told.outcomes["b", "look"]["msg"] == "twice there"
    assert sorted(name for name, phase in told.outcomes if phase == "work") == ["a", "c"]


def late(patient: bool, phases: Sequence[Phase] = JUDGED, first: str | None = None) -> Told:
    """A road on which one cluster looks until another has come to its end, or a second has passed."""
    gone = threading.Event()

    def calls(name: str, phase: str) -> Call:
        def work() -> Outcome:
            if (name, phase) == ("late", "look"):
                return {"overtaken": gone.wait(1.5)}
            if phase == "work" and name != "late":
                gone.set()
            return {}

        return work

    return run(calls, ["a", "b", "late"], phases, patient=patient, first=first, verdict={})


def test_one_that_takes_long_is_not_waited_for_and_judged_when_it_comes() -> None:
    told = late(patient=False)
    assert told.judged == [{"a", "b"}, {"a", "b", "late"}]
    assert told.outcomes["late", "look"]["overtaken"]
    assert ("late", "work") in told.outcomes


@pytest.mark.parametrize(
    ("patient", "phases", "first"), [(True, JUDGED, None), (False, JUDGED, "late"), (False, JUDGED[:1], None)]
)
def test_it_is_waited_for_where_all_are_needed(patient: bool, phases: Sequence[Phase], first: str | None) -> None:
    told = late(patient, phases, first)
    assert told.judged == [{"a", "b", "late"}]
    assert not told.outcomes["late", "look"]["overtaken"]


def test_the_one_that_goes_first_may_need_all_to_be_judged() -> None:
    gone = threading.Event()

    def calls(name: str, phase: str) -> Call:
        def work() -> Outcome:
            if (name, phase) == ("late", "look"):
                return {"overtaken": gone.wait(1.5)}
            if phase == "work" and name != "late":
                gone.set()
            return {"upgrade": name == "host"}

        return work

    told = run(calls, ["host", "a", "b", "late"], JUDGED, first="host")
    assert told.judged == [{"host", "a", "b", "late"}]
    assert not told.outcomes["late", "look"]["overtaken"]


def test_one_that_is_near_does_not_make_the_others_late() -> None:
    def calls(name: str, phase: str) -> Call:
        return lambda: {"waited": phase == "look" and name != "host" and threading.Event().wait(0.7)}

    assert run(calls, ["host", "a", "b"], JUDGED, first="host").judged == [{"host", "a", "b"}]


def test_what_fails_at_once_does_not_make_the_others_late() -> None:
    def calls(name: str, phase: str) -> Call:
        def work() -> Outcome:
            if name in "ab" and phase == "look":
                threading.Event().wait(0.7)
            return {"failed": name not in "ab"}

        return work

    assert run(calls, "abcde", JUDGED).judged == [set("abcde")]


def test_one_that_is_late_does_not_hold_the_place_of_others() -> None:
    gone = threading.Event()

    def calls(name: str, phase: str) -> Call:
        def work() -> Outcome:
            if (name, phase) == ("late", "look"):
                return {"overtaken": gone.wait(SECONDS)}
            if (name, phase) == ("d", "work"):
                gone.set()
            return {}

        return work

    told = run(calls, ["a", "late", "b", "c", "d"], JUDGED, in_flight=2)
    assert told.outcomes["late", "look"]["overtaken"]


# Errors


def test_an_error_on_the_way_begins_nothing_more_and_forgets_nothing() -> None:
    begun: list[str] = []
    first, second, blocked = threading.Event(), threading.Event(), threading.Event()

    def calls(name: str, _phase: str) -> Call:
        def work() -> Outcome:
            begun.append(name)
            if name == "blocked":
                second.set()
                return {"waited": blocked.wait(SECONDS)}
            first.set()
            return {"name": name}

        if name == "bad":
            assert first.wait(SECONDS) and second.wait(SECONDS)
            raise ValueError("no more")
        return work

    told = Told(calls, ONE)
    with pytest.raises(ValueError, match="no more"):
        FanOut(told, ONE, ["a", "blocked", "bad", "later"], 3).run()
    blocked.set()
    for thread in [each for each in threading.enumerate() if each.name.startswith("fan-out")]:
        thread.join(SECONDS)
    assert sorted(begun) == ["a", "blocked"]
    assert told.outcomes["a", "look"]["name"] == "a"


def test_nobody() -> None:
    assert run(nothing, [], in_flight=0).outcomes == {}


def test_in_one_line() -> None:
    outcomes: list[Outcome] = [{"changed": True}, {"changed": False}, {"changed": True, "failed": True}]
    assert summary("import", outcomes) == "import: 1 as they should be, 1 changed, 1 failed"


def test_phases_of_a_cluster_as_its_own_result() -> None:
    install = {"phase": "install", "seconds": 1.5, "changed": True, "actions": ["create a"], "diff": [{"after": 1}]}
    imported = {"phase": "import", "seconds": 0.5, "changed": False, "failed": True, "msg": "no", "error": "Refused"}
    assert as_task([install, imported]) == {
        "changed": True,
        "phases": [
            {"phase": "install", "seconds": 1.5, "changed": True},
            {"phase": "import", "seconds": 0.5, "changed": False, "failed": True, "msg": "no"},
        ],
        "actions": ["create a"],
        "diff": [{"after": 1}],
        "failed": True,
        "msg": "no",
        "error": "Refused",
    }
    assert as_task([]) == {"changed": False, "phases": [], "actions": []}
