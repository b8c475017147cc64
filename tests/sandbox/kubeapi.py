"""A small client for one API server, for the sandbox's own programs (cluster start-up, node, stand-ins).

Standard library only, so that a program of the sandbox starts in a tenth of a second. It shares nothing with the
collection's client on purpose: what plays KubeSphere must not agree with the mistakes of what it checks.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"


class ApiError(Exception):
    """The API server answered with an error.

    Attributes:
        status: HTTP status, an integer.
        reason: ``reason`` of the Status object, for example ``NotFound``; empty where the answer is no Status.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class KubeApi:
    """One API server. Every thread has a connection of its own, so an instance may be shared."""

    def __init__(
        self,
        server: str,
        ca: str | None = None,
        token: str | None = None,
        client_certificate: tuple[str, str] | None = None,
        user_agent: str = "sandbox",
    ) -> None:
        """Connect to nothing yet.

        Args:
            server: URL, ``https://address:port``.
            ca: certificate authority, PEM text; None switches verification off.
            token: bearer token.
            client_certificate: paths of a certificate file and its key file.
            user_agent: how this program calls itself in the audit log.
        """
        parts = urllib.parse.urlsplit(server)
        self.server = server
        self._address = (parts.hostname or "", parts.port or 443)
        self._context = ssl.create_default_context(cadata=ca)
        if ca is None:
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE
        if client_certificate:
            self._context.load_cert_chain(*client_certificate)
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._local = threading.local()

    @classmethod
    def from_kubeconfig(cls, source: str | Path | Mapping[str, Any], user_agent: str = "sandbox") -> KubeApi:
        """Client for the current context of a kubeconfig (a path, or its content as a mapping)."""
        config: Any = source if isinstance(source, Mapping) else yaml.safe_load(Path(source).read_text())
        context = next(c["context"] for c in config["contexts"] if c["name"] == config["current-context"])
        cluster = next(c["cluster"] for c in config["clusters"] if c["name"] == context["cluster"])
        user = next(u["user"] for u in config["users"] if u["name"] == context["user"])
        ca = cluster.get("certificate-authority-data")
        pair = None
        with tempfile.TemporaryDirectory() as folder:
            if user.get("client-certificate-data"):
                pair = (f"{folder}/crt", f"{folder}/key")
                for path, field in zip(pair, ("client-certificate-data", "client-key-data"), strict=True):
                    Path(path).touch(mode=0o600)
                    Path(path).write_bytes(base64.b64decode(user[field]))
            return cls(
                cluster["server"],
                ca=base64.b64decode(ca).decode() if ca else None,
                token=user.get("token"),
                client_certificate=pair,
                user_agent=user_agent,
            )

    @classmethod
    def in_cluster(cls, user_agent: str = "sandbox") -> KubeApi:
        """Client with the pod's service account, as a program in a pod makes it."""
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        return cls(
            f"https://{host}:{port}",
            ca=(SERVICE_ACCOUNT / "ca.crt").read_text(),
            token=(SERVICE_ACCOUNT / "token").read_text(),
            user_agent=user_agent,
        )

    def get(self, path: str, **query: str) -> Object:
        """Read an object or a list."""
        return self.request("GET", path, query=query)

    def find(self, path: str) -> Object | None:
        """Read an object; None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def create(self, path: str, body: Object) -> Object:
        """POST to a collection."""
        return self.request("POST", path, body)

    def update(self, path: str, body: Object) -> Object:
        """PUT a whole object."""
        return self.request("PUT", path, body)

    def patch(self, path: str, body: Object, content_type: str = MERGE_PATCH) -> Object:
        """PATCH an object."""
        return self.request("PATCH", path, body, content_type=content_type)

    def delete(self, path: str, body: Object | None = None) -> Object | None:
        """Delete an object; None where there was none."""
        try:
            return self.request("DELETE", path, body)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        timeout: float = 30,
    ) -> Object:
        """Send one request and decode its JSON answer.

        Raises:
            ApiError: the server refused it.
            OSError, http.client.HTTPException: there is no connection.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, **({"Content-Type": content_type} if data is not None else {})}
        url = path + ("?" + urllib.parse.urlencode(query) if query else "")
        for attempt in (1, 2):
            connection = self._connection(timeout)
            fresh = connection.sock is None
            try:
                connection.request(method, url, data, headers)
                response = connection.getresponse()
                answer = response.read()
                break
            except (OSError, http.client.HTTPException):
                connection.close()
                # A kept connection that the server has closed meanwhile is no error: try once on a new one.
                if fresh or attempt == 2:
                    raise
        decoded = _decode(answer)
        if response.status >= 400:
            raise ApiError(response.status, str(decoded.get("reason", "")), str(decoded.get("message", answer[:200])))
        return decoded

    def watch(
        self, path: str, resource_version: str = "", seconds: int = 300, **query: str
    ) -> Iterator[tuple[str, Object]]:
        """Events of a collection from a resource version on, as ``(type, object)``, until the server ends the watch.

        Raises:
            ApiError: status 410 means that the version is too old: list again.
        """
        parameters = {
            "watch": "1",
            "timeoutSeconds": str(seconds),
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            **query,
        }
        connection = self.connect(seconds + 30)
        try:
            connection.request("GET", f"{path}?{urllib.parse.urlencode(parameters)}", headers=self._headers)
            response = connection.getresponse()
            if response.status >= 400:
                decoded = _decode(response.read())
                raise ApiError(response.status, str(decoded.get("reason", "")), str(decoded.get("message", "")))
            while line := response.readline():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise ApiError(status.get("code", 500), status.get("reason", ""), status.get("message", ""))
                yield event["type"], event["object"]
        finally:
            connection.close()

    def connect(self, timeout: float) -> http.client.HTTPSConnection:
        """A connection of the caller's own, with the client certificate and without any header."""
        return http.client.HTTPSConnection(*self._address, context=self._context, timeout=timeout)

    def _connection(self, timeout: float) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.connect(timeout)
        return connection


def _decode(answer: bytes) -> Object:
    try:
        decoded = json.loads(answer or b"{}")
    except ValueError:
        return {"message": answer.decode(errors="replace"), "text": answer.decode(errors="replace")}
    return decoded if isinstance(decoded, dict) else {"items": decoded}
