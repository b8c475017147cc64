"""The collection's metadata agrees with what is in the collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.kubesphere.multicluster.plugins.module_utils.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_every_module_is_in_the_action_group() -> None:
    modules = {file.stem for file in (ROOT / "plugins" / "modules").glob("*.py")} - {"__init__"}
    assert set(load("meta/runtime.yml")["action_groups"]["multicluster"]) == modules


def test_a_release_note_is_waiting_or_written_for_this_version() -> None:
    version = load("galaxy.yml")["version"]
    released = load("changelogs/changelog.yaml")["releases"]
    fragments = {file.stem for file in (ROOT / "changelogs" / "fragments").glob("*.yml")}
    assert version in released or version in fragments


def test_code_knows_the_version_that_galaxy_is_told() -> None:
    assert load("galaxy.yml")["version"] == VERSION
