# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubeconfigs: read, checked, and reduced to one self-contained context (private to the collection)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import documents, text_file
from .errors import ConnectionOptionError
from .merge import plain_copy

_LARGEST = 1024 * 1024  # bytes; a kubeconfig of a hundred contexts has some 400 KiB

FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
"""Fields that hold a path."""

_MOST_LISTED = 20  # contexts in a message

_TYPES: dict[str, dict[str, type]] = {
    "cluster": {
        **dict.fromkeys(("server", "tls-server-name", "proxy-url"), str),
        **dict.fromkeys(("certificate-authority", "certificate-authority-data"), str),
        "insecure-skip-tls-verify": bool,
    },
    "user": {
        **dict.fromkeys(("client-certificate", "client-certificate-data", "client-key", "client-key-data"), str),
        **dict.fromkeys(("token", "tokenFile", "username", "password", "as"), str),
        **dict.fromkeys(("exec", "auth-provider"), dict),
        "as-groups": list,
    },
}
"""What a field holds, as kubectl reads it; in particular, a "false" in quotes is not false."""

_WORDS = {str: "a text", bool: "true or false", list: "a list", dict: "a mapping"}
_HOST = re.compile(
    r"(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?"
)


@dataclass(frozen=True)
class Context:
    """One context of a kubeconfig.

    Attributes:
        name: the context's name.
        cluster: its ``cluster`` mapping: ``server``, ``certificate-authority-data`` and so on.
        user: its ``user`` mapping.
        folder: where relative file references start; None where the kubeconfig came as data.
        current_of: how many contexts there are, of which it is the current one; 0 where it was named.
    """

    name: str
    cluster: dict[str, Any]
    user: dict[str, Any]
    folder: Path | None = None
    current_of: int = 0

    @property
    def server(self) -> str:
        """URL of the API server."""
        return str(self.cluster.get("server") or "")

    def inline(self, section: str, field: str) -> str | None:
        """Content of a certificate or key, wherever it stands: inline in base64 (``…-data``) or in a file.

        Args:
            section: ``cluster`` or ``user``.
            field: name without ``-data``: ``certificate-authority``, ``client-certificate``, ``client-key``.

        Returns:
            PEM text, or None where the context has no such field.

        Raises:
            ConnectionOptionError: not base64, or the file cannot be read.
        """
        mapping = self.cluster if section == "cluster" else self.user
        data = mapping.get(f"{field}-data")
        if data:
            try:
                return base64.b64decode("".join(str(data).split()), validate=True).decode()
            except (binascii.Error, ValueError) as error:
                raise ConnectionOptionError(
                    f"{field}-data of context {self.name!r} is not base64 of a PEM text ({error})",
                    hint="Write the kubeconfig anew, for example with 'kubectl config view --minify --flatten --raw'.",
                ) from None
        reference = mapping.get(field)
        return read_pem(self._path(str(reference)), f"{field} of context {self.name!r}") if reference else None

    def token(self) -> str | None:
        """Bearer token, given inline or by ``tokenFile``."""
        if self.user.get("token"):
            return str(self.user["token"])
        reference = self.user.get("tokenFile")
        if not reference:
            return None
        return read_file(self._path(str(reference)), f"tokenFile of context {self.name!r}").strip()

    def self_contained(self, server: str | None = None) -> dict[str, Any]:
        """A kubeconfig with this context alone and everything inside it, as another machine can use it.

        Args:
            server: URL to write in place of the context's own.

        Raises:
            ConnectionOptionError: a file cannot be read, or the URL is none.
        """
        check_server(server or self.server)
        cluster = {key: value for key, value in self.cluster.items() if key not in FILES}
        user = {key: value for key, value in self.user.items() if key not in FILES}
        for section, mapping, field in (
            ("cluster", cluster, "certificate-authority"),
            ("user", user, "client-certificate"),
            ("user", user, "client-key"),
        ):
            content = self.inline(section, field)
            if content:
                mapping[f"{field}-data"] = base64.b64encode(content.encode()).decode()
        token = self.token()
        if token:
            user["token"] = check_token(token, f"the token of context {self.name!r}")
        if server:
            cluster["server"] = server
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.name, "cluster": cluster}],
            "users": [{"name": self.name, "user": user}],
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": self.name}}],
            "current-context": self.name,
        }

    def _path(self, reference: str) -> Path:
        path = text_file.home(reference)
        return path if path.is_absolute() or self.folder is None else self.folder / path


def load(source: str | Path | Mapping[str, Any], context: str | None = None) -> Context:
    """Read a kubeconfig and select one context.

    Args:
        source: path of a file, its content as YAML or JSON text, or as a mapping.
        context: name of the context; the current one where none is given.

    Raises:
        ConnectionOptionError: unreadable, empty, malformed, or without that context.
    """
    folder: Path | None = None
    if isinstance(source, Mapping):
        origin, config = "the kubeconfig given as data", dict(source)
    elif source == "":
        raise ConnectionOptionError(
            "kubeconfig is empty", hint="Give a path, the text or the mapping, or leave it out."
        )
    elif not isinstance(source, (str, Path)):
        raise ConnectionOptionError(
            f"kubeconfig is a {type(source).__name__}", hint="Give a path, the text or the mapping of a kubeconfig."
        )
    else:
        text = str(source)
        if "\n" in text or text.lstrip().startswith("{"):
            origin = "the kubeconfig given as text"
        else:
            path = text_file.expanded(text)
            origin, folder = f"kubeconfig {path}", path.parent
            text = read_file(path, "kubeconfig")
        config = _parse(text, origin)
    return _select(config, context, origin, folder)


def load_merged(paths: Sequence[Path], context: str | None = None) -> Context:
    """Read several kubeconfigs as one, as kubectl does with the list in ``KUBECONFIG``: what comes first wins.

    Files that do not exist are left out, unless none does.

    Raises:
        ConnectionOptionError: as :func:`load`.
    """
    there = [path for path in paths if path.exists()] or list(paths[:1])
    if len(there) == 1:
        return load(there[0], context)
    configs = [(path, _parse(read_file(path, "kubeconfig"), f"kubeconfig {path}")) for path in there]
    current = next((str(config["current-context"]) for dummy, config in configs if config.get("current-context")), "")
    origin = f"KUBECONFIG ({', '.join(map(str, there))})"
    merged: dict[str, Any] = {"current-context": current}
    for section, field in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
        entries: dict[str, Any] = {}
        for path, config in configs:
            for entry, content in _named(config, section, field, f"kubeconfig {path}").items():
                entries.setdefault(entry, _absolute(content, path.parent))
        merged[section] = [{"name": entry, field: content} for entry, content in entries.items()]
    return _select(merged, context, origin, None)


def _absolute(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """An entry whose file references do not depend on where the kubeconfig lies."""
    found = {
        key: str(folder / text_file.home(str(value))) if key in FILES and value else value
        for key, value in content.items()
    }
    plugin = found.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command") or ""):
        found["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    return found


def read_file(path: Path, what: str) -> str:
    """Content of a small text file.

    Raises:
        ConnectionOptionError: it cannot be read, is too large, or is no text.
    """
    try:
        return text_file.read(path, _LARGEST)
    except ValueError as error:
        raise ConnectionOptionError(
            f"{what} ({text_file.shown(path)}) cannot be read: {error}", hint="Give the path of a readable file."
        ) from None


def read_pem(path: Path, what: str) -> str:
    """Certificates or a key, from a file; another file's content is not passed on to a cluster by mistake.

    Raises:
        ConnectionOptionError: it cannot be read, or holds neither.
    """
    content = read_file(path, what)
    if "-----BEGIN " not in content:
        raise ConnectionOptionError(
            f"{what} ({text_file.shown(path)}) is no PEM text", hint="Give the path of a certificate or key."
        )
    return content


def check_server(server: str) -> str:
    """The URL of an API server, which may have a path, but no login, which is sent nowhere, and no query.

    Raises:
        ConnectionOptionError: it is none.
    """
    if is_url(server) and not re.search(r"[@?#]", server):
        return server
    shown = re.sub(r"[?#].*", "?…", re.sub(r"//[^/]*@", "//***@", server), flags=re.DOTALL)
    raise ConnectionOptionError(
        f"the API server's address {shown!r} is no URL", hint="Write it like https://192.0.2.10:6443."
    )


def is_url(address: str) -> bool:
    """Whether something is an http or https URL with a host that may exist."""
    if (
        not isinstance(address, str)
        or not address.isascii()
        or not address.isprintable()
        or re.search(r"[\s\\]", address)
    ):
        return False
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        if ":" in host:
            ipaddress.ip_address(host.partition("%")[0])
        return parts.scheme in ("https", "http") and parts.port != 0 and (":" in host or is_host_name(host))
    except ValueError:
        return False


def is_host_name(name: str) -> bool:
    """Whether something may be a name of a machine, or an IPv4 address."""
    return bool(_HOST.fullmatch(name))


def check_token(value: str, where: str) -> str:
    """A token without the line end of its file; what no header takes would be shown in an error of the HTTP library.

    Raises:
        ConnectionOptionError: it is none.
    """
    token = value.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConnectionOptionError(f"{where} has characters that no token has", hint="Give the token alone.")
    return token


@lru_cache(maxsize=128)  # a member's is needed several times, and one file may have the contexts of a whole fleet
def _parse(text: str, origin: str) -> dict[str, Any]:
    """What a text holds; it is everybody's, and not to be changed."""
    if len(text) > _LARGEST:
        raise ConnectionOptionError(f"{origin} is larger than {_LARGEST} bytes", hint="Give the right file.")
    try:
        config = documents.load_one(text, origin)
    except documents.Malformed as error:
        hint = error.hint or "Check that it is a kubeconfig."
        raise ConnectionOptionError(error.message, hint=hint) from None
    if not config:
        raise ConnectionOptionError(f"{origin} is empty", hint="Give a kubeconfig that has a context.")
    if not isinstance(config, dict):
        raise ConnectionOptionError(
            f"{origin} is a {type(config).__name__}, not a mapping", hint="Check that it is a kubeconfig."
        )
    return config


def _select(config: dict[str, Any], name: str | None, origin: str, folder: Path | None) -> Context:
    contexts = _named(config, "contexts", "context", origin)
    wanted = name or str(config.get("current-context") or "")
    if not wanted:
        raise ConnectionOptionError(
            f"{origin} has no current-context", hint=f"Name one of its contexts: {_listed(contexts)}."
        )
    if wanted not in contexts:
        raise ConnectionOptionError(
            f"{origin} has no context {wanted!r}", hint=f"Its contexts are: {_listed(contexts)}."
        )
    context = contexts[wanted]
    cluster = _named(config, "clusters", "cluster", origin).get(str(context.get("cluster")))
    user = _named(config, "users", "user", origin).get(str(context.get("user")))
    if cluster is None or not cluster.get("server"):
        raise ConnectionOptionError(
            f"{origin}: context {wanted!r} names cluster {context.get('cluster')!r}, which has no server address there",
            hint="Write the kubeconfig anew.",
        )
    if user is None:
        raise ConnectionOptionError(
            f"{origin}: context {wanted!r} names user {context.get('user')!r}, which is not there",
            hint="Write the kubeconfig anew.",
        )
    _check_types(wanted, "cluster", cluster)
    _check_types(wanted, "user", user)
    return Context(wanted, plain_copy(cluster), plain_copy(user), folder, 0 if name else len(contexts))


def _check_types(context: str, section: str, mapping: dict[str, Any]) -> None:
    for field, kind in _TYPES[section].items():
        value = mapping.get(field)
        if value is not None and not isinstance(value, kind):
            raise ConnectionOptionError(
                f"{field} of context {context!r} is a {type(value).__name__}, it should be {_WORDS[kind]}",
                hint="A text takes quotes where it looks like a number; nothing else takes any.",
            )


def _named(config: dict[str, Any], section: str, field: str, origin: str) -> dict[str, dict[str, Any]]:
    """The entries of one section by name."""
    entries = config.get(section) or []
    try:
        found = {str(entry["name"]): entry.get(field) or {} for entry in entries}
    except (TypeError, KeyError, AttributeError):
        found = {"": None}
    if not all(isinstance(content, Mapping) for content in found.values()):
        raise ConnectionOptionError(
            f"{origin}: {section!r} is not a list of named entries", hint="Check that it is a kubeconfig."
        )
    return {name: dict(content) for name, content in found.items()}


def _listed(names: Mapping[str, Any]) -> str:
    listed = [name if name.isprintable() else repr(name) for name in sorted(names)[:_MOST_LISTED]]
    return ", ".join([*listed, *(["…"] if len(names) > _MOST_LISTED else [])]) or "(none)"
