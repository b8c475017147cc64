# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential plugins: the programs that a kubeconfig names by ``exec`` (private to the collection).

What they write is never shown, for it holds the credential; and they find no terminal, for many of them run at a time.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from typing import Any

from .errors import ConnectionOptionError
from .kubeconfig import Context, check_token
from .once import Once
from .secret import Secret

AT_A_TIME = 16
"""How many run at the same time: each is a Python or Go program that mostly waits for its cloud."""

_LONGEST = 60.0  # seconds that one may take
_LEFT = 60.0  # seconds that a credential must last on to be used again
_NEW = 60.0  # seconds in which a credential that is refused has not ended: asked again, the plugin would say the same
_KIND = "ExecCredential"
_CLUSTER = ("server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url")
_CONFIG = "client.authentication.k8s.io/exec"

_slots = threading.BoundedSemaphore(AT_A_TIME)


@dataclass(frozen=True)
class Credential:
    """What a plugin has given.

    Attributes:
        token: bearer token.
        certificate: client certificate as PEM text.
        key: its key.
        expires: when; None where the plugin does not say.
        since: when it was given, by the monotonic clock.
    """

    token: Secret | None
    certificate: str | None
    key: Secret | None
    expires: datetime | None
    since: float = field(default_factory=time.monotonic)

    def has_ended(self, refused: Secret | None) -> bool:
        """Whether it is about to expire, or its token is the one that an API server has refused."""
        if refused is not None and self.token == refused:
            return time.monotonic() - self.since > _NEW
        return self.expires is not None and (self.expires - datetime.now(timezone.utc)).total_seconds() < _LEFT


_given: Once[Credential] = Once()


def ask(context: Context, refused: Secret | None = None) -> Credential:
    """The credential of a context's user. A plugin is run once for all that ask it the same.

    Args:
        context: of a kubeconfig, with a user who has ``exec``.
        refused: a token of it that an API server does not take any longer.

    Raises:
        ConnectionOptionError: it gave none.
    """
    call = _call(context)
    question = hashlib.sha256(json.dumps(call, sort_keys=True, default=str).encode()).hexdigest()
    run = partial(_run, *call)
    found = _given.get(question, run)
    return _given.get_after(found, question, run) if found.has_ended(refused) else found


def _call(context: Context) -> tuple[list[str], dict[str, str], str]:
    """Command, variables of its environment and version of the API."""
    plugin = context.user["exec"]
    try:
        command, version = plugin["command"], plugin["apiVersion"]
        arguments = plugin.get("args") or []
        variables = {each["name"]: each["value"] for each in plugin.get("env") or []}
        spec = {"interactive": False, **({"cluster": _cluster(context)} if plugin.get("provideClusterInfo") else {})}
        info = json.dumps({"apiVersion": version, "kind": _KIND, "spec": spec})
        words = [command, version, *arguments, *variables, *variables.values()]
        if not command or not all(isinstance(each, str) and "\0" not in each for each in words):
            raise TypeError
    except (KeyError, TypeError, AttributeError):
        raise ConnectionOptionError("exec is not as a kubeconfig has it") from None
    if plugin.get("interactiveMode") == "Always":
        raise ConnectionOptionError("it wants to ask at a terminal (interactiveMode: Always), and finds none here")
    if os.sep in command and context.folder is not None:
        command = str(context.folder / command)
    return [command, *arguments], {**variables, "KUBERNETES_EXEC_INFO": info}, version


def _cluster(context: Context) -> dict[str, Any]:
    authority = context.inline("cluster", "certificate-authority")
    config = [each["extension"] for each in context.cluster.get("extensions") or [] if each.get("name") == _CONFIG]
    return {
        **{key: context.cluster[key] for key in _CLUSTER if key in context.cluster},
        **({"certificate-authority-data": base64.b64encode(authority.encode()).decode()} if authority else {}),
        **({"config": config[0]} if config else {}),
    }


def _run(command: list[str], variables: Mapping[str, str], version: str) -> Credential:
    with _slots:
        status, said = _output(command, variables)
    if status:
        raise ConnectionOptionError(f"it ended with status {status}")
    try:
        answer = json.loads(said)
        if (answer["apiVersion"], answer["kind"]) != (version, _KIND):
            raise ConnectionOptionError(f"its answer is no {_KIND} of {version}")
        given = answer["status"]
        token, certificate, key = (given.get(each) for each in ("token", "clientCertificateData", "clientKeyData"))
        expires = _time(given["expirationTimestamp"]) if given.get("expirationTimestamp") else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConnectionOptionError(f"its answer is no {_KIND}") from None
    if not all(isinstance(each, (str, type(None))) for each in (token, certificate, key)):
        raise ConnectionOptionError(f"its answer is no {_KIND}")
    if bool(certificate) != bool(key) or not (token or key):
        raise ConnectionOptionError("its answer holds neither a token nor a certificate with its key")
    return Credential(
        Secret(check_token(token, "its token")) if token else None,
        certificate or None,
        Secret(key) if key else None,
        expires,
    )


def _output(command: list[str], variables: Mapping[str, str]) -> tuple[int, bytes]:
    """Run a program to its end, whatever it starts included: its exit status, and what it writes."""
    try:
        process = subprocess.Popen(
            command,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConnectionOptionError(f"{command[0]}: {reason}") from None
    with process:
        try:
            said, _nothing = process.communicate(timeout=_LONGEST)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise ConnectionOptionError(f"it has not ended within {_LONGEST:.0f} s") from None
            raise
    return process.returncode, said


def _time(text: str) -> datetime:
    """An RFC 3339 time; Python before 3.11 knows neither its Z nor Go's nanoseconds."""
    found = datetime.fromisoformat(re.sub(r"\.\d+", "", text).upper().replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
