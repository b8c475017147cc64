"""Modules and plugins say of themselves what a reader needs, and show what they really return."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plugin_docs import (
    documentation,
    documented_files,
    result_problems,
    returned_by,
    sample_problems,
    task_problems,
)
from tests.prepare import ROOT

COLLECTION = "kubesphere.multicluster"

every_file = pytest.mark.parametrize("file", documented_files(), ids=lambda file: f"{file.parent.name}/{file.stem}")


def version() -> tuple[int, ...]:
    return numbers(yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"])


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


@every_file
def test_the_blocks_are_there(file: Path) -> None:
    found = documentation(file)
    said = found["DOCUMENTATION"]
    assert said["short_description"] and said["description"] and said["author"]
    assert (1, 0, 0) <= numbers(str(said["version_added"])) <= version()
    assert said.get("seealso"), "name the neighbours"
    assert found["EXAMPLES"] or file.parent.name == "callback"
    assert found["RETURN"] or file.parent.name in ("callback", "inventory")


@every_file
def test_samples_are_of_the_documented_type(file: Path) -> None:
    assert list(sample_problems(documentation(file)["RETURN"])) == []


@every_file
def test_neighbours_are_there(file: Path) -> None:
    for each in documentation(file)["DOCUMENTATION"]["seealso"]:
        name = each.get("module") or each.get("plugin")
        if name and name.startswith(f"{COLLECTION}."):
            folder = "modules" if "module" in each else each["plugin_type"]
            stem = name.rpartition(".")[2]
            assert list((ROOT / "plugins" / folder).glob(f"{stem}.*")), f"{file.stem}: there is no {name}"


def filters() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for file in (ROOT / "plugins" / "filter").glob("*.py"):
        module = importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.filter.{file.stem}")
        if hasattr(module, "FilterModule"):
            found |= module.FilterModule().filters()
    return found


def test_every_filter_is_documented_and_nothing_else() -> None:
    assert {file.stem for file in (ROOT / "plugins" / "filter").glob("*.yml")} == set(filters())


@pytest.mark.parametrize("name", sorted(filters()))
def test_options_of_a_filter_are_its_parameters(name: str) -> None:
    parameters = list(inspect.signature(filters()[name]).parameters.values())[1:]
    said = documentation(ROOT / "plugins" / "filter" / f"{name}.yml")["DOCUMENTATION"]
    assert list(said["options"]) == ["_input", *(each.name for each in parameters)]
    assert (said.get("positional") or "").replace(",", " ").split() == [each.name for each in parameters]
    for each in parameters:
        optional = each.default is not inspect.Parameter.empty
        assert said["options"][each.name].get("required", False) is not optional


def test_what_is_wrong_with_a_sample() -> None:
    returned = {
        "a": {"description": "A.", "type": "str", "returned": "always", "sample": 1},
        "b": {"description": "B.", "type": "list", "elements": "dict", "returned": "always", "contains": {"c": {}}},
        "d": {"description": "D.", "type": "int", "returned": "always", "sample": True},
        "e": {"description": "E.", "type": "list", "elements": "str", "returned": "always", "sample": [1]},
    }
    assert [problem.partition(" ")[0] for problem in sample_problems(returned)] == ["a", "b.c", "b.c", "d", "e"]


def test_what_is_wrong_with_a_result() -> None:
    returned = {
        "a": {"description": "A; none without one.", "type": "str", "returned": "always"},
        "b": {"description": "B.", "type": "int", "returned": "success"},
        "c": {"description": "C.", "type": "int", "returned": "sometimes"},
        "d": {"description": "D.", "type": "list", "returned": "always", "contains": {"e": {"returned": "always"}}},
    }
    good = {"changed": True, "a": None, "b": 1, "d": [{"e": 1}]}
    assert list(result_problems(good, returned, {"changed"})) == []
    bad = {"changed": True, "a": 1, "b": None, "x": 1, "d": [{"f": 1}]}
    assert [problem.partition(" ")[0] for problem in result_problems(bad, returned, {"changed"})] == [
        "x",
        "a",
        "b",
        "d.f",
        "d.e",
    ]


def test_conditions_that_a_result_has_to_meet() -> None:
    returned = {
        name: {"description": name, "type": "str", "returned": when}
        for name, when in {"a": "always", "s": "success", "w": "when something is written", "e": "on failure"}.items()
    }
    known = {"changed", "failed"}

    def problems(**result: Any) -> str:
        return " ".join(each.partition(" ")[0] for each in result_problems(result, returned, known))

    assert problems() == "a s"
    assert problems(a="", s="") == problems(a="", s="", w="", changed=True) == ""
    assert problems(a="", s="", changed=True) == "w"
    assert problems(a="", s="", e="") == "e"
    assert problems(failed=True) == "a"
    assert problems(failed=True, a="", e="") == ""


WRITTEN = {"changed": False, "junit": "a.xml", "json": "a.json"}
SEEN = {"release": "v3.4.1", "cluster_role": "member", "finished": True, "upgraded_from": None, "changed": False}


def fleet_of(result: dict[str, Any]) -> dict[str, Any]:
    noted = {**result, "phase": "install", "module": "cluster_configuration", "seconds": 0.1}
    lists: dict[str, list[str]] = {"changed_clusters": [], "failed_clusters": []}
    return {"changed": False, "ended": 1.0, "clusters": {"member-1": noted}, **lists}


@pytest.mark.parametrize(
    ("action", "result"),
    [
        ("results", WRITTEN),
        ("results", {"failed": True, "msg": "m", "error": "KubeError", "exception": "e"}),
        (
            "results",
            {"failed_when_result": False, "failed_when_suppressed_exception": "e", "msg": "m", "error": "KubeError"},
        ),
        (
            "results",
            {
                "results": [
                    {**WRITTEN, "each": 1, "ansible_loop_var": "each", "_ansible_no_log": None},
                    {"skipped": True},
                ]
            },
        ),
        ("results", {"changed": False, "skip_reason": "Conditional result was False", "false_condition": "a"}),
        ("results", {"changed": False, "results": [], "skipped_reason": "No items in the list"}),
        ("results", {"censored": "the output has been hidden"}),
        ("results", {"unreachable": True, "msg": "m", "changed": False}),
        ("fleet", fleet_of(SEEN)),
        ("fleet", {**fleet_of(SEEN), **SEEN, "seconds": 0.1}),
        ("fleet", {**fleet_of(SEEN), "registers": {"install_fleet": fleet_of(SEEN)}}),
    ],
)
def test_a_task_that_returns_what_its_module_documents(action: str, result: dict[str, Any]) -> None:
    assert task_problems(f"{COLLECTION}.{action}", result, failed=False) == []


@pytest.mark.parametrize(
    ("action", "result", "problem"),
    [
        ("results", {**WRITTEN, "more": 1}, "results: more is not documented"),
        ("results", {"junit": "a.xml"}, "results: json is documented as returned: success, and is missing"),
        ("results", {"failed": True, "more": 1}, "results: more is not documented"),
        ("results", {"results": [WRITTEN, {**WRITTEN, "more": 1}]}, "results: more is not documented"),
        ("fleet", {**fleet_of(SEEN), "more": 1}, "fleet: more is not documented"),
        ("fleet", {**fleet_of(SEEN), **SEEN, "seconds": 0.1, "more": 1}, "fleet: more is not documented"),
        ("fleet", fleet_of({**SEEN, "more": 1}), "cluster_configuration: more is not documented"),
        (
            "fleet",
            {**fleet_of(SEEN), "registers": {"a": fleet_of({**SEEN, "more": 1})}},
            "cluster_configuration: more is not documented",
        ),
    ],
)
def test_a_task_that_returns_something_else(action: str, result: dict[str, Any], problem: str) -> None:
    assert task_problems(f"{COLLECTION}.{action}", result, failed=False) == [problem]


def test_tasks_of_others_are_not_looked_at() -> None:
    assert task_problems("ansible.builtin.debug", {"more": 1}, failed=False) == []


def test_a_failure_that_its_result_does_not_tell() -> None:
    result = {"msg": "m", "error": "KubeError"}
    assert task_problems(f"{COLLECTION}.metrics", result, failed=True) == []
    assert [each.split()[1] for each in task_problems(f"{COLLECTION}.metrics", result, failed=False)] == [
        "path",
        "error",
    ]


def test_the_blocks_of_a_module_are_read() -> None:
    assert returned_by("member")["uid"]["type"] == "str"
