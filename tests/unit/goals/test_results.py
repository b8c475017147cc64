# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of writing results for a pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.results import GOAL
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError

from tests.junit import problems
from tests.unit.kubesphere.test_results import of_run


def test_both_files(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    result = GOAL.run({"path": str(folder), "results": of_run()}, Context())
    assert result.data == {"junit": str(folder / "junit.xml"), "json": str(folder / "results.json")}
    assert result.actions == [f"write {folder / 'junit.xml'}", f"write {folder / 'results.json'}"]
    assert problems((folder / "junit.xml").read_text()) == []
    assert json.loads((folder / "results.json").read_text()) == of_run()
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}
    assert len(list(folder.iterdir())) == 2


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    assert GOAL.run({"path": str(tmp_path), "results": of_run()}, Context(check_mode=True)).changed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("given", [{}, {"kind": "run"}, {"kind": "run", "suites": [{"name": "x"}]}])
def test_what_are_no_results(tmp_path: Path, given: dict[str, object]) -> None:
    with pytest.raises(KubeError, match="no results of a run"):
        GOAL.run({"path": str(tmp_path), "results": given}, Context())
    assert list(tmp_path.iterdir()) == []
