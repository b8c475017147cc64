"""The two ports that tower opens for a member, and what happens to a request there.

Imitates tower v0.2.1 pkg/proxy/proxy_server.go and http_proxy.go: requests to the first port go on to the member's
kube-apiserver, by TLS inside the tunnel and with the token of the agent's service account whoever asks; requests to the
second go on to its ks-apiserver as they are. Not played: upgrades (exec, port-forward), which the sandbox's node does
not have either.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.sandbox.standin.runtime import CONNECTION_ERRORS, background, klog
from tests.sandbox.standin.tunnel import Tunnel

PLACE = "proxy_server.go"
_IDLE_CONNECTIONS = 2  # Go's DefaultMaxIdleConnsPerHost
_IDLE_SECONDS = 30.0
_HOP_BY_HOP = ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade")


@dataclass
class Way:
    """The way through one agent to one server of the member.

    Attributes:
        tunnel: the agent's connection.
        remote: the server, ``host:port`` as the member's agent sees it.
        context: TLS towards the server; None is plain HTTP.
    """

    tunnel: Tunnel
    remote: str
    context: ssl.SSLContext | None
    _idle: list[tuple[float, http.client.HTTPConnection]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> tuple[http.client.HTTPConnection, bool]:
        """A connection to the server, and whether it was used before.

        Raises:
            OSError: the tunnel or the server is not there.
        """
        with self._lock:
            while self._idle:
                since, kept = self._idle.pop()
                if time.monotonic() - since < _IDLE_SECONDS:
                    return kept, True
                kept.close()
        stream = self.tunnel.open(self.remote)
        host = self.remote.rpartition(":")[0].strip("[]")
        connection = http.client.HTTPConnection(host)
        try:
            connection.sock = self.context.wrap_socket(stream, server_hostname=host) if self.context else stream
        except OSError:
            stream.close()
            raise
        return connection, False

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Keep a connection whose answer has been read for another request."""
        with self._lock:
            if connection.sock and len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()


class Front(socketserver.ThreadingMixIn, HTTPServer):
    """One port of a member."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, name: str, port: int, certificate: ssl.SSLContext | None, token: bytes) -> None:
        """Listen.

        Args:
            name: for the log, ``<cluster>-kubernetes`` or ``<cluster>-kubesphere``.
            port: where to listen.
            certificate: TLS towards who asks; None is plain HTTP.
            token: bearer token that replaces the caller's; empty leaves the caller's.

        Raises:
            OSError: somebody else listens there.
        """
        self.name = name
        self.token = token
        self.ways: list[Way] = []
        self._certificate = certificate
        super().__init__(("0.0.0.0", port), _Handler)

    def start(self) -> None:
        """Serve in a thread."""
        background(self.serve_forever, 0.05)

    def stop(self) -> None:
        """Close the port; requests under way go on."""
        # The port first: the agent may be back before the thread has noticed.
        self.server_close()
        background(self.shutdown)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept; the handshake happens at the first read, in the connection's own thread."""
        connection, address = super().get_request()
        if self._certificate:
            wrap = self._certificate.wrap_socket
            return wrap(connection, server_side=True, do_handshake_on_connect=False), address
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            way, connection, response = self._ask(body)
        except (*CONNECTION_ERRORS, IndexError) as error:
            # The vendored ReverseProxy's own error handler: the Responder is asked for upgrades only.
            klog("E", f"{PLACE}:187", f"Proxy server {self.server.name}: http: proxy error: {error or 'EOF'}")
            self._write_head(502, [("Content-Length", "0")])
            return
        try:
            whole = self._pass_on(response)
        except CONNECTION_ERRORS:
            whole = False
        if whole and not response.will_close:
            way.give_back(connection)
        else:
            connection.close()
        self.close_connection = self.close_connection or not whole

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _answer  # noqa: N815

    def _ask(self, body: bytes) -> tuple[Way, http.client.HTTPConnection, http.client.HTTPResponse]:
        way = random.choice(self.server.ways)
        connection, used = way.take()
        try:
            return way, connection, self._send(connection, body)
        except CONNECTION_ERRORS:
            connection.close()
            # A kept connection that the server has closed meanwhile is no error, for what may be repeated.
            if not used or self.command not in ("GET", "HEAD"):
                raise
        connection, _dummy = way.take()
        return way, connection, self._send(connection, body)

    def _send(self, connection: http.client.HTTPConnection, body: bytes) -> http.client.HTTPResponse:
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            replaced = self.server.token and name.lower() == "authorization"
            if name.lower() not in _HOP_BY_HOP and not replaced:
                connection.putheader(name, value)
        if self.server.token:
            connection.putheader("Authorization", b"Bearer " + self.server.token)
        connection.endheaders(body or None)
        return connection.getresponse()

    def _pass_on(self, response: http.client.HTTPResponse) -> bool:
        """Stream the answer, since a watch has no end; whether it came whole."""
        bodiless = self.command == "HEAD" or response.status in (204, 304)
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP]
        length = response.getheader("Content-Length")
        chunked = length is None and not bodiless
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        self._write_head(response.status, headers)
        left = int(length or 0)
        while not bodiless and (chunk := response.read1(65536)):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            left -= len(chunk)
        if chunked:
            if not response.isclosed():
                return False
            self.wfile.write(b"0\r\n\r\n")
        elif left and not bodiless:
            return False
        else:
            # Nothing is left to read, but only this lets the connection be used again.
            response.read()
        return True

    def _write_head(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        with contextlib.suppress(OSError):
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing about single requests."""
