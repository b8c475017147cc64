"""Each item of the data is what its module takes, and refers to what is there."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES

from tests import peers
from tests.integration.awx import rules
from tests.integration.awx.conftest import AWX, Data
from tests.prepare import ROOT

MODULES = {
    "aap_organizations": "organization",
    "controller_credential_types": "credential_type",
    "controller_credentials": "credential",
    "controller_execution_environments": "execution_environment",
    "controller_inventories": "inventory",
    "controller_inventory_sources": "inventory_source",
    "controller_notifications": "notification_template",
    "controller_projects": "project",
    "controller_schedules": "schedule",
    "controller_templates": "job_template",
    "controller_workflows": "workflow_job_template",
}
"""The lists that infra.aap_configuration knows, and the module of awx.awx that each goes to."""

SPEC = yaml.safe_load((ROOT / "roles" / "kubesphere" / "meta" / "argument_specs.yml").read_text())
VARIABLES: Data = SPEC["argument_specs"]["cluster"]["options"]
READS = {"preflight", "plan", "verify a plan", "status", "plan an upgrade", "plan an unbind"}


class _Asked(Exception):
    """A module's argument spec, caught on its way to AnsibleModule."""


def argument_spec(monkeypatch: pytest.MonkeyPatch, name: str) -> tuple[Any, Data]:
    """A module of awx.awx, and its real argument spec."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(peers.folder())])
    module = importlib.import_module(f"ansible_collections.awx.awx.plugins.modules.{name}")
    spec: Data = {}

    def caught(argument_spec: Data, **_kwargs: Any) -> None:
        spec.update(argument_spec)
        raise _Asked

    monkeypatch.setattr(module, "ControllerAPIModule", caught)
    with pytest.raises(_Asked):
        module.main()
    return module, spec


@pytest.mark.parametrize("kind", MODULES)
def test_items_are_arguments(monkeypatch: pytest.MonkeyPatch, data: Data, kind: str) -> None:
    _module, spec = argument_spec(monkeypatch, MODULES[kind])
    assert data[kind]
    for item in data[kind]:
        assert ArgumentSpecValidator(spec).validate(item).error_messages == [], item["name"]


def test_wrong_items_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    _module, spec = argument_spec(monkeypatch, "job_template")
    wrong = {"name": "a", "job_type": "plan", "surveys": {}}
    messages = " ".join(ArgumentSpecValidator(spec).validate(wrong).error_messages)
    assert "job_type" in messages
    assert "surveys" in messages


def test_nodes_of_workflows_are_documented_ones(monkeypatch: pytest.MonkeyPatch, data: Data) -> None:
    module, _spec = argument_spec(monkeypatch, "workflow_job_template")
    known = yaml.safe_load(module.DOCUMENTATION)["options"]["workflow_nodes"]["suboptions"]
    nodes = [node for workflow in data["controller_workflows"] for node in workflow["workflow_nodes"]]
    for node in nodes:
        assert node.keys() <= known.keys()
        for part in ("related", "unified_job_template"):
            assert node.get(part, {}).keys() <= known[part]["suboptions"].keys()


def test_all_lists_are_applied() -> None:
    [play] = yaml.safe_load((AWX / "configure.yml").read_text())
    applied = {task["loop"].strip("{} "): task.keys() for task in play["tasks"]}
    assert applied.keys() == MODULES.keys()
    assert all(f"awx.awx.{module}" in applied[kind] for kind, module in MODULES.items())


def named(data: Data, kind: str) -> dict[str, Data]:
    items = {item["name"]: item for item in data[kind]}
    assert len(items) == len(data[kind])
    return items


REFERENCES = {
    "credential": "controller_credentials",
    "credential_type": "controller_credential_types",
    "credentials": "controller_credentials",
    "default_environment": "controller_execution_environments",
    "execution_environment": "controller_execution_environments",
    "inventory": "controller_inventories",
    "notification_templates_approvals": "controller_notifications",
    "notification_templates_error": "controller_notifications",
    "notification_templates_started": "controller_notifications",
    "notification_templates_success": "controller_notifications",
    "organization": "aap_organizations",
    "project": "controller_projects",
    "source_project": "controller_projects",
    "unified_job_template": "controller_templates",
}


def test_what_is_referred_to_is_there(data: Data) -> None:
    seen: set[str] = set()
    for kind in MODULES:
        for item in data[kind]:
            for field, of in REFERENCES.items():
                wanted = item.get(field) or []
                names = [wanted] if isinstance(wanted, str) else wanted
                assert set(names) <= named(data, of).keys(), f"{item['name']}: {field}"
                seen.update({field} if names else ())
    assert seen == REFERENCES.keys()


def test_playbooks_and_inventories_are_in_the_project(data: Data) -> None:
    project = AWX / "project"
    playbooks = {template["playbook"] for template in data["controller_templates"]}
    assert playbooks == {f"playbooks/{file.name}" for file in (project / "playbooks").iterdir()}
    sources = {source["source_path"] for source in data["controller_inventory_sources"]}
    assert sources == {f"inventory/{file.name}" for file in (project / "inventory").iterdir()}
    for playbook in playbooks:
        imported = yaml.safe_load((project / playbook).read_text())[0]["ansible.builtin.import_playbook"]
        name = imported.removeprefix("kubesphere.multicluster.")
        assert (ROOT / "playbooks" / f"{name}.yml").exists()


def test_what_does_not_write_cannot(data: Data) -> None:
    """Jobs that only read are plans, or playbooks that never write; no job lets people change between plan and run."""
    for name, template in named(data, "controller_templates").items():
        reads = name.removeprefix("KubeSphere: ") in READS
        by_nature = template["playbook"] in ("playbooks/preflight.yml", "playbooks/status.yml")
        assert reads == (template["job_type"] == "check" or by_nature), name
        assert not template.get("ask_job_type_on_launch")


def test_slices_are_for_what_each_member_does_by_itself(data: Data) -> None:
    sliced = {name for name, each in named(data, "controller_templates").items() if "job_slice_count" in each}
    assert sliced == {f"KubeSphere: {name}" for name in ("preflight", "site", "install", "import", "renew")}


def test_each_slice_is_told_of_the_host(data: Data) -> None:
    """A slice without it has the variables of its group only."""
    written = yaml.safe_load((AWX / "project" / "inventory" / "hosts.yml").read_text())["kubesphere_host"]
    assert written["hosts"] == {data["awx_slice_host"]: {}}
    for template in data["controller_templates"]:
        told = {"kubesphere_slice_host": data["awx_slice_host"]} if "job_slice_count" in template else {}
        assert template.get("extra_vars", {}) == told
        assert told.keys() <= VARIABLES.keys()


# Surveys


def questions(data: Data) -> Iterator[Data]:
    for survey in data["awx_surveys"].values():
        yield from survey["spec"]


def test_surveys_are_what_awx_takes(data: Data) -> None:
    used = [each["survey_spec"] for kind in ("controller_templates", "controller_workflows") for each in data[kind]]
    assert all(survey in used for survey in data["awx_surveys"].values())
    assert [rules.survey_problems(survey) for survey in used] == [[]] * len(used)


def samples(question: Data) -> list[Any]:
    """Answers that AWX lets pass."""
    if "choices" in question:
        return list(question["choices"])
    if question["type"] == "integer":
        return [question["min"], question["max"]]
    return ["1", "10%"] if question["variable"] != "kubesphere_unbind" else ["bremen", "bremen\nberlin"]


TYPES = {"bool": "multiplechoice", "int": "integer", "str": "text", "raw": "text", "list": "textarea"}


def test_questions_are_documented_variables(data: Data) -> None:
    for question in questions(data):
        name = question["variable"]
        option = VARIABLES[name]
        choices = question.get("choices")
        assert question["type"] == ("multiplechoice" if choices else TYPES[option["type"]]), name
        known = ["true", "false"] if option["type"] == "bool" else option.get("choices", list(RELEASES)[::-1])
        assert choices in (None, known), name
        for answer in samples(question):
            assert list(rules.answer_problems(question, answer)) == []
            assert ArgumentSpecValidator({name: option}).validate({name: answer}).error_messages == []


def test_what_is_not_answered_is_as_the_inventory_says(data: Data) -> None:
    """AWX passes a default as if it were an answer, unless it would refuse it as one."""
    for question in questions(data):
        if question["variable"] == "kubesphere_release":  # which an upgrade has to be told
            assert question["required"]
            assert question["default"] == VARIABLES["kubesphere_release"]["default"] == list(RELEASES)[-1]
        else:
            assert not question["required"]
            assert question["default"] == ""
            assert list(rules.answer_problems(question, "")) != []


def test_what_a_question_says_is_the_default(data: Data) -> None:
    for question in questions(data):
        words = question["question_description"]
        if "if nothing else is said" in words:
            assert f"{VARIABLES[question['variable']]['default']} if nothing else" in words


# Workflows, schedules, notifications


def test_nodes_run_job_templates_that_take_what_they_are_given(data: Data) -> None:
    templates = named(data, "controller_templates")
    for workflow in data["controller_workflows"]:
        names = {node["identifier"] for node in workflow["workflow_nodes"]}
        for node in workflow["workflow_nodes"]:
            assert set(following(node)) <= names
            runs = node["unified_job_template"]
            if runs["type"] == "job_template":
                accepts(templates[runs["name"]], node.get("extra_data", {}))


def accepts(template: Data, given: Data) -> None:
    """A job template that does not ask for variables takes those of its survey only."""
    asked = {question["variable"]: question for question in template["survey_spec"]["spec"]}
    for name, value in given.items():
        assert list(rules.answer_problems(asked[name], value)) == []


def test_whatever_writes_in_a_workflow_waits_for_an_approval(data: Data) -> None:
    templates = named(data, "controller_templates")
    for workflow in data["controller_workflows"]:
        nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
        names = [nodes[name]["unified_job_template"]["name"] for name in path(nodes)]
        kinds = [nodes[name]["unified_job_template"]["type"] for name in path(nodes)]
        approval = kinds.index("workflow_approval")
        before, after = names[:approval], names[approval + 1 :]
        assert [templates[name]["job_type"] for name in before] == ["check"]
        planned, run = before[0], next(name for name in after if templates[name]["job_type"] == "run")
        assert templates[planned]["playbook"] == templates[run]["playbook"]
        assert templates[planned]["survey_spec"] == templates[run]["survey_spec"] == workflow["survey_spec"]


def test_whatever_was_written_is_looked_at(data: Data) -> None:
    """A workflow fails if something does not work at its end."""
    for workflow in data["controller_workflows"]:
        nodes = {node["identifier"]: node for node in workflow["workflow_nodes"]}
        last = nodes[path(nodes)[-1]]
        assert last["unified_job_template"]["name"] == "KubeSphere: status"
        assert last["extra_data"] == {"kubesphere_status_fail_on": "error"}


def following(node: Data) -> list[str]:
    """Identifiers of what a node leads to."""
    return [each["identifier"] for each in node.get("related", {}).get("success_nodes", [])]


def path(nodes: dict[str, Data]) -> list[str]:
    """The identifiers of a workflow's nodes from the first on; each has one way on, which is that it succeeded."""
    ways = {name: following(node) for name, node in nodes.items()}
    [first] = nodes.keys() - {name for each in ways.values() for name in each}
    found = [first]
    while ways[found[-1]]:
        [next_one] = ways[found[-1]]
        found.append(next_one)
    assert sorted(found) == sorted(nodes)
    return found


def test_schedules_recur(data: Data) -> None:
    templates = named(data, "controller_templates")
    for schedule in data["controller_schedules"]:
        assert rules.rrule_problems(schedule["rrule"]) == []
        accepts(templates[schedule["unified_job_template"]], schedule.get("extra_data", {}))
    assert {schedule["unified_job_template"] for schedule in data["controller_schedules"]} == {
        "KubeSphere: renew",
        "KubeSphere: status",
    }


def test_every_failure_is_told_of(data: Data) -> None:
    for item in (*data["controller_templates"], *data["controller_workflows"]):
        assert item["notification_templates_error"] == ["KubeSphere"], item["name"]
    assert all(workflow["notification_templates_approvals"] for workflow in data["controller_workflows"])


FOUND = {"problems": [{"text": 'a "quoted" word, {{ 7 * 6 }},\na line'}] + [{"text": "more"}] * 20}


@pytest.mark.parametrize(
    ("event", "artifacts", "said"),
    [
        ("started", None, "KubeSphere: plan has begun: https://awx.example.com/#/jobs/42"),
        ("success", {"kubesphere_run": {"summary": "Done: 3 imported."}}, "has ended. Done: 3 imported. https://"),
        ("success", {"kubesphere_plan": {"summary": "Plan: 3 to import."}}, "has ended. Plan: 3 to import. https://"),
        ("success", {}, "has ended.  https://"),
        ("success", None, "has ended.  https://"),
        ("error", {"kubesphere_status": FOUND}, '\na "quoted" word, {{ 7 * 6 }},\na line\nmore'),
        ("error", None, "has failed.  https://"),
    ],
)
def test_messages_tell_what_was_handed_on(data: Data, event: str, artifacts: Data | None, said: str) -> None:
    [notification] = data["controller_notifications"]
    assert rules.message_problems(notification["messages"]) == []
    job = {name: value for name, value in rules.JOB.items() if name != "artifacts"}
    context = {**rules.CONTEXT, "job": job if artifacts is None else {**job, "artifacts": artifacts}}
    text = rules.templates(strict=False).from_string(notification["messages"][event]["body"]).render(context)
    message = json.loads(text)["text"]
    assert said in message
    assert message.count("more") <= 9


@pytest.mark.parametrize("event", ["running", "approved", "denied", "timed_out"])
def test_messages_tell_of_approvals(data: Data, event: str) -> None:
    [notification] = data["controller_notifications"]
    body = notification["messages"]["workflow_approval"][event]["body"]
    text = rules.templates().from_string(body).render(rules.CONTEXT)
    assert "Run?" in json.loads(text)["text"]
