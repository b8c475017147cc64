# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the lines that say what goes on: from messages, a width and a clock."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils import progress_text
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.progress_state import State

STANDS = "waiting until KubeSphere v3.4.1 stands: ks-installer: no run shows in its log yet"


def state(*heard: tuple[float, dict[str, Any]]) -> State:
    """What is known after messages at these times."""
    found = State()
    for when, message in heard:
        found.hear(message, when)
    return found


def counts(**by_phase: list[int]) -> dict[str, Any]:
    return {"kind": "counts", "counts": by_phase}


def begun(cluster: str, phase: str = "wait") -> dict[str, Any]:
    return {"kind": "begun", "cluster": cluster, "phase": phase}


def ended(cluster: str, phase: str = "wait") -> dict[str, Any]:
    return {**begun(cluster, phase), "kind": "ended"}


def waits(cluster: str, text: str = STANDS, phase: str = "wait") -> dict[str, Any]:
    return {"kind": "waits", "cluster": cluster, "phase": phase, "text": f"{cluster}: {text}"}


@pytest.fixture
def fleet() -> State:
    """Some clusters of a large fleet, at 200 s."""
    return state(
        (0, counts(preflight=[100, 0, 100], install=[97, 3, 100], wait=[37, 0, 97], proxy=[0, 0, 0])),
        (70, begun("hamburg")),
        (71, waits("hamburg", "waiting until KubeSphere v3.4.1 stands: Deployment tower: 0 of 1 pods are available")),
        (100, begun("berlin")),
        (100, begun("bremen")),
        (101, begun("essen")),
        *((102, waits(name)) for name in ("bremen", "berlin", "essen")),
        (190, begun("aachen", "import")),
        (191, waits("aachen", "waiting until it is used: Cluster aachen is not Ready", "import")),
        (199, begun("trier", "import")),
    )


def test_the_block(fleet: State) -> None:
    assert progress_text.block(fleet, 100, 6, 200) == [
        "3 min 20 s: preflight 100/100 · install 97/100, 3 failed · wait 37/97",
        "  wait    2 min 10 s  hamburg: Deployment tower: 0 of 1 pods are available",
        "  wait    1 min 40 s  berlin, bremen and 1 more: ks-installer: no run shows in its log yet",
        "  import        10 s  aachen: until it is used: Cluster aachen is not Ready",
        "  import         1 s  trier",
    ]


def test_a_small_block(fleet: State) -> None:
    assert progress_text.block(fleet, 60, 3, 200) == [
        "3 min 20 s: wait 37/97",
        "  wait  2 min 10 s  hamburg: Deployment tower: 0 of 1 pods …",
        "  and 5 more",
    ]
    assert progress_text.block(fleet, 60, 2, 200)[1:] == ["  and 6 more"]
    assert len(progress_text.block(fleet, 60, 1, 200)) == 1
    assert progress_text.block(fleet, 60, 0, 200) == []
    assert progress_text.block(fleet, 60, 5, 200)[-1] == "  import         1 s  trier"


@pytest.mark.parametrize("width", [0, 1, 2, 10, 79])
@pytest.mark.parametrize("height", [1, 2, 6])
def test_it_is_never_larger_than_the_window(fleet: State, width: int, height: int) -> None:
    lines = progress_text.block(fleet, width, height, 200)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


def test_a_task_of_its_own_has_no_counts() -> None:
    found = state((5, begun("hamburg", "member")), (6, begun("berlin", "member")), (7, ended("berlin", "member")))
    assert progress_text.block(found, 80, 6, 9) == ["4 s: 1 at work", "  member  4 s  hamburg"]


def test_nothing_goes_on() -> None:
    assert progress_text.block(State(), 80, 6, 9) == []
    assert progress_text.block(state((1, begun("a")), (2, ended("a"))), 80, 6, 9) == []
    over = state((1, counts(wait=[0, 0, 1])), (1, begun("a")), (2, {"kind": "over"}))
    assert progress_text.block(over, 80, 6, 9) == []


def test_the_clock_begins_anew_with_each_task() -> None:
    found = state((1, begun("a")), (2, ended("a")), (100, begun("a")))
    assert progress_text.block(found, 80, 6, 105)[0].startswith("5 s: ")


def test_the_line_of_a_log(fleet: State) -> None:
    assert progress_text.status(fleet, 200) == (
        "3 min 20 s: preflight 100/100 · install 97/100, 3 failed · wait 37/97; "
        "wait 2 min 10 s: hamburg: until KubeSphere v3.4.1 stands: Deployment tower: 0 of 1 pods are available; "
        "wait 1 min 40 s: berlin, bremen and 1 more: until KubeSphere v3.4.1 stands: ks-installer: "
        "no run shows in its log yet; import 10 s: aachen: until it is used: Cluster aachen is not Ready; and 1 more"
    )


def test_who_waits_for_the_same_is_told_of_together_whatever_its_name() -> None:
    text = "waiting until Cluster {} is Ready: it is {} no more"
    found = state(*((1, begun(name)) for name in "abc"), *((2, waits(name, text.format(name, name))) for name in "abc"))
    assert progress_text.block(found, 100, 6, 9)[1:] == [
        "  wait  8 s  a, b and 1 more: until Cluster <name> is Ready: it is <name> no more"
    ]


def test_a_text_of_a_cluster_reaches_no_terminal_as_it_is() -> None:
    evil = "waiting until \x1b[2J\x1b]0;owned\x07 it\r\nis \x9b31m \u202e gone \ud800"
    found = State()
    line = found.hear(waits("a", evil), 1)
    found.hear(begun("\x1b[31ma", "\x1b[7m"), 1)
    found.hear(begun("a"), 1)
    found.hear(waits("a", evil), 1)
    found.hear(counts(**{"\x1b[1m": [1, 0, 2]}), 1)
    for shown in (line, progress_text.status(found, 9), *progress_text.block(found, 200, 6, 9)):
        assert shown.isprintable(), shown
    assert "\\x1b[2J" in line


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-1, "0 s"), (0.9, "0 s"), (59.9, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (3660, "1 h 01 min")],
)
def test_durations(seconds: float, said: str) -> None:
    assert progress_text.duration(seconds) == said


@pytest.mark.parametrize(
    ("line", "width", "cut"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        ("abcd", 0, ""),
        ("東京都", 6, "東京都"),
        ("東京都", 5, "東京…"),
        ("東京都", 4, "東…"),
        ("e\u0301e\u0301", 2, "e\u0301e\u0301"),
    ],
)
def test_lines_are_cut_by_columns(line: str, width: int, cut: str) -> None:
    assert progress_text.fitting(line, width) == cut


def test_the_slowest_are_named_at_the_end() -> None:
    found = state(
        *((0, begun(name, "install")) for name in ("a", "bb", "c")),
        *((5, ended(name, "install")) for name in ("a", "bb", "c")),
        (5, begun("a")),
        (5, begun("bb")),
        (8, ended("a")),
        (700, ended("bb")),
    )
    assert progress_text.slowest(found, 2) == [
        "Of 3 clusters these took longest:",
        "  bb  11 min 40 s  install 5 s, wait 11 min 35 s",
        "  a           8 s  install 5 s, wait 3 s",
    ]
    assert progress_text.slowest(found, 0) == []


@pytest.mark.parametrize("names", ["a", "ab"])
def test_what_took_no_time_is_not_worth_a_line(names: str) -> None:
    found = state(*((0, begun(name)) for name in names), *((9, ended(name)) for name in names))
    assert progress_text.slowest(found, 3) == []


def test_one_cluster_is_not_compared() -> None:
    assert progress_text.slowest(state((0, begun("a")), (900, ended("a"))), 3) == []
