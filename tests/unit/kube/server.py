# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small API server on the loopback that answers by a script, over TLS or plainly."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Request:
    """One request as it came in."""

    method: str
    path: str
    headers: Message
    body: Any
    peer: dict[str, Any] | None = None


class Reply:
    """What to answer: a status, a body (JSON, or bytes as they are) and headers."""

    def __init__(self, status: int = 200, body: Any = None, **headers: str) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        """Send it."""
        handler.send_response(self.status)
        for name, value in {"Content-Length": str(len(self.body)), **self.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.body)


class Reset(Reply):
    """The connection ends without an answer."""

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True


class Silence(Reply):
    """No answer for so long."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def send(self, handler: BaseHTTPRequestHandler) -> None:
        """Wait, then close."""
        threading.Event().wait(self.seconds)
        handler.close_connection = True


@dataclass
class Server:
    """The server; a script is worked through reply by reply, its last one for good."""

    url: str
    requests: list[Request] = field(default_factory=list)
    script: list[Reply | Callable[[Request], Reply]] = field(default_factory=list)

    def answer(self, request: Request) -> Reply:
        """Note a request and take the next reply."""
        self.requests.append(request)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return step if isinstance(step, Reply) else step(request)

    @property
    def seen(self) -> list[tuple[str, str]]:
        """Method and path of each request."""
        return [(each.method, each.path) for each in self.requests]


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Server]:
    """Serve while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two packets
        timeout = 5

        def log_message(self, *_args: Any) -> None:
            """Stay quiet."""

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            peer = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            request = Request(self.command, self.path, self.headers, json.loads(body) if body else None, peer)
            with contextlib.suppress(OSError):
                server.answer(request).send(self)

        do_GET = do_POST = do_PATCH = do_DELETE = do_CONNECT = _any  # noqa: N815 - names of http.server

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_args: Any) -> None:
            """A broken connection is what some tests make."""

    http = Quiet(("127.0.0.1", port), Handler)
    if tls:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    server = Server(f"{'https' if tls else 'http'}://127.0.0.1:{http.server_address[1]}")
    server.script = [Reply()]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join(5)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, as PEM text."""

    certificate: str
    key: str


def self_signed(name: str) -> Identity:
    """A certificate that is its own authority, for a DNS name and 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names if name != "elsewhere.test" else names[:1]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def server_tls(identity: Identity, folder: Path, clients: Identity | None = None) -> ssl.SSLContext:
    """TLS settings of a server; with ``clients``, whoever connects has to show that certificate."""
    file = folder / "server.pem"
    file.write_text(identity.certificate + identity.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.certificate)
    return context
