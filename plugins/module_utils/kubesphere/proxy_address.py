# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address at which agents call the host's tower: found, or set where it lasts (private to the collection)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..kube import pods, rollout
from ..kube.errors import Invalid, KubeError, WaitTimeout
from ..kube.merge import plain_copy
from ..kube.resources import CONFIG_MAP, DEPLOYMENT, EVENT, NODE, POD, SERVICE, Object
from ..kube.session import Session, retry_on_conflict
from ..kube.wait import Done, Outcome, Pending, Progress, Target, silent, wait
from . import (
    agent,
    installation,
    installed,
    jwt,
    ks_apiserver,
    kubesphere_config,
    network_policy,
    reachability,
    releases,
    result,
)
from .address import BadAddress, for_agent, of, problems, same, shown
from .conditions import condition_problem
from .installed import InstallationFailed, Installed
from .kubesphere_config import KubeSphereConfig
from .names import CHANGED_AT, CLUSTER, CLUSTER_CONFIGURATION, CONFIG, INSTALLER, NAMESPACE, TOWER, connection_of
from .refusals import Refused
from .result import NotYetKnown, Result

__all__ = [
    "SOURCES",
    "STORES",
    "BadAddress",
    "Candidate",
    "InForce",
    "Offer",
    "Wanted",
    "ensure",
    "for_agent",
    "in_force",
    "look",
    "problems",
]

SOURCES = ("auto", "ingress", "node_port", "external_ip")
STORES = ("cluster_configuration", "config_map")

_HIGHEST_PORT = 65535
_KS_APISERVER = "ks-apiserver"
_LOOK = 5.0  # seconds between looks at the Service's events
_RELOAD = 5.0  # seconds in which ks-apiserver may take up a change by itself before it is restarted
_RELOAD_LOOK = 0.5
_RESTARTED = 300.0  # seconds until ks-apiserver has to be back
_SILENCE = "nobody has said anything of it: is there a load balancer controller"
_HINT = (
    "Set kubesphere_proxy_address to an address at which the members reach it, or kubesphere_proxy_source to node_port."
)


@dataclass(frozen=True)
class InForce:
    """The address that KubeSphere gives to agents.

    Attributes:
        address: as it stands; empty if there is none. ks-apiserver takes what it finds, so it may be one that no agent
            can call: an IPv6 address of a load balancer gets no brackets.
        source: ``proxyPublishAddress``, ``ingress`` or ``none``.
    """

    address: str
    source: str


@dataclass(frozen=True)
class Candidate:
    """An address that the Service offers.

    Attributes:
        address: as an agent is to get it.
        source: ``ingress``, ``external_ip`` or ``node_port``.
    """

    address: str
    source: str


@dataclass(frozen=True)
class Offer:
    """What tower's Service offers.

    Attributes:
        service_type: ``LoadBalancer``, ``NodePort`` or ``ClusterIP``.
        port: its first port, the one that counts.
        node_port: the node port of that; None if it has none.
        ingress: hosts that a load balancer gave, in its order.
        pending: whether a load balancer has yet to give one.
        external_ips: its external IPs.
        node_addresses: addresses of the nodes that lead to it, external ones first.
        candidates: the addresses that follow from all of that.
        events: the last thing that was said of the Service, while it is pending.
    """

    service_type: str
    port: int
    node_port: int | None = None
    ingress: tuple[str, ...] = ()
    pending: bool = False
    external_ips: tuple[str, ...] = ()
    node_addresses: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    events: str = ""

    def of(self, source: str) -> list[str]:
        """The addresses from one source."""
        return [each.address for each in self.candidates if each.source == source]


@dataclass(frozen=True)
class Wanted:
    """What a user wants of the proxy address.

    Attributes:
        address: the address; empty leaves it to ``source``.
        source: where it comes from otherwise: ``auto`` keeps what is in force, the others are taken from the Service.
        node_port: the node port that the Service is to have; None leaves it alone.
        store: where it is set: in the ``cluster_configuration``, where it lasts, or in the ``config_map``.
        required: whether it is an error that there is none. Where it is not, a Service that has been pending for longer
            than the timeout is not waited for any more.
        network_policy: whether a NetworkPolicy of ours is to guard tower's ports; None leaves it alone.
        managed: whether it is ours to set. If not, nothing is written: if it is required, it is waited for until
            somebody has set it, and whatever is in force is the address.
    """

    address: str = ""
    source: str = "auto"
    node_port: int | None = None
    store: str = "cluster_configuration"
    required: bool = True
    network_policy: bool | None = None
    managed: bool = True


def in_force(host: Session, config: KubeSphereConfig) -> InForce:
    """The address that ks-apiserver gives out, as it derives it itself.

    Raises:
        KubeError: the Service cannot be read.
    """
    # ks-installer always writes proxyPublishService: tower.kubesphere-system.svc (v3.4.1
    # roles/ks-core/config/templates/kubesphere-config.yaml.j2).
    return _in_force(config, None if config.proxy_publish_address else host.find(SERVICE, TOWER, NAMESPACE))


def _in_force(config: KubeSphereConfig, service: Object | None) -> InForce:
    if config.proxy_publish_address:
        return InForce(config.proxy_publish_address, "proxyPublishAddress")
    address = ingress_address(service) if service else ""
    return InForce(address, "ingress" if address else "none")


def ingress_address(service: Object) -> str:
    """What ks-apiserver makes of a load balancer; empty while there is none.

    Always http and the first port, never a nodePort; the last ingress wins, in it the IP over the hostname, and nothing
    gets brackets (kubesphere v3.4.1 pkg/kapis/cluster/v1alpha1/handler.go L133-178).
    """
    ports, hosts = _ports(service), _ingress(service)
    return f"http://{hosts[-1]}:{ports[0]['port']}" if hosts and ports else ""


def look(host: Session) -> Offer:
    """What tower's Service offers; writes nothing.

    Raises:
        Refused: there is no such Service, or it has no port.
        KubeError: something cannot be read.
    """
    return _offer(host, _service(host))


def ensure(host: Session, wanted: Wanted, *, wait_timeout: float, progress: Progress = silent) -> Result:
    """Find the address, or set it; then see that ks-apiserver has it.

    Args:
        host: the fleet's host.
        wanted: what the user wants.
        wait_timeout: seconds for each of: a load balancer's address, a run of ks-installer.
        progress: told what is going on.

    Returns:
        ``data`` has ``address`` (as an agent is to get it), ``source``, ``service_type``, ``pending``, ``candidates``,
        ``published`` (whether it is the ``proxyPublishAddress``), ``restarted`` (ks-apiserver), ``reached`` from where
        the play runs (None if that was not tried) and ``reached_detail``.

    Raises:
        BadAddress: an agent could not call the address.
        Refused: there is no address that could be taken, or it cannot be set where it should.
        KubeError: a request or a wait failed.
    """
    return _ProxyAddress(host, wanted, wait_timeout, progress).run()


class _ProxyAddress:
    """One call of :func:`ensure`."""

    def __init__(self, host: Session, wanted: Wanted, wait_timeout: float, progress: Progress) -> None:
        self.host = host
        self.wanted = wanted
        self.wait_timeout = wait_timeout
        self.progress = progress
        self.warnings: list[str] = []
        self._set_now = False
        self._offered: tuple[Object, Offer] | None = None

    def run(self) -> Result:
        if not self.wanted.managed:
            return self._of_others()
        if self.wanted.address:
            for_agent(self.wanted.address)  # refused before anything is written
        config = kubesphere_config.read(self.host)
        standing = installed.read(self.host)
        if config is None:
            return self._not_installed()
        self._refuse_other_role(config, standing)
        self._guard()
        service = self._with_node_port(_service(self.host))
        current = _in_force(config, service)
        address, source, service = self._choose(current, service)
        if not address:
            return self._result(self._offer(service), "", source, current.source)
        current = _in_force(config, service)  # a load balancer may have been waited for
        if self._is_to_be_set(address, source, current, standing):
            self._publish(address, standing)
            self._set_now, current = True, InForce(address, "proxyPublishAddress")
        elif standing and current.source == "proxyPublishAddress":
            self._warn_of_loss(address, standing)
        address = for_agent(address)
        restarted = self._load(address, config.jwt_secret, standing, current.source != "ingress")
        evidence = None if self.host.planning and self.host.journal else self._try(address)
        return self._result(self._offer(service), address, source, current.source, restarted=restarted, seen=evidence)

    def _try(self, address: str) -> reachability.Evidence:
        evidence = reachability.tower_from_here(address)
        if not evidence.reached:
            self.warnings.append(
                f"{self.host.cluster}: {evidence.detail}, tried from {evidence.place}. The members may reach it all "
                "the same."
            )
        return evidence

    def _offer(self, service: Object) -> Offer:
        if self._offered is None or self._offered[0] is not service:
            self._offered = (service, _offer(self.host, service))
        return self._offered[1]

    def _result(
        self,
        offer: Offer | None,
        address: str,
        source: str,
        set_by: str,
        *,
        restarted: bool = False,
        seen: reachability.Evidence | None = None,
    ) -> Result:
        candidates = [{"address": each.address, "source": each.source} for each in offer.candidates] if offer else []
        return result.of(
            [self.host],
            self.warnings,
            address=address or None,
            source=source,
            service_type=offer.service_type if offer else None,
            pending=bool(offer and offer.pending),
            candidates=candidates,
            published=set_by == "proxyPublishAddress",
            restarted=restarted,
            reached=seen.reached if seen else None,
            reached_detail=seen.detail if seen else None,
        )

    # Set by others

    def _of_others(self) -> Result:
        """The address that is in force, once somebody has seen to it."""

        def evaluate(_config: Object | None) -> Outcome[InForce]:
            config = kubesphere_config.read(self.host)
            found = in_force(self.host, config) if config else InForce("", "none")
            if found.address or not self.wanted.required or self.host.planning:
                return Done(found)
            return Pending("neither a load balancer nor the run that has the host has given it one", _HINT, _LOOK)

        goal = "the host has a proxy address"
        target = Target(CONFIG_MAP, CONFIG, NAMESPACE)
        found = wait(self.host, target, evaluate, goal=goal, timeout=self.wait_timeout, progress=self.progress)
        if found.address:
            self._refuse_undiallable(found.address)
        address = for_agent(found.address) if found.address else ""
        return self._result(None, address, found.source if address else self.wanted.source, found.source)

    # Before

    def _not_installed(self) -> Result:
        if not self.host.planning:
            raise Refused("KubeSphere is not installed here", self.host.cluster, "Install it first: playbook install.")
        text = f"{self.host.cluster}: KubeSphere is not installed yet; the run will find the proxy address."
        self.warnings.append(NotYetKnown(text))
        self._guard()
        address = for_agent(self.wanted.address) if self.wanted.address else ""
        return self._result(None, address, "given" if address else self.wanted.source, "none")

    def _refuse_other_role(self, config: KubeSphereConfig, standing: Installed | None) -> None:
        # Up to 3.2 kubesphere-config tells no role; then the ClusterConfiguration does.
        role = config.cluster_role or (standing.cluster_role if standing else "none")
        if role != "host":
            raise Refused(
                f"KubeSphere runs here as {role}; only a host has a proxy address",
                self.host.cluster,
                "Give the fleet's host, or install this cluster as host.",
            )

    def _guard(self) -> None:
        if self.wanted.network_policy is not None:
            network_policy.ensure(self.host, self.wanted.network_policy)

    # The Service

    def _with_node_port(self, service: Object) -> Object:
        """Give the Service the node port that is asked for; ks-installer may have applied its own again."""
        port = self.wanted.node_port
        if port is None:
            return service
        if not 0 < port <= _HIGHEST_PORT:
            raise Refused(f"{port} is no port", self.host.cluster, "Set kubesphere_proxy_node_port to 30000-32767.")

        def change(now: Object) -> Object:
            ports = plain_copy(_ports(now))
            if ports[0].get("nodePort") == port and now["spec"].get("type") != "ClusterIP":
                return now
            self._refuse_taken(port)
            ports[0]["nodePort"] = port
            changes: dict[str, Any] = {"ports": ports}
            if now["spec"].get("type", "ClusterIP") == "ClusterIP":
                changes["type"] = "NodePort"
            return self.host.patch(now, {"spec": changes}, f"its node port is to be {port}", guarded=True)

        try:
            return retry_on_conflict(change, service, lambda: _service(self.host))
        except Invalid as error:
            raise self._refused_port(port, error) from None

    def _refuse_taken(self, port: int) -> None:
        for service in self.host.list(SERVICE).items:
            name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
            taken = {each.get("nodePort") for each in _ports(service)}
            taken.add((service.get("spec") or {}).get("healthCheckNodePort"))
            if port in taken and (name, namespace) != (TOWER, NAMESPACE):
                raise Refused(
                    f"node port {port} is taken by Service {namespace}/{name}",
                    self.host.cluster,
                    "Set kubesphere_proxy_node_port to another one.",
                )

    def _refused_port(self, port: int, error: KubeError) -> KubeError:
        detail = getattr(error, "detail", "") or error.message
        if "valid range" in detail:
            told = f"node port {port} is outside of the range that this cluster gives out: {detail}"
        elif "already allocated" in detail:
            told = f"node port {port} is taken already: {detail}"
        else:
            return error
        return Refused(told, self.host.cluster, "Set kubesphere_proxy_node_port to another one.")

    # The address

    def _choose(self, current: InForce, service: Object) -> tuple[str, str, Object]:
        """The address that is to be in force, where it comes from, and the Service as it was read last."""
        if self.wanted.address:
            return for_agent(self.wanted.address), "given", service
        source = self.wanted.source
        if source == "auto" and current.source == "proxyPublishAddress":
            self._refuse_undiallable(current.address)
            return current.address, current.source, service
        if source in ("auto", "ingress"):
            try:
                service = self._with_ingress(service)
            except (Refused, WaitTimeout) as error:
                if self.wanted.required:
                    raise
                self.warnings.append(f"{self.host.cluster}: {error.message}. {error.hint}")
            if not _ingress(service):
                return "", source, service
            # ks-apiserver puts no brackets around an IPv6 address; with them, it is another that has to be published.
            return of(_ingress(service)[-1], int(_ports(service)[0]["port"])), "ingress", service
        offered = self._offer(service).of(source)
        if not offered:
            raise Refused(self._nothing_offered(service, source), self.host.cluster, _HINT)
        kept = next((each for each in offered if same(each, current.address)), "")
        return kept or offered[0], source, service

    def _refuse_undiallable(self, address: str) -> None:
        found = problems(address)
        if found:
            raise BadAddress(
                f"an agent cannot call the address that is in force, {shown(address)!r}: {'; '.join(found)}",
                self.host.cluster,
                "Set kubesphere_proxy_address to one that it can.",
            )

    def _nothing_offered(self, service: Object, source: str) -> str:
        title = f"Service {NAMESPACE}/{TOWER}"
        if source == "external_ip":
            return f"{title} has no external IP"
        if not _ports(service)[0].get("nodePort"):
            return f"{title} has no node port: it is of type {service['spec'].get('type', 'ClusterIP')}"
        return f"no node that is Ready leads to {title}"

    def _with_ingress(self, service: Object) -> Object:
        """The Service once a load balancer has given it an address."""
        if _ingress(service):
            return service
        kind = service["spec"].get("type", "ClusterIP")
        title = f"Service {NAMESPACE}/{TOWER}"
        if kind != "LoadBalancer":
            raise Refused(
                f"there is no proxy address: {title} is of type {kind}, so no load balancer will give it one",
                self.host.cluster,
                _HINT,
            )
        if self.host.planning:
            told = _events(self.host, service)
            self.warnings.append(
                NotYetKnown(
                    f"{self.host.cluster}: {title} waits for its load balancer{f' ({told})' if told else ''}; the run "
                    "will wait for it too."
                )
            )
            return service

        timeout = self.wait_timeout if self.wanted.required else self._left_to_wait(service)
        if timeout <= 0:
            since = service["metadata"].get("creationTimestamp")
            told = f"its EXTERNAL-IP is pending since {since}; {_events(self.host, service) or _SILENCE}"
            raise Refused(f"there is no proxy address: {title} is of type {kind}, and {told}", self.host.cluster, _HINT)

        def evaluate(now: Object | None) -> Outcome[Object]:
            if now is None:
                return Pending(f"{title} does not exist", _HINT, _LOOK)
            if _ingress(now):
                return Done(now)
            return Pending(f"its EXTERNAL-IP is pending; {_events(self.host, now) or _SILENCE}", _HINT, _LOOK)

        return wait(
            self.host,
            Target(SERVICE, TOWER, NAMESPACE),
            evaluate,
            goal=f"{title} has an address of its load balancer",
            timeout=timeout,
            start=service,
            progress=self.progress,
        )

    def _left_to_wait(self, service: Object) -> float:
        """What is left of the timeout, counted from the making of the Service."""
        made = rollout.parse_time(str(service["metadata"].get("creationTimestamp") or ""))
        now = rollout.parse_time(self.host.server_time)
        waited = (now - made).total_seconds() if made and now else 0.0
        return max(0.0, self.wait_timeout - max(0.0, waited))

    # Setting it

    def _is_to_be_set(self, address: str, source: str, current: InForce, standing: Installed | None) -> bool:
        if not same(current.address, address):
            return True
        # What is kept, and what a load balancer gives, needs no write; what is asked for has to last.
        asked_for = current.source == "proxyPublishAddress" and source != "proxyPublishAddress"
        lasts = standing is None or same(_lasting(standing), address)
        return asked_for and self.wanted.store == "cluster_configuration" and not lasts

    def _publish(self, address: str, standing: Installed | None) -> None:
        if self.wanted.store == "config_map":
            self._edit_config_map(address)
            if standing:
                self._warn_of_loss(address, standing)
            return
        found = standing if standing and self.host.find(DEPLOYMENT, INSTALLER, NAMESPACE) else None
        if found is None:
            missing = f"Deployment {INSTALLER}" if standing else "ClusterConfiguration"
            raise Refused(
                f"proxyPublishAddress cannot be set to {address}: there is no {missing} in {NAMESPACE}, so nobody "
                "would carry it into kubesphere-config",
                self.host.cluster,
                "Bring it back by the playbook kubesphere.multicluster.install, or set kubesphere_proxy_store to "
                "config_map.",
            )
        written = _lasting(found)
        target = installation.Wanted(
            release=found.release,
            cluster_role="host",
            # What means the same stays as it is written.
            configuration={"multicluster": {"proxyPublishAddress": written if same(written, address) else address}},
        )
        try:
            # What was begun has to end well first: mending it takes more than is known here, the registry for example.
            installation.await_installed(self.host, target, wait_timeout=self.wait_timeout, progress=self.progress)
        except InstallationFailed as error:
            error.hint = "Mend the cause, and run the playbook kubesphere.multicluster.install: it begins anew."
            raise
        installation.install(self.host, target, wait_timeout=self.wait_timeout, progress=self.progress)

    def _edit_config_map(self, address: str) -> None:
        def change(now: Object) -> Object:
            text = kubesphere_config.with_proxy_address(self.host, now, address)
            note = {CHANGED_AT: self.host.server_time or None}
            changes = {"metadata": {"annotations": note}, "data": text}
            return self.host.patch(now, changes, f"set multicluster.proxyPublishAddress to {address}", guarded=True)

        def read() -> Object:
            return self.host.get(CONFIG_MAP, CONFIG, NAMESPACE)

        retry_on_conflict(change, read(), read)

    def _warn_of_loss(self, address: str, standing: Installed) -> None:
        """Say so where the next run of ks-installer would set another address."""
        lasting = _lasting(standing)
        if not same(lasting, address):
            self.warnings.append(
                f"{self.host.cluster}: proxyPublishAddress is {address} in kubesphere-config, and "
                f"{shown(lasting) or 'not set'} in the ClusterConfiguration, which ks-installer will carry over it at "
                "its next run. Set kubesphere_proxy_address, with kubesphere_proxy_store: cluster_configuration, to "
                "make it last."
            )

    # What ks-apiserver has loaded

    def _load(self, address: str, secret: Any, standing: Installed | None, published: bool) -> bool:
        """Restart ks-apiserver if it would give out another address; whether it was, or would be."""
        release = releases.RELEASES.get(standing.release if standing else "")
        reloads = bool(release and release.hot_reload)
        reason = ""
        member = self._agent_member()
        if self.host.planning and self._set_now:
            # What it will have taken up by itself then cannot be known now.
            if self.wanted.store == "config_map" and not reloads:
                reason = "kubesphere-config is changed, which this release reads at its start only"
        elif member:
            token = jwt.admin_token(secret)
            loaded = self._loaded(member, token, address, _RELOAD if reloads and self._set_now else 0.0)
            if loaded is not None and not same(loaded, address):
                reason = f"it gives out {loaded or 'no proxy address'}, not {address}"
        elif published and not reloads:
            reason = self._started_before_change()
        if not reason:
            return False
        deployment = self.host.get(DEPLOYMENT, _KS_APISERVER, NAMESPACE)
        restarted = rollout.restart(self.host, deployment, reason)
        target = Target(DEPLOYMENT, _KS_APISERVER, NAMESPACE)
        rollout.wait_until_rolled_out(self.host, target, timeout=_RESTARTED, start=restarted, progress=self.progress)
        return True

    def _agent_member(self) -> str:
        """Name of a Cluster whose agent's manifest can be asked for; empty if there is none."""
        for cluster in self.host.list(CLUSTER, missing_ok=True).items:
            connection = connection_of(cluster)
            if connection.get("type") == "proxy" and not condition_problem(cluster, "Initialized"):
                return str(cluster["metadata"]["name"])
        return ""

    def _loaded(self, member: str, token: Any, address: str, patience: float) -> str | None:
        """The address that ks-apiserver gives out; None if it does not say.

        Args:
            member: a Cluster connected by agent.
            token: the host's admin token.
            address: the one that it should give out.
            patience: seconds in which it may come to that by itself.
        """
        last: list[str] = []

        def evaluate(_item: Object | None) -> Outcome[str]:
            loaded = _given_out(self.host, member, token)
            last[:] = [loaded]
            return Done(loaded) if same(loaded, address) else Pending("not yet", retry_in=_RELOAD_LOOK)

        try:
            wait(
                self.host,
                Target(DEPLOYMENT, _KS_APISERVER, NAMESPACE),
                evaluate,
                goal="ks-apiserver has taken up the proxy address",
                timeout=patience,
                start={},
            )
        except KubeError as error:
            if not last:
                self.warnings.append(
                    f"{self.host.cluster}: ks-apiserver does not say which proxy address it gives out: {error.message}"
                )
                return None
        return last[0]

    def _started_before_change(self) -> str:
        """Why a ks-apiserver that reads its configuration at its start only has not read this one; empty if it has."""
        changed = max(
            str((each["metadata"].get("annotations") or {}).get(CHANGED_AT) or "")
            for each in (
                self.host.get(CONFIG_MAP, CONFIG, NAMESPACE),
                self.host.find(CLUSTER_CONFIGURATION, INSTALLER, NAMESPACE) or {"metadata": {}},
            )
        )
        deployment = self.host.get(DEPLOYMENT, _KS_APISERVER, NAMESPACE)
        started = [
            str(((each.get("state") or {}).get("running") or {}).get("startedAt") or "")
            for pod in self.host.list(POD, NAMESPACE, label_selector=pods.selector(deployment)).items
            for each in (pod.get("status") or {}).get("containerStatuses") or []
        ]
        oldest = min(filter(None, started), default="")
        if changed and oldest and oldest < changed:
            return f"it runs since {oldest}, and the proxy address was set at {changed}"
        return ""


def _given_out(host: Session, member: str, token: Any) -> str:
    """The address in the manifest that ks-apiserver makes; empty if it knows none."""
    try:
        text = ks_apiserver.agent_manifest(host, member, token)
    except KubeError as error:
        # "… because tower.kubesphere-system.svc service has no public address, …": handler.go L170-173.
        if "has no public address" in (error.detail or error.message):
            return ""
        raise
    return agent.proxy_address_of(agent.parse(text, agent.Settings(), host.cluster))


def _lasting(standing: Installed) -> str:
    """The address that a run of ks-installer writes into kubesphere-config."""
    return str(standing.multicluster.get("proxyPublishAddress") or "")


# The Service


def _service(host: Session) -> Object:
    service = host.find(SERVICE, TOWER, NAMESPACE)
    if service is None or not _ports(service):
        what = "does not exist" if service is None else "has no port"
        raise Refused(
            f"Service {NAMESPACE}/{TOWER} {what}, which ks-installer makes on a host",
            host.cluster,
            "Run the playbook kubesphere.multicluster.install, and look whether the component multicluster is enabled.",
        )
    return service


def _ports(service: Object) -> list[dict[str, Any]]:
    return (service.get("spec") or {}).get("ports") or []


def _ingress(service: Object) -> list[str]:
    found = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    return [str(each.get("ip") or each["hostname"]) for each in found if each.get("ip") or each.get("hostname")]


def _offer(host: Session, service: Object) -> Offer:
    spec, first = service["spec"], _ports(service)[0]
    kind = str(spec.get("type") or "ClusterIP")
    port, node_port = int(first["port"]), int(first["nodePort"]) if first.get("nodePort") else None
    ingress = _ingress(service)
    external = [str(each) for each in spec.get("externalIPs") or []]
    nodes = _node_addresses(host, service) if node_port else []
    pending = kind == "LoadBalancer" and not ingress
    # The last ingress counts, so it is the first candidate.
    candidates = [Candidate(of(each, port), "ingress") for each in reversed(ingress)]
    candidates += [Candidate(of(each, port), "external_ip") for each in external]
    candidates += [Candidate(of(each, node_port), "node_port") for each in nodes if node_port]
    return Offer(
        service_type=kind,
        port=port,
        node_port=node_port,
        ingress=tuple(ingress),
        pending=pending,
        external_ips=tuple(external),
        node_addresses=tuple(nodes),
        candidates=tuple(candidates),
        events=_events(host, service) if pending else "",
    )


def _node_addresses(host: Session, service: Object) -> list[str]:
    """Addresses of the nodes that lead to the Service: external ones first, then in the order of the nodes' names."""
    nodes = {node["metadata"]["name"]: node for node in host.list(NODE).items if _ready(node)}
    if service["spec"].get("externalTrafficPolicy") == "Local":
        # Then only a node on which tower itself runs takes anything.
        selector = ",".join(f"{key}={value}" for key, value in sorted((service["spec"].get("selector") or {}).items()))
        on_nodes = host.list(POD, NAMESPACE, label_selector=selector).items
        running = {str((pod.get("spec") or {}).get("nodeName")) for pod in on_nodes if _ready(pod)}
        nodes = {name: node for name, node in nodes.items() if name in running}
    return [
        address for kind in ("ExternalIP", "InternalIP") for name in sorted(nodes) for address in _of(nodes[name], kind)
    ]


def _of(node: Object, kind: str) -> Sequence[str]:
    addresses = (node.get("status") or {}).get("addresses") or []
    return [str(each["address"]) for each in addresses if each.get("type") == kind and each.get("address")]


def _ready(item: Object) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or []
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _events(host: Session, service: Object) -> str:
    """The last event of each kind of the Service, the latest first; empty if there are none."""
    uid, latest = service["metadata"].get("uid"), {}
    listed = host.list(EVENT, NAMESPACE).items
    for event in sorted(listed, key=_time):
        if (event.get("involvedObject") or {}).get("uid") == uid:
            latest[event.get("reason")] = str(event.get("message") or "").strip().rstrip(".")
    told = [f"{reason}: {message}" for reason, message in reversed(latest.items())]
    return host.redactor.text("; ".join(told[:2]))


def _time(event: Object) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")
