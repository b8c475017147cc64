"""Other clusters, reached as the kubeconfig in a Cluster object says, with errors in client-go's words.

The words matter: the controller puts them into the condition Federated, the API and the webhook answer with them.
"""

from __future__ import annotations

import base64
import binascii
import errno
import http.client
import json
import os
import socket
import ssl
import tempfile
import threading
import time
import urllib.parse
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.kubeapi import Object

_KNOWN_CLUSTERS = 2048  # whose TLS settings are kept, as client-go's tlsTransportCache keeps transports
_IDLE_CONNECTIONS = 256  # of all clusters together
_IDLE_SECONDS = 90.0  # of Go's DefaultTransport

# What clientcmd begins with, and what it says of an empty document.
_INVALID = "invalid configuration"
_NOTHING = "no configuration has been provided, try setting KUBERNETES_MASTER environment variable"


class RemoteError(Exception):
    """A request to another cluster failed; the text is what client-go would say.

    Attributes:
        status: HTTP status; 0 where there was no answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class KubeconfigError(Exception):
    """client-go would refuse this kubeconfig; the text is what it would say."""


@dataclass(frozen=True)
class RestConfig:
    """What a kubeconfig's current context says.

    Imitates client-go tools/clientcmd RESTConfigFromKubeConfig.
    """

    server: str
    ca: bytes = b""
    insecure: bool = False
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    plugin: str = ""
    provider: str = ""

    @classmethod
    def parse(cls, kubeconfig: bytes) -> RestConfig:
        """Read a kubeconfig.

        Raises:
            KubeconfigError: it is none, lacks something, or needs files that the pod does not have.
        """
        content = _document(kubeconfig)
        current = content.get("current-context") or ""
        context = _named(content, "contexts", "context", current)
        if not context and not content.get("clusters"):
            raise KubeconfigError(f"{_INVALID}: {_NOTHING}")
        context = context or {}
        cluster_name, user_name = context.get("cluster"), context.get("user")
        cluster = _named(content, "clusters", "cluster", cluster_name) or {}
        user = _named(content, "users", "user", user_name) or {}
        problems = [
            *([] if context or not current else [f"context was not found for specified context: {current}"]),
            *([] if cluster else ["cluster has no server defined"]),
            *([f'no server found for cluster "{cluster_name}"'] if cluster and not cluster.get("server") else []),
            *_unreadable(cluster, "certificate-authority", "certificate-authority", cluster_name),
            *_unreadable(user, "client-certificate", "client-cert", user_name),
            *_unreadable(user, "client-key", "client-key", user_name),
        ]
        if problems:
            listed = ", ".join(problems)
            raise KubeconfigError(f"{_INVALID}: {listed if len(problems) == 1 else f'[{listed}]'}")
        return cls(
            server=str(cluster["server"]).rstrip("/"),
            ca=_data(cluster, "certificate-authority"),
            insecure=bool(cluster.get("insecure-skip-tls-verify")),
            certificate=_data(user, "client-certificate"),
            key=_data(user, "client-key"),
            token=str(user.get("token") or _token_file(user)),
            plugin=str((user.get("exec") or {}).get("command") or ""),
            provider=str((user.get("auth-provider") or {}).get("name") or ""),
        )


def kubeconfig(server: str, ca: bytes, token: str, token_file: str) -> bytes:
    """A self-contained kubeconfig for a pod's own credentials.

    Imitates kubesphere v3.4.1 pkg/controller/cluster/helper.go buildKubeconfigFromRestConfig.
    """
    name = "kubernetes-admin@kubernetes"
    cluster = {"certificate-authority-data": base64.b64encode(ca).decode(), "server": server}
    content = {
        "apiVersion": "v1",
        "clusters": [{"cluster": cluster, "name": "kubernetes"}],
        "contexts": [{"context": {"cluster": "kubernetes", "user": "kubernetes-admin"}, "name": name}],
        "current-context": name,
        "kind": "Config",
        "preferences": {},
        "users": [{"name": "kubernetes-admin", "user": {"token": token, "tokenFile": token_file}}],
    }
    return str(yaml.safe_dump(content)).encode()


class Remote:
    """One other cluster's API server; for use by one thread."""

    def __init__(self, config: RestConfig, timeout: float = 30.0, query: str = "") -> None:
        """Connect to nothing yet.

        Args:
            config: where and as whom.
            timeout: seconds for connecting and for each answer; 30 is Go's for connecting.
            query: what client-go adds to each path, for example ``?timeout=10s``.

        Raises:
            KubeconfigError: no client can be made of this.
        """
        if config.provider:
            raise KubeconfigError(f'no Auth Provider found for name "{config.provider}"')
        self._query = query
        self._config = config
        self._timeout = timeout
        self._parts = urllib.parse.urlsplit(config.server)
        self._context = _tls(config) if self._parts.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: Object | None = None, timeout: float | None = None) -> Object:
        """Send a request and decode the answer.

        Args:
            method: HTTP method.
            path: path on the API server.
            body: what to send.
            timeout: seconds for this answer, in place of the usual ones.

        Raises:
            RemoteError: refused or not reached.
        """
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if data is not None else {}
        status, content = self._send(method, path + self._query, headers, data, timeout or self._timeout)
        try:
            decoded = json.loads(content or b"{}")
        except ValueError:
            decoded = content.decode(errors="replace").strip()
        if status >= 400:
            # The service proxy is asked without client-go, which takes the answer as it is.
            raw = "/proxy/" in path
            raise RemoteError(content.decode() if raw else _status_text(status, decoded, method, path), status)
        return decoded if isinstance(decoded, dict) else {"items": decoded}

    def find(self, path: str) -> Object | None:
        """Read an object; None where there is none."""
        try:
            return self.call("GET", path)
        except RemoteError as error:
            if error.status == 404:
                return None
            raise

    def forward(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        """Pass a request on and return the open answer with its connection, which the caller gives back or closes.

        Raises:
            RemoteError: not reached.
        """
        kept = _idle.take(self._config) if method in ("GET", "HEAD") else None
        for connection in [*([kept] if kept else []), self._connect()]:
            try:
                connection.request(method, path, body, {**headers, **self._credentials(method, path)})
                response = connection.getresponse()
                if connection is kept and response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    connection.close()  # it may lead to an agent that is gone
                    continue
                return response, connection
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                # A kept connection that the server has closed meanwhile is no error: try once on a new one.
                if connection is not kept or isinstance(error, TimeoutError):
                    raise RemoteError(self._words(method, path, error)) from error
        raise AssertionError("unreachable")

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        """Keep a connection whose answer has been read for whoever goes there next."""
        _idle.keep(self._config, connection)

    def close(self) -> None:
        """Close the kept connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _send(
        self, method: str, path: str, headers: dict[str, str], data: bytes | None, timeout: float
    ) -> tuple[int, bytes]:
        credentials = self._credentials(method, path)
        for attempt in (1, 2):
            fresh = self._connection is None
            if self._connection is None:
                self._connection = self._connect()
            self._connection.timeout = timeout
            if self._connection.sock:
                self._connection.sock.settimeout(timeout)
            try:
                self._connection.request(method, path, data, {"User-Agent": "standin", **headers, **credentials})
                response = self._connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                self.close()
                # A kept connection that the server has closed meanwhile is no error: try once on a new one.
                if fresh or attempt == 2:
                    raise RemoteError(self._words(method, path, error)) from error
        raise AssertionError("unreachable")

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._context is None:
            return http.client.HTTPConnection(host, port or 80, timeout=self._timeout)
        return http.client.HTTPSConnection(host, port or 443, timeout=self._timeout, context=self._context)

    def _credentials(self, method: str, path: str) -> dict[str, str]:
        if self._config.plugin:
            # The original goes on with some advice.
            error = f"getting credentials: exec: executable {self._config.plugin} not found"
            raise RemoteError(f"{self._request(method, path)}: {error}")
        return {"Authorization": f"Bearer {self._config.token}"} if self._config.token else {}

    def _request(self, method: str, path: str) -> str:
        return f'{method.capitalize()} "{self._config.server}{path}"'

    def _words(self, method: str, path: str, error: Exception) -> str:
        """What Go's net/http says about a failed connection."""
        address = f"{self._parts.hostname}:{self._parts.port or 443}"
        prefix = self._request(method, path)
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"{prefix}: x509: {_certificate_words(error)}"
        if isinstance(error, TimeoutError):
            return f"{prefix}: dial tcp {address}: i/o timeout"
        if isinstance(error, socket.gaierror):
            return f"{prefix}: dial tcp: lookup {self._parts.hostname}: no such host"
        words = {
            errno.ECONNREFUSED: "connection refused",
            errno.EHOSTUNREACH: "no route to host",
            errno.ENETUNREACH: "network is unreachable",
        }
        if isinstance(error, OSError) and error.errno in words:
            return f"{prefix}: dial tcp {address}: connect: {words[error.errno]}"
        return f"{prefix}: {error or type(error).__name__}"


class _IdleConnections:
    """Connections that are open and wait for the next request, one for each cluster; Go's transports keep more."""

    def __init__(self) -> None:
        self._kept: OrderedDict[RestConfig, tuple[float, http.client.HTTPConnection]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, config: RestConfig) -> http.client.HTTPConnection | None:
        """The one to the cluster; None if there is none."""
        with self._lock:
            since, connection = self._kept.pop(config, (0.0, None))
        if connection and time.monotonic() - since > _IDLE_SECONDS:
            connection.close()
            return None
        return connection

    def keep(self, config: RestConfig, connection: http.client.HTTPConnection) -> None:
        """Have this one from now on; the oldest goes where there are too many."""
        with self._lock:
            gone = [self._kept.pop(config)] if config in self._kept else []
            self._kept[config] = time.monotonic(), connection
            if len(self._kept) > _IDLE_CONNECTIONS:
                gone.append(self._kept.popitem(last=False)[1])
        for _since, old in gone:
            old.close()


_idle = _IdleConnections()


@lru_cache(maxsize=_KNOWN_CLUSTERS)
def _tls(config: RestConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=config.ca.decode() or None)
        if config.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if config.certificate and config.key:
            with tempfile.NamedTemporaryFile() as pair:
                pair.write(config.certificate + b"\n" + config.key)
                pair.flush()
                context.load_cert_chain(pair.name)
    except (ssl.SSLError, ValueError) as error:
        raise KubeconfigError(f"unable to load root certificates or key pair: {error}") from error
    return context


def _named(content: dict[str, Any], collection: str, kind: str, name: str | None) -> dict[str, Any] | None:
    for entry in content.get(collection) or []:
        if isinstance(entry, dict) and entry.get("name") == name:
            return dict(entry.get(kind) or {})
    return None


def _data(section: dict[str, Any], field: str) -> bytes:
    if encoded := section.get(f"{field}-data"):
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError, TypeError) as error:
            raise KubeconfigError("illegal base64 data at input byte 0") from error
    return Path(section[field]).read_bytes() if section.get(field) else b""


def _unreadable(section: dict[str, Any], field: str, word: str, name: str | None) -> list[str]:
    """What is wrong with a field that names a file."""
    path = section.get(field)
    if not path or section.get(f"{field}-data") or os.access(path, os.R_OK):
        return []
    return [f"unable to read {word} {path} for {name} due to open {path}: no such file or directory"]


def _token_file(user: dict[str, Any]) -> str:
    path = user.get("tokenFile")
    try:
        return Path(path).read_text().strip() if path else ""
    except OSError:
        return ""


def _status_text(status: int, decoded: Any, method: str, path: str) -> str:
    """The server's own words where it sent a Status, client-go's otherwise (NewGenericServerResponse)."""
    discovery = path == "/version"  # is read as raw text
    if isinstance(decoded, dict) and decoded.get("message") and not discovery:
        return str(decoded["message"])
    words = {
        400: "the server rejected our request for an unknown reason",
        401: "the server has asked for the client to provide credentials" if discovery else "Unauthorized",
        404: "the server could not find the requested resource",
    }
    generic = f"an error on the server ({status}) has prevented the request from succeeding"
    return words.get(status, generic) + ("" if discovery else f" ({_subject(method, path)})")


def _subject(method: str, path: str) -> str:
    """The request in client-go's short form: ``get namespaces kube-system``."""
    parts = path.partition("?")[0].strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[0] == "namespaces" and len(parts) > 2:
        parts = parts[2:]
    return " ".join([method.lower(), *parts[:2]])


def _document(text: bytes) -> dict[str, Any]:
    try:
        # libyaml has the words of Go's package, which is a translation of it.
        content = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        line += isinstance(error, yaml.scanner.ScannerError) and line > 0  # as Go's package counts
        raise KubeconfigError(f"yaml: {f'line {line}: ' if line else ''}{error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"yaml: {str(error).splitlines()[0]}") from error
    if content is not None and not isinstance(content, dict):
        raise KubeconfigError("couldn't get version/kind; json parse error: json: cannot unmarshal into Go value")
    return content or {}


def _certificate_words(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == 10:  # X509_V_ERR_CERT_HAS_EXPIRED
        return "certificate has expired or is not yet valid"
    if "match" in error.verify_message:
        return f"cannot validate certificate: {error.verify_message}"
    return "certificate signed by unknown authority"
