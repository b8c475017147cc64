# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet as an inventory: hosts, groups and their variables, out of what a host says (private to the collection)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..kube.naming import is_name
from . import preflight, releases
from .names import GROUP_LABEL, HOST_LABEL, REGION_LABEL

HOST, MEMBERS = "kubesphere_host", "kubesphere_members"
"""The groups that the playbooks work on."""

DIRECT, AGENT = "kubesphere_connection_direct", "kubesphere_connection_agent"

GROUP_BY = ("ready", "region", "group", "provider", "kubernetes", "labels")
"""What groups are made of besides those that have variables."""

SEEN = "kubesphere_seen_"
"""Before the names of variables that say what stands; the others say what is wanted, and are the roles' own."""

_WANTED = {
    "kubesphere_cluster_name": "name",
    "kubesphere_alias": "alias",
    "kubesphere_provider": "provider",
    "kubesphere_region": "region",
    "kubesphere_group": "group",
}
_SEEN = ("ready", "problem", "kubernetes_version", "nodes", "uid", "conditions", "credential", "server", "deleted")
_OWN_LABELS = (HOST_LABEL, REGION_LABEL, GROUP_LABEL)
_RESERVED = ("all", "ungrouped", "localhost")
"""Names that Ansible has another use for."""

Variables = dict[str, Any]


@dataclass
class Inventory:
    """An inventory.

    Attributes:
        hosts: variables by name.
        groups: names of hosts by group.
        variables: variables by group; they give way to a user's group_vars, those of hosts do not.
        warnings: what the user should know.
    """

    hosts: dict[str, Variables] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    variables: dict[str, Variables] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def of(
    seen: Mapping[str, Any],
    *,
    host_name: str = "",
    connections: Sequence[str] = (),
    group_by: Sequence[str] = GROUP_BY,
) -> Inventory:
    """The inventory of a fleet.

    Args:
        seen: as :func:`fleet_seen.look` gives it.
        host_name: what the host is called; as its Cluster if empty.
        connections: only members of these connections; all if empty.
        group_by: some of ``GROUP_BY``.
    """
    roles = {HOST: "host", MEMBERS: "member"}
    made = Inventory(
        groups={group: [] for group in roles},
        variables={group: {f"{SEEN}role": role, f"{SEEN}at": seen["at"]} for group, role in roles.items()},
    )
    hosts = [each for each in seen["clusters"] if each["cluster_role"] == "host"]
    members = [each for each in seen["clusters"] if each["cluster_role"] != "host"]
    if len(hosts) > 1:
        names = ", ".join(str(each["name"]) for each in hosts)
        made.warnings.append(f"{names} are all labelled as the host ({HOST_LABEL}): take the label from all but one.")
    for each in hosts:
        _add(made, each, host_name if len(hosts) == 1 else "", group_by)
    if not hosts:  # it is not finished, and this is where it is
        made.hosts[host_name or "host"] = {f"{SEEN}ready": False}
        made.groups[HOST].append(host_name or "host")
    for each in members:
        if not connections or each["connection"] in connections:
            _add(made, each, "", group_by)
    return made


def _add(made: Inventory, cluster: Mapping[str, Any], name: str, group_by: Sequence[str]) -> None:
    if not is_name(cluster["name"]):
        made.warnings.append(
            f"A Cluster is left out, for its name is none that Kubernetes takes: {cluster['name']!r:.80}."
        )
        return
    called = _called(made, name or cluster["name"])
    made.hosts[called] = _variables(cluster)
    for group, variables in _groups(cluster, group_by):
        made.groups.setdefault(group, []).append(called)
        if variables:
            made.variables[group] = variables


def _called(made: Inventory, name: str) -> str:
    """What a cluster is called in the inventory: by its own name, if Ansible lets it."""
    called = name
    while called in _RESERVED or called in made.hosts:
        called += "-cluster"
    if called != name:
        made.warnings.append(f"Cluster {name} is called {called} in the inventory, where {name} is something else.")
    return called


def _variables(cluster: Mapping[str, Any]) -> Variables:
    """A cluster's own variables; what it does not have is left out. Ansible takes its time for each of them."""
    wanted = {variable: cluster[key] for variable, key in _WANTED.items() if cluster[key]}
    labels = {key: value for key, value in cluster["labels"].items() if key not in _OWN_LABELS}
    seen = {f"{SEEN}{key}": cluster[key] for key in _SEEN if cluster[key] is not None}
    return {**wanted, **({"kubesphere_labels": labels} if labels else {}), **seen}


def _groups(cluster: Mapping[str, Any], group_by: Sequence[str]) -> Iterator[tuple[str, Variables]]:
    """The groups that a cluster is in, and what variables each of them has."""
    yield HOST if cluster["cluster_role"] == "host" else MEMBERS, {}
    version = str(cluster["kubesphere_version"] or "")
    if version:
        known = {"kubesphere_release": version} if version in releases.RELEASES else {}
        yield _group("release", version), {**known, f"{SEEN}kubesphere_version": version}
    if cluster["cluster_role"] != "host":
        yield from _reached(cluster)
    if "ready" in group_by:
        yield "kubesphere_ready" if cluster["ready"] else "kubesphere_not_ready", {}
    for key in ("region", "group", "provider"):
        if key in group_by and cluster[key]:
            yield _group(key, cluster[key]), {}
    minor = preflight.minor(str(cluster["kubernetes_version"] or ""))
    if "kubernetes" in group_by and minor:
        yield _group("kubernetes", f"{minor[0]}.{minor[1]}"), {}
    if "labels" in group_by:
        for key, value in cluster["labels"].items():
            if key not in _OWN_LABELS:
                yield _group("label", key, *filter(None, [value])), {}


def _reached(member: Mapping[str, Any]) -> Iterator[tuple[str, Variables]]:
    """The groups that say how the host reaches a member, and whether the play does."""
    if member["connection"] == "agent":
        yield AGENT, {"kubesphere_connection": "agent", "kubesphere_reachable": False}
    elif member["connection"] == "direct":
        yield DIRECT, {"kubesphere_connection": "direct"}
        kind = member["minted"] or "given"
        yield _group("credential", kind), {"kubesphere_credential": kind}
    if member["credential"]["due"]:
        yield _group("credential", "due"), {}


def _group(*parts: str) -> str:
    return re.sub(r"\W", "_", "_".join(("kubesphere", *map(str, parts))), flags=re.ASCII)
