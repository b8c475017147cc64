# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module fleet: one task for every cluster of the batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean

from ..module_utils.goals import cluster_configuration, cluster_info, member, proxy_address
from ..module_utils.goals.fan_out import Call, Outcome, fan_out, summary, timed
from ..module_utils.goals.goal import Goal
from ..module_utils.goals.shared import Shared
from ..plugin_utils.arguments import validated
from ..plugin_utils.goal_action import GoalAction
from ..plugin_utils.host_variables import HostVariables, Variables, merged
from ..plugin_utils.local_goal import COLLECTION, LocalGoal, show
from ..plugin_utils.variable_checks import VariableChecks

GOALS: dict[str, Goal] = {
    each.GOAL.name: each.GOAL for each in (cluster_configuration, cluster_info, member, proxy_address)
}

ARGUMENT_SPEC = {
    "phase": {"type": "str", "required": True},
    "module": {"type": "str", "required": True, "choices": sorted(GOALS)},
    "arguments": {"type": "list", "elements": "str", "required": True},
    "applies": {"type": "str"},
    "after": {"type": "list", "elements": "str", "default": []},
    "continues": {"type": "str"},
    "variables": {"type": "dict", "default": {}},
    "in_flight": {"type": "int", "default": 0},
    "writes_per_second": {"type": "float", "default": 0.0},
}

_EACH = "Take the playbook each, or the role's entry point each (tasks_from: each), where it has one."


class ActionModule(GoalAction):
    """See the module's documentation."""

    _asked: dict[str, Any]
    _hosts: HostVariables
    _checks: VariableChecks

    def run(self, tmp: None = None, task_vars: Variables | None = None) -> dict[str, Any]:  # noqa: ARG002 - Ansible's
        """Do it for every cluster of the batch; without ``run_once`` for the task's own, as its own."""
        variables = task_vars or {}
        self._asked = validated("fleet", ARGUMENT_SPEC, self._task.args)
        self._hosts = HostVariables(self._task, self._loader, variables)
        self._checks = VariableChecks(self._asked["variables"])
        earlier = (variables.get(self._asked["continues"] or "") or {}).get("clusters", {})
        if not self._task.run_once:
            return self._one(str(variables["inventory_hostname"]), earlier)
        if self._hosts.runs_host_by_host:
            raise AnsibleActionFail(
                f"this play's strategy runs a task that is to run once for each host all the same. {_EACH}"
            )
        return _result({**earlier, **self._all(list(variables["ansible_play_batch"]))})

    # One

    def _one(self, name: str, earlier: dict[str, Outcome]) -> dict[str, Any]:
        variables = self._variables(name)
        if not self._takes_part(name, variables):
            return {"skipped": True, **_result(earlier)}
        problem = self._checks.problem(self._hosts, variables)
        outcome = (
            _failed(problem)
            if problem
            else timed(partial(self._run, self._goal, self._arguments(variables), variables))
        )
        kept = {key: value for key, value in outcome.items() if key != "diff"}  # which is shown as the task's own
        return {**_result({**earlier, name: self._noted(kept)}), **outcome}

    # All

    def _all(self, names: list[str]) -> dict[str, Outcome]:
        bounds = [each for each in (self._asked["in_flight"], int(self._task.throttle or 0)) if each > 0]
        in_flight = min([*bounds, len(names)])
        outcomes: dict[str, Outcome] = {}

        def done(name: str, outcome: Outcome) -> None:
            outcomes[name] = self._noted(outcome)
            if outcome.get("failed") or outcome.get("changed"):
                _tell(name, outcomes[name])

        with closing(Shared(in_flight, self._asked["writes_per_second"] or None)) as shared:
            fan_out(self._calls(names, shared), in_flight, done)
        if len(outcomes) > 1:
            show(summary(self._asked["phase"], outcomes.values()))
        return {name: outcomes[name] for name in names if name in outcomes}

    def _calls(self, names: list[str], shared: Shared) -> Iterator[tuple[str, Call]]:
        for name in names:
            try:
                variables = self._variables(name)
                if self._takes_part(name, variables):
                    yield name, self._call(name, variables, shared)
            except (AnsibleError, TypeError) as error:  # TypeError: applies is neither true nor false
                yield name, partial(_failed, f"{name}: {error}")

    def _call(self, name: str, variables: Variables, shared: Shared) -> Call:
        given = self._hosts.values(["ansible_connection"], variables)
        connection = str(given.get("ansible_connection", self._task.connection)).removeprefix("ansible.builtin.")
        if connection != "local" or any(self._task.environment or ()):
            seen = f"its connection is {connection}" if connection != "local" else "the task has an environment"
            return partial(
                _failed,
                f"{name}: {seen}, but what one task does for many clusters is done in this process. {_EACH}",
            )
        problem = self._checks.problem(self._hosts, variables)
        if problem:
            return partial(_failed, problem)
        goal = LocalGoal(self._goal, self._arguments(variables), name)
        return partial(goal.run, check_mode=self._task.check_mode, shared=shared)

    # Both

    @property
    def _goal(self) -> Goal:
        return GOALS[self._asked["module"]]

    def _variables(self, name: str) -> Variables:
        """The variables of a cluster; of what earlier tasks have registered for all, its own part, for size matters."""
        variables = self._hosts.of(name)
        for register in filter(None, [*self._asked["after"], self._asked["continues"]]):
            clusters = (variables.get(register) or {}).get("clusters", {})
            variables[register] = {"clusters": {name: clusters[name]} if name in clusters else {}}
        return variables

    def _arguments(self, variables: Variables) -> Variables:
        return self._hosts.templated(merged(variables, self._asked["arguments"]), variables)

    def _takes_part(self, name: str, variables: Variables) -> bool:
        """Whether a cluster is worked on: it is meant, and nothing has failed with it before."""
        for register in self._asked["after"]:
            if variables[register]["clusters"].get(name, {}).get("failed"):
                return False
        applies = self._asked["applies"]
        if applies and applies not in variables:
            raise AnsibleActionFail(
                f"{COLLECTION}.fleet: there is no variable {applies}, which applies names: mend one of them"
            )
        return self._hosts.holds(variables) and (
            not applies or boolean(self._hosts.values([applies], variables).get(applies, False))
        )

    def _noted(self, outcome: Outcome) -> Outcome:
        return {**outcome, "phase": self._asked["phase"], "module": self._asked["module"]}


def _failed(message: str) -> Outcome:
    return {"changed": False, "failed": True, "msg": message}


def _tell(name: str, outcome: Outcome) -> None:
    said = f"failed: {outcome.get('msg')}" if outcome.get("failed") else "changed"
    show(f"{name}: {outcome['phase']} ({outcome['seconds']:.1f} s): {' '.join(said.split())}")


def _result(clusters: dict[str, Outcome]) -> dict[str, Any]:
    return {
        "changed": False,  # each cluster's own result says so, once
        "clusters": clusters,
        "changed_clusters": [name for name, each in clusters.items() if each.get("changed")],
        "failed_clusters": [name for name, each in clusters.items() if each.get("failed")],
    }
