# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One input of the corpus."""

from __future__ import annotations

from typing import Any, NamedTuple

HARMLESS = ""
"""Expected of an input that is taken as it is, and does what the same input without its oddity does."""


class Case(NamedTuple):
    """An input that somebody may give by mistake, or in malice.

    Attributes:
        what: what it is.
        given: the input; how it is given is said by the table.
        words: what the message that refuses it says, or HARMLESS.
    """

    what: str
    given: Any
    words: str
