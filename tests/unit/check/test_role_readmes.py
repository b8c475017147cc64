"""Checks of the roles find what they are for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.check import role_readmes
from tests.check.results import Outcome
from tests.prepare import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the checks read, in good order."""
    for folder in ("roles", "playbooks", "inventories"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    role_readmes.write(tmp_path)
    return tmp_path


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def problems(root: Path) -> str:
    return "\n".join(result.detail for result in role_readmes.check(root) if result.outcome is Outcome.FAILED)


def test_good_order(checkout: Path) -> None:
    assert problems(checkout) == ""


@pytest.mark.parametrize("role", role_readmes.role_names())
def test_every_role_has_an_introduction_variables_and_an_example(role: str) -> None:
    text = role_readmes.readme(role)
    assert text.splitlines()[2] == f"# kubesphere.multicluster.{role}"
    assert "\n## Variables\n\n" in text and "\n- `kubesphere_" in text
    assert "```yaml\n" in text.partition("\n## Example\n")[2]


def test_readme_that_was_edited_or_is_missing(checkout: Path) -> None:
    edit(checkout / "roles" / "import" / "README.md", "## Example", "## Examples")
    (checkout / "roles" / "render" / "README.md").unlink()
    assert problems(checkout).splitlines() == [
        f"roles/{role}/README.md is not what its role says. Run: python -m tests.check.role_readmes --write"
        for role in ("import", "render")
    ]


def test_description_that_is_missing_or_another(checkout: Path) -> None:
    edit(checkout / "roles/import/meta/main.yml", "Import members", "Imports members")
    edit(checkout / "roles/render/meta/main.yml", "  description: Write the manifests of an installation\n", "")
    found = problems(checkout).splitlines()
    assert [line.partition(":")[0] for line in found] == ["roles/import/meta/main.yml", "roles/render/meta/main.yml"]


def test_default_that_is_documented_otherwise(checkout: Path) -> None:
    edit(
        checkout / "roles/kubesphere/defaults/main.yml",
        "kubesphere_import_timeout: 600",
        "kubesphere_import_timeout: 6",
    )
    assert problems(checkout) == (
        "kubesphere_import_timeout: roles/kubesphere/defaults/main.yml has 6, meta/argument_specs.yml has 600"
    )


def test_default_that_is_not_documented(checkout: Path) -> None:
    edit(checkout / "roles/kubesphere/defaults/main.yml", "kubesphere_adopt: false", "kubesphere_adapt: false")
    assert "kubesphere_adapt: roles/kubesphere/defaults/main.yml has False" in problems(checkout)
    assert "kubesphere_adopt: roles/kubesphere/defaults/main.yml has 'nothing'" in problems(checkout)


def test_variable_that_no_argument_spec_knows(checkout: Path) -> None:
    edit(checkout / "roles/kubesphere/vars/main/road.yml", "kubesphere_alias |", "kubesphere_alais |")
    edit(checkout / "roles/import/tasks/import.yml", "kubesphere_in_flight", "kubesphere_in_fleet")
    found = problems(checkout)
    assert "kubesphere_alais is read in roles/kubesphere/vars and is not in" in found
    assert "kubesphere_in_fleet is read in roles/import/tasks and is not in" in found
    assert "kubesphere_alias is in roles/kubesphere/meta/argument_specs.yml and no role reads it" in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C(host[:port][/path])", "`host[:port][/path]`"),
        ("V(agent) and E(K8S_AUTH_*)", "`agent` and `K8S_AUTH_*`"),
        ("the module M(a.b.c)", "the module `a.b.c`"),
        ("P(kubesphere.multicluster.kubesphere#role)", "`kubesphere.multicluster.kubesphere`"),
        ("C(f(x)) is a call", "`f(x)` is a call"),
        (
            "see U(https://kubesphere.io) or L(this, https://kubesphere.io)",
            "see <https://kubesphere.io> or [this](https://kubesphere.io)",
        ),
    ],
)
def test_markup(text: str, expected: str) -> None:
    assert role_readmes._markdown(text) == expected
