"""One sandbox for all of them; each ansible-core finds its clusters without KubeSphere."""

from __future__ import annotations

import pytest

from tests.integration.conftest import fleet_of, product_sandbox
from tests.integration.controller import Controller, Fleet
from tests.integration.kubesphere import side_by_side, steer, wipe
from tests.prepare import CORES, Environment
from tests.sandbox.cluster import Cluster
from tests.sandbox.network import has_privileges
from tests.sandbox.sandbox import Sandbox

__all__ = ["product_sandbox"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what takes network namespaces where they cannot be made."""
    if not has_privileges():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="network namespaces take root"))


@pytest.fixture(scope="module", params=list(CORES))
def core(request: pytest.FixtureRequest) -> Environment:
    """An ansible-core."""
    return CORES[request.param]


@pytest.fixture(scope="module")
def controller(core: Environment, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """Where it runs."""
    return Controller(tmp_path_factory.mktemp("controller"), core)


@pytest.fixture(scope="module")
def clusters(core: Environment, product_sandbox: Sandbox) -> dict[str, Cluster]:
    """The clusters by name, without KubeSphere when another ansible-core begins."""
    assert core.complete, "run: make prepare"
    found = dict(product_sandbox.clusters)
    side_by_side(wipe, found.values())
    steer(found["host"], cloud={"address": "auto"})
    return found


@pytest.fixture(scope="module")
def fleet(clusters: dict[str, Cluster]) -> Fleet:
    """An inventory of the host, a member that is direct, and one that an agent connects."""
    fleet = fleet_of(clusters).with_member("member-1", kubesphere_credential="token")
    return fleet.with_member("member-2", kubesphere_connection="agent", kubesphere_alias="Über {{ 'den' }} Fluß")
