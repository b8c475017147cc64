# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what a run has come to, as data."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import plan, results

PHASES: dict[str, dict[str, dict[str, Any]]] = {
    "preflight": {
        "host": {"seconds": 0.5},
        "a": {"seconds": 0.25},
        "b": {"seconds": 1.0, "failed": True, "msg": "Nothing was written.\nIt is away.", "problems": ["away"]},
    },
    "install": {"host": {"seconds": 0.125}},
    "import": {
        "a": {
            "seconds": 2,
            "changed": True,
            "module": "member",
            "actions": ["create Cluster a on host: import it"],
            "diff": [{"before": {}, "after": {"kind": "Cluster"}, "after_header": "Cluster a on host"}],
            "warnings": ["a: its kubeconfig ends soon"],
        },
    },
}


def told(phases: Any = None, names: tuple[str, ...] = ("host", "a", "b", "c"), planned: bool = False) -> dict[str, Any]:
    found = plan.of(PHASES if phases is None else phases, names)
    return {"planned": planned, "summary": plan.summary(found, planned), **found}


def of_run(planned: bool = False) -> dict[str, Any]:
    return results.of_run(PHASES, told(planned=planned), planned)


def test_a_suite_for_each_phase_and_a_case_for_each_cluster() -> None:
    found = of_run()
    suites = {suite["name"]: {case["cluster"]: case for case in suite["cases"]} for suite in found["suites"]}
    assert {name: list(cases) for name, cases in suites.items()} == {
        "preflight": ["host", "a", "b"],
        "install": ["host"],
        "import": ["a"],
        "not begun": ["c"],
    }
    assert suites["preflight"]["b"] == {
        "cluster": "b",
        "result": "failed",
        "changed": False,
        "seconds": 1.0,
        "error": "Failed",
        "message": "Nothing was written.\nIt is away.",
        "output": [],
    }
    assert suites["import"]["a"]["output"] == [
        "create Cluster a on host: import it",
        "warning: a: its kubeconfig ends soon",
    ]
    assert suites["not begun"]["c"]["result"] == "skipped"


@pytest.mark.parametrize(("planned", "kind"), [(False, "run"), (True, "plan")])
def test_what_a_gate_looks_at(planned: bool, kind: str) -> None:
    found = of_run(planned)
    assert (found["format"], found["kind"]) == (1, kind)
    assert (found["failed"], found["changed"], found["not_begun"]) == (["b"], ["a"], ["c"])
    assert found["summary"] == plan.summary(told(), planned)
    assert json.loads(json.dumps(found)) == found


def test_in_short() -> None:
    found = results.brief(told(planned=True), "/runner/report")
    assert found == {
        "planned": True,
        "summary": told(planned=True)["summary"],
        "changed": True,
        "counts": told()["counts"],
        "failed": ["b"],
        "not_begun": ["c"],
        "report": "/runner/report",
    }
    assert results.brief(told({}, ()))["changed"] is False


STATUS = {
    "verdict": "error",
    "problems": [{"cluster": "a", "text": "it is away"}, {"cluster": "a", "text": "for long"}],
    "drift": [{"cluster": "stranger", "text": "the inventory does not know it"}],
    "unplanned": ["b"],
}


@pytest.mark.parametrize(
    ("fail_on", "failed"), [("never", []), ("error", ["a"]), ("drift", ["a", "stranger"]), ("misspelt", [])]
)
def test_a_status_fails_as_its_policy_says(fail_on: str, failed: list[str]) -> None:
    found = results.of_status(STATUS, ["host", "a", "b"], fail_on)
    assert (found["kind"], found["summary"], found["failed"]) == ("status", "Status: error.", failed)
    works, drift = ({case["cluster"]: case for case in suite["cases"]} for suite in found["suites"])
    assert list(works) == list(drift) == ["host", "a", "b", "stranger"]
    assert drift["b"]["result"] == "skipped"
    told_of_a = works["a"]["message"] or "\n".join(works["a"]["output"])
    assert told_of_a == "it is away\nfor long"
