# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a goal as an action plugin, in the controller's own process."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.goals.goal import Context, Goal, secret_values
from ..module_utils.goals.outcome import attempt, told

display = Display()

_COLLECTION = "kubesphere.multicluster"


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
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if self.goal.needs_name:
            arguments.setdefault("cluster_name", variables.get("inventory_hostname"))
        # An environment of the task's own (K8S_AUTH_*, KUBECONFIG) reaches another process only.
        if self._connection.transport != "local" or any(self._task.environment or ()):
            name = f"{_COLLECTION}.{self.goal.name}"
            result.update(self._execute_module(module_name=name, module_args=arguments, task_vars=variables))
            return result
        hidden = secret_values(arguments)
        options = self._validated(arguments, hidden)
        context = Context(
            check_mode=self._task.check_mode,
            cluster=str(variables.get("inventory_hostname", "")),
            progress=self._progress(hidden),
        )
        result.update(attempt(self.goal, options, context))
        # Nobody censors an action plugin's result; what the session does not know as a secret is masked here.
        masked: dict[str, Any] = remove_values(result, hidden)
        return masked

    def _validated(self, arguments: dict[str, Any], hidden: set[str]) -> dict[str, Any]:
        """The arguments, checked and with defaults, as AnsibleModule would give them."""
        validator = ArgumentSpecValidator(self.goal.argument_spec, **self.goal.rules)
        checked = validator.validate(arguments)
        hidden |= {value for value in checked._no_log_values if len(value) > 1}
        if checked.error_messages:
            found = [
                f"Unsupported parameters: {error.msg}" if isinstance(error, UnsupportedError) else error.msg
                for error in checked.errors.errors
            ]
            messages = told("; ".join(found), hidden)
            raise AnsibleActionFail(f"{_COLLECTION}.{self.goal.name}: {messages}")
        options: dict[str, Any] = checked.validated_parameters
        hidden |= secret_values(options)
        return options

    def _progress(self, hidden: set[str]) -> Any:
        def show(line: str) -> None:
            display.display(f"    … {told(line, hidden)}")

        return show
