"""The rules refuse what AWX refuses: each of them, once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.awx import rules

FIELD = {"id": "kubeconfig", "label": "Kubeconfig", "type": "string", "secret": True}
INPUTS = {"fields": [FIELD], "required": ["kubeconfig"]}
INJECTORS = {"file": {"template.a": "{{ kubeconfig }}"}, "env": {"A": "{{ tower.filename.a }}"}}
QUESTION = {
    "variable": "a",
    "question_name": "A?",
    "type": "integer",
    "required": False,
    "default": 3,
    "min": 1,
    "max": 5,
}
CHOICE = {**QUESTION, "type": "multiplechoice", "choices": ["x", "y"], "default": "x"}
EVERY_DAY = "DTSTART:20260101T000000Z RRULE:FREQ=DAILY;INTERVAL=1"


def survey(*questions: dict[str, Any]) -> dict[str, Any]:
    return {"name": "", "description": "", "spec": list(questions)}


def test_what_awx_takes_is_no_problem() -> None:
    assert rules.credential_type_problems(INPUTS, INJECTORS) == []
    assert rules.survey_problems(survey(QUESTION, {**CHOICE, "variable": "b"})) == []
    assert rules.survey_problems(survey({**CHOICE, "default": ""})) == []
    assert rules.rrule_problems(EVERY_DAY) == []
    assert rules.rrule_problems("DTSTART;TZID=Europe/Berlin:20260101T000000 RRULE:FREQ=DAILY;INTERVAL=1") == []
    assert rules.message_problems({"error": {"body": "{{ job.name }}"}}) == []


@pytest.mark.parametrize(
    ("inputs", "injectors", "problem"),
    [
        ({**INPUTS, "x": 1}, {}, "inputs: x is unknown"),
        ({"fields": [FIELD, FIELD]}, {}, "field kubeconfig is there twice"),
        ({"fields": [FIELD], "required": ["token"]}, {}, "required: token is no field"),
        ({"fields": [{**FIELD, "hidden": True}]}, {}, "field kubeconfig: hidden is unknown"),
        ({"fields": [{**FIELD, "id": "tower"}]}, {}, "field 'tower': not a name"),
        ({"fields": [{**FIELD, "id": "2nd"}]}, {}, "field '2nd': not a name"),
        ({"fields": [{"id": "a"}]}, {}, "field a: no label"),
        ({"fields": [{**FIELD, "type": "integer"}]}, {}, "field kubeconfig: type integer"),
        ({"fields": [{**FIELD, "default": True}]}, {}, "field kubeconfig: the default is no string"),
        ({"fields": [{**FIELD, "type": "boolean"}]}, {}, "field kubeconfig: secret is for strings"),
        (INPUTS, {"files": {}}, "injectors: files is unknown"),
        (INPUTS, {"file": {"kubeconfig": ""}}, "file 'kubeconfig': not template or template.name"),
        (INPUTS, {"file": {"template": "", "template.a": ""}}, "file: one file without a name, or all with names"),
        (INPUTS, {"env": {"A-B": ""}}, "env 'A-B': not a name"),
        (INPUTS, {"env": {"ANSIBLE_CONFIG": ""}}, "env ANSIBLE_CONFIG: not allowed"),
        (INPUTS, {"env": {"PATH": ""}}, "env PATH: not allowed"),
        (INPUTS, {"env": {"A": "ü"}}, "env A: more than ASCII"),
        (INPUTS, {"extra_vars": {"a.b": ""}}, "extra_vars 'a.b': not a name"),
        (INPUTS, {"env": {"A": "{{ token }}"}}, "env A: 'token' is undefined"),
        (INPUTS, {"env": {"A": "{{ tower.filename }}"}}, "env A: 'tower.filename' is undefined"),
        (INPUTS, {"file": {"template.a": "{{"}}, "file template.a: unexpected 'end of template'"),
        (INPUTS, {**INJECTORS, "env": {"A": "{{ tower.filename.b }}"}}, "env A: 'dict object' has no attribute 'b'"),
    ],
)
def test_types_of_credentials(inputs: dict[str, Any], injectors: dict[str, Any], problem: str) -> None:
    assert rules.credential_type_problems(inputs, injectors) == [problem]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": "", "spec": [QUESTION]}, "name and description have to be texts"),
        (survey(), "no questions"),
        (survey(QUESTION, QUESTION), "a is asked for twice"),
        (survey({**QUESTION, "required": "no"}), "a: required is missing, or no bool"),
        (survey({**QUESTION, "type": "bool"}), "a: type bool"),
        (survey({**QUESTION, "default": "x"}), "a: 'x' is no integer"),
        (survey({**QUESTION, "default": 9}), "a: 9 is not between 1 and 5"),
        (survey({**QUESTION, "max": "5%"}), "a: max is no integer"),
        (survey({**CHOICE, "default": "z"}), "a: 'z' is no choice"),
        (survey({name: value for name, value in CHOICE.items() if name != "choices"}), "a: no choices"),
    ],
)
def test_surveys(given: dict[str, Any], problem: str) -> None:
    assert problem in rules.survey_problems(given)


@pytest.mark.parametrize(
    ("answer", "question", "problem"),
    [
        (0, QUESTION, "a: 0 is not between 1 and 5"),
        ("3", QUESTION, "a: '3' is no integer"),
        (True, QUESTION, "a: True is no integer"),
        ("z", CHOICE, "a: 'z' is no choice"),
        ("", {**QUESTION, "type": "text"}, "a: '' is not between 1 and 5"),
        (7, {**QUESTION, "type": "text"}, "a: 7 is no text"),
    ],
)
def test_answers(answer: Any, question: dict[str, Any], problem: str) -> None:
    assert list(rules.answer_problems(question, answer)) == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("RRULE:FREQ=DAILY;INTERVAL=1", "one DTSTART is needed"),
        (EVERY_DAY.replace("Z", ""), "DTSTART has no time zone"),
        ("DTSTART:20260101T000000Z", "no RRULE"),
        (f"{EVERY_DAY} EXDATE:20260102T000000Z", "EXDATE and RDATE are not allowed"),
        (EVERY_DAY.replace(";INTERVAL=1", ""), "INTERVAL is needed"),
        (EVERY_DAY.replace("DAILY", "SECONDLY"), "SECONDLY is not supported"),
        (f"{EVERY_DAY};BYDAY=2MO", "BYDAY takes no number"),
        (f"{EVERY_DAY};COUNT=2;UNTIL=20270101T000000Z", "COUNT and UNTIL do not go together"),
        (f"{EVERY_DAY};COUNT=1000", "COUNT is more than 999"),
        (EVERY_DAY.replace("DAILY", "NEVER"), "no rule: invalid 'FREQ': NEVER"),
        (f"{EVERY_DAY};COUNT=1", "it never happens again"),
    ],
)
def test_rules_of_schedules(text: str, problem: str) -> None:
    assert rules.rrule_problems(text) == [problem]


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        ({"failed": {}}, "failed is no event"),
        ({"workflow_approval": {"waits": {}}}, "waits is no event"),
        ({"error": {"title": ""}}, "error: title is neither message nor body"),
        ({"error": {"message": "a\nb"}}, "error: a message has one line"),
        ({"error": {"body": "{{ job.artifacts.run.summary }}"}}, "error: 'dict object' has no attribute 'run'"),
        ({"workflow_approval": {"running": {"body": "{{ plan }}"}}}, "running: 'plan' is undefined"),
    ],
)
def test_messages(messages: dict[str, Any], problem: str) -> None:
    assert rules.message_problems(messages) == [problem]
