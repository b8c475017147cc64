# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of which waves there are, and when no other one is begun."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import waves


@pytest.mark.parametrize("given", [[1, "1%", "100%"], ["1"], 3, "50%", [200]])
def test_waves(given: Any) -> None:
    assert waves.problems(given, 0) == []


@pytest.mark.parametrize("wave", [0, -1, "0%", "101%", "half", "1.5", 1.5, None, "", "1 %", "%", True, {}])
def test_waves_that_are_none(wave: Any) -> None:
    """Ansible takes 0 for all at once, and ends with a traceback over others."""
    [problem] = waves.problems([2, wave], 0)
    assert problem.startswith(f"kubesphere_waves has {wave!r}: ")


def test_no_waves_at_all() -> None:
    assert waves.problems([], 0) == ['kubesphere_waves is empty: ["100%"] takes all members at once']


@pytest.mark.parametrize("most", [0, 7, 200, "3", "0%", "2.5%", "100%"])
def test_how_many_may_fail(most: Any) -> None:
    assert waves.problems([1], most) == []


@pytest.mark.parametrize("most", [-1, 1.5, "few", "", None, True, "-1%", "101%", "1000%", []])
def test_numbers_that_are_none(most: Any) -> None:
    """All of them would else be found out when the first wave is over."""
    [problem] = waves.problems([1], most)
    assert problem.startswith("kubesphere_max_failures is ")
    assert str(most) in problem


@pytest.mark.parametrize(
    ("failed", "of", "most", "allowed"),
    [
        (1, 1, 0, 0),
        (1, 1, "0%", 0),
        (1, 1, "99%", 0),
        (1, 1, "100%", None),
        (1, 1, 1, None),
        (2, 2, 1, 1),
        (2, 10, "20%", None),
        (2, 10, "19.9%", 1),
        (3, 250, "1%", 2),
        (3, 250, 3, None),
    ],
)
def test_when_to_stop(failed: int, of: int, most: int | str, allowed: int | None) -> None:
    names = [f"m{number}" for number in range(failed)]
    told = (
        f"{', '.join(names)} failed, {failed} of {of} in a wave, and kubesphere_max_failures ({most}) allows {allowed}"
    )
    assert waves.stop_reason(names, of, most) == ("" if allowed is None else told)


@pytest.mark.parametrize("most", [0, "0%", None])
def test_a_wave_without_failures_is_not_the_last(most: int | str | None) -> None:
    assert waves.stop_reason([], 3, most) == waves.stop_reason([], 0, most) == ""


def test_nothing_goes_on_without_the_host() -> None:
    assert waves.stop_reason(["frankfurt"], 1, None) == "frankfurt failed"


def test_many_failures_are_not_all_named() -> None:
    """The reason is told for every member that was not begun."""
    reason = waves.stop_reason([f"m{number}" for number in range(100)], 250, "1%")
    assert reason.startswith("m0, m1, m2 … m99 failed, 100 of 250 in a wave, ")


def test_what_is_said_of_a_cluster_that_was_not_begun() -> None:
    again = "Mend that, and run the playbook again: it goes on where it stopped."
    assert waves.not_begun("b failed") == f"It was not begun, because b failed. {again}"
    assert waves.not_begun("") == f"It was not begun, because its play was left out. {again}"
