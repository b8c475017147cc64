# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the pace of writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import pace as pace_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import Connection
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.pace import Pace
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import Session

from tests.unit.fakes import Clock, item
from tests.unit.kube.server import Reply, Server, serving


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace_module, "time", made)
    return made


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


def written(pace: Pace, clock: Clock, count: int) -> list[float]:
    """When writes go, one after another."""
    times = []
    for _dummy in range(count):
        pace.take()
        times.append(round(clock.now, 6))
    return times


def test_a_second_s_worth_goes_at_once_and_the_rest_in_step(clock: Clock) -> None:
    pace = Pace(4)
    assert written(pace, clock, 7) == [0, 0, 0, 0, 0.25, 0.5, 0.75]


def test_what_was_not_used_is_made_up_for_within_bounds(clock: Clock) -> None:
    pace = Pace(4)
    written(pace, clock, 4)
    clock.now = 100.0
    assert written(pace, clock, 6) == [100, 100, 100, 100, 100.25, 100.5]


def test_less_than_one_a_second(clock: Clock) -> None:
    assert written(Pace(0.5), clock, 3) == [0, 2, 4]


def test_no_bound(clock: Clock) -> None:
    pace = Pace()
    assert written(pace, clock, 1000)[-1] == 0
    pace.hold(3)
    assert written(pace, clock, 2) == [3, 3]


def test_after_a_hold_they_go_in_step(clock: Clock) -> None:
    pace = Pace(4)
    pace.hold(5)
    pace.hold(2)  # the longer one counts
    assert written(pace, clock, 3) == [5, 5.25, 5.5]


def test_who_waits_already_waits_on(clock: Clock) -> None:
    pace = Pace(1)
    pace.take()

    def told() -> None:
        clock.on_sleep = lambda: None
        pace.hold(10)

    clock.on_sleep = told
    assert written(pace, clock, 1) == [11]


def test_turns_from_before_a_hold_are_taken_anew(clock: Clock) -> None:
    pace = Pace(1)
    others: list[float] = []
    pace.take()

    def told() -> None:
        clock.on_sleep = lambda: None
        pace.hold(10)

    def another() -> None:
        clock.on_sleep = told
        others.extend(written(pace, clock, 1))

    clock.on_sleep = another
    assert (written(pace, clock, 1), others) == ([13], [12])
    assert written(pace, clock, 1) == [14]


def test_threads_share_it() -> None:
    pace = Pace(50)
    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: pace.take(), range(60)))
    assert 0.19 <= time.monotonic() - began < 1


class Counting(Pace):
    """Counts the turns, and has nobody wait."""

    taken = 0

    def take(self) -> None:
        self.taken += 1


def test_writes_are_counted_and_nothing_else(server: Server) -> None:
    pace, live = Counting(), item(CONFIG_MAP, "a", "ns")
    live["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    server.script = [Reply(200, live)]
    session = Session(Connection(server=server.url), "one", pace=pace).sibling()
    session.get(CONFIG_MAP, "a", "ns")
    session.text("/x", "ask", method="POST", body={})
    session.review(CONFIG_MAP, {})
    assert pace.taken == 0
    session.create(live)
    session.patch(live, {"data": {"x": "1"}})
    session.delete(live)
    assert pace.taken == 3
    planning = Session(Connection(server=server.url), "one", pace=pace, planning=True)
    planning.create(live)
    assert pace.taken == 3


def test_a_repeated_write_takes_a_turn_too(server: Server) -> None:
    pace, live = Counting(), item(CONFIG_MAP, "a", "ns")
    live["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    server.script = [Reply(429, {}), Reply(200, live)] * 2
    session = Session(Connection(server=server.url), "one", pace=pace, patience=5)
    session.get(CONFIG_MAP, "a", "ns")
    assert pace.taken == 0
    session.patch(live, {"data": {"x": "1"}})
    assert pace.taken == 2


def test_too_many_requests_hold_back_all_siblings(server: Server) -> None:
    live = item(CONFIG_MAP, "a", "ns")
    live["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    server.script = [Reply(429, {}, Retry_After="1"), Reply(200, live)]
    base = Session(Connection(server=server.url), "one", pace=Pace(), patience=5)
    began = time.monotonic()
    asking = threading.Thread(target=base.sibling().get, args=(CONFIG_MAP, "a", "ns"))
    asking.start()
    while not server.seen:
        time.sleep(0.005)
    time.sleep(0.1)
    base.sibling().create(live)
    assert time.monotonic() - began > 0.95
    asking.join()
