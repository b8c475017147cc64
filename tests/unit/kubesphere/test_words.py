# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what is said of many things, and of tables."""

from __future__ import annotations

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.table import aligned
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.words import some


@pytest.mark.parametrize(
    ("names", "said"),
    [("", ""), ("a", "a"), ("abcd", "a, b, c, d"), ("abcde", "a, b, c … e"), ("abcdefgh", "a, b, c … h")],
)
def test_some_names(names: str, said: str) -> None:
    assert some(list(names)) == said


def test_a_table_of_one_line() -> None:
    assert aligned([("CLUSTER", "ROLE")]) == ["CLUSTER  ROLE"]
