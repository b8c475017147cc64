# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of writing a report."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals import report
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

from tests.unit.kubesphere.reports import large, of, seen

FILES = {"report.json", "report.md", "index.html"}


def rendered(found: dict[str, Any], _templates: str) -> dict[str, str]:
    return {"report.md": f"# {found['host']}\n", "index.html": "<p>"}


@pytest.fixture
def umask() -> Iterator[int]:
    """The user lets the group read."""
    former = os.umask(0o027)
    yield 0o027
    os.umask(former)


def write(folder: Path, check_mode: bool = False, **options: Any) -> Result:
    given = {"path": str(folder), "report": None, "parts": [], "templates": "/templates", **options}
    return report.goal(rendered).run(given, Context(check_mode=check_mode))


def part(path: Path, text: str | None = None, **found: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(of(seen("a"), **found)) if text is None else text)
    return str(path)


def test_three_files_with_the_rights_that_the_umask_leaves(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "build" / "report"
    result = write(folder, report=of(seen("a")))
    assert {file.name for file in folder.iterdir()} == FILES
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o666 & ~umask}
    assert result.changed
    assert result.data["path"] == str(folder / "index.html")
    assert (result.data["verdict"], result.data["totals"]["members"]) == ("clean", 1)
    assert json.loads((folder / "report.json").read_text()) == of(seen("a"))


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, report=of(seen("a")))
    assert not write(tmp_path, report=of(seen("a"))).changed


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "report", check_mode=True, report=of(seen("a"))).changed
    assert list(tmp_path.iterdir()) == []


def test_parts_are_files_folders_and_patterns_each_counted_once(tmp_path: Path) -> None:
    for number in range(3):
        part(tmp_path / f"slice-{number}" / "report.json", written=f"2026-11-23T07:0{number}:00Z")
    given = [str(tmp_path / "slice-*"), str(tmp_path / "slice-0"), str(tmp_path / "slice-1" / "report.json")]
    write(tmp_path / "whole", parts=given)
    whole = json.loads((tmp_path / "whole" / "report.json").read_text())
    assert [run["file"] for run in whole["runs"]] == [str(tmp_path / f"slice-{n}" / "report.json") for n in range(3)]


def test_the_runs_own_report_and_parts(tmp_path: Path) -> None:
    other = part(tmp_path / "other.json", written="2026-11-22T07:00:00Z", playbook="status")
    write(tmp_path / "whole", report=of(seen("b")), parts=[other])
    whole = json.loads((tmp_path / "whole" / "report.json").read_text())
    assert [(run["of"], run["file"]) for run in whole["runs"]] == [("status", other), ("site", "")]
    assert {each["name"] for each in whole["clusters"]} == {"host", "a", "b"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no report", "it is no JSON"),
        ('{"schema": 99}', "its schema is 99"),
        ("[" * 100_000, "nested too deeply"),
        ("\ud800", None),
    ],
)
def test_a_bad_part_is_refused_and_nothing_is_written(tmp_path: Path, text: str, message: str | None) -> None:
    path = tmp_path / "part.json"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(KubeError, match=message or "no UTF-8") as refused:
        write(tmp_path / "whole", parts=[str(path)])
    assert "part.json is refused" in str(refused.value)
    assert not (tmp_path / "whole").exists()


def test_a_part_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(KubeError, match=r"there is no part .*nowhere"):
        write(tmp_path, parts=[str(tmp_path / "nowhere*")])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(KubeError, match="a pipe or a device"):
        write(tmp_path, parts=[str(tmp_path / "pipe")])
    with pytest.raises(KubeError, match="No such file"):
        write(tmp_path, parts=[str(tmp_path)])  # a folder without a report


def test_what_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(KubeError, match="what was given is no report: it has no schema"):
        write(tmp_path, report={"members": []})
    with pytest.raises(KubeError, match="nothing to report"):
        write(tmp_path)


def test_a_template_that_is_wrong(tmp_path: Path) -> None:
    def broken(_found: dict[str, Any], _templates: str) -> dict[str, str]:
        raise ValueError("/templates, line 3: unexpected '}'")

    given = {"path": str(tmp_path), "report": of(seen("a")), "parts": [], "templates": "/templates"}
    with pytest.raises(KubeError, match="cannot be rendered: /templates, line 3"):
        report.goal(broken).run(given, Context())


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KubeError, match="cannot be written"):
        write(tmp_path / "file", report=large(3))
