# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the filters that tell what a run over the whole fleet would do, or has done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.kubesphere.multicluster.plugins.filter.plan import FilterModule

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text is taken for a template that is not marked

    def trust_as_template(text: str) -> str:
        return text


FILTERS = FilterModule().filters()


def imported(name: str) -> dict[str, Any]:
    header = f"Cluster {name} on host"
    diff = {"before_header": header, "after_header": header, "before": {}, "after": {"kind": "Cluster"}}
    actions = [f"create {header}: import it"]
    return {"changed": True, "module": "member", "actions": actions, "diff": [diff], "seconds": 2.0}


def batch(*names: str) -> dict[str, Any]:
    return {"changed": False, "clusters": {name: imported(name) for name in names}}


def told(hostvars: Mapping[str, Any], planned: bool = False) -> Any:
    members = [name for name in hostvars if name != "host"]
    return FILTERS["fleet_run"]({"host": {}, **hostvars}, "host", members, planned)


def test_two_batches() -> None:
    names = [f"m-{number}" for number in range(100)]
    first, second = batch(*names[:50]), batch(*names[50:])
    hostvars = {name: {"import_fleet": first if name in names[:50] else second} for name in names}
    assert told({"host": {}, **hostvars})["counts"]["import"] == 100


def test_members_that_go_each_for_themselves() -> None:
    """Then the difference is the task's own."""

    def alone(name: str) -> dict[str, Any]:
        outcome = imported(name)
        return {**outcome, "clusters": {name: {key: value for key, value in outcome.items() if key != "diff"}}}

    found = told({name: {"import_fleet": alone(name)} for name in ("a", "b")})
    assert found["summary"] == "Done: 2 imported."
    assert found["durations"]["clusters"] == {name: {"import": 2.0, "join": 2.0} for name in ("a", "b")}


def test_phases_of_other_batches() -> None:
    looked: dict[str, Any] = {"clusters": {name: {"problems": []} for name in ("host", "a")}}
    proxy = {"clusters": {"host": {"changed": False, "warnings": ["not reached"]}}}
    hostvars = {"host": {"preflight_fleet": looked, "proxy_fleet": proxy}, "a": {"preflight_fleet": looked}}
    found = told(hostvars)
    assert (found["warnings"], found["not_begun"]) == ({"host": ["not reached"]}, ["a"])


def test_what_is_missed() -> None:
    absent = {"kubesphere_member_state": "absent"}
    found = told({"host": {}, "a": {"import_fleet": batch("a")}, "b": {}, "c": absent})
    assert found["not_begun"] == ["b"]
    assert found["clusters"] == ["a", "b"]


@pytest.mark.parametrize("phase", ["unbind_fleet", "renew_fleet", "import_fleet"])
def test_a_variable_that_is_something_else_is_no_phase(phase: str) -> None:
    assert told({"a": {phase: {"changed": False, "members": []}}})["not_begun"] == ["a"]
    assert told({"a": {phase: None}})["not_begun"] == ["a"]


def test_a_plan_has_no_durations() -> None:
    found = told({"a": {"import_fleet": batch("a")}}, planned=True)
    assert "durations" not in found
    assert (found["planned"], found["summary"]) == (True, "Plan: 1 to import.")
    assert FILTERS["fleet_run_lines"](found)[-1] == "Plan: 1 to import."


def test_lines_of_a_run_begin_with_its_durations() -> None:
    lines = FILTERS["fleet_run_lines"](told({"a": {"import_fleet": batch("a")}}))
    assert lines[0].startswith("PHASE ")
    assert lines[-1] == "Done: 1 imported."


def test_no_line_has_control_characters() -> None:
    failed = {"clusters": {"a": {"failed": True, "msg": "down\x1b[2J\nand out"}}}
    lines = FILTERS["fleet_run_lines"](told({"a": {"import_fleet": failed}}))
    assert "  failed: down\\x1b[2J and out" in lines


def test_what_clusters_say_is_no_template() -> None:
    """Nothing else marks the text of a filter, which becomes a fact here."""
    failed = {"clusters": {"a": {"failed": True, "msg": "{{ 6 * 7 }}"}}}
    found = told({"a": {"import_fleet": failed}})
    templar = Templar(loader=DataLoader(), variables={"found": found})
    assert templar.template(trust_as_template("{{ found.problems.a | join }}")) == "{{ 6 * 7 }}"


HOSTILE: dict[str, Any] = {"clusters": {"a": {"failed": True, "msg": "{{ 6 * 7 }}", "seconds": 1.5}}}


def templated(expression: str, found: Any) -> Any:
    return Templar(loader=DataLoader(), variables={"found": found}).template(trust_as_template(expression))


def test_results_of_a_run() -> None:
    hostvars = {"host": {}, "a": {"import_fleet": HOSTILE}}
    found = FILTERS["run_results"](hostvars, "host", ["a"], told(hostvars))
    assert (found["kind"], found["failed"]) == ("run", ["a"])
    [suite] = found["suites"]
    assert (suite["name"], suite["cases"][0]["seconds"]) == ("import", 1.5)
    assert templated("{{ found.suites[0].cases[0].message }}", found) == "{{ 6 * 7 }}"


def test_results_of_a_status() -> None:
    problems = [{"cluster": "a", "text": "{{ 6 * 7 }}"}]
    status = {"verdict": "error", "problems": problems, "drift": [], "unplanned": []}
    found = FILTERS["status_results"](status, "host", ["a"], "error")
    assert (found["kind"], found["failed"]) == ("status", ["a"])
    assert templated("{{ found.suites[0].cases[1].message }}", found) == "{{ 6 * 7 }}"


def test_a_run_in_short() -> None:
    found = FILTERS["run_brief"](told({"a": {"import_fleet": HOSTILE}}), "/somewhere")
    assert (found["changed"], found["failed"], found["report"]) == (False, ["a"], "/somewhere")


def unbound(name: str, failed: bool = False) -> dict[str, Any]:
    if failed:
        return {"failed": True, "msg": "it is not reached", "module": "member"}
    header = f"Cluster {name} on host"
    diff = {"before_header": header, "after_header": header, "before": {"kind": "Cluster"}, "after": {}}
    actions = [f"delete {header}: unbind it"]
    return {"changed": True, "module": "member", "actions": actions, "diff": [diff], "member_cleaned": False}


class TestUnbind:
    """A run that is about members that are to be absent."""

    ABSENT: Mapping[str, Any] = {"kubesphere_member_state": "absent"}

    def told(self, hostvars: Mapping[str, Any], left_alone: list[str], planned: bool = True) -> Any:
        members = [name for name in hostvars if name != "host"]
        return FILTERS["fleet_run"]({"host": {}, **hostvars}, "host", members, planned, left_alone)

    def test_who_is_to_be_present_is_none_of_its_business(self) -> None:
        fleet = {"clusters": {"a": unbound("a")}}
        hostvars = {"a": {**self.ABSENT, "unbind_fleet": fleet}, "b": {"unbind_fleet": fleet}, "c": self.ABSENT}
        found = self.told(hostvars, [])
        assert found["clusters"] == ["a", "c"]
        assert found["summary"] == "Plan: 1 to unbind; 1 not begun: c."

    def test_clusters_beside_the_inventory(self) -> None:
        results = [
            {"item": "x", **unbound("x")},
            {"item": "y", **unbound("y", failed=True)},
            {"item": "a", **unbound("a")},
            {"item": "z", "skipped": True},
        ]
        hostvars = {"host": {"unbind_others": {"results": results}}, "a": {"kubesphere_cluster_name": "other"}}
        found = self.told(hostvars, ["stranger"], planned=False)
        assert found["clusters"] == ["x", "y", "Cluster a"]  # a member of the inventory is called so, too
        assert found["changes"]["x"][0]["writes"][0]["action"] == "delete Cluster x on host: unbind it"
        assert found["problems"] == {"y": ["it is not reached"]}
        assert found["left_alone"] == ["stranger"]
        assert found["summary"] == "Done: 2 unbound; 1 failed: y; 1 not in the inventory, left alone: stranger."
        suites = FILTERS["run_results"](hostvars, "host", ["a"], found)["suites"]
        assert [(each["name"], [case["cluster"] for case in each["cases"]]) for each in suites] == [
            ("unbind", ["x", "y", "Cluster a"])
        ]

    def test_a_second_run(self) -> None:
        fleet = {"clusters": {"a": {"changed": False, "module": "member", "member_cleaned": True}}}
        found = self.told({"a": {**self.ABSENT, "unbind_fleet": fleet}}, [])
        assert found["summary"] == "Plan: nothing to do, 1 as they should be."
