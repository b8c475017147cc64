"""The stage ``sanity``: ansible-test on a copy of the checkout, without any ignore file.

ansible-test insists on three things that a checkout does not have: a path that ends in
``ansible_collections/kubesphere/multicluster``, a git repository there, and a pip bootstrap script, which it would
download. The copy gives it the first two; for the third, a small script is put where it keeps its download.
It looks for that in the home folder, so it gets one in the cache, where its virtual environments stay as well.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tests.check.checkout import copy_checkout, git
from tests.check.command import BUILD, run, tool
from tests.check.results import Outcome, Result, read_junit
from tests.prepare import MAIN
from tests.sandbox.binaries import cache_dir

COPY = BUILD / "sanity" / "ansible_collections" / "kubesphere" / "multicluster"

PIP_BOOTSTRAP = Path(__file__).with_name("pip_bootstrap.py")


def sanity() -> list[Result]:
    """Run every sanity test that ansible-test has for this Python."""
    home = _home()
    copy_checkout(COPY)
    git("init", "--quiet", cwd=COPY)
    git("add", "--all", cwd=COPY)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    started = time.time()
    ended = run(
        "ansible-test sanity",
        [tool("ansible-test"), "sanity", "--local", "--python", python, "--junit", "--color", "no"],
        cwd=COPY,
        env={"HOME": str(home)},
        timeout=900,
    )
    reports = (COPY / "tests" / "output" / "junit").glob("*.xml")
    results = [result for report in sorted(reports) for result in read_junit(report)]
    if not results or (
        ended.outcome is Outcome.FAILED and all(result.outcome is not Outcome.FAILED for result in results)
    ):
        results.append(Result(ended.name, Outcome.FAILED, ended.detail, time.time() - started))
    return results


def _home() -> Path:
    """A home folder for ansible-test, with the pip bootstrap script and the user's pip settings.

    ansible-test hands no environment variables down to pip, so a mirror that is named by one has to go into a file.
    """
    home = cache_dir() / "ansible-test"
    bootstrap = home / ".ansible" / "test" / "cache" / f"get_pip_{_pip_version().replace('.', '_')}.py"
    bootstrap.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PIP_BOOTSTRAP, bootstrap)
    for setting in (".config/pip", ".netrc"):
        _link(home / setting, Path.home() / setting)
    _write_pip_settings(home / ".pip" / "pip.conf", os.environ.items())
    return home


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    if target.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)


def _write_pip_settings(file: Path, variables: Iterable[tuple[str, str]]) -> None:
    """Write ``PIP_*`` variables as pip's configuration file."""
    settings = {name[4:].lower().replace("_", "-"): value for name, value in variables if name.startswith("PIP_")}
    settings.pop("config-file", None)  # it names a file, it is no setting
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # an index URL may carry a password
    lines = [f"{key} = {' '.join(value.split())}" for key, value in sorted(settings.items())]
    file.write_text("\n".join(["[global]", *lines, ""]))


def _pip_version() -> str:
    """The pip that this ansible-test bootstraps its environments with; its file's name has it."""
    source = next(MAIN.path.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py"))
    found = re.search(r"pip='([\d.]+)'", source.read_text())
    if found is None:
        raise RuntimeError(f"{source} no longer says which pip it wants: tests/check/sanity.py has to be adapted")
    return found[1]
