"""A stand-in for AWX's API: enough of it for the modules of awx.awx, and the rules by which AWX refuses.

It imitates the REST API of AWX 24.6: lists that filter by their fields, objects with ``related``, associations by POST
to a related list, and secrets that are given out as ``$encrypted$``. Whatever is to be made or changed has to pass
``rules``, and has to refer to what is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.integration.awx import rules

Object = dict[str, Any]

TOKEN = "a-token-of-awx"
ENCRYPTED = "$encrypted$"

TYPES = {
    "credential_types": "credential_type",
    "credentials": "credential",
    "execution_environments": "execution_environment",
    "inventories": "inventory",
    "inventory_sources": "inventory_source",
    "job_templates": "job_template",
    "notification_templates": "notification_template",
    "organizations": "organization",
    "projects": "project",
    "schedules": "schedule",
    "workflow_approval_templates": "workflow_approval_template",
    "workflow_job_template_nodes": "workflow_job_template_node",
    "workflow_job_templates": "workflow_job_template",
}
"""Type of the objects of each list."""

UNIFIED = ("inventory_sources", "job_templates", "projects", "workflow_approval_templates", "workflow_job_templates")

REFERENCES = {
    "credential": "credentials",
    "credential_type": "credential_types",
    "default_environment": "execution_environments",
    "execution_environment": "execution_environments",
    "inventory": "inventories",
    "organization": "organizations",
    "project": "projects",
    "source_project": "projects",
    "workflow_job_template": "workflow_job_templates",
}
"""Fields that have the id of an object, and the list that it is in."""


class Refused(Exception):
    """What AWX answers with 400."""


class Awx:
    """What stands in AWX.

    Attributes:
        lists: objects by list and id.
        related: ids by list, id and name of the association.
        surveys: surveys by list and id.
        writes: everything that was written, as method and path.
    """

    def __init__(self, playbooks: list[str]) -> None:
        """Be empty.

        Args:
            playbooks: paths of the playbooks in whatever project there will be.
        """
        self.lists: dict[str, dict[int, Object]] = {name: {} for name in TYPES}
        self.related: dict[tuple[str, int, str], list[int]] = {}
        self.surveys: dict[tuple[str, int], Object] = {}
        self.writes: list[str] = []
        self._playbooks = playbooks
        self._next = 1

    def named(self, kind: str, name: str) -> Object:
        """The one object of a list with that name or identifier."""
        [found] = [each for each in self.lists[kind].values() if name in (each.get("name"), each.get("identifier"))]
        return found

    def names(self, kind: str, owner: Object, association: str) -> list[str]:
        """Names or identifiers of what is associated with an object."""
        ids = self.related.get((kind, owner["id"], association), [])
        return sorted(each.get("name") or each["identifier"] for each in self._all() if each["id"] in ids)

    def _all(self) -> list[Object]:
        return [each for objects in self.lists.values() for each in objects.values()]

    def find(self, kind: str, query: dict[str, str]) -> list[Object]:
        """The objects of a list that have those fields."""
        names = UNIFIED if kind == "unified_job_templates" else (kind,)
        objects = [each for name in names for each in self.lists[name].values()]
        return [each for each in objects if all(str(each.get(field)) == value for field, value in query.items())]

    def create(self, kind: str, fields: Object) -> Object:
        """Make an object.

        Raises:
            Refused: AWX would not take it.
        """
        made = {"id": self._next, "type": TYPES[kind], "url": f"/api/v2/{kind}/{self._next}/", "summary_fields": {}}
        made["related"] = {"survey_spec": f"{made['url']}survey_spec/"}
        self._next += 1
        if kind == "projects":
            made |= {"scm_revision": "", "summary_fields": {"current_update": {"id": made["id"]}}}
        return self._store(kind, {**made, **fields})

    def change(self, kind: str, number: int, fields: Object) -> Object:
        """Change fields of an object.

        Raises:
            Refused: AWX would not take them.
        """
        known = {name: value for name, value in fields.items() if name in self.lists[kind][number]}
        return self._store(kind, {**self.lists[kind][number], **known})

    def _store(self, kind: str, changed: Object) -> Object:
        for field, of in REFERENCES.items():
            if changed.get(field) is not None and changed[field] not in self.lists[of]:
                raise Refused(f"{field}: there is no {changed[field]} in {of}")
        self._check(kind, changed)
        self.lists[kind][changed["id"]] = changed
        return changed

    def _check(self, kind: str, changed: Object) -> None:
        problems: list[str] = []
        if kind == "credential_types":
            problems = rules.credential_type_problems(changed["inputs"], changed["injectors"])
        if kind == "credentials":
            given = self.lists["credential_types"][changed["credential_type"]]["inputs"]
            known = {field["id"] for field in given["fields"]}
            problems = [f"inputs: {name} is unknown" for name in changed["inputs"].keys() - known]
            problems += [f"inputs: {name} is needed" for name in given["required"] if not changed["inputs"].get(name)]
        if kind == "notification_templates":
            problems = rules.message_problems(changed["messages"])
        if kind == "schedules":
            problems = rules.rrule_problems(changed["rrule"])
        if kind == "job_templates" and changed["playbook"] not in self._playbooks:
            problems = [f"playbook {changed['playbook']} is not in the project"]
        if problems:
            raise Refused("; ".join(problems))

    def approve(self, number: int, fields: Object) -> Object:
        """Make what a node waits for an approval."""
        wanted = {name: value for name, value in fields.items() if name in ("name", "description", "timeout")}
        made = self.create("workflow_approval_templates", wanted)
        node = self.lists["workflow_job_template_nodes"][number]
        node["unified_job_template"] = made["id"]
        node["related"]["unified_job_template"] = made["url"]
        return made

    def associate(self, kind: str, number: int, association: str, wanted: Object) -> None:
        """Bring two objects together, or apart."""
        ids = self.related.setdefault((kind, number, association), [])
        if wanted.get("disassociate"):
            ids.remove(wanted["id"])
        else:
            ids.append(wanted["id"])

    def survey(self, kind: str, number: int, survey: Object) -> None:
        """Give a template its survey.

        Raises:
            Refused: AWX would not take it.
        """
        if problems := rules.survey_problems(survey):
            raise Refused("; ".join(problems))
        self.surveys[kind, number] = survey


def shown(found: Object) -> Object:
    """An object as AWX gives it out."""
    if found["type"] != "credential":
        return found
    return {**found, "inputs": dict.fromkeys(found["inputs"], ENCRYPTED)}


class _Handler(BaseHTTPRequestHandler):
    """Answers the requests of the modules."""

    awx: Awx
    lock: Lock
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_PATCH(self) -> None:
        self._answer(self._patch)

    def _answer(self, handle: Any) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        url = urlsplit(self.path)
        path = url.path.removeprefix("/api/v2/").strip("/").split("/")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._send(401, {"detail": "no token"})
        with self.lock:
            if self.command != "GET":
                self.awx.writes.append(f"{self.command} {url.path}")
            try:
                status, answer = handle(path, dict(parse_qsl(url.query)) | body)
            except Refused as refused:
                status, answer = 400, {"error": str(refused)}
            except KeyError as missing:
                status, answer = 404, {"detail": f"{url.path}: {missing}"}
        return self._send(status, answer)

    def _get(self, path: list[str], query: Object) -> tuple[int, Object]:
        kind, *rest = path
        if not rest:
            return 200, _list([shown(each) for each in self.awx.find(kind, query)])
        number, rest = int(rest[0]), rest[1:]
        if kind == "project_updates":
            return 200, {"status": "successful"}
        if not rest:
            return 200, shown(self.awx.lists[kind][number])
        if rest == ["survey_spec"]:
            return 200, self.awx.surveys.get((kind, number), {})
        return 200, _list([{"id": each} for each in self.awx.related.get((kind, number, rest[0]), [])])

    def _post(self, path: list[str], body: Object) -> tuple[int, Object]:
        if len(path) == 1:
            return 201, shown(self.awx.create(path[0], body))
        kind, number, what = path[0], int(path[1]), path[2]
        if what == "create_approval_template":
            return 201, self.awx.approve(number, body)
        if what == "survey_spec":
            self.awx.survey(kind, number, body)
            return 200, {}
        self.awx.associate(kind, number, what, body)
        return 204, {}

    def _patch(self, path: list[str], body: Object) -> tuple[int, Object]:
        kind, number = path
        return 200, shown(self.awx.change(kind, int(number), body))

    def _send(self, status: int, answer: Object) -> None:
        body = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.end_headers()
        self.wfile.write(body)


def _list(found: list[Object]) -> Object:
    return {"count": len(found), "next": None, "previous": None, "results": found}


@contextmanager
def serving(awx: Awx) -> Iterator[str]:
    """Serve it on this machine; gives its address."""
    handler = type("Handler", (_Handler,), {"awx": awx, "lock": Lock()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
