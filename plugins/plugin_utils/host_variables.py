# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of each host of a batch, as a task of its own would see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.template import Templar

Variables = dict[str, Any]

_PLAIN = re.compile(r"\{\{ (\w+)( \| default\(omit\))? \}\}")
"""A template that is nothing but a variable, as most arguments of the roles are; Jinja costs a hundred times more."""

_NOTHING = object()

_MARKS = ("{{", "{%", "{#")


class HostVariables:
    """Variables and templates of the hosts of a batch, for one task that works for all of them."""

    def __init__(self, task: Any, loader: Any, task_vars: Variables) -> None:
        """Look at nothing yet.

        Args:
            task: the task, as its action plugin has it.
            loader: the action plugin's.
            task_vars: variables of the host that the task runs for.
        """
        hostvars = task_vars["hostvars"]  # the one way from an action plugin to the variables of others
        self._manager, self._inventory = hostvars._variable_manager, hostvars._inventory
        self._task, self._play = task, task.get_play()
        self._hosts = list(task_vars["ansible_play_hosts"])
        self._all_hosts = list(task_vars["ansible_play_hosts_all"])
        self._templar = Templar(loader=loader, variables=task_vars)

    @property
    def runs_host_by_host(self) -> bool:
        """Whether the play's strategy runs every task for each host, one that is to run once too."""
        return str(self._play.strategy).rpartition(".")[2] not in ("linear", "debug")

    def of(self, name: str) -> Variables:
        """The variables of one host, not templated."""
        found: Variables = self._manager.get_vars(
            play=self._play,
            host=self._inventory.get_host(name),
            task=self._task,
            _hosts=self._hosts,
            _hosts_all=self._all_hosts,
        )
        return found

    def templated(self, templates: Mapping[str, Any], variables: Variables) -> Variables:
        """Values as a task's arguments: templated by a host's variables, those that are omitted left out.

        Raises:
            AnsibleError: one cannot be templated.
        """
        values, left = {}, {}
        for key, template in templates.items():
            plain = _PLAIN.fullmatch(template) if isinstance(template, str) else None
            if plain and plain[1] in variables and not _has_templates(variables[plain[1]]):
                values[key] = variables[plain[1]]
            elif plain and plain[2] and plain[1] not in variables:
                continue
            elif _has_templates(template):
                left[key] = template
            else:
                values[key] = template
        if left:
            self._templar.available_variables = variables
            # Up to ansible-core 2.18 what is omitted is a text that nobody else would write.
            omit = variables.get("omit", _NOTHING)
            values |= {key: value for key, value in self._templar.template(left).items() if value != omit}
        return values


def merged(variables: Variables, names: Iterable[str]) -> Variables:
    """Mappings among a host's variables as one, not templated; a later one goes before."""
    found: Variables = {}
    for name in names:
        found |= variables[name]
    return found


def _has_templates(value: Any) -> bool:
    """Whether a value may be more than it says; what is of no plain type may, for example what a vault holds."""
    if value is None or isinstance(value, (bool, int, float)):
        return False
    if isinstance(value, str):
        return any(mark in value for mark in _MARKS)
    if isinstance(value, Mapping):
        return any(_has_templates(each) for pair in value.items() for each in pair)
    if isinstance(value, (list, tuple)):
        return any(map(_has_templates, value))
    return True
