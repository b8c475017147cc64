# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrading a fleet: from which release to which, in which waves, and when to stop (private to the collection)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from . import releases
from .releases import Release

_AGAIN = "run the playbook again: it goes on where it stopped"


def refusal(standing: str, wanted: Release) -> tuple[str, str] | None:
    """Why a cluster cannot be brought to a release, and what to do; None if it can.

    Args:
        standing: tag of the release that stands there; empty if there is none.
        wanted: the release.
    """
    if standing in ("", wanted.tag):
        return None
    if standing not in releases.RELEASES:
        known = ", ".join(releases.RELEASES)
        return (
            f"KubeSphere {standing} stands here, which this collection does not know",
            f"Upgrade it by hand to one of {known} first.",
        )
    path = releases.upgrade_path(releases.find(standing), wanted)
    if path is None:
        return (
            f"KubeSphere {standing} stands here; there is no way back to {wanted.tag}",
            f"Set the release to {standing} or to a later one.",
        )
    if len(path) > 1:
        return (
            f"KubeSphere {standing} cannot be upgraded to {wanted.tag} in one step",
            f"Upgrade to {path[0].tag} first; the whole way is {' → '.join(each.tag for each in path)}.",
        )
    return None


def left_behind(host: str, wanted: Release, members: Mapping[str, str]) -> list[str]:
    """What is wrong with the host's upgrade for the sake of members, which stay at their releases until it is done.

    Args:
        host: tag of the release that stands on the host; empty if there is none.
        wanted: the release that the host is to have.
        members: tags of the releases that stand on members, by inventory name.
    """
    if host in ("", wanted.tag) or refusal(host, wanted):
        return []
    oldest = releases.find(wanted.oldest_member)
    return [
        f"its upgrade to {wanted.tag}, which goes with members from {oldest.tag} on, would leave {name} behind "
        f"at {tag}: upgrade {name} to {host} first"
        for name, tag in members.items()
        if tag in releases.RELEASES and releases.compare(releases.find(tag), oldest) < 0
    ]


def wave_problems(waves: Any, max_fail_percentage: Any) -> list[str]:
    """What is wrong with the waves and the share of one that may fail."""
    listed = waves if isinstance(waves, list) else [waves]
    problems = [
        f"kubesphere_upgrade_waves has {wave!r}: a wave is a number of members from 1 on, or a share from 1% to 100%"
        for wave in listed
        if not _is_wave(str(wave))
    ]
    if not listed:
        problems.append("kubesphere_upgrade_waves is empty: [100%] upgrades all members at once")
    if not 0 <= float(max_fail_percentage) <= 100:
        problems.append(f"kubesphere_upgrade_max_fail_percentage is {max_fail_percentage}: set it to 0 to 100")
    return problems


def _is_wave(text: str) -> bool:
    share = re.fullmatch(r"(\d{1,3})%", text)
    return 1 <= int(share[1]) <= 100 if share else re.fullmatch(r"0*[1-9]\d*", text) is not None


def outcome_of(phases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How the upgrade of one cluster went.

    Args:
        phases: results of its phases, in order; none if it was not begun.

    Returns:
        ``done``, and ``failure`` where it is not; empty if it was not begun.
    """
    failed = [each for each in phases if each.get("failed")]
    return {"done": not failed, **({"failure": str(failed[0].get("msg"))} if failed else {})} if phases else {}


def stop_reason(outcomes: Mapping[str, Mapping[str, Any]], max_fail_percentage: float) -> str:
    """Why no other wave may begin after this one; empty if it may.

    Args:
        outcomes: of the clusters of the wave by inventory name: ``done``, and ``failure`` where it is not.
        max_fail_percentage: share of the wave that may fail.
    """
    failed = sorted(name for name, outcome in outcomes.items() if not outcome.get("done"))
    if len(failed) * 100 <= float(max_fail_percentage) * len(outcomes):
        return ""
    return f"{', '.join(failed)} failed: {len(failed)} of {len(outcomes)} in a wave, where {max_fail_percentage}% may"


def not_begun(outcome: Mapping[str, Any], stopped: str) -> str:
    """Why a cluster was not begun to be upgraded; empty if it was.

    Args:
        outcome: its own; empty if it was not begun.
        stopped: why no other wave was begun.
    """
    return (
        "" if outcome else f"It was not begun, because {stopped or 'its play was left out'}. Mend that, and {_AGAIN}."
    )
