# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of goals as Ansible takes them, and the module around a goal (private to the collection)."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..kubesphere.result import Result
from .goal import REFUSALS, Context, Goal, secret_values


def outcome(result: Result, context: Context) -> dict[str, Any]:
    """A result as the task returns it."""
    returned: dict[str, Any] = {"changed": result.changed, **result.data}
    if result.actions:
        returned["actions"] = result.actions
        returned["diff"] = result.diff
    warnings = [*context.warnings, *result.warnings]
    if warnings:
        returned["warnings"] = warnings
    return returned


def failure(error: Exception) -> dict[str, Any]:
    """A refusal as the task returns it: one message that says what, where and what next, and what kind it is."""
    return {"failed": True, "msg": str(error), "error": type(error).__name__}


def run_module(goal: Goal) -> None:
    """Be the module of a goal."""
    module = AnsibleModule(argument_spec=dict(goal.argument_spec), supports_check_mode=True, **goal.rules)
    # Options that may be a path as well as a content are no_log: false; their secrets are hidden one by one.
    module.no_log_values.update(secret_values(module.params))
    context = Context(check_mode=module.check_mode)
    try:
        returned = outcome(goal.run(module.params, context), context)
    except REFUSALS as error:
        module.fail_json(**failure(error))
    for warning in returned.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**returned)
