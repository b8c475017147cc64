# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at clusters before anything is written, and saying everything that is wrong (private to the collection)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..kube.errors import KubeError
from ..kube.resources import NAMESPACE as NAMESPACE_KIND
from ..kube.resources import SELF_SUBJECT_ACCESS_REVIEW, STORAGE_CLASS, Object
from ..kube.session import Session
from . import configuration, member_credential, releases, table, upgrade
from .credentials import Kubeconfig
from .installed import Installed
from .names import CLUSTER, CLUSTER_CONFIGURATION, HOST_LABEL, INSTALLER, NAMESPACE, check_service_name
from .releases import Release, UnknownRelease
from .words import some

_DEFAULT_CLASS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")

_RBAC = "rbac.authorization.k8s.io"
_INSTALLATION_TAKES = (
    {"verb": "create", "group": "apiextensions.k8s.io", "resource": "customresourcedefinitions"},
    {"verb": "create", "group": _RBAC, "resource": "clusterroles"},
    {"verb": "escalate", "group": _RBAC, "resource": "clusterroles"},
    {"verb": "create", "group": _RBAC, "resource": "clusterrolebindings"},
    {"verb": "bind", "group": _RBAC, "resource": "clusterroles", "name": INSTALLER},
    {"verb": "create", "group": "", "resource": "serviceaccounts", "namespace": NAMESPACE},
    {"verb": "create", "group": "apps", "resource": "deployments", "namespace": NAMESPACE},
    {
        "verb": "create",
        "group": CLUSTER_CONFIGURATION.group,
        "resource": CLUSTER_CONFIGURATION.plural,
        "namespace": NAMESPACE,
    },
)
"""What tells most of what docs/rbac grants for an installation; asked for where not simply everything is allowed."""


@dataclass(frozen=True)
class Expected:
    """What a cluster is meant to become.

    Attributes:
        name: name of the member's Cluster; not looked at for a host.
        cluster_role: ``host`` or ``member``.
        release: tag of the release.
        connection: ``direct``, ``agent`` or ``auto``; members only.
        reachable: whether the play reaches its API server.
        configuration: the user's values for the ClusterConfiguration.
        jwt_secret: the user's jwtSecret; None if there is none.
        kubeconfig: kubeconfig for KubeSphere; None where it cannot be made (the problem is told elsewhere).
        credential: whether KubeSphere gets that kubeconfig's credential, or of which kind one of ours.
    """

    name: str
    cluster_role: str
    release: str
    connection: str = "direct"
    reachable: bool = True
    configuration: Any = None
    jwt_secret: Any = None
    kubeconfig: Kubeconfig | None = None
    credential: str = "given"


def expectation_problems(expected: Expected) -> list[str]:
    """What is wrong with the wishes for one cluster, without looking at it."""
    found: list[str] = []
    try:
        release = releases.find(expected.release)
    except UnknownRelease as error:
        return [str(error)]
    if expected.cluster_role == "member":
        found += configuration.check_cluster_name(expected.name)
    if expected.connection not in ("direct", "agent", "auto"):
        found.append(f"kubesphere_connection is {expected.connection!r}: set it to direct, agent or auto")
    elif not expected.reachable and (expected.connection != "agent" or expected.cluster_role != "member"):
        found.append("kubesphere_reachable is false, which goes with a member and kubesphere_connection: agent only")
    if expected.connection == "agent" and expected.cluster_role == "member":
        found += check_service_name(expected.name)
    if expected.jwt_secret is not None:
        found += configuration.check_jwt_secret(expected.jwt_secret)
    # For auto the direct connection is one of two, and what is wrong with its kubeconfig is a reason to take the other.
    if expected.kubeconfig is not None and expected.cluster_role == "member" and expected.connection == "direct":
        problems = member_credential.problems(expected.kubeconfig, expected.credential, release)
        found += [f"kubeconfig: {problem}" for problem in problems]
    values = expected.configuration if expected.configuration is not None else {}
    try:
        spec = configuration.cluster_configuration(release, expected.cluster_role, values=values)["spec"]
        found += configuration.would_break_installer(release, spec)
    except configuration.ConfigurationError as error:
        found.append(f"kubesphere_configuration: {error}")
    return found


def look(session: Session, expected: Expected) -> tuple[dict[str, Any], list[str]]:
    """Look at one cluster, write nothing.

    Returns:
        What was seen: ``uid``, ``kubernetes_version``, ``default_storage_class``, ``storage_classes``, and of
        KubeSphere ``release``, ``cluster_role`` and ``complete`` (None, ``none`` and False where it is not installed).
        Of a host that is to be upgraded also ``members``, the releases of those that it knows, by name of the Cluster.
        And the problems, in words.
    """
    seen: dict[str, Any] = {
        "uid": None,
        "kubernetes_version": None,
        "storage_classes": [],
        "default_storage_class": None,
        "release": None,
        "cluster_role": "none",
        "complete": False,
    }
    try:
        release = releases.find(expected.release)
    except UnknownRelease:
        return seen, []  # told by expectation_problems
    try:
        seen["kubernetes_version"] = str(
            session.request("GET", "/version", what="read its version").get("gitVersion") or ""
        )
        seen["uid"] = str(session.get(NAMESPACE_KIND, "kube-system")["metadata"]["uid"])
        configurations = session.list(CLUSTER_CONFIGURATION, missing_ok=True).items
        classes = session.list(STORAGE_CLASS).items
        ours, foreign = _split(configurations)
        standing = Installed(ours) if ours else None
        if expected.cluster_role == "host" and standing and standing.release not in ("", release.tag):
            seen["members"] = _releases_of_members(session)
    except KubeError as error:
        return seen, [f"{error.message}. {error.hint}".strip()]
    problems = version_problems(str(seen["kubernetes_version"]), release)
    seen["storage_classes"] = [item["metadata"]["name"] for item in classes]
    seen["default_storage_class"] = next((item["metadata"]["name"] for item in classes if _is_default(item)), None)
    problems += [
        f"there is another ClusterConfiguration, {item['metadata'].get('namespace')}/{item['metadata']['name']}: "
        "remove it, ks-installer looks at kubesphere-system/ks-installer alone"
        for item in foreign
    ]
    if standing:
        seen |= {
            "release": standing.release or None,
            "cluster_role": standing.cluster_role,
            "complete": standing.complete_once,
        }
        problems += _role_problems(standing, expected)
        refusal = upgrade.refusal(standing.release, release)
        problems += [". ".join(refusal)] if refusal else []
    else:
        problems += _storage_problems(seen, expected)
    if standing is None or not standing.complete_once or standing.release != expected.release:
        problems += _permission_problems(session)
    return seen, problems


def _releases_of_members(host: Session) -> dict[str, str]:
    """What the host says of its members: more of them than the inventory has, where that is a slice of the fleet."""
    clusters = host.list(CLUSTER, missing_ok=True).items
    return {
        item["metadata"]["name"]: str((item.get("status") or {}).get("kubeSphereVersion") or "")
        for item in clusters
        if HOST_LABEL not in (item["metadata"].get("labels") or {})
    }


def inventory_problems(hosts: Sequence[str], members: Sequence[str] | None) -> list[str]:
    """What is wrong with the inventory's groups.

    Args:
        hosts: names in the group kubesphere_host.
        members: names in the group kubesphere_members; None if there is no such group.
    """
    if not hosts:
        return [
            "the group kubesphere_host is empty: put the one host cluster of the fleet into it, or name it in "
            "kubesphere_slice_host, if this inventory is a slice of the fleet"
        ]
    problems = []
    if members is None:
        problems.append("there is no group kubesphere_members: put the members into it, or none if there are none yet")
    if len(hosts) > 1:
        problems.append(
            f"the group kubesphere_host has {len(hosts)} clusters ({', '.join(sorted(hosts))}): leave one, "
            "a fleet has exactly one host"
        )
    both = sorted(set(hosts) & set(members or ()))
    if both:
        problems.append(f"{', '.join(both)}: in kubesphere_host and in kubesphere_members; leave it in one of them")
    return problems


def all_problems(looked_at: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Everything that is wrong: each cluster's own problems, and those between clusters.

    Args:
        looked_at: by inventory name ``problems``, and ``cluster`` as :func:`fleet_problems` takes it; or ``failed`` and
            ``msg``.

    Returns:
        Problems by inventory name, of those that have any.
    """
    clusters = {name: result["cluster"] for name, result in looked_at.items() if result.get("cluster")}
    between = fleet_problems(clusters)
    found = {name: [*_own_problems(result), *between.get(name, ())] for name, result in looked_at.items()}
    return {name: problems for name, problems in found.items() if problems}


def problem_list(problems: Mapping[str, Sequence[str]], only: str | None = None) -> str:
    """Problems as a message, one on a line.

    Args:
        problems: as :func:`all_problems` gives them.
        only: inventory name of the one cluster to speak of.
    """
    chosen = {name: found for name, found in problems.items() if only in (None, name)}
    count = sum(map(len, chosen.values()))
    told = [f"- {name}: {problem}" for name in sorted(chosen) for problem in chosen[name]]
    return "\n".join([f"{count} problem{'s' if count != 1 else ''} found:", *told])


def lines(looked_at: Mapping[str, Mapping[str, Any]], host: str) -> list[str]:
    """What was seen of each cluster, as a table, the host first, and everything that is wrong, as one list.

    Args:
        looked_at: as :func:`all_problems` takes it, judged or not.
        host: inventory name of the host.
    """
    problems = all_problems({name: without_verdict(result) for name, result in looked_at.items()})
    rows: list[tuple[str, ...]] = [("CLUSTER", "ROLE", "SERVER", "KUBERNETES", "KUBESPHERE", "PROBLEMS")]
    for name in sorted(looked_at, key=lambda name: (name != host, name)):
        cluster = looked_at[name].get("cluster") or {}
        standing = (cluster.get("installed") or {}).get("release")
        seen = [
            cluster.get("server"),
            cluster.get("kubernetes_version"),
            standing or (cluster.get("uid") and "none yet"),
        ]
        cells = [str(each or "-") for each in seen]
        rows.append((name, "host" if name == host else "member", *cells, str(len(problems.get(name, ())) or "none")))
    told = problem_list(problems).splitlines() if problems else ["No problem found."]
    return [*table.aligned(rows), "", *told]


def without_verdict(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """A look at a cluster as it was before it was judged; the verdict repeats the problems."""
    return {key: value for key, value in result.items() if key != "failed" or "cluster" not in result}


def refusal(problems: Mapping[str, Sequence[str]], name: str) -> str:
    """Why one cluster may go no further; see :func:`problem_list`."""
    return f"Nothing was written. {problem_list(problems, name)}"


def verdict(looked_at: Mapping[str, Mapping[str, Any]], host: str | None, strict: bool) -> dict[str, str]:
    """Which clusters may go no further, and why.

    Args:
        looked_at: as :func:`all_problems` takes it.
        host: inventory name of the host; if it has problems, nothing can be done with any other.
        strict: whether the problems of one cluster are the end for all.

    Returns:
        Messages by inventory name; where all are refused, the host's has the whole list.
    """
    problems = all_problems(looked_at)
    told = {name: refusal(problems, name) for name in problems}
    if host in problems:
        reason = f"{host} has problems"
    elif strict and problems:
        reason = f"{some(sorted(problems))} {'have' if len(problems) > 1 else 'has'} problems"
    else:
        return told
    rest = f"Nothing was written: {reason}, so nothing was begun here. Mend that, and run it again."
    found = {**dict.fromkeys(looked_at, rest), **told}
    if host is not None and host in looked_at:
        found[host] = f"Nothing was written. {problem_list(problems)}"
    return found


def is_upgrade(cluster: Mapping[str, Any]) -> bool:
    """Whether a cluster has another release than it is to have; see :func:`fleet_problems`."""
    standing = (cluster.get("installed") or {}).get("release")
    return bool(standing) and standing != cluster.get("release")


def _own_problems(result: Mapping[str, Any]) -> Sequence[str]:
    return [str(result["msg"])] if result.get("failed") else result.get("problems") or ()


def fleet_problems(clusters: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """What is wrong with clusters when they are looked at side by side.

    Args:
        clusters: by inventory name: ``name`` (of the Cluster), ``cluster_role`` (wanted), ``release`` (wanted),
            ``uid``, ``server``, and ``installed``, None or a mapping with the ``release`` that stands; of a host that
            is to be upgraded also ``members``, as :func:`look` returns them.

    Returns:
        Problems by inventory name.
    """
    found: dict[str, list[str]] = {}
    for field, text in (
        ("uid", "it is the same cluster as {others} (kube-system UID {value}): give each its own kubeconfig"),
        ("name", "its kubesphere_cluster_name {value} is also that of {others}: each needs a name of its own"),
    ):
        for value, names in _grouped(clusters, field).items():
            for name in names:
                others = ", ".join(sorted(set(names) - {name}))
                found.setdefault(name, []).append(text.format(others=others, value=value))
    _release_problems(clusters, found)
    return found


def _grouped(clusters: Mapping[str, Mapping[str, Any]], field: str) -> dict[str, list[str]]:
    """Inventory names that share a value, where more than one does."""
    names: dict[str, list[str]] = {}
    for inventory_name, cluster in clusters.items():
        if cluster.get(field) and not (field == "name" and cluster.get("cluster_role") == "host"):
            names.setdefault(str(cluster[field]), []).append(inventory_name)
    return {value: group for value, group in names.items() if len(group) > 1}


def _release_problems(clusters: Mapping[str, Mapping[str, Any]], found: dict[str, list[str]]) -> None:
    """A member must not be newer than its host, nor older than what the host's release goes with."""
    wanted = {name: releases.RELEASES.get(str(cluster.get("release"))) for name, cluster in clusters.items()}
    host_name = next((name for name, cluster in clusters.items() if cluster.get("cluster_role") == "host"), "")
    host = wanted.get(host_name)
    if host is None:
        return
    for name, release in wanted.items():
        if release and releases.compare(release, host) > 0:
            found.setdefault(name, []).append(
                f"its kubesphere_release {release.tag} is newer than the host's {host.tag}: upgrade the host first"
            )
    standing = {name: str((cluster.get("installed") or {}).get("release") or "") for name, cluster in clusters.items()}
    seen = {str(clusters[name].get("name")) for name, tag in standing.items() if tag}
    known = clusters[host_name].get("members") or {}
    standing |= {name: str(tag) for name, tag in known.items() if name not in seen}
    behind = upgrade.left_behind(standing.pop(host_name), host, standing)
    if behind:
        found.setdefault(host_name, []).extend(behind)


def version_problems(version: str, release: Release) -> list[str]:
    """What is wrong with a version of Kubernetes for a release."""
    numbers, supported = minor(version), release.kubernetes
    if numbers is None:
        return [f"its Kubernetes version {version!r} cannot be read"]
    if supported.minimum <= numbers <= supported.experimental:
        return []
    return [
        f"Kubernetes {version} is not supported by KubeSphere {release.tag}, which takes "
        f"{_dotted(supported.minimum)} to {_dotted(supported.experimental)}: choose another kubesphere_release"
    ]


def minor(version: str) -> tuple[int, int] | None:
    """Major and minor number of a version of Kubernetes; None if it cannot be read."""
    match = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None


def _storage_problems(seen: Mapping[str, Any], expected: Expected) -> list[str]:
    values = expected.configuration if isinstance(expected.configuration, Mapping) else {}
    persistence = values.get("persistence")
    named = str(persistence.get("storageClass") or "") if isinstance(persistence, Mapping) else ""
    if named and named not in seen["storage_classes"]:
        there = ", ".join(seen["storage_classes"]) or "none"
        return [f"StorageClass {named} (persistence.storageClass) does not exist; there are: {there}"]
    if not named and not seen["default_storage_class"]:
        return [
            "there is no default StorageClass: mark one as default, or name one in "
            "kubesphere_configuration.persistence.storageClass"
        ]
    return []


def _role_problems(standing: Installed, expected: Expected) -> list[str]:
    if standing.cluster_role in ("none", expected.cluster_role):
        return []
    return [
        f"KubeSphere is installed here as {standing.cluster_role}, the inventory wants a {expected.cluster_role}: "
        "ks-installer cannot change that; mend the inventory, or uninstall KubeSphere first"
    ]


def _permission_problems(session: Session) -> list[str]:
    """An installation gives ks-installer all rights, which takes them, or the right to give what one has not."""
    try:
        if _allowed(session, verb="*", group="*", resource="*"):
            return []
        lacking = [
            f"{attributes['verb']} {attributes['resource']}"
            for attributes in _INSTALLATION_TAKES
            if not _allowed(session, **attributes)
        ]
    except KubeError as error:
        return [f"{error.message}. {error.hint}".strip()]
    if not lacking:
        return []
    return [
        f"the kubeconfig's user may not {', '.join(lacking)}, which an installation of KubeSphere takes: use one "
        "that is bound to cluster-admin, or to what docs/rbac of the collection grants"
    ]


def _allowed(session: Session, **attributes: str) -> bool:
    review = {
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEW.api_version,
        "kind": SELF_SUBJECT_ACCESS_REVIEW.kind,
        "spec": {"resourceAttributes": attributes},
    }
    status = session.review(SELF_SUBJECT_ACCESS_REVIEW, review).get("status")
    return isinstance(status, dict) and status.get("allowed") is True


def _split(configurations: Iterable[Object]) -> tuple[Object | None, list[Object]]:
    ours, foreign = None, []
    for item in configurations:
        if (item["metadata"].get("namespace"), item["metadata"]["name"]) == (NAMESPACE, INSTALLER):
            ours = item
        else:
            foreign.append(item)
    return ours, foreign


def _is_default(storage_class: Object) -> bool:
    annotations = storage_class["metadata"].get("annotations") or {}
    return any(annotations.get(key) == "true" for key in _DEFAULT_CLASS)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
