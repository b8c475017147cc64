# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of writing metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.metrics import GOAL
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import durations
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

DURATIONS = durations.of({"import": {"member-1": {"seconds": 2.5}}}, ["member-1"])


def write(path: Path, check_mode: bool = False, **options: Any) -> Result:
    given = {"path": str(path), "durations": DURATIONS, "counts": {"import": 1}, **options}
    return GOAL.run(given, Context(check_mode=check_mode))


def test_everybody_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "fleet" / "run.prom"
    result = write(path)
    assert (result.changed, result.actions) == (True, [f"write {path}"])
    assert path.stat().st_mode & 0o777 == 0o644
    assert 'cluster_phase_seconds{cluster="member-1",phase="import"} 2.5\n' in path.read_text()
    assert list(path.parent.iterdir()) == [path]


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "run.prom", check_mode=True).changed
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_node_exporter_does_not_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KubeError, match=r"end in \.prom"):
        write(tmp_path / "run.txt")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "given", [{"durations": {}}, {"durations": {"phases": 1, "clusters": {}}}, {"counts": {"a": "b"}}]
)
def test_what_is_not_of_a_run_is_refused(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(KubeError, match="not those of a run"):
        write(tmp_path / "run.prom", **given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KubeError, match="cannot be written"):
        write(tmp_path / "file" / "run.prom")
