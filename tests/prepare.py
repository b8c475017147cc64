"""Prepare what the demo, the tests and the linters need: virtual environments, the collection's path, the binaries.

Only the standard library is used here: this runs with the machine's Python before anything is installed. Everything
lands in the cache (see ``tests/sandbox/binaries.py``) under a name that depends on what went into it: a second call
finds it and starts no process, a changed requirement makes a new one.

    python3 -m tests.prepare                    everything
    python3 -m tests.prepare venv release       these parts only
    python3 -m tests.prepare --print-venv       where the virtual environment is, or will be
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import peers
from tests.sandbox import binaries

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

COLLECTION_PATH = ROOT / "build" / "collections"
"""Folder for ``ANSIBLE_COLLECTIONS_PATH``: the checkout appears in it under the collection's name."""

MINIMUM_PYTHON = (3, 11)


@dataclass(frozen=True)
class Environment:
    """One virtual environment of the cache.

    Attributes:
        name: what it is for.
        requirements: requirement files; the first one is installed, the others are those that it includes.
    """

    name: str
    requirements: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Its folder. The name has a hash of what goes in, so that what is found there is never out of date."""
        digest = hashlib.sha256(f"{sys.base_prefix} {sys.version}".encode())
        for file in self.requirements:
            digest.update((ROOT / file).read_bytes())
        return binaries.cache_dir() / "venvs" / f"{self.name}-{digest.hexdigest()[:12]}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def complete(self) -> bool:
        """Whether it is ready for use. The stamp is written last, so half an environment never counts."""
        return (self.path / ".complete").exists()


MAIN = Environment("main", ("tests/requirements.txt", "requirements.txt"))
"""The newest supported ansible-core, all tools."""

OLDEST = Environment("oldest", ("tests/requirements-oldest.txt",))
"""The oldest supported ansible-core and the oldest supported Kubernetes client."""

RELEASE = Environment("release", ("tests/requirements-release.txt",))
"""What looks at a release as others will, and writes its notes."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""Commands of browsers that the report's page is tested in; if there is none, the first is installed from Debian."""


def prepare_environment(environment: Environment) -> None:
    """Make a virtual environment unless it is there.

    Raises:
        binaries.PreparationError: a step failed; the message has the step's last lines.
    """
    if environment.complete:
        return
    _require_ensurepip()
    with _locked(environment.path):
        if environment.complete:  # another make was faster
            return
        shutil.rmtree(environment.path, ignore_errors=True)
        binaries.say(f"make the virtual environment '{environment.name}'")
        venv.create(environment.path, with_pip=True)
        pip: list[str | Path] = [environment.python, "-m", "pip", "--disable-pip-version-check"]
        requirements = ROOT / environment.requirements[0]
        binaries.run_step(f"install the packages of '{environment.name}'", [*pip, "install", "-r", requirements])
        (environment.path / ".complete").touch()


def link_collection() -> None:
    """Make the checkout reachable as ``ansible_collections/kubesphere/multicluster``, the only way Ansible loads it."""
    link = COLLECTION_PATH / "ansible_collections" / "kubesphere" / "multicluster"
    target = os.path.relpath(ROOT, link.parent)
    _link(link, target)


def link_environments() -> None:
    """Make two environments reachable as ``build/venv`` and ``build/release``, for people who run tools by hand."""
    for name, environment in (("venv", MAIN), ("release", RELEASE)):
        if environment.complete:
            _link(ROOT / "build" / name, str(environment.path))


def _link(link: Path, target: str) -> None:
    if link.is_symlink() and os.readlink(link) == target:  # noqa: PTH115 (the text, not a resolved path)
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target, target_is_directory=True)


def _require_ensurepip() -> None:
    """Debian ships Python without ensurepip, which a virtual environment needs for its pip."""
    if importlib.util.find_spec("ensurepip") is None:
        binaries.install_packages([f"python{sys.version_info.major}.{sys.version_info.minor}-venv"])


def browser() -> Path:
    """The browser in which the report's page is tested.

    Raises:
        binaries.PreparationError: there is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise binaries.PreparationError(f"there is no browser ({', '.join(BROWSERS)}): run 'make prepare'")
    return Path(found)


def prepare_browser() -> None:
    """Make sure that there is a browser."""
    if not any(map(shutil.which, BROWSERS)):
        binaries.install_packages(["chromium"])


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time work on a path of the cache."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


PARTS: dict[str, Callable[[], object]] = {
    "venv": lambda: prepare_environment(MAIN),
    "oldest": lambda: prepare_environment(OLDEST),
    "release": lambda: prepare_environment(RELEASE),
    "binaries": binaries.prepare,
    "collections": lambda: peers.fetch(MAIN.python),
    "browser": prepare_browser,
}
"""What can be prepared, by its name on the command line."""


def main() -> int:
    """Prepare the parts named on the command line, or all of them."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.prepare", description="Prepare the demo and the tests.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--print-venv", action="store_true", help="print the virtual environment's folder and stop")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown part: {', '.join(sorted(unknown))}")
    if sys.version_info < MINIMUM_PYTHON:
        print(
            f"prepare: {sys.executable} is Python {sys.version.split()[0]}; 3.11 or later is needed. "
            "Name another one: make PYTHON=python3.11 …",
            file=sys.stderr,
        )
        return 1
    if options.print_venv:
        print(MAIN.path)
        return 0
    started = time.monotonic()
    try:
        link_collection()
        for part in options.parts or PARTS:
            PARTS[part]()
        link_environments()
    except (binaries.PreparationError, subprocess.CalledProcessError, OSError) as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("prepare: interrupted; the next call goes on from here", file=sys.stderr)
        return 130
    seconds = time.monotonic() - started
    if seconds > 1:
        binaries.say(f"ready after {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
