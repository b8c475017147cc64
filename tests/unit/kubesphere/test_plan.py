# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what a run over the whole fleet would do, or has done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.plan import lines, of, summary
from hypothesis import given
from hypothesis import strategies as st

RUNS = json.loads(Path(__file__).with_name("runs.json").read_text())
"""What modules returned on real clusters, shortened: an agent's first import, a second run, and a renewal."""

FLEET = ["host", "member-1"]

CONFIGURATION = "ClusterConfiguration kubesphere-system/ks-installer on a"


def written(verb: str, title: str, reason: str, before: Any = None, after: Any = None) -> dict[str, Any]:
    """A result with one write."""
    before, after = before or {}, after if after is not None else {"kind": title}
    diff = {"before_header": title, "after_header": title, "before": before, "after": after}
    module = "member" if title != CONFIGURATION else "cluster_configuration"
    return {"changed": True, "module": module, "actions": [f"{verb} {title}: {reason}"], "diff": [diff]}


def imported(name: str) -> dict[str, Any]:
    return written("create", f"Cluster {name} on host", "import it")


def connected(**connection: Any) -> dict[str, Any]:
    return {"kind": "Cluster", "spec": {"connection": connection}}


def what(result: dict[str, Any]) -> str:
    """What a step with this result is called."""
    [step] = of({"import": {"a": result}}, ["a"])["changes"]["a"]
    return str(step["what"])


# One plan, and the run that follows it


@pytest.mark.parametrize("road", ["first", "renewal"])
def test_a_run_has_the_changes_of_its_plan(road: str) -> None:
    plan, run = (of(RUNS[road][each], FLEET) for each in ("plan", "run"))
    assert plan["changes"] == run["changes"]
    assert plan["changes"]
    assert plan["counts"] == run["counts"]


def test_a_plan_of_a_first_run() -> None:
    found = of(RUNS["first"]["plan"], FLEET)
    assert lines(found, planned=True) == [
        "host:",
        "  install: create 7 objects on host: install v3.4.1",
        "  not known yet: host: KubeSphere is not installed yet; the run will find the proxy address.",
        "member-1:",
        "  install: create 7 objects on member-1: install v3.4.1",
        "  import: create Cluster member-1 on host: import it",
        "  import: create Deployment kubesphere-system/cluster-agent on member-1: connect it to the host",
        "  not known yet: host: KubeSphere is not installed yet; the run will check whether member-1 can be imported.",
        "  not known yet: member-1: the host's proxy address is not known before KubeSphere is installed there.",
        "",
        "Plan: 2 to install, 1 to import.",
    ]
    assert found["warnings"] == {}
    assert [len(found["unknown"][name]) for name in FLEET] == [1, 2]


def test_a_renewal_as_data() -> None:
    [step] = of(RUNS["renewal"]["run"], FLEET)["changes"]["member-1"]
    assert step["what"] == "renew"
    assert step["writes"][0] == {
        "object": "Cluster member-1 on host",
        "action": "patch Cluster member-1 on host: its credential is to be renewed",
        "reason": "its credential is to be renewed",
        "fields": ['spec.connection.kubeconfig is "*** (before)", wanted "*** (after)"'],
    }
    assert [each["reason"] for each in step["writes"][1:]] == ["its credential is to be renewed"] * 2 + [
        "it has been replaced"
    ]


def test_a_run_without_changes() -> None:
    found = of(RUNS["second"]["run"], FLEET)
    assert lines(found, planned=False) == ["Done: nothing was to be done, 2 as they should be."]
    assert lines(found, planned=True) == ["Plan: nothing to do, 2 as they should be."]
    assert (found["clusters"], found["changes"]) == ([], {})


# What a step is


CHANGED = written("patch", CONFIGURATION, "change devops.enabled", {"spec": {}}, {"spec": {"devops": {}}})


@pytest.mark.parametrize(
    ("result", "called"),
    [
        ({**written("create", CONFIGURATION, "install v3.4.1")}, "install"),
        ({**CHANGED, "upgraded_from": None}, "configure"),
        ({**CHANGED, "upgraded_from": "v3.3.2"}, "upgrade"),
        ({**CHANGED, "module": "proxy_address"}, "configure"),
        (imported("a"), "import"),
        (
            written("patch", "Cluster a on host", "-", connected(type="direct"), connected(type="proxy")),
            "switch",
        ),
        (
            written("patch", "Cluster a on host", "-", connected(kubeconfig="1"), connected(kubeconfig="2")),
            "renew",
        ),
        (written("patch", "Cluster a on host", "-", {"metadata": {"x": 1}}, {"metadata": {"x": 2}}), "change"),
        (written("patch", "Deployment x/agent on a", "-", {"spec": 1}, {"spec": 2}), "change"),
        (
            {**written("delete", "Cluster a on host", "unbind it", {"kind": "Cluster"}, {}), "member_cleaned": True},
            "unbind",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_steps_have_names(result: dict[str, Any], called: str) -> None:
    assert what(result) == called


# What stops it


def test_whoever_has_problems_counts_there_only() -> None:
    phases: dict[str, dict[str, dict[str, Any]]] = {
        "preflight": {"a": {"problems": ["no StorageClass"]}, "b": {"problems": []}, "c": {"problems": []}},
        "install": {"b": CHANGED, "c": {"changed": False}},
        "import": {"b": {"failed": True, "msg": "its jwtSecret differs"}, "c": {"changed": False}},
    }
    found = of(phases, ["a", "b", "c"])
    assert found["problems"] == {"a": ["no StorageClass"], "b": ["its jwtSecret differs"]}
    assert list(found["changes"]) == ["b"]
    assert {key: number for key, number in found["counts"].items() if number} == {"unchanged": 1, "problems": 2}
    assert summary(found, planned=True) == "Plan: nothing to do, 1 as they should be; 2 cannot: a, b."
    assert summary(found, planned=False).endswith("; 2 failed: a, b.")
    assert "  cannot: no StorageClass" in lines(found, planned=True)
    assert "  failed: its jwtSecret differs" in lines(found, planned=False)


def test_problems_between_clusters_are_told() -> None:
    same = {"name": "x", "cluster_role": "member", "uid": "1"}
    found = of({"preflight": {name: {"cluster": {**same, "name": name}, "problems": []} for name in "ab"}}, "ab")
    assert all("same cluster" in found["problems"][name][0] for name in "ab")


def test_the_verdict_of_the_preflight_does_not_repeat_its_problems() -> None:
    seen = {"cluster": {"name": "a"}, "problems": ["no StorageClass"]}
    judged = {**seen, "failed": True, "msg": "Nothing was written. 1 problem found:\n- a: no StorageClass"}
    refused = {"failed": True, "msg": "kubesphere_release is none"}
    found = of({"preflight": {"a": judged, "b": refused}}, "ab")
    assert found["problems"] == {"a": ["no StorageClass"], "b": ["kubesphere_release is none"]}


def test_clusters_of_later_waves_were_not_begun() -> None:
    phases = {"preflight": {name: {"problems": []} for name in "abcdef"}, "import": {"a": imported("a")}}
    found = of(phases, "abcdefg")
    assert found["not_begun"] == list("bcdefg")
    assert summary(found, planned=False) == "Done: 1 imported; 6 not begun: b, c, d … g."


def test_whoever_was_skipped_was_begun() -> None:
    found = of({"preflight": {"a": {}}, "import": {"a": {"skipped": True}}}, "a")
    assert found["not_begun"] == []
    assert found["counts"]["unchanged"] == 1


def test_a_warning_that_comes_with_each_phase_is_told_once() -> None:
    warned = {"warnings": ["a: not verified", "a: later"], "unknown": ["a: later"]}
    found = of({"install": {"a": warned}, "import": {"a": warned}}, "a")
    assert (found["warnings"], found["unknown"]) == ({"a": ["a: not verified"]}, {"a": ["a: later"]})


# For people


def test_differences_are_for_the_plan() -> None:
    before, after = ({"spec": {f"k{i}": value for i in range(10)}} for value in (1, 2))
    found = of({"import": {"a": written("patch", "Cluster a on host", "the inventory says so", before, after)}}, "a")
    planned = lines(found, planned=True)
    assert planned[1] == "  change: patch Cluster a on host: the inventory says so"
    assert planned[2] == "    spec.k0 is 1, wanted 2"
    assert planned[10] == "    and 2 more"
    assert lines(found, planned=False) == ["a:", planned[1], "", "Done: 1 changed."]


@pytest.mark.parametrize(("fields", "told"), [(8, 8), (9, 9)])
def test_differences_that_fit_are_all_told(fields: int, told: int) -> None:
    before, after = ({"spec": {f"k{i}": value for i in range(fields)}} for value in (1, 2))
    found = of({"import": {"a": written("patch", "Cluster a on host", "the inventory says so", before, after)}}, "a")
    assert sum(line.startswith("    ") for line in lines(found, planned=True)) == told


@pytest.mark.parametrize(("count", "told"), [(3, 3), (4, 1)])
def test_many_writes_for_one_reason_are_counted(count: int, told: int) -> None:
    writes = [written("create", f"Secret {number} on a", "it is missing") for number in range(count)]
    result = {**writes[0], **{key: [each[key][0] for each in writes] for key in ("actions", "diff")}}
    block = [line for line in lines(of({"import": {"a": result}}, "a"), planned=False) if line.startswith("  ")]
    assert len(block) == told
    assert any("create 4 objects on a: it is missing" in line for line in block) is (told == 1)


def test_many_clusters_with_the_same_lines_are_told_once() -> None:
    names = [f"m-{number}" for number in range(1, 12)]
    results = {name: imported(name) for name in names} | {"m-5": {"failed": True, "msg": "down"}}
    found = of({"import": results}, ["host", *names])
    assert lines(found, planned=True) == [
        "m-1, m-2, m-3 … m-11 (10 clusters, each with its own <name>):",
        "  import: create Cluster <name> on host: import it",
        "m-5:",
        "  cannot: down",
        "",
        "Plan: 10 to import; 1 cannot: m-5; 1 not begun: host.",
    ]


def test_a_name_within_another_one_stays() -> None:
    names = [f"m-{number}" for number in range(1, 5)]
    results = {name: written("create", f"Cluster {name} on m-1-host.m-1.example", "import it") for name in names}
    told = lines(of({"import": results}, names), planned=True)
    assert told[1] == "  import: create Cluster <name> on m-1-host.m-1.example: import it"


@given(st.lists(st.sampled_from(["unchanged", "import", "fail", "missing", "configure"]), max_size=40))
def test_nobody_is_lost(kinds: list[str]) -> None:
    names = [f"m{number}" for number in range(len(kinds))]
    made: dict[str, Callable[[str], dict[str, Any]]] = {
        "unchanged": lambda _: {"changed": False},
        "import": imported,
        "fail": lambda _: {"failed": True, "msg": "down"},
        "configure": lambda _: CHANGED,
    }
    results = {name: made[kind](name) for name, kind in zip(names, kinds) if kind != "missing"}
    found = of({"preflight": {name: {} for name in names}, "import": results}, names)
    assert sum(found["counts"].values()) == len(kinds)
    assert found["clusters"] == [name for name, kind in zip(names, kinds) if kind != "unchanged"]
    for planned in (True, False):
        told = lines(found, planned)
        assert told[-1] == summary(found, planned)
        assert sum(line.count(" clusters, ") or line.endswith(":") for line in told) <= len(found["clusters"])


def test_a_thousand_clusters_take_no_time() -> None:
    names = [f"member-{number:04}" for number in range(1000)]
    phases = {
        "preflight": {name: {"problems": [], "cluster": {"name": name, "uid": name}} for name in names},
        "install": dict.fromkeys(names, RUNS["first"]["plan"]["install"]["member-1"]),
        "import": {name: imported(name) for name in names},
    }
    began = time.process_time()
    found = of(phases, names)
    told = lines(found, planned=True)
    assert time.process_time() - began < 2
    assert told[-1] == "Plan: 1000 to install, 1000 to import."


def test_it_is_plain_data() -> None:
    found = of(RUNS["first"]["plan"], FLEET)
    assert json.loads(json.dumps(found)) == found
