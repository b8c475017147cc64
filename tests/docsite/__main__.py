"""Build the documentation: ``python -m tests.docsite``.

The pages of modules, plugins and roles are made by antsibull-docs of what ``ansible-doc`` says. The README and the
guides are taken as they are, but for links to files that are no pages: these lead to the repository. A warning of
Sphinx, such as of a link without a target, is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

from tests.prepare import COLLECTION_PATH, DOCS, MAIN, ROOT

SOURCES = ROOT / "build" / "docs" / "source"
"""What Sphinx reads."""

PAGES = ROOT / "build" / "docs" / "html"
"""What it writes."""

COLLECTION = "kubesphere.multicluster"
REPOSITORY = "https://github.com/kubesphere/multicluster"
GUIDES = "docs"
PLUGINS = "collection"

LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "callback_plugins": "plugins/callback.html",
    "common_return_values": "reference_appendices/common_return_values.html",
    "module_defaults_groups": "user_guide/playbooks_module_defaults.html",
}
"""Labels of Ansible's documentation that pages of antsibull-docs name."""

VARIABLES = ("ANSIBLE_NOCOLOR", "NO_COLOR")
"""Environment variables of Ansible's own that documentation of ours names."""

_PICTURES = (".png", ".svg")

_LINK = re.compile(r"\]\(([^()\s]+)\)")
_TOC = "\n```{{toctree}}\n:hidden:\n:caption: {caption}\n{pages}\n```\n"


def build() -> int:
    """Build everything; the exit status."""
    shutil.rmtree(SOURCES.parent, ignore_errors=True)
    SOURCES.mkdir(parents=True)
    _write_labels(SOURCES / "ansible.inv")
    ended = _tool("antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error",
                  "--dest-dir", _folder(SOURCES / PLUGINS), COLLECTION)  # fmt: skip
    if ended:
        return ended
    guides = sorted((ROOT / GUIDES).glob("*.md"))
    _folder(SOURCES / GUIDES)
    for guide in guides:
        _write(guide, SOURCES / GUIDES / guide.name, "")
    for picture in (file for file in (ROOT / GUIDES).iterdir() if file.suffix in _PICTURES):
        shutil.copy2(picture, SOURCES / GUIDES)
    listed = _listed(ROOT / GUIDES / "README.md", guides)
    _write(ROOT / "README.md", SOURCES / "index.md", _toc("Guides", listed) + _toc("Reference", [f"{PLUGINS}/index"]))
    settings = Path(__file__).parent
    return _tool("sphinx-build", "-W", "--keep-going", "--quiet", "-c", settings, "-b", "html", SOURCES, PAGES)


def _listed(contents: Path, guides: list[Path]) -> list[str]:
    """The guides in the order of their table of contents; those that it does not have come last."""
    order = [contents.name, *_LINK.findall(contents.read_text())]
    last = len(order)
    ranked = sorted(guides, key=lambda guide: order.index(guide.name) if guide.name in order else last)
    return [f"{GUIDES}/{guide.stem}" for guide in ranked]


def _toc(caption: str, pages: list[str]) -> str:
    return _TOC.format(caption=caption, pages="\n".join(pages))


def _write(document: Path, page: Path, end: str) -> None:
    """Write a document as a page."""
    text = _LINK.sub(lambda match: f"]({_target(document, page, match[1])})", document.read_text())
    page.write_text(text + end)


def _target(document: Path, page: Path, link: str) -> str:
    """Where a link of a document leads on the site."""
    path, hash_sign, anchor = link.partition("#")
    if not path or "://" in link:
        return link
    file = Path(os.path.normpath(document.parent / path)).relative_to(ROOT)
    target = _page_of(file)
    if target is None:
        kind = "tree" if (ROOT / file).is_dir() else "blob"
        return f"{REPOSITORY}/{kind}/main/{file}{hash_sign}{anchor}"
    return f"{os.path.relpath(SOURCES / target, page.parent)}{hash_sign}{anchor}"


def _page_of(file: Path) -> Path | None:
    """The source of the page that a file has on the site; None if it has none."""
    if file == Path("README.md"):
        return Path("index.md")
    if file.parent == Path(GUIDES) and file.suffix == ".md":
        return file
    if file.parent == Path(GUIDES) and file.suffix in _PICTURES:
        return file
    if file.name == "README.md" and file.parts[0] == "roles":
        return Path(PLUGINS, f"{file.parts[1]}_role.rst")
    return None


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o755)  # antsibull-docs takes none that others may write to
    return path


def _write_labels(file: Path) -> None:
    """Write the labels of Ansible's documentation as Sphinx's inventory of it."""
    head = "# Sphinx inventory version 2\n# Project: Ansible\n# Version: \n# The remainder is compressed using zlib.\n"
    lines = [f"{label} std:label -1 {page} -\n" for label, page in LABELS.items()]
    lines += [f"{name} std:envvar -1 reference_appendices/config.html#envvar-$ -\n" for name in VARIABLES]
    file.write_bytes(head.encode() + zlib.compress("".join(lines).encode()))


def _tool(program: str, *arguments: str | Path) -> int:
    path = os.pathsep.join([str(DOCS.path / "bin"), str(MAIN.path / "bin"), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION_PATH), "LC_ALL": "C.UTF-8"}
    return subprocess.run([program, *map(str, arguments)], cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    status = build()
    if not status:
        print(f"{PAGES / 'index.html'}")
    sys.exit(status)
