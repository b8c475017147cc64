"""The validating webhook of Cluster objects in 3.4, served by ks-controller-manager.

Imitates kubesphere v3.4.1 pkg/controller/cluster/cluster_webhook.go: an update of a Cluster whose ``status.uid`` is
known is allowed only if the cluster behind the new kubeconfig can be reached and is still the same.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import socketserver
import ssl
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from tests.sandbox.standin.manifests import WEBHOOK_PATH
from tests.sandbox.standin.remote import KubeconfigError, Remote, RemoteError, RestConfig
from tests.sandbox.standin.runtime import log, stopping

PORT = 8443
CERTIFICATES = Path(os.environ.get("STANDIN_WEBHOOK_CERTS", "/tmp/k8s-webhook-server/serving-certs"))

OTHER_CLUSTER = (
    "this kubeconfig corresponds to a different cluster than the previous one, "
    "you need to make sure that kubeconfig is not from another cluster"
)


def refusal(request: dict[str, Any]) -> str:
    """Why the admission request is denied; empty where it is allowed."""
    if request.get("operation") != "UPDATE":
        return ""
    uid = (request["oldObject"].get("status") or {}).get("uid")
    if not uid:
        return ""
    new = request["object"]
    kubeconfig = ((new.get("spec") or {}).get("connection") or {}).get("kubeconfig") or ""
    try:
        config = RestConfig.parse(base64.b64decode(kubeconfig))
    except KubeconfigError as error:
        return f"failed to load cluster config for {new['metadata']['name']}: {error}"
    try:
        found = Remote(config).call("GET", "/api/v1/namespaces/kube-system")
    except (RemoteError, KubeconfigError) as error:
        return str(error)
    return "" if found["metadata"]["uid"] == uid else OTHER_CLUSTER


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.partition("?")[0] != WEBHOOK_PATH:
            self.send_error(404)
            return
        review = json.loads(body)
        reason = refusal(review["request"])
        response: dict[str, Any] = {"uid": review["request"]["uid"], "allowed": not reason}
        # controller-runtime puts the text of a denial into the reason.
        response["status"] = {"metadata": {}, "code": 403 if reason else 200, **({"reason": reason} if reason else {})}
        answer = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing about single requests."""


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        super().__init__(("0.0.0.0", PORT), _Handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, with the certificate as it is now (controller-runtime watches the files, too)."""
        connection, address = super().get_request()
        certificate = self._folder / "tls.crt"
        stamp = certificate.stat().st_mtime_ns
        if stamp != self._stamp:
            self._context.load_cert_chain(certificate, self._folder / "tls.key")
            self._stamp = stamp
        # The handshake happens at the first read, in the connection's own thread.
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no error."""


def serve(folder: Path = CERTIFICATES) -> None:
    """Serve until the process ends; wait for the certificate first."""
    while not (folder / "tls.crt").exists():
        if stopping.wait(0.5):
            return
    log(f"webhook server is listening on {PORT}")
    _Server(folder).serve_forever()
