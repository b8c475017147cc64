# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that the roles use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var

from ..module_utils.kube.merge import plain_copy
from ..module_utils.kubesphere import address, drift, health, preflight, table, unbind_batch
from ..plugin_utils.registered import Outcomes, outcomes

DRIFT = ("install_fleet", "proxy_fleet", "import_fleet")
"""Variables that the role drift registers, in the order of the road."""


def inventory_problems(hosts: Sequence[str], members: Sequence[str] | None) -> list[str]:
    """What is wrong with the groups kubesphere_host and kubesphere_members; None where there is no such group."""
    return preflight.inventory_problems(list(hosts), None if members is None else list(members))


def fleet_problems(hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> Any:
    """Everything that is wrong, by inventory name: each cluster's own problems, and those between clusters.

    Args:
        hostvars: variables by inventory name, ``preflight_fleet`` among them.
        names: inventory names of the clusters.
    """
    return _fact(preflight.all_problems(_looked_at(hostvars, names)))


def judged(
    hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str], problems: Mapping[str, Sequence[str]]
) -> Any:
    """What the preflight has seen, with the clusters that have problems as failed ones.

    Args:
        hostvars: variables by inventory name, ``preflight_fleet`` among them.
        names: inventory names of the clusters.
        problems: as fleet_problems gives them.
    """
    clusters = {}
    for name, outcome in _looked_at(hostvars, names).items():
        told = {"failed": True, "msg": preflight.refusal(problems, name)}
        clusters[name] = {**outcome, **told} if name in problems else outcome
    return _fact({"changed": False, "ended": time.time(), "clusters": clusters, "failed_clusters": list(problems)})


def problem_list(problems: Mapping[str, Sequence[str]], only: str | None = None) -> str:
    """Problems as a message, one on a line.

    Args:
        problems: as fleet_problems gives them.
        only: inventory name of the one cluster to speak of.
    """
    return preflight.problem_list(problems, only)


def preflight_lines(clusters: Mapping[str, Mapping[str, Any]], host: str) -> list[str]:
    """What the preflight has seen, as lines without control characters; see preflight.lines.

    Args:
        clusters: outcomes by inventory name.
        host: inventory name of the host.
    """
    return [_cell(line) for line in preflight.lines(clusters, host)]


def member_table(members: Sequence[Mapping[str, Any]], expected: Sequence[str]) -> list[str]:
    """Lines of a table of the fleet, the host first, then the members by name.

    Args:
        members: as the module member_info returns them.
        expected: names of the Clusters that the inventory wants.
    """
    known = {member["name"] for member in members}
    missing = [{"name": name, "problem": "not imported"} for name in expected if name not in known]
    rows: list[tuple[str, ...]] = [("CLUSTER", "ROLE", "CONNECTION", "KUBERNETES", "KUBESPHERE", "NODES", "STATE")]
    for member in sorted([*members, *missing], key=lambda each: (each.get("cluster_role") != "host", each["name"])):
        fields = ("name", "cluster_role", "connection", "kubernetes_version", "kubesphere_version", "nodes")
        cells = [_cell(member.get(field)) for field in fields]
        rows.append((*cells, _cell(health.in_words(member))))
    return table.aligned(rows)


def members_used(hostvars: Mapping[str, Mapping[str, Any]], members: Sequence[str]) -> Any:
    """Number of nodes by name of the Cluster, of the members that this run has used through the host.

    Args:
        hostvars: variables by inventory name, ``import_fleet`` among them.
        members: inventory names of the members.
    """
    imported = outcomes(hostvars, members, ["import_fleet"])["import_fleet"]
    return _fact({each["name"]: each["nodes"] for each in imported.values() if each.get("verified")})


def member_states(members: Sequence[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Whether each member is to be ``present`` or ``absent``, by the name of its Cluster; two may say both of one.

    Args:
        members: their inventory names.
        hostvars: variables by inventory name.
    """
    states: dict[str, str] = {}
    for name in members:
        variables = hostvars[name]  # once: it costs a millisecond
        cluster, state = cluster_name_of(name, variables), state_of(name, variables)
        states[cluster] = state if states.get(cluster, state) == state else unbind_batch.BOTH
    return states


def unbind_problems(
    given: Sequence[str],
    members: Mapping[str, str],
    known: Sequence[Mapping[str, Any]],
    most: int | float | str,
    is_slice: bool = False,
) -> list[str]:
    """Why a run must not begin to unbind; empty if it may.

    Args:
        given: names of Clusters that were given beside the inventory.
        members: ``present`` or ``absent`` by name of the Cluster, as the inventory says.
        known: members as the module member_info returns them.
        most: number or share of members that may be unbound at once.
        is_slice: whether the inventory is a slice of the fleet.
    """
    return unbind_batch.problems(given, members, known, most, bool(is_slice))


def fleet_status(
    fleet: Mapping[str, Any],
    host: str,
    members: Sequence[str],
    hostvars: Mapping[str, Mapping[str, Any]],
    host_managed: bool = True,
) -> Any:
    """Everything that differs and everything that is wrong; see drift.status.

    Args:
        fleet: result of the module member_info, with details.
        host: inventory name of the host.
        members: inventory names of the members.
        hostvars: variables by inventory name; what the role drift has registered is among them.
        host_managed: whether the run is one that configures the host.
    """
    plans = _phases(hostvars, (host, *members), DRIFT)
    found = drift.status(
        fleet["members"],
        fleet["leftovers"],
        host=host,
        members={name: cluster_name_of(name, hostvars[name]) for name in members},
        absent=[name for name in members if state_of(name, hostvars[name]) == "absent"],
        plans={name: drift.planned(outcomes) if outcomes else {} for name, outcomes in plans.items()},
        problems=fleet["problems"],
        others=fleet.get("others"),
        host_managed=bool(host_managed),
    )
    return _fact(found)


def status_lines(found: Mapping[str, Any]) -> list[str]:
    """What fleet_status has found, one line for each, without control characters."""
    return [_cell(line) for line in drift.in_words(found)]


def status_fails(found: Mapping[str, Any], fail_on: str) -> bool:
    """Whether a status is worse than kubesphere_status_fail_on allows."""
    return drift.fails(found, fail_on)


def proxy_url(written: Any) -> Any:
    """A proxy address with its port; one that no agent could call stays as it is, to be refused with the reason."""
    return written if address.problems(written) else address.for_agent(written)


def _looked_at(hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> Outcomes:
    return outcomes(hostvars, names, ["preflight_fleet"])["preflight_fleet"]


def _phases(
    hostvars: Mapping[str, Mapping[str, Any]], names: Sequence[str], registers: Sequence[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """What happened to each cluster, in the order of the phases."""
    phases = outcomes(hostvars, names, registers).values()
    return {name: [phase[name] for phase in phases if name in phase] for name in names}


def cluster_name_of(member: str, variables: Mapping[str, Any]) -> str:
    """Name of a member's Cluster."""
    return str(variables.get("kubesphere_cluster_name") or member)


def state_of(member: str, variables: Mapping[str, Any]) -> str:
    """Whether a member is to be there; one that is misspelt would leave it out of every playbook without a word."""
    state = str(variables.get("kubesphere_member_state") or "present")
    if state not in ("present", "absent"):
        raise AnsibleFilterError(f"kubesphere_member_state of {member} is {state}: set it to present or absent.")
    return state


def _fact(value: Any) -> Any:
    """What may be kept as a fact: plain data, in which a string from a cluster is never templated."""
    return wrap_var(plain_copy(value))


def _cell(value: Any) -> str:
    """A value on one line, without control characters: it comes from a cluster."""
    text = "-" if value is None else str(value)
    return "".join(character if character.isprintable() else " " for character in text)


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {
            "fleet_problems": fleet_problems,
            "fleet_status": fleet_status,
            "inventory_problems": inventory_problems,
            "judged": judged,
            "member_states": member_states,
            "member_table": member_table,
            "members_used": members_used,
            "preflight_lines": preflight_lines,
            "problem_list": problem_list,
            "proxy_url": proxy_url,
            "status_fails": status_fails,
            "status_lines": status_lines,
            "unbind_problems": unbind_problems,
        }
