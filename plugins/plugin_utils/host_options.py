# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How plugins that are no tasks reach the host of a fleet: by the authentication options, wherever they are given."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError

from ..module_utils.goals.authentication import AUTHENTICATION
from ..module_utils.goals.goal import REFUSALS, Context, Goal, check_seconds
from ..module_utils.goals.outcome import told
from ..module_utils.goals.shared import Shared
from .local_goal import COLLECTION, LocalGoal

_FILES = ("kubeconfig", "ca_cert", "client_cert", "client_key")
_BY_PATH = {"kubeconfig", "context", "request_timeout", "cluster_name"}
"""What the roles have variables for, or need not know."""

HOST = "host"
"""What messages call the host where nobody says."""

_CONNECTIONS: dict[int, Shared] = {}
"""The connections of a process, by its id: a worker that is forked must not go on with those of its parent."""


def in_source(config: Mapping[str, Any], path: str, templar: Any) -> dict[str, Any]:
    """The authentication options of an inventory source: templated, and relative paths taken from its folder.

    Args:
        config: what the source holds.
        path: of the source.
        templar: Ansible's, for what is a template there.
    """
    folder = os.path.dirname(os.path.realpath(path))  # noqa: PTH120 - a path as Ansible has it
    templar = templar.copy_with_new_env(available_variables={**templar.available_variables, "inventory_dir": folder})
    found = {name: templar.template(config[name]) for name in _names() if name in config}
    return {name: _from(folder, value) if name in _FILES else value for name, value in found.items()}


def read_source(path: str, loader: Any) -> dict[str, Any]:
    """What an inventory source holds; what is a template there is one, for it is the user's.

    Raises:
        AnsibleError: it cannot be read.
    """
    try:
        return loader.load_from_file(path, cache="none", trusted_as_template=True) or {}
    except TypeError:  # before ansible-core 2.19 nobody asks
        return loader.load_from_file(path, cache=False) or {}


def reference(given: Mapping[str, Any], options: Mapping[str, Any], path: str) -> dict[str, str]:
    """The variables by which the roles reach the host as its inventory source does; a credential is in none of them.

    Args:
        given: the options that the source has itself, see :func:`in_source`.
        options: those and what comes from elsewhere, see :func:`asked`.
        path: of the source.

    Returns:
        ``kubesphere_kubeconfig``, a path, or a template that looks when it is used; and ``kubesphere_context``.
    """
    if is_path(given.get("kubeconfig")) and options.keys() <= _BY_PATH:
        return {f"kubesphere_{name}": str(given[name]) for name in ("kubeconfig", "context") if given.get(name)}
    source = f", source={os.path.realpath(path)!r}" if given.keys() - {"request_timeout"} else ""
    return {"kubesphere_kubeconfig": f"{{{{ lookup('kubesphere.multicluster.host_kubeconfig'{source}) }}}}"}


def is_path(kubeconfig: Any) -> bool:
    """Whether a kubeconfig is given by its path, which is no secret."""
    return isinstance(kubeconfig, str) and "\n" not in kubeconfig and not kubeconfig.lstrip().startswith("{")


def asked(plugin: Any) -> dict[str, Any]:
    """The authentication options of a plugin, from wherever it has them; those that are not given are left out."""
    values = {name: plugin.get_option(name) for name in (*AUTHENTICATION, "cluster_name")}
    return {name: value for name, value in values.items() if value is not None}


def of_inventory(variables: Mapping[str, Any]) -> dict[str, Any]:
    """How the inventory says that the host is reached; empty if it does not.

    Args:
        variables: as a plugin sees them, templates among them.
    """
    names = (variables.get("groups") or {}).get("kubesphere_host") or []
    if not names:
        return {}
    host = variables["hostvars"][names[0]]
    said = {key: host[f"kubesphere_{key}"] for key in ("kubeconfig", "context") if host.get(f"kubesphere_{key}")}
    return {**said, "cluster_name": names[0]}


def found_out(goal: Goal, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a goal finds out; it may be a secret.

    Args:
        goal: what is asked.
        arguments: of the plugin.

    Raises:
        AnsibleError: it cannot be found out.
    """
    local = LocalGoal(goal, arguments, HOST)
    shared = _CONNECTIONS.setdefault(os.getpid(), Shared(1, None))
    try:
        check_seconds(local.options)
        return goal.run(local.options, Context(cluster=HOST, shared=shared)).data
    except REFUSALS as error:
        raise AnsibleError(f"{COLLECTION}.{goal.name}: {told(str(error), local.hidden)}") from None


def _names() -> tuple[str, ...]:
    """Every name of an authentication option."""
    return tuple(name for option, spec in AUTHENTICATION.items() for name in (option, *spec.get("aliases", ())))


def _from(folder: str, value: Any) -> Any:
    if not is_path(value) or value.startswith(("~", "$")):
        return value
    return os.path.join(folder, value)  # noqa: PTH118
