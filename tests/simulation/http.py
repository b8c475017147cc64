"""What is asked of a member and what it answers, with an API server's own words for its refusals."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from tests.sandbox.kubeapi import Object

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass(frozen=True)
class Target:
    """What a path is about.

    Attributes:
        base: the API, ``/apis/apps/v1``.
        resource: plural of the kind.
        namespace: empty if the path has none.
        name: of the object; empty for a collection.
        subresource: ``status``, ``proxy``; empty for the object itself.
        rest: what follows the subresource.
    """

    base: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""

    @classmethod
    def of(cls, path: str) -> Target | None:
        """Take a path apart; None for one that is about no object."""
        parts = path.strip("/").split("/")
        length = {"api": 2, "apis": 3}.get(parts[0], 0)
        if not length or len(parts) <= length:
            return None
        base, parts = "/" + "/".join(parts[:length]), [urllib.parse.unquote(part) for part in parts[length:]]
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in ("status", "finalize"):
            namespace, parts = parts[1], parts[2:]
        resource, name, subresource, *rest = [*parts, "", ""][: max(3, len(parts))]
        if resource == "namespaces":
            namespace = name  # as the audit log has it
        return cls(base, resource, namespace, name, subresource, "/".join(rest))

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return self.base.split("/")[2] if self.base.startswith("/apis/") else ""

    @property
    def collection(self) -> str:
        """Path of the collection over all namespaces."""
        return f"{self.base}/{self.resource}"

    @property
    def qualified(self) -> str:
        """As messages call it: ``deployments.apps``."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        method: its method.
        uri: path and query as they came.
        headers: names in lower case.
        body: its body.
        source: address that it came from.
        certificate: the client's certificate, DER; empty if it showed none.
    """

    method: str
    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    source: str = ""
    certificate: bytes = b""

    @cached_property
    def path(self) -> str:
        """The path."""
        return self.uri.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The query; of several values the last."""
        return dict(urllib.parse.parse_qsl(self.uri.partition("?")[2], keep_blank_values=True))

    @cached_property
    def target(self) -> Target | None:
        """What it is about."""
        return Target.of(self.path)

    @cached_property
    def watches(self) -> bool:
        """Whether it is answered by a stream of events."""
        return self.method == "GET" and self.query.get("watch") in ("1", "true")

    @property
    def verb(self) -> str:
        """As the audit log has it."""
        target = self.target
        verb = _VERBS.get(self.method, self.method.lower())
        if target is None:
            return self.method.lower()
        if target.name:
            return verb
        if self.watches:
            return "watch"
        return {"get": "list", "delete": "deletecollection"}.get(verb, verb)

    @property
    def agent(self) -> str:
        """How the client calls itself."""
        return self.headers.get("user-agent", "")


@dataclass(frozen=True)
class Answer:
    """An answer.

    Attributes:
        status: its status.
        body: its body.
        content_type: of the body; empty says none.
        guarded: whether a browser is told not to guess the body's type, as Go does with what may quote a request.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    guarded: bool = False

    @classmethod
    def json(cls, content: Any, status: int = 200) -> Answer:
        """An object, as Go writes it."""
        return cls(status, json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")

    @classmethod
    def refused(cls, status: int, reason: str, message: str, details: Object | None = None) -> Answer:
        """A Status that tells of a failure."""
        content: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        content |= {"message": message, "reason": reason, **({} if details is None else {"details": details})}
        answer = cls.json({name: value for name, value in {**content, "code": status}.items() if value != ""}, status)
        return replace(answer, guarded=status == 403)

    @classmethod
    def not_served(cls) -> Answer:
        """There is such an API, and it has no such resource."""
        return cls.refused(404, "NotFound", "the server could not find the requested resource", {})

    @classmethod
    def no_api(cls) -> Answer:
        """There is no such API."""
        return cls(404, b"404 page not found\n", "text/plain; charset=utf-8", guarded=True)

    @classmethod
    def unauthorized(cls) -> Answer:
        """Whoever it is, the credential is not good."""
        return cls.refused(401, "Unauthorized", "Unauthorized")

    @classmethod
    def not_simulated(cls, request: Request, what: str) -> Answer:
        """A real API server would do this and the simulation cannot: its defect, not the caller's."""
        return cls.refused(
            501, "NotSimulated", f"tests/simulation does not play {what}: {request.method} {request.uri}"
        )


@dataclass(frozen=True)
class Watch:
    """An answer that goes on: what has happened already, and then what happens.

    Attributes:
        listeners: where it is told of what happens.
        first: events to begin with, as lines.
        matches: which of the later events belong to it, as lines; empty for one that does not.
        seconds: until the server ends it.
        content_type: of the lines.
    """

    listeners: set[Callable[[Any], None]]
    first: list[bytes]
    matches: Callable[[Any], bytes]
    seconds: float
    content_type: str = "application/json"
