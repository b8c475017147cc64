# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of each host of a batch, as a task of its own would see them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.template import Templar

from .compiled_templates import compile_once
from .template_parts import has_templates, parts

Variables = dict[str, Any]

_PLAIN = re.compile(r"\{\{ (\w+)( \| default\(omit\))? \}\}")
"""A template that is nothing but a variable, as most arguments of the roles are; Jinja costs a hundred times more."""

_NOTHING = object()

_SAME_FOR_ALL = frozenset({"groups", "hostvars"})
"""Variables that do not change while a task runs, whichever host it is for."""

_NOT_SETTLED = _SAME_FOR_ALL | {"vars"}
"""Variables that stay as they are: those, and the one that has all the others in it."""


class HostVariables:
    """Variables and templates of the hosts of a batch, for one task that works for all of them.

    To evaluate a template costs a good part of a millisecond, and as much again to compile it. What a thousand clusters
    have in common is evaluated once, and each template is compiled once.
    """

    def __init__(self, task: Any, loader: Any, task_vars: Variables, registers: Collection[str] = ()) -> None:
        """Look at nothing yet.

        Args:
            task: the task, as its action plugin has it.
            loader: the action plugin's.
            task_vars: variables of the host that the task runs for.
            registers: names of variables that get new values on the way, see :meth:`register`.
        """
        hostvars = task_vars["hostvars"]  # the one way from an action plugin to the variables of others
        self._manager, self._inventory = hostvars._variable_manager, hostvars._inventory
        self._task, self._play = task, task.get_play()
        self._hosts = list(task_vars["ansible_play_batch"])
        self._all_hosts = list(task_vars["ansible_play_hosts_all"])
        self._templar = Templar(loader=loader, variables=task_vars)
        compile_once(self._templar)
        self._known: dict[tuple[Any, ...], Any] = {}
        self._looked_through: dict[int, tuple[Any, bool]] = {}
        self._kept: list[Any] = []  # what is known by its id has to live as long
        self._registers = frozenset(registers)
        self._passing: dict[int, Variables] = {}  # templates of what was made of those, by the id of a host's variables

    @property
    def runs_host_by_host(self) -> bool:
        """Whether the play's strategy runs every task for each host, one that is to run once too."""
        return str(self._play.strategy).rpartition(".")[2] not in ("linear", "debug")

    def brought_by_roles(self) -> set[str]:
        """Names of the variables that the play's roles, and the task's, bring along."""
        roles = [*getattr(self._play, "roles", ()), getattr(self._task, "_role", None)]
        return {
            name
            for role in filter(None, roles)
            for name in (*role.get_default_vars(), *role.get_vars(include_params=False))
        }

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

    def register(self, name: str, value: Any, variables: Variables) -> None:
        """Give one of the registers of a host another value; what was made of the former is a template again."""
        variables |= self._passing.pop(id(variables), {})
        variables[name] = value

    def forget(self, variables: Variables) -> None:
        """The variables of a host are no longer of use."""
        self._passing.pop(id(variables), None)

    def templated(self, templates: Mapping[str, Any], variables: Variables) -> Variables:
        """Values as a task's arguments: templated by a host's variables, those that are omitted left out.

        Args:
            templates: the arguments.
            variables: the host's; those that were evaluated on the way have their values afterwards.

        Raises:
            AnsibleError: one cannot be templated.
        """
        values: Variables = {}
        left: Variables = {}
        for key, template in templates.items():
            plain = _PLAIN.fullmatch(template) if isinstance(template, str) else None
            if plain and plain[2] and plain[1] not in variables:
                continue
            self._settle_parts(template, variables, frozenset())
            if plain and plain[1] in variables and not self._has_templates(variables[plain[1]]):
                values[key] = variables[plain[1]]
            elif self._has_templates(template):
                left[key] = template
            else:
                values[key] = template
        return {**values, **self._arguments(left, variables)}

    def values(self, names: Iterable[str], variables: Variables) -> Variables:
        """Variables of a host, templated; those that it does not have are left out.

        Raises:
            AnsibleError: one cannot be templated.
        """
        values: Variables = {}
        left: Variables = {}
        for name in names:
            if name in variables:
                self._settle(name, variables, frozenset())
                (left if self._has_templates(variables[name]) else values)[name] = variables[name]
        return {**values, **self._arguments(left, variables)}

    def _arguments(self, templates: Variables, variables: Variables) -> Variables:
        """Templated values, without those that are omitted."""
        if not templates:
            return {}
        # Up to ansible-core 2.18 what is omitted is a text that nobody else would write.
        omit = variables.get("omit", _NOTHING)
        return {key: value for key, value in self._evaluated(templates, variables).items() if value != omit}

    def holds(self, variables: Variables) -> bool:
        """Whether the conditions of the task (``when``), and of what it is in, hold for a host.

        Raises:
            AnsibleError: one cannot be evaluated.
        """
        conditions = list(self._task.when or ())
        if not conditions:
            return True
        self._templar.available_variables = variables
        if hasattr(self._task, "evaluate_conditional"):  # up to ansible-core 2.18
            return bool(self._task.evaluate_conditional(self._templar, variables))
        return all(self._templar.evaluate_conditional(condition) for condition in conditions)

    def _evaluated(self, value: Any, variables: Variables) -> Any:
        self._templar.available_variables = variables
        try:
            return self._templar.template(value)
        except AnsibleError:
            raise
        except Exception as error:  # before ansible-core 2.19 a template's own errors come as they are
            raise AnsibleError(f"a variable cannot be templated: {type(error).__name__}: {error}") from error

    def _has_templates(self, value: Any) -> bool:
        """See has_templates; what many clusters have in common is looked through once."""
        if not isinstance(value, (dict, list)):
            return has_templates(value)
        if id(value) not in self._looked_through:
            self._looked_through[id(value)] = (value, has_templates(value))
        return self._looked_through[id(value)][1]

    def _settle_parts(self, template: Any, variables: Variables, under: frozenset[str]) -> bool:
        """Settle the variables that a template reads; whether one of them may be another at the next phase."""
        found = parts(template)
        passing = found is None
        for name in found.names - _NOT_SETTLED if found else ():
            if name in variables and name not in under:
                passing = self._settle(name, variables, under) or passing
        return passing

    def _settle(self, name: str, variables: Variables, under: frozenset[str]) -> bool:
        """Put a variable's value in the place of its template; what cannot be had stays, for Ansible to say why.

        Returns:
            Whether it may be another at the next phase.
        """
        template = variables[name]
        if name in self._registers:
            return True
        found = parts(template) if self._has_templates(template) else None
        if found is None or not found.settled:
            return found is not None or name in self._passing.get(id(variables), ())
        passing = self._settle_parts(template, variables, under | {name})
        read = {each: variables.get(each, _NOTHING) for each in sorted(found.names - _SAME_FOR_ALL)}
        # What is still a template after it was settled may be another value for each host.
        shared = (
            found.pure
            and "vars" not in read
            and not any(self._has_templates(each) for each in read.values() if each is not _NOTHING)
        )
        key = (id(template), *map(_identity, read.values()))
        value = self._known.get(key, _NOTHING) if shared else _NOTHING
        if value is _NOTHING:
            try:
                value = self._value(template, variables)
            except AnsibleError:
                return passing
            if self._has_templates(value) or value == variables.get("omit", _NOTHING):
                return passing
            if shared and not passing:
                self._known[key] = value
                self._kept += [template, *read.values()]
        if passing:
            self._passing.setdefault(id(variables), {})[name] = template
        variables[name] = value
        return passing

    def _value(self, template: Any, variables: Variables) -> Any:
        plain = _PLAIN.fullmatch(template) if isinstance(template, str) else None
        if plain and plain[1] in variables and not self._has_templates(variables[plain[1]]):
            return variables[plain[1]]
        return self._evaluated(template, variables)


def merged(variables: Variables, names: Iterable[str]) -> Variables:
    """Mappings among a host's variables as one, not templated; a later one goes before.

    Raises:
        AnsibleError: one does not exist, or is no mapping.
    """
    found: Variables = {}
    for name in names:
        if not isinstance(variables.get(name), dict):
            raise AnsibleError(f"fleet: there is no mapping {name}, which arguments names: mend one of them")
        found |= variables[name]
    return found


def _identity(value: Any) -> Any:
    """What tells one value from another, without looking into large ones."""
    return (type(value), value) if isinstance(value, (str, bool, int, float)) else id(value)
