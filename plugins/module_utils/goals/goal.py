# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of the collection has in common (private to the collection).

A goal is what one module does: its argument spec and one call into the domain. The module runs it on a bastion, the
action plugin of the same name in the controller's own process; both see the same arguments and give the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..kube.connection import resolve
from ..kube.errors import KubeError
from ..kube.secret import Secret, is_secret_key
from ..kube.session import Session
from ..kube.wait import Progress, silent
from ..kubesphere.configuration import ConfigurationError
from ..kubesphere.member_credential import KINDS
from ..kubesphere.releases import UnknownRelease
from ..kubesphere.result import Result

if TYPE_CHECKING:
    from .shared import Shared

Options = Mapping[str, Any]

_PATHS = ("kubeconfig", "member_kubeconfig", "client_key")
"""Options with the name of a secret that may be, or are, paths."""

_WORDS = {"credential": KINDS}
"""Options with the name of a secret that are one of a few words."""

REFUSALS = (KubeError, ConfigurationError, UnknownRelease)
"""Errors that are messages for the user."""


@dataclass
class Context:
    """Where a goal runs.

    Attributes:
        check_mode: write nothing, say what would be written.
        cluster: what messages call the cluster if the task does not name it.
        progress: told one line whenever what is waited for changes.
        warnings: collects what the user should know.
        shared: what it has in common with the goals that run beside it; None where it runs alone.
    """

    check_mode: bool = False
    cluster: str = ""
    progress: Progress = silent
    warnings: list[str] = field(default_factory=list)
    shared: Shared | None = None


@dataclass(frozen=True)
class Goal:
    """What one module does.

    Attributes:
        name: name of the module.
        argument_spec: as AnsibleModule takes it.
        run: the call; raises one of REFUSALS.
        rules: ``mutually_exclusive``, ``required_if`` and so on, as AnsibleModule takes them.
    """

    name: str
    argument_spec: Mapping[str, Any]
    run: Callable[[Options, Context], Result]
    rules: Mapping[str, Any] = field(default_factory=dict)

    @property
    def needs_name(self) -> bool:
        """Whether the module takes a name for the cluster; the action plugin fills in the inventory's."""
        return "cluster_name" in self.argument_spec


def session(options: Options, cluster: str, context: Context) -> Session:
    """The session that the authentication options lead to; the phases of a fan-out share its connections.

    Args:
        options: the authentication options, see :mod:`authentication`.
        cluster: what messages call the cluster.
        context: where the goal runs.

    Raises:
        KubeError: they lead nowhere.
    """
    if context.shared is not None:
        return context.shared.session(options, cluster, context)
    return new_session(options, cluster, context)


def new_session(options: Options, cluster: str, context: Context, **how: Any) -> Session:
    """A session with connections of its own.

    Args:
        options: the authentication options, see :mod:`authentication`.
        cluster: what messages call the cluster.
        context: where the goal runs.
        how: what else a session takes: ``connections``, ``pace``.

    Raises:
        KubeError: they lead nowhere.
    """
    try:
        connection = resolve(options)
    except KubeError as error:
        raise type(error)(error.message, cluster, error.hint) from None
    if connection.server.startswith("http://"):
        context.warnings.append(
            f"{cluster}: {connection.server} is called without TLS, so whoever is in between can read and change "
            "everything. Give the API server's https address."
        )
    elif not connection.verify:
        context.warnings.append(
            f"{cluster}: the API server's certificate is not verified, so whoever is in between can read and change "
            "everything. Give its certificate authority (ca_cert, certificate-authority-data) in place of "
            "validate_certs: false or insecure-skip-tls-verify: true."
        )
    timeout = float(options.get("request_timeout") or 30)
    return Session(connection, cluster, planning=context.check_mode, timeout=timeout, patience=timeout, **how)


def check_seconds(options: Options) -> None:
    """Refuse times that are none, before anything is done.

    Raises:
        KubeError: one is negative, or a request would have none.
    """
    for name, least in (("request_timeout", 1), ("wait_timeout", 0)):
        value = options.get(name)
        if value is not None and value < least:
            raise KubeError(f"{name} is {value}", hint=f"Give it at least {least} s.")


def named(options: Options, context: Context) -> str:
    """What messages call the task's cluster."""
    return str(options.get("cluster_name") or context.cluster or options.get("host") or "cluster")


def host_session(options: Options, context: Context) -> Session | None:
    """The session to the fleet's host (option ``host_cluster``); None if the task does not say how to reach it."""
    # A role cannot leave a key out of a mapping, so an empty one counts as not given.
    host = {key: value for key, value in (options.get("host_cluster") or {}).items() if value not in (None, "")}
    if not host.keys() & {"kubeconfig", "host", "context"}:
        return None
    if context.shared is not None:
        return context.shared.host_session(host, context)
    return session(host, str(host["name"]), context)


def secret(value: Any) -> Secret | None:
    """An optional argument as a secret; an empty one counts as not given."""
    return Secret(str(value)) if value else None


def secret_values(value: Any, hidden: bool = False) -> set[str]:
    """Every string in the arguments that must not be shown, found by the names of the keys."""
    if isinstance(value, Mapping):
        found: set[str] = set()
        for key, item in value.items():
            harmless = (key in _PATHS and _is_path(item)) or item in _WORDS.get(str(key), ())
            found |= secret_values(item, is_secret_key(str(key)) and not harmless)
        return found
    if isinstance(value, (list, tuple)):
        return set().union(*(secret_values(item, hidden) for item in value)) if value else set()
    if not hidden or isinstance(value, (bool, type(None))):
        return set()
    return {str(value)} if len(str(value)) > 1 else set()  # a single letter would mask every message


def _is_path(value: Any) -> bool:
    """Whether something is given by its path, which is no secret."""
    return isinstance(value, str) and "\n" not in value and not value.lstrip().startswith("{")
