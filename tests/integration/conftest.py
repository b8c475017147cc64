"""One sandbox for all tests of the product, and a controller for each of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.controller import Controller, Fleet
from tests.integration.kubesphere import side_by_side, steer, variables, wipe
from tests.sandbox.cluster import Cluster
from tests.sandbox.network import has_privileges
from tests.sandbox.sandbox import Sandbox, names_for

_PRODUCT = Path(__file__).parent


_STAND_IN = "stand_in(program, ...): steers a program's stand-in; skipped where KUBESPHERE_ASSETS has the real one"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marks known."""
    config.addinivalue_line("markers", _STAND_IN)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what takes network namespaces where they cannot be made, or a stand-in where the real program runs."""
    assets = Path(os.environ.get("KUBESPHERE_ASSETS") or "/nonexistent")
    for item in items:
        if item.path.parent == _PRODUCT and not has_privileges():
            item.add_marker(pytest.mark.skip(reason="network namespaces take root"))
        programs = [name for mark in item.iter_markers("stand_in") for name in mark.args]
        if found := [name for name in programs if (assets / name).exists()]:
            item.add_marker(pytest.mark.skip(reason=f"KUBESPHERE_ASSETS has the real {found[0]}; this one steers it"))


@pytest.fixture(scope="session")
def product_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A host and two members; every module of tests says what it needs of them."""
    with Sandbox(tmp_path_factory.mktemp("product"), names_for(2)) as sandbox:
        side_by_side(steer, sandbox.clusters.values())
        yield sandbox


@pytest.fixture(scope="module")
def clusters(product_sandbox: Sandbox) -> dict[str, Cluster]:
    """The clusters by name, without KubeSphere when the module begins."""
    found = dict(product_sandbox.clusters)
    side_by_side(wipe, found.values())
    return found


@pytest.fixture(scope="module")
def fleet(clusters: dict[str, Cluster]) -> Fleet:
    """The inventory of all clusters."""
    return fleet_of(clusters)


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """Where Ansible runs."""
    return Controller(tmp_path_factory.mktemp("controller"))


@pytest.fixture(scope="module")
def host(clusters: dict[str, Cluster]) -> Cluster:
    """The host."""
    return clusters["host"]


@pytest.fixture(scope="module")
def member(clusters: dict[str, Cluster]) -> Cluster:
    """The first member."""
    return clusters["member-1"]


def fleet_of(clusters: dict[str, Cluster]) -> Fleet:
    """An inventory in which the cluster ``host`` is the host and the others are members."""
    return Fleet(
        hosts={"host": dict(variables(clusters["host"]))},
        members={name: dict(variables(cluster)) for name, cluster in clusters.items() if name != "host"},
        everyone={
            "kubesphere_install_timeout": 90,
            "kubesphere_import_timeout": 60,
            "kubesphere_request_timeout": 10,
        },
    )
