# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module fleet: one task for every cluster of the batch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError

from ..module_utils.goals import cluster_info
from ..module_utils.goals.fan_out import Call, FanOut, Outcome, Phase, summary, timed
from ..module_utils.goals.shared import Shared
from ..plugin_utils.arguments import validated
from ..plugin_utils.goal_action import GoalAction
from ..plugin_utils.host_variables import HostVariables, Variables
from ..plugin_utils.local_goal import show, warn
from ..plugin_utils.orphan import end_with_run
from ..plugin_utils.progress_channel import tell
from ..plugin_utils.road import ARGUMENT_SPEC, GOALS, Road
from ..plugin_utils.tally import Tally

_EACH = (
    "Take the playbook each (status_each, renew_each, unbind_each), or the role's entry point each (tasks_from: each), "
    "where it has one."
)


class ActionModule(GoalAction):
    """See the module's documentation."""

    def run(self, tmp: None = None, task_vars: Variables | None = None) -> dict[str, Any]:  # noqa: ARG002 - Ansible's
        """Do it for every cluster of the batch; without ``run_once`` for the task's own, as its own."""
        end_with_run()
        variables = task_vars or {}
        asked = validated("fleet", ARGUMENT_SPEC, self._task.args)
        hosts = HostVariables(self._task, self._loader, variables, [each["register"] for each in asked["phases"]])
        road = Road(asked, hosts, self._task)
        earlier = (variables.get(asked["continues"] or "") or {}).get("clusters", {})
        if not self._task.run_once:
            return self._one(road, str(variables["inventory_hostname"]), earlier)
        if hosts.runs_host_by_host:
            raise AnsibleActionFail(
                f"this play's strategy runs a task that is to run once for each host all the same. {_EACH}"
            )
        return _All(road, list(variables["ansible_play_batch"])).run()

    def _one(self, road: Road, name: str, earlier: dict[str, Outcome]) -> dict[str, Any]:
        if len(road.phases) > 1:
            raise AnsibleActionFail(
                f"fleet: several phases of a road are one task for all clusters (run_once). {_EACH}"
            )
        if not road.is_for(name, 0):
            return {"skipped": True, **_result(earlier)}
        problem = road.variables_problem(name)
        if problem:
            outcome = failure(problem)
        else:
            each, arguments = road.phases[0], road.arguments(name, 0)
            work = partial(self._run, GOALS[each["module"]], arguments, road.variables(name), each["phase"])
            outcome = timed(work)
        for warning in road.warnings():
            warn(warning)
        kept = {key: value for key, value in outcome.items() if key != "diff"}  # which is shown as the task's own
        return {**_result({**earlier, name: road.noted(0, kept)}), **outcome}


class _All:
    """One run for all clusters of a batch; see :class:`Work`."""

    def __init__(self, road: Road, names: list[str]) -> None:
        self._road, self._names = road, names
        in_flight = min([*road.bounds, len(names)])
        self._shared = Shared(in_flight, road.writes_per_second)
        phases = [
            Phase(each["phase"], each["waits"], each["clusters"] == "others" and not road.independent, each["judged"])
            for each in road.phases
        ]
        self._fan_out = FanOut(self, phases, names, in_flight, first=road.first, patient=road.strict)
        self._outcomes: list[dict[str, Outcome]] = [{} for _phase in phases]
        self._tally = Tally(road, names)
        self._told: set[str] = set()

    def run(self) -> dict[str, Any]:
        """The task's result."""
        with closing(self._shared), closing(self._tally):
            self._fan_out.run()
            self._warn(self._road.warnings())
        last: dict[str, Outcome] = {}
        registers: dict[str, dict[str, Any]] = {}
        named: dict[str, dict[str, Outcome]] = {}  # what is one to the user may be two, of the host and of the members
        for phase, outcomes in zip(self._road.phases, self._outcomes):
            named.setdefault(phase["phase"], {}).update(outcomes)
            last |= outcomes
            registers.setdefault(phase["register"], {"clusters": {}})["clusters"] |= outcomes
        for name, found in named.items():
            if len(found) > 1:
                show(summary(name, found.values()))
        changed = {name for outcomes in self._outcomes for name, each in outcomes.items() if each.get("changed")}
        clusters = {name: {**last[name], "changed": name in changed} for name in self._names if name in last}
        return {**_result(clusters), **({"registers": registers} if len(self._road.phases) > 1 else {})}

    def _warn(self, texts: Iterable[str]) -> None:
        for text in texts:
            if text not in self._told:
                self._told.add(text)
                warn(text)

    def call(self, name: str, phase: int) -> Call | None:
        """What is to be done with a cluster in a phase; what cannot be known of it is its failure."""
        try:
            if not self._road.is_for(name, phase):
                self._tally.skip(name, phase)
                return None
            problem = self._road.problem(name)
            if problem:
                return partial(failure, f"{problem} {_EACH}" if self._road.is_remote(name) else problem)
            return partial(self._road.goal(name, phase).run, check_mode=self._road.check_mode, shared=self._shared)
        except (AnsibleError, TypeError) as error:  # TypeError: applies is neither true nor false
            return partial(failure, f"{name}: {error}")

    def needs(self, name: str, phase: int) -> bool:
        """Whether a cluster goes no further if the host fails in a phase; if that cannot be known, it does not."""
        try:
            return self._road.needs(name, phase)
        except (AnsibleError, TypeError):
            return True

    def verdict(self, outcomes: Mapping[str, Outcome]) -> Mapping[str, str]:
        """Why clusters may go no further; what is to be said of the others is said now, before anything is written."""
        self._warn([*self._road.warnings(), *(text for each in outcomes.values() for text in each.get("warnings", ()))])
        return cluster_info.verdict(outcomes, self._road.first, self._road.strict)

    def needs_all(self, outcome: Outcome) -> bool:
        """Whether the verdict needs all clusters."""
        return cluster_info.needs_all(outcome)

    def done(self, name: str, phase: int, outcome: Outcome) -> None:
        """Keep an outcome, and tell of what is not as it was."""
        self._outcomes[phase][name] = noted = self._road.noted(phase, outcome)
        self._road.leave(name, phase, noted)
        self._tally.done(name, phase, failed=bool(outcome.get("failed")))
        if outcome.get("failed") or outcome.get("changed"):
            _tell(name, noted)

    def passed(self, name: str) -> None:
        """What the host is past may have changed what the others read of it."""
        if name == self._road.first:
            self._shared.refresh()

    def ended(self, name: str) -> None:
        """Forget a cluster; a host that has failed may have changed something, too."""
        self.passed(name)
        self._road.forget(name)
        self._shared.leave(name)


def failure(message: str) -> Outcome:
    """The outcome of what was not even begun."""
    return {"changed": False, "failed": True, "msg": message}


def _tell(name: str, outcome: Outcome) -> None:
    said = f"failed: {outcome.get('msg')}" if outcome.get("failed") else "changed"
    line = f"{name}: {outcome['phase']} ({outcome['seconds']:.1f} s): {' '.join(said.split())}"
    if outcome.get("failed") or not tell("line", text=line):  # a failure is always seen, whoever shows progress
        show(line)


def _result(clusters: dict[str, Outcome]) -> dict[str, Any]:
    return {
        "changed": False,  # each cluster's own result says so, once
        "ended": round(time.time(), 3),
        "clusters": clusters,
        "changed_clusters": [name for name, each in clusters.items() if each.get("changed")],
        "failed_clusters": [name for name, each in clusters.items() if each.get("failed")],
    }
