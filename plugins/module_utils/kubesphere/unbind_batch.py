# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which members may be unbound in one run (private to the collection)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import share

BOTH = "present and absent"
"""What an inventory says of a Cluster that two of its members share."""

_NOT_BY_A_SLICE = (
    "kubesphere_unbind names {names}, and a slice of the inventory does not tell whether another one lists them: run "
    "this with the whole inventory and without kubesphere_slice_host"
)


def problems(
    given: Sequence[str],
    members: Mapping[str, str],
    known: Sequence[Mapping[str, Any]],
    most: int | float | str,
    is_slice: bool = False,
) -> list[str]:
    """Why a run must not begin to unbind; empty if it may.

    Args:
        given: names of Clusters that were given beside the inventory.
        members: what the inventory says of its members, ``present``, ``absent`` or ``BOTH``, by name of the Cluster.
        known: what the host knows, as the module member_info gives it.
        most: how many may go at once, as a number or as a share of the members that the host knows (``10%``). One may
            in any case.
        is_slice: whether the inventory is a slice of the fleet. Then the share is one of the slice's members, so that
            the shares of all slices together are that of the fleet.
    """
    if given and is_slice:
        return [_NOT_BY_A_SLICE.format(names=", ".join(given))]
    found = [f"{name} is listed as present in the inventory" for name in given if members.get(name) == "present"]
    found += [
        f"{name} is the Cluster of a member that is present and of one that is absent: give them names of their own "
        "(kubesphere_cluster_name)"
        for name, state in members.items()
        if state == BOTH
    ]
    hosts = {each["name"] for each in known if each.get("cluster_role") == "host"}
    wanted = {*given, *(name for name, state in members.items() if state == "absent")}
    found += [f"{name} is the host itself" for name in sorted(wanted & hosts)]
    there = {each["name"] for each in known if each.get("cluster_role") == "member"}
    there &= members.keys() if is_slice else there
    going = sorted(wanted & there)
    try:
        allowed = limit(most, len(there))
    except ValueError as error:
        return [*found, str(error)]
    if len(going) > allowed:
        found.append(
            f"{', '.join(going)} would be unbound, {len(going)} of {len(there)} members at once, and "
            f"kubesphere_unbind_max ({most}) allows {allowed}"
        )
    return found


def limit(most: int | float | str, members: int) -> int:
    """How many of the members may go.

    Raises:
        ValueError: it is neither a number nor a share.
    """
    try:
        return max(1, share.count(most, members))
    except ValueError as error:
        raise ValueError(f"kubesphere_unbind_max is {error}") from None
