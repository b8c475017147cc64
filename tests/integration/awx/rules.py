"""What AWX accepts, restated from its code: ansible/awx at e21dd0a (24.6 and later). Each function names what is wrong.

Credential types: awx/main/fields.py, CredentialTypeInputField and CredentialTypeInjectorField. Surveys: awx/api/views,
JobTemplateSurveySpec, and awx/main/models/mixins.py, SurveyJobTemplateMixin. Schedules: awx/api/serializers.py,
SchedulePreviewSerializer. Messages: there, NotificationTemplateSerializer.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import jinja2
import jinja2.sandbox
from dateutil import rrule, tz

NAME = re.compile(r"[a-zA-Z_]+[a-zA-Z0-9_]*")
FILE = re.compile(r"template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?")

NOT_TO_BE_SET = frozenset({"PATH", "PYTHONPATH", "VIRTUAL_ENV", "JOB_ID", "INVENTORY_ID", "AWX_HOST", "CACHE"})
"""The part of AWX's list of environment variables that somebody might think of (awx/main/constants.py)."""

FOR_STRINGS = {"choices", "multiline", "format", "secret"}
FIELD_KEYS = {*FOR_STRINGS, "type", "id", "label", "help_text", "ask_at_runtime", "default"}

ANSWERS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": str,
    "integer": int,
    "float": (float, int),
}
"""Types of questions, and what a default has to be."""

JOB = {
    "id": 42,
    "name": "KubeSphere: plan",
    "status": "successful",
    "artifacts": {},
    "limit": "",
    "job_type": "run",
    "elapsed": 0.4,
}
"""What a message may say of a job; AWX tries each with such a one (JobNotificationMixin.context_stub)."""

CONTEXT = {
    "job": JOB,
    "job_friendly_name": "Job",
    "job_metadata": "{}",
    "url": "https://awx.example.com/#/jobs/42",
    "approval_status": "approved",
    "approval_node_name": "Run?",
    "workflow_url": "https://awx.example.com/#/jobs/workflow/7",
}


def templates(strict: bool = True) -> jinja2.sandbox.ImmutableSandboxedEnvironment:
    """The environment that AWX renders in; strict as when it looks at what it is given."""
    undefined = jinja2.StrictUndefined if strict else jinja2.ChainableUndefined
    return jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=undefined)


def credential_type_problems(inputs: Mapping[str, Any], injectors: Mapping[str, Any]) -> list[str]:
    """What AWX would refuse in a custom type of credentials."""
    found = [*_input_problems(inputs), *_injector_problems(injectors)]
    return found or list(_template_problems(inputs, injectors))


def _input_problems(inputs: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"inputs: {key} is unknown" for key in inputs.keys() - {"fields", "required"})
    fields = inputs.get("fields", [])
    ids = [field.get("id") for field in fields]
    yield from (f"field {name} is there twice" for name, count in Counter(ids).items() if count > 1)
    yield from (f"required: {name} is no field" for name in inputs.get("required", []) if name not in ids)
    for field in fields:
        name = field.get("id", "")
        yield from (f"field {name}: {key} is unknown" for key in field.keys() - FIELD_KEYS)
        if not NAME.fullmatch(name) or name == "tower":
            yield f"field {name!r}: not a name"
        if "label" not in field:
            yield f"field {name}: no label"
        kind = field.get("type", "string")
        if kind not in ("string", "boolean"):
            yield f"field {name}: type {kind}"
        elif "default" in field and not isinstance(field["default"], str if kind == "string" else bool):
            yield f"field {name}: the default is no {kind}"
        if kind == "boolean":
            yield from (f"field {name}: {key} is for strings" for key in field.keys() & FOR_STRINGS)


def _injector_problems(injectors: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"injectors: {key} is unknown" for key in injectors.keys() - {"file", "env", "extra_vars"})
    files = injectors.get("file", {})
    yield from (f"file {name!r}: not template or template.name" for name in files if not FILE.fullmatch(name))
    if "template" in files and len(files) > 1:
        yield "file: one file without a name, or all with names"
    for name, value in injectors.get("env", {}).items():
        if not NAME.fullmatch(name):
            yield f"env {name!r}: not a name"
        if name.startswith("ANSIBLE_") or name in NOT_TO_BE_SET:
            yield f"env {name}: not allowed"
        if not value.isascii():
            yield f"env {name}: more than ASCII"
    variables = injectors.get("extra_vars", {})
    yield from (f"extra_vars {name!r}: not a name" for name in variables if not NAME.fullmatch(name))


def _template_problems(inputs: Mapping[str, Any], injectors: Mapping[str, Any]) -> Iterator[str]:
    """Templates that speak of a field or a file that is not there."""
    names: dict[str, Any] = {field["id"]: "EXAMPLE" for field in inputs.get("fields", [])}
    names["tower"] = {"filename": filenames(dict.fromkeys(injectors.get("file", {}), "EXAMPLE"))}
    for kind, values in injectors.items():
        for name, text in values.items():
            try:
                templates().from_string(text).render(names)
            except jinja2.TemplateError as error:
                yield f"{kind} {name}: {error}"


def filenames(paths: Mapping[str, str]) -> Any:
    """``tower.filename`` for files by their names in a type of credentials: one path, or paths by name."""
    if not paths:
        return jinja2.StrictUndefined(name="tower.filename")
    return paths.get("template") or {name.partition(".")[2]: path for name, path in paths.items()}


def survey_problems(survey: Mapping[str, Any]) -> list[str]:
    """What AWX would refuse in a survey."""
    if not (isinstance(survey.get("name"), str) and isinstance(survey.get("description"), str)):
        return ["name and description have to be texts"]
    questions = survey.get("spec")
    if not isinstance(questions, list) or not questions:
        return ["no questions"]
    variables = Counter(question.get("variable") for question in questions)
    found = [f"{name} is asked for twice" for name, count in variables.items() if count > 1]
    return found + [problem for question in questions for problem in _question_problems(question)]


def _question_problems(question: Mapping[str, Any]) -> list[str]:
    name, default = question.get("variable"), question.get("default", "")
    keys = {"type": str, "question_name": str, "variable": str, "required": bool}
    found = [f"{key} is missing, or no {of.__name__}" for key, of in keys.items() if not _is(question.get(key), of)]
    found += [f"{key} is no integer" for key in ("min", "max") if not _is(question.get(key, 0), int)]
    kind = question.get("type")
    if kind not in ANSWERS:
        found.append(f"type {kind}")
    elif kind in ("multiplechoice", "multiselect") and "choices" not in question:
        found.append("no choices")
    if found or default == "":
        return [f"{name}: {problem}" for problem in found]
    return list(answer_problems(question, default))


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def choices(question: Mapping[str, Any]) -> list[str]:
    """What there is to choose from: a list, or one text with a choice on each line."""
    given = question["choices"]
    return given.splitlines() if isinstance(given, str) else list(given)


def answer_problems(question: Mapping[str, Any], answer: Any) -> Iterator[str]:
    """What AWX would refuse in an answer. An empty default that it would refuse sets no variable."""
    name, kind = question["variable"], question["type"]
    if kind == "multiplechoice":
        if answer not in choices(question):
            yield f"{name}: {answer!r} is no choice"
        return
    if isinstance(answer, bool) or not isinstance(answer, ANSWERS[kind]):
        yield f"{name}: {answer!r} is no {kind}"
        return
    size = len(answer) if isinstance(answer, str) else answer
    if not question.get("min", size) <= size <= question.get("max", size):
        yield f"{name}: {answer!r} is not between {question.get('min')} and {question.get('max')}"


def rrule_problems(text: str) -> list[str]:
    """What AWX would refuse in the rule of a schedule."""
    found = []
    starts = re.findall(r"DTSTART(?:;[^:]+)?:\d+T\d+Z?", text)
    if len(starts) != 1:
        found.append("one DTSTART is needed")
    if re.search(r"DTSTART:\d+T\d+(?!\d*Z)\b", text):
        found.append("DTSTART has no time zone")
    if "RRULE:" not in text:
        found.append("no RRULE")
    if re.search(r"EXDATE|RDATE", text):
        found.append("EXDATE and RDATE are not allowed")
    for rule in re.findall(r"RULE:(\S*)", text):
        found += _rule_problems(dict(part.split("=") for part in rule.split(";")))
    return found or _recurrence_problems(text)


def _rule_problems(rule: Mapping[str, str]) -> list[str]:
    wrong = {
        "INTERVAL is needed": "INTERVAL" not in rule,
        "SECONDLY is not supported": rule.get("FREQ") == "SECONDLY",
        "BYDAY takes no number": rule.get("BYDAY", "")[:1].isdigit(),
        "COUNT and UNTIL do not go together": {"COUNT", "UNTIL"} <= rule.keys(),
        "COUNT is more than 999": int(rule.get("COUNT", 0)) > 999,
    }
    return [problem for problem, is_so in wrong.items() if is_so]


def _recurrence_problems(text: str) -> list[str]:
    try:
        following = rrule.rrulestr(text, forceset=True).after(datetime.datetime.now(tz.UTC))
    except (ValueError, TypeError) as error:
        return [f"no rule: {error}"]
    return [] if following else ["it never happens again"]


def message_problems(messages: Mapping[str, Any]) -> list[str]:
    """What AWX would refuse in the messages of a notification."""
    found = [f"{event} is no event" for event in messages.keys() - {"started", "success", "error", "workflow_approval"}]
    approvals = messages.get("workflow_approval", {})
    found += [f"{event} is no event" for event in approvals.keys() - {"running", "approved", "timed_out", "denied"}]
    events = {**{name: each for name, each in messages.items() if name != "workflow_approval"}, **approvals}
    for name, event in events.items():
        for part, text in event.items():
            if part not in ("message", "body"):
                found.append(f"{name}: {part} is neither message nor body")
            elif part == "message" and "\n" in text:
                found.append(f"{name}: a message has one line")
            else:
                found += _message_problems(name, text)
    return found


def _message_problems(name: str, text: str) -> list[str]:
    try:
        templates().from_string(text).render(CONTEXT)
    except jinja2.TemplateError as error:
        return [f"{name}: {error}"]
    return []
