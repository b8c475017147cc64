# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing a member into a host (private to the collection)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from ..kube.errors import KubeError, WaitTimeout
from ..kube.merge import merge, missing_from
from ..kube.naming import annotation_problems, label_problems
from ..kube.resources import NAMESPACE as NAMESPACE_KIND
from ..kube.resources import Object
from ..kube.secret import Secret
from ..kube.session import Session, retry_on_conflict
from ..kube.wait import Done, Outcome, Pending, Progress, Target, silent, wait
from . import (
    cluster_webhook,
    connection_choice,
    credentials,
    installed,
    jwt,
    ks_apiserver,
    kubesphere_config,
    minted,
    result,
    unbind_member,
)
from .conditions import condition_problem
from .configuration import check_cluster_name
from .connection_choice import Choice
from .kubesphere_config import KubeSphereConfig
from .member_agent import Agent, AgentOptions, without_conditions
from .member_direct import Direct, DirectOptions
from .names import (
    ALIAS_ANNOTATION,
    CLUSTER,
    CONNECTION_REASON,
    CREATOR_ANNOTATION,
    CREDENTIAL,
    DESCRIPTION_ANNOTATION,
    FORMER_CONNECTION,
    GROUP_LABEL,
    HOST_LABEL,
    REGION_LABEL,
    check_service_name,
    connection_of,
)
from .put_back import put_back
from .refusals import Refused
from .result import NotYetKnown, Result

_QUICK_LOOK, _SLOW_LOOK = 0.03, 1.0  # seconds between two uses of a member that does not work yet, at first and later
_AGENT_LOOK = 3.0  # seconds between two looks at why an agent does not connect
_INITIALISATION = 60.0  # seconds that tower may take, where nobody waits for more


@dataclass(frozen=True)
class Wanted:
    """What a user wants of one member.

    Attributes:
        name: name of its Cluster.
        connection: ``direct``, ``agent``, or ``auto``, which is chosen by looking and then kept.
        direct: the direct connection; None where there is no kubeconfig for it.
        agent: the agent connection.
        switch: whether a member that is imported by another connection than this one is switched to it.
        alias: name that the console shows.
        description: text that the console shows.
        creator: user that the console shows as the creator.
        provider: name of the provider of the Kubernetes cluster.
        region: region of the cluster.
        group: group of the cluster; the console knows production, development, testing and demo.
        labels: more labels.
        annotations: more annotations.
        adopt: import a member that says it belongs to another host, or to this one under another name.
        only_imported: refuse a member that the host does not know, in place of importing it.
    """

    name: str
    connection: str = "direct"
    direct: DirectOptions | None = None
    agent: AgentOptions = field(default_factory=AgentOptions)
    switch: bool = False
    alias: str | None = None
    description: str | None = None
    creator: str | None = None
    provider: str | None = None
    region: str | None = None
    group: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    adopt: bool = False
    only_imported: bool = False


Connection = Union[Direct, Agent]
"""What differs between the connections; both have the same attributes and methods."""


def import_member(
    host: Session, member: Session | None, wanted: Wanted, *, wait_timeout: float | None, progress: Progress = silent
) -> Result:
    """Import a member, or bring an imported one to what is wanted.

    The member is checked before anything is written. In the end it is used through the host, for a Cluster that says
    Ready may still refuse the host's users.

    Args:
        host: the fleet's host.
        member: the member, as the play reaches it; None where it does not, which takes the agent connection.
        wanted: what the user wants.
        wait_timeout: seconds until the member has to be Ready and in use; None does not wait for that.
        progress: told what is going on.

    Returns:
        ``data`` has ``name``, ``connection`` and ``connection_reason`` (``auto`` only, and once chosen), ``uid`` (of
        the member's namespace kube-system, None if unknown), ``nodes`` (number seen through the host; None if it was
        not used) and ``verified``; for the agent connection ``proxy_address`` too, and ``agent_manifest`` (where it
        was handed over; None if it was applied).

    Raises:
        Refused: the member cannot be imported; nothing was written.
        KubeError: a request or the wait failed.
    """
    return _Import(host, member, wanted, progress).run(wait_timeout)


class _Import:
    """One call of :func:`import_member`."""

    def __init__(self, host: Session, member: Session | None, wanted: Wanted, progress: Progress) -> None:
        self.host = host
        self.member = member
        self.wanted = wanted
        self.progress = progress
        self.warnings: list[str] = []
        self.choice: Choice | None = None
        self._begun_to_unbind = False  # a new member, of which a killed unbind has left its note
        self._to_answer: Session | None = None  # a new member, whose ks-apiserver has to answer
        self._replaced: tuple[Object, Object] | None = None  # the Cluster before and after its kubeconfig was replaced

    @property
    def where(self) -> str:
        """What messages call the member's cluster."""
        return self.member.cluster if self.member else self.wanted.name

    def run(self, wait_timeout: float | None) -> Result:
        started = time.monotonic()
        name_problems = check_cluster_name(self.wanted.name)
        if name_problems:
            raise Refused("; ".join(name_problems), self.where, "Set kubesphere_cluster_name.")
        for problem in (*label_problems(self._labels()), *annotation_problems(self.wanted.annotations)):
            raise Refused(problem, self.where, "Mend the variables of this member; nothing was written.")
        live = self.host.find(CLUSTER, self.wanted.name)
        config = kubesphere_config.read(self.host)
        uid = str(self.member.get(NAMESPACE_KIND, "kube-system")["metadata"]["uid"]) if self.member else ""
        if live is not None:
            self._check_same(live, uid)
        elif self.wanted.only_imported:
            raise Refused(
                f"{self.host.cluster} does not know a member {self.wanted.name}",
                self.where,
                "Import it first: playbook import.",
            )
        connection = self._connection(live, config, uid)
        if connection is None:
            return self._result(None, uid, None)
        self.warnings += connection.check(live)
        if self._to_answer:
            ks_apiserver.version(self._to_answer)
        try:
            self.warnings += connection.prepare(live, uid)
            if self.member and self._begun_to_unbind:
                unbind_member.forget_begun(self.member)

            def write(seen: Object | None) -> Object:
                return self._write(seen, connection)

            written = retry_on_conflict(write, live, lambda: self.host.find(CLUSTER, self.wanted.name))
            left = _INITIALISATION if wait_timeout is None else wait_timeout - (time.monotonic() - started)
            written = connection.establish(written, left, self.progress, waits=wait_timeout is not None)
            nodes = None
            if wait_timeout is not None and config is not None and not self.host.planning:
                left = wait_timeout - (time.monotonic() - started)
                nodes = self._wait(written, connection, uid, config.jwt_secret, max(1.0, left))
        except KubeError as error:
            self._undo(connection, error)
            raise
        if nodes is not None or (self.host.planning and wait_timeout is not None):
            self._clear_former(written, connection)
        return self._result(connection, uid, nodes)

    def _result(self, connection: Connection | None, uid: str, nodes: int | None) -> Result:
        data: dict[str, Any] = {
            "name": self.wanted.name,
            "connection": connection.name if connection else None,
            "uid": uid or None,
            "nodes": nodes,
            "verified": nodes is not None,
        }
        if self.choice:
            data["connection_reason"] = self.host.redactor.text(self.choice.reason)
        if isinstance(connection, Agent):
            data |= {"proxy_address": connection.address or None, "agent_manifest": connection.handed_over or None}
        sessions = [self.host, *([self.member] if self.member else [])]
        return result.of(sessions, self.warnings, **data)

    # The connection

    def _connection(self, live: Object | None, config: KubeSphereConfig | None, uid: str) -> Connection | None:
        """The connection to make, the member checked; None where a plan cannot tell it yet."""
        named = self._named(live)
        direct = None
        if self.member is not None and self.wanted.direct is not None and named != "agent":
            direct = Direct(self.host, self.member, self.wanted.name, self.wanted.direct)
        if live is None:
            self._check(config, uid, direct)
        if named == "direct":
            return self._given_direct(direct)
        agent = Agent(self.host, self.member, self.wanted.name, self.wanted.agent, config)
        if named == "auto":
            if config is None:
                text = f"{self.where}: its connection is chosen when KubeSphere stands on the host."
                self.warnings.append(NotYetKnown(text))
                return None
            self.choice = connection_choice.choose(self.host, self.wanted.name, config, direct, agent)
            if self.choice is None:
                text = f"{self.where}: its connection is chosen when the host has its proxy address."
                self.warnings.append(NotYetKnown(text))
                return None
            if self.choice.connection == "direct":
                return direct
        for problem in check_service_name(self.wanted.name):
            raise Refused(problem, self.where, "Set kubesphere_cluster_name.")
        return agent

    def _given_direct(self, direct: Direct | None) -> Direct:
        if direct is None:
            raise Refused(
                "a direct connection takes a kubeconfig and a member that the play reaches",
                self.where,
                "Set kubesphere_connection to agent, or say how the member is reached (kubesphere_kubeconfig).",
            )
        return direct

    def _named(self, live: Object | None) -> str:
        """The connection that is wanted; `auto` keeps the one that stands."""
        if live is None:
            return self.wanted.connection
        standing = "agent" if _type(live) == Agent.field else "direct"
        if self.wanted.connection == "auto":
            reason = (live["metadata"].get("annotations") or {}).get(CONNECTION_REASON) or "it is imported so"
            self.choice = Choice(standing, reason, fresh=False)
            return standing
        if self.wanted.connection != standing and not self.wanted.switch:
            raise Refused(
                f"it is imported by connection {standing}, not {self.wanted.connection}",
                self.where,
                f"Set kubesphere_connection to {standing}; or kubesphere_switch_connection to true, to switch it.",
            )
        return self.wanted.connection

    # Checks, as the validation API makes them for the console, and those that it leaves out

    def _check(self, config: KubeSphereConfig | None, uid: str, direct: Direct | None) -> None:
        """Refuse a member that cannot become one (kubesphere v3.4.1 pkg/kapis/cluster/v1alpha1/handler.go).

        Nobody else checks a member of the agent connection at all.
        """
        if config is None:
            self._missing(self.host)
            return
        self._check_role(self.host, "host", config)
        if self.member is None:
            self.warnings.append(f"{self.where}: not reached by the play, so its role and jwtSecret are not checked.")
            return
        member_config = kubesphere_config.read(self.member)
        if member_config is None:
            self._missing(self.member)
            return
        self._check_role(self.member, "member", member_config)
        if member_config.jwt_secret != config.jwt_secret:
            raise Refused(
                "its jwtSecret differs from the host's, so it would refuse the host's users",
                self.where,
                "Set authentication.jwtSecret of its ClusterConfiguration to the host's: "
                "the playbook kubesphere.multicluster.install does that.",
            )
        self._begun_to_unbind = member_config.begun_to_unbind
        if member_config.cluster_name and not self.wanted.adopt:
            self._check_other_name(member_config.cluster_name, uid)
        self._check_duplicates(uid, direct)
        self._to_answer = self.member

    def _missing(self, session: Session) -> None:
        if not self.host.planning:
            raise Refused("KubeSphere is not installed here", session.cluster, "Install it first: playbook install.")
        self.warnings.append(
            NotYetKnown(
                f"{session.cluster}: KubeSphere is not installed yet; the run will check whether {self.wanted.name} "
                "can be imported."
            )
        )

    def _check_role(self, session: Session, role: str, config: KubeSphereConfig) -> None:
        found = config.cluster_role
        if not found:  # up to 3.2 kubesphere-config tells no role; then the ClusterConfiguration does
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
                self.where,
                f"Set kubesphere_cluster_name to {name}, or unbind it first.",
            )
        if name != self.wanted.name:
            raise Refused(
                f"it says that a host has imported it as {name}, and {self.host.cluster} has not",
                self.where,
                "Unbind it from its other host first; if that is long gone, set kubesphere_adopt to true.",
            )
        if not self._begun_to_unbind:
            self.warnings.append(
                f"{self.where}: it says that a host has imported it as {name}, and {self.host.cluster} has not. If "
                "that host still has it, unbind it there: an unbind cannot tell apart two hosts that share a name."
            )

    def _check_duplicates(self, uid: str, direct: Direct | None) -> None:
        """Look for the same cluster under another name, the host itself included (kubesphere/kubesphere#4625)."""
        for cluster in self.host.list(CLUSTER).items:  # of a thousand, by each of a thousand
            known = (cluster.get("status") or {}).get("uid")
            if not known and direct:  # up to 3.2 the status has no UID
                server = credentials.server_of(str(connection_of(cluster).get("kubeconfig") or ""))
                known = uid if server == direct.server else ""
            if known == uid:
                name = cluster["metadata"]["name"]
                is_host = HOST_LABEL in (cluster["metadata"].get("labels") or {})
                what = "it is the host itself" if is_host else f"it is imported already, as {name}"
                hint = "Give the member's own kubeconfig." if is_host else f"Set kubesphere_cluster_name to {name}."
                raise Refused(f"{what} (kube-system UID {uid})", self.where, hint)

    def _check_same(self, live: Object, uid: str) -> None:
        """Refuse to lead an imported Cluster to another cluster, and one that will be gone in a moment."""
        if HOST_LABEL in (live["metadata"].get("labels") or {}):
            raise Refused(
                f"{self.wanted.name} is the name of the host's own Cluster",
                self.where,
                "Choose another name by kubesphere_cluster_name.",
            )
        if live["metadata"].get("deletionTimestamp"):
            raise Refused(
                f"Cluster {self.wanted.name} on {self.host.cluster} is being deleted",
                self.where,
                "Let it go first: playbook unbind, with kubesphere_member_state set to absent; then import it anew.",
            )
        known = str((live.get("status") or {}).get("uid") or uid)
        if uid and known != uid:
            raise Refused(
                f"Cluster {self.wanted.name} on {self.host.cluster} is another cluster (kube-system UID {known}, "
                f"this one has {uid})",
                self.where,
                "Choose another name by kubesphere_cluster_name, or unbind the other cluster first.",
            )

    # The Cluster object

    def _write(self, live: Object | None, connection: Connection) -> Object:
        if live is None:
            because = f" by connection {connection.name}: {self.choice.reason}" if self.choice else ""
            return self.host.create(self._manifest(connection), f"import it{because}")
        changes = self._changes(live, connection)
        if not changes:
            return live
        replacing = "kubeconfig" in connection_of(changes)
        if _type(live) != connection.field:
            reason = f"its connection is {connection.name} now"
        else:
            reason = connection.reason if replacing and isinstance(connection, Direct) else "the inventory says so"
        cluster_webhook.restore(self.host)  # an unbind that was killed may have left it suspended, and it guards this
        try:
            written = self.host.patch(live, changes, reason, guarded=True)
            if replacing and _type(live) == connection.field:
                self._replaced = live, written
            return written
        except KubeError as error:
            if "corresponds to a different cluster" in error.message:
                error.hint = "Give the kubeconfig of the cluster that was imported, or unbind it first."
            raise

    def _manifest(self, connection: Connection) -> Object:
        # Without joinFederation it is ignored.
        spec: dict[str, Any] = {"connection": connection.connection(), "enable": True, "joinFederation": True}
        if self.wanted.provider:
            spec["provider"] = self.wanted.provider
        metadata: dict[str, Any] = {"name": self.wanted.name, **self._metadata(connection)}
        if connection.finalizers:
            metadata["finalizers"] = list(connection.finalizers)
        return {
            "apiVersion": CLUSTER.api_version,
            "kind": CLUSTER.kind,
            "metadata": metadata,
            "spec": spec,
        }

    def _metadata(self, connection: Connection) -> dict[str, dict[str, str]]:
        """The labels and annotations that the user wants; what he does not name stays as it is."""
        annotations = {
            ALIAS_ANNOTATION: self.wanted.alias,
            DESCRIPTION_ANNOTATION: self.wanted.description,
            CREATOR_ANNOTATION: self.wanted.creator,
            CONNECTION_REASON: self.choice.reason if self.choice and self.choice.fresh else None,
            **connection.notes(),
            **self.wanted.annotations,
        }
        metadata = {"labels": _given(self._labels()), "annotations": _given(annotations)}
        return {key: value for key, value in metadata.items() if value}

    def _labels(self) -> dict[str, str | None]:
        return {REGION_LABEL: self.wanted.region, GROUP_LABEL: self.wanted.group, **self.wanted.labels}

    def _changes(self, live: Object, connection: Connection) -> dict[str, Any]:
        """The merge patch for an imported Cluster: only what the user owns, never ports, conditions or finalizers."""
        wanted: dict[str, Any] = {"metadata": self._metadata(connection), "spec": {"joinFederation": True}}
        if self.wanted.provider is not None:
            wanted["spec"]["provider"] = self.wanted.provider
        if _type(live) != connection.field:
            # tower initialises a Cluster once; one that comes back to the agent connection must be able to be again.
            forgotten = without_conditions(live, "Initialized", "AgentAvailable")
            # The reason speaks of the connection that `auto` had chosen, not of the user's.
            notes = {CONNECTION_REASON: None, FORMER_CONNECTION: Agent.name if connection.name == Direct.name else None}
            switched = {"metadata": {"annotations": notes}, "spec": {"connection": connection.switched()}}
            return merge(merge(missing_from(live, wanted) or {}, switched), forgotten)
        changed = connection.changes(live)
        if changed:
            wanted["spec"]["connection"] = changed
        return missing_from(live, wanted) or {}

    # What a switch leaves behind: nothing, if it fails

    def _undo(self, connection: Connection, error: KubeError) -> None:
        """Put a replaced kubeconfig back, and revoke what was made for a Cluster that does not have it."""
        if self.host.planning or not isinstance(connection, Direct):
            return
        if self._replaced is not None and not put_back(self.host, *self._replaced, error):
            return
        with contextlib.suppress(KubeError):  # the next run finds it
            connection.discard()

    def _clear_former(self, written: Object, connection: Connection) -> None:
        """Remove what served a former connection or credential, and then the notes that tell of it."""
        former = {}
        if isinstance(connection, Direct) and _was_agent(written):
            connection.clear_agent()
            former[FORMER_CONNECTION] = "its agent"
        if isinstance(connection, Direct) and connection.has_minted:
            connection.clear_credentials()
        elif CREDENTIAL in (written["metadata"].get("annotations") or {}) and self.member is not None:
            minted.remove(self.member, "its kubeconfig is another now")
            former[CREDENTIAL] = "its former credential"
        if former:
            self._forget(list(former), f"nothing is left of {' and '.join(former.values())}")

    def _forget(self, notes: list[str], reason: str) -> None:
        def forget(seen: Object) -> Object:
            return self.host.patch(seen, {"metadata": {"annotations": dict.fromkeys(notes)}}, reason, guarded=True)

        def read() -> Object:
            return self.host.get(CLUSTER, self.wanted.name)

        retry_on_conflict(forget, read(), read)

    # The end

    def _wait(self, written: Object, connection: Connection, uid: str, jwt_secret: Secret, timeout: float) -> int:
        """Wait until the conditions hold, and the member can be used through the host."""
        token = jwt.admin_token(jwt_secret)
        # Conditions of a Cluster whose spec was changed may speak of the former one. The controller looks again at once
        # after such a change, but only at its next resync after any other (kubesphere v3.3.2 and v3.4.1
        # pkg/controller/cluster/cluster_controller.go, UpdateFunc); and a new Cluster has no former conditions.
        patched = [(each.before, each.after) for each in self.host.journal if each.before and each.after]
        changed = any(before.get("spec") != after.get("spec") for before, after in patched)
        since = max(connection.since(), self.host.server_time if changed else "")
        early = 0.0  # when it was first used in vain

        def next_look() -> float:
            nonlocal early
            early = early or time.monotonic()
            return min(_SLOW_LOOK, max(_QUICK_LOOK, (time.monotonic() - early) / 20))

        def evaluate(cluster: Object | None) -> Outcome[int]:
            if cluster is None:
                return Pending("somebody has deleted it", "Run this again.")
            for kind in connection.conditions:
                # tower writes AgentAvailable when an agent connects, and not when the Cluster's spec is changed.
                problem = condition_problem(cluster, kind, connection.since() if kind == "AgentAvailable" else since)
                if problem:
                    return self._pending(problem, connection, kind)
            seen = str((cluster.get("status") or {}).get("uid") or uid)
            self._refuse_other_cluster(seen, uid, connection)
            try:
                nodes = ks_apiserver.nodes_of_member(self.host, self.wanted.name, token, patience=0)
                if connection.name == "agent" and uid:
                    # Its status may still tell what the controller saw through another agent.
                    through = ks_apiserver.uid_of_member(self.host, self.wanted.name, token)
                    self._refuse_other_cluster(through, uid, connection)
                return Done(nodes)
            except OtherCluster:
                raise
            except KubeError as error:
                # ks-apiserver may need a moment to see the Cluster; and that of the member is away for most of a second
                # after each change of its kubesphere-config, which KubeSphere makes when a member joins.
                return Pending(error.message, error.hint, next_look() if error.status != 401 else _SLOW_LOOK)

        target = Target(CLUSTER, self.wanted.name)
        try:
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
        except WaitTimeout as error:
            if self.choice and not self.choice.fresh:
                error.hint += (
                    f" Connection {self.choice.connection} was chosen before ({self.choice.reason}); if that no longer "
                    "holds, set kubesphere_connection to the other one and kubesphere_switch_connection to true."
                )
            raise

    def _pending(self, problem: str, connection: Connection, kind: str) -> Pending:
        look = "Look at the log of the Deployment"
        if kind == "AgentAvailable":
            told = "; ".join(filter(None, (problem, connection.trouble())))
            return Pending(told, f"{look} kubesphere-system/cluster-agent on the member.", _AGENT_LOOK)
        return Pending(problem, f"{look} kubesphere-system/ks-controller-manager on the host.")

    def _refuse_other_cluster(self, seen: str, uid: str, connection: Connection) -> None:
        if not uid or seen == uid:
            return
        if connection.name == "agent":
            raise OtherCluster(
                f"Its agent leads to another cluster (kube-system UID {seen}) than the play reaches ({uid})",
                self.where,
                "Another cluster runs an agent with this member's name and token: delete its Deployment "
                "kubesphere-system/cluster-agent.",
            )
        raise OtherCluster(
            f"The kubeconfig that KubeSphere got leads to another cluster (kube-system UID {seen}) than the "
            f"play reaches ({uid})",
            self.where,
            "Mend kubesphere_member_kubeconfig or kubesphere_api_server.",
        )


class OtherCluster(KubeError):
    """What is at the other end is not the member that was meant."""


def _was_agent(cluster: Object) -> bool:
    """Whether an agent connection has left something; until that is removed, the Cluster says so."""
    return (cluster["metadata"].get("annotations") or {}).get(FORMER_CONNECTION) == Agent.name


def _type(cluster: Object) -> str:
    return str(connection_of(cluster).get("type") or "")


def _given(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value is not None}
