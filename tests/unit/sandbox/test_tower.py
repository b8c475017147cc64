"""The stand-ins of tower and agent, as far as they need no cluster, against facts of tower's own code."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from tests.sandbox.node.dns import DnsServer
from tests.sandbox.standin.agent import OptionsError, complete, duration, parse_problem
from tests.sandbox.standin.runtime import background
from tests.sandbox.standin.tunnel import Tunnel


@pytest.mark.parametrize(
    ("given", "dialled"),
    [
        ("http://10.0.0.1:8080", "ws://10.0.0.1:8080"),
        ("http://10.0.0.1", "ws://10.0.0.1"),  # ends in a digit: taken to have a port
        ("http://tower.example.org", "ws://tower.example.org:80"),
        ("https://tower.example.org", "wss://tower.example.org:443"),
        ("https://[fd00::1]", "wss://[fd00::1]:443"),
        ("https://tower.example.org:8443/way", "wss://tower.example.org:8443/way"),
    ],
)
def test_address_that_an_agent_dials(given: str, dialled: str) -> None:
    assert complete(given) == dialled


def test_agent_wants_an_address() -> None:
    with pytest.raises(OptionsError, match="invalid proxy server url"):
        complete("")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("10.0.0.1:8080", "first path segment in URL cannot contain colon"),
        ("http://[fd00::1:8080", "missing ']' in host"),
        ("http://tower:port", 'invalid port ":port" after host'),
        ("http://a b", 'invalid character " " in host name'),
        ("http://a\n", "invalid control character in URL"),
        ("tower:8080", ""),  # a scheme, as Go sees it
        ("tower", ""),
        ("http://10.0.0.1:8080", ""),
    ],
)
def test_what_go_says_of_an_address(url: str, problem: str) -> None:
    assert parse_problem(url).endswith(problem)
    assert bool(parse_problem(url)) == bool(problem)


def test_times_are_printed_as_go_prints_them() -> None:
    assert [duration(0.1 * 1.4**attempt) for attempt in (0, 1, 4, 7)] == ["100ms", "140ms", "384.16ms", "1.05413504s"]


def test_tunnel_carries_more_than_its_window_both_ways() -> None:
    ours, theirs = socket.socketpair()
    local, server = socket.socketpair()
    near, far = Tunnel(ours), Tunnel(theirs, lambda _: server)
    near.start()
    far.start()
    stream = near.open("10.96.0.1:443")
    data = bytes(range(256)) * 8192
    stream.settimeout(10)
    local.settimeout(10)
    background(stream.sendall, data)
    assert _read(local, len(data)) == data
    background(local.sendall, data)
    assert _read(stream, len(data)) == data
    near.close()
    assert stream.recv(1) == b""
    far.wait()


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        data += connection.recv(65536)
    return data


@pytest.mark.parametrize(("name", "found"), [("tower.example.org", True), ("other.example.org", False)])
def test_names_of_the_world_are_what_a_test_says(tmp_path: Path, name: str, found: bool) -> None:
    (tmp_path / "standin.json").write_text('{"dns": {"tower.example.org": "192.0.2.7"}}')
    server = DnsServer(None, "", tmp_path)  # type: ignore[arg-type]  # it is not asked
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    question = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!HH", 1, 1)
    answer = server.answer(question)
    number, flags, _dummy, records, *_rest = struct.unpack_from("!HHHHHH", answer)
    assert (number, flags & 15, records) == (7, 0 if found else 3, int(found))
    assert answer.endswith(socket.inet_aton("192.0.2.7")) == found
