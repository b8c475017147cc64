# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the filters that the roles use."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.kubesphere.multicluster.plugins.filter.fleet import FilterModule

from tests.unit.plugins.trust import trust_as_template

FILTERS = FilterModule().filters()


def test_groups() -> None:
    assert FILTERS["inventory_problems"]({"h": 1}.keys(), ["a"]) == []
    assert FILTERS["inventory_problems"]([], ["a"])[0].startswith("the group kubesphere_host is empty")
    assert FILTERS["inventory_problems"](["h"], None)[0].startswith("there is no group kubesphere_members")


def looked_at(clusters: dict[str, dict[str, object]]) -> dict[str, object]:
    """Variables of hosts of one batch, as the role preflight leaves them."""
    return {name: {"preflight_fleet": {"clusters": clusters}} for name in clusters}


def test_own_problems_come_before_those_between_clusters() -> None:
    def seen(uid: str | None, *problems: str) -> dict[str, object]:
        cluster = {"name": None, "cluster_role": "member", "release": "v3.4.1", "uid": uid}
        return {"cluster": cluster, "problems": list(problems)}

    clusters: dict[str, dict[str, object]] = {
        "a": seen("1", "own"),
        "b": seen("1"),
        "c": seen("2"),
        "d": {"problems": ["not reached"]},
        "e": {"failed": True, "msg": "no such variable"},
    }
    found = FILTERS["fleet_problems"](looked_at(clusters), list(clusters))
    same = "it is the same cluster as {} (kube-system UID 1): give each its own kubeconfig"
    assert found == {
        "a": ["own", same.format("b")],
        "b": [same.format("a")],
        "d": ["not reached"],
        "e": ["no such variable"],
    }
    judged = FILTERS["judged"](looked_at(clusters), list(clusters), found)
    assert judged["failed_clusters"] == ["a", "b", "d", "e"]
    assert judged["clusters"]["c"] == clusters["c"]
    assert judged["clusters"]["d"]["msg"] == "Nothing was written. 1 problem found:\n- d: not reached"


def test_what_clusters_say_is_no_template_when_it_is_kept_as_a_fact() -> None:
    """Where nothing else of it comes from a module as it is: then ansible-core before 2.19 would spare all of it."""
    cluster = {"name": None, "cluster_role": "member", "release": "v3.4.1", "uid": "{{ 6 * 7 }}"}
    clusters: dict[str, dict[str, object]] = {name: {"cluster": cluster, "problems": []} for name in ("a", "b")}
    found = FILTERS["fleet_problems"](looked_at(clusters), ["a", "b"])
    templar = Templar(loader=DataLoader(), variables={"found": found})
    assert "{{ 6 * 7 }}" in templar.template(trust_as_template("{{ found.a | join }}"))


def test_a_list_for_people() -> None:
    problems = {"b": ["two", "three"], "a": ["one"]}
    listed = FILTERS["problem_list"]
    assert listed(problems) == "3 problems found:\n- a: one\n- b: two\n- b: three"
    assert listed(problems, "a") == "1 problem found:\n- a: one"
    assert listed({}) == "0 problems found:"


def test_a_proxy_address_has_its_port() -> None:
    url = FILTERS["proxy_url"]
    assert url("https://tower.example.com/") == "https://tower.example.com:443"
    assert url("tower.example.com") == "tower.example.com"  # refused elsewhere, with the reason
    assert url(8080) == 8080


def test_what_the_preflight_has_seen() -> None:
    """The host first, and one list; a verdict adds nothing, whoever was not looked at is there, too."""
    seen = {"server": "https://a\x1b:6443", "uid": "1", "kubernetes_version": "v1.26.5", "cluster_role": "host"}
    good = {"cluster": {**seen, "installed": {"release": "v3.4.1"}}, "problems": []}
    new = {"cluster": {**seen, "uid": "2", "installed": {"release": None}}, "problems": ["no StorageClass"]}
    away = {"cluster": {"server": None, "uid": None, "installed": None}, "problems": ["no way"]}
    clusters = {"c": {"failed": True, "msg": "bad"}, "b": {**new, "failed": True, "msg": "x"}, "a": away, "host": good}
    assert FILTERS["preflight_lines"](clusters, "host") == [
        "CLUSTER  ROLE    SERVER           KUBERNETES  KUBESPHERE  PROBLEMS",
        "host     host    https://a :6443  v1.26.5     v3.4.1      none",
        "a        member  -                -           -           1",
        "b        member  https://a :6443  v1.26.5     none yet    1",
        "c        member  -                -           -           1",
        "",
        "3 problems found:",
        "- a: no way",
        "- b: no StorageClass",
        "- c: bad",
    ]
    assert FILTERS["preflight_lines"]({"host": good}, "host")[-1] == "No problem found."


def test_a_table() -> None:
    host = {
        "name": "host",
        "cluster_role": "host",
        "connection": "direct",
        "kubernetes_version": "v1.20.2",
        "kubesphere_version": "v3.4.1",
        "nodes": 1,
        "problem": "",
    }
    broken = {"name": "east", "problem": "no\nanswer\x1b[31m"}
    assert FILTERS["member_table"]([broken, host], ["east", "west", "n-1"]) == [
        "CLUSTER  ROLE  CONNECTION  KUBERNETES  KUBESPHERE  NODES  STATE",
        "host     host  direct      v1.20.2     v3.4.1      1      works",
        "east     -     -           -           -           -      no answer [31m",
        "n-1      -     -           -           -           -      not imported",
        "west     -     -           -           -           -      not imported",
    ]


def test_a_table_of_nothing() -> None:
    assert len(FILTERS["member_table"]([], [])) == 1


def test_whom_this_run_has_used() -> None:
    imported = {
        "a": {"name": "one", "verified": True, "nodes": 3},
        "b": {"name": "b", "verified": False, "nodes": None},
        "c": {"failed": True},
    }
    hostvars = {name: {"import_fleet": {"clusters": imported}} for name in imported}
    assert FILTERS["members_used"](hostvars, list(imported)) == {"one": 3}
    assert FILTERS["members_used"]({"a": {}}, ["a"]) == {}


def test_who_is_to_be_unbound() -> None:
    variables = {
        "a": {"kubesphere_member_state": "absent"},
        "b": {"kubesphere_cluster_name": "other", "kubesphere_member_state": "present"},
        "c": {},
    }
    states = FILTERS["member_states"](["a", "b", "c"], variables)
    assert states == {"a": "absent", "other": "present", "c": "present"}
    known = [{"name": name, "cluster_role": "member"} for name in ("a", "other", "c", "d")]
    assert FILTERS["unbind_problems"]([], states, known, 1) == []
    assert len(FILTERS["unbind_problems"](["c", "d"], states, known, 2)) == 2


def test_a_state_that_is_misspelt_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="kubesphere_member_state of a is absnet: set it to present or absent"):
        FILTERS["member_states"](["a"], {"a": {"kubesphere_member_state": "absnet"}})


def test_status_of_an_inventory() -> None:
    host = {"name": "main", "known": True, "cluster_role": "host", "problems": []}
    members = [host, {"name": "one", "known": True, "cluster_role": "member", "problems": []}]
    batch = {"import_fleet": {"clusters": {"o": {"changed": False}}}}
    variables = {
        "h": {"install_fleet": {"clusters": {"h": {"changed": False}}}},
        "o": {**batch, "kubesphere_cluster_name": "one"},
        "a": {"kubesphere_member_state": "absent"},
        "n": {},
    }
    fleet = {"members": members, "leftovers": [], "problems": []}
    found = FILTERS["fleet_status"](fleet, "h", ["o", "a", "n"], variables)
    assert found == {
        "verdict": "drift",
        "problems": [],
        "drift": [{"cluster": "n", "text": "the host has no Cluster n: it is not imported"}],
        "unplanned": ["n"],
    }


def test_what_is_left_and_not_known_is_not_clean() -> None:
    fleet = {"members": [], "leftovers": None, "problems": ["what is left is not known"]}
    found = FILTERS["fleet_status"](fleet, "h", [], {"h": {}})
    assert (found["verdict"], found["problems"]) == ("error", [{"cluster": "h", "text": "what is left is not known"}])


def test_two_members_that_say_both_of_one_cluster() -> None:
    variables = {
        "old": {"kubesphere_cluster_name": "a", "kubesphere_member_state": "absent"},
        "new": {"kubesphere_cluster_name": "a"},
    }
    for order in (["old", "new"], ["new", "old"]):
        states = FILTERS["member_states"](order, variables)
        known = [{"name": "a", "cluster_role": "member"}]
        assert len(FILTERS["unbind_problems"]([], states, known, 1)) == 1
