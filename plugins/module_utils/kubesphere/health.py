# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a cluster of a fleet is, in one word (private to the collection).

The one place that says so: the table of the role report, the playbook status and the report's files ask it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WORKS = "works"
TROUBLED = "troubled"
FAILS = "fails"
MISSING = "missing"
UNKNOWN = "unknown"

HEALTH = {
    WORKS: "works",
    TROUBLED: "works, with problems",
    FAILS: "does not work",
    MISSING: "not imported",
    UNKNOWN: "not looked at",
}
"""What a cluster can be, from the best on, and how people are told."""

WORST_FIRST = (FAILS, TROUBLED, MISSING, UNKNOWN, WORKS)
"""The order in which somebody has to look at them: of what is not there nobody depends yet."""

VERDICTS = ("clean", "drift", "error")
"""What a whole fleet can be, from the best on."""


def of(known: bool | None, problem: str, problems: Sequence[str]) -> str:
    """How a cluster is, one of HEALTH.

    Args:
        known: whether the host knows it; None if nobody has looked.
        problem: why it does not work; empty if it does.
        problems: everything that is wrong with it.
    """
    if known is None:
        return UNKNOWN
    if not known:
        return MISSING
    return FAILS if problem else TROUBLED if problems else WORKS


def in_words(member: Mapping[str, Any]) -> str:
    """The state of a cluster, as the module member_info returns it, in the words of a table."""
    return str(member.get("problem") or HEALTH[WORKS])


def verdict(problems: Sequence[Any], drift: Sequence[Any]) -> str:
    """What is to be said of a whole fleet, one of VERDICTS."""
    return VERDICTS[2] if problems else VERDICTS[1] if drift else VERDICTS[0]
