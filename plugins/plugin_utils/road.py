# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a road, as the task fleet names them, and what they are for each cluster."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils.goals import cluster_configuration, cluster_info, member, proxy_address
from ..module_utils.goals.fan_out import Outcome
from ..module_utils.goals.goal import Goal
from ..module_utils.goals.variable_names import VariableNames
from .host_variables import HostVariables, Variables, merged
from .local_goal import COLLECTION, LocalGoal
from .registered import left_with
from .variable_checks import VariableChecks

GOALS: dict[str, Goal] = {
    each.GOAL.name: each.GOAL for each in (cluster_configuration, cluster_info, member, proxy_address)
}

_PHASE = {
    "phase": {"type": "str", "required": True},
    "module": {"type": "str", "required": True, "choices": sorted(GOALS)},
    "arguments": {"type": "list", "elements": "str", "required": True},
    "applies": {"type": "str"},
    "needed_by": {"type": "str"},
    "register": {"type": "str", "required": True},
    "waits": {"type": "bool", "default": False},
    "clusters": {"type": "str", "default": "all", "choices": ["all", "first", "others"]},
    "judged": {"type": "bool", "default": False},
}

ARGUMENT_SPEC = {
    "phases": {"type": "list", "elements": "dict", "options": _PHASE, "required": True},
    "first": {"type": "str"},
    "strict": {"type": "bool", "default": False},
    "independent": {"type": "bool", "default": False},
    "after": {"type": "list", "elements": "str", "default": []},
    "continues": {"type": "str"},
    "variables": {"type": "dict", "default": {}},
    "in_flight": {"type": "int", "default": 0},
    "writes_per_second": {"type": "float", "default": 0.0},
}


class Road:
    """What the phases of one task are for each of its clusters. One thread uses it."""

    def __init__(self, asked: dict[str, Any], hosts: HostVariables, task: Any) -> None:
        """Look at nothing yet.

        Args:
            asked: the task's arguments.
            hosts: variables of its clusters.
            task: as its action plugin has it.
        """
        self.phases: list[dict[str, Any]] = asked["phases"]
        self.first: str | None = asked["first"]
        self.strict: bool = asked["strict"]
        self.independent: bool = asked["independent"]
        self.writes_per_second: float | None = asked["writes_per_second"] or None
        self.bounds = [each for each in (asked["in_flight"], int(task.throttle or 0)) if each > 0]
        self.check_mode: bool = task.check_mode
        self._asked, self._hosts, self._task = asked, hosts, task
        self._checks = VariableChecks(asked["variables"])
        self._names = VariableNames(asked["variables"], hosts.brought_by_roles()) if asked["variables"] else None
        self._variables: dict[str, Variables] = {}
        self._meant: dict[str, bool] = {}
        self._problems: dict[str, str] = {}

    def variables(self, name: str) -> Variables:
        """The variables of a cluster; of what earlier tasks have registered for all, its own part, for size matters."""
        if name not in self._variables:
            variables = self._variables[name] = self._hosts.of(name)
            if self._names:
                self._names.note(name, variables)
            for register in filter(None, [*self._asked["after"], self._asked["continues"]]):
                found = left_with(name, variables, register)
                variables[register] = {"clusters": {} if found is None else {name: found}}
            for register in {each["register"] for each in self.phases} - {self._asked["continues"]}:
                variables[register] = {"clusters": {}}  # nothing of an earlier run of the road
        return self._variables[name]

    def concerns(self, name: str, phase: int) -> bool:
        """Whether a phase is one of the first cluster, or of the others, as this one is."""
        clusters = self.phases[phase]["clusters"]
        return bool(clusters == "all" or (clusters == "first") == (name == self.first))

    def is_for(self, name: str, phase: int) -> bool:
        """Whether a phase is for a cluster: it is meant, and nothing has failed with it before."""
        if not self.concerns(name, phase):
            return False
        variables = self.variables(name)
        if name not in self._meant:
            failed = [variables[each]["clusters"].get(name, {}).get("failed") for each in self._asked["after"]]
            self._meant[name] = not any(failed) and self._hosts.holds(variables)
        return self._meant[name] and self._says(name, phase, "applies")

    def needs(self, name: str, phase: int) -> bool:
        """Whether a cluster needs what the first one does in a phase."""
        return self._says(name, phase, "needed_by")

    def _says(self, name: str, phase: int, which: str) -> bool:
        """What a cluster's variable says that the phase names by an option; true where it names none."""
        variables, variable = self.variables(name), self.phases[phase][which]
        if variable and variable not in variables:
            raise AnsibleActionFail(
                f"{COLLECTION}.fleet: there is no variable {variable}, which {which} names: mend one of them"
            )
        return not variable or boolean(self._hosts.values([variable], variables).get(variable, False))

    def problem(self, name: str) -> str:
        """Why nothing can be done with a cluster in this process; empty if it can."""
        if name not in self._problems:
            self._problems[name] = self._remote(name) or self.variables_problem(name)
        return self._problems[name]

    def is_remote(self, name: str) -> bool:
        """Whether that is for its connection."""
        return bool(self._remote(name))

    def variables_problem(self, name: str) -> str:
        """What is wrong with a cluster's variables; empty if nothing is."""
        return self._checks.problem(self._hosts, self.variables(name))

    def warnings(self) -> list[str]:
        """What is to be said of the names of all clusters' variables so far, and has not been."""
        return self._names.warnings() if self._names else []

    def arguments(self, name: str, phase: int) -> Variables:
        """The arguments of a phase's module for a cluster."""
        variables = self.variables(name)
        return self._hosts.templated(merged(variables, self.phases[phase]["arguments"]), variables)

    def goal(self, name: str, phase: int) -> LocalGoal:
        """What a phase does with a cluster."""
        each = self.phases[phase]
        return LocalGoal(GOALS[each["module"]], self.arguments(name, phase), name, each["phase"])

    def noted(self, phase: int, outcome: Outcome) -> Outcome:
        """An outcome that says of what."""
        return {**outcome, "phase": self.phases[phase]["phase"], "module": self.phases[phase]["module"]}

    def leave(self, name: str, phase: int, outcome: Outcome) -> None:
        """Let the templates of later phases see an outcome, as that of a task."""
        left = wrap_var({"clusters": {name: outcome}})  # as Ansible does with a task's result: it is no template
        self._hosts.register(self.phases[phase]["register"], left, self.variables(name))

    def forget(self, name: str) -> None:
        """A cluster has come to its end; a thousand of them need much room."""
        variables = self._variables.pop(name, None)
        if variables is not None:
            self._hosts.forget(variables)

    def _remote(self, name: str) -> str:
        variables = self.variables(name)
        given = self._hosts.values(["ansible_connection"], variables)
        connection = str(given.get("ansible_connection", self._task.connection)).removeprefix("ansible.builtin.")
        if connection == "local" and not any(self._task.environment or ()):
            return ""
        seen = f"its connection is {connection}" if connection != "local" else "the task has an environment"
        return f"{name}: {seen}, but what one task does for many clusters is done in this process."
