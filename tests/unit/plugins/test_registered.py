# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what the module fleet has left with the clusters."""

from __future__ import annotations

from typing import Any

from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.registered import by_register, outcomes


def road(ended: float, **registers: Any) -> dict[str, Any]:
    """What a task with several phases has left, by register and inventory name."""
    return {"ended": ended, "registers": {name: {"clusters": clusters} for name, clusters in registers.items()}}


def test_a_road_has_left_what_tasks_of_their_own_would_have() -> None:
    left = road(1.0, install_fleet={"a": {"phase": "install"}}, import_fleet={"a": {"phase": "import"}})
    one = {"clusters": {"a": {"phase": "install"}}}
    assert [register for register, _left in by_register(left, "rollout_road")] == ["install_fleet", "import_fleet"]
    assert list(by_register(one, "install_fleet")) == [("install_fleet", one)]
    assert list(by_register({}, "install_fleet")) == [("install_fleet", {})]
    for name in ("install_road", "rollout_road", "drift_road"):
        assert outcomes({"a": {name: left}}, ["a"], ["import_fleet"]) == {"import_fleet": {"a": {"phase": "import"}}}


def test_of_several_tasks_the_last_counts_whatever_it_was() -> None:
    for own, planned, told in ((1.0, 2.0, "plan"), (2.0, 1.0, "own")):
        left = {
            "import_fleet": {"ended": own, "clusters": {"a": {"of": "own"}}},
            "drift_road": road(planned, import_fleet={"a": {"of": "plan"}}),
        }
        assert outcomes({"a": left}, ["a"], ["import_fleet"])["import_fleet"] == {"a": {"of": told}}


def test_what_the_last_task_has_not_come_to_is_not_what_an_earlier_one_did() -> None:
    planned = road(2.0, install_fleet={"m": {"of": "plan"}}, import_fleet={})
    left = {"rollout_road": road(1.0, import_fleet={"m": {"of": "site"}}), "drift_road": planned}
    assert outcomes({"m": left}, ["m"], ["import_fleet"]) == {"import_fleet": {}}


def test_a_cluster_is_told_of_by_its_own_variables() -> None:
    both = {"a": {"of": 1}, "b": {"of": 1}}
    hostvars = {
        "a": {"import_fleet": {"ended": 1.0, "clusters": both}},
        "b": {"import_fleet": {"ended": 2.0, "clusters": {"b": {"of": 2}}}},
    }
    assert outcomes(hostvars, ["a", "b"], ["import_fleet"])["import_fleet"] == {"a": {"of": 1}, "b": {"of": 2}}


def test_batches_of_one_play_are_put_together() -> None:
    hostvars = {
        "host": {"rollout_road": road(1.0, install_fleet={"host": {"wave": 0}})},
        "a": {"rollout_road": road(2.0, install_fleet={"a": {"wave": 1}, "b": {"wave": 1}})},
        "b": {"rollout_road": road(2.0, install_fleet={"a": {"wave": 1}, "b": {"wave": 1}})},
        "late": {},
    }
    found = outcomes(hostvars, ["host", "a", "b", "late", "unknown"], ["install_fleet", "import_fleet"])
    assert found == {"install_fleet": {"host": {"wave": 0}, "a": {"wave": 1}, "b": {"wave": 1}}, "import_fleet": {}}
