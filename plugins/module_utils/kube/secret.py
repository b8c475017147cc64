# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that cannot be shown by accident (private to the collection)."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

MASK = "***"

# Keys whose values are never shown, wherever they stand in an object. "accessTokenMaxAge", "imagePullSecrets" and
# "secretName" hold no secret, hence the anchor.
_SECRET_KEY = re.compile(
    r"(password|passwd|passphrase|secret|token|kubeconfig|api_?key|access_?key|private_?key|client[-_]key(-data)?"
    r"|credentials?|authorization|dockerconfigjson)$",
    re.IGNORECASE,
)
_FLAG = re.compile(r"(--?([\w-]+)=).+", re.DOTALL)
_SHORTEST_SECRET = 6


class Secret:
    """A string that prints as ``***``; only :meth:`reveal` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself: for a request or a file of mode 0600, never for a message."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._value.encode(errors="surrogatepass"), other._value.encode(errors="surrogatepass")
        )

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written to caches, results or other processes")


class Redactor:
    """Masks secrets in whatever leaves the collection: results, diffs, messages.

    Values are masked by the name of their key, and every secret that is known is masked wherever it appears, plain or
    in base64.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._known: set[str] = set()
        for secret in secrets:
            self.add(secret)

    def copy(self) -> Redactor:
        """One that knows the same, and from now on learns for itself."""
        other = Redactor()
        other._known = set(self._known)
        return other

    def add(self, secret: Secret | str | None) -> None:
        """Learn one more secret."""
        value = secret.reveal() if isinstance(secret, Secret) else secret
        if value and len(value) >= _SHORTEST_SECRET:
            self._known.add(value)
            self._known |= _in_base64(value.encode(errors="surrogatepass"))
            self._known.add(json.dumps(value)[1:-1])  # as it stands inside of JSON: line ends of a key are escaped

    def text(self, value: str) -> str:
        """A text without the known secrets."""
        for secret in sorted(self._known, key=len, reverse=True):
            value = value.replace(secret, MASK)
        return value

    def data(self, value: Any, key: str = "") -> Any:
        """A copy of plain data (mappings, lists, scalars) without secrets; empty ones stay, they tell that none is set.

        Args:
            value: what is to be shown.
            key: the key, or a path that ends with it, that the value stands under.
        """
        if isinstance(value, Mapping):
            hidden = ("data", "stringData") if value.get("kind") == "Secret" else ()
            return {
                name: _all_masked(item) if name in hidden else self.data(item, str(name))
                for name, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.data(item, key) for item in value]
        if isinstance(value, Secret) or (_is_text_or_number(value) and is_secret_key(key)):
            return _masked(value)
        return self.text(_without_secret_flag(value)) if isinstance(value, str) else value

    def pair(self, before: Any, after: Any) -> tuple[Any, Any]:
        """Two versions of one object, masked so that a secret which differs is still seen to differ."""
        return self._mark(self.data(before), self.data(after), before, after)

    def _mark(self, masked_before: Any, masked_after: Any, before: Any, after: Any) -> tuple[Any, Any]:
        if isinstance(masked_before, dict) and isinstance(masked_after, dict):
            for key in before.keys() & after.keys():
                masked_before[key], masked_after[key] = self._mark(
                    masked_before[key], masked_after[key], before[key], after[key]
                )
        elif isinstance(masked_before, list) and isinstance(masked_after, list):
            for index, items in enumerate(zip(masked_before, masked_after, before, after)):
                masked_before[index], masked_after[index] = self._mark(*items)
        elif isinstance(masked_before, str) and masked_before == masked_after and before != after:
            return f"{masked_before} (before)", f"{masked_after} (after)"
        return masked_before, masked_after


def _in_base64(secret: bytes) -> set[str]:
    """A secret in base64: by itself, and what is always the same of it wherever it stands inside of another text."""
    inside = (
        base64.b64encode(bytes(before) + secret).decode().rstrip("=")[(before * 8 + 5) // 6 : -1] for before in range(3)
    )
    return {base64.b64encode(secret).decode(), *(each for each in inside if len(each) >= _SHORTEST_SECRET)}


def visible(text: str) -> str:
    """A text on one line, without anything that a terminal obeys or that is not seen: some of it is a stranger's."""
    line = re.sub(r"[\r\n\t]+", " ", text)
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def is_secret_key(key: str) -> bool:
    """Whether the value under this key is to be hidden because of the key's name."""
    return bool(_SECRET_KEY.search(key))


def _without_secret_flag(word: str) -> str:
    """A word of a command line without the value of a flag such as ``--token=...``: nobody may have told its secret."""
    flag = _FLAG.fullmatch(word)
    return f"{flag[1]}{MASK}" if flag and is_secret_key(flag[2]) else word


def _is_text_or_number(value: Any) -> bool:
    return isinstance(value, (str, bytes, int, float)) and not isinstance(value, bool)


def _masked(value: Any) -> str:
    return "" if value in ("", b"") or (isinstance(value, Secret) and not value) else MASK


def _all_masked(value: Any) -> Any:
    """The content of a Secret: only its keys are shown."""
    return {key: _masked(item) for key, item in value.items()} if isinstance(value, Mapping) else _masked(value)
