"""Collections of others, to compare with and to test with. PyPI's package ``ansible`` has them; Galaxy is not asked."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from tests.sandbox import binaries

PACKAGE = "ansible==12.3.0"
"""PyPI package that they are taken out of."""

COLLECTIONS = ("awx.awx", "kubernetes.core")


def folder() -> Path:
    """Folder for ``ANSIBLE_COLLECTIONS_PATH``, once they were fetched."""
    return binaries.cache_dir() / "peers" / PACKAGE.replace("==", "-")


def path(name: str) -> Path:
    """Folder of one of them."""
    return folder() / "ansible_collections" / Path(*name.split("."))


def fetch(python: str | Path) -> None:
    """Take them out of the package, once per machine.

    Args:
        python: interpreter whose pip downloads it.

    Raises:
        binaries.PreparationError: it could not be had.
    """
    if all((path(name) / "MANIFEST.json").exists() for name in COLLECTIONS):
        return
    folder().mkdir(parents=True, exist_ok=True)
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps", PACKAGE]
    with tempfile.TemporaryDirectory(dir=folder()) as download:
        binaries.run_step(f"download {PACKAGE} (54 MB)", pip, cwd=Path(download))
        with zipfile.ZipFile(next(Path(download).glob("ansible-*.whl"))) as archive:
            for name in COLLECTIONS:
                _extract(archive, f"ansible_collections/{name.replace('.', '/')}/")


def _extract(archive: zipfile.ZipFile, prefix: str) -> None:
    wanted = [name for name in archive.namelist() if name.startswith(prefix)]
    # The manifest is what a complete collection is known by, so it comes last.
    for name in sorted(wanted, key=f"{prefix}MANIFEST.json".__eq__):
        archive.extract(name, folder())
