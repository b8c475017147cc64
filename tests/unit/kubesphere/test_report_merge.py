# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of several reports put together, and of what is no report."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import drift, report_shape
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.report_merge import merged
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.kubesphere.reports import done, large, of, seen

Data = dict[str, Any]

FIRST, SECOND, LAST = (f"2026-11-23T0{hour}:00:00Z" for hour in (7, 8, 9))


def part(file: str, *members: Data, at: str, **how: Any) -> Data:
    found = of(*members, written=at, looked_at=at, **how)
    found["runs"][0]["file"] = file
    return found


def cluster(found: Data, name: str) -> Data:
    return next(dict(each) for each in found["clusters"] if each["name"] == name)


def test_slices_each_see_all_and_work_on_their_own() -> None:
    one = part(
        "one",
        seen("a"),
        at=FIRST,
        missing=("b",),
        told=done({"import": {"a": 2.0}}, ("a",)),
    )
    two = part(
        "two",
        seen("a"),
        seen("b"),
        at=SECOND,
        told=done({"import": {"b": 4.0}}, ("b",)),
    )
    for parts in ([one, two], [two, one]):
        found = merged(parts, LAST)
        assert [each["outcome"]["text"] for each in found["clusters"] if each["role"] == "member"] == ["imported"] * 2
        assert {each["name"]: each["health"] for each in found["clusters"]} == dict.fromkeys(
            ("host", "a", "b"), "works"
        )
        assert found["durations"]["phases"]["join"]["clusters"] == 2
        assert found["durations"]["phases"]["join"]["max"] == 4.0
        assert (found["written"], found["looked_at"], found["verdict"]) == (LAST, SECOND, "clean")
        assert [run["file"] for run in found["runs"]] == ["one", "two"]
        assert found["conflicts"] == []


def test_the_newest_look_wins() -> None:
    older = part("older", seen("a", problem="502", problems=["502"], nodes=1), at=FIRST)
    newer = part("newer", seen("a", nodes=7), at=SECOND)
    a = cluster(merged([newer, older], LAST), "a")
    assert (a["health"], a["nodes"], a["problems"]) == ("works", 7, [])


def test_the_newest_comparison_wins() -> None:
    differs = {"drift": [{"object": "x", "action": "patch x", "fields": ["f is 1, wanted 2"]}], "problems": []}
    refused = drift.planned([{"failed": True, "msg": "no answer"}])
    plans = {"host": drift.planned([]), "a": differs, "b": refused}
    compared = part("compared", seen("a"), seen("b"), at=FIRST, plans=plans)
    looked = part("looked", seen("a"), seen("b"), at=SECOND)
    found = merged([compared, looked], LAST)
    assert (cluster(found, "a")["drift"], cluster(found, "a")["compared"]) == (["x: f is 1, wanted 2"], True)
    assert cluster(found, "b")["health"] == "troubled"
    assert found["verdict"] == "error"


def test_what_is_of_no_member_is_told_by_the_slice_that_has_the_host() -> None:
    with_host = part("with-host", seen("a"), at=FIRST, plans={"host": drift.planned([])})
    with_host["drift"] = ["gone: leftovers of it are there"]
    without = part("without", seen("b"), at=SECOND)
    assert merged([with_host, without], LAST)["drift"] == ["gone: leftovers of it are there"]
    assert merged([without], LAST)["drift"] == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"uid": "1"}, {"uid": "2"}, ["a: its UID is 1 in one", "2 in two", "which is taken"]),
        ({"connection": "direct"}, {"connection": "agent"}, ["a: its connection is direct in one", "agent in two"]),
        ({}, {"problem": "502", "problems": ["502"]}, ["a: works in one", "does not work in two"]),
    ],
)
def test_contradictions_are_named(before: Data, after: Data, words: list[str]) -> None:
    parts = [part("one", seen("a", **before), at=FIRST), part("two", seen("a", **after), at=SECOND)]
    [told] = merged(parts, LAST)["conflicts"]
    assert all(word in told for word in words)


def test_what_a_run_has_mended_is_no_contradiction() -> None:
    parts = [
        part("one", seen("a", problem="502", problems=["502"]), at=FIRST, missing=("b",)),
        part("two", seen("a"), seen("b"), at=SECOND),
    ]
    assert merged(parts, LAST)["conflicts"] == []


def test_two_runs_of_one_member() -> None:
    failed = done({"import": {"a": 600.0}}, (), {"a": "it took too long"})
    parts = [
        part("one", at=FIRST, missing=("a",), told=failed),
        part("two", seen("a"), at=SECOND, told=done({"import": {"a": 2.0}}, ("a",))),
    ]
    found = merged(parts, LAST)
    assert found["conflicts"] == ["a: failed in one, done in two; the last run counts"]
    assert cluster(found, "a")["outcome"]["text"] == "imported"
    assert found["durations"]["phases"]["import"]["failed"] == 0


def test_parts_of_different_hosts() -> None:
    other = part("two", seen("a"), at=SECOND)
    other["host"] = "paris"
    [told] = merged([part("one", seen("a"), at=FIRST), other], LAST)["conflicts"]
    assert told.startswith("the parts are of different hosts")
    assert "host (uid-host): one; paris (uid-host): two" in told


def test_a_part_whose_host_was_not_seen_takes_nothing_away() -> None:
    blind = part("two", seen("a"), at=SECOND)
    for each in blind["clusters"]:
        each.update(seen=None, known=None, health="unknown")
    found = merged([part("one", seen("a"), at=FIRST), blind], LAST)
    assert cluster(found, "a")["health"] == "works"


@given(st.permutations(range(3)))
def test_the_order_of_the_parts_makes_no_difference(order: list[int]) -> None:
    parts = [
        part(str(number), seen("a", nodes=number), at=at, missing=("b",) if number else ())
        for number, at in enumerate((FIRST, SECOND, LAST))
    ]
    assert merged([parts[number] for number in order], LAST) == merged(parts, LAST)


def test_parts_can_be_put_together_in_steps() -> None:
    parts = [part(at, seen("a", nodes=number), at=at) for number, at in enumerate((FIRST, SECOND, LAST))]
    step = merged([merged(parts[:2], LAST), parts[2]], LAST)
    whole = merged(parts, LAST)
    assert {key: step[key] for key in ("clusters", "totals", "runs")} == {
        key: whole[key] for key in ("clusters", "totals", "runs")
    }


# What is no report

SOUND = json.loads(json.dumps(large(5)))


def spoilt(change: Callable[[Data], Any]) -> Data:
    found: Data = copy.deepcopy(SOUND)
    change(found)
    return found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("[]", "no schema"),
        ("{}", "no schema"),
        ('{"schema": 2}', "its schema is 2, and this version reads 1"),
        ('{"schema": true}', "its schema is true"),
        ('{"schema": 1}', "the report has no written, host"),
        ("[" * 100_000, "nested too deeply"),
        ('{"schema": NaN}', "NaN is no number"),
        ('{"schema": 1' + "0" * 5000 + "}", "no JSON|too large"),
    ],
)
def test_a_file_that_is_no_report(text: str, message: str) -> None:
    with pytest.raises(report_shape.Unfit, match=message):
        report_shape.parsed(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it.update(written="yesterday"), r'the report\.written is "yesterday", not a time'),
        (lambda it: it.update(clusters={}), "clusters is a mapping of 0, not a list"),
        (lambda it: it["clusters"][1].update(health="<b>"), r"clusters\[1\]\.health is .*, not one of works"),
        (lambda it: it["clusters"][1].update(health=["works"]), "a list of 1, not one of"),
        (lambda it: it["clusters"][1].update(nodes=10**400), "a number that is too large|10{10}"),
        (lambda it: it["clusters"][1].update(nodes=True), "nodes is true"),
        (lambda it: it["clusters"][1].update(name=7), "name is 7, not a text"),
        (lambda it: it["clusters"][1].pop("outcome"), r"clusters\[1\] has no outcome"),
        (lambda it: it["clusters"][1]["outcome"].update(steps=["format"]), "steps.0. is .format."),
        (lambda it: it["clusters"][1].update(seconds={"import": -1}), "seconds.import is -1, not a number of seconds"),
        (lambda it: it["clusters"][1].update(seconds={"import": float("inf")}), "not a number of seconds"),
        (lambda it: it["clusters"].append(it["clusters"][1]), "twice"),
        (lambda it: it.update(problems=["x"] * 20_001), "a list of 20001, not a list of up to 20000"),
        (lambda it: it["clusters"][1].update(labels=[1]), "labels is a list of 1, not a mapping"),
    ],
)
def test_a_report_that_is_not_as_it_should_be(change: Callable[[Data], Any], message: str) -> None:
    with pytest.raises(report_shape.Unfit, match=message):
        report_shape.checked(spoilt(change))


def test_what_is_not_known_is_left_out() -> None:
    found = report_shape.checked(spoilt(lambda it: (it.update(new=1), it["clusters"][0].update(script="x"))))
    assert "new" not in found
    assert "script" not in found["clusters"][0]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_whatever_stands_in_a_field_it_is_taken_or_refused(value: Any) -> None:
    for field in SOUND["clusters"][1]:
        found = copy.deepcopy(SOUND)
        found["clusters"][1][field] = value
        try:
            taken = report_shape.checked(found)
        except report_shape.Unfit:
            continue
        json.dumps(taken, allow_nan=False).encode()
