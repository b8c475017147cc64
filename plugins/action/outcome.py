# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module outcome: what one task did for all clusters, as each cluster's own result."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils.goals.fan_out import as_task
from ..plugin_utils.arguments import validated
from ..plugin_utils.registered import by_register

ARGUMENT_SPEC = {"of": {"type": "list", "elements": "str", "required": True}}


class ActionModule(ActionBase):  # type: ignore[misc]
    """See the module's documentation."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Put together what happened to the task's cluster."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        name = variables["inventory_hostname"]
        fleets = {
            each: variables.get(each) or {} for each in validated("outcome", ARGUMENT_SPEC, self._task.args)["of"]
        }
        for register, fleet in fleets.items():
            if fleet.get("skipped") and "clusters" not in fleet:
                raise AnsibleActionFail(
                    f"{register}: the one task that does this for all clusters was skipped, for its condition (when) "
                    f"was false for the first of them, so nothing was done with {name}. Choose clusters by --limit or "
                    "kubesphere_member_state, or take the role's entry point each (tasks_from: each)."
                )
        phases = [left for register, fleet in fleets.items() for _name, left in by_register(fleet, register)]
        outcomes = [each["clusters"][name] for each in phases if name in each.get("clusters", {})]
        return {**result, **as_task(outcomes)}
