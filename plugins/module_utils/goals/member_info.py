# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module member_info (private to the collection)."""

from __future__ import annotations

from ..kubesphere import credentials, fleet, fleet_details
from ..kubesphere.result import Result
from .authentication import AUTHENTICATION, CLUSTER_NAME
from .goal import Context, Goal, Options, named, new_session


def run(options: Options, context: Context) -> Result:
    """Say what the host knows of its members."""
    host = new_session(options, named(options, context), context, connections=fleet.AT_ONCE)
    names, among = options["names"], options["among"]
    if options["details"]:
        return Result(data=fleet_details.look(host, names, among=among, before_days=options["renew_before_days"]))
    return Result(data=fleet.look(host, names, among=among, use=options["use"], used=options["used"]))


GOAL = Goal(
    name="member_info",
    argument_spec={
        **AUTHENTICATION,
        **CLUSTER_NAME,
        "names": {"type": "list", "elements": "str", "default": []},
        "among": {"type": "list", "elements": "str"},
        "use": {"type": "bool", "default": True},
        "used": {"type": "dict", "default": {}},
        "details": {"type": "bool", "default": False},
        "renew_before_days": {"type": "int", "default": credentials.BEFORE_DAYS},
    },
    run=run,
)
