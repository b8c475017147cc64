# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a goal as an action plugin, in the controller's own process."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.plugins.action import ActionBase

from ..module_utils.goals.goal import Goal
from .local_goal import COLLECTION, LocalGoal, named
from .orphan import end_with_run
from .progress_channel import at_work


class GoalAction(ActionBase):  # type: ignore[misc]
    """Does the work here if the task's connection is local; hands it to the module of the same name if it is not.

    A module costs half a second of processor time before it begins; this costs some hundredths.
    """

    goal: ClassVar[Goal]
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the goal."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        return {**result, **self._run(self.goal, self._task.args, task_vars or {})}

    def _run(self, goal: Goal, arguments: dict[str, Any], variables: dict[str, Any], phase: str = "") -> dict[str, Any]:
        cluster = str(variables.get("inventory_hostname", ""))
        # An environment of the task's own (K8S_AUTH_*, KUBECONFIG) reaches another process only.
        if self._connection.transport != "local" or any(self._task.environment or ()):
            name, given = f"{COLLECTION}.{goal.name}", named(goal, arguments, cluster)
            with at_work(cluster, phase or goal.name):
                answer: dict[str, Any] = self._execute_module(module_name=name, module_args=given, task_vars=variables)
            return answer
        end_with_run()
        return LocalGoal(goal, arguments, cluster, phase).run(check_mode=self._task.check_mode)
