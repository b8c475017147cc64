# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that tell what a run over the whole fleet would do, or has done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils.kube.merge import plain_copy
from ..module_utils.kube.secret import visible
from ..module_utils.kubesphere import durations, plan, results
from ..plugin_utils.registered import outcomes

_REGISTERED = {
    "preflight": "preflight_fleet",
    "install": "install_fleet",
    "wait": "install_waited",
    "proxy": "proxy_fleet",
    "import": "import_fleet",
    "renew": "renew_fleet",
    "unbind": "unbind_fleet",
}
"""Where the phases leave what they returned, in the order of the road."""


BESIDE = "unbind_others"
"""What the role unbind registers of Clusters that the inventory does not list."""


def fleet_run(
    hostvars: Mapping[str, Mapping[str, Any]],
    host: str,
    members: Sequence[str],
    planned: bool = False,
    left_alone: Sequence[str] | None = None,
) -> Any:
    """What a run has done to the fleet, or in check mode would do; see plan.of.

    Args:
        hostvars: variables by inventory name.
        host: inventory name of the host.
        members: inventory names of the members.
        planned: whether it ran in check mode; if not, ``durations`` are told, too, see durations.of.
        left_alone: of a run that unbinds, the Clusters that it leaves alone, for they are not in the inventory. Such a
            run is about members that are to be absent.
    """
    phases = _phases(hostvars, host, members)
    clusters = _clusters(hostvars, host, members, phases, unbinds=left_alone is not None)
    found = plan.of(phases, clusters, left_alone or ())
    told = {"planned": planned, "summary": plan.summary(found, planned), **found}
    if not planned:
        joined = [
            name
            for name, steps in found["changes"].items()
            if name not in found["problems"] and any(step["what"] == "import" for step in steps)
        ]
        told["durations"] = durations.of(phases, joined)
    return wrap_var(plain_copy(told))


def begun_with(hostvars: Mapping[str, Mapping[str, Any]], host: str, members: Sequence[str]) -> set[str]:
    """Inventory names of the clusters that a run has done more with than to look at them; arguments as of fleet_run."""
    registers = [register for phase, register in _REGISTERED.items() if phase != plan.LOOKED]
    return {name for results in outcomes(hostvars, [host, *members], registers).values() for name in results}


def fleet_run_lines(told: Mapping[str, Any]) -> list[str]:
    """What fleet_run tells, for people, without control characters."""
    table = durations.lines(told["durations"]) if told.get("durations") else []
    return [visible(line) for line in [*table, *([""] if table else []), *plan.lines(told, told["planned"])]]


def run_results(
    hostvars: Mapping[str, Mapping[str, Any]], host: str, members: Sequence[str], told: Mapping[str, Any]
) -> Any:
    """A run as results for a pipeline; see results.of_run.

    Args:
        hostvars: variables by inventory name.
        host: inventory name of the host.
        members: inventory names of the members.
        told: as fleet_run returns it.
    """
    return wrap_var(plain_copy(results.of_run(_phases(hostvars, host, members), told, told["planned"])))


def run_brief(told: Mapping[str, Any], report: str = "") -> Any:
    """A run in short; see results.brief.

    Args:
        told: as fleet_run returns it.
        report: folder with the report; empty if there is none.
    """
    return wrap_var(plain_copy(results.brief(told, report)))


def status_results(status: Mapping[str, Any], host: str, members: Sequence[str], fail_on: str) -> Any:
    """A status as results for a pipeline; see results.of_status.

    Args:
        status: as fleet_status returns it.
        host: inventory name of the host.
        members: inventory names of the members.
        fail_on: kubesphere_status_fail_on.
    """
    return wrap_var(plain_copy(results.of_status(status, [host, *members], fail_on)))


def _phases(
    hostvars: Mapping[str, Mapping[str, Any]], host: str, members: Sequence[str]
) -> dict[str, Mapping[str, Mapping[str, Any]]]:
    """What the phases returned, in the order of the road, of those that were gone through."""
    registered = outcomes(hostvars, [host, *members], list(_REGISTERED.values()))
    found = {phase: registered[register] for phase, register in _REGISTERED.items() if registered[register]}
    beside = {f"Cluster {name}" if name in members else name: each for name, each in _beside(hostvars, host)}
    return {**found, **({"unbind": {**found.get("unbind", {}), **beside}} if beside else {})}


def _beside(hostvars: Mapping[str, Mapping[str, Any]], host: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What was unbound beside the inventory, by the Cluster's name: the host's own task does that, one by one."""
    read = getattr(hostvars, "raw_get", None) or hostvars.__getitem__
    left = (read(host) if host in hostvars else {}).get(BESIDE) or {}
    yield from ((str(each["item"]), each) for each in left.get("results") or () if not each.get("skipped"))


def _clusters(
    hostvars: Mapping[str, Mapping[str, Any]],
    host: str,
    members: Sequence[str],
    phases: Mapping[str, Mapping[str, Any]],
    unbinds: bool,
) -> list[str]:
    """Clusters to tell of: nobody misses a member that is to be absent, nor a host that no phase was for.

    Of a run that unbinds, members that are to be absent are missed, and no others.
    """
    seen = dict.fromkeys(name for results in phases.values() for name in results)

    def is_missed(member: str) -> bool:
        return (hostvars[member].get("kubesphere_member_state") == "absent") == unbinds

    told = [*([host] if host in seen else []), *(name for name in members if name in seen or is_missed(name))]
    return list(dict.fromkeys([*told, *seen]))


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "fleet_run": fleet_run,
            "fleet_run_lines": fleet_run_lines,
            "run_brief": run_brief,
            "run_results": run_results,
            "status_results": status_results,
        }
