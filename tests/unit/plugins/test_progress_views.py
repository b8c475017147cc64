# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of when something is shown: a block on a screen that is a stub, and lines of a log."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.progress_state import State
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.progress_views import Block, Log, View
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.terminal import is_terminal


class Clocked:
    """A state, a view that looks at it when it wants to, and the time."""

    def __init__(self, view: View) -> None:
        self.state, self.view, self.now = State(), view, 1000.0
        self.due: float | None = None

    def hear(self, **message: object) -> None:
        """Something is told."""
        line = self.state.hear(message, self.now)
        if line:
            self.view.tell(line, self.now)
        self.due = self.view.look(self.state, self.now)

    def go(self, seconds: float) -> None:
        """Time goes by; the view looks whenever it has asked to."""
        end = self.now + seconds
        while self.due is not None and self.now + self.due <= end:
            assert self.due > 0
            self.now += self.due
            self.due = self.view.look(self.state, self.now)
        if self.due is not None:
            self.due -= end - self.now
        self.now = end


class Paper:
    """A screen that keeps what was shown on it."""

    def __init__(self) -> None:
        self.shown: list[Sequence[str]] = []
        self.closed = False

    def size(self) -> tuple[int, int]:
        return 40, 4

    def show(self, lines: Sequence[str]) -> None:
        self.shown.append(lines)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def block(paper: Paper) -> Clocked:
    return Clocked(Block(paper, 6, lambda line: f"<{line}>"))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def log(said: list[str]) -> Clocked:
    return Clocked(Log(said.append, 60, 5))


class TestBlock:
    """On a terminal."""

    def test_what_is_done_at_once_is_not_shown(self, block: Clocked, paper: Paper) -> None:
        block.hear(kind="begun", cluster="a", phase="import")
        block.go(0.9)
        block.hear(kind="ended", cluster="a", phase="import")
        block.go(100)
        assert paper.shown == []

    def test_it_is_drawn_once_a_second_and_taken_away(self, block: Clocked, paper: Paper) -> None:
        block.hear(kind="begun", cluster="a", phase="import")
        block.go(3.5)
        assert paper.shown == [[f"<{second} s: 1 at work>", f"  import  {second} s  a"] for second in (1, 2, 3)]
        block.hear(kind="ended", cluster="a", phase="import")
        assert paper.shown[-1] == []
        block.go(100)
        assert len(paper.shown) == 4

    def test_news_are_shown_soon_but_not_each_for_itself(self, block: Clocked, paper: Paper) -> None:
        for number in range(1000):
            block.hear(kind="begun", cluster=str(number), phase="import")
            block.go(0.01)
        assert 80 < len(paper.shown) < 110
        block.go(0.1)
        assert paper.shown[-1][0] == "<10 s: 1000 at work>"

    def test_it_is_lower_than_the_window(self, block: Clocked, paper: Paper) -> None:
        for number in range(9):
            block.hear(kind="begun", cluster="a", phase=str(number))
        block.go(2)
        assert paper.shown[-1][-1] == "  and 8 more"
        assert len(paper.shown[-1]) == 3

    def test_the_end(self, block: Clocked, paper: Paper) -> None:
        block.view.close()
        assert paper.closed


class TestLog:
    """Anywhere else."""

    def test_each_new_reason_is_a_line(self, log: Clocked, said: list[str]) -> None:
        log.hear(kind="begun", cluster="a", phase="import")
        log.hear(kind="waits", cluster="a", phase="import", text="a: waiting until it rains")
        log.hear(kind="line", text="a: import (1.0 s): changed")
        log.hear(kind="ended", cluster="a", phase="import")
        log.go(1000)
        assert said == ["a: waiting until it rains", "a: import (1.0 s): changed"]

    def test_silence_is_broken(self, log: Clocked, said: list[str]) -> None:
        log.hear(kind="begun", cluster="a", phase="import")
        log.go(30)
        log.hear(kind="waits", cluster="a", phase="import", text="a: waiting until it rains")
        log.go(59)
        assert len(said) == 1
        log.go(62)
        assert said[1:] == [
            "1 min 30 s: 1 at work; import 1 min 30 s: a: until it rains",
            "2 min 30 s: 1 at work; import 2 min 30 s: a: until it rains",
        ]

    def test_it_may_stay(self, said: list[str]) -> None:
        log = Clocked(Log(said.append, 0, 5))
        log.hear(kind="begun", cluster="a", phase="import")
        assert log.due is None

    def test_nothing_goes_on_and_nothing_is_said(self, log: Clocked, said: list[str]) -> None:
        log.hear(kind="counts", counts={"import": [1, 0, 1]})
        log.hear(kind="over")
        log.go(1000)
        log.hear(kind="begun", cluster="a", phase="import")
        log.go(59)
        assert said == []

    def test_much_is_counted(self, log: Clocked, said: list[str]) -> None:
        log.hear(kind="counts", counts={"import": [0, 0, 99]})
        for number in range(20):
            log.hear(kind="line", text=str(number))
        log.go(9.9)
        assert said == ["0", "1", "2", "3", "4"]
        log.go(0.2)
        assert said[5:] == ["10 s: import 0/99 (15 lines left out)"]
        log.go(50)
        log.hear(kind="line", text="again")
        assert said[6:] == ["again"]

    def test_what_was_left_out_last_is_counted_too(self, log: Clocked, said: list[str]) -> None:
        log.hear(kind="counts", counts={"import": [0, 0, 99]})
        for number in range(7):
            log.hear(kind="line", text=str(number))
        log.hear(kind="over")
        assert said[5:] == ["that was all (2 lines left out)"]

    def test_all_may_be_said(self, said: list[str]) -> None:
        log = Clocked(Log(said.append, 60, 0))
        for number in range(500):
            log.hear(kind="line", text=str(number))
        assert len(said) == 500

    def test_a_thousand_clusters_for_ten_minutes(self, said: list[str]) -> None:
        log = Clocked(Log(said.append, 60, 60))
        log.hear(kind="counts", counts={"wait": [0, 0, 1000]})
        for _second in range(600):
            for number in range(10):
                log.hear(kind="waits", cluster=str(number), phase="wait", text="x")
            log.go(1)
        assert len(said) <= 10 * (60 + 6) + 1


class Stream:
    """Standard output."""

    def __init__(self, *, tty: bool) -> None:
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


@pytest.mark.parametrize(
    ("tty", "environment", "expected"),
    [
        (True, {"TERM": "xterm-256color"}, True),
        (False, {"TERM": "xterm-256color"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": ""}, False),
        (True, {}, False),
        (True, {"TERM": "xterm", "CI": "true"}, False),
        (True, {"TERM": "xterm", "AWX_ISOLATED_DATA_DIR": "/runner"}, False),
        (True, {"TERM": "xterm", "CI": ""}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, True),
    ],
)
def test_where_a_block_is_shown(tty: bool, environment: dict[str, str], expected: bool) -> None:
    assert is_terminal(Stream(tty=tty), environment) is expected
