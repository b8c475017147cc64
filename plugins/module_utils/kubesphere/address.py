# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a proxy address: what an agent can call, and what not; private to the collection."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple, Union

from ..kube.errors import KubeError

_DEFAULT_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_LONGEST_NAME = 253
_HIGHEST_PORT = 65535

_Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class BadAddress(KubeError):
    """An agent could not call this address."""

    default_hint = "Write it as http://<address>:<port> or https://<address>:<port>, an IPv6 address in brackets."


class _Parts(NamedTuple):
    """An address as it is written."""

    scheme: str
    host: str
    port: str | None
    rest: str


def problems(address: str) -> list[str]:
    """Why an agent could not call an address; empty if it could.

    The agent makes a WebSocket URL of it (tower v0.2.1 cmd/agent/app/options.go L44-67), which can hold no login
    (gorilla/websocket client.go), and asks nobody else for the way.
    """
    if not isinstance(address, str) or not address:
        return ["it is empty" if address in ("", None) else "it is no text: put it in quotes"]
    if re.search(r"[\s\x00-\x1f\x7f]", address):
        return ["it has a blank in it"]
    if "://" not in address:
        return [f"it has no scheme: is it http://{shown(address)}?"]
    parts = _split(address)
    found = []
    if parts.scheme not in _DEFAULT_PORTS:
        found.append(f"its scheme is {parts.scheme or 'empty'}: agents call http and https only")
    if "@" in parts.host or "@" in (parts.port or ""):
        return [*found, "it has a login (…@), which an agent does not send"]
    if parts.rest not in ("", "/"):
        # Not parts.rest itself: a query may hold a secret.
        found.append("it has a path or a query: an agent needs tower at the root")
    return found + _host_problems(parts.host) + _port_problems(parts.port)


def for_agent(address: str) -> str:
    """An address as an agent is to get it: always with a port.

    Left to itself, the agent adds one only where the host does not end in a digit (tower v0.2.1
    cmd/agent/app/options.go L53), which tells ``http://[fd00::1]`` from ``http://10.0.0.1`` and nobody which port.

    Raises:
        BadAddress: it could not be called.
    """
    found = problems(address)
    if found:
        raise BadAddress(f"an agent cannot call the proxy address {shown(address)!r}: {'; '.join(found)}")
    parts = _split(address)
    literal = _literal(parts.host)
    host = f"[{literal}]" if literal and literal.version == 6 else parts.host.lower()
    return f"{parts.scheme}://{host}:{int(parts.port or _DEFAULT_PORTS[parts.scheme])}"


def of(host: str, port: int) -> str:
    """The address of a host and a port, over plain http as tower speaks it."""
    literal = _literal(host)
    return f"http://[{literal}]:{port}" if literal and literal.version == 6 else f"http://{host}:{port}"


def same(one: str, other: str) -> bool:
    """Whether two addresses lead an agent to the same place."""
    if not one or not other or problems(one) or problems(other):
        return one == other
    return for_agent(one) == for_agent(other)


def shown(address: str) -> str:
    """An address as messages show it: without the password or the query that it should not have."""
    without_login = re.sub(r"^([^/\s]*://)?[^/\s]*@", r"\1***@", str(address))
    return re.sub(r"[?#].*", "", without_login, flags=re.DOTALL)


def _split(address: str) -> _Parts:
    scheme, _separator, rest = address.partition("://")
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    host, port = authority, None
    bracket = authority.rfind("]")
    # More colons than one without brackets belong to an IPv6 address.
    if authority.count(":", bracket + 1) == 1:
        host, _colon, port = authority.rpartition(":")
    return _Parts(scheme.lower(), host, port, rest[len(authority) :])


def _literal(host: str) -> _Address | None:
    """The IP address that a host is, in brackets or not; None if it is a name."""
    try:
        return ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
    except ValueError:
        return None


def _host_problems(host: str) -> list[str]:
    if not host:
        return ["it has no host"]
    if "%" in host:
        return [f"{host} names an interface of one machine"]
    literal = _literal(host)
    bracketed = host.startswith("[") and host.endswith("]")
    if literal is None and ("[" in host or "]" in host or ":" in host):
        return [f"{host} is no IPv6 address"]
    if literal is None:
        return _name_problems(host)
    if literal.version == 6 and not bracketed:
        return [f"the IPv6 address {host} is not in brackets"]
    if literal.version == 4 and bracketed:
        return [f"{host} is no IPv6 address: take the brackets away"]
    plain = getattr(literal, "ipv4_mapped", None) or literal
    if plain.is_loopback:
        return [f"{host} is the loopback address: an agent would call its own pod"]
    if plain.is_unspecified:
        return [f"{host} is an address to listen on, not one to call"]
    if plain.is_multicast or str(plain) == "255.255.255.255":
        return [f"{host} stands for many machines"]
    return []


def _name_problems(name: str) -> list[str]:
    labels = name.rstrip(".").split(".")
    lower = name.rstrip(".").lower()
    if not name.isascii():
        return [f"the name {name} is not in ASCII: write it in its form xn--…"]
    if len(name) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        return [f"{name} is neither an IP address nor a valid name"]
    if labels[-1].isdigit():
        return [f"{name} is no valid IPv4 address"]
    if lower == "localhost" or lower.endswith(".localhost"):
        return [f"{name} is the loopback address: an agent would call its own pod"]
    if lower.endswith((".svc", ".svc.cluster.local")):
        return [f"{name} is a name inside of one cluster: an agent in another cannot resolve it"]
    return []


def _port_problems(port: str | None) -> list[str]:
    if port is None:
        return []
    if not port:
        return ["it has a colon and no port after it"]
    if not (port.isascii() and port.isdigit() and len(port) < 10) or not 0 < int(port) <= _HIGHEST_PORT:
        return [f"{port[:20]} is no port: a number from 1 to {_HIGHEST_PORT} is"]
    return []
