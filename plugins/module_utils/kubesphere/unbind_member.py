# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an import leaves on a member, and how it is taken away (private to the collection).

KubeSphere itself takes nothing away there (v3.4.1 pkg/controller/cluster/cluster_controller.go L339-371: it unjoins
without the member's configuration).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..kube.resources import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    STATEFUL_SET,
    Kind,
    Object,
)
from ..kube.resources import NAMESPACE as NAMESPACE_KIND
from ..kube.session import Session, retry_on_conflict
from ..kube.wait import Done, Outcome, Pending, Progress, Target, wait
from . import agent, kubesphere_config, minted
from .names import (
    CONFIG,
    FEDERATION_NAMESPACE,
    MANAGED_LABEL,
    NAMESPACE,
    UNBINDING,
    WORKSPACE,
    WORKSPACE_LABEL,
    WORKSPACE_TEMPLATE,
)

# What somebody would miss if a namespace went. Each kind costs a request, so it is not asked for every custom resource.
_CONTENT = (
    *(SERVICE_ACCOUNT, SECRET, CONFIG_MAP, SERVICE, PERSISTENT_VOLUME_CLAIM),
    *(DEPLOYMENT, STATEFUL_SET, DAEMON_SET, JOB, POD, ROLE_BINDING),
)
_MANAGED = f"{MANAGED_LABEL}=true"
_TOKEN = "kubernetes.io/service-account-token"  # noqa: S105 - a type of Secrets
# What Kubernetes itself puts into every namespace.
_EVERYWHERE = {SERVICE_ACCOUNT: {"default"}, CONFIG_MAP: {"kube-root-ca.crt", "istio-ca-root-cert"}}


def service_account(name: str) -> str:
    """Name of the ServiceAccount by which the host's federation works on a member."""
    return f"{name}-kubesphere"


def role(name: str) -> str:
    """Name of its ClusterRole, and of the ClusterRoleBinding."""
    return f"kubefed-controller-manager:{service_account(name)}"


class MemberSide:
    """A member that is unbound.

    Attributes:
        claims: whether it says by itself that it is imported under this name.
        is_anothers: whether it only has accounts of other imports, as a host has its own.
        agent_token: token of the agent that connects it under this name; empty if there is none.
        begun: whether a run before this one has begun to unbind it.
        elsewhere: name under which another host, or another Cluster of this one, has imported it; empty if none has.
    """

    def __init__(self, member: Session, name: str) -> None:
        """Look at what is there.

        Raises:
            KubeError: something cannot be read.
        """
        self.member = member
        self.name = name
        self._config = member.find(CONFIG_MAP, CONFIG, NAMESPACE)
        known = kubesphere_config.of(member, self._config).cluster_name if self._config else ""
        self._named = known == name
        self.elsewhere = "" if self._named else known
        self.begun = _note(self._config) == name
        deployment = agent.find(member)
        self._agent = deployment if deployment and agent.belongs_to(deployment) == name else None
        accounts = {each["metadata"]["name"]: each for each in _listed(member, SERVICE_ACCOUNT, FEDERATION_NAMESPACE)}
        self.agent_token = agent.token_of(self._agent) if self._agent else ""
        self._account = accounts.pop(service_account(name), None)
        self._other_accounts = [each for each in accounts if each.endswith(service_account(""))]
        self.claims = bool(self._named or self._agent or self._account)
        self.is_anothers = bool(self._other_accounts) and not (self.claims or self.elsewhere)

    # Before the host lets it go

    def begin(self) -> None:
        """Note down that it is being unbound: once the Cluster is gone, nothing else tells whose the rest is."""

        def write(seen: Object | None) -> Object:
            if seen is None or _note(seen) == self.name:
                return seen or {}
            note = {"metadata": {"annotations": {UNBINDING: self.name}}}
            return self.member.patch(seen, note, "a note for the next run, should this one be interrupted")

        retry_on_conflict(write, self._config, self._read_config)

    def release_namespaces(self) -> None:
        """Take the namespaces out of the host's workspaces, so that they outlive those."""
        if self.elsewhere:
            return
        foreign = {each["metadata"]["name"] for each in self._workspaces() if not self._is_own(each)}
        for namespace in _listed(self.member, NAMESPACE_KIND):
            changes = _released(namespace, foreign)
            if changes:
                self.member.patch(namespace, changes, "it is no longer in a workspace of the host")

    # After that

    def clean(self) -> None:
        """Take away whatever is left of the import."""
        if not self.elsewhere:
            self._remove_workspaces()
        if self._agent:
            agent.remove(self.member, self._agent, "the host does not know it any more")
        for kind in (CLUSTER_ROLE_BINDING, CLUSTER_ROLE):
            self._remove(self.member.find(kind, role(self.name)), "it was for the host's federation")
        self._remove(self._account, "it was for the host's federation")
        self._remove_namespace()

    def finish(self) -> None:
        """Take the host's name for it away, and the note."""

        def write(seen: Object | None) -> Object:
            if seen is None:
                return {}
            changes: dict[str, Any] = {}
            if self.name == kubesphere_config.of(self.member, seen).cluster_name:
                changes["data"] = kubesphere_config.without_cluster_name(self.member, seen)
            if _note(seen) == self.name:
                changes["metadata"] = {"annotations": {UNBINDING: None}}
            return self.member.patch(seen, changes, "it belongs to no host any more", guarded=True) if changes else seen

        retry_on_conflict(write, self._read_config(), self._read_config)

    def forget_credential(self, *, bound: bool) -> None:
        """Take the credential away that was made for the host; the last thing, for the play may be using it.

        Args:
            bound: whether it was the host that is unbound here which had it, not another one.
        """
        if self.elsewhere or (self._other_accounts and not bound):
            return
        minted.remove(self.member, "it was made for the host")

    def wait_until_gone(self, timeout: float, progress: Progress) -> None:
        """Wait until what takes its time to go has gone, so that the member can be imported anew."""

        def evaluate(seen: Object | None) -> Outcome[None]:
            return Done(None) if seen is None or not _going(seen) else Pending("it is still being deleted")

        going = [Target(WORKSPACE, each["metadata"]["name"]) for each in self._workspaces() if _going(each)]
        for target in [*going, Target(NAMESPACE_KIND, FEDERATION_NAMESPACE)]:
            wait(self.member, target, evaluate, goal=f"{target} is gone", timeout=timeout, progress=progress)

    # The parts

    def _read_config(self) -> Object | None:
        return self.member.find(CONFIG_MAP, CONFIG, NAMESPACE)

    def _workspaces(self) -> list[Object]:
        """Workspaces that the host's federation has made here, or has taken over; those that are going, too."""
        return _listed(self.member, WORKSPACE, selector=_MANAGED)

    def _is_own(self, workspace: Object) -> bool:
        """Whether a workspace is the member's own, which federation has taken over: then it has a template here."""
        return self.member.find(WORKSPACE_TEMPLATE, workspace["metadata"]["name"]) is not None

    def _remove_workspaces(self) -> None:
        for workspace in self._workspaces():
            if _going(workspace):
                continue
            if self._is_own(workspace):
                # As KubeSphere's own chart marks it: ks-core templates/role-templates.yaml.
                label = {"metadata": {"labels": {MANAGED_LABEL: "false"}}}
                self.member.patch(workspace, label, "it is the member's own, no longer of the host's federation")
            else:
                self.member.delete(workspace, "it came from the host", propagation="Orphan")

    def _remove_namespace(self) -> None:
        namespace = self.member.find(NAMESPACE_KIND, FEDERATION_NAMESPACE)
        if namespace is None or _going(namespace):
            return
        if not self._is_used():
            self.member.delete(namespace, "the host's federation was all that used it")

    def _is_used(self) -> bool:
        """Whether the federation's namespace has anything that is neither the federation's nor Kubernetes' own."""
        for kind in _CONTENT:
            own = {*_EVERYWHERE.get(kind, ()), *([service_account(self.name)] if kind == SERVICE_ACCOUNT else [])}
            for each in self.member.list(kind, FEDERATION_NAMESPACE).items:
                if each["metadata"]["name"] not in own and each.get("type") != _TOKEN:
                    return True
        return False

    def _remove(self, found: Object | None, reason: str) -> None:
        if found is not None and not _going(found):
            self.member.delete(found, reason)


def forget_begun(member: Session) -> None:
    """Take away the note of an unbind that has never ended: the member is imported anew.

    Raises:
        KubeError: it could not be written.
    """
    config = member.find(CONFIG_MAP, CONFIG, NAMESPACE)
    if _note(config):
        member.patch(config or {}, {"metadata": {"annotations": {UNBINDING: None}}}, "it is imported anew")


def _listed(member: Session, kind: Kind, namespace: str | None = None, selector: str = "") -> list[Object]:
    """Objects of a kind, which need not be installed."""
    return member.list(kind, namespace, label_selector=selector, missing_ok=True).items


def _released(namespace: Object, foreign: Collection[str | None]) -> dict[str, Any]:
    """The merge patch that takes a namespace out of workspaces; empty if it is in none of them."""
    metadata = namespace["metadata"]
    held = metadata.get("labels") or {}
    labels: dict[str, None] = {}
    if held.get(WORKSPACE_LABEL) in foreign:
        labels[WORKSPACE_LABEL] = None
    if held.get(MANAGED_LABEL) == "true":  # else the federation of a next host would delete what it does not place here
        labels[MANAGED_LABEL] = None
    owners = metadata.get("ownerReferences") or []
    kept = [each for each in owners if each.get("kind") != WORKSPACE.kind or each.get("name") not in foreign]
    changes: dict[str, Any] = {"labels": labels} if labels else {}
    if kept != owners:
        changes["ownerReferences"] = kept
    return {"metadata": changes} if changes else {}


def _going(item: Object) -> bool:
    return bool(item["metadata"].get("deletionTimestamp"))


def _note(config_map: Object | None) -> str:
    return str(((config_map or {}).get("metadata", {}).get("annotations") or {}).get(UNBINDING) or "")
