# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what may be upgraded to what."""

from __future__ import annotations

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import upgrade
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES, find


@pytest.mark.parametrize(
    ("standing", "wanted", "message"),
    [
        ("", "v3.4.1", None),
        ("v3.4.1", "v3.4.1", None),
        ("v3.3.0", "v3.4.1", None),
        ("v2.1.1", "v3.0.0", "KubeSphere v2.1.1 stands here, which this collection does not know"),
        ("v3.4.1", "v3.4.0", "KubeSphere v3.4.1 stands here; there is no way back to v3.4.0"),
        ("v3.2.1", "v3.4.1", "KubeSphere v3.2.1 cannot be upgraded to v3.4.1 in one step"),
    ],
)
def test_what_a_cluster_can_be_brought_to(standing: str, wanted: str, message: str | None) -> None:
    found = upgrade.refusal(standing, find(wanted))
    assert (found[0] if found else None) == message


def test_way_over_several_releases_is_told() -> None:
    assert upgrade.refusal("v3.1.0", find("v3.4.1")) == (
        "KubeSphere v3.1.0 cannot be upgraded to v3.4.1 in one step",
        "Upgrade to v3.2.1 first; the whole way is v3.2.1 → v3.3.2 → v3.4.1.",
    )


@pytest.mark.parametrize("tag", RELEASES)
def test_host_goes_with_members_that_one_upgrade_brings_to_its_release(tag: str) -> None:
    oldest = find(tag).oldest_member
    assert oldest == tag or oldest in find(tag).predecessors
    assert upgrade.refusal(oldest, find(tag)) is None


@pytest.mark.parametrize(
    ("host", "members", "left"),
    [
        ("v3.3.2", {"a": "v3.3.0", "b": "v3.3.2"}, []),
        ("v3.3.2", {"a": "v3.2.1", "b": "v3.3.2"}, ["a"]),
        ("v3.3.2", {"a": "", "b": "v2.1.1"}, []),  # to be installed; told elsewhere
        ("v3.4.1", {"a": "v3.2.1"}, []),  # it is so already, and no upgrade makes it worse
        ("", {"a": "v3.2.1"}, []),
        ("v3.2.1", {"a": "v3.2.1"}, []),  # the host's own upgrade is refused
    ],
)
def test_members_that_the_hosts_upgrade_would_leave_behind(host: str, members: dict[str, str], left: list[str]) -> None:
    found = upgrade.left_behind(host, find("v3.4.1"), members)
    assert found == [
        f"its upgrade to v3.4.1, which goes with members from v3.3.0 on, would leave {name} behind at {members[name]}: "
        f"upgrade {name} to v3.3.2 first"
        for name in left
    ]
