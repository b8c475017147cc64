# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upgrading a fleet: from which release to which (private to the collection)."""

from __future__ import annotations

from collections.abc import Mapping

from . import releases
from .releases import Release


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
