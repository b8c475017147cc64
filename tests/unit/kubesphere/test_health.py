# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of how a cluster is, in one word."""

from __future__ import annotations

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import health


@pytest.mark.parametrize(
    ("known", "problem", "problems", "expected"),
    [
        (True, "", [], health.WORKS),
        (True, "", ["ends soon"], health.TROUBLED),
        (True, "502", ["502"], health.FAILS),
        (False, "import it", ["import it"], health.MISSING),
        (None, "", [], health.UNKNOWN),
        (None, "", ["the API server does not answer"], health.UNKNOWN),
    ],
)
def test_one_word(known: bool | None, problem: str, problems: list[str], expected: str) -> None:
    assert health.of(known, problem, problems) == expected


def test_every_word_has_its_place() -> None:
    assert sorted(health.WORST_FIRST) == sorted(health.HEALTH)


def test_the_words_of_a_table() -> None:
    assert health.in_words({"problem": ""}) == "works"
    assert health.in_words({"problem": "not imported"}) == "not imported"


def test_verdicts() -> None:
    assert [health.verdict(*found) for found in (((), ()), ((), "d"), ("p", ()), ("p", "d"))] == [
        "clean",
        "drift",
        "error",
        "error",
    ]
