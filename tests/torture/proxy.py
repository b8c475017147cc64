"""A proxy before one API server that sees every request of a run, and can do it harm.

The play reaches a cluster by plain HTTP through the proxy, with the rights of the kubeconfig that the proxy was given.
What happens to a request says a *gate*; the proxies of one fleet share it, so that it sees all that a run does.
"""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from tests.sandbox.certificates import write_private
from tests.sandbox.kubeapi import KubeApi

_QUESTION = re.compile(r"(reviews|/proxy(/.*)?)$")
"""Paths that a question is POSTed to: nothing is stored. Behind `/proxy` is ks-apiserver."""

_HOP_BY_HOP = {"host", "connection", "transfer-encoding", "content-length", "keep-alive"}
_LONGEST_ANSWER = 90.0  # seconds
_IDLE = 60.0  # seconds that a client may keep a connection without a request
_BLOCK = 65536


@dataclass(frozen=True)
class Request:
    """What came in.

    Attributes:
        cluster: name of the cluster that it is for.
        method: its method.
        path: its path, without the query.
        query: its query.
    """

    cluster: str
    method: str
    path: str
    query: str = ""

    @property
    def writes(self) -> bool:
        """Whether it stores something: neither a question nor a dry run."""
        asks = _QUESTION.search(self.path) or "dryRun=All" in self.query
        return self.method in ("POST", "PUT", "PATCH", "DELETE") and not asks

    @property
    def watches(self) -> bool:
        """Whether it is answered by a stream of events."""
        return "watch=1" in self.query or "watch=true" in self.query

    def __str__(self) -> str:
        return f"{self.method} {self.path} on {self.cluster}"


@dataclass(frozen=True)
class Answer:
    """What is answered.

    Attributes:
        status: HTTP status.
        body: the body.
        headers: headers, without those of the connection.
        promised: length that the headers promise; the body's if None.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    promised: int | None = None


class HangUp(Exception):
    """The connection ends here, by a reset, without an answer."""


class Gate:
    """Decides about requests; this one lets all of them through. Threads share it."""

    def before(self, request: Request) -> Answer | None:
        """Called before a request is passed on.

        Returns:
            An answer in place of the API server's; None passes the request on.

        Raises:
            HangUp: neither is to happen.
        """
        del request
        return None

    def after(self, request: Request, answer: Answer) -> Answer:
        """Called before the API server's answer is given; that of a watch has no body yet.

        Returns:
            The answer to give.

        Raises:
            HangUp: none is to be given.
        """
        del request
        return answer


OPEN = Gate()


class Proxy:
    """The proxy before one API server, on a port of its own of the loopback interface. A context manager.

    Attributes:
        cluster: name of the cluster.
        gate: asked about each request.
    """

    def __init__(self, cluster: str, kubeconfig: Path) -> None:
        """Answer nothing yet.

        Args:
            cluster: name of the cluster.
            kubeconfig: the way to its API server, with the client certificate that everybody gets here.
        """
        self.cluster = cluster
        self.gate = OPEN
        self._api = KubeApi.from_kubeconfig(kubeconfig)
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def write_kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads through the proxy; it needs no credential."""
        path = folder / f"{self.cluster}.proxied.kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.cluster, "cluster": {"server": self.url}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": self.cluster, "context": {"cluster": self.cluster, "user": "nobody"}}],
            "current-context": self.cluster,
        }
        write_private(path, yaml.safe_dump(content).encode())
        return path

    def connect(self) -> http.client.HTTPSConnection:
        """A new connection to the API server."""
        return self._api.connect(_LONGEST_ANSWER)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed leaves broken connections; they are what is wanted here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    server: _Server
    upstream: http.client.HTTPSConnection | None = None

    def handle(self) -> None:
        try:
            super().handle()
        finally:
            if self.upstream is not None:
                self.upstream.close()

    def do_GET(self) -> None:
        path, _mark, query = self.path.partition("?")
        proxy = self.server.proxy
        request, gate = Request(proxy.cluster, self.command, path, query), proxy.gate
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            given = gate.before(request)
            if given is not None:
                self._give(given)
            elif request.watches or "follow=true" in query:
                self._stream(gate, request)
            else:
                self._give(gate.after(request, self._pass_on(body)))
        except HangUp:
            self._reset()
        except (OSError, http.client.HTTPException):
            # The API server has gone, or the client has: either way, this connection has come to its end.
            self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""

    def _ask(self, body: bytes, fresh: bool = False) -> http.client.HTTPResponse:
        headers = {key: value for key, value in self.headers.items() if key.lower() not in _HOP_BY_HOP}
        if self.upstream is None or fresh:
            self.upstream = self.server.proxy.connect()
        self.upstream.request(self.command, self.path, body or None, headers)
        return self.upstream.getresponse()

    def _pass_on(self, body: bytes) -> Answer:
        # A connection that the API server has closed meanwhile would look like a lost answer.
        response = self._ask(body, fresh=True)
        return Answer(response.status, response.read(), _kept(response))

    def _give(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for key, value in (answer.headers or {"Content-Type": "application/json"}).items():
            self.send_header(key, value)
        promised = len(answer.body) if answer.promised is None else answer.promised
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(answer.body)
        self.close_connection |= promised != len(answer.body)

    def _stream(self, gate: Gate, request: Request) -> None:
        response = self._ask(b"", fresh=True)
        begun = gate.after(request, Answer(response.status, b"", _kept(response)))
        self.send_response_only(begun.status)
        for key, value in (begun.headers or {}).items():
            self.send_header(key, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while block := response.read1(_BLOCK):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
        self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        """End the connection as a machine does that has forgotten it."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RD)
            self.connection.close()


def _kept(response: http.client.HTTPResponse) -> dict[str, str]:
    return {key: value for key, value in response.getheaders() if key.lower() not in _HOP_BY_HOP}
