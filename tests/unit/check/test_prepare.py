"""Virtual environments are made once, again when their requirements change, and never taken half made."""

from __future__ import annotations

import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import prepare
from tests.sandbox import binaries


class Installer:
    """Takes the place of venv and pip."""

    def __init__(self) -> None:
        self.runs = 0
        self.fails = False

    def create(self, path: Path, **_options: Any) -> None:
        path.mkdir()

    def run_step(self, step: str, command: Sequence[str | Path]) -> None:
        self.runs += 1
        assert "pip" in command
        if self.fails:
            raise binaries.PreparationError(f"{step} failed")


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    """An installer that installs nothing, and a checkout and a cache of their own."""
    made = Installer()
    monkeypatch.setenv("KUBESPHERE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(venv, "create", made.create)
    monkeypatch.setattr(binaries, "run_step", made.run_step)
    (tmp_path / "requirements.txt").write_text("one\n")
    return made


ENVIRONMENT = prepare.Environment("sample", ("requirements.txt",))


def test_a_second_call_installs_nothing(installer: Installer) -> None:
    prepare.prepare_environment(ENVIRONMENT)
    prepare.prepare_environment(ENVIRONMENT)
    assert installer.runs == 1


def test_a_changed_requirement_makes_a_new_one(installer: Installer, tmp_path: Path) -> None:
    prepare.prepare_environment(ENVIRONMENT)
    before = ENVIRONMENT.path
    (tmp_path / "requirements.txt").write_text("two\n")
    assert not ENVIRONMENT.complete
    prepare.prepare_environment(ENVIRONMENT)
    assert ENVIRONMENT.path != before
    assert installer.runs == 2


def test_half_an_environment_is_made_again(installer: Installer) -> None:
    installer.fails = True
    with pytest.raises(binaries.PreparationError):
        prepare.prepare_environment(ENVIRONMENT)
    assert ENVIRONMENT.path.exists()
    assert not ENVIRONMENT.complete
    (ENVIRONMENT.path / "left-over").touch()
    installer.fails = False
    prepare.prepare_environment(ENVIRONMENT)
    assert ENVIRONMENT.complete
    assert not (ENVIRONMENT.path / "left-over").exists()
