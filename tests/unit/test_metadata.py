"""The collection's metadata agrees with what is in the collection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.kubesphere.multicluster.plugins.module_utils.version import VERSION

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


CERTIFIED_TAGS = {
    "ai", "application", "cloud", "database", "eda", "infrastructure", "linux", "monitoring", "networking", "security",
    "storage", "tools", "windows",
}  # fmt: skip
"""Automation Hub wants one of them."""


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


def test_a_tag_of_the_certification() -> None:
    assert CERTIFIED_TAGS.intersection(load("galaxy.yml")["tags"])


def test_dependencies_are_bounded_and_never_pinned() -> None:
    needed = (ROOT / "requirements.txt").read_text()
    for line in filter(None, (line.partition("#")[0].strip() for line in needed.splitlines())):
        assert re.fullmatch(r"[\w-]+((>=|!=)[\d.]+(,|$))*", line), f"{line}: a lower bound, or what is known to be bad"
    assert "ansible" not in needed  # which Automation Hub does not take
    assert load("galaxy.yml")["dependencies"] == {}
    assert re.fullmatch(r">=[\d.]+", load("meta/runtime.yml")["requires_ansible"])


def test_the_oldest_ansible_core_is_the_one_that_is_tested() -> None:
    oldest = load("meta/runtime.yml")["requires_ansible"].removesuffix(".0")
    assert f"ansible-core{oldest}," in (ROOT / "tests/requirements-oldest.txt").read_text()


def test_no_linter_is_silenced() -> None:
    assert list(ROOT.glob("tests/sanity/ignore*")) == []
    assert load(".ansible-lint").keys().isdisjoint({"skip_list", "warn_list", "skip_action_validation"})
    assert load(".ansible-lint")["profile"] == "production"
    content = [file for folder in ("roles", "playbooks", "meta") for file in (ROOT / folder).rglob("*.yml")]
    assert [file for file in content if re.search(r"#\s*noqa|yamllint disable", file.read_text())] == []
