"""The examples of pipelines: what their readers take, and what the collection knows."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.check.command import environment, tool
from tests.prepare import ROOT

EXAMPLES = ROOT / "docs" / "examples" / "pipelines"
PIPELINES = [*sorted(EXAMPLES.glob("*.yml")), EXAMPLES / "tekton" / "task.yml"]  # its pipeline calls the task
SCHEMAS = {
    "github-actions.yml": "vendor.github-workflows",
    "gitlab-ci.yml": "vendor.gitlab-ci",
    "border.gitlab-ci.yml": "vendor.gitlab-ci",
}


def schema_problems(path: Path, schema: str) -> str:
    command = [tool("check-jsonschema"), "--builtin-schema", schema, path]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env=environment(), check=False, timeout=60
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_they_keep_to_their_schema(name: str, schema: str) -> None:
    assert schema_problems(EXAMPLES / name, schema) == ""


@pytest.mark.parametrize(("name", "schema"), SCHEMAS.items())
def test_what_breaks_a_schema_is_found(tmp_path: Path, name: str, schema: str) -> None:
    broken = tmp_path / name
    broken.write_text(re.sub(r"\b(steps|script):", "skript:", (EXAMPLES / name).read_text()))
    assert schema_problems(broken, schema) != ""


# Tekton has no schema of its own: the parts of its types that the example uses, restated.

STEP = {"name", "image", "script", "onError"}
TASK = {"description", "params", "workspaces", "results", "stepTemplate", "steps"}
PIPELINE = {"params", "workspaces", "results", "tasks"}
PIPELINE_TASK = {"name", "taskRef", "params", "workspaces", "runAfter", "timeout"}
REFERENCE = re.compile(r"\$\((params|workspaces|results|tasks|steps)\.([\w-]+)\.?([\w-]*)\.?([\w-]*)")


def names(items: Any) -> set[str]:
    found = [item["name"] for item in items or []]
    assert len(found) == len(set(found))
    return set(found)


def tekton_problems(documents: list[dict[str, Any]]) -> Iterator[str]:
    tasks = {each["metadata"]["name"]: each["spec"] for each in documents if each["kind"] == "Task"}
    for document in documents:
        if document["apiVersion"] != "tekton.dev/v1" or document.keys() != {"apiVersion", "kind", "metadata", "spec"}:
            yield f"{document['kind']}: its head"
        spec, allowed = document["spec"], TASK if document["kind"] == "Task" else PIPELINE
        yield from (f"{document['kind']} has {key}" for key in spec.keys() - allowed)
        known = {key: names(spec.get(key)) for key in ("params", "workspaces", "results", "tasks")}
        known["steps"] = {f"step-{name}" for name in names(spec.get("steps"))}
        for kind, name, *_more in REFERENCE.findall(yaml.safe_dump(spec, width=10**6)):
            if name not in known[kind]:
                yield f"there is no {name} among {kind}"
        for step in spec.get("steps") or []:
            yield from (f"a step has {key}" for key in step.keys() - STEP)
        for task in spec.get("tasks") or []:
            yield from (f"a task has {key}" for key in task.keys() - PIPELINE_TASK)
            yield from (f"it runs after {other}" for other in set(task.get("runAfter") or ()) - known["tasks"])
            called = tasks.get(task["taskRef"].get("name"))
            if called is not None:
                given = {key: names(task.get(key)) for key in ("params", "workspaces")}
                yield from (
                    f"{task['name']} takes no {each}" for key in given for each in given[key] - names(called[key])
                )
                needed = {each["name"] for each in called["params"] if "default" not in each}
                missing = (needed - given["params"]) | (names(called["workspaces"]) - given["workspaces"])
                yield from (f"{task['name']} is not given {each}" for each in missing)
            elif "resolver" not in task["taskRef"]:
                yield f"there is no Task {task['taskRef']}"


def tekton() -> str:
    return "".join(file.read_text() for file in sorted((EXAMPLES / "tekton").glob("*.yml")))


def test_tekton() -> None:
    assert list(tekton_problems(list(yaml.safe_load_all(tekton())))) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("$(params.mode)", "$(params.mood)"),
        ("onError", "onFailure"),
        ("workspace: credential", "workspace: credential\n        - name: more\n          workspace: source"),
        ("runAfter: [fetch]", "runAfter: [fetched]"),
        ("tekton.dev/v1", "tekton.dev/v1beta1"),
    ],
)
def test_what_tekton_would_refuse_is_found(before: str, after: str) -> None:
    assert before in tekton()
    assert list(tekton_problems(list(yaml.safe_load_all(tekton().replace(before, after)))))


# What they call


def scripts(value: Any) -> Iterator[str]:
    """Every script in a pipeline, as its shell gets it."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("script", "run") and isinstance(item, (str, list)):
                yield from [item] if isinstance(item, str) else item
            else:
                yield from scripts(item)
    elif isinstance(value, list):
        for item in value:
            yield from scripts(item)


def calls(path: Path) -> list[list[str]]:
    """The command lines of ansible-playbook in a pipeline."""
    found = []
    for document in yaml.safe_load_all(path.read_text()):
        for script in scripts(document):
            for line in script.replace("\\\n", " ").splitlines():
                _before, called, rest = line.partition("ansible-playbook ")
                if called:
                    found.append(shlex.split(rest.split(";;")[0]))
    return found


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_their_playbooks_and_variables_are_there(path: Path) -> None:
    specs = yaml.safe_load((ROOT / "roles/kubesphere/meta/argument_specs.yml").read_text())
    options = specs["argument_specs"]["cluster"]["options"]
    playbooks = {f"kubesphere.multicluster.{each.stem}" for each in (ROOT / "playbooks").glob("*.yml")}
    found = calls(path)
    assert found
    for arguments in found:
        assert playbooks & set(arguments), arguments
        given = [value.split("=")[0] for flag, value in zip(arguments, arguments[1:]) if flag == "-e"]
        assert set(given) <= options.keys(), arguments


def test_their_playbooks_can_be_read(tmp_path: Path) -> None:
    """Each command line as it stands, with the inventory beside the examples; nothing is run."""
    lines = {tuple(each) for path in PIPELINES for each in calls(path)}
    by_playbook = {next(part for part in line if part.startswith("kubesphere.multicluster.")): line for line in lines}
    assert len(by_playbook) >= 5
    for line in by_playbook.values():
        assert line[:2] == ("-i", "inventory")
        command = [str(tool("ansible-playbook")), "-i", str(EXAMPLES / "inventory"), *line[2:], "--syntax-check"]
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment(), cwd=tmp_path, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_their_inventory_names_the_clusters() -> None:
    inventory = yaml.safe_load((EXAMPLES / "inventory" / "fleet.yml").read_text())
    known = {*inventory["kubesphere_host"]["hosts"], *inventory["kubesphere_members"]["hosts"]}
    limits = [
        name
        for path in PIPELINES
        for line in calls(path)
        for flag, value in zip(line, line[1:])
        if flag == "--limit"
        for name in value.split(",")
    ]
    assert limits
    assert set(limits) <= known


@pytest.mark.parametrize(
    ("playbook", "arguments", "status"),
    [
        ("kubesphere.multicluster.site", ["-i", "localhost,"], 2),  # refused: it lacks the groups
        ("kubesphere.multicluster.site", ["-i", "localhost,", "--nonsense"], 2),
        ("kubesphere.multicluster.nowhere", ["-i", "localhost,"], 1),
        ("kubesphere.multicluster.site", ["-i", "localhost,", "-e", "@missing.yml"], 1),
        ("broken.yml", ["-i", "localhost,"], 4),
    ],
)
def test_exit_status_of_what_is_not_run(tmp_path: Path, playbook: str, arguments: list[str], status: int) -> None:
    """As docs/pipelines.md says; the other statuses are those of runs, in test_runner.py."""
    (tmp_path / "broken.yml").write_text("- hosts: [\n")
    command = [str(tool("ansible-playbook")), playbook, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), cwd=tmp_path, check=False, timeout=60
    )
    assert done.returncode == status, done.stdout + done.stderr
