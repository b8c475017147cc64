"""Other clusters, reached as the kubeconfig in a Cluster object says, with errors in client-go's words.

The words matter: the controller puts them into the condition Federated, the API and the webhook answer with them.
"""

from __future__ import annotations

import base64
import binascii
import errno
import http.client
import json
import socket
import ssl
import tempfile
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.kubeapi import Object


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

    @classmethod
    def parse(cls, kubeconfig: bytes) -> RestConfig:
        """Read a kubeconfig.

        Raises:
            KubeconfigError: it is none, lacks something, or needs files or providers that the pod does not have.
        """
        try:
            content = yaml.safe_load(kubeconfig)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise KubeconfigError(f"error converting YAML to JSON: yaml: {str(error).splitlines()[0]}") from error
        if not isinstance(content, dict):
            raise KubeconfigError("couldn't get version/kind; json parse error: json: cannot unmarshal into Go value")
        current = content.get("current-context") or ""
        context = _named(content, "contexts", "context", current)
        if not context:
            if not content.get("clusters"):
                raise KubeconfigError("invalid configuration: no configuration has been provided")
            raise KubeconfigError(f"context was not found for specified context: {current}")
        cluster = _named(content, "clusters", "cluster", context.get("cluster"))
        if not cluster or not cluster.get("server"):
            raise KubeconfigError(
                f"invalid configuration: cluster has no server defined: no server found for cluster "
                f'"{context.get("cluster")}"'
            )
        user = _named(content, "users", "user", context.get("user")) or {}
        if provider := (user.get("auth-provider") or {}).get("name"):
            raise KubeconfigError(f'no Auth Provider found for name "{provider}"')
        return cls(
            server=str(cluster["server"]).rstrip("/"),
            ca=_data(cluster, "certificate-authority"),
            insecure=bool(cluster.get("insecure-skip-tls-verify")),
            certificate=_data(user, "client-certificate"),
            key=_data(user, "client-key"),
            token=str(user.get("token") or _token_file(user)),
            plugin=str((user.get("exec") or {}).get("command") or ""),
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

    def __init__(self, config: RestConfig, timeout: float = 30.0) -> None:
        """Connect to nothing yet.

        Args:
            config: where and as whom.
            timeout: seconds for connecting and for each answer; 30 is Go's for connecting.
        """
        self._config = config
        self._timeout = timeout
        self._parts = urllib.parse.urlsplit(config.server)
        self._context = _tls(config) if self._parts.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: Object | None = None) -> Object:
        """Send a request and decode the answer.

        Raises:
            RemoteError: refused or not reached.
        """
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if data is not None else {}
        status, content = self._send(method, path, headers, data)
        try:
            decoded = json.loads(content or b"{}")
        except ValueError:
            decoded = {"message": content.decode(errors="replace").strip()}
        if status >= 400:
            raise RemoteError(_status_text(status, decoded), status)
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
        """Pass a request on and return the open answer with its connection, which the caller closes.

        Raises:
            RemoteError: not reached.
        """
        connection = self._connect()
        try:
            connection.request(method, path, body, {**headers, **self._credentials()})
            return connection.getresponse(), connection
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise RemoteError(self._words(method, path, error)) from error

    def close(self) -> None:
        """Close the kept connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _send(self, method: str, path: str, headers: dict[str, str], data: bytes | None) -> tuple[int, bytes]:
        credentials = self._credentials()
        for attempt in (1, 2):
            fresh = self._connection is None
            if self._connection is None:
                self._connection = self._connect()
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

    def _credentials(self) -> dict[str, str]:
        if self._config.plugin:
            raise RemoteError(f"getting credentials: exec: executable {self._config.plugin} not found")
        return {"Authorization": f"Bearer {self._config.token}"} if self._config.token else {}

    def _words(self, method: str, path: str, error: Exception) -> str:
        """What Go's net/http says about a failed connection."""
        address = f"{self._parts.hostname}:{self._parts.port or 443}"
        prefix = f'{method.capitalize()} "{self._config.server}{path}"'
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
    if path := section.get(field):
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise KubeconfigError(
                f"invalid configuration: unable to read {field} {path} due to open {path}: no such file or directory"
            ) from error
    return b""


def _token_file(user: dict[str, Any]) -> str:
    path = user.get("tokenFile")
    try:
        return Path(path).read_text().strip() if path else ""
    except OSError:
        return ""


def _status_text(status: int, decoded: Any) -> str:
    if isinstance(decoded, dict) and decoded.get("message"):
        return str(decoded["message"])
    return {401: "Unauthorized", 404: "the server could not find the requested resource"}.get(
        status, f"an error on the server ({status}) has prevented the request from succeeding"
    )


def _certificate_words(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == 10:  # X509_V_ERR_CERT_HAS_EXPIRED
        return "certificate has expired or is not yet valid"
    if "match" in error.verify_message:
        return f"cannot validate certificate: {error.verify_message}"
    return "certificate signed by unknown authority"
