"""How long the stand-in of KubeSphere's cluster controller takes for itself: ``python -m tests.simulation.joins``.

Clusters are created as fast as the API server takes them, without any playbook, until all are Ready.
"""

from __future__ import annotations

import argparse
import base64
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.sandbox.kubeapi import Object
from tests.sandbox.standin.runtime import Listing
from tests.simulation.fleet import CLUSTERS, SimulatedFleet
from tests.simulation.members import SimulationError

_SECONDS = 900.0
_POLL = 0.5
_CREATED_AT_A_TIME = 4


def join(fleet: SimulatedFleet, count: int) -> dict[str, float]:
    """Have the first members join.

    Returns:
        Seconds until all are Ready, processor time by program, and requests to each member.

    Raises:
        SimulationError: they are not within a quarter of an hour.
    """
    watched = Listing(fleet.host.api, CLUSTERS, lambda _before, _after: None)
    watched.synced.wait()
    before, used, asked = time.monotonic(), fleet.cpu(), fleet.members.usage.requests
    names = fleet.names[:count]
    with ThreadPoolExecutor(_CREATED_AT_A_TIME) as pool:
        list(pool.map(lambda name: fleet.host.api.create(CLUSTERS, _cluster(fleet, name)), names))
    created = time.monotonic() - before
    while (ready := sum(map(_is_ready, watched.all())) - 1) < count:
        if time.monotonic() - before > _SECONDS:
            raise SimulationError(f"after {_SECONDS:.0f} s {ready} of {count} members are Ready")
        time.sleep(_POLL)
    seconds = time.monotonic() - before
    time.sleep(2)  # what follows from the last updates
    cpu = {name: value - used.get(name, 0.0) for name, value in fleet.cpu().items()}
    requests = (fleet.members.usage.requests - asked) / count
    return {"members": count, "created": created, "seconds": seconds, "requests each": requests, **cpu}


def resync(fleet: SimulatedFleet, seconds: float) -> dict[str, float]:
    """Processor time by program while nothing but resyncs goes on."""
    used, asked = fleet.cpu(), fleet.members.usage.requests
    time.sleep(seconds)
    cpu = {name: value - used.get(name, 0.0) for name, value in fleet.cpu().items()}
    return {"seconds": seconds, "requests": fleet.members.usage.requests - asked, **cpu}


def _cluster(fleet: SimulatedFleet, name: str) -> Object:
    kubeconfig = base64.b64encode(fleet.members.kubeconfig(name).read_bytes()).decode()
    return {
        "apiVersion": "cluster.kubesphere.io/v1alpha1",
        "kind": "Cluster",
        "metadata": {"name": name, "labels": {"kubesphere.io/managed": "true"}},
        "spec": {
            "joinFederation": True,
            "enable": True,
            "provider": "simulation",
            "connection": {"type": "direct", "kubeconfig": kubeconfig},
        },
    }


def _is_ready(cluster: Object) -> bool:
    conditions = (cluster.get("status") or {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each number of members."""
    parser = argparse.ArgumentParser(description="What joins cost the stand-in of the cluster controller alone.")
    parser.add_argument("--members", default="100", help="how many, for example 100,300,1000")
    parser.add_argument("--resync", type=float, default=0, help="seconds to look at resyncs afterwards")
    given = parser.parse_args(arguments)
    counts = [int(count) for count in given.members.split(",")]
    with tempfile.TemporaryDirectory() as folder, SimulatedFleet(Path(folder), max(counts), print) as fleet:
        for count in counts:
            _show(join(fleet, count))
            if given.resync:
                _show(resync(fleet, given.resync))
            if count != counts[-1]:
                fleet.reset()


def _show(figures: dict[str, float]) -> None:
    print(", ".join(f"{name} {value:.2f}" for name, value in figures.items() if abs(value) >= 0.01), flush=True)


if __name__ == "__main__":
    main()
