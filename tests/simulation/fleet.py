"""A real host with many simulated members: ``python -m tests.simulation.fleet --members 1000``.

The host is a real API server with the sandbox's stand-ins. One real member is installed beside it by the collection,
every simulated member begins as a copy of that one, and then it is taken away.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from tests.check.command import environment, tool
from tests.sandbox import audit
from tests.sandbox.cluster import Cluster
from tests.sandbox.network import Network
from tests.sandbox.processes import Status
from tests.sandbox.sandbox import Sandbox
from tests.simulation.members import Members, SimulationError
from tests.simulation.server import DEAD, Behaviour
from tests.simulation.snapshot import Snapshot

CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"

_FEDERATED = "/apis/core.kubefed.io/v1beta1/namespaces/kube-federation-system/kubefedclusters"
_HOST, _PATTERN = "host", "pattern"
_INSTALL_SECONDS = 300.0
_RESET_SECONDS = 300.0
_POLL = 0.2
_DELETIONS = 8
"""Clusters that are deleted at a time: more would only wait for the API server."""

_OWN_REQUESTS = "sandbox"
_VARIABLES = {
    "kubesphere_install_timeout": 300,
    "kubesphere_import_timeout": 600,
    "kubesphere_provider": "simulation",
    "kubesphere_region": "eu-1",
    "kubesphere_group": "production",
}


class SimulatedFleet:
    """The fleet; used as a context manager it is up inside and gone afterwards.

    Attributes:
        host: the host, a real cluster.
        members: the members, simulated.
        inventory: inventory for Ansible, as a user of the collection writes it: a kubeconfig file for each cluster.
    """

    host: Cluster
    members: Members

    def __init__(self, folder: Path, members: int, say: Callable[[str], None] = lambda _: None) -> None:
        """Describe the fleet; nothing runs yet.

        Args:
            folder: for everything about it.
            members: how many.
            say: called with what has been reached.
        """
        self.inventory = folder / "inventory.yml"
        self.names = [f"member-{number:04}" for number in range(1, members + 1)]
        self._folder = folder
        self._say = say
        self._sandbox = Sandbox(folder / "sandbox", [_HOST, _PATTERN], say=say)
        self._machine = ""

    def __enter__(self) -> SimulatedFleet:
        try:
            self.up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def up(self) -> None:
        """Start the host, install KubeSphere, and start the members as they are after an installation.

        Raises:
            SimulationError: something of that failed.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sandbox.up()
        self.host, pattern = self._sandbox[_HOST], self._sandbox[_PATTERN]
        for cluster in (self.host, pattern):
            write_knobs(cluster, installer={"duration": 0.3, "retry": 0.5})
        self._install(pattern)
        snapshot = Snapshot.take(pattern.api)
        self._sandbox.remove(_PATTERN)
        network = Network.find(str(self._sandbox.state))
        assert network is not None  # it is up
        self._machine = network.machine
        self.members = Members(self._folder / "members", snapshot, self.names, network.machine)
        self.members.start()
        self._write_inventory()
        self._say(f"{len(self.names)} members are simulated at {network.machine}; {self.inventory}")

    def close(self) -> None:
        """End everything; certificates, logs and the inventory stay in the folder."""
        if hasattr(self, "members"):
            self.members.close()
        self._sandbox.down()

    def reset(self) -> None:
        """Take all members out of the host, and let them forget that they were in it.

        Raises:
            SimulationError: the host still knows some of them after minutes.
        """
        own = set(self.names)
        imported = own & {each["metadata"]["name"] for each in self.host.api.get(CLUSTERS)["items"]}
        with ThreadPoolExecutor(_DELETIONS) as pool:
            list(pool.map(lambda name: self.host.api.delete(f"{CLUSTERS}/{name}"), sorted(imported)))
        deadline = time.monotonic() + _RESET_SECONDS
        while left := [name for path in (CLUSTERS, _FEDERATED) for name in own & self._names(path)]:
            if time.monotonic() > deadline:
                raise SimulationError(f"the host still knows {len(left)} members, {left[0]} for example")
            time.sleep(_POLL)
        self.members.reset()

    def dead(self, *names: str) -> None:
        """Let nobody listen any more where these members are; `alive` undoes it."""
        self.members.behave(Behaviour(DEAD), *names)

    def alive(self, *names: str) -> None:
        """Let members answer at once, and well."""
        self.members.behave(Behaviour(), *names)

    # What was asked

    def marks(self) -> tuple[int, int]:
        """The end of the host's log and of the members' now."""
        return self.host.audit_mark(), self.members.mark()

    def counts(self, since: tuple[int, int]) -> dict[str, Counter[tuple[str, str]]]:
        """Requests that came from this machine after a mark: of whom, by verb and resource.

        What KubeSphere's controllers on the host ask comes from another address, and is not in it.
        """
        return {name: audit.requests(events) for name, events in self._events(since).items()}

    def writes(self, since: tuple[int, int]) -> dict[str, Counter[tuple[str, str]]]:
        """Those of them that write; who was not written is left out."""
        found = {name: audit.writes(events) for name, events in self._events(since).items()}
        return {name: writes for name, writes in found.items() if writes}

    def _events(self, since: tuple[int, int]) -> dict[str, list[audit.Event]]:
        self.host.audit_mark()  # waits until all is logged
        asked = audit.read(self.host.audit_log, since[0])
        # A watch that has not ended yet counts, too.
        of_host = {event["auditID"]: event for event in asked if self._is_ours(event)}
        found: dict[str, list[audit.Event]] = {_HOST: list(of_host.values())}
        for event in self.members.events(since[1]):
            if self._is_ours(event):
                found.setdefault(event["cluster"], []).append(event)
        return found

    def _is_ours(self, event: audit.Event) -> bool:
        ours = event["sourceIPs"][-1] == self._machine
        return ours and not event.get("userAgent", "").startswith(_OWN_REQUESTS)

    def cpu(self) -> dict[str, float]:
        """Processor time by program, seconds: of the host's processes, and of the simulated members' one."""
        used: dict[str, float] = {}
        for pid in self.host.namespace.pids():
            status = Status.of(pid)
            if status is not None:
                used[_program(pid)] = used.get(_program(pid), 0.0) + status.cpu
        return {**used, "simulated members": self.members.usage.cpu}

    # Files

    def _names(self, path: str) -> set[str]:
        return {each["metadata"]["name"] for each in self.host.api.get(path)["items"]}

    def _install(self, pattern: Cluster) -> None:
        hosts = {_HOST: _reached(self.host.kubeconfig)}
        content = {"kubesphere_host": {"hosts": hosts}}
        content["kubesphere_members"] = {"hosts": {_PATTERN: _reached(pattern.kubeconfig)}}
        inventory = self._folder / "install.yml"
        inventory.write_text(yaml.safe_dump(content))
        command = [str(tool("ansible-playbook")), "kubesphere.multicluster.install", "-i", str(inventory)]
        settings = environment({"ANSIBLE_HOME": str(self._folder / "ansible")})
        done = subprocess.run(
            command, env=settings, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
        if done.returncode:
            raise SimulationError(f"KubeSphere could not be installed:\n{done.stdout}{done.stderr}")
        self._say("KubeSphere is installed on the host and on the pattern of all members")

    def _write_inventory(self) -> None:
        members = {name: _reached(self.members.kubeconfig(name)) for name in self.names}
        content = {
            "kubesphere_host": {"hosts": {_HOST: _reached(self.host.kubeconfig)}},
            "kubesphere_members": {"hosts": members},
            "all": {"vars": _VARIABLES},
        }
        self.inventory.write_text(yaml.safe_dump(content, sort_keys=False))


def write_knobs(cluster: Cluster, **knobs: dict[str, Any]) -> None:
    """Steer a cluster's stand-ins; what of them is not named stays as it is."""
    path = cluster.state / "standin.json"
    held = json.loads(path.read_text()) if path.exists() else {}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({**held, **knobs}))
    partial.rename(path)


def _reached(kubeconfig: Path) -> dict[str, str]:
    return {"kubesphere_kubeconfig": str(kubeconfig)}


def _program(pid: int) -> str:
    """What a process is: the module that a Python runs, or else the name of its program."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return "ended"
    named = words[words.index("-m") + 1] if "-m" in words else words[0]
    return named.rpartition("/")[2].rpartition(".")[2] or named


def main(arguments: Sequence[str] | None = None) -> None:
    """Have a fleet up until Ctrl-C."""
    parser = argparse.ArgumentParser(description="A real host with simulated members, until Ctrl-C.")
    parser.add_argument("--members", type=int, default=100, help="how many")
    parser.add_argument("--folder", type=Path, help="where to keep everything (a new folder)")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="fleet-"))
    with SimulatedFleet(folder.resolve(), given.members, print):
        print("Ctrl-C ends it")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
