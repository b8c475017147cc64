# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes on, in lines: from what is known, a width and the time."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from .progress_state import NAME, AtWork, Count, State

_NAMES = 2  # that a line has; the others are counted
_LONGEST = 3  # that a log is told of
_WORTH_TELLING = 10.0  # seconds that the slowest must have taken


def block(state: State, width: int, height: int, now: float) -> list[str]:
    """The lines at the bottom of a terminal; none if nothing goes on.

    Args:
        state: what is known.
        width: of the terminal, in columns.
        height: most lines.
        now: the time.
    """
    if not state.is_busy or height < 1:
        return []
    groups = _groups(state.at_work.values())
    shown = groups[: height - 1] if len(groups) < height else groups[: max(0, height - 2)]
    left = sum(map(len, groups[len(shown) :]))
    return [
        _head(state, width, now),
        *_rows(shown, width, now),
        *([fitting(f"  and {left} more", width)] if left and height > 1 else []),
    ]


def _rows(groups: Sequence[list[AtWork]], width: int, now: float) -> list[str]:
    begins = [(group[0].phase, duration(now - group[0].since)) for group in groups]
    wide = [max((len(row[column]) for row in begins), default=0) for column in (0, 1)]
    found = []
    for (phase, time), group in zip(begins, groups):
        begin = f"  {phase:<{wide[0]}}  {time:>{wide[1]}}  "
        whole = begin + _what(group)
        found.append(fitting(whole if len(whole) <= width else begin + _what(group, in_short=True), width))
    return found


def status(state: State, now: float) -> str:
    """The same in one line, for a log."""
    groups = _groups(state.at_work.values())
    longest = [f"{group[0].phase} {duration(now - group[0].since)}: {_what(group)}" for group in groups[:_LONGEST]]
    left = sum(map(len, groups[_LONGEST:]))
    more = [f"and {left} more"] if left else []
    return "; ".join([_counts(state, now), *longest, *more])


def slowest(state: State, number: int) -> list[str]:
    """Those clusters that took longest, for the end of a run; none if none took long.

    Args:
        state: what is known.
        number: of clusters to name.
    """
    if len(state.seconds) < 2:
        return []
    whole = {cluster: sum(took.values()) for cluster, took in state.seconds.items()}
    first = sorted(whole, key=lambda cluster: -whole[cluster])[:number]
    if not first or whole[first[0]] < _WORTH_TELLING:
        return []
    rows = [(name, duration(whole[name]), _phases(state.seconds[name])) for name in first]
    wide = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return [
        f"Of {len(whole)} clusters these took longest:",
        *(f"  {name:<{wide[0]}}  {time:>{wide[1]}}  {phases}" for name, time, phases in rows),
    ]


def duration(seconds: float) -> str:
    """A time as people say it."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def fitting(line: str, width: int) -> str:
    """A line, cut to so many columns."""
    if len(line) <= width and line.isascii():
        return line
    columns = 0
    for index, each in enumerate(line):
        columns += _columns(each)
        if columns > width:
            return _cut(line[:index], width - 1) + "…" if width > 0 else ""
    return line


def _cut(line: str, width: int) -> str:
    while sum(map(_columns, line)) > width:
        line = line[:-1]
    return line


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _head(state: State, width: int, now: float) -> str:
    """The first line; where there is no room, phases that are over give way."""
    whole = _counts(state, now)
    going_on = {phase: each for phase, each in state.counts.items() if each.done + each.failed < each.of}
    return fitting(whole if len(whole) <= width or not going_on else _counts(state, now, going_on), width)


def _counts(state: State, now: float, counts: dict[str, Count] | None = None) -> str:
    told = [
        f"{phase} {each.done}/{each.of}" + (f", {each.failed} failed" if each.failed else "")
        for phase, each in (state.counts if counts is None else counts).items()
        if each.of
    ]
    told += [f"{len(state.at_work)} at work"] if not state.counts else []
    return f"{duration(now - state.since)}: {' · '.join(told)}"


def _groups(at_work: Iterable[AtWork]) -> list[list[AtWork]]:
    """Clusters that wait for the same, those that have done so longest first."""
    groups: dict[tuple[str, str], list[AtWork]] = {}
    for each in sorted(at_work, key=lambda one: one.since):
        groups.setdefault((each.phase, each.text), []).append(each)
    return list(groups.values())


def _what(group: Sequence[AtWork], *, in_short: bool = False) -> str:
    """Who waits for what; in short without what is reached in the end, for the phase says nearly that."""
    names = [each.cluster for each in group]
    text = group[0].text if len(group) > 1 else group[0].text.replace(NAME, names[0])
    if in_short and text.startswith("until "):
        text = text.partition(": ")[2] or text
    more = len(names) - _NAMES
    listed = ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")
    return f"{listed}: {text}" if text else listed


def _phases(seconds: dict[str, float]) -> str:
    return ", ".join(f"{phase} {duration(took)}" for phase, took in seconds.items() if took >= 1)
