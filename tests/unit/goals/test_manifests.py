# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of writing manifests as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.manifests import GOAL
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

SECRET = "A" * 32
OTHER = "B" * 32
NAMES = ["1-kubesphere-installer.yaml", "2-cluster-configuration.yaml"]


def write(folder: Path, check_mode: bool = False, **options: Any) -> Result:
    defaults = {"release": "v3.4.1", "cluster_role": "member", "configuration": {}, "jwt_secret": SECRET}
    given = {**defaults, "path": str(folder), "cluster_name": "one", **options}
    return GOAL.run(given, Context(check_mode=check_mode))


def modes(folder: Path) -> list[int]:
    return [path.stat().st_mode & 0o777 for path in sorted(folder.iterdir())]


def test_two_files_that_kubectl_takes_in_order(tmp_path: Path) -> None:
    result = write(tmp_path, configuration={"logging": {"enabled": True}})
    folder = tmp_path / "one"
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    assert result.data == {"files": [str(folder / name) for name in NAMES]}
    assert result.actions == [f"write {folder / name}" for name in NAMES]
    assert (result.changed, result.warnings) == (True, [])
    kinds = [item["kind"] for item in yaml.safe_load_all((folder / NAMES[0]).read_text())]
    assert (kinds[0], kinds[-1]) == ("CustomResourceDefinition", "Deployment")
    (made,) = yaml.safe_load_all((folder / NAMES[1]).read_text())
    assert made["kind"] == "ClusterConfiguration"
    assert made["spec"]["authentication"]["jwtSecret"] == SECRET
    assert made["spec"]["multicluster"]["clusterRole"] == "member"
    assert made["spec"]["logging"]["enabled"] is True


def test_nobody_else_may_read_them(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text("a: b\n")
        (folder / name).chmod(0o644)
    write(tmp_path)
    assert modes(folder) == [0o600, 0o600]


def test_again_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted((tmp_path / "one").iterdir())]
    again = write(tmp_path)
    assert (again.changed, again.actions, again.diff) == (False, [], [])
    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted((tmp_path / "one").iterdir())] == before


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    write(tmp_path)
    again = write(tmp_path, configuration={"logging": {"enabled": True}})
    assert again.actions == [f"write {tmp_path / 'one' / NAMES[1]}"]


@pytest.mark.parametrize("there", [False, True])
def test_check_mode_writes_nothing_and_says_the_same(tmp_path: Path, there: bool) -> None:
    if there:
        write(tmp_path)
    before = {path: path.read_text() for path in tmp_path.rglob("*.yaml")}
    plan = write(tmp_path, check_mode=True, jwt_secret=OTHER)
    assert {path: path.read_text() for path in tmp_path.rglob("*.yaml")} == before
    assert (tmp_path / "one").exists() is there
    done = write(tmp_path, jwt_secret=OTHER)
    assert (plan.changed, plan.actions, plan.diff) == (done.changed, done.actions, done.diff)


def test_the_diff_shows_that_a_secret_differs_but_not_which(tmp_path: Path) -> None:
    write(tmp_path)
    result = write(tmp_path, jwt_secret=OTHER)
    (diff,) = result.diff
    before, after = (diff[when][0]["spec"]["authentication"]["jwtSecret"] for when in ("before", "after"))
    assert (before, after) == ("*** (before)", "*** (after)")
    assert SECRET not in repr(result)
    assert OTHER not in repr(result)


def test_a_former_file_that_is_no_yaml(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "one" / NAMES[1]).write_text("a: [\n")
    result = write(tmp_path)
    assert [(each["before"], bool(each["after"])) for each in result.diff] == [([], True)]


def test_a_missing_secret_is_warned_of(tmp_path: Path) -> None:
    result = write(tmp_path, jwt_secret=None)
    assert result.warnings[0].startswith("one: jwtSecret is empty in the manifest")
    assert write(tmp_path, jwt_secret=None, configuration={"authentication": {"jwtSecret": SECRET}}).warnings == []


def test_variables_in_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANIFESTS_HERE", str(tmp_path))
    result = write(Path("$MANIFESTS_HERE/x"))
    assert result.data["files"][0] == str(tmp_path / "x" / "one" / NAMES[0])


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KubeError, match=r"1-kubesphere-installer.yaml cannot be written: .* Give a folder"):
        write(tmp_path / "file")


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "one" / NAMES[0]).mkdir(parents=True)
    with pytest.raises(KubeError, match="cannot be written"):
        write(tmp_path)
    assert [path.name for path in (tmp_path / "one").iterdir()] == [NAMES[0]]


def test_a_users_own_manifest(tmp_path: Path) -> None:
    own = {
        "apiVersion": "installer.kubesphere.io/v1alpha1",
        "kind": "ClusterConfiguration",
        "metadata": {"name": "ks-installer", "namespace": "kubesphere-system"},
        "spec": {"only": "this", "authentication": {}},
    }
    write(tmp_path, manifest="---\n" + yaml.safe_dump(own))
    made = yaml.safe_load((tmp_path / "one" / NAMES[1]).read_text())
    assert made["spec"]["only"] == "this"
    assert made["spec"]["multicluster"]["clusterRole"] == "member"
