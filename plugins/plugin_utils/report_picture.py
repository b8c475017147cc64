# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything stands in the drawing of a fleet.

A small fleet has a card for each member. A large one has a mark for each, in a box for each region (or group, or
provider), and in that a block for each connection: so a line is still drawn to whatever it leads to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..module_utils.goals.report import WORST_FIRST

Cluster = Mapping[str, Any]

MOST_CARDS = 24
"""Members; of more than these each is a mark."""

CONNECTIONS = {"direct": "direct", "agent": "agent", "": "not connected"}
"""Connections in the order in which they are drawn, and what they are called."""

_BY = {"direct": "direct", "agent": "by agent", "": "not connected"}
"""What several of them are called."""

_ONE_COLUMN = 5  # cards
_MOST_BOXES = 16
_OTHERS = "others"

_CARD, _GAP = 58, 14
_HOST_WIDTH, _HOST_HEIGHT = 220, 92
_TRUNK = 18  # of a narrow drawing, from its edge
_MARK = 18  # from one to the next
_TITLE = 30
_PAD = 10


@dataclass(frozen=True)
class Box:
    """A rectangle, and what is in it."""

    x: float
    y: float
    width: float
    height: float
    cluster: Cluster = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True)
class Line:
    """A connection: its path, how it is called, where it meets the member, and whether it comes from above."""

    path: str
    connection: str
    label: str
    x: float
    y: float
    falls: bool = False


@dataclass(frozen=True)
class Mark:
    """A member of a large fleet."""

    x: float
    y: float
    cluster: Cluster


@dataclass
class Picture:
    """A drawing."""

    width: float
    height: float
    host: Box
    cards: list[Box] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    trunk: str = ""


def picture(clusters: Sequence[Cluster], width: float) -> Picture:
    """The drawing of a fleet.

    Args:
        clusters: as the report has them.
        width: how wide it may be; a narrow one has the host at its top, a wide one at its side.
    """
    host = next((each for each in clusters if each["role"] == "host"), {})
    members = [each for each in clusters if each["role"] != "host"]
    narrow = width < 3 * _HOST_WIDTH
    if len(members) > MOST_CARDS:
        return _many(host, members, width, narrow)
    return _tree(host, members, width) if narrow else _star(host, members, width)


# A card for each


def _star(host: Cluster, members: Sequence[Cluster], width: float) -> Picture:
    """The host with its members at one side, or at both."""
    one_sided = len(members) <= _ONE_COLUMN
    sides = [members] if one_sided else [members[::2], members[1::2]]
    card = 400.0 if one_sided else 310.0
    height = max(_column(len(side)) for side in sides) if members else 0
    height = max(height, _HOST_HEIGHT)
    own = Box(
        0.0 if one_sided else (width - _HOST_WIDTH) / 2, (height - _HOST_HEIGHT) / 2, _HOST_WIDTH, _HOST_HEIGHT, host
    )
    drawn = Picture(width, height, own)
    for number, side in enumerate(sides):
        right = number == 0
        top = (height - _column(len(side))) / 2
        for place, member in enumerate(side):
            box = Box(width - card if right else 0.0, top + place * (_CARD + _GAP), card, _CARD, member)
            drawn.cards.append(box)
            share = (place + 0.5) / len(side)
            drawn.lines.append(_curve(own, box, right, share, _connection(member)))
    return drawn


def _tree(host: Cluster, members: Sequence[Cluster], width: float) -> Picture:
    """The host at the top, its members below it."""
    own = Box(0, 0, width, _HOST_HEIGHT, host)
    left, top = 116.0, _HOST_HEIGHT + 24.0
    drawn = Picture(width, top + _column(len(members)), own)
    for place, member in enumerate(members):
        box = Box(left, top + place * (_CARD + _GAP), width - left, _CARD, member)
        drawn.cards.append(box)
        kind = _connection(member)
        drawn.lines.append(_branch(box.x, box.y + box.height / 2, kind, CONNECTIONS[kind]))
    return _with_trunk(drawn)


# A mark for each


def _many(host: Cluster, members: Sequence[Cluster], width: float, narrow: bool) -> Picture:
    left = 44.0 if narrow else 330.0
    top = _HOST_HEIGHT + 24.0 if narrow else 0.0
    own = Box(0, 0, width if narrow else _HOST_WIDTH, _HOST_HEIGHT, host)
    drawn = Picture(width, 0, own)
    labels = 0.0 if narrow else 130.0  # of the blocks, beside or above them
    for name, group in _groups(members).items():
        box_top, y = top, top + _TITLE
        blocks = []
        for connection, block in _by_connection(group).items():
            label = f"{len(block)} {_BY[connection]}"
            y += 18 if narrow else 0
            columns = int((width - left - labels - 2 * _PAD) // _MARK)
            blocks.append((connection, label, y))
            for place, member in enumerate(block):
                row, column = divmod(place, columns)
                drawn.marks.append(Mark(left + labels + _PAD + column * _MARK, y + row * _MARK, member))
            y += -(-len(block) // columns) * _MARK + 6
        drawn.boxes.append(Box(left, box_top, width - left, y - box_top + 4, label=f"{name} · {len(group)}"))
        for connection, label, line_y in blocks:
            drawn.lines.append(_branch(left, line_y + (-9 if narrow else 8), connection, label))
        top = y + 4 + _GAP
    drawn.height = max(top - _GAP, _HOST_HEIGHT)
    return _with_trunk(drawn) if narrow else _centred(drawn)


def _centred(drawn: Picture) -> Picture:
    """The same with the host beside the middle of what is not higher than a screen."""
    y = min(max(0.0, (drawn.height - _HOST_HEIGHT) / 2), 260.0)
    drawn.host = own = Box(0, y, _HOST_WIDTH, _HOST_HEIGHT, drawn.host.cluster)
    drawn.lines = [
        replace(each, path=_bow(own.x + own.width, _from(own, (place + 0.5) / len(drawn.lines)), each.x, each.y))
        for place, each in enumerate(drawn.lines)
    ]
    return drawn


def _with_trunk(drawn: Picture) -> Picture:
    """The same with the line that branches come from."""
    if drawn.lines:
        drawn.trunk = f"M{_TRUNK} {_n(drawn.host.height)}V{_n(drawn.lines[-1].y)}"
    return drawn


def _groups(members: Sequence[Cluster]) -> dict[str, list[Cluster]]:
    """Members by what tells them apart: region, else group, else provider; the smallest of many together."""
    by = next((key for key in ("region", "group", "provider") if len({each[key] for each in members}) > 1), None)
    found: dict[str, list[Cluster]] = {}
    for each in members:
        found.setdefault(str(each[by] or f"no {by}") if by else "members", []).append(each)
    if len(found) > _MOST_BOXES:
        large = sorted(found, key=lambda name: (-len(found[name]), name))[: _MOST_BOXES - 1]
        rest = [each for name, group in found.items() if name not in large for each in group]
        found = {**{name: found[name] for name in large}, _OTHERS: rest}
    return dict(sorted(found.items(), key=lambda pair: (pair[0] == _OTHERS, pair[0])))


def _by_connection(group: Sequence[Cluster]) -> dict[str, list[Cluster]]:
    """Members by connection, those first that somebody has to look at."""
    ordered = sorted(group, key=lambda each: WORST_FIRST.index(each["health"]))
    found = {kind: [each for each in ordered if _connection(each) == kind] for kind in CONNECTIONS}
    return {kind: block for kind, block in found.items() if block}


# Lines


def _connection(member: Cluster) -> str:
    kind = str(member["connection"] or "")
    return kind if kind in CONNECTIONS else ""


def _curve(own: Box, box: Box, right: bool, share: float, connection: str) -> Line:
    """A line between a side of the host and a card."""
    begin, from_y = own.x + (own.width if right else 0), _from(own, share)
    end, y = box.x + (0 if right else box.width), box.y + box.height / 2
    return Line(_bow(begin, from_y, end, y), connection, CONNECTIONS[connection], end, y, falls=y > from_y + 1)


def _branch(x: float, y: float, connection: str, label: str) -> Line:
    return Line(f"M{_TRUNK} {_n(y)}H{_n(x)}", connection, label, x, y)


def _bow(x: float, y: float, to_x: float, to_y: float) -> str:
    middle = (x + to_x) / 2
    return f"M{_n(x)} {_n(y)}C{_n(middle)} {_n(y)} {_n(middle)} {_n(to_y)} {_n(to_x)} {_n(to_y)}"


def _from(own: Box, share: float) -> float:
    """Where a line leaves the host's side, so that each has a place of its own."""
    return own.y + own.height * (0.1 + 0.8 * share)


def _column(number: int) -> float:
    return number * (_CARD + _GAP) - _GAP if number else 0


def _n(value: float) -> str:
    return f"{value:g}"
