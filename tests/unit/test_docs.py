"""What the documentation points to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import RELEASES

from tests.unit.documents import ROOT, all_documents, anchors, links, prose

PATH = re.compile(r"`((?:docs|inventories|molecule|playbooks|plugins|roles|tests)/[\w./-]*)`")


def dangling(document: Path) -> Iterator[str]:
    """Links that lead nowhere, and paths of the checkout in code spans that are not there."""
    for link in links(document):
        if "://" in link or link.startswith("mailto:"):
            if malformed(link):
                yield link
            continue
        path, _hash, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            yield link
    yield from (path for path in PATH.findall(prose(document)) if not (ROOT / path).exists())


def malformed(url: str) -> bool:
    """Whether a URL cannot be right; nobody is asked."""
    parts = urlsplit(url)
    return parts.scheme not in ("https", "mailto") or (parts.scheme == "https" and "." not in (parts.hostname or ""))


@pytest.mark.parametrize("document", all_documents(), ids=lambda document: str(document.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(document: Path) -> None:
    assert list(dangling(document)) == []


def test_dangling_links_and_paths_are_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(
        "# Some `code`, and more\n\n[a](b.md) [c](https://example.com) [d](#e) [f](page.md#g)\n"
        "[h](#some-code-and-more)\n"
        "[i](http://example.com) [j](https://example) `tests/nowhere.py` `tests/unit` `x` `[k](l.md)`\n"
        "```text\n[m](n.md)\n```\n"
    )
    expected = ["b.md", "#e", "page.md#g", "http://example.com", "https://example", "tests/nowhere.py"]
    assert list(dangling(document)) == expected


def test_the_support_matrix_is_that_of_the_code() -> None:
    """Releases with the same versions of Kubernetes share a line."""
    lines: dict[str, list[str]] = {}
    for tag, release in RELEASES.items():
        if release.installer:
            first, last = release.kubernetes.minimum, release.kubernetes.experimental
            line = f"{'.'.join(map(str, first))} to {'.'.join(map(str, last))}"
            lines.setdefault(f"{tag.rsplit('.', 1)[0]} {line}", []).append(tag)
    expected = [f"| {', '.join(tags)} | {key.split(' ', 1)[1]} |" for key, tags in lines.items()]
    readme = (ROOT / "README.md").read_text()
    assert [line for line in expected if line not in readme] == []
    assert len(re.findall(r"^\| v3\.", readme, re.MULTILINE)) == len(expected)
