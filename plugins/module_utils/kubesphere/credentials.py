# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs as KubeSphere can use them (private to the collection).

KubeSphere stores a member's kubeconfig in the Cluster object and uses it from pods of the host. So it has to be
self-contained, its server has to be reachable from there, and its credential has to work without a plugin.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import json
import time
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from ..kube import kubeconfig
from ..kube.connection import Connection
from ..kube.errors import ConnectionOptionError
from .releases import Release

try:
    from cryptography import x509
    from cryptography.x509.oid import NameOID
except ImportError:  # pragma: no cover
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

Kubeconfig = dict[str, Any]

BEFORE_DAYS = 30
"""Days before its end that a credential is a problem."""

_DAY = 86400.0
_CREDENTIAL = ("token", "client-certificate-data", "client-key-data", "username", "password")
_KINDS = {"client-certificate-data": "certificate", "token": "token"}
_END_OF_TIME = 253402300800.0  # the year 10000; there is no date for what is later
_KUBEKEY_NAME = "lb.kubesphere.local"  # an entry of the nodes' /etc/hosts, which pods do not see


def from_connection(connection: Connection, server: str | None = None) -> Kubeconfig:
    """The self-contained kubeconfig for what the play itself uses to reach a cluster.

    Args:
        connection: the play's own way.
        server: URL under which the host reaches the cluster, if it is another one.

    Raises:
        ConnectionOptionError: a file that the kubeconfig names cannot be read.
    """
    if connection.context is not None:
        config = connection.context.self_contained(server or connection.server)
        if "exec" not in connection.context.user and "auth-provider" not in connection.context.user:
            # An option may have taken the place of the context's own credential.
            user = config["users"][0]["user"]
            config["users"][0]["user"] = {
                **{key: user[key] for key in user if key not in _CREDENTIAL},
                **_user(connection),
            }
        return config
    cluster: dict[str, Any] = {"server": server or connection.server}
    if not connection.verify:
        cluster["insecure-skip-tls-verify"] = True
    elif connection.ca:
        cluster["certificate-authority-data"] = _encoded(connection.ca)
    user = _user(connection)
    name = "kubernetes"
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def for_here(connection: Connection) -> Kubeconfig:
    """The kubeconfig for all of a way to a cluster, for whoever goes it from here: by a proxy, or as somebody else.

    Raises:
        ConnectionOptionError: a file that the kubeconfig names cannot be read.
    """
    config = from_connection(connection)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    if not connection.verify:
        cluster.pop("certificate-authority-data", None)
        cluster["insecure-skip-tls-verify"] = True
    elif connection.ca:
        cluster.pop("insecure-skip-tls-verify", None)
        cluster["certificate-authority-data"] = _encoded(connection.ca)
    if connection.proxy:
        cluster["proxy-url"] = connection.proxy
    if connection.basic:
        user["username"], user["password"] = connection.basic[0], connection.basic[1].reveal()
    if connection.impersonate_user:
        user["as"] = connection.impersonate_user
    if connection.impersonate_groups:
        user["as-groups"] = list(connection.impersonate_groups)
    return config


def _user(connection: Connection) -> dict[str, Any]:
    user: dict[str, Any] = {}
    if connection.token:
        user["token"] = connection.token.reveal()
    if connection.client_certificate and connection.client_key:
        user["client-certificate-data"] = _encoded(connection.client_certificate)
        user["client-key-data"] = _encoded(connection.client_key.reveal())
    return user


def problems(config: Kubeconfig, release: Release) -> list[str]:
    """Why KubeSphere could not use a kubeconfig; empty if it could.

    Args:
        config: a self-contained kubeconfig.
        release: the host's release.
    """
    return server_problems(config) + credential_problems(config, release)


def server_problems(config: Kubeconfig) -> list[str]:
    """Why KubeSphere could not use a kubeconfig's address."""
    server = kubeconfig.load(config).server
    host = urlsplit(server).hostname or ""
    try:
        loopback = ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        loopback = host == "localhost" or host.endswith(".localhost")
    if loopback or host == _KUBEKEY_NAME:
        return [
            f"its server {server} is an address that the host's pods do not reach this cluster by: "
            "set kubesphere_api_server to one that they do"
        ]
    return []


def credential_problems(config: Kubeconfig, release: Release) -> list[str]:
    """Why KubeSphere could not use a kubeconfig's credential."""
    context = kubeconfig.load(config)
    for plugin in ("exec", "auth-provider"):
        if plugin in context.user:
            return [
                f"its credential comes from a plugin ({plugin}), which KubeSphere's pods cannot run: "
                "give a kubeconfig with a token or a client certificate, or set kubesphere_credential to auto"
            ]
    certificate = _certificate(context)
    token = str(context.user.get("token") or "")
    if not token and certificate is None:
        return ["it has neither a token nor a client certificate"]
    found = _expiry_problems(certificate, token)
    if certificate is None and not release.takes_tokens:
        found.append(
            f"it has a token and no client certificate, with which a member of KubeSphere {release.tag} never becomes "
            "Ready: give a kubeconfig with a client certificate, or set kubesphere_credential to auto"
        )
    return found


def unverified(config: Kubeconfig) -> str:
    """Why whoever uses a kubeconfig does not know whom it calls; empty if it does."""
    context = kubeconfig.load(config)
    if context.server.startswith("http://"):
        return f"the server {context.server} has no TLS"
    if context.cluster.get("insecure-skip-tls-verify"):
        return "insecure-skip-tls-verify is true"
    return ""


def expiry(config: Kubeconfig) -> float | None:
    """When the credential of a kubeconfig expires, in seconds since 1970; None if never, or not known."""
    return validity(config)[1]


def validity(config: Kubeconfig) -> tuple[float | None, float | None]:
    """From when until when a kubeconfig's credential holds, in seconds since 1970; None where that is not known."""
    context = kubeconfig.load(config)
    certificate = _parsed(_certificate(context))
    if certificate is not None:
        return _moment(certificate, "not_valid_before"), _moment(certificate, "not_valid_after")
    held = _claims(str(context.user.get("token") or ""))
    return _number(held.get("iat")), _number(held.get("exp"))


def is_due(config: Kubeconfig, before_days: float, now: float) -> bool:
    """Whether a credential is so close to its end that another is to take its place.

    Args:
        config: the kubeconfig.
        before_days: days before its end. Of one that holds for less than twice as long, half of its time counts: a
            cluster that issues for a day would otherwise have to issue at once.
        now: seconds since 1970.
    """
    begin, end = validity(config)
    if end is None:
        return False
    before = before_days * _DAY
    return end - now < (before if begin is None else min(before, (end - begin) / 2))


def summary(config: Kubeconfig, before_days: float, now: float) -> dict[str, Any]:
    """What a kubeconfig's credential is, and when it ends; no secrets.

    Args:
        config: the kubeconfig; empty if there is none that can be read.
        before_days: see :func:`is_due`.
        now: seconds since 1970.
    """
    user = config["users"][0]["user"] if config else {}
    kind = next((kind for key, kind in _KINDS.items() if user.get(key)), "none")
    end = expiry(config) if kind != "none" else None
    return {
        "kind": kind,
        "expires": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(0.0, end))) if end else None,
        "days": int((end - now) // _DAY) if end else None,
        "due": bool(end) and is_due(config, before_days, now),
    }


def claims(config: Kubeconfig) -> dict[str, Any]:
    """What the token of a kubeconfig says, unverified; empty if it has none, or one that is no JWT."""
    return _claims(str(kubeconfig.load(config).user.get("token") or "")) if config else {}


def common_name(config: Kubeconfig) -> str:
    """The user name in the client certificate of a kubeconfig; empty if it has none."""
    certificate = _parsed(_certificate(kubeconfig.load(config))) if config else None
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME) if certificate is not None else []
    return str(names[0].value) if names else ""


def secrets(config: Kubeconfig) -> list[str]:
    """What of a kubeconfig must not be shown."""
    context = kubeconfig.load(config)
    found = (context.user.get("token"), context.user.get("password"), context.inline("user", "client-key"))
    return [str(each) for each in found if each]


def same(one: Kubeconfig, other: Kubeconfig) -> bool:
    """Whether two kubeconfigs lead to the same server with the same credential, whatever their contexts are called."""
    try:
        first, second = kubeconfig.load(one), kubeconfig.load(other)
    except ConnectionOptionError:
        return False
    return (first.cluster, first.user) == (second.cluster, second.user)


def encode(config: Kubeconfig) -> str:
    """A kubeconfig as it stands in a Cluster: base64 of its text (JSON, which is YAML too)."""
    return _encoded(json.dumps(config, sort_keys=True))


def decode(encoded: str) -> Kubeconfig:
    """The kubeconfig of a Cluster; empty if there is none, it is not readable, or it refers to files.

    No file of this machine is opened because somebody has written its path into a Cluster.
    """
    try:
        context = kubeconfig.load(_content(base64.b64decode(encoded).decode()))
        refers = any(field in kubeconfig.FILES for field in (*context.cluster, *context.user))
        return {} if refers else context.self_contained()
    except (ValueError, RecursionError, ConnectionOptionError):
        return {}


def _content(text: str) -> Kubeconfig | str:
    """What :func:`encode` has written, which is read quickly; anything else as the text that it is."""
    if text.startswith('{"'):
        with contextlib.suppress(ValueError):
            found = json.loads(text)
            return found if isinstance(found, dict) else text
    return text + "\n"


@cache
def server_of(encoded: str) -> str:
    """URL of the API server that a Cluster's kubeconfig leads to; empty where there is no readable one.

    It is remembered, for of many members each asks it of all others.
    """
    config = decode(encoded)
    return str(config["clusters"][0]["cluster"]["server"]) if config else ""


def _expiry_problems(certificate: str | None, token: str) -> list[str]:
    now = time.time()
    expired = []
    for what, moment in (
        ("client certificate", _moment(_parsed(certificate), "not_valid_after")),
        ("token", None if certificate else _number(_claims(token).get("exp"))),
    ):
        if moment is not None and moment < now:
            when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(max(0.0, moment)))
            expired.append(f"its {what} expired on {when}: give a kubeconfig with a valid one")
    return expired


def _certificate(context: kubeconfig.Context) -> str | None:
    return context.inline("user", "client-certificate")


@lru_cache(maxsize=128)  # of one certificate several things are asked
def _parsed(certificate: str | None) -> Any:
    """A certificate; None if there is none, or it cannot be read."""
    if not certificate or not HAS_CRYPTOGRAPHY:
        return None
    try:
        return x509.load_pem_x509_certificate(certificate.encode())
    except (ValueError, x509.InvalidVersion):
        return None


def _moment(certificate: Any, end: str) -> float | None:
    """``not_valid_before`` or ``not_valid_after`` of a certificate."""
    if certificate is None:
        return None
    moment = getattr(certificate, f"{end}_utc", None)
    if moment is None:  # cryptography before 42
        moment = getattr(certificate, end).replace(tzinfo=datetime.timezone.utc)
    return float(moment.timestamp())


def _claims(token: str) -> dict[str, Any]:
    """The payload of a JWT, unverified; empty for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return payload if isinstance(payload, dict) else {}


def _number(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and abs(value) < _END_OF_TIME else None


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
