# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the report as data."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import drift, report, report_shape

from tests.unit.kubesphere.reports import HOST, LOOKED_AT, WRITTEN, done, large, of, seen

Data = dict[str, Any]


def cluster(found: Data, name: str) -> Data:
    return next(dict(each) for each in found["clusters"] if each["name"] == name)


def test_a_fleet_that_is_well() -> None:
    found = of(seen("a"), seen("b", connection="agent", nodes=5))
    assert (found["schema"], found["verdict"], found["host"]) == (report.SCHEMA, "clean", "host")
    assert (found["written"], found["looked_at"]) == (WRITTEN, LOOKED_AT)
    assert [(each["name"], each["role"], each["health"]) for each in found["clusters"]] == [
        ("host", "host", "works"),
        ("a", "member", "works"),
        ("b", "member", "works"),
    ]
    totals = found["totals"]
    assert (totals["members"], totals["direct_members"], totals["agent_members"], totals["nodes"]) == (2, 1, 1, 11)
    assert totals["health"] == {"works": 3, "troubled": 0, "fails": 0, "missing": 0, "unknown": 0}
    assert totals["kubernetes"] == {"v1.26.5": 3}
    a = cluster(found, "a")
    assert (a["ready"], a["ready_age"], a["ready_fresh"], a["credential"]["days"]) == (True, 40, True, 365)


def test_health_follows_from_what_status_says() -> None:
    plans = {name: drift.planned([]) for name in ("host", "a", "b")}
    plans["b"] = drift.planned([{"failed": True, "msg": "no answer"}])
    ends = seen("a", problems=["the token expires"])
    found = of(ends, seen("b"), seen("c", problem="502", problems=["502"]), missing=("d",), plans=plans)
    assert {each["name"]: each["health"] for each in found["clusters"]} == {
        "host": "works",
        "a": "troubled",
        "b": "troubled",
        "c": "fails",
        "d": "missing",
    }
    assert cluster(found, "b")["plan_problems"] == ["what a run would do cannot be told: no answer"]
    assert cluster(found, "c")["cause"] == "502"
    assert (found["verdict"], found["totals"]["problems"], found["totals"]["compared"]) == ("error", 3, 3)
    assert cluster(found, "d")["drift"] == ["the host has no Cluster d: it is not imported"]


def test_who_is_known_on_one_side_only() -> None:
    fleet: Data = {"members": [HOST, seen("stray"), seen("a")], "leftovers": [], "problems": [], "looked_at": LOOKED_AT}
    names = {"a": "a", "leaving": "leaving", "stray": "renamed"}
    status = drift.status(fleet["members"], [], host="host", members=names, absent=["leaving"], plans={})
    found = report.of(report.Look("host", names, ["leaving"], fleet, status), report.Run("status", WRITTEN))
    assert [each["name"] for each in found["clusters"]] == ["host", "a", "stray", "Cluster stray"]
    assert report_shape.checked(found) == found


def test_what_is_left_of_others_is_nobodys() -> None:
    left = {"kind": "Service", "namespace": "ns", "name": "mc-gone", "member": "gone"}
    fleet: Data = {"members": [HOST], "leftovers": [left], "problems": [], "looked_at": LOOKED_AT}
    status = drift.status([HOST], [left], host="host", members={}, plans={})
    found = report.of(report.Look("host", {}, [], fleet, status), report.Run("status", WRITTEN))
    assert found["drift"] == ["Service ns/mc-gone is left on the host, and there is no Cluster gone"]
    assert (found["verdict"], found["totals"]["differences"]) == ("drift", 1)


def test_a_host_that_cannot_be_read() -> None:
    failed = {"msg": "host: no answer"}
    told = [{"cluster": "host", "text": "host: no answer"}]
    status = {"verdict": "error", "problems": told, "drift": [], "unplanned": ["host", "a"]}
    found = report.of(report.Look("host", {"a": "a"}, [], failed, status), report.Run("site", WRITTEN))
    assert [each["health"] for each in found["clusters"]] == ["unknown", "unknown"]
    assert (found["verdict"], found["looked_at"]) == ("error", None)
    assert found["runs"][0]["not_seen"] == "host: no answer"
    assert report_shape.checked(found) == found


def test_what_a_run_has_done() -> None:
    told = done({"preflight": {"a": 0.1, "b": 0.2}, "import": {"a": 3.0, "b": 9.0}}, ("a",), {"b": "it took too long"})
    found = of(seen("a"), missing=("b",), told=told)
    a, b, host = (cluster(found, name) for name in ("a", "b", "host"))
    assert (a["outcome"]["text"], a["outcome"]["steps"], a["outcome"]["failed"]) == ("imported", ["import"], False)
    assert a["outcome"]["writes"] == ["create Cluster on host: import it"]
    assert a["seconds"] == {"preflight": 0.1, "import": 3.0, "join": 3.1}
    assert (b["outcome"]["text"], b["outcome"]["problems"]) == ("failed", ["it took too long"])
    assert (host["outcome"]["begun"], host["outcome"]["text"]) == (False, "")
    assert found["durations"]["phases"] == told["durations"]["phases"]
    assert found["durations"]["phases"]["import"]["failed"] == 1
    assert sum(each["clusters"] for each in found["durations"]["joins"]) == 1
    assert found["runs"] == [
        {
            "of": "site",
            "written": WRITTEN,
            "file": "",
            "host": "host",
            "planned": False,
            "summary": "Done: 1 imported.",
            "begun": 2,
            "failed": 1,
            "not_seen": "",
        }
    ]


def test_a_plan_says_what_is_to_come() -> None:
    told = {**done({"import": {"a": 1.0}}, ("a",)), "planned": True}
    del told["durations"]
    a = cluster(of(missing=("a",), told=told), "a")
    assert (a["outcome"]["text"], a["outcome"]["planned"], a["seconds"]) == ("to import", True, {})


def test_who_was_unbound_is_told_of_although_it_is_gone() -> None:
    step = {"what": "unbind", "writes": [{"action": "delete Cluster a on host"}]}
    told = {**done({"unbind": {"a": 1.0}}), "changes": {"a": [step]}}
    found = of(missing=("a", "b"), absent=("a", "b"), told=told)
    assert [each["name"] for each in found["clusters"]] == ["host", "a"]
    assert cluster(found, "a")["outcome"]["text"] == "unbound"


def test_who_was_not_begun_is_not_said_to_be_as_it_should_be() -> None:
    a, b = (
        cluster(of(seen("a"), seen("b"), told=done({"unbind": {"a": 1.0}})), name)["outcome"] for name in ("a", "b")
    )
    assert (a["begun"], a["text"]) == (True, "as it should be")
    assert (b["begun"], b["text"]) == (False, "")


@pytest.mark.parametrize("said", ["one\ntwo\x1b[2J", "\ud800", "\u202egnp", "x" * 5000])
def test_every_text_may_be_shown(said: str) -> None:
    found = of(seen("a", alias=said, problem=said, problems=[said], labels={said: said}))
    a = cluster(found, "a")
    for text in (a["alias"], a["cause"], a["problems"][0], *a["labels"], *a["labels"].values()):
        assert text.isprintable()
        assert len(text) < 3000
        text.encode()


def test_a_report_is_fit_to_be_read_again() -> None:
    found = large(150)
    assert report_shape.checked(found) == found
    assert found["verdict"] == "error"
    assert {"fails", "troubled", "missing", "works"} <= {each["health"] for each in found["clusters"]}
