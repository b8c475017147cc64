"""Where a run is cut, by the proxy's count; and that a difference of what is left is one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.torture.killed import Cut, Plan, plans, sample
from tests.torture.proxy import Answer, HangUp, Request
from tests.torture.results import Case, Results, table
from tests.torture.scenarios import SCENARIOS
from tests.torture.state import difference


class Victim:
    """A run that counts how often it was killed."""

    killed = 0

    def kill(self) -> None:
        self.killed += 1


def request(method: str, cluster: str = "host") -> Request:
    return Request(cluster, method, "/api/v1/namespaces")


def aimed(plan: Plan) -> tuple[Cut, Victim]:
    cut, victim = Cut(plan), Victim()
    cut.aim(victim)  # type: ignore[arg-type]
    return cut, victim


def test_cut_before_delivery() -> None:
    cut, victim = aimed(Plan(write=2))
    for each in (request("GET"), request("POST"), request("GET", "member-1")):
        assert cut.before(each) is None
        cut.after(each, Answer(200))
    assert victim.killed == 0
    with pytest.raises(HangUp):
        cut.before(request("PATCH", "member-1"))
    assert (victim.killed, cut.struck) == (1, "PATCH /api/v1/namespaces on member-1")


def test_cut_after_delivery_and_nothing_passes_then() -> None:
    cut, victim = aimed(Plan(write=1, delivered=True))
    first, other = request("POST"), request("POST", "member-1")
    assert cut.before(first) is None
    assert cut.before(other) is None
    assert victim.killed == 0
    with pytest.raises(HangUp):
        cut.after(first, Answer(201))
    assert victim.killed == 1
    for late in (cut.before, lambda each: cut.after(each, Answer(200))):
        with pytest.raises(HangUp):
            late(other)
    assert victim.killed == 1


def test_run_that_nobody_kills_is_counted() -> None:
    cut, victim = aimed(Plan())
    for _dummy in range(3):
        cut.before(request("DELETE"))
    assert (len(cut.writes), victim.killed) == (3, 0)


def test_differences_are_told() -> None:
    assert difference({"a": 1}, {"a": 1}) == ""
    told = difference({"a": {"x": 1}, "b": 1}, {"a": {"x": 2}, "c": 3})
    assert "-x: 1" in told
    assert "+x: 2" in told
    assert "b is missing" in told
    assert "c is too much: 3" in told


def test_every_write_is_cut_twice_or_in_turns() -> None:
    wanted = {
        "both": [(1, False), (1, True), (2, False), (2, True), (3, False), (3, True)],
        "before": [(1, False), (2, True), (3, False)],
        "after": [(1, True), (2, False), (3, True)],
    }
    for cuts, expected in wanted.items():
        scenario = replace(SCENARIOS[0], cuts=cuts, at_random=2)
        drawn = plans(scenario, 3, 1)
        assert [(plan.write, plan.delivered) for plan in drawn[:-2]] == expected
        assert len({str(plan) for plan in drawn}) == len(drawn)
        assert drawn == plans(scenario, 3, 1)
        assert drawn != plans(scenario, 3, 2)
        assert len(sample(drawn, 3, 1)) == 3
        assert len(sample(drawn, 99, 1)) == len(drawn)


def test_results_can_be_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "build" / "torture.json"
    first, second = Case("site", "write 1", "POST", 1), Case("site", "write 2", "POST", 1, "it differs", ["a Job"])
    results = Results.of(file)
    for case in (first, second):
        results.add(case)
    results.finish("site")
    found = Results.of(file)
    assert (found.cases, found.complete) == ([first, second], ["site"])
    assert found.has("site", "write 2")
    assert not found.has("import", "write 2")
    found.add(Case("import", "write 1", "PATCH", 2))
    sums = {each["scenario"]: (each["cases"], each["good"]) for each in json.loads(file.read_text())["scenarios"]}
    assert sums == {"site": (2, 1), "import": (1, 1)}


def test_table_has_a_line_for_each_scenario_and_one_for_all() -> None:
    cases = [Case("site", "write 1", "POST", 1), Case("site", "write 2", "POST", 2, leftovers=["a Job"])]
    lines = table(cases).splitlines()
    assert [line.split() for line in lines[1:]] == [["site", "2", "1", "2", "1", "0"], ["all", "2", "1", "2", "1", "0"]]
    assert "FAILED" in str(cases[1])
    assert "a Job" in str(cases[1])
