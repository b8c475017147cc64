# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of goals as Ansible takes them, and the module around a goal (private to the collection)."""

from __future__ import annotations

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from ..kube.secret import visible
from ..kubesphere.result import NotYetKnown, Result
from .goal import REFUSALS, Context, Goal, Options, check_seconds, secret_values


def outcome(result: Result, context: Context) -> dict[str, Any]:
    """A result as the task returns it."""
    returned: dict[str, Any] = {"changed": result.changed, **result.data}
    if result.actions:
        returned["actions"] = result.actions
        returned["diff"] = result.diff
    warnings = [visible(each) for each in (*context.warnings, *result.warnings)]
    if warnings:
        returned["warnings"] = warnings
    unknown = [visible(each) for each in result.warnings if isinstance(each, NotYetKnown)]
    if unknown:
        returned["unknown"] = unknown
    return returned


def attempt(goal: Goal, options: Options, context: Context) -> dict[str, Any]:
    """Run a goal and give the task's result, a failed one too: a message, and the error's kind for programs."""
    try:
        check_seconds(options)
        return outcome(goal.run(options, context), context)
    except REFUSALS as error:
        # Of a connection that is not verified one has to know above all where it does not do what it should.
        warnings = {"warnings": list(map(visible, context.warnings))} if context.warnings else {}
        return {"failed": True, "msg": visible(str(error)), "error": type(error).__name__, **warnings}
    except Exception as error:  # whatever it is, the user gets a message; Ansible shows the traceback at -vvv only
        what = f"{goal.name} failed over something unforeseen ({type(error).__name__}: {error})."
        hint = "That is a defect of the collection: please report it with the output of -vvv."
        return {
            "failed": True,
            "msg": visible(f"{what} {hint}"),
            "error": "Defect",
            "exception": traceback.format_exc(),
        }


def told(text: str, hidden: set[str]) -> str:
    """A text as a terminal may show it: without the secrets among the arguments, on one line."""
    return visible(str(remove_values(text, hidden)))


def run_module(goal: Goal) -> None:
    """Be the module of a goal."""
    module = AnsibleModule(argument_spec=dict(goal.argument_spec), supports_check_mode=True, **goal.rules)
    # Options that may be a path as well as a content are no_log: false; their secrets are hidden one by one.
    module.no_log_values.update(secret_values(module.params))
    returned = attempt(goal, module.params, Context(check_mode=module.check_mode))
    for warning in returned.pop("warnings", ()):
        module.warn(remove_values(warning, module.no_log_values))  # ansible-core masks everything else itself
    if returned.pop("failed", False):
        module.fail_json(**returned)
    module.exit_json(**returned)
