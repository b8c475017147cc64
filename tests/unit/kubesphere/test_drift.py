# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the difference between an inventory and what stands."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.drift import (
    fails,
    in_words,
    planned,
    status,
)

HEADER = "Cluster one on host"


def result(before: dict[str, Any], after: dict[str, Any], action: str = f"patch {HEADER}") -> dict[str, Any]:
    diff = {"before_header": HEADER, "after_header": HEADER, "before": before, "after": after}
    return {"changed": True, "actions": [action], "diff": [diff]}


def cluster(name: str, *problems: str, role: str = "member") -> dict[str, Any]:
    return {"name": name, "known": True, "cluster_role": role, "problems": list(problems)}


HOST = cluster("main", role="host")


def compared(
    *clusters: dict[str, Any],
    members: dict[str, str],
    absent: tuple[str, ...] = (),
    plans: dict[str, Any] | None = None,
    leftovers: tuple[dict[str, Any], ...] = (),
) -> dict[str, Any]:
    if plans is None:
        plans = {name: planned([]) for name in ("h", *members)}
    return status([HOST, *clusters], leftovers, host="h", members=members, absent=absent, plans=plans)


# What a plan tells


def test_a_plan_without_writes_is_no_drift() -> None:
    assert planned([{"changed": False}, {"skipped": True}, {}]) == {"drift": [], "problems": []}


def test_fields_that_differ_in_words() -> None:
    before = {
        "metadata": {"labels": {"tier": "silver", "a.b/c": "1"}},
        "spec": {"ports": [1], "gone": True, "same": [{"x": 1}, 2]},
    }
    after = {
        "metadata": {"labels": {"tier": "gold", "a.b/c": "2"}},
        "spec": {"ports": [1, 2], "same": [{"x": 3}, 2], "new": {"x": None}},
    }
    [found] = planned([result(before, after)])["drift"]
    assert (found["object"], found["action"]) == (HEADER, f"patch {HEADER}")
    assert found["fields"] == [
        'metadata.labels.tier is "silver", wanted "gold"',
        'metadata.labels[a.b/c] is "1", wanted "2"',
        "spec.ports is [1], wanted [1, 2]",
        "spec.gone is true, wanted none",
        "spec.same[0].x is 1, wanted 3",
        'spec.new is missing, wanted {"x": null}',
    ]


@pytest.mark.parametrize(("before", "after"), [({}, {"a": 1}), ({"a": 1}, {})])
def test_what_is_created_or_deleted_has_no_fields(before: dict[str, Any], after: dict[str, Any]) -> None:
    [found] = planned([result(before, after)])["drift"]
    assert found["fields"] == []


def test_nothing_counts_after_a_failure() -> None:
    first, failed, stale = result({"a": 1}, {"a": 2}), {"failed": True, "msg": "no answer"}, result({"b": 1}, {"b": 2})
    found = planned([first, failed, stale])
    assert [each["fields"] for each in found["drift"]] == [["a is 1, wanted 2"]]
    assert found["problems"] == ["what a run would do cannot be told: no answer"]


# What follows for the fleet


def test_a_fleet_that_stands_as_wanted() -> None:
    found = compared(cluster("one"), members={"o": "one"})
    assert found == {"verdict": "clean", "drift": [], "problems": [], "unplanned": []}
    assert in_words(found) == ["Everything works, and stands as the inventory says."]


def test_differences_and_problems_are_told_by_inventory_name() -> None:
    plans = {"h": planned([]), "o": planned([result({"a": 1}, {"a": 2})])}
    found = compared(cluster("one", "it is gone"), members={"o": "one"}, plans=plans)
    assert found["verdict"] == "error"
    assert in_words(found) == [
        "1 problem found:",
        "- o: it is gone",
        "1 difference found:",
        "- o: Cluster one on host: a is 1, wanted 2",
    ]
    assert found["drift"][0]["fields"] == ["a is 1, wanted 2"]


def test_a_member_that_the_host_does_not_know_is_told_once() -> None:
    create = result({}, {"a": 1}, "create Cluster one on host: import it")
    agent = result({}, {"a": 1}, "create Deployment kubesphere-system/cluster-agent on o: connect it to the host")
    found = compared(members={"o": "one"}, plans={"h": planned([]), "o": planned([create, agent])})
    assert [each["text"] for each in found["drift"]] == [
        "the host has no Cluster one: it is not imported",
        "a run would create Deployment kubesphere-system/cluster-agent on o: connect it to the host",
    ]


def test_a_cluster_that_the_inventory_does_not_know() -> None:
    found = compared(cluster("one"), cluster("stray"), members={"o": "one"})
    assert (found["verdict"], [each["cluster"] for each in found["drift"]]) == ("drift", ["stray"])
    assert found["drift"][0]["text"] == "the inventory does not know it, and the host has imported it"


def test_a_member_that_is_to_be_gone() -> None:
    members = {"o": "one", "t": "two"}
    found = compared(cluster("one"), members=members, absent=("o", "t"), plans={"h": planned([])})
    assert [(each["cluster"], each["text"]) for each in found["drift"]] == [
        ("o", "it is imported, and its kubesphere_member_state is absent")
    ]
    assert found["unplanned"] == []


def test_leftovers() -> None:
    service = {"kind": "Service", "namespace": "kubesphere-system", "name": "mc-gone", "member": "gone"}
    webhook = {"kind": "Webhook", "namespace": None, "name": "w", "member": None}
    found = compared(members={}, leftovers=(service, webhook))
    assert [(each["cluster"], each["text"]) for each in found["drift"]] == [
        ("gone", "Service kubesphere-system/mc-gone is left on the host, and there is no Cluster gone"),
        ("h", "Webhook w is without its rules, which an unbind took away: run import or unbind"),
    ]


def test_a_cluster_that_was_not_asked() -> None:
    found = compared(cluster("one"), members={"o": "one"}, plans={"h": planned([]), "o": {}})
    assert found["verdict"] == "clean"
    assert in_words(found)[-1] == "Not compared with the inventory: o."


def test_a_plan_that_failed_is_a_problem() -> None:
    plans = {"h": planned([]), "o": planned([{"failed": True, "msg": "o: no answer."}])}
    found = compared(cluster("one"), members={"o": "one"}, plans=plans)
    assert found["problems"] == [{"cluster": "o", "text": "what a run would do cannot be told: o: no answer."}]


def test_long_lists_are_cut_in_words_only() -> None:
    before, after = ({str(number): value for number in range(20)} for value in ("x" * 200, 2))
    found = compared(members={"o": "one"}, plans={"h": planned([result(before, after)]), "o": planned([])})
    item = found["drift"][0]
    assert len(item["fields"]) == 20
    assert item["text"].endswith("and 12 more")
    assert len(item["fields"][0]) < 120


@pytest.mark.parametrize("count", [8, 9])
def test_a_list_that_fits_is_whole(count: int) -> None:
    before, after = ({str(number): value for number in range(count)} for value in (1, 2))
    found = compared(members={"o": "one"}, plans={"h": planned([result(before, after)]), "o": planned([])})
    assert ("more" in found["drift"][0]["text"]) is (count > 8)


def test_a_value_is_shown_as_it_is() -> None:
    found = compared(members={"o": "one"}, plans={"h": planned([result({"a": "x"}, {"a": "ä"})]), "o": planned([])})
    assert found["drift"][0]["text"].endswith('a is "x", wanted "ä"')


def test_one_and_several_have_their_words() -> None:
    item = {"cluster": "a", "text": "b"}
    assert in_words({"problems": [item] * 2, "drift": [item] * 2, "unplanned": []}) == [
        "2 problems found:",
        *["- a: b"] * 2,
        "2 differences found:",
        *["- a: b"] * 2,
    ]


@pytest.mark.parametrize(
    ("verdict", "failing"),
    [("clean", set()), ("drift", {"drift"}), ("error", {"drift", "error"})],
)
def test_policy(verdict: str, failing: set[str]) -> None:
    assert {policy for policy in ("never", "error", "drift") if fails({"verdict": verdict}, policy)} == failing


def test_what_a_slice_has_left_alone_is_no_drift() -> None:
    clusters = [HOST, cluster("one")]
    plans = {name: planned([]) for name in ("h", "one")}
    found = status(clusters, [], host="h", members={"one": "one"}, plans=plans, others=["two"])
    assert (found["verdict"], found["drift"], found["others"]) == ("clean", [], ["two"])
    assert "others" not in compared(cluster("one"), members={"one": "one"})


def test_a_host_that_another_slice_has_is_not_compared() -> None:
    left = [{"kind": "Service", "namespace": "kubesphere-system", "name": "mc-gone", "member": "gone"}]
    plans = {"one": planned([])}
    found = status(
        [HOST, cluster("one")], left, host="h", members={"one": "one"}, plans=plans, others=[], host_managed=False
    )
    assert (found["verdict"], found["drift"], found["unplanned"]) == ("clean", [], [])
