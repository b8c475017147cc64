"""The stage ``build``: the collection is built twice, looked into, imported as Galaxy does, and installed offline."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from tests.check.checkout import copy_checkout, git
from tests.check.command import BUILD, run, tool
from tests.check.importer import import_as_galaxy_does
from tests.check.repack import repack
from tests.check.results import Outcome, Result
from tests.prepare import ROOT

ALLOWED = {
    "CHANGELOG.rst": (),
    "CODE_OF_CONDUCT.md": (),
    "FILES.json": (),
    "LICENSE": (),
    "LICENSES": (".txt",),
    "MANIFEST.json": (),
    "README.md": (),
    "REUSE.toml": (),
    "SECURITY.md": (),
    "bindep.txt": (),
    "changelogs": (".yaml",),
    "docs": (".md", ".rst", ".svg", ".yml"),
    "extensions": (".yml",),
    "meta": (".txt", ".yml"),
    "playbooks": (".yml",),
    "plugins": (".py", ".yml"),
    "requirements.txt": (),
    "roles": (".css", ".j2", ".js", ".md", ".yml"),
}
"""What the artefact may hold at its top, and the endings of the files below. Anything else is a file that
``build_ignore`` in galaxy.yml forgot."""

LARGEST = 512 * 1024
"""Bytes that the artefact may have. It is fetched by everybody who installs the collection."""

NEEDED = ("meta", "plugins", "roles", "playbooks")
"""What an installed collection must work with alone (Ansible's requirements for collections)."""

INSTALLED = BUILD / "installed"


ENVIRONMENT = {"ANSIBLE_COLLECTIONS_PATH": str(INSTALLED)}
"""So that the checkout is not taken for the collection that was installed."""

_LONG_AGO = 1_000_000_000  # the time of the files in the second copy


def build() -> list[Result]:
    """Build, look into the artefact, install it, and use it from there."""
    built, archive = _build(ROOT, BUILD / "artefact")
    if archive is None:
        return [built]
    shutil.rmtree(INSTALLED, ignore_errors=True)
    install: list[str | Path] = [
        tool("ansible-galaxy"),
        "collection",
        "install",
        "--offline",
        "--collections-path",
        INSTALLED,
        archive,
    ]
    installed = run("install offline", install, env=ENVIRONMENT, timeout=120)
    results = [
        built,
        _same_elsewhere(archive),
        Result.of("contents", foreign(archive)),
        _size(archive),
        import_as_galaxy_does(archive),
        installed,
    ]
    if installed.outcome is Outcome.PASSED:
        results += _use()
    return results


def _build(checkout: Path, output: Path) -> tuple[Result, Path | None]:
    """Build the artefact of a checkout, with the time of the last commit for all that is in it."""
    shutil.rmtree(output, ignore_errors=True)
    command: list[str | Path] = [tool("ansible-galaxy"), "collection", "build", "--output-path", output]
    built = run("build", command, cwd=checkout, timeout=120)
    archive = next(iter(output.glob("*.tar.gz")), None)
    if built.outcome is Outcome.FAILED or archive is None:
        return built, None
    repack(archive, int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct")))
    return built, archive


def _same_elsewhere(archive: Path) -> Result:
    """Whether another copy of the checkout, with other times and without what a used one has, gives the same bytes."""
    name, copy = "the same elsewhere", BUILD / "elsewhere" / "checkout"
    copy_checkout(copy)
    for path in copy.rglob("*"):
        os.utime(path, (_LONG_AGO, _LONG_AGO), follow_symlinks=False)
    built, again = _build(copy, copy.parent / "artefact")
    if again is None:
        return built
    sums = [hashlib.sha256(each.read_bytes()).hexdigest() for each in (archive, again)]
    return Result.of(name, [] if sums[0] == sums[1] else [f"{archive} is {sums[0]}", f"{again} is {sums[1]}"])


def foreign(archive: Path) -> list[str]:
    """Files of the artefact that have no place in it."""
    with tarfile.open(archive) as opened:
        names = [PurePosixPath(entry.name) for entry in opened if not entry.isdir()]
    return [f"{name} has no place in the artefact: extend build_ignore in galaxy.yml" for name in names if _odd(name)]


def _odd(name: PurePosixPath) -> bool:
    top = name.parts[0]
    return top not in ALLOWED or (len(name.parts) > 1 and name.suffix not in ALLOWED[top])


def _size(archive: Path) -> Result:
    size = archive.stat().st_size
    large = [f"{archive.name} has {size} bytes, more than {LARGEST}; see what it holds"] if size > LARGEST else []
    return Result.of("size", large)


def _use() -> list[Result]:
    """Load every module's documentation and every playbook, with only the folders there that may be needed."""
    collection = INSTALLED / "ansible_collections" / "kubesphere" / "multicluster"
    for entry in collection.iterdir():
        if entry.is_dir() and entry.name not in NEEDED:
            shutil.rmtree(entry)
    results = [_documentation()]
    inventory = "kubesphere_host,kubesphere_members,"
    for playbook in sorted((ROOT / "playbooks").glob("*.yml")):
        name = f"kubesphere.multicluster.{playbook.stem}"
        command: list[str | Path] = [tool("ansible-playbook"), "--syntax-check", "-i", inventory, name]
        results.append(run(f"load playbook {playbook.stem}", command, env=ENVIRONMENT, cwd=BUILD, timeout=60))
    return results


def _documentation() -> Result:
    """Whether ansible-doc finds each module of the checkout in the installed collection."""
    name = "document modules"
    expected = {
        f"kubesphere.multicluster.{file.stem}"
        for file in (ROOT / "plugins" / "modules").glob("*.py")
        if file.stem != "__init__"
    }
    if not expected:
        return Result(name, Outcome.FAILED, "plugins/modules holds no module")
    command: list[str | Path] = [tool("ansible-doc"), "--json", "--type", "module", *sorted(expected)]
    result = run(name, command, env=ENVIRONMENT, cwd=BUILD, timeout=60)
    if result.outcome is Outcome.FAILED:
        return result
    missing = expected - set(json.loads(result.detail[result.detail.index("{") :]))
    if missing:
        return Result(name, Outcome.FAILED, f"not found once installed: {', '.join(sorted(missing))}", result.seconds)
    return result
