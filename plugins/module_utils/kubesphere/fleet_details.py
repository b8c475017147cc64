# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A close look at every cluster of a fleet, by way of its host (private to the collection)."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ..kube import rollout
from ..kube.errors import KubeError
from ..kube.resources import CONFIG_MAP, DEPLOYMENT, Kind, Object
from ..kube.secret import Secret
from ..kube.session import Session
from . import (
    address,
    agent,
    conditions,
    credentials,
    fleet,
    installed,
    jwt,
    ks_apiserver,
    kubesphere_config,
    leftovers,
    preflight,
    proxy_address,
    releases,
    stored_kubeconfig,
)
from .installed import Installed
from .kubesphere_config import KubeSphereConfig
from .member_agent import ports
from .names import CLUSTER, CLUSTER_CONFIGURATION, CONFIG, INSTALLER, NAMESPACE, connection_of
from .releases import Release


@dataclass
class Inside:
    """What was read in a cluster itself.

    Attributes:
        works: whether ks-apiserver of the host leads into it; None if that was not tried.
        nodes: number of its nodes.
        config: its kubesphere-config.
        standing: its ClusterConfiguration.
        agent: the Deployment of its agent.
        refuses: whether it verifies tokens with another jwtSecret than the host's.
        problems: why something could not be read.
    """

    works: bool | None = None
    nodes: int | None = None
    config: KubeSphereConfig | None = None
    standing: Installed | None = None
    agent: Object | None = None
    refuses: bool = False
    problems: list[str] = field(default_factory=list)


def look(
    host: Session,
    names: Sequence[str] = (),
    *,
    among: Collection[str] | None = None,
    before_days: int = credentials.BEFORE_DAYS,
) -> dict[str, Any]:
    """Everything that can be known of a fleet with the host's credential alone; no secrets.

    Args:
        host: the host. Members are read through its ks-apiserver.
        names: only these Clusters; all if empty.
        among: only those of these that the host knows, and the host's own.
        before_days: days before its end that a credential is a problem, see :func:`credentials.is_due`.

    Returns:
        ``members``, as :func:`fleet.look` and more of each; ``leftovers`` of members that are gone, None if they
        could not be read; ``problems`` of the host that are none of a Cluster's, such as that; and ``looked_at``, when
        that was, by the clock of the host. With ``among`` also ``others``, see :func:`fleet.look`.

    Raises:
        KubeError: the host cannot be read.
    """
    closer = _Look(host, before_days)
    wanted = fleet.chosen(closer.clusters, names, among)
    with ThreadPoolExecutor(fleet.AT_ONCE) as pool:
        members = list(pool.map(closer.cluster, wanted))
    looked_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", closer.now.utctimetuple())
    told = {"members": members, "leftovers": closer.leftovers, "problems": closer.problems, "looked_at": looked_at}
    return {**told, **fleet.others(closer.clusters, wanted, among)}


class _Look:
    """One call of :func:`look`: what the host says, once for all members."""

    def __init__(self, host: Session, before_days: int) -> None:
        self.host = host
        self.before_days = before_days
        self.clusters = {item["metadata"]["name"]: item for item in host.list(CLUSTER, missing_ok=True).items}
        self.config = kubesphere_config.read(host)
        self.standing = installed.read(host)
        self.release = _release(self.standing)
        self.token = jwt.admin_token(self.config.jwt_secret) if self.config else None
        self.in_force = proxy_address.in_force(host, self.config).address if self.config else ""
        self.hosts = [name for name, item in self.clusters.items() if fleet.is_host(item)]
        own = [self.clusters[name] for name in self.hosts]
        self.kubernetes = str((own[0].get("status") or {}).get("kubernetesVersion") or "") if own else ""
        self.now = rollout.parse_time(host.server_time) or datetime.now(timezone.utc)
        self.leftovers, self.problems = self._leftovers()

    def cluster(self, name: str) -> dict[str, Any]:
        """One cluster."""
        cluster = self.clusters.get(name)
        found = fleet.member(self.host, name, cluster)
        if cluster is None:
            return {**found, "problems": [found["problem"]]}
        connection = connection_of(cluster)
        kubeconfig = stored_kubeconfig.of(self.host, connection)
        inside = self._inside(cluster, found)
        release = _release(inside.standing) or releases.RELEASES.get(str(found["kubesphere_version"]))
        found |= {
            "nodes": found["nodes"] if inside.nodes is None else inside.nodes,
            "kubesphere_version": release.tag if release else found["kubesphere_version"],
            "works": inside.works,
            "conditions": conditions.all_seen(cluster, self.now, self._resync()),
            "kubernetes_skew": _skew(str(found["kubernetes_version"]), self.kubernetes),
            "kubesphere_skew": _release_skew(release, self.release),
            "credential": stored_kubeconfig.summary(cluster, kubeconfig, self.before_days, self.now),
            "server": address.shown(kubeconfig["clusters"][0]["cluster"]["server"]) if kubeconfig else None,
            "ports": sorted(ports(cluster)),
            "ports_shared_with": self._sharing(name, cluster),
            "jwt_secret_agrees": self._agrees(inside),
            "proxy_address": self._proxy_address(found, inside),
            "components": _components(inside.standing),
            "deleted": cluster["metadata"].get("deletionTimestamp"),
        }
        problems = [*inside.problems, *self._problems(found, connection, inside, release)]
        found["problems"] = ([found["problem"]] if found["problem"] else []) + problems
        shown: dict[str, Any] = self.host.redactor.data(found)
        return shown

    # What is read

    def _leftovers(self) -> tuple[list[dict[str, Any]] | None, list[str]]:
        """What is left of others, and why that is not known: it takes a right to list Secrets."""
        try:
            return leftovers.find(self.host, self.clusters), []
        except KubeError as error:
            told = f"what is left of former members is not known: {error.message}. {error.hint}".strip()
            return None, [self.host.redactor.text(told)]

    def _inside(self, cluster: Object, found: dict[str, Any]) -> Inside:
        """Use a cluster through the host, and read what it says of itself; what goes wrong is told in ``found``."""
        own = fleet.is_host(cluster)
        inside = Inside(config=self.config, standing=self.standing) if own else Inside()
        if self.token is None:
            return inside
        inside.works = False
        if found["problem"]:  # ks-apiserver leads into no cluster that is not Ready
            return inside
        name = found["name"]
        try:
            inside.nodes = ks_apiserver.nodes_of_member(self.host, name, self.token, ks_apiserver.RESTART)
            inside.works = True
            if not own:
                self._read(name, self.token, found["connection"] == "agent", inside)
        except KubeError as error:
            told = f"{error.message}. {error.hint}".strip()
            inside.refuses = isinstance(error, ks_apiserver.MemberRefusesToken) and "signature" in error.message
            if inside.works:
                inside.problems.append(told)
            else:
                found["problem"] = self.host.redactor.text(told)
        return inside

    def _read(self, name: str, token: Secret, by_agent: bool, inside: Inside) -> None:
        def find(kind: Kind, which: str) -> Object | None:
            return ks_apiserver.find_in_member(self.host, name, token, kind, which, NAMESPACE)

        config_map = find(CONFIG_MAP, CONFIG)
        inside.config = kubesphere_config.of(self.host, config_map) if config_map else None
        configuration = find(CLUSTER_CONFIGURATION, INSTALLER)
        inside.standing = Installed(configuration) if configuration else None
        if by_agent:
            inside.agent = find(DEPLOYMENT, agent.AGENT)

    # What is made of it

    def _resync(self) -> float | None:
        """Seconds after which the host looks at its members; None for a release that writes no condition anew."""
        if self.release is None or not self.release.renews_conditions:
            return None
        return self.config.resync_period if self.config else 0.0

    def _sharing(self, name: str, cluster: Object) -> list[str]:
        own = ports(cluster)
        return sorted(other for other, item in self.clusters.items() if other != name and own & ports(item))

    def _agrees(self, inside: Inside) -> bool | None:
        if inside.refuses:
            return False
        if inside.config is None or self.config is None:
            return None
        said = inside.standing.jwt_secret if inside.standing else ""
        secret = self.config.jwt_secret
        return inside.config.jwt_secret == secret and said in ("", secret.reveal())

    def _proxy_address(self, found: dict[str, Any], inside: Inside) -> dict[str, Any] | None:
        if found["connection"] != "agent":
            return None
        used = agent.proxy_address_of(inside.agent) if inside.agent else ""
        return {
            "in_force": address.shown(self.in_force) or None,
            "used": address.shown(used) or None,
            "same": address.same(self.in_force, used) if used else None,
        }

    def _problems(
        self, found: dict[str, Any], connection: dict[str, Any], inside: Inside, release: Release | None
    ) -> list[str]:
        """What is wrong besides that it does not work."""
        name, problems = found["name"], []
        if found["deleted"]:
            problems.append(f"Cluster {name} is being deleted since {found['deleted']}, and keeps its finalizer")
        problems += self._stale(found)
        if found["cluster_role"] == "host":
            others = ", ".join(other for other in self.hosts if other != name)
            problems += [f"Cluster {name} is labelled as the host, and so is {others}"] if others else []
        else:
            problems += self._expiring(found) + _other_endpoint(found, connection)
        shared = ", ".join(found["ports_shared_with"])
        problems += [f"tower has drawn the same ports for {shared}: import it again"] if shared else []
        if found["jwt_secret_agrees"] is False and not inside.refuses:
            problems.append("its jwtSecret differs from the host's: playbook kubesphere.multicluster.install sets it")
        if found["kubesphere_skew"] == "newer":
            problems.append(
                f"its KubeSphere {found['kubesphere_version']} is newer than the host's "
                f"{self.release.tag if self.release else ''}: upgrade the host"
            )
        if release and found["kubernetes_version"]:
            problems += preflight.version_problems(str(found["kubernetes_version"]), release)
        unfinished = installed.unfinished_run(release, inside.standing) if release and inside.standing else ""
        return problems + ([f"its installation is not finished: {unfinished}"] if unfinished else [])

    def _stale(self, found: dict[str, Any]) -> list[str]:
        works = {"who": "it works, so look at ks-controller-manager on the host"} if found["works"] else {}
        problem = conditions.stale(found["name"], found["conditions"], self._resync(), **works)
        return [problem] if problem else []

    def _expiring(self, found: dict[str, Any]) -> list[str]:
        credential, renew = found["credential"], "give it a new one (playbook kubesphere.multicluster.renew)"
        if not credential["due"]:
            return []
        if found["connection"] == "agent":
            renew = "restart its Deployment kubesphere-system/cluster-agent, and tower makes a new one"
        verb = "expired" if credential["days"] < 0 else "expires"
        return [f"the {credential['kind']} in its kubeconfig {verb} on {credential['expires']}: {renew}"]


def _other_endpoint(found: dict[str, Any], connection: dict[str, Any]) -> list[str]:
    """KubeSphere fills the endpoint in once; its controller follows a new kubeconfig, and its ks-apiserver does not."""
    endpoint = address.shown(str(connection.get("kubernetesAPIEndpoint") or ""))
    if found["connection"] != "direct" or not endpoint or not found["server"]:
        return []
    if endpoint.rstrip("/") == found["server"].rstrip("/"):
        return []
    return [
        f"its kubeconfig leads to {found['server']}, its kubernetesAPIEndpoint still to {endpoint}: mend that in the "
        "Cluster"
    ]


def _release(standing: Installed | None) -> Release | None:
    return releases.RELEASES.get(standing.release) if standing else None


def _release_skew(release: Release | None, of_host: Release | None) -> str | None:
    if release is None or of_host is None:
        return None
    order = releases.compare(release, of_host)
    return "same" if order == 0 else "newer" if order > 0 else "older"


def _skew(version: str, of_host: str) -> int | None:
    """Minor versions of Kubernetes that a cluster is ahead of the host."""
    own, other = preflight.minor(version), preflight.minor(of_host)
    return own[1] - other[1] if own and other and own[0] == other[0] else None


def _components(standing: Installed | None) -> dict[str, str] | None:
    """What ks-installer says of its components."""
    if standing is None:
        return None
    status = standing.configuration.get("status") or {}
    return {name: str(each["status"]) for name, each in status.items() if isinstance(each, dict) and each.get("status")}
