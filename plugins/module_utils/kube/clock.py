# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What time it is by an API server's own clock (private to the collection)."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime


class Clock:
    """Set by each answer of the API server, and goes on in between."""

    def __init__(self) -> None:
        self._answer: tuple[datetime, float] | None = None

    def told(self, date: str | None) -> str:
        """Set it by the header Date of an answer.

        Returns:
            The same time, RFC 3339; empty if it is none.
        """
        try:
            answered = parsedate_to_datetime(date or "")
        except (TypeError, ValueError):
            return ""
        self._answer = answered, time.monotonic()
        return _text(answered)

    def now(self) -> str:
        """The time, RFC 3339; empty before the first answer."""
        if self._answer is None:
            return ""
        answered, at = self._answer
        try:
            return _text(answered + timedelta(seconds=time.monotonic() - at))
        except OverflowError:  # the end of all years, says the answer
            return ""


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
