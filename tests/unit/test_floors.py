"""The house has floors, and each imports only from below; see docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = "ansible_collections.kubesphere.multicluster"

FLOORS = [
    "plugins.module_utils.version",
    "plugins.module_utils.kube",
    "plugins.module_utils.kubesphere",
    "plugins.module_utils.goals",
    "plugins.plugin_utils",
]
"""From the ground up. What Ansible loads stands on top of all of them."""

TOP = ["action", "modules", "filter", "inventory", "callback", "lookup"]

ABOVE_GOALS = ["action", "callback", "modules", "plugin_utils"]

SLEEPERS = {
    "plugins/module_utils/kube/wait.py",  # the wait loop
    "plugins/module_utils/kube/session.py",  # the pause before a request is sent again
    "plugins/module_utils/kube/pace.py",  # whose turn it is to write
}

SHELL = ("os.system", "os.popen", "subprocess")

RUNNERS = {
    "plugins/module_utils/kube/exec_plugin.py",  # a kubeconfig's credential plugin is a program; no shell
}


def package(file: Path) -> str:
    """The dotted name of the package that a file is in."""
    return ".".join(file.relative_to(ROOT).parent.parts)


def imported(file: Path) -> Iterator[str]:
    """Absolute names of the modules that a file imports, wherever in it; those of the collection begin at plugins."""
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package(file).split(".")
                base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])
            base = base.removeprefix(f"{HERE}.")
            # A package's submodules are imported by name: from ..kube import kubeconfig.
            yield from (f"{base}.{alias.name}" for alias in node.names)


def floor(name: str) -> int:
    """Number of the floor that a module of the collection is on; what is in none of the lists is a test failure."""
    for number, prefix in enumerate(FLOORS):
        if name == prefix or name.startswith(prefix + "."):
            return number
    if name.split(".")[1] in TOP:
        return len(FLOORS)
    raise AssertionError(f"{name} is on no floor: give it one in tests/unit/test_floors.py and docs/architecture.md")


def files(*folders: str) -> list[Path]:
    """Python files under folders, doc fragments and empty packages aside."""
    found = (file for folder in folders for file in (ROOT / folder).rglob("*.py"))
    return sorted(file for file in found if file.parent.name != "doc_fragments" and file.stat().st_size)


def label(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", files("plugins"), ids=label)
def test_imports_come_from_the_same_floor_or_from_below(file: Path) -> None:
    own = floor(".".join(file.relative_to(ROOT).with_suffix("").parts))
    above = [name for name in imported(file) if name.startswith("plugins.") and floor(name) > own]
    assert not above


@pytest.mark.parametrize("file", files(*(f"plugins/{each}" for each in ABOVE_GOALS)), ids=label)
def test_plugins_reach_clusters_through_goals_only(file: Path) -> None:
    direct = [name for name in imported(file) if name.startswith(("plugins.module_utils.kube", "urllib", "kubernetes"))]
    assert not direct


@pytest.mark.parametrize("file", files("plugins/module_utils/kube", "plugins/module_utils/kubesphere"), ids=label)
def test_domain_and_cluster_access_know_no_ansible(file: Path) -> None:
    assert not [name for name in imported(file) if name.split(".")[0] in ("ansible", "ansible_collections")]


@pytest.mark.parametrize("file", files("plugins/module_utils/kube"), ids=label)
def test_cluster_access_knows_no_kubesphere(file: Path) -> None:
    text = file.read_text().replace("kubesphere.multicluster", "")  # our own name
    assert re.search("kubesphere", text, re.IGNORECASE) is None


@pytest.mark.parametrize("file", files("plugins/module_utils/kubesphere"), ids=label)
def test_domain_speaks_no_http(file: Path) -> None:
    clients = ("urllib3", "urllib.request", "http.client", "requests", "kubernetes", "socket")
    assert not [name for name in imported(file) if name.startswith(clients)]


@pytest.mark.parametrize("file", files("plugins"), ids=label)
def test_nothing_is_shelled_out_to(file: Path) -> None:
    assert label(file) in RUNNERS or not [name for name in imported(file) if name.startswith(SHELL)]


@pytest.mark.parametrize("file", files("plugins/module_utils"), ids=label)
def test_waiting_is_done_in_one_place(file: Path) -> None:
    """Whoever sleeps elsewhere has a second wait loop."""
    assert "time.sleep(" not in file.read_text() or label(file) in SLEEPERS


@pytest.mark.parametrize("file", files("tests/sandbox", "tests/simulation"), ids=label)
def test_sandbox_shares_no_code_with_what_it_checks(file: Path) -> None:
    """A stand-in that did would agree with its mistakes."""
    assert not [name for name in imported(file) if name.startswith(("plugins", "ansible_collections", "ansible."))]


@pytest.mark.parametrize("file", files("tests/check", "tests/prepare.py"), ids=label)
def test_checker_needs_nothing_of_what_it_checks(file: Path) -> None:
    assert not [name for name in imported(file) if name.startswith(("plugins", "ansible_collections"))]


def test_roles_do_not_work_around_the_modules() -> None:
    """Roles call modules of ours: no shell, no kubectl, no waiting by until."""
    tasks = sorted((ROOT / "roles").rglob("tasks/*.yml"))
    modules = r"ansible\.builtin\.(?:shell|command|raw|script|uri)|kubernetes\.core\.\S+"
    forbidden = re.compile(rf"^\s*(until|retries|{modules}):", re.MULTILINE)
    assert {label(file): found for file in tasks if (found := forbidden.findall(file.read_text()))} == {}
    assert tasks
