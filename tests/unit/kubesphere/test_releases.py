# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the table of releases."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import releases
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES, find

TAGS = list(RELEASES)


def test_the_table_is_ordered_and_keyed_by_tag() -> None:
    assert sorted(TAGS) == TAGS
    assert [release.tag for release in RELEASES.values()] == TAGS
    assert find(releases.DEFAULT_RELEASE).tag == TAGS[-1]


def test_a_release_cannot_be_changed() -> None:
    release: Any = find("v3.4.1")
    with pytest.raises(FrozenInstanceError):
        release.tag = "v3.4.2"


@pytest.mark.parametrize(
    ("tag", "closest"), [("3.4.1", "v3.4.1"), ("V3.3.2", "v3.3.2"), ("v3.4.2", "v3.4"), ("latest", None), ("", None)]
)
def test_an_unknown_release_is_named_with_the_known_ones(tag: str, closest: str | None) -> None:
    with pytest.raises(releases.UnknownRelease) as error:
        find(tag)
    message = str(error.value)
    assert repr(tag) in message
    assert message.endswith(f"Known releases: {', '.join(TAGS)}.")
    assert ("Did you mean" in message) == (closest is not None)
    assert closest is None or f"Did you mean {closest}" in message


def test_compare() -> None:
    assert releases.compare(find("v3.1.1"), find("v3.2.0")) < 0
    assert releases.compare(find("v3.2.0"), find("v3.2.0")) == 0
    assert releases.compare(find("v3.4.0"), find("v3.3.2")) > 0


@pytest.mark.parametrize("tag", TAGS)
def test_predecessors_are_older_and_at_most_one_line_back(tag: str) -> None:
    release = find(tag)
    for predecessor in release.predecessors:
        assert releases.compare(find(predecessor), release) < 0
        assert int(tag.split(".")[1]) - int(predecessor.split(".")[1]) in (0, 1)


@pytest.mark.parametrize(
    ("current", "target", "path"),
    [
        ("v3.0.0", "v3.4.1", ["v3.1.1", "v3.2.1", "v3.3.2", "v3.4.1"]),
        ("v3.2.1", "v3.4.1", ["v3.3.2", "v3.4.1"]),
        ("v3.3.0", "v3.4.1", ["v3.4.1"]),
        ("v3.4.0", "v3.4.1", ["v3.4.1"]),
        ("v3.4.1", "v3.4.1", []),
        ("v3.4.1", "v3.3.2", None),
    ],
)
def test_upgrade_path(current: str, target: str, path: list[str] | None) -> None:
    found = releases.upgrade_path(find(current), find(target))
    assert (None if found is None else [release.tag for release in found]) == path


@pytest.mark.parametrize(
    ("tag", "version", "support"),
    [
        ("v3.0.0", (1, 14), "refused"),
        ("v3.0.0", (1, 18), "supported"),
        ("v3.1.1", (1, 15), "untested"),
        ("v3.1.1", (1, 21), "untested"),
        ("v3.1.1", (1, 22), "refused"),
        ("v3.2.0", (1, 18), "untested"),
        ("v3.2.1", (1, 18), "refused"),
        ("v3.3.2", (1, 24), "experimental"),
        ("v3.4.1", (1, 20), "supported"),
        ("v3.4.1", (1, 26), "experimental"),
        ("v3.4.1", (1, 30), "untested"),
    ],
)
def test_support_of_kubernetes(tag: str, version: tuple[int, int], support: str) -> None:
    assert find(tag).kubernetes.support(version) == support


@pytest.mark.parametrize("tag", TAGS)
def test_ranges_of_kubernetes_are_in_order(tag: str) -> None:
    kubernetes = find(tag).kubernetes
    assert kubernetes.floor <= kubernetes.minimum <= kubernetes.maximum <= kubernetes.experimental
    assert kubernetes.ceiling is None or kubernetes.experimental <= kubernetes.ceiling


@pytest.mark.parametrize(
    ("fact", "first"),
    [
        ("validates_jwt", "v3.1.0"),
        ("tower_initialises", "v3.1.0"),
        ("host_cluster_name", "v3.2.0"),
        ("hot_reload", "v3.3.0"),
        ("cluster_role_in_config", "v3.3.0"),
        ("uid_in_status", "v3.3.0"),
        ("kubeconfig_update_api", "v3.3.0"),
        ("admin_password", "v3.3.1"),
        ("cluster_webhook", "v3.4.0"),
        ("validates_role", "v3.4.1"),
    ],
)
def test_since_when_something_holds(fact: str, first: str) -> None:
    assert [tag for tag in TAGS if getattr(find(tag), fact)] == TAGS[TAGS.index(first) :]


def test_what_becomes_of_token_kubeconfigs() -> None:
    verdicts = {tag: find(tag).token_kubeconfig for tag in TAGS}
    assert verdicts.pop("v3.0.0") == "rejected"
    assert {tag for tag, verdict in verdicts.items() if verdict == "never_ready"} == {"v3.3.0", "v3.3.1", "v3.3.2"}
    assert set(verdicts.values()) == {"works", "never_ready"}


def test_images() -> None:
    assert find("v3.0.0").tower_image == find("v3.0.0").agent_image == "kubesphere/tower:v0.1.0"
    assert find("v3.3.2").tower_image == "kubesphere/tower:v0.2.0"
    assert find("v3.4.1").tower_image == "kubesphere/tower:v0.2.1"
    assert find("v3.1.1").installer_image == "kubesphere/ks-installer:v3.1.1"


def test_the_table_can_hold_a_release_without_ks_installer() -> None:
    assert replace(find("v3.4.1"), tag="v4.1.3", installer=None).installer is None
