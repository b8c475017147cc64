# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module fleet: one task for every cluster of the batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils.goals import cluster_configuration, cluster_info, member, proxy_address
from ..module_utils.goals.fan_out import Call, Outcome, fan_out, summary, timed
from ..module_utils.goals.goal import Goal
from ..module_utils.goals.shared import Shared
from ..plugin_utils.goal_action import GoalAction
from ..plugin_utils.host_variables import HostVariables, Variables, merged
from ..plugin_utils.local_goal import COLLECTION, LocalGoal, show

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


class ActionModule(GoalAction):
    """See the module's documentation."""

    def run(self, tmp: None = None, task_vars: Variables | None = None) -> dict[str, Any]:  # noqa: ARG002 - Ansible's
        """Do it for every cluster of the batch; without ``run_once`` for the task's own, as its own."""
        variables = task_vars or {}
        asked = self._asked()
        hosts = HostVariables(self._task, self._loader, variables)
        own = str(variables["inventory_hostname"])
        if not self._task.run_once:
            return self._one(own, asked, hosts)
        if hosts.runs_host_by_host:
            raise AnsibleActionFail(
                "this play's strategy runs a task that is to run once for each host all the same. "
                "Take the role's entry point each (tasks_from: each; for playbooks -e kubesphere_fan_out=false)."
            )
        clusters = self._all(list(variables["ansible_play_batch"]), asked, hosts)
        earlier = (variables.get(asked["continues"] or "") or {}).get("clusters", {})
        return _result({**earlier, **clusters})

    def _asked(self) -> dict[str, Any]:
        checked = ArgumentSpecValidator(ARGUMENT_SPEC).validate(self._task.args)
        if checked.error_messages:
            raise AnsibleActionFail(f"{COLLECTION}.fleet: {'; '.join(checked.error_messages)}")
        asked: dict[str, Any] = checked.validated_parameters
        return asked

    # One

    def _one(self, name: str, asked: dict[str, Any], hosts: HostVariables) -> dict[str, Any]:
        variables = hosts.of(name)
        if not _takes_part(name, asked, hosts, variables):
            return {"changed": False, "skipped": True, **_result({})}
        problem = _problem_of_variables(asked["variables"], hosts, variables)
        arguments = hosts.templated(merged(variables, asked["arguments"]), variables)
        outcome = problem or timed(lambda: self._run(GOALS[asked["module"]], arguments, variables))
        # Its own diff is the task's.
        kept = {key: value for key, value in outcome.items() if key != "diff"}
        return {**_result({name: {**kept, "phase": asked["phase"], "module": asked["module"]}}), **outcome}

    # All

    def _all(self, names: list[str], asked: dict[str, Any], hosts: HostVariables) -> dict[str, Outcome]:
        bounds = [each for each in (asked["in_flight"], int(self._task.throttle or 0)) if each > 0]
        in_flight = min([*bounds, len(names)])
        outcomes: dict[str, Outcome] = {}

        def done(name: str, outcome: Outcome) -> None:
            outcomes[name] = {**outcome, "phase": asked["phase"], "module": asked["module"]}
            if outcome.get("failed") or outcome.get("changed"):
                _tell(name, outcomes[name])

        with closing(Shared(in_flight, asked["writes_per_second"] or None)) as shared:
            fan_out(self._calls(names, asked, hosts, shared), in_flight, done)
        if len(names) > 1:
            show(summary(asked["phase"], outcomes.values()))
        return {name: outcomes[name] for name in names if name in outcomes}

    def _calls(
        self, names: list[str], asked: dict[str, Any], hosts: HostVariables, shared: Shared
    ) -> Iterator[tuple[str, Call]]:
        for name in names:
            variables = hosts.of(name)
            try:
                if _takes_part(name, asked, hosts, variables):
                    yield name, self._call(name, asked, hosts, variables, shared)
            except AnsibleError as error:
                yield name, partial(_failed, str(error))

    def _call(
        self, name: str, asked: dict[str, Any], hosts: HostVariables, variables: Variables, shared: Shared
    ) -> Call:
        connection = variables.get("ansible_connection", self._connection.transport)
        if connection != "local" or any(self._task.environment or ()):
            seen = f"its connection is {connection}" if connection != "local" else "the task has an environment"
            return partial(
                _failed,
                f"{name}: {seen}, and what one task does for many clusters is done in this very process. "
                "Take the role's entry point each (tasks_from: each; for playbooks -e kubesphere_fan_out=false).",
            )
        problem = _problem_of_variables(asked["variables"], hosts, variables)
        if problem:
            return lambda: problem
        arguments = hosts.templated(merged(variables, asked["arguments"]), variables)
        goal = LocalGoal(GOALS[asked["module"]], arguments, name)
        return partial(goal.run, check_mode=self._task.check_mode, shared=shared)


def _takes_part(name: str, asked: Mapping[str, Any], hosts: HostVariables, variables: Variables) -> bool:
    """Whether a cluster is worked on: it is meant, and nothing has failed with it before."""
    earlier = ((variables.get(each) or {}).get("clusters", {}).get(name, {}) for each in asked["after"])
    if any(outcome.get("failed") for outcome in earlier):
        return False
    return not asked["applies"] or bool(hosts.templated({"applies": variables[asked["applies"]]}, variables)["applies"])


def _problem_of_variables(spec: Mapping[str, Any], hosts: HostVariables, variables: Variables) -> Outcome:
    """What the action validate_argument_spec says of a cluster's variables; empty if nothing."""
    given = hosts.templated({name: variables[name] for name in spec if name in variables}, variables)
    messages = ArgumentSpecValidator(dict(spec)).validate(given, validate_role_argument_spec=True).error_messages
    return _failed("Validation of arguments failed:\n" + "\n".join(messages)) if messages else {}


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
