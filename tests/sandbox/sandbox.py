"""Several clusters by name in one network, with everything about them in one state folder."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.sandbox.certificates import write_private
from tests.sandbox.cluster import Cluster
from tests.sandbox.network import NOWHERE, Network, has_privileges

DEFAULT_STATE = Path(__file__).resolve().parents[2] / ".sandbox"

_FIRST_ADDRESS = 10
_MOST_CLUSTERS = 200

_NO_PRIVILEGES = """\
the sandbox makes network namespaces, and this user may not: it takes root, or CAP_NET_ADMIN and CAP_SYS_ADMIN.
Either run it as root (sudo make demo),
or bring clusters of your own, the host first, and name their kubeconfigs:
  KUBESPHERE_SANDBOX_KUBECONFIGS=host.kubeconfig:member-1.kubeconfig make demo"""


class SandboxError(Exception):
    """A sandbox cannot be had as asked for; the message says what to do."""


def names_for(members: int) -> list[str]:
    """Names of a host and a number of members."""
    return ["host", *(f"member-{number}" for number in range(1, members + 1))]


class Sandbox:
    """A host and its members, or whatever clusters a test wants.

    Used as a context manager it is up inside and gone afterwards.

    Attributes:
        state: state folder.
    """

    def __init__(
        self,
        state_dir: str | Path = DEFAULT_STATE,
        names: Sequence[str] = (),
        node: str | None = None,
        minimal: bool = False,
        say: Callable[[str], None] = lambda _: None,
        behind_nat: Sequence[str] = (),
    ) -> None:
        """Describe a sandbox; nothing is started.

        Args:
            state_dir: state folder; it is made.
            names: the clusters' names, in the order of their addresses.
            node: kind of node, see ``cluster.NODES``; the default is SANDBOX_NODE, or else ``virtual``.
            minimal: every cluster is only etcd and an API server.
            say: called with what has been reached.
            behind_nat: names of clusters that no other cluster can reach, while they reach all others.

        Raises:
            SandboxError: one that is behind NAT is none of the clusters.
        """
        if strangers := [name for name in behind_nat if name not in names]:
            raise SandboxError(f"{', '.join(strangers)} cannot be behind NAT: the clusters are {', '.join(names)}")
        self.state = Path(state_dir).resolve()
        self._names = list(names)
        self._node = node or os.environ.get("SANDBOX_NODE") or "virtual"
        self._minimal = minimal
        self._say = say
        self._behind_nat = list(behind_nat)
        self._clusters: dict[str, Cluster] = {}

    @classmethod
    def open(cls, state_dir: str | Path = DEFAULT_STATE) -> Sandbox:
        """Attach to a sandbox that is up.

        Raises:
            SandboxError: there is none.
        """
        sandbox = cls(state_dir)
        record = sandbox._read_record()
        network = Network.find(str(sandbox.state))
        if network is None or not record.get("addresses"):
            raise SandboxError(f"no sandbox is up in {sandbox.state}: start one with 'python -m tests.sandbox up'")
        sandbox._names, sandbox._node, sandbox._minimal = list(record["addresses"]), record["node"], record["minimal"]
        sandbox._behind_nat = record.get("behind_nat", [])
        sandbox._describe(network, record["addresses"])
        return sandbox

    @property
    def clusters(self) -> dict[str, Cluster]:
        """The clusters by name, in the order they were named; empty before ``up``."""
        return self._clusters

    def __getitem__(self, name: str) -> Cluster:
        return self._clusters[name]

    def __enter__(self) -> Sandbox:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def up(self) -> None:
        """Start all clusters side by side and wait until they are usable.

        What runs already is left alone, what was cut is mended (but for who is behind NAT), and a cluster that is not
        named any more is removed.

        Raises:
            SandboxError: this user may not make network namespaces, or there are too many clusters.
            ClusterError: a cluster did not come up; what runs stays, for a look at it.
        """
        _require_privileges()
        if len(self._names) > _MOST_CLUSTERS:
            raise SandboxError(f"{len(self._names)} clusters: a sandbox has addresses for {_MOST_CLUSTERS}")
        started = time.monotonic()
        with self._locked():
            network = Network.claim(str(self.state))
            known = self._read_record().get("addresses", {})
            addresses = _number(self._names, known)
            self._remove_others(network, known)
            record = {"addresses": addresses, "node": self._node, "minimal": self._minimal}
            self._write_record({**record, "behind_nat": self._behind_nat})
            self._describe(network, addresses)
            self._say(f"starting {', '.join(self._clusters)} in 10.210.{network.number}.0/24")
            _side_by_side(self._start, self._clusters.values())
        self._say(f"{', '.join(self._clusters)}: all up after {time.monotonic() - started:.1f} s")

    def down(self) -> None:
        """End every process, and remove namespaces, bridge and data, also of a sandbox that came up half-way.

        Raises:
            SandboxError: there is a sandbox, and this user may not take it down.
        """
        network = Network.find(str(self.state))
        if network is None and not self.state.exists():
            return
        _require_privileges()
        with self._locked():
            self._names = []
            # Without a network nothing runs, as after a restart of the machine; the files are still there.
            self._remove_others(network or NOWHERE, self._read_record().get("addresses", {}))
            if network is not None:
                network.remove()
            self._record.unlink(missing_ok=True)
            self._clusters = {}
            # A folder that holds anything else is the user's.
            if not any(self.state.iterdir()):
                self.state.rmdir()

    def add(self, name: str) -> Cluster:
        """Start one more cluster."""
        self._names.append(name)
        self.up()
        return self[name]

    def remove(self, name: str) -> None:
        """Take one cluster away; the others are left alone."""
        self._names.remove(name)
        self.up()

    def _start(self, cluster: Cluster) -> None:
        # A test that was killed may have left the cluster cut off.
        if cluster.namespace.exists():
            cluster.namespace.mend_all()
            self._hide(cluster)
        cluster.start(self._say)
        self._hide(cluster)

    def _hide(self, cluster: Cluster) -> None:
        if cluster.name in self._behind_nat:
            cluster.hide()

    def _describe(self, network: Network, addresses: Mapping[str, int]) -> None:
        self._clusters = {name: self._cluster(network, name, addresses[name]) for name in self._names}

    def _cluster(self, network: Network, name: str, index: int) -> Cluster:
        namespace = network.namespace(name, index)
        return Cluster(name, self.state, namespace, network.machine, self._node, self._minimal)

    def _remove_others(self, network: Network, known: Mapping[str, int]) -> None:
        """Remove the clusters that are not named: those on record, and those that only their namespace tells of."""
        found = {name: known.get(name, 0) for name in (*known, *network.clusters())}
        others = [self._cluster(network, name, index) for name, index in found.items() if name not in self._names]
        _side_by_side(Cluster.remove, others)

    @property
    def _record(self) -> Path:
        return self.state / "sandbox.json"

    def _read_record(self) -> dict[str, Any]:
        record: dict[str, Any] = json.loads(self._record.read_text()) if self._record.exists() else {}
        return record

    def _write_record(self, record: Mapping[str, Any]) -> None:
        write_private(self._record, json.dumps(record, indent=2).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one ``up`` or ``down`` at a time work on this state folder."""
        while True:
            self.state.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.state, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                # Whoever held the lock before may have removed the folder: then it is another one, if any, by now.
                if self.state.exists() and os.path.samestat(os.fstat(folder), self.state.stat()):
                    yield
                    return
            finally:
                os.close(folder)


def _require_privileges() -> None:
    if not has_privileges():
        raise SandboxError(_NO_PRIVILEGES)


def _number(names: Sequence[str], known: Mapping[str, int]) -> dict[str, int]:
    """A number in the subnet for every name; names that have one keep it."""
    kept = {name: known[name] for name in names if name in known}
    free = (index for index in itertools.count(_FIRST_ADDRESS) if index not in known.values())
    return {name: kept[name] if name in kept else next(free) for name in names}


def _side_by_side(work: Callable[[Cluster], None], clusters: Collection[Cluster]) -> None:
    """Do the same with all clusters at once; the first error is raised when all are through."""
    with ThreadPoolExecutor(max_workers=max(1, len(clusters))) as pool:
        list(pool.map(work, clusters))
