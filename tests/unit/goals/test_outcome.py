# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of results as Ansible takes them, and of the module around a goal."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context, Goal, Options
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.outcome import attempt, outcome, run_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import NotFound
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.configuration import ConfigurationError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import UnknownRelease, find
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import NotYetKnown, Result

TOKEN = "a-token-in-a-kubeconfig"
SPEC = {"kubeconfig": {"type": "raw", "no_log": False}, "count": {"type": "int", "default": 3}}


def goal(result: Result | Exception) -> Goal:
    def run(options: Options, context: Context) -> Result:
        if isinstance(result, Exception):
            raise result
        result.data = {**result.data, "count": options.get("count"), "check_mode": context.check_mode}
        return result

    return Goal("trial", SPEC, run)


def test_a_result_without_anything() -> None:
    assert outcome(Result(), Context()) == {"changed": False}


def test_a_result_with_everything() -> None:
    diff = [{"before": {}, "after": {"a": 1}}]
    result = Result(True, ["write it"], diff, ["of the result"], {"finished": True})
    assert outcome(result, Context(warnings=["of the way"])) == {
        "changed": True,
        "finished": True,
        "actions": ["write it"],
        "diff": diff,
        "warnings": ["of the way", "of the result"],
    }


def test_what_a_plan_cannot_tell_is_a_warning_and_is_marked() -> None:
    result = Result(warnings=["of the result", NotYetKnown("the run\nwill")])
    assert outcome(result, Context()) == {
        "changed": False,
        "warnings": ["of the result", "the run will"],
        "unknown": ["the run will"],
    }


def unknown_release() -> Exception:
    try:
        find("v9")
    except UnknownRelease as error:
        return error
    raise AssertionError("v9 is known")


@pytest.mark.parametrize(
    "error", [NotFound("nothing there", "one", "Make one."), ConfigurationError("a.b", "no mapping"), unknown_release()]
)
def test_refusals_are_messages(error: Exception) -> None:
    failed = attempt(goal(error), {}, Context())
    assert failed == {"failed": True, "msg": str(error), "error": type(error).__name__}


def test_a_refusal_does_not_hide_that_nothing_was_verified() -> None:
    refused = attempt(goal(NotFound("nothing there", "one")), {}, Context(warnings=["not verified"]))
    assert (refused["failed"], refused["warnings"]) == (True, ["not verified"])


def test_anything_else_is_a_defect() -> None:
    failed = attempt(goal(ZeroDivisionError("by zero")), {}, Context())
    assert (failed["failed"], failed["error"]) == (True, "Defect")
    assert failed["msg"].startswith("trial failed over something unforeseen (ZeroDivisionError: by zero). That is a")
    assert failed["exception"].startswith("Traceback")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_end_from_outside_is_none_of_ours(error: type[BaseException]) -> None:
    def run(_options: Options, _context: Context) -> Result:
        raise error

    with pytest.raises(error):
        attempt(Goal("trial", {}, run), {}, Context())


def module(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    result: Result | Exception,
    **arguments: Any,
) -> tuple[int, dict[str, Any], str]:
    """Exit status, result and whole output of the module of a goal."""
    text = json.dumps({"ANSIBLE_MODULE_ARGS": {"_ansible_remote_tmp": "/tmp", **arguments}})
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", text.encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    with pytest.raises(SystemExit) as ended:
        run_module(goal(result))
    printed = capsys.readouterr().out
    return int(ended.value.code or 0), json.loads(printed), printed


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the module warns of; where ansible-core keeps warnings depends on what else is loaded."""
    texts: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _module, text: texts.append(text))
    return texts


class TestModule:
    """The module around a goal."""

    def test_success(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], warned: list[str]
    ) -> None:
        result = Result(True, ["write it"], [{"before": {}, "after": {}}], ["mind the gap"])
        status, returned, _text = module(monkeypatch, capsys, result, count="7", _ansible_check_mode=True)
        assert status == 0
        assert (returned["changed"], returned["count"], returned["check_mode"]) == (True, 7, True)
        assert returned["actions"] == ["write it"]
        assert warned == ["mind the gap"]

    def test_failure(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        status, returned, _text = module(monkeypatch, capsys, NotFound("nothing there", "one", "Make one."))
        assert status == 1
        assert (returned["failed"], returned["msg"]) == (True, "one: nothing there. Make one.")
        assert returned["error"] == "NotFound"

    def test_a_wrong_argument(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        status, returned, _text = module(monkeypatch, capsys, Result(), count="many")
        assert status == 1
        assert "count" in returned["msg"]

    @pytest.mark.parametrize("error", [NotFound, RuntimeError])
    def test_secrets_in_options_that_may_be_paths(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        warned: list[str],
        error: type[Exception],
    ) -> None:
        kubeconfig = {"users": [{"user": {"token": TOKEN}}]}
        for result in (error(f"no {TOKEN}"), Result(warnings=[f"mind {TOKEN}"], data={"said": TOKEN})):
            _status, _returned, text = module(monkeypatch, capsys, result, kubeconfig=kubeconfig)
            assert TOKEN not in text
        assert warned == ["mind ********"]


@pytest.mark.parametrize("name", ["cluster_configuration", "cluster_info", "manifests", "member", "member_info"])
def test_each_module_runs_its_goal(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base = "ansible_collections.kubesphere.multicluster.plugins"
    loaded = importlib.import_module(f"{base}.modules.{name}")
    ran: list[Goal] = []
    monkeypatch.setattr(loaded, "run_module", ran.append)
    loaded.main()
    assert ran == [importlib.import_module(f"{base}.module_utils.goals.{name}").GOAL]
