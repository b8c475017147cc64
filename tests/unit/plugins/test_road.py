# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what the phases of a road are for each cluster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.road import Road

from tests.unit.plugins.test_host_variables import hosts
from tests.unit.plugins.trust import trust_as_template

VARIABLES = {
    "installed": trust_as_template("{{ install_fleet.clusters[name] | default({}) }}"),
    "waits": trust_as_template("{{ not installed.finished | default(false) }}"),
    "arguments": {"release": trust_as_template("{{ installed.release | default('none') }}"), "apply": False},
}


def phase(name: str, register: str, **more: Any) -> dict[str, Any]:
    fixed = {"module": "cluster_configuration", "arguments": ["arguments"], "clusters": "all"}
    left_out = {"applies": None, "needed_by": None, "waits": False, "judged": False}
    return {"phase": name, "register": register, **fixed, **left_out, **more}


def road(*phases: dict[str, Any], task: Any = None, variables: dict[str, Any] | None = None, **asked: Any) -> Road:
    options = {"first": "a", "strict": False, "independent": False, "after": [], "continues": None, "variables": {}}
    given = {**options, "in_flight": 0, "writes_per_second": 0, **asked, "phases": list(phases)}
    fleet = hosts(registers=[each["register"] for each in phases], **VARIABLES, **(variables or {}))
    plain = SimpleNamespace(throttle=0, check_mode=False, environment=[], connection="local")
    return Road(given, fleet, task or plain)


INSTALL, WAIT = phase("install", "install_fleet"), phase("wait", "install_waited", applies="waits")


def test_a_phase_sees_what_the_one_before_has_left() -> None:
    for finished in (False, True):
        way = road(INSTALL, WAIT)
        assert way.is_for("b", 1), "nothing is known yet"
        assert way.arguments("b", 1)["release"] == "none"
        way.leave("b", 0, way.noted(0, {"finished": finished, "release": "v3.4.1"}))
        assert way.is_for("b", 1) is not finished
        assert way.arguments("b", 1)["release"] == "v3.4.1"
        assert way.is_for("c", 1), "what another has left is nothing to it"


def test_nothing_of_an_earlier_run_is_seen() -> None:
    stale = {"install_fleet": {"clusters": {"b": {"finished": True}}}}
    assert road(INSTALL, WAIT, variables=stale).is_for("b", 1)


def test_what_an_earlier_task_has_left_is_seen_be_it_a_road() -> None:
    left = {"b": {"finished": True}, "c": {"failed": True}}
    for variables in (
        {"install_fleet": {"clusters": left}},
        {"install_road": {"ended": 1.0, "registers": {"install_fleet": {"clusters": left}}}},
    ):
        way = road(WAIT, after=["install_fleet"], variables=variables)
        assert [way.is_for(name, 0) for name in "abc"] == [True, False, False]


def test_what_a_cluster_says_is_no_template(tmp_path: Path) -> None:
    """A diff has in it what anybody has written into an annotation there."""
    way, mark = road(INSTALL, WAIT), tmp_path / "mark"
    evil = "{{ lookup('pipe', 'touch MARK') }}".replace("MARK", str(mark))
    outcome = {"finished": False, "release": evil, "diff": [{"before": {"metadata": {"annotations": {"x": evil}}}}]}
    way.leave("b", 0, way.noted(0, outcome))
    assert way.is_for("b", 1)
    assert way.arguments("b", 1)["release"] == evil
    assert not mark.exists()


def test_phases_of_the_one_that_goes_first_and_of_the_others() -> None:
    way = road(phase("x", "x", clusters="first"), phase("y", "y", clusters="others"), phase("z", "z"))
    assert [[way.is_for(name, number) for number in range(3)] for name in "ab"] == [
        [True, False, True],
        [False, True, True],
    ]


def test_a_variable_that_does_not_exist_is_the_playbook_s_error() -> None:
    with pytest.raises(AnsibleActionFail, match="there is no variable nowhere, which applies names"):
        road(phase("x", "x", applies="nowhere")).is_for("a", 0)


def test_a_cluster_that_is_reached_otherwise_is_not_worked_on_here() -> None:
    plain = {"throttle": 0, "check_mode": False}
    assert not road(INSTALL).problem("a")
    away = road(INSTALL, variables={"ansible_connection": "ssh"})
    assert away.is_remote("a")
    assert away.problem("a").startswith("a: its connection is ssh, but what one task does for many clusters is done in")
    task = SimpleNamespace(**plain, environment=[{"KUBECONFIG": "x"}], connection="local")
    assert "the task has an environment" in road(INSTALL, task=task).problem("a")


def test_bounds() -> None:
    task = SimpleNamespace(throttle=3, check_mode=True, environment=[], connection="local")
    assert road(INSTALL, task=task, in_flight=5).bounds == [5, 3]
    assert road(INSTALL).bounds == []


def test_who_needs_what_the_first_one_does() -> None:
    way = road(phase("x", "x"), phase("y", "y", needed_by="waits"))
    assert [way.needs("b", 0), way.needs("b", 1)] == [True, True]
    assert road(phase("y", "y", needed_by="spared"), variables={"spared": False}).needs("b", 0) is False
    with pytest.raises(AnsibleActionFail, match="there is no variable not_there, which needed_by names"):
        road(phase("y", "y", needed_by="not_there")).needs("b", 0)
