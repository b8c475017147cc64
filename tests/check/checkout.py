"""Copies of the checkout: what git tracks, or would track, and nothing that a tool or a test has left."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.check.command import environment
from tests.prepare import ROOT


def copy_checkout(target: Path) -> None:
    """Copy the checkout to a folder, which is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in filter(None, git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")):
        source = ROOT / name
        if source.is_symlink() or source.exists():  # a file that was deleted but not yet committed is still listed
            copied = target / name
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copied, follow_symlinks=False)


def git(*arguments: str, cwd: Path = ROOT) -> str:
    """What git says."""
    return subprocess.run(
        ["git", *arguments], cwd=cwd, env=environment(), check=True, capture_output=True, text=True
    ).stdout
