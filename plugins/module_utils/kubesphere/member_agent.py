# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent connection: an agent in the member calls the host's tower (private to the collection)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..kube import rollout
from ..kube.errors import KubeError, WaitTimeout
from ..kube.resources import DEPLOYMENT, SERVICE, SERVICE_ACCOUNT, Object
from ..kube.secret import Secret
from ..kube.session import Session, retry_on_conflict
from ..kube.wait import Done, Outcome, Pending, Progress, Target, wait
from . import address, agent, jwt, ks_apiserver, kubesphere_config, proxy_address, reachability, releases
from .address import BadAddress
from .conditions import condition, condition_problem
from .kubesphere_config import KubeSphereConfig
from .names import CLUSTER, FINALIZER, NAMESPACE, TOWER, connection_of, mc_service
from .refusals import Refused
from .result import NotYetKnown

_TRIES = 10
"""How often ports are drawn anew. tower draws one of 1001, so that two members of one fleet share a port soon."""

PROBE = 60.0
"""Seconds that a pod may take to look whether it reaches something, its image's pull included."""

_UNKNOWN = "(known when KubeSphere stands on the host)"
"""The proxy address in the plan of a first run."""

_SETTLING = 3.0  # seconds until tower has surely drawn a new Cluster's ports for the last time
_SETTLING_LOOK = 0.3

_PORTS = ("kubernetesAPIServerPort", "kubesphereAPIServerPort")


@dataclass(frozen=True)
class AgentOptions:
    """What a user says of an agent connection.

    Attributes:
        proxy_address: URL of the host's tower for this member, in place of the address in force.
        settings: what he says of the agent's Deployment.
        manifest_source: ``collection`` makes the agent's manifest here; ``ks_apiserver`` has the host give it out.
        address_follows: whether the run finds or sets the address before it comes to the member: a plan may be without.
        hand_over: takes the agent's manifest where the play cannot reach the member, and whether an agent is connected
            already; says where the manifest is then, empty where nobody needs it.
    """

    proxy_address: str | None = None
    settings: agent.Settings = field(default_factory=agent.Settings)
    manifest_source: str = "collection"
    address_follows: bool = False
    hand_over: Callable[[Object, bool], str] | None = None


class Agent:
    """What is of the agent connection alone in an import; the rest is :mod:`member`'s."""

    name = "agent"
    field = "proxy"  # of spec.connection.type
    conditions = ("AgentAvailable", "Federated", "Ready")
    # Were it the controller that adds its finalizer to the new Cluster, tower would overwrite that, see the Cluster of
    # before once more, and draw other ports (tower v0.2.1 pkg/proxy/proxy.go L374-513; seen with both programs). An
    # agent that has come meanwhile is served on the former ones, which nobody calls.
    finalizers = (FINALIZER,)

    def __init__(
        self,
        host: Session,
        member: Session | None,
        cluster_name: str,
        options: AgentOptions,
        config: KubeSphereConfig | None,
    ) -> None:
        """Look at what the host says of agents.

        Args:
            host: the fleet's host.
            member: the member; None where the play cannot reach it.
            cluster_name: name of its Cluster.
            options: what the user says.
            config: the host's kubesphere-config; None if it has none yet, in a plan.
        """
        self.host = host
        self.member = member
        self.cluster_name = cluster_name
        self.options = options
        self.config = config
        self.address = ""
        self.bad_address: BadAddress | None = None
        self.image = releases.find(releases.DEFAULT_RELEASE).agent_image
        self.handed_over = ""
        self._token = Secret(secrets.token_hex(32))  # tower's own generator can be predicted, and it keeps a given one
        self._since = ""
        self._restart = False
        self._called_again = False
        self._standing: Object | None = None
        self._evidence: reachability.Evidence | None = None
        if config is not None:
            found = options.proxy_address or proxy_address.in_force(host, config).address
            try:
                self.address = address.for_agent(found) if found else ""
            except BadAddress as error:
                self.bad_address = BadAddress(error.message, host.cluster, "Set kubesphere_proxy_address.")
            self.image = config.agent_image or self.image
        for session in filter(None, (host, member)):
            for secret in options.settings.secrets():
                session.redactor.add(secret)

    @property
    def address_follows(self) -> bool:
        """Whether this is a plan that is without the address, which the run will have."""
        return self.options.address_follows and self.host.planning and not (self.address or self.bad_address)

    def check(self, live: Object | None) -> list[str]:  # noqa: ARG002
        """Refuse what cannot come to a connection, before anything is written.

        Returns:
            Warnings.
        """
        if self.config is None:
            text = "the host's proxy address is not known before KubeSphere is installed there."
            return [NotYetKnown(f"{self.cluster_name}: {text}")]
        if self.bad_address:
            raise self.bad_address
        if not self.address and not self.address_follows:
            raise Refused(
                "there is no proxy address that an agent could call: neither proxyPublishAddress is set nor has the "
                f"Service {NAMESPACE}/{TOWER} an address",
                self.host.cluster,
                "Run the playbook kubesphere.multicluster.proxy; set kubesphere_proxy_address if you know the address.",
            )
        if self.member is not None:
            self._standing = agent.find(self.member)
            if self._standing is None:
                self._check_service_account(self.member)
            else:
                self._check_other(self._standing)
        if self.address_follows:
            text = "the host's proxy address is known after the run, which finds or sets it first."
            return [NotYetKnown(f"{self.cluster_name}: {text}")]
        if self.member is None:
            return []
        if self._standing is None or agent.proxy_address_of(self._standing) != self.address:
            return self._check_reached()
        return []

    def _check_service_account(self, member: Session) -> None:
        if member.find(SERVICE_ACCOUNT, agent.SERVICE_ACCOUNT, NAMESPACE) is None and not member.planning:
            raise Refused(
                f"it has no ServiceAccount {NAMESPACE}/{agent.SERVICE_ACCOUNT}, with whose rights the agent works",
                member.cluster,
                "KubeSphere's installation makes it: run the playbook kubesphere.multicluster.install.",
            )

    def _check_other(self, standing: Object) -> None:
        name = agent.belongs_to(standing)
        if name and name != self.cluster_name:
            raise Refused(
                f"it runs the agent of Cluster {name} already, which calls {agent.proxy_address_of(standing)}",
                self.cluster_name,
                f"Set kubesphere_cluster_name to {name}; or, if no host knows it by that name any more, delete "
                f"Deployment {NAMESPACE}/{agent.AGENT} there.",
            )

    def reached(self) -> reachability.Evidence:
        """Whether the member reaches tower; weak evidence in a plan, and of a member that the play does not reach.

        It is tried once: the pod for it costs seconds.
        """
        if self._evidence is None:
            if self.member is None:
                self._evidence = reachability.tower_from_here(self.address)
            else:
                settings = self.options.settings
                agents = agent.manifest(self.cluster_name, Secret(""), self.address, self.image, settings)
                self._evidence = reachability.tower_from_member(
                    self.member,
                    self.address,
                    settings.image_for(self.image),
                    like=agents["spec"]["template"]["spec"],
                    timeout=PROBE,
                )
        return self._evidence

    def _check_reached(self) -> list[str]:
        evidence = self.reached()
        if evidence.reached:
            return []
        text = f"{self.address} is not reached from {evidence.place}: {evidence.detail}"
        if evidence.weak:
            return [f"{self.cluster_name}: {text}. The member may reach it all the same."]
        raise Refused(
            f"its agent could not call the host: {text}",
            self.cluster_name,
            "Set kubesphere_proxy_address to an address of the Service kubesphere-system/tower that this member "
            "reaches, or let its network through.",
        )

    def prepare(self, live: Object | None, uid: str) -> list[str]:  # noqa: ARG002
        """Nothing has to be made before the Cluster."""
        return []

    # The Cluster

    def notes(self) -> dict[str, str]:
        """No annotations for the Cluster."""
        return {}

    def connection(self) -> dict[str, Any]:
        """``spec.connection`` of a new Cluster."""
        self._know(self._token)
        return {"type": self.field, "token": self._token.reveal()}

    def changes(self, live: Object) -> dict[str, Any]:
        """Nothing of ``spec.connection`` is the user's: the rest is tower's."""
        del live
        return {}

    def switched(self) -> dict[str, Any]:
        """The merge patch of ``spec.connection`` that turns a direct Cluster into one of the agent connection.

        Its kubeconfig stays until the agent has connected, when tower puts in its own.
        """
        return self.connection()

    # The way to the agent

    def establish(self, cluster: Object, timeout: float, progress: Progress, *, waits: bool) -> Object:
        """Wait until tower has initialised the Cluster, see that its ports are its own, and bring up the agent.

        Args:
            cluster: the Cluster as it was read or written last.
            timeout: seconds.
            progress: told what is going on.
            waits: whether the agent's rollout is waited for, too.

        Returns:
            The Cluster as it stands then.

        Raises:
            KubeError: it could not be done in time.
        """
        deadline = time.monotonic() + timeout
        if not self.host.planning:
            self._restart = _stuck(cluster)
            cluster = self._initialised(cluster, deadline, progress)
            cluster = self._with_own_ports(cluster, deadline, progress)
        token = Secret(str(connection_of(cluster).get("token") or ""))
        self._know(token)
        wanted = self.manifest(token)
        if self.member is None:
            if self.options.hand_over is not None:
                connected = not condition_problem(cluster, "AgentAvailable")
                self.handed_over = self.options.hand_over(wanted, connected)
            return cluster
        before, asked = len(self.member.journal), self.host.server_time
        standing = agent.ensure(self.member, self._standing, wanted, "connect it to the host")
        if self._restart and len(self.member.journal) == before:
            standing = rollout.restart(self.member, standing, "the host does not reach the member by its connection")
        # An agent whose pods stay does not connect anew.
        if any(_template(each.before) != _template(each.after) for each in self.member.journal[before:]):
            self._since = asked
        if waits and not self.member.planning and rollout.problem(standing):
            target = Target(DEPLOYMENT, agent.AGENT, NAMESPACE)
            left = max(1.0, deadline - time.monotonic())
            rollout.wait_until_rolled_out(self.member, target, timeout=left, progress=progress, start=standing)
        return cluster

    def manifest(self, token: Secret) -> Object:
        """The agent's Deployment, made here or by the host.

        Raises:
            KubeError: the host does not give it out.
        """
        settings = self.options.settings
        if self.options.manifest_source == "ks_apiserver" and self.config is not None and not self.host.planning:
            admin = jwt.admin_token(self.config.jwt_secret)
            text = ks_apiserver.agent_manifest(self.host, self.cluster_name, admin)
            return agent.with_proxy_address(agent.parse(text, settings, self.host.cluster), self.address)
        return agent.manifest(self.cluster_name, token, self.address or _UNKNOWN, self.image, settings)

    def _initialised(self, cluster: Object, deadline: float, progress: Progress) -> Object:
        def evaluate(item: Object | None) -> Outcome[Object]:
            if item is None:
                return Pending("somebody has deleted it", "Run this again.")
            problem = condition_problem(item, "Initialized")
            if not problem:
                return Done(item)
            cause = rollout.unavailable(self.host, NAMESPACE, (TOWER,))
            hint = f"Look at the log of the Deployment {NAMESPACE}/{TOWER} on the host."
            return Pending(f"{problem}{f'; {cause}' if cause else ''}", hint, 5.0)

        return wait(
            self.host,
            Target(CLUSTER, self.cluster_name),
            evaluate,
            goal="tower has initialised its Cluster",
            timeout=max(1.0, deadline - time.monotonic()),
            start=cluster,
            progress=progress,
            subject=self.cluster_name,
        )

    def _with_own_ports(self, cluster: Object, deadline: float, progress: Progress) -> Object:
        """Have the ports drawn anew while an agent could not connect by them.

        A Cluster whose condition Initialized is gone is initialised again.
        """
        if not any(condition_problem(cluster, kind) for kind in ("AgentAvailable", "Ready")):
            return cluster
        for tried in range(_TRIES + 1):
            cluster, problem = self._settled(cluster)
            problem = problem or self._shared_ports(cluster)
            if not problem:
                return cluster
            if tried == _TRIES:
                break
            progress(f"{self.cluster_name}: has its ports drawn anew: {problem}")
            # An agent that is connected keeps tower's listeners on the former ones.
            self._restart = self._restart or not condition_problem(cluster, "AgentAvailable")

            def forget(seen: Object, reason: str = problem) -> Object:
                return self.host.patch(seen, without_conditions(seen, "Initialized"), reason, guarded=True)

            cluster = self._initialised(retry_on_conflict(forget, cluster, self._read), deadline, progress)
        raise KubeError(
            f"tower drew ports for Cluster {self.cluster_name} {_TRIES + 1} times, and still {problem}",
            self.host.cluster,
            "Run this again.",
        )

    def _settled(self, cluster: Object) -> tuple[Object, str]:
        """The Cluster once its Service leads to its ports; and the problem where it does not.

        Where somebody else writes the new Cluster at the same time, tower draws twice, and may leave one pair of ports
        in the Cluster and the other in the Service (v0.2.1 pkg/proxy/proxy.go L480-510). Most of the time that passes.
        """

        def evaluate(item: Object | None) -> Outcome[Object]:
            service = self.host.find(SERVICE, mc_service(self.cluster_name), NAMESPACE)
            targets = {each.get("targetPort") for each in ((service or {}).get("spec") or {}).get("ports") or []}
            if item is not None and (not targets or targets == ports(item)):
                return Done(item)
            return Pending("its Service leads to other ports", retry_in=_SETTLING_LOOK)

        target = Target(CLUSTER, self.cluster_name)
        try:
            return wait(self.host, target, evaluate, goal="its ports are drawn", timeout=_SETTLING, start=cluster), ""
        except WaitTimeout:
            return self._read(), "its Service leads to other ports"

    def _shared_ports(self, cluster: Object) -> str:
        """Which other Clusters have the same ports; empty if none has.

        tower compares with the wrong field and never finds out (v0.2.1 pkg/proxy/proxy.go L603-605).
        """
        own = ports(cluster)
        others = [
            other["metadata"]["name"]
            for other in self.host.list(CLUSTER).items
            if other["metadata"]["name"] != self.cluster_name and own & ports(other)
        ]
        return f"{', '.join(others)} has the same ports" if others else ""

    def _read(self) -> Object:
        return self.host.get(CLUSTER, self.cluster_name)

    # The end

    def since(self) -> str:
        """Time after which conditions have to be written: the agent was started anew then."""
        return self._since

    def trouble(self) -> str:
        """Why the agent does not connect, in its own words where it can be asked."""
        if self.member is None:
            return f"apply {self.handed_over} on the member" if self.handed_over else ""
        try:
            standing = agent.find(self.member)
            if standing is None:
                return f"the member has no Deployment {NAMESPACE}/{agent.AGENT}"
            return agent.trouble(self.member, standing) or self._call_again(self.member, standing)
        except KubeError as error:
            return str(error)

    def _call_again(self, member: Session, standing: Object) -> str:
        """Restart, once, an agent that has connected while tower could not write that down.

        tower tries again after a conflict only (v0.2.1 pkg/proxy/proxy.go L255), so that an API server that was away at
        that moment never learns of the agent; seen with both programs.
        """
        if self._called_again or agent.running_for(member, standing) < agent.RECENT:
            return ""
        self._called_again = True
        rollout.restart(member, standing, "it says that it is connected, and its Cluster does not")
        return "the agent was restarted, to connect anew"

    def _know(self, token: Secret) -> None:
        for session in filter(None, (self.host, self.member)):
            session.redactor.add(token)


def manifest_of(host: Session, cluster_name: str, options: AgentOptions) -> Object:
    """The Deployment of the agent of a member that is imported, or is waiting for it.

    Args:
        host: the fleet's host.
        cluster_name: name of the member's Cluster.
        options: what the user says of the agent.

    Raises:
        Refused: there is no such Cluster, or it has no agent connection.
        KubeError: a request failed.
    """
    cluster = host.find(CLUSTER, cluster_name)
    connection = connection_of(cluster)
    if cluster is None or connection.get("type") != Agent.field or not connection.get("token"):
        raise Refused(
            f"there is no Cluster {cluster_name} with an agent connection that tower has initialised",
            host.cluster,
            f"Import it first: kubesphere_connection: agent for {cluster_name}.",
        )
    token = Secret(str(connection["token"]))
    host.redactor.add(token)
    config = kubesphere_config.read(host)
    if config is None:
        raise Refused("KubeSphere is not installed here", host.cluster, "Install it first: playbook install.")
    agent_connection = Agent(host, None, cluster_name, options, config)
    agent_connection.check(cluster)
    return agent_connection.manifest(token)


def without_conditions(cluster: Object, *kinds: str) -> dict[str, Any]:
    """The merge patch that takes conditions from a Cluster; a list can only be written whole."""
    conditions = (cluster.get("status") or {}).get("conditions") or []
    return {"status": {"conditions": [each for each in conditions if each.get("type") not in kinds]}}


def _template(deployment: Object | None) -> Any:
    return ((deployment or {}).get("spec") or {}).get("template")


def _stuck(cluster: Object) -> bool:
    """Whether an agent is connected, and the host does not get through to it all the same."""
    federated = condition(cluster, "Federated")
    return (
        not condition_problem(cluster, "AgentAvailable")
        and federated.get("status") == "False"
        and bool(reachability.NOT_CONNECTED.search(federated.get("reason") or ""))
    )


def ports(cluster: Object) -> set[int]:
    """The ports that tower listens on for a Cluster; none for one of another connection."""
    connection = connection_of(cluster)
    if connection.get("type") != Agent.field:
        return set()
    return {int(connection[name]) for name in _PORTS if connection.get(name)}
