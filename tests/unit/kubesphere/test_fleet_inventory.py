# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the inventory that is made of Clusters."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import (
    fleet_inventory,
    fleet_seen,
    minted,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.fleet_inventory import Inventory
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import (
    GROUP_LABEL,
    REGION_LABEL,
)

from tests.unit.fakes import FakeSession
from tests.unit.kubesphere.clusters import LONG_AGO, NOW, cluster, config_map, jwt, kubeconfig, of_host

BERLIN = {REGION_LABEL: "eu-1", GROUP_LABEL: "production", "example.com/tier": "gold", "spare": ""}


def inventory(*clusters: Object, **options: Any) -> Inventory:
    session = FakeSession("frankfurt", config_map(), *clusters)
    session.server_time = NOW
    return fleet_inventory.of(fleet_seen.look(session), **options)


def test_groups() -> None:
    made = inventory(
        of_host("frankfurt"), cluster("berlin", labels=BERLIN), cluster("bremen", "proxy", updated=LONG_AGO)
    )
    assert made.groups == {
        "kubesphere_host": ["frankfurt"],
        "kubesphere_members": ["berlin", "bremen"],
        "kubesphere_release_v3_4_1": ["frankfurt", "berlin", "bremen"],
        "kubesphere_connection_direct": ["berlin"],
        "kubesphere_connection_agent": ["bremen"],
        "kubesphere_credential_given": ["berlin"],
        "kubesphere_ready": ["frankfurt", "berlin"],
        "kubesphere_not_ready": ["bremen"],
        "kubesphere_region_eu_1": ["berlin"],
        "kubesphere_group_production": ["berlin"],
        "kubesphere_provider_kubeadm": ["frankfurt", "berlin", "bremen"],
        "kubesphere_kubernetes_1_26": ["frankfurt", "berlin", "bremen"],
        "kubesphere_label_example_com_tier_gold": ["berlin"],
        "kubesphere_label_spare": ["berlin"],
    }
    assert made.warnings == []


def test_what_clusters_have_in_common_gives_way_to_group_vars() -> None:
    made = inventory(of_host(), cluster("berlin"), cluster("bremen", "proxy"))
    assert made.variables == {
        "kubesphere_host": {"kubesphere_seen_role": "host", "kubesphere_seen_at": NOW},
        "kubesphere_members": {"kubesphere_seen_role": "member", "kubesphere_seen_at": NOW},
        "kubesphere_release_v3_4_1": {
            "kubesphere_release": "v3.4.1",
            "kubesphere_seen_kubesphere_version": "v3.4.1",
        },
        "kubesphere_connection_direct": {"kubesphere_connection": "direct"},
        "kubesphere_connection_agent": {"kubesphere_connection": "agent", "kubesphere_reachable": False},
        "kubesphere_credential_given": {"kubesphere_credential": "given"},
    }


def test_a_release_that_is_not_known_is_a_group_and_no_wish() -> None:
    made = inventory(of_host(release="v4.0.0"), group_by=())
    assert made.groups["kubesphere_release_v4_0_0"] == ["host"]
    assert made.variables["kubesphere_release_v4_0_0"] == {"kubesphere_seen_kubesphere_version": "v4.0.0"}


def test_variables_of_a_member() -> None:
    alias = {"kubesphere.io/alias-name": "Berlin, new site"}
    variables = inventory(of_host(), cluster("berlin", labels=BERLIN, annotations=alias)).hosts["berlin"]
    assert {key: value for key, value in variables.items() if not key.startswith("kubesphere_seen_")} == {
        "kubesphere_cluster_name": "berlin",
        "kubesphere_alias": "Berlin, new site",
        "kubesphere_provider": "kubeadm",
        "kubesphere_region": "eu-1",
        "kubesphere_group": "production",
        "kubesphere_labels": {"example.com/tier": "gold", "spare": ""},
    }
    assert {key.removeprefix("kubesphere_seen_") for key in variables if key.startswith("kubesphere_seen_")} == {
        *("ready", "problem", "conditions", "kubernetes_version", "nodes", "uid", "credential", "server"),
    }
    assert variables["kubesphere_seen_conditions"] == {"Ready": "True"}
    assert "last-applied" not in json.dumps(variables)


def test_labels_that_have_variables_of_their_own_are_not_wanted_twice() -> None:
    made = inventory(of_host(), cluster("berlin", labels={REGION_LABEL: "eu-1", GROUP_LABEL: "production"}))
    assert not [variables for variables in made.hosts.values() if "kubesphere_labels" in variables]


def test_selections() -> None:
    clusters = (of_host(), cluster("berlin"), cluster("bremen", "proxy"))
    assert list(inventory(*clusters, connections=["agent"]).hosts) == ["host", "bremen"]
    few = inventory(*clusters, group_by=["ready"]).groups
    assert sorted(few) == [
        *(
            "kubesphere_connection_agent",
            "kubesphere_connection_direct",
            "kubesphere_credential_given",
            "kubesphere_host",
        ),
        *("kubesphere_members", "kubesphere_ready", "kubesphere_release_v3_4_1"),
    ]


def test_the_host_may_have_another_name() -> None:
    made = inventory(of_host(), host_name="frankfurt")
    assert made.groups["kubesphere_host"] == ["frankfurt"]
    assert made.hosts["frankfurt"]["kubesphere_cluster_name"] == "host"


def test_a_host_whose_own_cluster_is_not_there_yet_is_in_the_inventory() -> None:
    made = inventory(cluster("berlin"))
    assert made.groups["kubesphere_host"] == ["host"]
    assert made.hosts["host"]["kubesphere_seen_ready"] is False


def test_two_hosts_are_told() -> None:
    made = inventory(of_host("a"), of_host("b"), host_name="frankfurt")
    assert made.groups["kubesphere_host"] == ["a", "b"]
    assert made.warnings[0].startswith("a, b are all labelled as the host")


def test_names_that_ansible_has_another_use_for() -> None:
    made = inventory(of_host(), cluster("localhost"), cluster("all"), cluster("frankfurt"), host_name="frankfurt")
    assert made.groups["kubesphere_members"] == ["all-cluster", "frankfurt-cluster", "localhost-cluster"]
    assert made.hosts["all-cluster"]["kubesphere_cluster_name"] == "all"
    assert "Cluster all is called all-cluster in the inventory, where all is something else." in made.warnings


def test_a_name_that_kubernetes_does_not_take_is_left_out() -> None:
    made = inventory(of_host(), cluster("{{ 6 * 7 }}"))
    assert list(made.hosts) == ["host"]
    assert made.warnings == [
        "A Cluster is left out, for its name is none that Kubernetes takes: '{{ 6 * 7 }}'.",
    ]


def test_a_credential_that_was_made_is_made_again() -> None:
    ours = {"namespace": "kubesphere-system", "serviceaccount": {"name": minted.NAME}, "secret": {"name": "one"}}
    token = jwt("2026-11-01", "2027-11-01", **{"kubernetes.io": ours})
    made = inventory(of_host(), cluster("berlin", kubeconfig=kubeconfig(token=token)))
    assert made.variables["kubesphere_credential_token"] == {"kubesphere_credential": "token"}
    assert made.groups["kubesphere_credential_token"] == ["berlin"]
    assert "kubesphere_credential_due" not in made.groups


def test_a_credential_that_ends_soon_is_a_group() -> None:
    token = jwt("2026-01-01", "2026-12-01")
    made = inventory(of_host(kubeconfig=kubeconfig(token=token)), cluster("berlin", kubeconfig=kubeconfig(token=token)))
    assert made.groups["kubesphere_credential_due"] == ["berlin"]
    assert made.hosts["berlin"]["kubesphere_seen_credential"] == {
        "kind": "token",
        "expires": "2026-12-01T12:00:00Z",
        "days": 9,
        "due": True,
    }
