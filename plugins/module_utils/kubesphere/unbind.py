# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unbinding a member from its host (private to the collection).

Whatever was there before the import is there again afterwards, and nothing else. A run that was killed is taken up by
the next one, for each looks at both sides, whether the Cluster is still there or not.
"""

from __future__ import annotations

from typing import Any

from ..kube.errors import KubeError
from ..kube.resources import NAMESPACE as NAMESPACE_KIND
from ..kube.resources import Object
from ..kube.session import Session
from ..kube.wait import Progress, silent
from . import agent, result
from .conditions import condition_problem
from .names import (
    CONFIG,
    FEDERATION_NAMESPACE,
    HOST_LABEL,
    MANAGED_LABEL,
    NAMESPACE,
    OWN,
    UNBINDING,
    connection_of,
)
from .refusals import Refused
from .result import Result
from .unbind_host import HostSide
from .unbind_member import MemberSide, role, service_account


def unbind(
    host: Session,
    member: Session | None,
    name: str,
    *,
    force: bool = False,
    wait_timeout: float = 600.0,
    progress: Progress = silent,
) -> Result:
    """Unbind a member, or take away what is left of one.

    Args:
        host: the fleet's host.
        member: the member; None where the play does not reach it, which takes ``force``.
        name: name of its Cluster.
        force: clean at least the host, whatever the member is or says; and take the finalizer from its Cluster where
            KubeSphere does not.
        wait_timeout: seconds that KubeSphere may take for each of its parts.
        progress: told what is going on.

    Returns:
        ``data`` has ``name``, ``known`` (whether the host had its Cluster), ``member_cleaned``, and ``remaining`` and
        ``commands``: what may still be on a member that was not cleaned, and how it is removed there.

    Raises:
        Refused: it must not be unbound; nothing was written, but the webhook of a killed run restored.
        KubeError: a request or a wait failed.
    """
    return _Unbind(host, member, name, force, wait_timeout, progress).run()


class _Unbind:
    """One call of :func:`unbind`."""

    def __init__(
        self, host: Session, member: Session | None, name: str, force: bool, timeout: float, progress: Progress
    ) -> None:
        self.host = host
        self.member = member
        self.name = name
        self.force = force
        self.timeout = timeout
        self.progress = progress
        self.warnings: list[str] = []

    def run(self) -> Result:
        host_side = HostSide(self.host, self.name)
        self._check_host(host_side.cluster)
        host_side.restore_webhook()  # first of all: a refusal must not leave it open
        member_side = self._member_side(host_side)
        # A member that nobody has imported under this name may be somebody else's by now.
        bound = bool(member_side and (host_side.cluster is not None or member_side.claims or member_side.begun))
        if member_side and bound:
            member_side.begin()
            member_side.release_namespaces()
        host_side.let_go(alive=member_side is not None, force=self.force, timeout=self.timeout, progress=self.progress)
        if member_side and bound:
            self._clean(member_side)
        if member_side:
            member_side.forget_credential(bound=bound)
        return self._result(host_side, member_side)

    def _clean(self, member_side: MemberSide) -> None:
        before = len(member_side.member.journal)
        if not self.host.planning:
            # As long as the host knew the member, its federation may have put them back.
            member_side.release_namespaces()
        member_side.clean()
        if len(member_side.member.journal) > before and not self.host.planning:
            member_side.wait_until_gone(self.timeout, self.progress)
        member_side.finish()

    # Checks

    def _check_host(self, cluster: Object | None) -> None:
        if cluster is not None and HOST_LABEL in (cluster["metadata"].get("labels") or {}):
            raise Refused(
                f"Cluster {self.name} is the host itself",
                self.host.cluster,
                "A host cannot be unbound; unbind its members.",
            )

    def _member_side(self, host_side: HostSide) -> MemberSide | None:
        """The member, looked at; None where only the host is to be cleaned."""
        try:
            if self.member is None:
                raise KubeError("it is not reached by the play (reachable: false)", self.name)
            uid = str(self.member.get(NAMESPACE_KIND, "kube-system")["metadata"]["uid"])
            self._check_same(host_side.cluster, uid)
            side = MemberSide(self.member, self.name)
            self._check_claims(host_side.cluster, side)
            self._check_agent(host_side.cluster, side)
        except KubeError as error:
            self._check_without_member(host_side, error)
            return None
        if side.claims and not side.begun and host_side.cluster is None and not self.force:
            raise Refused(
                f"it says that a host has imported it as {self.name}, and {self.host.cluster} has no such Cluster",
                self.member.cluster,
                "If another host has imported it, unbind it there; if nobody has, set kubesphere_force to true.",
            )
        if side.elsewhere:
            self.warnings.append(
                f"{self.member.cluster}: it is imported as {side.elsewhere} by now, so its workspaces stay as they are."
            )
        return side

    def _check_same(self, cluster: Object | None, uid: str) -> None:
        known = str(((cluster or {}).get("status") or {}).get("uid") or uid)
        if known != uid:
            raise _OtherCluster(
                f"Cluster {self.name} on {self.host.cluster} is another cluster (kube-system UID {known}, this one has "
                f"{uid})",
                self.name,
            )

    def _check_claims(self, cluster: Object | None, side: MemberSide) -> None:
        """Up to release 3.2 a Cluster does not know the member's UID, but a federated member knows its name."""
        if cluster is None or (cluster.get("status") or {}).get("uid") or side.claims or side.begun:
            return
        if side.is_anothers or not condition_problem(cluster, "Federated"):
            raise _OtherCluster(f"it has nothing that an import as {self.name} leaves", self.name)

    def _check_agent(self, cluster: Object | None, side: MemberSide) -> None:
        """Two hosts may know it by the same name, but each gives its agent a token of its own."""
        token = connection_of(cluster).get("token")
        if token and side.agent_token not in ("", token):
            raise _OtherCluster(
                f"its agent has not the token of Cluster {self.name}: another host may have imported it by this name",
                self.name,
                f"If none has, run the playbook import, which gives the agent the token of {self.host.cluster}.",
            )

    def _check_without_member(self, host_side: HostSide, error: KubeError) -> None:
        """Go on without the member, if that is wanted, or if there is nothing to do anyway."""
        if not self.force and host_side.knows_it:
            raise Refused(
                f"{error.message}, so what its import has left there would stay",
                self.name,
                f"{error.hint} Or set kubesphere_force to true, to clean the host only.".lstrip(),
            ) from None
        self.warnings.append(f"{self.name}: not cleaned, and what its import has left there stays: {error.message}")

    # The result

    def _result(self, host_side: HostSide, member_side: MemberSide | None) -> Result:
        cluster = host_side.cluster
        data: dict[str, Any] = {
            "name": self.name,
            "known": cluster is not None,
            "member_cleaned": member_side is not None,
            "remaining": [] if member_side else remaining(self.name),
            "commands": [] if member_side else commands(self.name),
        }
        sessions = [self.host, *([self.member] if self.member and member_side else [])]
        return result.of(sessions, self.warnings, **data)


class _OtherCluster(KubeError):
    """The session leads to another cluster than the Cluster."""

    default_hint = "Give the member's own kubeconfig (kubesphere_kubeconfig)."


def remaining(name: str) -> list[str]:
    """What an import may have left on a member that was not cleaned."""
    return [
        f"Deployment {NAMESPACE}/{agent.AGENT}, if an agent connected it",
        f"ClusterRole and ClusterRoleBinding {role(name)}",
        f"ServiceAccount {FEDERATION_NAMESPACE}/{service_account(name)}, and with it Namespace {FEDERATION_NAMESPACE}",
        f"Workspaces with the label {MANAGED_LABEL}=true, and namespaces that belong to them",
        f"multicluster.clusterName of ConfigMap {NAMESPACE}/{CONFIG}",
        f"a credential with all rights that was made there for the host: what has the label {OWN}",
    ]


def commands(name: str) -> list[str]:
    """How that is removed on the member, by hand.

    The member's own workspaces are marked first, and namespaces released, so that they outlive those of the host.
    """
    managed = f"-l {MANAGED_LABEL}=true"
    names = "-o jsonpath='{.items[*].metadata.name}'"
    release = '\'{"metadata":{"labels":{"kubesphere.io/workspace":null},"ownerReferences":null}}\''
    own = f"kubectl get workspacetemplates.tenant.kubesphere.io {names}"
    made = f"-l {OWN}"
    config = f"kubectl -n {NAMESPACE} get configmap {CONFIG} -o yaml"
    return [
        f"for w in $({own}); do kubectl label workspaces.tenant.kubesphere.io $w {MANAGED_LABEL}=false --overwrite; "
        "done",
        f"for w in $(kubectl get workspaces.tenant.kubesphere.io {managed} {names}); do "
        f"for n in $(kubectl get namespaces -l kubesphere.io/workspace=$w {names}); do "
        f"kubectl patch namespace $n --type merge -p {release}; done; done",
        f"kubectl label namespaces {managed} {MANAGED_LABEL}-",
        f"kubectl delete workspaces.tenant.kubesphere.io {managed} --cascade=orphan",
        f"kubectl -n {NAMESPACE} delete deployment {agent.AGENT} --ignore-not-found",
        f"kubectl delete clusterrolebinding,clusterrole {role(name)} --ignore-not-found",
        f"kubectl -n {FEDERATION_NAMESPACE} delete serviceaccount {service_account(name)} --ignore-not-found",
        f"kubectl delete namespace {FEDERATION_NAMESPACE} --ignore-not-found",
        f"{config} | sed '/^ *clusterName: \"*{name}\"*$/d' | kubectl replace -f -",
        f"kubectl -n {NAMESPACE} annotate configmap {CONFIG} {UNBINDING}-",
        f"kubectl -n {NAMESPACE} delete secret,serviceaccount {made}",
        f"kubectl delete clusterrolebinding,certificatesigningrequest {made}",
    ]
