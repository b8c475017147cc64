"""The cluster's name server: addresses of Services for its pods, and what a test wants other names to be.

It listens on the node's address, port 53, and does what pods ask CoreDNS for: A records of Services with a ClusterIP,
``<service>.<namespace>.svc``. Names of the world outside are those that ``standin.json`` has, for example
``{"dns": {"tower.example.org": "10.210.1.9"}}``; all others do not exist.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import sys
import time
from pathlib import Path

from ..kubeapi import ApiError, KubeApi

PORT = 53
SECONDS = 5
"""How long an answer may be kept."""

_HEADER = struct.Struct("!HHHHHH")
_A, _AAAA, _IN = 1, 28, 1
_NAME_ERROR = 3

_WGET = "tries = 1\nconnect_timeout = 10\n"
"""Debian's wget tries twenty times, while alpine's, which the image of tower has, tries once."""


def resolver_files(state: Path, address: str, namespace: str) -> dict[str, Path]:
    """Files that a container has because of where it runs, by their place in it.

    Args:
        state: the node's folder.
        address: the node's.
        namespace: the pod's.
    """
    folder = state / "machine" / "resolver"
    search = " ".join((f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"))
    text = f"nameserver {address}\nsearch {search}\noptions ndots:5 timeout:2 attempts:2\n"
    found = {"/etc/resolv.conf": folder / namespace}
    contents = {found["/etc/resolv.conf"]: text}
    if Path("/etc/wgetrc").exists():
        found["/etc/wgetrc"] = folder / ".wgetrc"
        contents[folder / ".wgetrc"] = _WGET
    for path, content in contents.items():
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    return found


class DnsServer:
    """Answers questions one after the other: they are few."""

    def __init__(self, api: KubeApi, address: str, cluster: Path) -> None:
        """Listen to nothing yet.

        Args:
            api: asked for Services.
            address: where to listen.
            cluster: the cluster's state folder.
        """
        self._api = api
        self._address = address
        self._knobs = cluster / "standin.json"

    def run(self) -> None:
        """Serve for ever."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((self._address, PORT))
            while True:
                question, client = server.recvfrom(4096)
                try:
                    server.sendto(self.answer(question), client)
                except (OSError, http.client.HTTPException, ApiError, ValueError, IndexError, struct.error) as error:
                    print(f"{time.strftime('%H:%M:%S')} name server: {error}", file=sys.stderr, flush=True)

    def answer(self, question: bytes) -> bytes:
        """The answer to a question, both as they are on the wire.

        Raises:
            ValueError, IndexError, struct.error: this is no question.
            ApiError, OSError, http.client.HTTPException: the API server could not be asked.
        """
        number, flags, *_dummy = _HEADER.unpack_from(question)
        name, end = _read_name(question, _HEADER.size)
        kind, _dummy = struct.unpack_from("!HH", question, end)
        asked = question[_HEADER.size : end + 4]
        address = self._find(name.lower())
        records = b""
        if address and kind == _A:
            records = struct.pack("!HHHIH", 0xC000 | _HEADER.size, _A, _IN, SECONDS, 4) + socket.inet_aton(address)
        # Answer, authoritative; recursion is available where it was desired.
        code = 0x8480 | (flags & 0x0100) | (0 if address else _NAME_ERROR)
        return _HEADER.pack(number, code, 1, 1 if records else 0, 0, 0) + asked + records

    def _find(self, name: str) -> str | None:
        """The address of a name."""
        given = self._given().get(name)
        if given:
            return str(given)
        parts = name.split(".")
        if parts[2:] not in (["svc", "cluster", "local"], ["svc"]):
            return None
        service = self._api.find(f"/api/v1/namespaces/{parts[1]}/services/{parts[0]}")
        address = service["spec"].get("clusterIP") if service else None
        return str(address) if address and address != "None" else None

    def _given(self) -> dict[str, str]:
        try:
            return dict(json.loads(self._knobs.read_text()).get("dns") or {})
        except (OSError, ValueError, AttributeError):
            return {}


def _read_name(message: bytes, start: int) -> tuple[str, int]:
    """The name that begins at a place, and where it ends."""
    parts = []
    while length := message[start]:
        if length > 63:
            raise ValueError("a name in a question is not abbreviated")
        parts.append(message[start + 1 : start + 1 + length].decode())
        start += 1 + length
    return ".".join(parts), start + 1
