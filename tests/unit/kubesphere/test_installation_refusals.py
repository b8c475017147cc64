# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the bounds of what is refused, announced and compared."""

from __future__ import annotations

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installation import (
    Wanted,
    install,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installed import Installed, unfinished
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.refusals import Refused
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES

from tests.unit.kubesphere.test_installation import SECRET, cluster, config, member, spec_of, standing


def host(name: str | None) -> Wanted:
    return Wanted("v3.4.1", "host", jwt_secret=Secret(SECRET), host_cluster_name=name)


def test_the_hosts_own_cluster_is_not_renamed() -> None:
    session = cluster(standing("host"))
    with pytest.raises(Refused) as caught:
        install(session, host("main"))
    assert str(caught.value) == (
        "one: the host's own Cluster is called host and cannot be renamed to main. "
        "Set kubesphere_host_cluster_name to host."
    )
    assert session.writes == []


@pytest.mark.parametrize("name", ["host", None])
def test_the_name_that_it_has_is_fine(name: str | None) -> None:
    install(cluster(standing("host")), host(name))


def test_before_the_first_run_has_ended_it_may_have_another_name() -> None:
    session = cluster(standing("host", core={}))
    install(session, host("main"))
    assert spec_of(session)["multicluster"]["hostClusterName"] == "main"


@pytest.mark.parametrize("core", [{"status": "enabled", "version": ""}, {"status": "running", "version": "v3.4.1"}])
def test_a_member_waits_until_its_hosts_upgrade_has_ended(core: dict[str, str]) -> None:
    upgrading = standing("host", core=core)
    upgrading["metadata"]["labels"] = {"version": "v3.4.1"}
    session = cluster(standing(tag="v3.4.0"), tag="v3.4.0")
    with pytest.raises(Refused, match=r"is not upgraded to v3.4.1 before its host"):
        install(session, member(), host=cluster(upgrading))
    assert session.writes == []


def test_a_first_run_is_not_announced_as_one_that_begins_again() -> None:
    first = standing(core={})
    first["spec"]["logging"]["logsidecarReplicas"] = 2
    assert install(cluster(first), member(configuration={"logging": {"enabled": True}})).warnings == []


def test_a_members_proxy_address_is_not_looked_for() -> None:
    made = standing(spec={"multicluster": {"proxyPublishAddress": "http://192.0.2.9:8080"}})
    assert unfinished(cluster(), RELEASES["v3.4.1"], Installed(made)) == ""


@pytest.mark.parametrize("tag", [tag for tag, each in RELEASES.items() if each.installer])
def test_the_role_is_looked_for_where_the_release_writes_it(tag: str) -> None:
    session = cluster(config(role=""), tag=tag)
    missing = unfinished(session, RELEASES[tag], Installed(standing(tag=tag)))
    written = RELEASES[tag].cluster_role_in_config
    assert missing == ("kubesphere-config has the role none, not yet member" if written else "")
