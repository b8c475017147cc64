"""The benchmark runs, and the product asks the API servers no more than it does today."""

from __future__ import annotations

import pytest

from tests.benchmarks import table
from tests.benchmarks.bench import FIRST, SECOND, SITE, Bench, Sample
from tests.benchmarks.fleet import AGENT, CONNECTIONS, DIRECT, RealFleet
from tests.benchmarks.tools import TOOLS
from tests.sandbox.cluster import Cluster
from tests.sandbox.sandbox import Sandbox

Samples = dict[tuple[str, str, str], Sample]


@pytest.fixture(scope="module")
def samples(
    product_sandbox: Sandbox, clusters: dict[str, Cluster], tmp_path_factory: pytest.TempPathFactory
) -> Samples:
    """One round of two tools for each connection, by connection, tool and step."""
    assert clusters  # they are without KubeSphere now
    tools = [TOOLS["ours"], TOOLS["kubectl"]]
    for tool in tools:
        tool.prepare()
    folder = tmp_path_factory.mktemp("benchmark")
    fleets = [RealFleet(product_sandbox, folder / connection, connection) for connection in CONNECTIONS]
    bench = Bench(folder, print)
    bench.install(fleets[0])
    for fleet in fleets:
        bench.compare(fleet, tools, repeat=1)
    print(table.render(bench.samples))
    return {(sample.connection, sample.tool, sample.step): sample for sample in bench.samples}


def _without_waiting(sample: Sample) -> int:
    """Requests to the host, less those whose number depends on how quick KubeSphere is."""
    waiting = ("watch clusters", "get services/proxy", "list deployments")
    return sum(number for what, number in sample.host.listed.items() if not what.startswith(waiting))


def test_import_asks_no_more_than_it_did(samples: Samples) -> None:
    first = samples[DIRECT, "ours", FIRST]
    # A Cluster is created for each; the host's configuration is read, and its Clusters are listed, once for all.
    assert _without_waiting(first) <= first.members + 3
    assert first.member.total <= 3 * first.members
    assert first.writes == first.members


def test_second_run_asks_little_and_writes_nothing(samples: Samples) -> None:
    second = samples[DIRECT, "ours", SECOND]
    # Each is used; the configuration is read, and Clusters are listed and watched, once for all.
    assert second.host.total <= second.members + 3
    assert second.member.total <= second.members
    assert second.writes == 0
    assert samples[DIRECT, "ours", SITE].writes == 0


def test_peer_does_the_same(samples: Samples) -> None:
    # That both came to the same end is checked by the benchmark itself.
    assert samples[DIRECT, "kubectl", FIRST].writes == samples[DIRECT, "kubectl", FIRST].members
    assert samples[DIRECT, "kubectl", SECOND].writes == 0


def test_import_by_agent_asks_no_more_than_it_did(samples: Samples) -> None:
    first, second = samples[AGENT, "ours", FIRST], samples[AGENT, "ours", SECOND]
    assert _without_waiting(first) <= 10 * first.members
    # Its Cluster and its agent; and a Job, created and deleted, that looks whether tower is reached.
    assert first.writes == 4 * first.members
    assert second.host.total <= 5 * second.members
    assert second.member.total <= 2 * second.members
    assert second.writes == 0
    assert samples[AGENT, "ours", SITE].writes == 0


def test_peer_does_the_same_by_agent(samples: Samples) -> None:
    first = samples[AGENT, "kubectl", FIRST]
    assert first.writes == 2 * first.members
    # ks-apiserver's manifest has empty fields that kubectl wants to write each time.
    assert samples[AGENT, "kubectl", SECOND].writes == first.members


def test_figures_are_counted(samples: Samples) -> None:
    for sample in samples.values():
        assert 0 < sample.usage.cpu < 60
        assert 10 << 20 < sample.usage.largest < 1 << 30
        assert sample.host.total > 0
