# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module report, which writes on the controller, whatever the connection."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..module_utils.goals import report
from ..plugin_utils.local_goal import LocalGoal, show
from ..plugin_utils.report_page import render

GOAL = report.goal(render)


class ActionModule(ActionBase):  # type: ignore[misc]
    """See the module's documentation."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Write the report."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        cluster = str((task_vars or {}).get("inventory_hostname", ""))
        told = LocalGoal(GOAL, self._task.args, cluster).run(check_mode=self._task.check_mode)
        if told.get("path") and not self._task.check_mode:
            show(f"Report: {told['path']}")
        return {**result, **told}
