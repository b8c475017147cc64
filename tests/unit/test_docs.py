"""What the documentation points to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)[^)]*\)")
PATH = re.compile(r"`((?:docs|inventories|molecule|playbooks|plugins|roles|tests)/[\w./-]*)`")


def documents() -> list[Path]:
    folders = ("*.md", "docs/**/*.md", "roles/*/README.md", "tests/*/README.md")
    return sorted(document for folder in folders for document in ROOT.glob(folder))


def dangling(document: Path) -> Iterator[str]:
    """Relative links, and paths of the checkout in code spans, that lead nowhere."""
    text = document.read_text()
    yield from (link for link in LINK.findall(text) if not (document.parent / link).exists())
    yield from (path for path in PATH.findall(text) if not (ROOT / path).exists())


@pytest.mark.parametrize("document", documents(), ids=lambda document: str(document.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(document: Path) -> None:
    assert list(dangling(document)) == []


def test_dangling_links_and_paths_are_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("[a](b.md) [c](https://example.com) [d](#e) [f](page.md#g) `tests/nowhere.py` `tests/unit` `x`")
    assert list(dangling(document)) == ["b.md", "tests/nowhere.py"]
