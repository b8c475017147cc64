"""Some cuts of each kind of run, as tests; `make torture` makes all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.network import has_privileges
from tests.torture.ground import Ground
from tests.torture.killed import Scenario, Torture, sample
from tests.torture.network import FAULTS, Network
from tests.torture.scenarios import SCENARIOS
from tests.torture.together import MEETINGS, Together

pytestmark = pytest.mark.skipif(not has_privileges(), reason="network namespaces take root")

_SEED = 1


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Two clusters."""
    with Ground(tmp_path_factory.mktemp("torture")) as ground:
        yield ground


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.sampled], ids=lambda each: each.name)
def test_killed_run_is_taken_up_by_the_next(ground: Ground, scenario: Scenario) -> None:
    torture = Torture(ground, scenario, _SEED, print)
    cases = [torture.cut(plan) for plan in sample(torture.plans, scenario.sampled, _SEED)]
    assert [str(case) for case in cases if case and not case.good] == []
    assert any(cases)


def test_faults_of_the_network(ground: Ground) -> None:
    network = Network(ground, print, "import", kubesphere_connection="agent")
    chosen = [fault for fault in FAULTS if fault.name in ("answers lost", "503", "truncated bodies", "expired watches")]
    assert [str(case) for case in map(network.case, chosen) if not case.good] == []


def test_two_runs_at_once_and_a_person_in_between(ground: Ground) -> None:
    together = Together(ground, print)
    cases = [together.pair("agent"), *map(together.meeting, MEETINGS[:2])]
    assert [str(case) for case in cases if not case.good] == []
