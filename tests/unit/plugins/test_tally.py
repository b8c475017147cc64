# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of how far the phases of a road are, as who shows progress is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.progress_channel import (
    Channel,
    close_channel,
    open_channel,
)
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.tally import Tally

NAMES = ["host", "a", "b"]


class Road:
    """A host that may be upgraded and waited for, and its members."""

    phases: list[dict[str, Any]] = [  # noqa: RUF012 - of a stub
        {"phase": "look"},
        {"phase": "wait", "clusters": "first"},
        {"phase": "wait"},
        {"phase": "import", "clusters": "others"},
    ]

    def concerns(self, name: str, phase: int) -> bool:
        clusters = self.phases[phase].get("clusters")
        return clusters is None or (clusters == "first") == (name == "host")


@pytest.fixture
def channel() -> Iterator[Channel]:
    yield open_channel()
    close_channel()


def last(channel: Channel) -> Any:
    return channel.receive(0)[-1]["counts"]


def test_a_road(channel: Channel) -> None:
    tally = Tally(Road(), NAMES)
    assert last(channel) == {"look": [0, 0, 3], "wait": [0, 0, 3], "import": [0, 0, 2]}
    for name in NAMES:
        tally.done(name, 0, failed=name == "b")
    assert last(channel) == {"look": [2, 1, 3], "wait": [0, 0, 3], "import": [0, 0, 1]}
    tally.skip("host", 1)
    tally.skip("a", 1)
    tally.done("host", 2, failed=False)
    assert last(channel) == {"look": [2, 1, 3], "wait": [1, 0, 2], "import": [0, 0, 1]}
    tally.skip("a", 2)
    tally.done("a", 3, failed=False)
    assert last(channel) == {"look": [2, 1, 3], "wait": [1, 0, 1], "import": [1, 0, 1]}
    tally.close()
    assert channel.receive(0) == [{"kind": "over"}]


def test_a_failure_leaves_no_more_than_there_is(channel: Channel) -> None:
    tally = Tally(Road(), NAMES)
    for name in NAMES:
        tally.done(name, 0, failed=True)
    assert last(channel) == {"look": [0, 3, 3], "wait": [0, 0, 0], "import": [0, 0, 0]}


def test_nobody_listens() -> None:
    tally = Tally(Road(), NAMES)
    tally.done("host", 0, failed=True)
    tally.close()
