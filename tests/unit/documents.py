"""The documents for users, taken apart for the tests: their code blocks, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+(?:\([^()]*\))?)\)")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes:
        document: its file, from the root.
        line: number of its first line there.
        language: what the fence says it is.
        text: what is in it, without the indentation of the fence.
    """

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def guides() -> list[Path]:
    """README.md and the pages of docs."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def all_documents() -> list[Path]:
    """Whatever is written in Markdown for people."""
    folders = ("*.md", "docs/**/*.md", "roles/*/README.md", "tests/*/README.md", "extensions/**/*.md")
    return sorted(document for folder in folders for document in ROOT.glob(folder))


def blocks(document: Path) -> Iterator[Block]:
    """The code blocks of a document."""
    text = document.read_text()
    for match in _FENCE.finditer(text):
        indent = len(match["indent"])
        inside = "".join(line[indent:] or "\n" for line in match["text"].splitlines(keepends=True))
        line = text.count("\n", 0, match.start()) + 2
        yield Block(str(document.relative_to(ROOT)), line, match["language"], inside)


def prose(document: Path) -> str:
    """A document without its code blocks."""
    return _FENCE.sub("", document.read_text())


def links(document: Path) -> list[str]:
    """The targets of a document's links."""
    without_code = re.sub(r"(`+).+?\1", "", prose(document))
    return _LINK.findall(without_code)


def anchors(document: Path) -> set[str]:
    """What a link into a document may name: its headings, as GitHub calls them."""
    found: dict[str, int] = {}
    names = set()
    for heading in _HEADING.findall(prose(document)):
        text = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        names.add(f"{slug}-{count}" if count else slug)
    return names
