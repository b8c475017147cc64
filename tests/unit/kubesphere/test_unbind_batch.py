# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of which members may be unbound in one run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.unbind_batch import (
    BOTH,
    limit,
    problems,
)

KNOWN: list[dict[str, Any]] = [
    {"name": "host", "cluster_role": "host"},
    *({"name": f"m{number}", "cluster_role": "member"} for number in range(20)),
]


@pytest.mark.parametrize(
    ("most", "allowed"),
    [("10%", 2), (" 14.9 % ", 2), ("1%", 1), ("0", 1), (3, 3), ("3", 3), ("100%", 20), ("0%", 1)],
)
def test_limit(most: Any, allowed: int) -> None:
    assert limit(most, 20) == allowed


@pytest.mark.parametrize("most", ["ten", "-1", "", "10 percent", "1.5", None])
def test_limit_that_is_none(most: Any) -> None:
    with pytest.raises(ValueError, match="neither a number nor a share"):
        limit(most, 20)
    assert len(problems([], {"m1": "absent"}, KNOWN, most)) == 1


@pytest.mark.parametrize(
    ("given", "members", "most", "words"),
    [
        (["m1"], {"m1": "present"}, 1, "m1 is listed as present in the inventory"),
        (["host"], {}, 1, "host is the host itself"),
        ([], {"m1": BOTH}, 1, "m1 is the Cluster of a member that is present and of one that is absent"),
        ([], {"host": "absent"}, 1, "host is the host itself"),
        (["m2"], {"m1": "absent"}, 1, "m1, m2 would be unbound, 2 of 20 members at once, and kubesphere_unbind_max"),
        ([], {"m1": "absent", "m2": "absent", "m3": "absent"}, "10%", "3 of 20 members at once"),
    ],
)
def test_what_is_refused(given: list[str], members: dict[str, str], most: Any, words: str) -> None:
    [problem] = problems(given, members, KNOWN, most)
    assert words in problem


@pytest.mark.parametrize(
    ("given", "members", "most"),
    [
        ([], {}, 1),
        ([], {"m1": "present"}, 1),
        (["m1"], {"m1": "absent"}, 1),  # named twice, unbound once
        (["m1"], {"gone-1": "absent", "gone-2": "absent"}, 1),  # what is unbound already does not count
        (["m1", "m2"], {}, "10%"),
    ],
)
def test_what_may_be(given: list[str], members: dict[str, str], most: Any) -> None:
    assert problems(given, members, KNOWN, most) == []


class TestSlice:
    """An inventory that is a part of the fleet."""

    def test_the_share_is_one_of_its_own_members(self) -> None:
        mine = {f"m{number}": "absent" if number < 2 else "present" for number in range(10)}
        assert problems([], mine, KNOWN, "10%") == []
        [problem] = problems([], mine, KNOWN, "10%", is_slice=True)
        assert "2 of 10 members at once" in problem

    def test_names_beside_it_may_be_those_of_another(self) -> None:
        [problem] = problems(["m3"], {"m1": "present"}, KNOWN, 5, is_slice=True)
        assert "does not tell whether another one lists them" in problem
        assert problems(["m3"], {"m1": "present"}, KNOWN, 5) == []
