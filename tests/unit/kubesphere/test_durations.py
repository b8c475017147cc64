# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of how long a run took."""

from __future__ import annotations

import math
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.durations import lines, of, quantile
from hypothesis import given
from hypothesis import strategies as st

PHASES: dict[str, dict[str, dict[str, Any]]] = {
    "preflight": {"host": {"seconds": 0.1}, "a": {"seconds": 0.2}, "b": {"seconds": 0.3, "problems": ["no"]}},
    "import": {"a": {"seconds": 2.0}, "c": {"seconds": 600.0, "failed": True}, "d": {"skipped": True}},
}


def test_nearest_rank() -> None:
    numbers = [float(number) for number in range(1, 101)]
    assert [quantile(numbers, share) for share in (0.5, 0.9, 0.99)] == [50, 90, 99]
    assert [quantile([3.0], share) for share in (0, 0.5, 1)] == [3, 3, 3]
    assert quantile([1.0, 2.0], 0.5) == 1
    assert quantile([1.0, 2.0], 0.51) == 2


@given(st.lists(st.integers(0, 1000), min_size=1), st.floats(0, 1))
def test_a_quantile_is_the_smallest_that_so_many_do_not_exceed(numbers: list[int], share: float) -> None:
    ordered = sorted(map(float, numbers))
    found = quantile(ordered, share)
    enough = max(1, math.ceil(share * len(ordered)))
    assert sum(each <= found for each in ordered) >= enough
    assert sum(each < found for each in ordered) < enough


def test_each_phase_and_the_whole_way_of_who_joined() -> None:
    found = of(PHASES, ["a"])
    assert found["clusters"] == {
        "host": {"preflight": 0.1},
        "a": {"preflight": 0.2, "import": 2.0, "join": 2.2},
        "b": {"preflight": 0.3},
        "c": {"import": 600.0},
    }
    assert list(found["phases"]) == ["preflight", "import", "join"]
    assert found["phases"]["import"] == {
        "clusters": 2,
        "failed": 1,
        "success_share": 0.5,
        "sum": 2.0,
        "p50": 2.0,
        "p90": 2.0,
        "p99": 2.0,
        "max": 2.0,
    }
    assert found["phases"]["preflight"]["success_share"] == pytest.approx(2 / 3)


def test_nobody_got_through() -> None:
    found = of({"import": {"a": {"seconds": 1, "failed": True}}}, [])
    assert found["phases"]["import"]["max"] is None
    assert lines(found)[1].split() == ["import", "1", "0%", "-", "-", "-", "-"]


@pytest.mark.parametrize(("seconds", "shown"), [(99.94, "99.9 s"), (100.04, "100 s"), (1234.5, "1234 s")])
def test_long_ones_are_whole_seconds(seconds: float, shown: str) -> None:
    assert lines(of({"import": {"a": {"seconds": seconds}}}, ["a"]))[1].split("  ")[-1] == shown


def test_nothing_was_measured() -> None:
    assert of({"proxy": {"host": {"changed": False}}}, ["a"]) == {"phases": {}, "clusters": {}}
    assert lines(of({}, [])) == []


def test_a_table_for_people() -> None:
    assert lines(of(PHASES, ["a"])) == [
        "PHASE      CLUSTERS  SUCCESS  P50    P90    P99    MAX",
        "preflight  3         66.67%   0.1 s  0.2 s  0.2 s  0.2 s",
        "import     2         50%      2 s    2 s    2 s    2 s",
        "join       1         100%     2.2 s  2.2 s  2.2 s  2.2 s",
    ]
