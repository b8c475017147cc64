"""The pod tower on a host, as far as a host without agents shows it: the health and version pages of its port.

Imitates tower v0.2.1 pkg/proxy/proxy.go L124-146. Tunnels, Services and conditions of proxy clusters are not played
yet; the agent says so and waits.
"""

from __future__ import annotations

import argparse
import socket
import socketserver
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.sandbox.standin.runtime import log, run, stopping

PAGES = {"/health": b"OK\n", "/version": b"v0.2.1"}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = PAGES.get(self.path)
        body = page or b"Not Found"
        self.send_response(200 if page else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing about single requests."""


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """Share the port: during a rollout the pods of a cluster have the same address."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


def main() -> None:
    """Serve as ``/proxy``; wait as ``/agent``."""
    if "/agent" in sys.argv[1:2]:
        log("the agent's tunnel is not played yet")
        stopping.wait()
        return
    parser = argparse.ArgumentParser(description="plays the pod tower")
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_known_args()[0].port
    log(f"listening on {port}")
    _Server(("0.0.0.0", port), _Handler).serve_forever()


if __name__ == "__main__":
    run(main)
