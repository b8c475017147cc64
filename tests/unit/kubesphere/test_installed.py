# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what stands, and what is still missing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installed import (
    Installed,
    read,
    unfinished,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    CHANGED_AT,
    NAMESPACE,
    RUN_BEFORE,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES, find

from tests.unit.fakes import FakeSession
from tests.unit.kubesphere.test_installation import EARLIER, LATER, OTHER, available, cluster, config, standing

MARKED = [tag for tag, each in RELEASES.items() if each.installer and each.installer.writes_core_version]
UNMARKED = ["v3.0.0", "v3.1.0"]


def missing(tag: str = "v3.4.1", session: FakeSession | None = None, **how: Any) -> str:
    return unfinished(session or cluster(), find(tag), Installed(standing(tag=tag, **how)))


def test_which_releases_mark_their_end() -> None:
    assert [tag for tag, each in RELEASES.items() if each.installer and tag not in MARKED] == UNMARKED


@pytest.mark.parametrize(
    ("tag", "core", "complete"),
    [
        *((tag, {}, False) for tag in [*UNMARKED, *MARKED]),
        *((tag, {"status": "enabled"}, True) for tag in UNMARKED),
        *((tag, {"status": "enabled"}, False) for tag in MARKED),
        *((tag, {"status": "enabled", "version": tag}, True) for tag in MARKED),
        *((tag, {"status": "running", "version": tag}, False) for tag in MARKED),
    ],
)
def test_complete_once(tag: str, core: dict[str, Any], complete: bool) -> None:
    assert Installed(standing(tag=tag, core=core)).complete_once is complete
    assert (missing(tag, core=core) == "") is complete


@pytest.mark.parametrize(
    ("notes", "outstanding"), [({}, False), ({RUN_BEFORE: EARLIER}, False), ({RUN_BEFORE: LATER}, True)]
)
def test_a_run_is_outstanding(notes: dict[str, str], outstanding: bool) -> None:
    """Until ks-core has another time than it had at the change."""
    assert Installed(standing(notes=notes)).run_outstanding is outstanding


def test_a_run_is_looked_for_since_the_last_change() -> None:
    changed = Installed(standing(notes={CHANGED_AT: LATER}))
    changed.configuration["metadata"]["creationTimestamp"] = EARLIER
    assert changed.changed_at == LATER
    changed.configuration["metadata"]["annotations"] = {}
    assert changed.changed_at == EARLIER


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"core": {}}, "ks-core is not installed yet"),
        ({"core": {"status": "enabled"}}, "the components are not all installed yet"),
        (
            {"core": {"status": "enabled", "version": "v3.3.2"}},
            "v3.3.2 is installed, the upgrade to v3.4.1 has not come to its end",
        ),
        ({"notes": {RUN_BEFORE: LATER}}, "the last change of the ClusterConfiguration is not installed yet"),
        ({"role": "host"}, "component multicluster is not enabled yet"),
        ({"secret": OTHER}, "kubesphere-config has another jwtSecret than the ClusterConfiguration"),
    ],
)
def test_what_is_missing(how: dict[str, Any], words: str) -> None:
    assert missing(**how) == words


def test_deployments_and_config() -> None:
    session = cluster()
    session.put(config(role="host"))
    assert missing(session=session) == "kubesphere-config has the role host, not yet member"
    session.put({**available("ks-console"), "status": {}})
    assert missing(session=session) == "Deployment ks-console: 0 of 1 pods are updated"


def test_odd_objects_are_no_crash() -> None:
    odd = standing()
    odd["spec"], odd["status"] = None, None
    odd["metadata"].pop("annotations")
    found = Installed(odd)
    assert (found.cluster_role, found.jwt_secret, found.complete_once, found.run_outstanding) == (
        "none", "", False, False,
    )  # fmt: skip


def test_reading() -> None:
    assert read(FakeSession()) is None
    found = read(cluster(standing(tag="v3.3.2")))
    assert found
    assert (found.release, found.cluster_role) == ("v3.3.2", "member")
    assert found.configuration["metadata"]["namespace"] == NAMESPACE
