# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One collection of objects on the loopback's API server, with watches that stay open until a test ends them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge_patch
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import Kind, Object

from tests.unit.fakes import item
from tests.unit.kube.server import Reply, Request, Reset, Server


class Stream(Reply):
    """Events, each as it happens, until there is None; a Reply in place of an event is sent raw, and ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: SimpleQueue[Any] = SimpleQueue()
        self.over = threading.Event()

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        """Send what comes."""
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while (event := self.events.get()) is not None:
            if isinstance(event, Reply):
                event.send(handler)
                break
            line = json.dumps(event).encode() + b"\n"
            with contextlib.suppress(OSError):
                handler.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        else:
            handler.wfile.write(b"0\r\n\r\n")
        self.over.set()


class Collection:
    """What is in it, how new it is, and who watches.

    Attributes:
        objects: by name.
        version: resource version of the last change.
        streams: the watches, in order.
        refused: called with each request first; a Reply is the answer.
    """

    def __init__(self, server: Server, kind: Kind, *names: str) -> None:
        self.kind = kind
        self.objects: dict[str, Object] = {}
        self.version = 10
        self.streams: list[Stream] = []
        self.refused: Callable[[Request], Reply | None] = lambda _: None
        self.server = server
        for name in names:
            self.put(name)
        server.script = [self.answer]

    def put(self, name: str, **fields: Any) -> Object:
        """Let an object be so, as somebody else has made it; watches are not told."""
        self.version += 1
        made = merge_patch(self.objects.get(name) or item(self.kind, name), fields)
        made["metadata"] |= {"uid": f"uid-of-{name}", "resourceVersion": str(self.version)}
        self.objects[name] = made
        return dict(made)

    def remove(self, name: str) -> Object:
        """Let an object be gone; watches are not told."""
        self.version += 1
        gone = self.objects.pop(name)
        return {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self.version)}}

    def tell(self, event: str, found: Object) -> None:
        """Tell the newest watch."""
        self.streams[-1].events.put({"type": event, "object": found})

    def asked(self, method: str = "GET", *, watch: bool = False) -> list[str]:
        """Paths that were asked for, without their queries."""
        found = [each for each in self.server.seen if each[0] == method and ("watch=1" in each[1]) is watch]
        return [urlsplit(path).path for _dummy, path in found]

    def answer(self, request: Request) -> Reply:
        """Answer one request."""
        refused = self.refused(request)
        if refused is not None:
            return refused
        parts = urlsplit(request.path)
        name = parts.path.removeprefix(self.kind.path()).lstrip("/")
        if "watch" in parse_qs(parts.query):
            self.streams.append(Stream())
            return self.streams[-1]
        if request.method == "POST":
            name = request.body["metadata"]["name"]
            return status(409) if name in self.objects else Reply(201, self.put(name, **request.body))
        if not name:
            items = list(self.objects.values())
            return Reply(200, {"metadata": {"resourceVersion": str(self.version)}, "items": items})
        if name not in self.objects:
            return status(404)
        if request.method == "PATCH":
            wanted = (request.body.get("metadata") or {}).get("resourceVersion")
            if wanted not in (None, self.objects[name]["metadata"]["resourceVersion"]):
                return status(409)
            return Reply(200, self.put(name, **request.body))
        return Reply(200, self.remove(name) if request.method == "DELETE" else self.objects[name])


def status(code: int) -> Reply:
    """A refusal."""
    return Reply(code, {"kind": "Status", "message": "because", "code": code})


BREAK = Reset()
"""In place of an event: the connection ends."""
