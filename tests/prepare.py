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
        interpreter: another Python than the one that runs this.
    """

    name: str
    requirements: tuple[str, ...]
    interpreter: Path | None = None

    @property
    def path(self) -> Path:
        """Its folder. The name has a hash of what goes in, so that what is found there is never out of date."""
        python = self.interpreter.resolve() if self.interpreter else f"{sys.base_prefix} {sys.version}"
        digest = hashlib.sha256(str(python).encode())
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

_TESTS = ("tests/requirements-tests.txt", "requirements.txt")

CORES = {
    "2.16": OLDEST,
    "2.17": Environment("core-2.17", ("tests/requirements-2.17.txt", *_TESTS)),
    "2.18": Environment("core-2.18", ("tests/requirements-2.18.txt", *_TESTS)),
    "2.19": MAIN,
}
"""Every supported ansible-core, by its line; each environment has the newest release of it."""

PYTHONS = ("3.9", "3.13")
"""The ends of the range of Pythons that modules meet on a bastion; what runs these tests lies between them."""


def bastion_python(version: str) -> Environment | None:
    """What a module needs under another Python, and no Ansible; None where this machine has no such Python."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    # pyenv's shims are there for every Python, and run only the one that is chosen.
    folders = [Path(folder) for folder in os.get_exec_path() if not folder.endswith("shims")]
    for folder in (*folders, *sorted(pyenv.glob(f"versions/{version}.*/bin"))):
        if os.access(folder / f"python{version}", os.X_OK):
            return Environment(f"python-{version}", _TESTS, folder / f"python{version}")
    return None


DOCS = Environment("docs", ("tests/requirements-docs.txt",))
"""What builds the documentation; apart, for its packages have opinions on those of the others."""


def prepare_environment(environment: Environment) -> None:
    """Make a virtual environment unless it is there.

    Raises:
        binaries.PreparationError: a step failed; the message has the step's last lines.
    """
    if environment.complete:
        return
    _require_ensurepip(environment.interpreter)
    with _locked(environment.path):
        if environment.complete:  # another make was faster
            return
        shutil.rmtree(environment.path, ignore_errors=True)
        step = f"make the virtual environment '{environment.name}'"
        if environment.interpreter:
            binaries.run_step(step, [environment.interpreter, "-m", "venv", environment.path])
        else:
            binaries.say(step)
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


def _require_ensurepip(interpreter: Path | None) -> None:
    """Debian ships Python without ensurepip, which a virtual environment needs for its pip."""
    if interpreter:
        found = (
            subprocess.run([interpreter, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0
        )
        name = interpreter.name
    else:
        found = importlib.util.find_spec("ensurepip") is not None
        name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not found:
        binaries.install_packages([f"{name}-venv"])


def prepare_matrix() -> None:
    """Make the environment of each ansible-core, and of each Python that is here."""
    pythons = filter(None, map(bastion_python, PYTHONS))
    for environment in (*CORES.values(), *pythons):
        prepare_environment(environment)


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
    "matrix": prepare_matrix,
    "release": lambda: prepare_environment(RELEASE),
    "docs": lambda: prepare_environment(DOCS),
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
