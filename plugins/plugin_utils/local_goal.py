# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A goal with one cluster's arguments, to be run in the controller's own process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.utils.display import Display

from ..module_utils.goals.goal import Context, Goal, secret_values
from ..module_utils.goals.outcome import attempt, told
from ..module_utils.goals.shared import Shared
from .progress_channel import at_work, tell

display = Display()

COLLECTION = "kubesphere.multicluster"


class LocalGoal:
    """One call of a goal. It may run in a thread.

    Attributes:
        goal: what is to be done.
        cluster: the inventory's name for the cluster.
        options: the arguments, checked, with defaults.
        hidden: secrets among them.
    """

    def __init__(self, goal: Goal, arguments: Mapping[str, Any], cluster: str, phase: str = "") -> None:
        """Check the arguments, and add defaults, as AnsibleModule would.

        Args:
            goal: what is to be done.
            arguments: of the task.
            cluster: the inventory's name for the cluster.
            phase: what it is of a road; the goal's name where there is none.

        Raises:
            AnsibleActionFail: they are not what the goal takes.
        """
        self.goal = goal
        self.cluster = cluster
        self.phase = phase or goal.name
        given = native(named(goal, arguments, cluster))
        self.hidden = secret_values(given)
        self.options = self._validated(given)

    def run(self, *, check_mode: bool, shared: Shared | None = None) -> dict[str, Any]:
        """Do it; the result is the task's, a failed one too, and shows no secret."""
        context = Context(check_mode=check_mode, cluster=self.cluster, progress=self._show, shared=shared)
        with at_work(self.cluster, self.phase):
            result = attempt(self.goal, self.options, context)
        # Nobody censors an action plugin's result; what the session does not know as a secret is masked here.
        masked: dict[str, Any] = remove_values(result, self.hidden)
        return masked

    def _validated(self, given: dict[str, Any]) -> dict[str, Any]:
        checked = ArgumentSpecValidator(self.goal.argument_spec, **self.goal.rules).validate(given)
        self.hidden |= {value for value in checked._no_log_values if len(value) > 1}
        if checked.error_messages:
            found = [
                f"Unsupported parameters: {error.msg}" if isinstance(error, UnsupportedError) else error.msg
                for error in checked.errors.errors
            ]
            messages = told("; ".join(found), self.hidden)
            raise AnsibleActionFail(f"{COLLECTION}.{self.goal.name}: {messages}")
        options: dict[str, Any] = checked.validated_parameters
        self.hidden |= secret_values(options)
        return options

    def _show(self, line: str) -> None:
        text = told(line, self.hidden)
        if not tell("waits", cluster=self.cluster, phase=self.phase, text=text):
            show(text)


def named(goal: Goal, arguments: Mapping[str, Any], cluster: str) -> dict[str, Any]:
    """A task's arguments, with the inventory's name for the cluster where the goal takes one."""
    return {**({"cluster_name": cluster} if goal.needs_name else {}), **arguments}


def native(value: Any) -> Any:
    """Values without what ansible-core 2.19 notes on each of them; it makes them ten times as dear to check."""
    if isinstance(value, dict):
        return {native(key): native(item) for key, item in value.items()}
    if isinstance(value, list):
        return [native(item) for item in value]
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value


def warn(text: str) -> None:
    """Warn at once; Ansible shows what a result has of warnings at the end of its task."""
    display.warning(text)


def show(line: str) -> None:
    """Tell who sits before the terminal what is going on."""
    display.display(f"    … {line}")
