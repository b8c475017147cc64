"""A sandbox's network: one bridge of the machine, and a network namespace with an address of its own per cluster.

Nothing leaves the machine: no namespace has a default route, and the bridge has no port to the outside. Every sandbox
has a subnet 10.210.N.0/24 of its own, so several can stand side by side. Which one is whose stands in the bridge's
alias (the sandbox's state folder): a sandbox whose state was lost, or whose start was killed, is found again.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVICE_SUBNET = "10.96.0.0/16"
"""Range of the ClusterIPs, the same in every cluster: it is routed nowhere outside of a namespace."""

_LOCK = Path("/run/kubesphere-sandbox.lock")
_NET_ADMIN, _SYS_ADMIN = 12, 21
_SUBNETS = 256

_CUT = "SANDBOX-CUT"
"""Chain with the rules of what is cut."""

API_SERVER_PORT = 6443

_FIRST_BALANCED, _BALANCED = 210, 45
"""Addresses of load balancers: where they begin in the subnet, and how many there are. Clusters begin at 10."""


class NetworkError(Exception):
    """A command of the network set-up failed, or the rights for it are missing."""


def has_privileges() -> bool:
    """Whether this process may create network namespaces (CAP_NET_ADMIN and CAP_SYS_ADMIN)."""
    status = Path("/proc/self/status").read_text()
    effective = int(next(line for line in status.splitlines() if line.startswith("CapEff:")).split()[1], 16)
    return all(effective >> capability & 1 for capability in (_NET_ADMIN, _SYS_ADMIN))


def _run(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise NetworkError(f"'{' '.join(command)}' failed: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout


def _query(*command: str) -> list[dict[str, Any]]:
    """Run an ``ip -j …`` command and decode its answer."""
    answer: list[dict[str, Any]] = json.loads(_run("ip", "-j", *command) or "[]")
    return [entry for entry in answer if entry]


@contextmanager
def _lock() -> Iterator[None]:
    """Keep two sandboxes from taking the same subnet."""
    with _LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True)
class Namespace:
    """The network namespace of one cluster.

    Attributes:
        name: as ``ip netns`` lists it.
        bridge: the machine's bridge that it hangs on.
        link: name of the machine's end of the cable.
        address: its address in the sandbox's subnet.
        balanced: address that the cluster's cloud gives to load balancers; it is nobody's until the cloud does.
    """

    name: str
    bridge: str
    link: str
    address: str
    balanced: str

    def exists(self) -> bool:
        """Whether there is a namespace of this name."""
        return any(entry["name"] == self.name for entry in _query("netns"))

    def create(self) -> None:
        """Make the namespace and its cable; one that is complete is left alone, half of one is made anew.

        Raises:
            NetworkError: a step failed.
        """
        if self._complete():
            return
        self.remove()
        _run("ip", "netns", "add", self.name)
        _run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _run("ip", "link", "set", self.link, "master", self.bridge, "up")
        self._ip("link", "set", "lo", "up")
        self._ip("address", "add", f"{self.address}/24", "dev", "eth0")
        self._ip("link", "set", "eth0", "up")
        # A packet is routed before kube-proxy's rules turn its ClusterIP into a pod's address, so there has to be a
        # route. It leads to lo: what no rule takes is dropped there. It comes last and so marks a complete namespace.
        self._ip("route", "add", SERVICE_SUBNET, "dev", "lo", "src", self.address)

    def remove(self) -> None:
        """Take away the namespace and its cable; its processes have to be gone before."""
        if Path("/sys/class/net", self.link).exists():
            _run("ip", "link", "delete", self.link)
        if self.exists():
            _run("ip", "netns", "delete", self.name)

    def pids(self) -> list[int]:
        """Ids of all processes in the namespace."""
        return [int(pid) for pid in _run("ip", "netns", "pids", self.name).split()] if self.exists() else []

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command that runs ``argv`` in the namespace."""
        return ["ip", "netns", "exec", self.name, *argv]

    def add_address(self, address: str) -> None:
        """Make one more address the namespace's own; nobody else can reach it."""
        self._ip("address", "replace", f"{address}/32", "dev", "lo")

    def cut(self, address: str) -> None:
        """Drop silently all that is sent to or comes from an address, as a firewall or a broken line does."""
        self._add_rules(_drop_rules(address))

    def refuse(self, address: str, reject: bool = False) -> None:
        """Let nobody at an address open a connection into the namespace; what goes out, and the answers, pass.

        Args:
            address: the address.
            reject: answer with a reset, as a firewall may, in place of silence.
        """
        self._add_rules(_refuse_rules(address, reject))

    def hide(self, machine: str) -> None:
        """Let nobody but the machine open a connection into the namespace, as behind a router with NAT."""
        self._add_rules([(_CUT, "--in-interface", "eth0", "!", "--source", machine, *_OPENING, "--jump", "DROP")])

    def mend(self, address: str) -> None:
        """Undo ``cut`` and ``refuse`` for one address."""
        for rule in (*_drop_rules(address), *_refuse_rules(address, False), *_refuse_rules(address, True)):
            if self._has_rule(rule):
                self._iptables("--delete", *rule)

    def mend_all(self) -> None:
        """Undo every ``cut``, ``refuse`` and ``hide``."""
        if self._succeeds("--list-rules", _CUT):
            self._iptables("--flush", _CUT)

    def prepare_kube_proxy(self) -> None:
        """Make the chains that a kubelet makes and that kube-proxy's rules for load balancers jump to."""
        for table, chain in (("nat", "KUBE-MARK-DROP"), ("filter", "KUBE-FIREWALL")):
            self._ensure_chain(table, chain)
        mark = ("KUBE-MARK-DROP", "--table", "nat", "--jump", "MARK", "--or-mark", "0x8000")
        drop = ("KUBE-FIREWALL", "--match", "mark", "--mark", "0x8000/0x8000", "--jump", "DROP")
        for rule in (mark, drop, ("INPUT", "--jump", "KUBE-FIREWALL"), ("OUTPUT", "--jump", "KUBE-FIREWALL")):
            if not self._has_rule(rule):
                self._iptables("--append", *rule)

    def _complete(self) -> bool:
        if not self.exists() or not Path("/sys/class/net", self.link).exists():
            return False
        return bool(_query("-n", self.name, "route", "show", SERVICE_SUBNET))

    def _ip(self, *arguments: str) -> None:
        _run("ip", "-n", self.name, *arguments)

    def _add_rules(self, rules: Sequence[Sequence[str]]) -> None:
        self._ensure_chain("filter", _CUT)
        for hook in ("INPUT", "OUTPUT"):
            if not self._has_rule((hook, "--jump", _CUT)):
                self._iptables("--insert", hook, "--jump", _CUT)
        for rule in rules:
            if not self._has_rule(rule):
                self._iptables("--append", *rule)

    def _iptables(self, *arguments: str) -> None:
        _run(*self.command(["iptables", "--wait", "5", *arguments]))

    def _ensure_chain(self, table: str, chain: str) -> None:
        if not self._succeeds("--table", table, "--list-rules", chain):
            self._iptables("--table", table, "--new-chain", chain)

    def _succeeds(self, *arguments: str) -> bool:
        try:
            self._iptables(*arguments)
        except NetworkError:
            return False
        return True

    def _has_rule(self, rule: Sequence[str]) -> bool:
        return self._succeeds("--check", *rule)


def _drop_rules(address: str) -> list[tuple[str, ...]]:
    return [(_CUT, "--source", address, "--jump", "DROP"), (_CUT, "--destination", address, "--jump", "DROP")]


_OPENING = ("--protocol", "tcp", "--syn")
"""The first packet of a connection. By that, and not by connection tracking, which would not know connections that are
older than the first rule of a namespace."""


def _refuse_rules(address: str, reject: bool) -> list[tuple[str, ...]]:
    target = ("REJECT", "--reject-with", "tcp-reset") if reject else ("DROP",)
    incoming = (_CUT, "--in-interface", "eth0", "--source", address)
    # KubeSphere's own programs keep connections to API servers open for long: those end, too.
    to_api_server = ("--protocol", "tcp", "--dport", str(API_SERVER_PORT))
    return [(*incoming, *packets, "--jump", *target) for packets in (_OPENING, to_api_server)]


@dataclass(frozen=True)
class Network:
    """The subnet of one sandbox, 10.210.``number``.0/24, and its bridge."""

    number: int

    @property
    def bridge(self) -> str:
        """Name of the bridge."""
        return f"ksb{self.number}"

    @property
    def machine(self) -> str:
        """The machine's own address in the subnet."""
        return self.address(1)

    def address(self, index: int) -> str:
        """Address number ``index`` (1 to 254) of the subnet."""
        return f"10.210.{self.number}.{index}"

    def namespace(self, cluster: str, index: int) -> Namespace:
        """The namespace of a cluster, at address number ``index``; it may not exist yet."""
        balanced = self.address(_FIRST_BALANCED + index % _BALANCED)
        name, link = f"ks{self.number}-{cluster}", f"ks{self.number}v{index}"
        return Namespace(name, self.bridge, link, self.address(index), balanced)

    @classmethod
    def find(cls, owner: str) -> Network | None:
        """The network that an owner has, or None."""
        for number, alias in _bridges().items():
            if alias == owner:
                return cls(number)
        return None

    @classmethod
    def claim(cls, owner: str) -> Network:
        """Find the owner's network, or make one in the first free subnet.

        Args:
            owner: name of the owner, at most 255 characters.

        Raises:
            NetworkError: no subnet is free, or a step failed.
        """
        with _lock():
            network = cls.find(owner) or cls(_free_number())
            network._create(owner)
            return network

    def _create(self, owner: str) -> None:
        if not Path("/sys/class/net", self.bridge).exists():
            _run("ip", "link", "add", self.bridge, "type", "bridge")
        _run("ip", "link", "set", self.bridge, "alias", owner)
        _run("ip", "address", "replace", f"{self.machine}/24", "dev", self.bridge)
        _run("ip", "link", "set", self.bridge, "up")
        if _bridges_are_filtered() and not self._forwarding_rule("--check"):
            self._forwarding_rule("--insert")

    def remove(self) -> None:
        """Take the bridge down; its namespaces have to be gone before."""
        with _lock():
            while _bridges_are_filtered() and self._forwarding_rule("--delete"):
                pass
            if Path("/sys/class/net", self.bridge).exists():
                _run("ip", "link", "delete", self.bridge)

    def _forwarding_rule(self, action: str) -> bool:
        """Let the bridge's own traffic pass a machine's firewall (Docker's default policy would drop it)."""
        try:
            rule = ("FORWARD", "--in-interface", self.bridge, "--out-interface", self.bridge, "--jump", "ACCEPT")
            _run("iptables", "--wait", "5", action, *rule)
        except NetworkError:
            return False
        return True

    def clusters(self) -> list[str]:
        """Names of all clusters that have a namespace in this network, whoever remembers them."""
        prefix = f"ks{self.number}-"
        return [entry["name"].removeprefix(prefix) for entry in _query("netns") if entry["name"].startswith(prefix)]


NOWHERE = Network(0)
"""The network of a sandbox that has none: no sandbox is ever given this subnet, so nothing is found in it."""


def _bridges_are_filtered() -> bool:
    setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    return setting.exists() and setting.read_text().strip() == "1"


def _bridges() -> dict[int, str]:
    """Number and owner of each sandbox's bridge; one whose making was killed half-way has no owner."""
    found = {}
    for link in Path("/sys/class/net").glob("ksb*"):
        if link.name[3:].isdecimal():
            found[int(link.name[3:])] = (link / "ifalias").read_text().strip()
    return found


def _free_number() -> int:
    """The first subnet that no sandbox has and no route of the machine leads into."""
    owned = {number for number, owner in _bridges().items() if owner}
    routes = [route["dst"] for route in _query("-4", "route", "show", "table", "all") if route["dst"] != "default"]
    taken = [ipaddress.ip_network(destination, strict=False) for destination in routes]
    for number in range(1, _SUBNETS):  # 0 is NOWHERE's
        subnet = ipaddress.ip_network(f"10.210.{number}.0/24")
        abandoned = Path("/sys/class/net", f"ksb{number}").exists()
        if number not in owned and (abandoned or not any(subnet.overlaps(network) for network in taken)):
            return number
    raise NetworkError("no subnet 10.210.N.0/24 is free: other sandboxes or routes of this machine hold all of them")
