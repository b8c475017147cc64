"""What is read out of samples and runs for the targets."""

from __future__ import annotations

import pytest

from tests.benchmarks import installing, parts, phases, scale
from tests.benchmarks.bench import FIRST, SECOND, SITE, Sample
from tests.benchmarks.fleet import Requests
from tests.benchmarks.joins import Join
from tests.benchmarks.meter import Usage


def _sample(tool: str, step: str, members: int, cpu: float, host: int, **more: object) -> Sample:
    usage = Usage(0, 10 * cpu, cpu, 100_000_000, 200_000_000, 1, 18 * cpu)
    requests = Requests({"get": host * members}, 0, {})
    return Sample(tool, "direct", members, step, 0, usage, requests, Requests({"get": members}, 0, {}), 0.0, **more)  # type: ignore[arg-type]


def test_the_largest_fleet_counts() -> None:
    samples = [
        _sample(tool, step, members, cpu * members, host)
        for members, host in ((1, 9), (10, 7))
        for tool, cpu in (("ours", 0.1), ("kubectl", 0.4), ("kubernetes.core", 4.0))
        for step in (FIRST, SECOND)
    ]
    readings = {reading.target: reading for reading in parts.comparison(samples)}
    assert readings["first-host"].value == 7
    assert readings["first-host"].members == 10
    assert readings["first-host"].beside == "kubectl 7, kubernetes.core 7"
    assert readings["cpu-kubernetes.core"].value == pytest.approx(1 / 40)
    assert readings["cpu-kubectl"].value == pytest.approx(1 / 4)
    assert readings["second-writes"].met


def test_tools_that_did_not_run_have_no_reading() -> None:
    samples = [_sample("ours", step, 10, 1.0, 7) for step in (FIRST, SECOND)]
    assert [each.target for each in parts.comparison(samples) if each.target.startswith("cpu")] == []


def test_worst_percent_of_all_joins() -> None:
    joins = [Join(f"m{number}", 0.0, 2.0, 2.01, 2.0 + number / 1000) for number in range(1, 101)]
    halves = [_sample("ours", FIRST, 50, 1.0, 7, joins=half) for half in (joins[:50], joins[50:])]
    whole, asked = parts.beyond(halves)
    assert whole.value == pytest.approx(0.099)
    assert whole.met
    assert whole.beside.startswith("100 imports; P50 50 ms; the whole join P50 2.05 s")
    assert asked.value == pytest.approx(0.01)


def test_installation_that_comes_worst() -> None:
    runs = [installing.Run(10, forks, seconds, 30.0, 5.0) for forks, seconds in ((1, 31.0), (5, 32.0), (50, 30.5))]
    reading = installing.reading(runs)
    assert reading.value == 32.0
    assert reading.limit == pytest.approx(31.6)
    assert not reading.met
    # What one cluster took is another in each run: what counts is how near a run came to what it may take.
    slow = installing.Run(10, 5, 40.0, 39.0, 5.0)
    assert installing.reading([runs[0], slow]).value == 31.0


def test_scale_and_growth() -> None:
    samples = [
        _sample("ours", step, members, cpu, 7, simulated=True)
        for step in (FIRST, SITE)
        for members, cpu in ((100, 5.0), (1000, 40.0))
    ]
    readings = {reading.target: reading for reading in scale.readings(samples)}
    assert readings["road-seconds"].value == 400
    assert not readings["road-seconds"].met
    assert readings["road-largest"].value == 100e6
    assert readings["import-cpu"].value == pytest.approx(0.04)
    assert readings["growth-cpu"].value == pytest.approx(0.8)
    both = "1.8 cores busy, 0.1 of them by the run"
    assert readings["growth-seconds"].beside == f"50.0 s and 400.0 s; {both} and {both}"
    assert all(reading.simulated and reading.members == 1000 for reading in readings.values())


def test_one_size_shows_no_growth() -> None:
    samples = [_sample("ours", step, 100, 5.0, 7, simulated=True) for step in (FIRST, SITE)]
    assert not [reading for reading in scale.readings(samples) if reading.target.startswith("growth")]


def test_others_are_held_against_the_best_round_without_a_bad_member() -> None:
    took = {"": (10.0, 12.0), "dead": (10.05, 30.0), "slow": (10.2, 10.3), "refusing": (9.9, 9.9)}
    runs = [scale.Run(1000, bad, seconds, 60.0) for bad, rounds in took.items() for seconds in rounds]
    readings = {reading.target: reading for reading in scale.isolation(runs)}
    assert readings["dead"].value == pytest.approx(1.005)
    assert readings["dead"].met
    assert not readings["slow"].met
    assert readings["refusing"].met


def test_start_and_members_of_a_phase_are_told_apart() -> None:
    samples = [
        _sample("ours", playbook, members, 1.5 + 0.02 * members, 2, simulated=True)
        for playbook in ("preflight", "install", "proxy", "import", "site", "status")
        for members in (10, 100)
    ]
    row = next(line for line in phases.render(samples).splitlines() if line.startswith("import"))
    assert row.split() == ["import", "1.500", "0.020", "0.200", "0.00", "0", "2", "1"]
