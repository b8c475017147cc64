# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing a member into a host by direct connection (private to the collection)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..kube.errors import KubeError
from ..kube.merge import missing_from
from ..kube.resources import NAMESPACE as NAMESPACE_KIND
from ..kube.resources import Object
from ..kube.secret import Secret
from ..kube.session import Session, retry_on_conflict
from ..kube.wait import Done, Outcome, Pending, Progress, Target, silent, wait
from . import credentials, installed, jwt, ks_apiserver, kubesphere_config, releases, result
from .conditions import condition_problem
from .configuration import check_cluster_name
from .installation import Refused
from .kubesphere_config import KubeSphereConfig
from .names import (
    ALIAS_ANNOTATION,
    CLUSTER,
    CREATOR_ANNOTATION,
    DESCRIPTION_ANNOTATION,
    GROUP_LABEL,
    HOST_LABEL,
    REGION_LABEL,
)
from .result import Result

_QUICK_LOOK = 0.1  # seconds until the host's ks-apiserver has surely seen what its controller wrote


@dataclass(frozen=True)
class Wanted:
    """What a user wants of one member.

    Attributes:
        name: name of its Cluster.
        kubeconfig: self-contained kubeconfig for KubeSphere.
        kubesphere_api_endpoint: URL of the member's ks-apiserver; empty goes through its API server.
        alias: name that the console shows.
        description: text that the console shows.
        creator: user that the console shows as the creator.
        provider: name of the provider of the Kubernetes cluster.
        region: region of the cluster.
        group: group of the cluster; the console knows production, development, testing and demo.
        labels: more labels.
        annotations: more annotations.
        adopt: import a member that says it belongs to another host, or to this one under another name.
    """

    name: str
    kubeconfig: credentials.Kubeconfig
    kubesphere_api_endpoint: str = ""
    alias: str | None = None
    description: str | None = None
    creator: str | None = None
    provider: str | None = None
    region: str | None = None
    group: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    adopt: bool = False


def import_direct(
    host: Session, member: Session, wanted: Wanted, *, wait_timeout: float | None, progress: Progress = silent
) -> Result:
    """Import a member by direct connection, or bring an imported one to what is wanted.

    The member is checked before anything is written. In the end it is used through the host, for a Cluster that says
    Ready may still refuse the host's users.

    Args:
        host: the fleet's host.
        member: the member, as the play reaches it.
        wanted: what the user wants.
        wait_timeout: seconds until the member has to be Ready and in use; None does not wait.
        progress: told what is going on.

    Returns:
        ``data`` has ``name``, ``uid`` (of the member's namespace kube-system), ``nodes`` (number seen through the
        host; None if it was not used) and ``verified``.

    Raises:
        Refused: the member cannot be imported; nothing was written.
        KubeError: a request or the wait failed.
    """
    return _Import(host, member, wanted, progress).run(wait_timeout)


class _Import:
    """One call of :func:`import_direct`."""

    def __init__(self, host: Session, member: Session, wanted: Wanted, progress: Progress) -> None:
        self.host = host
        self.member = member
        self.wanted = wanted
        self.progress = progress
        self.warnings: list[str] = []
        for session in (host, member):
            session.redactor.add(credentials.encode(wanted.kubeconfig))
            session.redactor.add(str(wanted.kubeconfig["users"][0]["user"].get("token") or ""))

    def run(self, wait_timeout: float | None) -> Result:
        name_problems = check_cluster_name(self.wanted.name)
        if name_problems:
            raise Refused("; ".join(name_problems), self.member.cluster, "Set kubesphere_cluster_name.")
        live = self.host.find(CLUSTER, self.wanted.name)
        config = kubesphere_config.read(self.host)
        uid = str(self.member.get(NAMESPACE_KIND, "kube-system")["metadata"]["uid"])
        if live is None:
            self._check(config, uid)
        else:
            self._check_same(live, uid)
        if not self._has_kubeconfig(live):
            self._check_kubeconfig()
        written = retry_on_conflict(self._write, live, lambda: self.host.find(CLUSTER, self.wanted.name))
        nodes = None
        if wait_timeout is not None and config is not None and not self.host.planning:
            nodes = self._wait(written, uid, config.jwt_secret, wait_timeout)
        return result.of(
            [self.host], self.warnings, name=self.wanted.name, uid=uid, nodes=nodes, verified=nodes is not None
        )

    # Checks, as the validation API makes them for the console, and those that it leaves out

    def _check(self, config: KubeSphereConfig | None, uid: str) -> None:
        """Refuse a member that cannot become one (kubesphere v3.4.1 pkg/kapis/cluster/v1alpha1/handler.go)."""
        member_config = kubesphere_config.read(self.member)
        if config is None or member_config is None:
            self._missing(self.host if config is None else self.member)
            return
        self._check_role(config, member_config)
        if member_config.jwt_secret != config.jwt_secret:
            raise Refused(
                "its jwtSecret differs from the host's, so it would refuse the host's users",
                self.member.cluster,
                "Set authentication.jwtSecret of its ClusterConfiguration to the host's: "
                "the playbook kubesphere.multicluster.install does that.",
            )
        if member_config.cluster_name and not self.wanted.adopt:
            self._check_other_name(member_config.cluster_name, uid)
        self._check_duplicates(uid)
        ks_apiserver.version(self.member)

    def _missing(self, session: Session) -> None:
        if not self.host.planning:
            raise Refused("KubeSphere is not installed here", session.cluster, "Install it first: playbook install.")
        self.warnings.append(
            f"{session.cluster}: KubeSphere is not installed yet; the run will check whether {self.wanted.name} can be "
            "imported."
        )

    def _check_role(self, config: KubeSphereConfig, member_config: KubeSphereConfig) -> None:
        # Up to 3.2 kubesphere-config tells no role; then the ClusterConfiguration does.
        for session, role, read in ((self.host, "host", config), (self.member, "member", member_config)):
            found = read.cluster_role
            if not found:
                standing = installed.read(session)
                found = standing.cluster_role if standing else "none"
            if found != role:
                raise Refused(
                    f"KubeSphere runs here as {found}, not as {role}",
                    session.cluster,
                    f"Set multicluster.clusterRole to {role} in its ClusterConfiguration, or mend the inventory.",
                )

    def _check_other_name(self, name: str, uid: str) -> None:
        # Its own name is known to be free: this is a first import.
        known = self.host.find(CLUSTER, name) if name != self.wanted.name else None
        if known is not None and str((known.get("status") or {}).get("uid") or uid) == uid:
            raise Refused(
                f"it is imported into {self.host.cluster} already, as {name}",
                self.member.cluster,
                f"Set kubesphere_cluster_name to {name}, or unbind it first.",
            )
        if name != self.wanted.name:
            raise Refused(
                f"it says that a host has imported it as {name}, and {self.host.cluster} has not",
                self.member.cluster,
                "Unbind it from its other host first; if that is long gone, set kubesphere_adopt to true.",
            )

    def _check_duplicates(self, uid: str) -> None:
        """Look for the same cluster under another name, the host itself included (kubesphere/kubesphere#4625)."""
        server = self.wanted.kubeconfig["clusters"][0]["cluster"]["server"]
        for cluster in self.host.list(CLUSTER).items:
            name = cluster["metadata"]["name"]
            is_host = HOST_LABEL in (cluster["metadata"].get("labels") or {})
            known = str((cluster.get("status") or {}).get("uid") or "")
            if not known:  # up to 3.2 the status has no UID
                connection = (cluster.get("spec") or {}).get("connection") or {}
                stored = credentials.decode(str(connection.get("kubeconfig") or ""))
                known = uid if stored and stored["clusters"][0]["cluster"]["server"] == server else ""
            if known == uid:
                what = "it is the host itself" if is_host else f"it is imported already, as {name}"
                hint = "Give the member's own kubeconfig." if is_host else f"Set kubesphere_cluster_name to {name}."
                raise Refused(f"{what} (kube-system UID {uid})", self.member.cluster, hint)

    def _check_same(self, live: Object, uid: str) -> None:
        """Refuse to lead an imported Cluster to another cluster."""
        if HOST_LABEL in (live["metadata"].get("labels") or {}):
            raise Refused(
                f"{self.wanted.name} is the name of the host's own Cluster",
                self.member.cluster,
                "Choose another name by kubesphere_cluster_name.",
            )
        known = str((live.get("status") or {}).get("uid") or uid)
        if known != uid:
            raise Refused(
                f"Cluster {self.wanted.name} on {self.host.cluster} is another cluster (kube-system UID {known}, "
                f"this one has {uid})",
                self.member.cluster,
                "Choose another name by kubesphere_cluster_name, or unbind the other cluster first.",
            )
        kind = ((live.get("spec") or {}).get("connection") or {}).get("type")
        if kind != "direct":
            raise Refused(
                f"it is imported by connection {kind}, not direct",
                self.member.cluster,
                "Keep the connection that it has, or unbind it first.",
            )

    def _check_kubeconfig(self) -> None:
        standing = installed.read(self.host)
        known = releases.RELEASES.get(standing.release if standing else "")
        for problem in credentials.problems(self.wanted.kubeconfig, known or releases.find(releases.DEFAULT_RELEASE)):
            raise Refused(f"KubeSphere cannot use its kubeconfig: {problem}", self.member.cluster)

    # The Cluster object

    def _write(self, live: Object | None) -> Object:
        if live is None:
            return self.host.create(self._manifest(), "import it")
        changes = self._changes(live)
        if not changes:
            return live
        try:
            return self.host.patch(live, changes, "the inventory says so", guarded=True)
        except KubeError as error:
            if "corresponds to a different cluster" in error.message:
                error.hint = "Give the kubeconfig of the cluster that was imported, or unbind it first."
            raise

    def _manifest(self) -> Object:
        connection: dict[str, Any] = {"type": "direct", "kubeconfig": credentials.encode(self.wanted.kubeconfig)}
        if self.wanted.kubesphere_api_endpoint:
            connection["kubesphereAPIEndpoint"] = self.wanted.kubesphere_api_endpoint
        spec = {"connection": connection, "enable": True, "joinFederation": True}  # without it, it is ignored
        return {
            "apiVersion": CLUSTER.api_version,
            "kind": CLUSTER.kind,
            "metadata": {"name": self.wanted.name, **self._metadata()},
            "spec": {**spec, **({"provider": self.wanted.provider} if self.wanted.provider else {})},
        }

    def _metadata(self) -> dict[str, dict[str, str]]:
        """The labels and annotations that the user wants; what he does not name stays as it is."""
        labels = {REGION_LABEL: self.wanted.region, GROUP_LABEL: self.wanted.group, **self.wanted.labels}
        annotations = {
            ALIAS_ANNOTATION: self.wanted.alias,
            DESCRIPTION_ANNOTATION: self.wanted.description,
            CREATOR_ANNOTATION: self.wanted.creator,
            **self.wanted.annotations,
        }
        metadata = {"labels": _given(labels), "annotations": _given(annotations)}
        return {key: value for key, value in metadata.items() if value}

    def _changes(self, live: Object) -> dict[str, Any]:
        """The merge patch for an imported Cluster: only what the user owns, never ports, conditions or finalizers."""
        connection: dict[str, Any] = {}
        if not self._has_kubeconfig(live):
            connection["kubeconfig"] = credentials.encode(self.wanted.kubeconfig)
            # KubeSphere fills this in once and does not follow a new server (cluster_controller.go L465).
            connection["kubernetesAPIEndpoint"] = self.wanted.kubeconfig["clusters"][0]["cluster"]["server"]
        if self.wanted.kubesphere_api_endpoint:
            connection["kubesphereAPIEndpoint"] = self.wanted.kubesphere_api_endpoint
        wanted: dict[str, Any] = {"metadata": self._metadata(), "spec": {"joinFederation": True}}
        if connection:
            wanted["spec"]["connection"] = connection
        if self.wanted.provider is not None:
            wanted["spec"]["provider"] = self.wanted.provider
        return missing_from(live, wanted) or {}

    def _has_kubeconfig(self, live: Object | None) -> bool:
        """Whether a Cluster leads already where the wanted kubeconfig leads."""
        stored = ((live or {}).get("spec") or {}).get("connection") or {}
        return credentials.same(credentials.decode(str(stored.get("kubeconfig") or "")), self.wanted.kubeconfig)

    # The end

    def _wait(self, written: Object, uid: str, jwt_secret: Secret, timeout: float) -> int:
        """Wait until the member is Federated and Ready, and can be used through the host."""
        token = jwt.admin_token(jwt_secret)
        # Conditions of a Cluster whose spec was changed may speak of the former one. The controller looks again at once
        # after such a change, but only at its next resync after any other (kubesphere v3.3.2 and v3.4.1
        # pkg/controller/cluster/cluster_controller.go, UpdateFunc); and a new Cluster has no former conditions.
        patched = [(each.before, each.after) for each in self.host.journal if each.before and each.after]
        changed = any(before["spec"] != after["spec"] for before, after in patched)
        since = self.host.server_time if changed else ""

        def evaluate(cluster: Object | None) -> Outcome[int]:
            if cluster is None:
                return Pending("somebody has deleted it", "Run this again.")
            for kind in ("Federated", "Ready"):
                problem = condition_problem(cluster, kind, since)
                if problem:
                    hint = "Look at the log of the Deployment kubesphere-system/ks-controller-manager on the host."
                    return Pending(problem, hint)
            seen = str((cluster.get("status") or {}).get("uid") or uid)
            if seen != uid:
                raise KubeError(
                    f"The kubeconfig that KubeSphere got leads to another cluster (kube-system UID {seen}) than the "
                    f"play reaches ({uid})",
                    self.member.cluster,
                    "Mend kubesphere_member_kubeconfig or kubesphere_api_server.",
                )
            try:
                return Done(ks_apiserver.nodes_of_member(self.host, self.wanted.name, token))
            except KubeError as error:
                # ks-apiserver may need a moment to see the Cluster, or a new configuration.
                return Pending(error.message, error.hint, _QUICK_LOOK if error.status != 401 else 1.0)

        target = Target(CLUSTER, self.wanted.name)
        return wait(
            self.host,
            target,
            evaluate,
            goal=f"it is Ready and can be used through {self.host.cluster}",
            timeout=timeout,
            start=written,
            progress=self.progress,
            subject=self.wanted.name,
        )


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value is not None}
