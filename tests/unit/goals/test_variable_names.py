# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the names of variables that look like the collection's, and are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.variable_names import VariableNames

OPTIONS = ["kubesphere_kubeconfig", "kubesphere_context", "kubesphere_release", "kubesphere_proxy_address"]


def names(**clusters: list[str]) -> VariableNames:
    found = VariableNames(OPTIONS, ["kubesphere_road"])
    for cluster, given in clusters.items():
        found.note(cluster, given)
    return found


@pytest.mark.parametrize(
    "written, meant",
    [
        ("kubesphere_kubeconfg", "kubesphere_kubeconfig"),
        ("kubesphere_kube_config", "kubesphere_kubeconfig"),
        ("kubesphere_relase", "kubesphere_release"),
        ("kubesphere_proxy_adress", "kubesphere_proxy_address"),
    ],
)
def test_the_name_that_is_meant(written: str, meant: str) -> None:
    assert names(berlin=[written]).warnings() == [
        f"berlin: {written} is no variable of this collection: is it {meant}?"
    ]


def test_a_name_like_none() -> None:
    [warning] = names(berlin=["kubesphere_xyz"]).warnings()
    assert warning.startswith("berlin: kubesphere_xyz is no variable of this collection. All of them: ansible-doc ")


def test_names_that_are_in_order() -> None:
    """Ours, those that roles and earlier jobs leave, those that go on as users like, and those of others."""
    good = [*OPTIONS, "kubesphere_road", "kubesphere_plan", "kubesphere_configuration_base", "kubesphere_seen_nodes"]
    assert names(berlin=[*good, "ansible_host", "kube_context", "vars"]).warnings() == []


def test_of_many_clusters_some_are_named_and_each_name_once() -> None:
    fleet = names(**{f"m{number}": ["kubesphere_contxt", "x"] for number in range(9)}, last=["kubesphere_relase"])
    first, second = fleet.warnings()
    assert first.startswith("m0, m1, m2 … m8: kubesphere_contxt ")
    assert second.startswith("last: kubesphere_relase ")
    fleet.note("late", ["kubesphere_contxt"])
    assert fleet.warnings() == []


def test_a_run_warns_before_anything_else_is_done(tmp_path: Path) -> None:
    """Of host, group and extra variables; none of them is looked into."""
    inventory = {
        "all": {"vars": {"kubesphere_configuration_base": {}, "other": 1}},
        "kubesphere_host": {"hosts": {"frankfurt": {"kubesphere_kubeconfig": "none.yaml"}}},
        "kubesphere_members": {
            "vars": {"kubesphere_contxt": "{{ there_is_none }}"},
            "hosts": {
                "berlin": {"kubesphere_kubeconfg": "{{ there_is_none }}"},
                "bremen": {"kubesphere_cluster_nam": "{{ 1 / 0 }}"},
            },
        },
    }
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [program, "-i", "inventory.yml", "kubesphere.multicluster.preflight", "-e", "kubesphere_x=1"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = " ".join((run.stderr + run.stdout).split())
    warnings = [text for text in said.split("[WARNING]: ")[1:] if " is no variable of this collection" in text]
    assert [text.split(" is no variable")[0] for text in warnings] == [
        "bremen: kubesphere_cluster_nam",
        "berlin, bremen: kubesphere_contxt",
        "berlin: kubesphere_kubeconfg",
        "berlin, bremen, frankfurt: kubesphere_x",
    ], said
