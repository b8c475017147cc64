"""The agent of the image tower: calls the host's tower, and lets it reach the member's two API servers.

Imitates tower v0.2.1 cmd/agent/app/options.go and pkg/agent/agent.go, errors in the words of Go 1.16 and
gorilla/websocket v1.4.0. The protocol behind the upgrade is the sandbox's own (`tunnel`).

Not played: proxies for HTTP in the environment, ``--kubeconfig``.
"""

from __future__ import annotations

import argparse
import base64
import errno
import json
import os
import re
import socket
import ssl
import sys
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass

from tests.sandbox.kubeapi import SERVICE_ACCOUNT
from tests.sandbox.standin import tunnel
from tests.sandbox.standin.runtime import background, klog, knobs, log, stopping
from tests.sandbox.standin.settings import seconds
from tests.sandbox.standin.tunnel import Tunnel

FIRST_RETRY = 0.1
RETRY_FACTOR = 1.4
LONGEST_RETRY = 2.0
"""Seconds; the original goes up to --max-retry-interval, 2 minutes, and every test of a lost line would wait for it."""
DIAL_SECONDS = 5.0
"""The original's HandshakeTimeout is 45 seconds."""
START_SECONDS = 0.8
"""An agent that calls before kube-proxy knows the member's new Service makes the cluster controller fail to join, which
then waits for its next resync. On a real node a container does not start as quickly as that."""
PLACE = "agent.go"

NOT_IN_CLUSTER = (
    "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"
)
_ERRNO_WORDS = {
    errno.ECONNREFUSED: "connect: connection refused",
    errno.EHOSTUNREACH: "connect: no route to host",
    errno.ENETUNREACH: "connect: network is unreachable",
}


class OptionsError(Exception):
    """The command line is refused; the text is the original's."""


class DialError(Exception):
    """tower was not reached, or is none; the text is what Go would say."""


@dataclass(frozen=True)
class Options:
    """The command line, as far as it is played."""

    name: str
    token: str
    server: str
    keep_alive: float
    kubesphere: str
    max_retry: int
    max_retry_interval: float

    @classmethod
    def parse(cls, argv: Sequence[str]) -> Options:
        """Read the command line and complete the server's address.

        Raises:
            OptionsError: the address is none.
        """
        parser = argparse.ArgumentParser(prog="agent", allow_abbrev=False)
        parser.add_argument("--name", default="")
        parser.add_argument("--token", default="")
        parser.add_argument("--proxy-server", default="http://127.0.0.1:8080")
        parser.add_argument("--keepalive", default="30s")
        parser.add_argument("--kubesphere-service", default="ks-apiserver.kubesphere-system.svc")
        parser.add_argument("--max-retry", type=int, default=0)
        parser.add_argument("--max-retry-interval", default="2m")
        given = parser.parse_known_args(argv)[0]
        interval = seconds(given.max_retry_interval, 0.0)
        return cls(
            name=given.name,
            token=given.token,
            server=complete(given.proxy_server),
            keep_alive=seconds(given.keepalive, 0.0),
            kubesphere=given.kubesphere_service,
            max_retry=given.max_retry,
            max_retry_interval=interval if interval >= 1 else 300.0,
        )


def complete(server: str) -> str:
    """The address that is dialled for ``--proxy-server``.

    A host that does not end in a digit gets a port, one that does is taken to have one (options.go L53-65).

    Raises:
        OptionsError: there is none, or it cannot be parsed.
    """
    if not server:
        raise OptionsError("invalid proxy server url: ")
    if problem := parse_problem(server):
        raise OptionsError(problem)
    parts = urllib.parse.urlsplit(server)
    host = parts.netloc
    if not re.search(r"\d+$", host):
        host += ":443" if parts.scheme in ("https", "wss") else ":80"
    return urllib.parse.urlunsplit(parts._replace(scheme=parts.scheme.replace("http", "ws", 1), netloc=host))


def parse_problem(url: str) -> str:
    """What Go's url.Parse says about a text that it refuses; empty for any other."""
    prefix = f'parse "{url}": '
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in url):
        return f"{prefix}net/url: invalid control character in URL"
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", url)
    rest = url[scheme.end() :] if scheme else url
    if url.startswith(":"):
        return f"{prefix}missing protocol scheme"
    if not rest.startswith("/"):
        first = rest.partition("/")[0]
        return "" if scheme or ":" not in first else f"{prefix}first path segment in URL cannot contain colon"
    if not rest.startswith("//"):
        return ""
    authority = re.split(r"[/?#]", rest[2:])[0].rpartition("@")[2]
    host, port = authority, ""
    if authority.startswith("["):
        host, bracket, port = authority.partition("]")
        if not bracket:
            return f"{prefix}missing ']' in host"
    elif ":" in authority:
        host, _dummy, port = authority.rpartition(":")
        port = f":{port}"
    if wrong := re.search(r'[ "<>\\^`{|}]', host):
        return f'{prefix}invalid character "{wrong[0]}" in host name'
    if not re.fullmatch(r"(:\d*)?", port):
        return f'{prefix}invalid port "{port}" after host'
    return ""


def duration(length: float) -> str:
    """A time as Go prints it: ``100ms``, ``1.05413504s``."""
    whole = round(length * 1_000_000_000)
    for unit, size in (("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1_000)):
        if whole >= size:
            digits = f"{whole / size:.9f}".rstrip("0").rstrip(".")
            return f"{digits}{unit}"
    return "0s"


class Agent:
    """Keeps the line to tower."""

    def __init__(self, options: Options) -> None:
        """Read the pod's own credentials.

        Raises:
            OptionsError: this is no pod.
        """
        self._options = options
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
        if not host or not port:
            raise OptionsError(NOT_IN_CLUSTER)
        try:
            token, authority = ((SERVICE_ACCOUNT / name).read_bytes() for name in ("token", "ca.crt"))
        except OSError as error:
            raise OptionsError(f"open {error.filename}: no such file or directory") from error
        # --kubernetes-service is overridden by the environment (agent.go L66-84).
        self._introduction = json.dumps(
            {
                "Version": "0.0.0-rc",
                "Name": options.name,
                "Token": options.token,
                "KubernetesSvcHost": f"{host}:{port}",
                "KubeSphereSvcHost": options.kubesphere,
                "CAData": base64.b64encode(authority).decode(),
                "BearerToken": base64.b64encode(token).decode(),
            }
        ).encode()
        self._line: Tunnel | None = None

    def run(self) -> None:
        """Connect, and connect again whenever that fails or the line ends; imitates connectionLoop."""
        if self._options.keep_alive > 0:
            background(self._keep_alive)
        attempt, problem = 0, ""
        while not stopping.is_set():
            if problem:
                if self._give_up(problem, attempt):
                    return
                attempt += 1
                problem = ""
            try:
                line = self._connect()
            except DialError as error:
                problem = str(error)
                continue
            attempt = 0
            self._line = line
            line.start()
            line.wait()
            self._line = None

    def _give_up(self, problem: str, attempt: int) -> bool:
        most = self._options.max_retry
        limit = f"/{most}" if most else ""
        klog("W", f"{PLACE}:168", f"Connection error: {problem}" + (f" (Attempt: {attempt}{limit})" if attempt else ""))
        if most and attempt >= most:
            return True
        longest = min(self._options.max_retry_interval, float(knobs("agent").get("retry", LONGEST_RETRY)))
        pause = min(FIRST_RETRY * RETRY_FACTOR**attempt, longest)
        klog("W", f"{PLACE}:173", f"Retrying in {duration(pause)}...")
        stopping.wait(pause)
        return False

    def _keep_alive(self) -> None:
        while not stopping.wait(self._options.keep_alive):
            if line := self._line:
                try:
                    line.send(tunnel.PING)
                except OSError:
                    continue

    def _connect(self) -> Tunnel:
        connection = dial(self._options.server, float(knobs("agent").get("dial", DIAL_SECONDS)))
        line = Tunnel(connection, join)
        try:
            line.send(tunnel.CONFIG, self._introduction)
            answer = line.read_frame(30)[1]
        except OSError as error:
            connection.close()
            raise DialError("EOF") from error
        if answer:
            connection.close()
            raise DialError(answer.decode())
        return line


def join(remote: str) -> socket.socket:
    """Connect to one of the member's servers; imitates HandleTCPStream.

    Raises:
        OSError: it cannot be reached.
    """
    host, _dummy, port = remote.rpartition(":")
    try:
        connection = socket.create_connection((host.strip("[]"), int(port)), DIAL_SECONDS)
    except (OSError, ValueError) as error:
        klog("E", "ssh.go:12", f"remote failed{go_words(error, host, port)}")
        raise OSError(str(error)) from error
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def dial(server: str, patience: float) -> socket.socket:
    """Connect to tower and upgrade the connection; imitates gorilla's DialContext.

    Raises:
        DialError: with Go's words.
    """
    parts = urllib.parse.urlsplit(server)
    if parts.scheme not in ("ws", "wss") or parts.username:
        raise DialError("malformed ws or wss URL")
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    try:
        connection = socket.create_connection((host, port), patience)
        tunnel.keep_alive(connection)
    except OSError as error:
        raise DialError(go_words(error, host, str(port))) from error
    try:
        secure = _secured(connection, host) if parts.scheme == "wss" else None
        _upgrade(secure or connection, parts)
    except (OSError, DialError) as error:
        connection.close()
        raise error if isinstance(error, DialError) else DialError(tls_words(error, host)) from error
    if secure:
        return tunnel.plain(secure)
    connection.settimeout(None)
    return connection


def _secured(connection: socket.socket, host: str) -> ssl.SSLSocket:
    """TLS, verified by what this system trusts."""
    return ssl.create_default_context().wrap_socket(connection, server_hostname=host)


def _upgrade(connection: socket.socket, parts: urllib.parse.SplitResult) -> None:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    key = base64.b64encode(os.urandom(16)).decode()
    head = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: Go-http-client/1.1\r\n"
    head += f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {tunnel.PROTOCOL}\r\n"
    connection.sendall(f"{head}Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n\r\n".encode())
    answer = b""
    # Byte by byte: what comes after the head is the tunnel's.
    while not answer.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte or len(answer) > 65536:
            raise DialError("unexpected EOF" if answer else "EOF")
        answer += byte
        first = answer.partition(b"\n")[0].strip().decode(errors="replace")
        if len(answer) == 5 and answer != b"HTTP/":
            raise DialError(f'malformed HTTP response "{first}"')
    if first.split()[1:2] != ["101"]:
        raise DialError("websocket: bad handshake")


def go_words(error: Exception, host: str, port: str) -> str:
    """What Go's net says about a connection that was not made."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {host}: no such host"
    if isinstance(error, TimeoutError):
        return f"dial tcp {address}: i/o timeout"
    words = _ERRNO_WORDS.get(getattr(error, "errno", None) or 0, str(error))
    return f"dial tcp {address}: {words}"


def tls_words(error: OSError, host: str) -> str:
    """What Go's crypto/tls says about a handshake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == 10:  # X509_V_ERR_CERT_HAS_EXPIRED
            return "x509: certificate has expired or is not yet valid"
        if error.verify_code == 64:  # X509_V_ERR_IP_ADDRESS_MISMATCH
            return f"x509: cannot validate certificate for {host} because it doesn't contain any IP SANs"
        if error.verify_code == 62:  # X509_V_ERR_HOSTNAME_MISMATCH
            return f"x509: certificate is not valid for any names, but wanted to match {host}"
        return "x509: certificate signed by unknown authority"
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "tls: first record does not look like a TLS handshake"
    if isinstance(error, TimeoutError):
        return "i/o timeout"
    return "EOF" if isinstance(error, (ConnectionResetError, ssl.SSLEOFError)) else str(error)


def main(argv: Sequence[str]) -> None:
    """Run as ``/agent`` until the process ends."""
    try:
        agent = Agent(Options.parse(argv))
    except OptionsError as error:
        log(f"Error: {error}")
        sys.exit(1)
    stopping.wait(float(knobs("agent").get("start", START_SECONDS)))
    agent.run()
