# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what may be upgraded to what, and when a fleet's upgrade stops."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.filter.upgrade import FilterModule
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import upgrade
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES, find

DONE = {"done": True}
FAILED = {"done": False, "failure": "no space left"}


@pytest.mark.parametrize(
    ("standing", "wanted", "message"),
    [
        ("", "v3.4.1", None),
        ("v3.4.1", "v3.4.1", None),
        ("v3.3.0", "v3.4.1", None),
        ("v2.1.1", "v3.0.0", "KubeSphere v2.1.1 stands here, which this collection does not know"),
        ("v3.4.1", "v3.4.0", "KubeSphere v3.4.1 stands here; there is no way back to v3.4.0"),
        ("v3.2.1", "v3.4.1", "KubeSphere v3.2.1 cannot be upgraded to v3.4.1 in one step"),
    ],
)
def test_what_a_cluster_can_be_brought_to(standing: str, wanted: str, message: str | None) -> None:
    found = upgrade.refusal(standing, find(wanted))
    assert (found[0] if found else None) == message


def test_way_over_several_releases_is_told() -> None:
    assert upgrade.refusal("v3.1.0", find("v3.4.1")) == (
        "KubeSphere v3.1.0 cannot be upgraded to v3.4.1 in one step",
        "Upgrade to v3.2.1 first; the whole way is v3.2.1 → v3.3.2 → v3.4.1.",
    )


@pytest.mark.parametrize("tag", RELEASES)
def test_host_goes_with_members_that_one_upgrade_brings_to_its_release(tag: str) -> None:
    oldest = find(tag).oldest_member
    assert oldest == tag or oldest in find(tag).predecessors
    assert upgrade.refusal(oldest, find(tag)) is None


@pytest.mark.parametrize(
    ("host", "members", "left"),
    [
        ("v3.3.2", {"a": "v3.3.0", "b": "v3.3.2"}, []),
        ("v3.3.2", {"a": "v3.2.1", "b": "v3.3.2"}, ["a"]),
        ("v3.3.2", {"a": "", "b": "v2.1.1"}, []),  # to be installed; told elsewhere
        ("v3.4.1", {"a": "v3.2.1"}, []),  # it is so already, and no upgrade makes it worse
        ("", {"a": "v3.2.1"}, []),
        ("v3.2.1", {"a": "v3.2.1"}, []),  # the host's own upgrade is refused
    ],
)
def test_members_that_the_hosts_upgrade_would_leave_behind(host: str, members: dict[str, str], left: list[str]) -> None:
    found = upgrade.left_behind(host, find("v3.4.1"), members)
    assert found == [
        f"its upgrade to v3.4.1, which goes with members from v3.3.0 on, would leave {name} behind at {members[name]}: "
        f"upgrade {name} to v3.3.2 first"
        for name in left
    ]


@pytest.mark.parametrize("waves", [[1, "25%", "100%"], ["1"], 3, "50%", [200]])
def test_waves(waves: Any) -> None:
    assert upgrade.wave_problems(waves, 0) == []


@pytest.mark.parametrize("wave", [0, -1, "0%", "101%", "half", "1.5", 1.5, None, "", "1 %", "%", True, {}])
def test_waves_that_are_none(wave: Any) -> None:
    """Ansible takes 0 for all at once, and ends with a traceback over others."""
    [problem] = upgrade.wave_problems([2, wave], 0)
    assert problem.startswith(f"kubesphere_upgrade_waves has {wave!r}: ")


def test_no_waves_at_all() -> None:
    assert len(upgrade.wave_problems([], 0)) == 1


@pytest.mark.parametrize("percentage", [-1, 101, "200"])
def test_share_that_is_none(percentage: Any) -> None:
    [problem] = upgrade.wave_problems([1], percentage)
    assert problem.startswith(f"kubesphere_upgrade_max_fail_percentage is {percentage}: ")


@pytest.mark.parametrize(
    ("failed", "of", "may", "reason"),
    [
        (0, 3, 0, ""),
        (1, 1, 0, "m0 failed: 1 of 1 in a wave, where 0% may"),
        (1, 1, 99, "m0 failed: 1 of 1 in a wave, where 99% may"),
        (1, 1, 100, ""),
        (2, 10, 20, ""),
        (2, 10, "19.9", "m0, m1 failed: 2 of 10 in a wave, where 19.9% may"),
    ],
)
def test_when_to_stop(failed: int, of: int, may: Any, reason: str) -> None:
    outcomes = {f"m{number}": FAILED if number < failed else DONE for number in range(of)}
    assert upgrade.stop_reason(outcomes, may) == reason


def test_a_cluster_that_no_outcome_is_known_of_has_failed() -> None:
    assert upgrade.stop_reason({"a": {}}, 0).startswith("a failed")


def test_why_a_cluster_was_not_begun() -> None:
    problem = FilterModule().filters()["not_begun"]
    assert problem(DONE, "b failed") == problem(FAILED, "b failed") == ""
    assert problem({}, "b failed") == (
        "It was not begun, because b failed. Mend that, and run the playbook again: it goes on where it stopped."
    )


def test_how_an_upgrade_went() -> None:
    fine, failed = {"changed": True}, {"failed": True, "msg": "no space left"}
    assert upgrade.outcome_of([]) == {}
    assert upgrade.outcome_of([fine, fine]) == DONE
    assert upgrade.outcome_of([fine, failed]) == FAILED
