"""The node's HTTPS port, as far as kubelet's is needed: logs of containers, health."""

from __future__ import annotations

import contextlib
import http.client
import select
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .container import Container
from .logs import LogQuery, read_log
from .pod import Pod

FindPod = Callable[[str, str], Pod | None]

NOT_HERE = ("exec", "run", "attach", "portForward", "cri")

HANDSHAKE_SECONDS = 10


class BadRequest(Exception):
    """What was asked for cannot be given; the text goes to the one who asked."""


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: NodeServer

    def handle(self) -> None:
        """Answer until the other side closes; the handshake is here, so that nobody else waits for a slow one."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.request.settimeout(HANDSHAKE_SECONDS)
            self.request.do_handshake()
            self.request.settimeout(None)
            super().handle()

    def do_GET(self) -> None:
        """Answer a GET."""
        url = urllib.parse.urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        if not self.request.getpeercert():
            self._answer(401, "Unauthorized")
        elif parts == ["healthz"]:
            self._answer(200, "ok")
        elif parts[0] == "containerLogs" and len(parts) == 4:
            try:
                self._logs(parts[1], parts[2], parts[3], dict(urllib.parse.parse_qsl(url.query)))
            except BadRequest as error:
                self._answer(400, str(error))
        elif parts[0] in NOT_HERE:
            self._answer(
                501, f"{parts[0]} does not exist on a sandbox node; the container's process runs on this machine"
            )
        else:
            self._answer(404, f"404 page not found: {url.path}")

    do_POST = do_GET  # noqa: N815 - named by the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Keep quiet: the API server's audit log has it."""

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _logs(self, namespace: str, name: str, container_name: str, query: dict[str, str]) -> None:
        pod = self.server.find_pod(namespace, name)
        if pod is None:
            self._answer(404, f'pod "{name}" not found')
            return
        container = next((each for each in pod.containers if each.name == container_name), None)
        if container is None:
            self._answer(404, f'container "{container_name}" not found in pod "{name}"')
            return
        path = _log_of(container, name, query.get("previous") == "true")
        wanted = _query(query)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        restarts, log = container.restarts, container.log
        written = log.written if log else threading.Condition()

        def ended() -> bool:
            return not container.running or container.restarts != restarts

        for piece in read_log(path, wanted, written, ended):
            if piece:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            elif self._left():
                return
        self.wfile.write(b"0\r\n\r\n")

    def _left(self) -> bool:
        """Whether the other side has closed the connection, for it sends nothing else while it listens."""
        return bool(select.select([self.connection], [], [], 0)[0])


def _log_of(container: Container, pod: str, previous: bool) -> Path:
    if previous and (container.previous is None or not container.log_path(previous=True).exists()):
        if container.waiting and container.run:
            return container.log_path()
        raise BadRequest(f'previous terminated container "{container.name}" in pod "{pod}" not found')
    if container.run is None:
        reason = container.waiting[0] if container.waiting else "ContainerCreating"
        if reason in ("ErrImagePull", "ImagePullBackOff"):
            reason = "trying and failing to pull image"
        raise BadRequest(f'container "{container.name}" in pod "{pod}" is waiting to start: {reason}')
    path = container.log_path(previous)
    if not path.exists():
        raise BadRequest(f'the log of container "{container.name}" in pod "{pod}" has gone with its folder')
    return path


def _query(query: dict[str, str]) -> LogQuery:
    def number(name: str) -> int | None:
        try:
            return int(query[name]) if name in query else None
        except ValueError:
            raise BadRequest(f"{name} is no number: {query[name]}") from None

    since = query.get("sinceTime", "")
    seconds = number("sinceSeconds")
    try:
        if seconds is not None:
            moment = datetime.now(timezone.utc) - timedelta(seconds=seconds)
        elif since:
            moment = datetime.fromisoformat(since.replace("Z", "+00:00")).astimezone(timezone.utc)
        since = moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z") if since or seconds is not None else ""
    except ValueError:
        raise BadRequest(f"sinceTime is no time: {since}") from None
    return LogQuery(
        tail=number("tailLines"),
        since=since,
        timestamps=query.get("timestamps") == "true",
        limit_bytes=number("limitBytes"),
        follow=query.get("follow") == "true",
    )


class NodeServer(ThreadingHTTPServer):
    """The HTTPS server; only clients with a certificate of the cluster's authority get an answer."""

    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], certificate: Path, key: Path, client_ca: Path, find_pod: FindPod
    ) -> None:
        super().__init__(address, Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(client_ca))
        context.load_cert_chain(certificate, key)
        # Asked for but not required in the handshake: kubelet answers 401 to those who have none.
        context.verify_mode = ssl.CERT_OPTIONAL
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.find_pod = find_pod
