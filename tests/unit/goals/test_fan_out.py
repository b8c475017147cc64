# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of working on many clusters at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.fan_out import (
    Outcome,
    as_task,
    fan_out,
    summary,
)


def run(calls: dict[str, Callable[[], Outcome]], in_flight: int) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    fan_out(calls.items(), in_flight, outcomes.__setitem__)
    return outcomes


def test_each_cluster_has_its_own_outcome_and_time() -> None:
    found = run({name: lambda name=name: {"name": name} for name in "abc"}, 2)  # type: ignore[misc]
    assert {name: outcome["name"] for name, outcome in found.items()} == {"a": "a", "b": "b", "c": "c"}
    assert all(0 <= outcome["seconds"] < 5 for outcome in found.values())


def test_all_of_them_are_in_flight_at_the_same_time() -> None:
    together = threading.Barrier(8, timeout=10)  # is broken if one of them waits for another's end

    def meet() -> Outcome:
        together.wait()
        return {}

    assert len(run({str(number): meet for number in range(8)}, 8)) == 8


def test_no_more_than_may_are_in_flight() -> None:
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

    run({str(number): count for number in range(20)}, 3)
    assert most == 3


def test_work_begins_before_all_calls_are_made() -> None:
    begun = threading.Event()

    def begin() -> Outcome:
        begun.set()
        return {}

    def calls() -> Any:
        yield "a", begin
        assert begun.wait(10)
        yield "b", dict

    outcomes: dict[str, Outcome] = {}
    fan_out(calls(), 1, outcomes.__setitem__)
    assert set(outcomes) == {"a", "b"}


def test_an_error_on_the_way_begins_nothing_more_and_forgets_nothing() -> None:
    begun: list[str] = []
    first, blocked = threading.Event(), threading.Event()

    def work(name: str) -> Outcome:
        begun.append(name)
        first.set()
        return {"name": name}

    def calls() -> Any:
        yield "a", lambda: work("a")
        assert first.wait(10)
        yield "blocked", lambda: {"waited": blocked.wait(10)}
        for number in range(5):
            yield str(number), lambda: work("later")
        raise ValueError("no more")

    outcomes: dict[str, Outcome] = {}
    with pytest.raises(ValueError, match="no more"):
        fan_out(calls(), 1, outcomes.__setitem__)
    blocked.set()
    for thread in [each for each in threading.enumerate() if each.name.startswith("fan-out")]:
        thread.join(10)
    assert begun == ["a"]
    assert outcomes["a"]["name"] == "a"


def test_nobody() -> None:
    assert run({}, 0) == {}


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
