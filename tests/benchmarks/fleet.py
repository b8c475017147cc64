"""The clusters that are measured on: a host and members of a sandbox, KubeSphere installed on all of them."""

from __future__ import annotations

import base64
import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.joins import Join, joins
from tests.benchmarks.watcher import Watcher
from tests.sandbox import audit
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import Object
from tests.sandbox.network import Network
from tests.sandbox.sandbox import Sandbox

CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"
_FEDERATED = "/apis/core.kubefed.io/v1beta1/namespaces/kube-federation-system/kubefedclusters"
_SYSTEM = "namespaces/kubesphere-system"
_SERVICES = f"/api/v1/{_SYSTEM}/services"
_PODS = f"/api/v1/{_SYSTEM}/pods"
_CONFIGURATION = f"/apis/installer.kubesphere.io/v1alpha1/{_SYSTEM}/clusterconfigurations/ks-installer"
_AGENT_NAME = "cluster-agent"
_AGENT = f"/apis/apps/v1/{_SYSTEM}/deployments/{_AGENT_NAME}"

DIRECT, AGENT = "direct", "agent"
CONNECTIONS = (DIRECT, AGENT)
"""How the members are connected, as the inventory says it."""

_READY = {DIRECT: ("Federated", "Ready"), AGENT: ("Initialized", "AgentAvailable", "Federated", "Ready")}
"""Conditions that an imported member has."""

_RESET_DEADLINE = 60.0
_POLL = 0.05

_OWN_REQUESTS = "sandbox"
"""Begin of the User-Agent of what the sandbox and the benchmark ask themselves."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_INVENTORY_VARIABLES = {
    "kubesphere_install_timeout": 300,
    "kubesphere_import_timeout": 300,
    "kubesphere_provider": "sandbox",
    "kubesphere_region": "eu-1",
    "kubesphere_group": "production",
}


class FleetError(Exception):
    """The fleet is not as it should be; the message says what was seen."""


@dataclass(frozen=True)
class Requests:
    """What a tool asked of API servers.

    Attributes:
        verbs: number of requests by verb.
        writes: number of those that write; refused ones count, dry runs and questions do not.
        listed: number of requests by verb, resource and answer, for a closer look.
    """

    verbs: dict[str, int]
    writes: int
    listed: dict[str, int]

    @classmethod
    def of(cls, events: Sequence[audit.Event]) -> Requests:
        """Count the events of audit logs."""
        return cls(
            verbs=_counted(event["verb"] for event in events),
            writes=audit.writes(events).total(),
            listed=_counted(
                f"{event['verb']} {audit.target(event)} {event.get('responseStatus', {}).get('code', '')}"
                for event in events
            ),
        )

    @property
    def total(self) -> int:
        """Number of all of them."""
        return sum(self.verbs.values())


class Fleet(ABC):
    """A host and its members, to be connected in one way.

    Attributes:
        host: the host.
        members: kubeconfigs of the members' administrators, by name.
        connection: how they are connected, of CONNECTIONS.
        inventory: inventory for Ansible, as a user of the collection writes it.
        table: the same for shell scripts: name, kubeconfig, region, group and provider, separated by tabs; where there
            is one.
        simulated: whether the members are simulated.
    """

    simulated = False

    def __init__(self, host: Cluster, members: Mapping[str, Path], connection: str, inventory: Path) -> None:
        """Describe the fleet of a running sandbox.

        Raises:
            FleetError: the sandbox is not up.
        """
        state = host.state.parent
        network = Network.find(str(state))
        if network is None:
            raise FleetError(f"no sandbox is up in {state}")
        self.host = host
        self.members = dict(members)
        self.connection = connection
        self.inventory = inventory
        self.table = inventory.with_name("members.tsv")
        self._machine = network.machine

    @abstractmethod
    def reset(self) -> None:
        """Take the members out of the host, however they are connected, and wait until nothing is left of that.

        Raises:
            FleetError: something still is after a while.
        """

    @abstractmethod
    def marks(self) -> dict[str, int]:
        """The end of every audit log now."""

    @abstractmethod
    def member_events(self, since: dict[str, int]) -> list[audit.Event]:
        """The requests to members that came from this machine after a mark, whatever program sent them."""

    def host_events(self, since: dict[str, int]) -> list[audit.Event]:
        """The same of requests to the host.

        What KubeSphere itself sends, the host's dispatcher on behalf of the tool included, comes from other addresses.
        """
        return self._logged(self.host, since)

    def versions(self) -> dict[str, str]:
        """Of KubeSphere and Kubernetes on the host."""
        core = self.host.api.get(_CONFIGURATION)["status"]["core"]
        return {"KubeSphere": str(core["version"]), "Kubernetes": str(self.host.api.get("/version")["gitVersion"])}

    def watcher(self) -> Watcher:
        """Sees when the host's Clusters get the conditions that an import waits for."""
        wanted = set(_READY[self.connection])
        return Watcher(self.host.api, CLUSTERS, lambda cluster: wanted <= _true_conditions(cluster))

    def joins(self, since: dict[str, int], seen: Mapping[str, float]) -> list[Join]:
        """The imports since a mark, of the members whose Clusters were seen with their conditions."""
        if not seen:
            return []
        self.host.audit_mark()  # waits until all is logged
        events = audit.read(self.host.audit_log, since[self.host.name])
        return joins(events, seen, lambda event: bool(self._from_machine([event])))

    def _logged(self, cluster: Cluster, since: dict[str, int]) -> list[audit.Event]:
        cluster.audit_mark()  # waits until all is logged
        return self._from_machine(audit.read(cluster.audit_log, since[cluster.name]))

    def _from_machine(self, events: Iterable[audit.Event]) -> list[audit.Event]:
        """One event per request; a watch that has not ended yet is one, too."""
        found = {
            event["auditID"]: event
            for event in events
            # The last address is the connection's; those before it are what proxies say.
            if event["sourceIPs"][-1] == self._machine and not event.get("userAgent", "").startswith(_OWN_REQUESTS)
        }
        return list(found.values())


class RealFleet(Fleet):
    """A fleet whose members are clusters."""

    def __init__(self, sandbox: Sandbox, folder: Path, connection: str = DIRECT, host: str = "host") -> None:
        """Describe the fleet that a running sandbox is, and write its inventory.

        For agents the host gets a load balancer, which gives tower an address.

        Args:
            sandbox: it; one cluster is the host, all others are members.
            folder: for the inventory.
            connection: how the members are to be connected.
            host: name of the host.

        Raises:
            FleetError: the sandbox is not up.
        """
        self._clusters = {name: cluster for name, cluster in sandbox.clusters.items() if name != host}
        members = {name: cluster.kubeconfig for name, cluster in self._clusters.items()}
        super().__init__(sandbox[host], members, connection, folder / "inventory.yml")
        folder.mkdir(parents=True, exist_ok=True)
        self._write_inventory()
        if connection == AGENT:
            _give_addresses(self.host)

    @property
    def clusters(self) -> list[Cluster]:
        """All clusters, the host first."""
        return [self.host, *self._clusters.values()]

    def reset(self) -> None:
        """Delete the members' Clusters, then their agents."""
        for name in self.members:
            self.host.api.delete(f"{CLUSTERS}/{name}")
        _until_gone(self._left_on_host)
        # Only now: a webhook of KubeSphere 3.4 lets no Cluster go whose member does not answer (kubesphere#6154).
        for member in self._clusters.values():
            member.api.delete(_AGENT)
        _until_gone(self._left_agents)

    def marks(self) -> dict[str, int]:
        """One for each cluster."""
        return {cluster.name: cluster.audit_mark() for cluster in self.clusters}

    def member_events(self, since: dict[str, int]) -> list[audit.Event]:
        """Those of all members' audit logs."""
        return [event for cluster in self._clusters.values() for event in self._logged(cluster, since)]

    def user_owned(self) -> dict[str, Object]:
        """What a user wants of each imported member, however a tool has put it: equal for tools that did the same.

        Raises:
            FleetError: a member is not imported, or not Ready.
        """
        clusters = {each["metadata"]["name"]: each for each in self.host.api.get(CLUSTERS)["items"]}
        return {name: self._user_owned(member, clusters.get(name)) for name, member in self._clusters.items()}

    def _left_on_host(self) -> list[str]:
        own = {*self.members, *(f"mc-{name}" for name in self.members)}
        paths = (CLUSTERS, _FEDERATED, _SERVICES)
        return [f"{path}/{name} on the host" for path in paths for name in _names(self.host, path) if name in own]

    def _left_agents(self) -> list[str]:
        """Pods of agents: they go some time after their Deployment."""
        return [
            f"{_PODS}/{name} on {member.name}"
            for member in self._clusters.values()
            for name in _names(member, _PODS)
            if name.startswith(f"{_AGENT_NAME}-")
        ]

    def _user_owned(self, member: Cluster, cluster: Object | None) -> Object:
        if cluster is None:
            raise FleetError(f"{member.name} is not imported")
        if missing := set(_READY[self.connection]) - _true_conditions(cluster):
            raise FleetError(f"{member.name} is imported, but not {', '.join(sorted(missing))}")
        metadata, spec = cluster["metadata"], cluster["spec"]
        annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key != _LAST_APPLIED}
        owned = {
            "labels": metadata.get("labels", {}),
            "annotations": annotations,
            "enable": spec.get("enable"),
            "joinFederation": spec.get("joinFederation"),
            "provider": spec.get("provider"),
            "connection": spec["connection"]["type"],
        }
        # The kubeconfig of a member with an agent is tower's, and another one after each import.
        return {**owned, **(_agent(member) if self.connection == AGENT else _credential(spec["connection"]))}

    def _write_inventory(self) -> None:
        content = {
            "kubesphere_host": _hosts({self.host.name: self.host.kubeconfig}),
            "kubesphere_members": {
                **_hosts(self.members),
                "vars": {**_INVENTORY_VARIABLES, "kubesphere_connection": self.connection},
            },
        }
        self.inventory.write_text(yaml.safe_dump(content, sort_keys=False))
        values = [_INVENTORY_VARIABLES[f"kubesphere_{key}"] for key in ("region", "group", "provider")]
        rows = [(name, kubeconfig, *values) for name, kubeconfig in self.members.items()]
        self.table.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))


def _counted(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs; the names in order."""
    return dict(sorted(Counter(names).items()))


def _hosts(kubeconfigs: Mapping[str, Path]) -> dict[str, Any]:
    return {"hosts": {name: {"kubesphere_kubeconfig": str(path)} for name, path in kubeconfigs.items()}}


def _true_conditions(cluster: Object) -> set[str]:
    listed = (cluster.get("status") or {}).get("conditions") or []
    return {each["type"] for each in listed if each["status"] == "True"}


def _names(cluster: Cluster, collection: str) -> list[str]:
    listed = cluster.api.find(collection) or {}
    return [each["metadata"]["name"] for each in listed.get("items", [])]


def _until_gone(left: Callable[[], list[str]]) -> None:
    deadline = time.monotonic() + _RESET_DEADLINE
    while found := left():
        if time.monotonic() > deadline:
            raise FleetError(f"after {_RESET_DEADLINE:.0f} s there still is {', '.join(found)}")
        time.sleep(_POLL)


def _credential(connection: Object) -> Object:
    """How the host reaches a direct member, and as whom."""
    kubeconfig = yaml.safe_load(base64.b64decode(connection["kubeconfig"]))
    return {"server": kubeconfig["clusters"][0]["cluster"], "credential": kubeconfig["users"][0]["user"]}


def _agent(member: Cluster) -> Object:
    """The agent that a member runs, but for its token, which is another one after each import."""
    spec = member.api.get(_AGENT)["spec"]
    for container in spec["template"]["spec"]["containers"]:
        container["command"] = [word for word in container["command"] if not word.startswith("--token=")]
    return {"agent": spec}


def _give_addresses(host: Cluster) -> None:
    """Have Services of type LoadBalancer given an address, as by a cloud; what else is steered stays."""
    path = host.state / "standin.json"
    knobs = json.loads(path.read_text()) if path.exists() else {}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({**knobs, "cloud": {"address": "auto"}}))
    partial.rename(path)
