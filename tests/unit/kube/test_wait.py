# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the wait loop, by a clock that is wound by its sleeps."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    Forbidden,
    Gone,
    KubeError,
    NotFound,
    Unreachable,
    WaitTimeout,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.wait import Done, Pending, Target, wait

from tests.unit.fakes import Clock, FakeSession, item

TARGET = Target(CONFIG_MAP, "a", "ns")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


def has(value: str, **pending: Any) -> Any:
    def evaluate(found: Any) -> Any:
        seen = found["data"]["x"] if found else "nothing"
        return Done(seen) if seen == value else Pending(f"it is {seen}", "look", **pending)

    return evaluate


def test_done_at_once(clock: Clock) -> None:
    session = FakeSession("one", item(CONFIG_MAP, "a", "ns", data={"x": "1"}))
    assert wait(session, TARGET, has("1"), goal="g", timeout=0) == "1"
    assert (len(session.requests), clock.now) == (1, 0)


@pytest.mark.parametrize("pending", [{}, {"retry_in": 0.1}, {"retry_in": 2}])
def test_a_change_is_seen(clock: Clock, pending: dict[str, Any]) -> None:
    session = FakeSession("one", item(CONFIG_MAP, "a", "ns", data={"x": "1"}))
    clock.on_sleep = partial(session.put, item(CONFIG_MAP, "a", "ns", data={"x": "2"}))
    assert wait(session, TARGET, has("2", **pending), goal="g", timeout=60) == "2"
    assert clock.now <= 31


def test_what_stays_the_same_is_looked_at_less_often(clock: Clock) -> None:
    session, looks = FakeSession("one", item(CONFIG_MAP, "a", "ns")), list[float]()

    def evaluate(_found: Any) -> Any:
        looks.append(clock.now)
        return Pending("late" if clock.now > 500 else "early")

    with pytest.raises(WaitTimeout):
        wait(session, TARGET, evaluate, goal="g", timeout=1000, recheck=5)
    pauses = [after - before for before, after in zip(looks, looks[1:])]
    assert pauses[:5] == [5] * 5
    assert max(pauses) == pytest.approx(30)
    late = next(number for number, when in enumerate(looks) if when > 500)
    assert pauses[late] == 5


def test_what_no_object_tells_is_listened_to(clock: Clock) -> None:
    session, heard = FakeSession("one", item(CONFIG_MAP, "a", "ns", data={"x": "1"})), list[float]()

    def listen(seconds: float) -> None:
        heard.append(seconds)
        clock.sleep(3)
        session.put(item(CONFIG_MAP, "a", "ns", data={"x": "2"}))

    assert wait(session, TARGET, has("2", retry_in=30, listen=listen), goal="g", timeout=20) == "2"
    assert (heard, clock.now) == ([20], 3)


def test_where_nothing_is_heard_one_looks(clock: Clock) -> None:
    def listen(_seconds: float) -> None:
        raise Unreachable("away")

    session = FakeSession("one", item(CONFIG_MAP, "a", "ns", data={"x": "1"}))
    with pytest.raises(WaitTimeout):
        wait(session, TARGET, has("2", listen=listen), goal="g", timeout=60)
    assert len(session.requests) == 60 / 5 + 1
    assert clock.now == 60


def test_what_comes_into_being_is_seen(clock: Clock) -> None:
    session, lines = FakeSession(), list[str]()
    clock.on_sleep = partial(session.put, item(CONFIG_MAP, "a", "ns", data={"x": "2"}))
    assert wait(session, TARGET, has("2"), goal="g", timeout=9, progress=lines.append) == "2"
    assert lines == ["one: waiting until g: it is nothing"]


def test_the_deadline_is_kept_and_says_why(clock: Clock) -> None:
    session, lines = FakeSession("one", item(CONFIG_MAP, "a", "ns", data={"x": "1"})), list[str]()
    with pytest.raises(WaitTimeout) as caught:
        wait(session, TARGET, has("2"), goal="g", timeout=100, progress=lines.append)
    assert str(caught.value) == "one: Waited 100 s in vain until g: it is 1. look"
    assert clock.now == pytest.approx(100)
    assert len(lines) == 1


def test_a_server_that_is_away_for_a_while(clock: Clock) -> None:
    tries: list[int] = []

    def evaluate(_found: Any) -> Any:
        tries.append(1)
        if len(tries) < 4:
            raise Unreachable("away")
        return Done(1)

    assert wait(FakeSession(), TARGET, evaluate, goal="g", timeout=60) == 1
    assert clock.now < 5


@pytest.mark.parametrize(("error", "seconds"), [(Gone("too old"), 0), (Unreachable("away"), 1)])
def test_a_watch_that_breaks_off(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, error: KubeError, seconds: float
) -> None:
    """The object is read anew: at once if the watch was too old, after a pause if nobody answers."""
    session = FakeSession("one", item(CONFIG_MAP, "a", "ns", data={"x": "1"}))

    def watch(*_arguments: Any) -> Any:
        session.put(item(CONFIG_MAP, "a", "ns", data={"x": "2"}))
        raise error

    monkeypatch.setattr(session, "watch", watch)
    assert wait(session, TARGET, has("2"), goal="g", timeout=60) == "2"
    assert clock.now == seconds


def test_what_may_not_be_watched(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    session = FakeSession("one", item(CONFIG_MAP, "a", "ns", data={"x": "1"}))

    def watch(*_arguments: Any) -> Any:
        raise Forbidden("no", "one", status=403)

    monkeypatch.setattr(session, "watch", watch)
    with pytest.raises(Forbidden):
        wait(session, TARGET, has("2"), goal="g", timeout=60)
    assert clock.now == 0


def test_whoever_gives_up_ends_the_wait(clock: Clock) -> None:
    def evaluate(_found: Any) -> Any:
        raise NotFound("no")

    with pytest.raises(NotFound):
        wait(FakeSession(), TARGET, evaluate, goal="g", timeout=60)
    assert clock.now == 0
