# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going through a fleet in waves: which there are, and when no other one is begun (private to the collection)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from . import share
from .words import some


def problems(waves: Any, max_failures: Any) -> list[str]:
    """What is wrong with the waves, and with how many of one may fail."""
    listed = waves if isinstance(waves, list) else [waves]
    found = [
        f"kubesphere_waves has {wave!r}: a wave is a number of members from 1 on, or a share from 1% to 100%"
        for wave in listed
        if not _is_wave(str(wave))
    ]
    if not listed:
        found.append('kubesphere_waves is empty: ["100%"] takes all members at once')
    try:
        if share.count(max_failures, 100) > 100 and "%" in str(max_failures):
            found.append(f"kubesphere_max_failures is {max_failures}: a share of a wave is from 0% to 100%")
    except ValueError as error:
        found.append(f"kubesphere_max_failures is {error}")
    return found


def _is_wave(text: str) -> bool:
    found = re.fullmatch(r"(\d{1,3})%", text)
    return 1 <= int(found[1]) <= 100 if found else re.fullmatch(r"0*[1-9]\d*", text) is not None


def stop_reason(failed: Sequence[str], of: int, max_failures: int | str | None) -> str:
    """Why no other wave may begin after this one; empty if it may.

    Args:
        failed: inventory names of its clusters that failed.
        of: how many clusters it had.
        max_failures: how many of them may fail, as a number or a share; None where all of them are needed.
    """
    if not failed:
        return ""
    if max_failures is None:
        return f"{some(failed)} failed"
    allowed = share.count(max_failures, of)
    if len(failed) <= allowed:
        return ""
    return (
        f"{some(failed)} failed, {len(failed)} of {of} in a wave, and kubesphere_max_failures ({max_failures}) "
        f"allows {allowed}"
    )


def not_begun(stopped: str) -> str:
    """What is said of a cluster that no wave came to.

    Args:
        stopped: why no other wave was begun; empty if that is not why.
    """
    return (
        f"It was not begun, because {stopped or 'its play was left out'}. "
        "Mend that, and run the playbook again: it goes on where it stopped."
    )
