# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the filters that tell a wave's failures, and what no wave came to."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.filter.rollout import not_begun, stop_reason

FINE: dict[str, Any] = {"changed": True}
FAILED = {"failed": True, "msg": "no space left"}
NAMES = ("host", "a", "b", "c", "d")


@pytest.fixture
def hostvars() -> dict[str, dict[str, Any]]:
    """A run that ended after two waves, the preflight having left out b and d."""
    looked = {"clusters": dict.fromkeys(NAMES, FINE) | {"b": FAILED, "d": FAILED}}
    found: dict[str, dict[str, Any]] = {name: {"preflight_fleet": looked} for name in (*NAMES, "absent")}
    found["host"] |= {"install_fleet": {"clusters": {"host": FINE}}, "proxy_fleet": {"clusters": {"host": FINE}}}
    batch = {"install_fleet": {"clusters": {"a": FINE}}, "import_fleet": {"clusters": {"a": FAILED}}}
    found["a"] |= batch
    found["b"] |= batch
    return found


@pytest.mark.parametrize(
    ("names", "most", "reason"),
    [
        (["host"], None, ""),
        (["a", "b"], 2, ""),
        (["a", "b"], "50%", "a, b failed, 2 of 2 in a wave, and kubesphere_max_failures (50%) allows 1"),
        (["b"], None, "b failed"),
    ],
)
def test_whoever_the_preflight_left_out_has_failed(
    hostvars: dict[str, dict[str, Any]], names: list[str], most: int | str | None, reason: str
) -> None:
    """A canary that cannot be looked at has shown nothing."""
    assert stop_reason(hostvars, names, most) == reason


def test_what_no_wave_came_to_has_failed_with_the_reason(hostvars: dict[str, dict[str, Any]]) -> None:
    """Whoever has problems of its own is told those."""
    [(name, told)] = not_begun(hostvars, [*NAMES, "absent"], "a failed")["clusters"].items()
    assert (name, told["failed"], told["changed"]) == ("c", True, False)
    assert told["msg"].startswith("It was not begun, because a failed. ")


def test_whoever_does_not_take_part_is_not_spoken_of(hostvars: dict[str, dict[str, Any]]) -> None:
    assert not_begun(hostvars, ["host", "absent"], "a failed") == {"clusters": {}}
