# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that puts the report of a run together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils.kube.merge import plain_copy
from ..module_utils.kubesphere import drift, report
from .fleet import cluster_name_of, state_of
from .plan import begun_with, fleet_run

HostVars = Mapping[str, Mapping[str, Any]]

_LOOKS = "status"
"""The playbook that does nothing but look."""


def fleet_report(
    hostvars: HostVars,
    host: str,
    members: Sequence[str],
    fleet: Mapping[str, Any],
    of: str,
    planned: bool = False,
    status: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
) -> Any:
    """The report of a run, as the module report takes it; see report.of.

    Args:
        hostvars: variables by inventory name; what the phases have registered is among them.
        host: inventory name of the host.
        members: inventory names of the members.
        fleet: result of the module member_info, with details; a failed one, too.
        of: the playbook.
        planned: whether it ran in check mode.
        status: what fleet_status has found; without it nothing was compared with the inventory.
        told: what fleet_run has put together, if that was done already.
    """
    clusters = {name: cluster_name_of(name, hostvars[name]) for name in members}
    absent = [name for name in members if state_of(name, hostvars[name]) == "absent"]
    managed = boolean(hostvars[host].get("kubesphere_host_managed", True)) if host in hostvars else True
    found = status or _status(fleet, host, clusters, absent, managed)
    look = report.Look(host, clusters, absent, fleet, found, managed)
    run = report.Run(of, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    if of != _LOOKS:
        begun = begun_with(hostvars, host, members)
        run = replace(run, told=told or fleet_run(hostvars, host, members, planned), begun=begun)
    return wrap_var(plain_copy(report.of(look, run)))


def _status(
    fleet: Mapping[str, Any], host: str, clusters: Mapping[str, str], absent: Sequence[str], managed: bool
) -> Mapping[str, Any]:
    """What can be said of a fleet that was not compared with the inventory."""
    if "members" not in fleet:
        problems = [{"cluster": host, "text": str(fleet.get("msg") or "the host was not looked at")}]
        return {"verdict": "error", "problems": problems, "drift": [], "unplanned": [host, *clusters]}
    return drift.status(
        fleet["members"],
        fleet["leftovers"],
        host=host,
        members=clusters,
        absent=absent,
        plans={},
        problems=fleet["problems"],
        others=fleet.get("others"),
        host_managed=managed,
    )


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"fleet_report": fleet_report}
