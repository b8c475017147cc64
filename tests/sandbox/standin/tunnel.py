"""The way between the stand-ins of tower and agent: many streams over one connection that the agent opens.

The originals speak SSH inside a WebSocket (tower v0.2.1 pkg/utils); this protocol is the sandbox's own, since these two
speak to nobody else. What matters is the same: after an HTTP upgrade there is one TCP connection, the agent introduces
itself, tower answers, and then tower opens streams, each of which the agent joins to a connection to a server of the
member. A slow stream keeps no other one waiting. When the connection ends, all its streams do.
"""

from __future__ import annotations

import contextlib
import queue
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable

from tests.sandbox.standin.runtime import background

PROTOCOL = "sandbox-v1"
"""Subprotocol of the upgrade; the originals' is ``kubesphere-v1``."""

CONFIG, ANSWER, PING, PONG, OPEN, DATA, END, CREDIT = range(1, 9)

_HEADER = struct.Struct("!BII")
_NUMBER = struct.Struct("!I")
_CHUNK = 32 * 1024
_WINDOW = 512 * 1024
"""Bytes of a stream that may be under way before the other side has passed them on."""

_IDLE_SECONDS = 3
_DEAD_MILLISECONDS = 6000
"""When a line that says nothing more is given up. The originals notice a cut line after a quarter of an hour: nobody
there looks whether pings are answered, and Linux goes on repeating what was not acknowledged for that long."""


class TunnelClosed(OSError):
    """The connection has ended."""


class Tunnel:
    """One connection between tower and an agent, after the upgrade."""

    def __init__(self, connection: socket.socket, dial: Callable[[str], socket.socket] | None = None) -> None:
        """Take over a connection; nothing is read before ``start``.

        Args:
            connection: the agent's connection.
            dial: makes the connection to an address (``host:port``) that the other side asks for; on the agent's side.
        """
        self._connection = connection
        self._dial = dial
        self._streams: dict[int, _Stream] = {}
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._next = 0
        self._ended = threading.Event()

    def read_frame(self, seconds: float) -> tuple[int, bytes]:
        """The next frame's kind and content, before ``start``.

        Raises:
            OSError: there is none within so many seconds, or the connection has ended.
        """
        self._connection.settimeout(seconds)
        kind, _dummy, content = self._read()
        self._connection.settimeout(None)
        return kind, content

    def send(self, kind: int, content: bytes = b"", number: int = 0) -> None:
        """Send a frame.

        Raises:
            OSError: the connection has ended.
        """
        with self._sending:
            self._connection.sendall(_HEADER.pack(kind, number, len(content)) + content)

    def start(self) -> None:
        """Serve streams in a thread."""
        background(self._run)

    def wait(self) -> None:
        """Wait for the end of the connection."""
        self._ended.wait()

    def close(self) -> None:
        """End the connection."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def open(self, remote: str) -> socket.socket:
        """Open a stream to an address on the other side.

        Raises:
            TunnelClosed: there is no connection any more.
        """
        own, inner = socket.socketpair()
        with self._lock:
            self._next += 1
            number = self._next
            stream = self._streams[number] = _Stream(self, number)
        try:
            self.send(OPEN, remote.encode(), number)
        except OSError as error:
            own.close()
            inner.close()
            self.forget(number)
            raise TunnelClosed("EOF") from error
        stream.join(inner)
        if self._ended.is_set():
            stream.take(None)
        return own

    def forget(self, number: int) -> None:
        """A stream has ended."""
        with self._lock:
            self._streams.pop(number, None)

    def _run(self) -> None:
        try:
            while True:
                self._handle(*self._read())
        except OSError:
            pass
        finally:
            self._ended.set()
            with self._lock:
                left = list(self._streams.values())
            for stream in left:
                stream.take(None)
            self._connection.close()

    def _handle(self, kind: int, number: int, content: bytes) -> None:
        if kind == PING:
            self.send(PONG)
        elif kind == OPEN and self._dial:
            with self._lock:
                stream = self._streams[number] = _Stream(self, number)
            background(self._connect, stream, self._dial, content.decode())
        elif found := self._streams.get(number):
            if kind == DATA:
                found.take(content)
            elif kind == END:
                found.take(None)
            elif kind == CREDIT:
                found.grant(_NUMBER.unpack(content)[0])

    @staticmethod
    def _connect(stream: _Stream, dial: Callable[[str], socket.socket], remote: str) -> None:
        try:
            stream.join(dial(remote))
        except OSError:
            stream.end()

    def _read(self) -> tuple[int, int, bytes]:
        kind, number, length = _HEADER.unpack(self._exactly(_HEADER.size))
        return kind, number, self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        parts = []
        while length:
            part = self._connection.recv(length)
            if not part:
                raise TunnelClosed("EOF")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)


class _Stream:
    """One stream: what comes in at one side's socket goes out at the other's. The first end ends both ways."""

    def __init__(self, tunnel: Tunnel, number: int) -> None:
        self._tunnel = tunnel
        self._number = number
        self._arrived: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._credit = _WINDOW
        self._changed = threading.Condition()
        self._over = False

    def join(self, local: socket.socket) -> None:
        """Pass on to and from a socket, in two threads."""
        background(self._outward, local)
        background(self._inward, local)

    def take(self, content: bytes | None) -> None:
        """What the other side sent; None is its end."""
        self._arrived.put(content)
        if content is None:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def grant(self, amount: int) -> None:
        """The other side has passed so many bytes on."""
        with self._changed:
            self._credit += amount
            self._changed.notify_all()

    def end(self) -> None:
        """Tell the other side that there is nothing more."""
        with contextlib.suppress(OSError):
            self._tunnel.send(END, number=self._number)
        self._tunnel.forget(self._number)

    def _outward(self, local: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := local.recv(_CHUNK):
                with self._changed:
                    self._changed.wait_for(lambda: self._over or self._credit > 0)
                    self._credit -= len(data)
                if self._over:
                    break
                self._tunnel.send(DATA, data, self._number)
        self.end()
        self._arrived.put(None)

    def _inward(self, local: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while (data := self._arrived.get()) is not None:
                local.sendall(data)
                self._tunnel.send(CREDIT, _NUMBER.pack(len(data)), self._number)
        # Wakes the other thread, which is in a read.
        with contextlib.suppress(OSError):
            local.shutdown(socket.SHUT_RDWR)
        local.close()


def keep_alive(connection: socket.socket) -> None:
    """Have Linux notice within seconds that a line is dead."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_MILLISECONDS)


def plain(secure: ssl.SSLSocket) -> socket.socket:
    """A plain socket that speaks through one with TLS, which two threads must not use at once."""
    own, inner = socket.socketpair()
    background(_relay, secure, inner)
    return own


def _relay(secure: ssl.SSLSocket, inner: socket.socket) -> None:
    """Pass on between the two sockets until one ends."""
    secure.setblocking(False)
    inner.setblocking(False)
    ends = {secure: inner, inner: secure}
    waiting: dict[socket.socket, bytes] = {secure: b"", inner: b""}  # by where it is to go
    with contextlib.suppress(OSError), secure, inner:
        while True:
            readable = [end for end, other in ends.items() if len(waiting[other]) < _WINDOW]
            writable = [end for end in ends if waiting[end]]
            ready = select.select(readable, writable, [])[0]
            for end in readable:
                if end in ready or (end is secure and secure.pending()):
                    try:
                        data = end.recv(_CHUNK)
                    except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                        continue
                    if not data:
                        raise TunnelClosed("EOF")
                    waiting[ends[end]] += data
            for end in ends:
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                    while waiting[end]:
                        waiting[end] = waiting[end][end.send(waiting[end]) :]
