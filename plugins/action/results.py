# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Action plugin of the module results."""

from __future__ import annotations

from ..module_utils.goals.results import GOAL
from ..plugin_utils.goal_action import GoalAction


class ActionModule(GoalAction):
    """See the module's documentation."""

    goal = GOAL
