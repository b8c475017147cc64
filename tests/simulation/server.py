"""The network of all members: one port each, in one thread; how long answers take, and what is broken."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from http.client import responses
from pathlib import Path
from typing import Any

from tests.simulation.http import Answer, Request, Watch
from tests.simulation.journal import Journal
from tests.simulation.member import Member

DEAD, SILENT = "dead", "silent"
REFUSING = {
    "401": Answer.unauthorized(),
    "403": Answer.refused(403, "Forbidden", "forbidden: told to refuse everything", {}),
    "500": Answer.refused(500, "InternalError", "Internal error occurred: told to fail", {}),
}
FAULTS = (DEAD, SILENT, *REFUSING)
"""Nobody listens; who connects is never answered; everything is refused with that status."""

# asyncio keeps a buffer of 256 KiB for each connection over TLS; a record has 16 KiB, and a request here less.
asyncio.sslproto.SSLProtocol.max_size = 16 << 10

_BACKLOG = 512
_LONGEST_HEAD = 1 << 16


@dataclass(frozen=True)
class Behaviour:
    """How a member's network is.

    Attributes:
        fault: one of FAULTS, or empty.
        latency: seconds from a request until it is looked at.
        jitter: up to so many seconds more, evenly spread.
    """

    fault: str = ""
    latency: float = 0.0
    jitter: float = 0.0

    def delay(self) -> float:
        """The next request's latency."""
        return self.latency + random.uniform(0, self.jitter) if self.latency or self.jitter else 0.0


class Endpoint:
    """One member's address.

    It has a port of its own and neither a name (SNI) nor an address: a kubeconfig of a simulated member then differs
    from a real one's in nothing, and a member can be dead by itself.
    """

    def __init__(self, member: Member, address: str, journal: Journal, clients: Path) -> None:
        """Describe it; nothing listens yet.

        Args:
            member: who answers.
            address: address to listen on.
            journal: for all requests.
            clients: certificate authority of all administrators, PEM. Whose certificate it is, the member looks itself.
        """
        self.member = member
        self.journal = journal
        self.behaviour = Behaviour()
        self.connections: set[Connection] = set()
        self._address = address
        self._clients = clients
        self._context: ssl.SSLContext | None = None
        self._server: asyncio.Server | None = None

    async def behave(self, behaviour: Behaviour) -> None:
        """Change how it is from now on; connections of a member that dies end, those of a silent one hang."""
        before, self.behaviour = self.behaviour.fault, behaviour
        if self._server is None or {before, behaviour.fault} & {DEAD, SILENT}:
            await self._listen()

    async def _listen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self.behaviour.fault != SILENT:
            for connection in list(self.connections):
                connection.abort()
        if self.behaviour.fault == DEAD:
            return
        context = None if self.behaviour.fault == SILENT else self._tls()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self),
            self._address,
            self.member.identity.port,
            ssl=context,
            backlog=_BACKLOG,
            reuse_address=True,
        )

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            folder = Path(self.member.identity.folder)
            context.load_cert_chain(folder / "server.crt", folder / "server.key")
            context.load_verify_locations(self._clients)
            context.verify_mode = ssl.CERT_OPTIONAL
            context.set_alpn_protocols(["http/1.1"])
            self._context = context
        return self._context


class Connection(asyncio.Protocol):
    """One client's connection: one request after the other."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._buffer = bytearray()
        self._busy = False
        self._certificate = b""
        self._source = ""
        self._transport: Any = None
        self._end_watch: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The handshake is through."""
        self._transport = transport
        self._endpoint.connections.add(self)
        self._source = (transport.get_extra_info("peername") or ("",))[0]
        secured = transport.get_extra_info("ssl_object")
        self._certificate = (secured.getpeercert(True) if secured else b"") or b""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client has gone, or this connection was ended."""
        self._endpoint.connections.discard(self)
        if self._end_watch:
            self._end_watch()

    def abort(self) -> None:
        """End it at once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """A part of a request, or a whole one."""
        if self._endpoint.behaviour.fault == SILENT:
            return
        self._buffer += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                self.abort()
            return
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _dummy, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length") or 0)
        if len(self._buffer) < end + 4 + length:
            return
        body = bytes(self._buffer[end + 4 : end + 4 + length])
        del self._buffer[: end + 4 + length]
        method, uri, _dummy = first.split(" ", 2)
        self._busy = True
        request = Request(method, uri, headers, body, self._source, self._certificate)
        delay = self._endpoint.behaviour.delay()
        if delay:
            asyncio.get_running_loop().call_later(delay, self._answer, request)
        else:
            self._answer(request)

    def _answer(self, request: Request) -> None:
        endpoint = self._endpoint
        fault = endpoint.behaviour.fault
        if fault == SILENT or self._transport.is_closing():
            return
        found = REFUSING[fault] if fault in REFUSING else endpoint.member.answer(request)
        number = endpoint.journal.number()
        if isinstance(found, Watch):
            self._stream(request, found, number)
            return
        self._transport.write(_head(found, number) + found.body)
        endpoint.journal.write(endpoint.member.identity.name, request, number, found.status)
        self._done(request)

    def _done(self, request: Request) -> None:
        self._busy = False
        if request.headers.get("connection", "").lower() == "close":
            self._transport.close()
        elif self._buffer:
            self._next()

    # Watches

    def _stream(self, request: Request, watch: Watch, number: str) -> None:
        name, journal = self._endpoint.member.identity.name, self._endpoint.journal

        def tell(event: Any) -> None:
            self._chunk(watch.matches(event))

        def end() -> None:
            watch.listeners.discard(tell)
            timer.cancel()
            self._end_watch = None
            journal.write(name, request, number, 200)
            if not self._transport.is_closing():
                self._transport.write(b"0\r\n\r\n")
                self._done(request)

        self._transport.write(_head(Answer(200, content_type=watch.content_type), number, chunked=True))
        journal.write(name, request, number, 200, "ResponseStarted")
        for line in watch.first:
            self._chunk(line)
        watch.listeners.add(tell)
        timer = asyncio.get_running_loop().call_later(watch.seconds, end)
        self._end_watch = end

    def _chunk(self, line: bytes) -> None:
        if line and not self._transport.is_closing():
            self._transport.write(b"%x\r\n%b\r\n" % (len(line), line))


def _head(answer: Answer, number: str, chunked: bool = False) -> bytes:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(answer.body)}"
    kind = f"Content-Type: {answer.content_type}\r\n" if answer.content_type else ""
    guard = "X-Content-Type-Options: nosniff\r\n" if answer.guarded else ""
    return (
        f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}\r\nAudit-Id: {number}\r\n"
        f"Cache-Control: no-cache, private\r\n{kind}{guard}Date: {_date()}\r\n{length}\r\n\r\n"
    ).encode("latin-1")


_last_date = (0, "")


def _date() -> str:
    """The time as HTTP has it; made once a second."""
    global _last_date
    second = int(time.time())
    if _last_date[0] != second:
        _last_date = (second, formatdate(second, usegmt=True))
    return _last_date[1]
