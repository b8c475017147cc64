"""The proxy before an API server: what it counts as a write, what it passes on, and what a gate makes of it."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.torture.proxy import Answer, Gate, HangUp, Proxy, Request

PODS = "/api/v1/namespaces/default/pods"


@pytest.mark.parametrize(
    ("method", "path", "query", "writes"),
    [
        ("GET", PODS, "", False),
        ("POST", PODS, "", True),
        ("PUT", f"{PODS}/a", "", True),
        ("PATCH", f"{PODS}/a/status", "fieldManager=x", True),
        ("DELETE", f"{PODS}/a", "", True),
        ("PATCH", f"{PODS}/a", "dryRun=All&fieldManager=x", False),
        ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "", False),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", "", False),
        ("POST", "/api/v1/namespaces/default/serviceaccounts/a/token", "", True),
        ("POST", "/api/v1/namespaces/a/services/:ks-apiserver:80/proxy/kapis/x/validation", "", False),
        ("POST", "/apis/example.org/v1/proxyclasses", "", True),
    ],
)
def test_what_is_a_write(method: str, path: str, query: str, writes: bool) -> None:
    assert Request("host", method, path, query).writes is writes


class Upstream(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self.server.asked.append((self.command, self.path, body))  # type: ignore[attr-defined]
        self.send_response(200)
        if "watch=1" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\n{}\n\r\n3\r\n[]\n\r\n0\r\n\r\n")
            return
        answer = json.dumps({"said": body, "agent": self.headers.get("User-Agent")}).encode()
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PATCH = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def upstream() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def proxy(upstream: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    given = tmp_path / "kubeconfig"
    cluster = {"name": "a", "cluster": {"server": "https://127.0.0.1"}}
    given.write_text(
        json.dumps(
            {
                "clusters": [cluster],
                "users": [{"name": "a", "user": {}}],
                "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
                "current-context": "a",
            }
        )
    )
    with Proxy("a", given) as started:
        monkeypatch.setattr(started, "connect", lambda: http.client.HTTPConnection(*upstream.server_address))
        yield started


def ask(proxy: Proxy, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(proxy.url).netloc, timeout=5)
    try:
        connection.request(method, path, body, {"User-Agent": "me"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_requests_and_answers_are_passed_on_whole(proxy: Proxy, upstream: ThreadingHTTPServer) -> None:
    status, answer = ask(proxy, "PATCH", f"{PODS}/a?x=y", '{"b": 1}')
    assert (status, json.loads(answer)) == (200, {"said": '{"b": 1}', "agent": "me"})
    assert upstream.asked == [("PATCH", f"{PODS}/a?x=y", '{"b": 1}')]  # type: ignore[attr-defined]


def test_watch_is_passed_on_as_a_stream(proxy: Proxy) -> None:
    assert ask(proxy, "GET", f"{PODS}?watch=1") == (200, "{}\n[]\n")


class Lost(Gate):
    """Loses requests, or answers."""

    def __init__(self, delivered: bool) -> None:
        self.delivered = delivered

    def before(self, request: Request) -> Answer | None:
        del request
        if self.delivered:
            return None
        raise HangUp

    def after(self, request: Request, answer: Answer) -> Answer:
        del request, answer
        raise HangUp


@pytest.mark.parametrize("delivered", [False, True])
def test_connection_is_reset_before_or_after_delivery(
    proxy: Proxy, upstream: ThreadingHTTPServer, delivered: bool
) -> None:
    proxy.gate = Lost(delivered)
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        ask(proxy, "POST", PODS, "{}")
    assert len(upstream.asked) == int(delivered)  # type: ignore[attr-defined]


class Half(Gate):
    """Gives half of an answer, and one of its own to other requests."""

    def before(self, request: Request) -> Answer | None:
        return Answer(429, b"{}", {"Retry-After": "1"}) if request.method == "GET" else None

    def after(self, request: Request, answer: Answer) -> Answer:
        del request
        return Answer(answer.status, answer.body[:5], answer.headers, len(answer.body))


def test_gate_answers_itself_or_shortens(proxy: Proxy, upstream: ThreadingHTTPServer) -> None:
    proxy.gate = Half()
    assert ask(proxy, "GET", PODS) == (429, "{}")
    assert upstream.asked == []  # type: ignore[attr-defined]
    with pytest.raises(http.client.IncompleteRead):
        ask(proxy, "POST", PODS, "{}")
