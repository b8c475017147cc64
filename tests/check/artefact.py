"""The stage ``build``: the collection is built, looked into, and installed without a network."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

from tests.check.command import BUILD, run, tool
from tests.check.results import Outcome, Result
from tests.prepare import ROOT

ALLOWED = {
    "CHANGELOG.rst",
    "CODE_OF_CONDUCT.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "bindep.txt",
    "changelogs",
    "docs",
    "extensions",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
}
"""What the artefact may hold at its top. Anything else is a file that ``build_ignore`` in galaxy.yml forgot."""

NEEDED = ("meta", "plugins", "roles", "playbooks")
"""What an installed collection must work with alone (Ansible's requirements for collections)."""

INSTALLED = BUILD / "installed"


ENVIRONMENT = {"ANSIBLE_COLLECTIONS_PATH": str(INSTALLED)}
"""So that the checkout is not taken for the collection that was installed."""


def build() -> list[Result]:
    """Build, look into the artefact, install it, and use it from there."""
    output = BUILD / "artefact"
    shutil.rmtree(output, ignore_errors=True)
    shutil.rmtree(INSTALLED, ignore_errors=True)
    galaxy = tool("ansible-galaxy")
    built = run("build", [galaxy, "collection", "build", "--output-path", output], timeout=120)
    archives = list(output.glob("*.tar.gz"))
    if built.outcome is Outcome.FAILED or not archives:
        return [built]
    install: list[str | Path] = [
        galaxy,
        "collection",
        "install",
        "--offline",
        "--collections-path",
        INSTALLED,
        archives[0],
    ]
    installed = run("install offline", install, env=ENVIRONMENT, timeout=120)
    results = [built, _contents(archives[0]), installed]
    if installed.outcome is Outcome.PASSED:
        results += _use()
    return results


def _contents(archive: Path) -> Result:
    with tarfile.open(archive) as opened:
        names = opened.getnames()
    foreign = [name for name in names if name.split("/")[0] not in ALLOWED]
    foreign += [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".orig", ".rej"))]
    if foreign:
        listed = "\n".join(f"  {name}" for name in foreign[:20])
        return Result(
            "contents",
            Outcome.FAILED,
            f"{archive.name} holds {len(foreign)} files that have no place in it; extend build_ignore in galaxy.yml:\n"
            f"{listed}",
        )
    return Result("contents", Outcome.PASSED)


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
