# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the filter that puts the report of a run together."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.kubesphere.multicluster.plugins.filter.report import FilterModule

from tests.unit.kubesphere.reports import HOST, LOOKED_AT, seen
from tests.unit.plugins.test_filter_plan import batch
from tests.unit.plugins.trust import trust_as_template

MEMBERS = ["a", "b"]


def told(hostvars: dict[str, Any], fleet: dict[str, Any] | None = None, **how: Any) -> Any:
    looked = {"members": [HOST, seen("a"), seen("b")], "leftovers": [], "problems": [], "looked_at": LOOKED_AT}
    names = {"host": {}, "a": {}, "b": {}, **hostvars}
    given = {"of": "import", **how}
    return FilterModule().filters()["fleet_report"](names, "host", MEMBERS, fleet or looked, **given)


def outcomes(found: Any) -> dict[str, str]:
    return {each["name"]: each["outcome"]["text"] for each in found["clusters"]}


def test_what_a_batch_has_done() -> None:
    found = told({"a": {"import_fleet": batch("a")}})
    assert outcomes(found) == {"host": "", "a": "imported", "b": ""}
    assert found["durations"]["phases"]["join"]["clusters"] == 1
    assert (found["verdict"], found["totals"]["compared"]) == ("clean", 0)


def test_a_plan() -> None:
    found = told({"a": {"import_fleet": batch("a")}}, planned=True)
    assert outcomes(found)["a"] == "to import"
    assert found["runs"][0]["planned"] is True


def test_a_plan_that_was_put_together_already_is_taken() -> None:
    given = {"planned": True, "summary": "Plan: it is known.", "changes": {}, "problems": {}, "warnings": {}}
    found = told({"a": {"import_fleet": batch("a")}}, told=given)
    assert found["runs"][0]["summary"] == "Plan: it is known."
    assert outcomes(found)["a"] == "as it should be"


def test_status_does_nothing_whatever_else_the_play_did() -> None:
    status = {"verdict": "drift", "problems": [], "drift": [{"cluster": "b", "text": "it differs"}], "unplanned": ["a"]}
    found = told({"a": {"import_fleet": batch("a")}}, of="status", status=status)
    assert set(outcomes(found).values()) == {""}
    assert {each["name"]: each["compared"] for each in found["clusters"]} == {"host": True, "a": False, "b": True}
    assert (found["verdict"], found["durations"]["phases"]) == ("drift", {})


def test_names_of_clusters_and_who_is_to_be_absent() -> None:
    hostvars = {"a": {"kubesphere_cluster_name": "b"}, "b": {"kubesphere_member_state": "absent"}}
    fleet = {"members": [HOST, seen("b")], "leftovers": [], "problems": [], "looked_at": LOOKED_AT}
    found = told(hostvars, fleet)
    assert {each["name"]: each["cluster"] for each in found["clusters"]}["a"] == "b"


@pytest.mark.parametrize("fleet", [{"msg": "host: no answer", "failed": False}, {"changed": False}])
def test_a_host_that_could_not_be_read(fleet: dict[str, Any]) -> None:
    found = told({"a": {"import_fleet": batch("a")}}, fleet)
    assert {each["health"] for each in found["clusters"]} == {"unknown"}
    assert outcomes(found)["a"] == "imported"
    assert found["verdict"] == "error"


def test_what_clusters_say_is_no_template() -> None:
    """Neither where it is kept in a variable, nor on its way to the module."""
    hostile = seen("a", alias="{{ 6 * 7 }}", problem="{{ 6 * 7 }}")
    found = told({}, {"members": [HOST, hostile], "leftovers": [], "problems": [], "looked_at": LOOKED_AT})
    templar = Templar(loader=DataLoader(), variables={"found": found})
    assert templar.template(trust_as_template("{{ found.clusters[1].alias }}")) == "{{ 6 * 7 }}"
    given = templar.template({"report": trust_as_template("{{ found }}")})
    assert given["report"]["clusters"][1]["cause"] == "{{ 6 * 7 }}"
