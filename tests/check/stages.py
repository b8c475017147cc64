"""The stages of ``make test``, in the order in which they run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.check.artefact import build
from tests.check.command import run, tool
from tests.check.matrix import matrix
from tests.check.pytests import run_pytest
from tests.check.results import Outcome, Result
from tests.check.role_readmes import check as check_roles
from tests.check.sanity import sanity
from tests.prepare import COLLECTION_PATH, MAIN, RELEASE, ROOT

TRAVELS = ("plugins/module_utils", "plugins/modules")
"""What Ansible copies to where a task's connection leads."""


def lint() -> list[Result]:
    """Style, types, YAML, what Ansible's own linters find, licences, and the roles' READMEs and variables."""
    # mypy gets the plugins by their collection path: that is what they are called when they import each other.
    collection = (COLLECTION_PATH / "ansible_collections" / "kubesphere" / "multicluster").relative_to(ROOT)
    mypy = run("mypy", [tool("mypy"), "tests", "molecule", collection / "plugins"], timeout=600)
    return [
        run("ruff check", [tool("ruff"), "check", "."], timeout=120),
        run("ruff format", [tool("ruff"), "format", "--check", "."], timeout=120),
        replace(mypy, detail=mypy.detail.replace(f"{collection}/", "")),
        # What travels to a bastion runs under its Python, whatever runs this.
        run("vermin", [tool("vermin"), "--target=3.9-", "--violations", "--quiet", *TRAVELS], timeout=120),
        run("yamllint", [tool("yamllint"), "--strict", "."], timeout=120),
        run("ansible-lint", [tool("ansible-lint"), "--nocolor"], timeout=600),
        run("antsibull-changelog", [tool("antsibull-changelog", RELEASE), "lint"], timeout=120, venv=RELEASE),
        run("antsibull-docs", _antsibull_docs(), timeout=300, venv=RELEASE),
        run("reuse", [tool("reuse", RELEASE), "lint", "--lines"], timeout=120),
        *check_roles(),
    ]


def _antsibull_docs() -> list[str | Path]:
    """Whether the documentation of plugins and roles can be made, and what it refers to is there."""
    references = ["--validate-collection-refs=all", "--disallow-unknown-collection-refs"]
    return [tool("antsibull-docs", RELEASE), "lint-collection-docs", "--plugin-docs", *references, "."]


def unit() -> list[Result]:
    """The unit tests."""
    return run_pytest("unit", ["tests/unit"], MAIN, timeout=900)


def docs() -> list[Result]:
    """The documentation, built without a warning."""
    return [run("build", [MAIN.python, "-m", "tests.docsite"], timeout=300)]


def integration() -> list[Result]:
    """The tests against real API servers."""
    # Half an hour on an idle machine; KubeSphere's own programs, where they are given, take longer than stand-ins.
    timeout = 4500 if os.environ.get("KUBESPHERE_ASSETS") else 3300
    return run_pytest("integration", ["tests/integration"], MAIN, timeout=timeout)


def torture() -> list[Result]:
    """A sample of what `make torture` does: runs on real API servers that are killed and disturbed."""
    return run_pytest("torture", ["tests/torture"], MAIN, timeout=900)


def molecule() -> list[Result]:
    """Every molecule scenario, each from creation to destruction."""
    return [_scenario(file.parent.name) for file in sorted(ROOT.glob("molecule/*/molecule.yml"))]


def _scenario(name: str) -> Result:
    tested = False
    try:
        result = run(f"scenario {name}", _molecule("test", name), env={"NO_COLOR": "1"}, timeout=900)
        tested = result.outcome is Outcome.PASSED
        return result
    finally:
        if not tested:  # molecule clears up after a failure, but not where it was ended itself
            run(f"destroy {name}", _molecule("destroy", name), timeout=120)


def _molecule(command: str, scenario: str) -> list[str | Path]:
    return [tool("molecule"), command, "--scenario-name", scenario]


STAGES: dict[str, Callable[[], list[Result]]] = {
    stage.__name__: stage for stage in (lint, sanity, unit, matrix, docs, integration, torture, molecule, build)
}
"""All stages by name. A new one is a function that returns results, added here, and its target in the Makefile."""
