"""How long installing takes where one cluster takes a while, with different numbers of forks."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from tests.benchmarks.bench import INSTALL, Bench
from tests.benchmarks.figures import allowed_installation
from tests.benchmarks.fleet import CLUSTERS, RealFleet
from tests.benchmarks.simulated import Simulated
from tests.benchmarks.targets import Reading
from tests.benchmarks.text import Row, aligned
from tests.benchmarks.tools import Ours
from tests.benchmarks.watcher import Watcher
from tests.integration.kubesphere import CONFIGURATIONS, side_by_side, steer, wipe
from tests.sandbox import audit
from tests.sandbox.cluster import Cluster
from tests.sandbox.kubeapi import Object

FORKS = (1, 5, 50)
DURATION = 30.0
"""Seconds that ks-installer takes at least, which the stand-in sleeps."""

_COMPONENTS = ("events", "alerting", "devops")  # another one for each run, for the host keeps what it got


@dataclass(frozen=True)
class Run:
    """One installation of a whole fleet.

    Attributes:
        members: number of members; the host is installed too.
        forks: number of forks.
        seconds: what the play took.
        longest: the longest time that one cluster took, from our write of its configuration until KubeSphere stood.
        cpu: processor time of the play, seconds.
        simulated: whether the members were simulated.
    """

    members: int
    forks: int
    seconds: float
    longest: float
    cpu: float
    simulated: bool = False

    @property
    def allowed(self) -> float:
        """Seconds that the play may take."""
        return allowed_installation(self.members, self.longest)


def measure(bench: Bench, fleet: RealFleet, forks: Sequence[int] = FORKS) -> list[Run]:
    """Install KubeSphere on all clusters, from nothing, with each number of forks.

    Raises:
        BenchmarkError: an installation failed.
    """
    runs = []
    for number in forks:
        side_by_side(_prepare, fleet.clusters)
        marks = fleet.marks()
        with contextlib.ExitStack() as stack:
            runs_seen = {each.name: stack.enter_context(_watcher(each)) for each in fleet.clusters}
            own_seen = stack.enter_context(_own_cluster_watcher(fleet.host))
            sample = bench.measure(fleet, Ours("install", forks=number), INSTALL)
        ends = {name: watcher.seen["ks-installer"] for name, watcher in runs_seen.items()}
        ends[fleet.host.name] = max(ends[fleet.host.name], *own_seen.seen.values())
        longest = max(ends[each.name] - _began(each, marks[each.name]) for each in fleet.clusters)
        runs.append(Run(len(fleet.members), number, sample.usage.seconds, longest, sample.usage.cpu))
    side_by_side(steer, fleet.clusters)
    return runs


def change(bench: Bench, fleet: Simulated, forks: Sequence[int] = FORKS) -> list[Run]:
    """Change the configuration of all clusters, which ks-installer has to install, with each number of forks.

    Raises:
        BenchmarkError: an installation failed.
    """
    runs = []
    for number, component in zip(forks, _COMPONENTS, strict=False):
        fleet.install(DURATION)
        changed = Ours("install", number, kubesphere_configuration={component: {"enabled": True}})
        sample = bench.measure(fleet, changed, f"{INSTALL} {component}, {number} forks")
        runs.append(Run(len(fleet.members), number, sample.usage.seconds, DURATION, sample.usage.cpu, simulated=True))
    fleet.install(0)
    return runs


def reading(runs: Sequence[Run]) -> Reading:
    """The run that came nearest to what it may take, or exceeded it most."""
    worst = max(runs, key=lambda run: run.seconds / run.allowed)
    listed = ", ".join(f"forks {run.forks}: {run.seconds:.1f} of {run.allowed:.1f} s" for run in runs)
    beside = f"one cluster {worst.longest:.1f} s; {listed}"
    return Reading("installing", worst.seconds, worst.members, worst.simulated, beside, bound=worst.allowed)


def render(runs: Sequence[Run]) -> str:
    """All runs as a table."""
    rows: list[Row] = [("INSTALLING", "FORKS", "WALL s", "ONE CLUSTER s", "ALLOWED s", "CPU s")]
    for run in runs:
        kind = f"{run.members:,} {'simulated' if run.simulated else 'real'}"
        figures = (run.seconds, run.longest, run.allowed, run.cpu)
        rows.append((kind, str(run.forks), *(f"{figure:.2f}" for figure in figures)))
    return aligned(rows, left=(0,))


def _prepare(cluster: Cluster) -> None:
    wipe(cluster)
    steer(cluster, installer={"duration": DURATION})


def _watcher(cluster: Cluster) -> Watcher:
    """Sees when a run of ks-installer has come to its end: the version is what it writes at last."""
    return Watcher(cluster.api, CONFIGURATIONS, lambda found: bool(_core(found).get("version")))


def _own_cluster_watcher(host: Cluster) -> Watcher:
    """Sees when a host is Ready in its own eyes, which takes its controllers some time after the run, and ends it."""
    return Watcher(host.api, CLUSTERS, _is_ready)


def _core(configuration: Object) -> Object:
    return dict((configuration.get("status") or {}).get("core") or {})


def _is_ready(cluster: Object) -> bool:
    conditions = (cluster.get("status") or {}).get("conditions") or []
    return any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)


def _began(cluster: Cluster, since: int) -> float:
    """When the ClusterConfiguration was written, from which on a cluster takes its time."""
    created = next(
        event
        for event in cluster.audit_events(since)
        if event["verb"] == "create" and audit.target(event) == "clusterconfigurations"
    )
    return audit.moment(created, "requestReceivedTimestamp")
