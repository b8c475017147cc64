"""ansible-builder makes of the definition what is needed to build the image, and finds what the collection needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.check.command import run, tool
from tests.check.results import Outcome
from tests.prepare import COLLECTION_PATH, ROOT

DEFINITION = ROOT / "extensions" / "execution-environment" / "execution-environment.yml"


def built(*arguments: str | Path) -> str:
    result = run("ansible-builder", [tool("ansible-builder"), *arguments], timeout=120)
    assert result.outcome is Outcome.PASSED, result.detail
    return result.detail


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build starts from."""
    folder = tmp_path_factory.mktemp("ee") / "context"
    built("create", "-f", DEFINITION, "-c", folder, "--output-filename", "Containerfile")
    return folder


def test_the_image_gets_ansible_and_the_collection(context: Path) -> None:
    lines = (context / "Containerfile").read_text().splitlines()
    definition = yaml.safe_load(DEFINITION.read_text())
    assert f'ARG EE_BASE_IMAGE="{definition["images"]["base_image"]["name"]}"' in lines
    assert 'ARG PYPKG="python3.12"' in lines
    text = "\n".join(lines)
    for dependency in ("ansible_core", "ansible_runner"):
        assert definition["dependencies"][dependency]["package_pip"] in text
    assert "ansible-galaxy collection install" in text
    assert lines[-3:] == ["USER 1000", 'ENTRYPOINT ["/opt/builder/bin/entrypoint", "dumb-init"]', 'CMD ["bash"]']
    wanted = yaml.safe_load((context / "_build" / "requirements.yml").read_text())
    assert [each["name"] for each in wanted["collections"]] == ["kubesphere.multicluster"]


def test_the_build_finds_what_the_collection_needs(tmp_path: Path) -> None:
    """The step of the build that looks at the collections in the image; PyYAML it leaves to ansible-core."""
    python, system = tmp_path / "requirements.txt", tmp_path / "bindep.txt"
    built("introspect", COLLECTION_PATH, "--write-pip", python, "--write-bindep", system)
    found = {line.split("#")[0].strip() for line in python.read_text().splitlines()} - {""}
    assert found == lines_of("requirements.txt") - {"PyYAML>=6.0"}
    assert not system.exists() or not system.read_text().strip()


def lines_of(name: str) -> set[str]:
    return {line for line in (ROOT / name).read_text().splitlines() if not line.startswith("#")}


def test_the_image_has_what_a_control_node_needs() -> None:
    core = yaml.safe_load(DEFINITION.read_text())["dependencies"]["ansible_core"]["package_pip"]
    lowest = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    assert lowest.removesuffix(".0") in core
