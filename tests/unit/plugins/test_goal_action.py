# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of running a goal as an action plugin, with a task and a connection that are stubs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context, Goal, Options
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils import local_goal
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.goal_action import GoalAction

from tests.unit.plugins.trust import trust_as_template

MODULES = ["cluster_configuration", "cluster_info", "manifests", "member", "member_info"]
PASSWORD = "top-secret-password"
TOKEN = "a-token-in-a-mapping"
SPEC = {
    "cluster_name": {"type": "str"},
    "count": {"type": "int", "default": 3},
    "size": {"type": "str", "choices": ["small", "large"], "default": "small"},
    "password": {"type": "str", "no_log": True},
    "settings": {"type": "dict", "default": {}},
}
SECRETS: dict[str, Any] = {"password": PASSWORD, "settings": {"users": [{"token": TOKEN}]}}

Run = Callable[[Options, Context], Result]


def nothing(_options: Options, _context: Context) -> Result:
    return Result()


def action(
    run: Run = nothing,
    arguments: dict[str, Any] | None = None,
    *,
    spec: dict[str, Any] | None = None,
    transport: str = "local",
    environment: Any = None,
    check_mode: bool = False,
) -> Any:
    """An action plugin of a goal; what it hands over to the module is kept in ``handed``."""

    class Action(GoalAction):
        goal = Goal("trial", SPEC if spec is None else spec, run)
        handed: dict[str, Any] | None = None

        def _execute_module(self, **how: Any) -> dict[str, Any]:
            self.handed = how
            return {"changed": True, "by": "the module"}

    task = SimpleNamespace(
        args=arguments or {}, environment=environment, check_mode=check_mode, async_val=0, action="trial"
    )
    connection = SimpleNamespace(transport=transport, _shell=SimpleNamespace(tmpdir=None))
    return Action(task, connection, None, None, None, None)


def seen(variables: dict[str, Any] | None = None, **how: Any) -> tuple[Options, Context]:
    """What the goal is called with."""
    calls: list[tuple[Options, Context]] = []

    def run(options: Options, context: Context) -> Result:
        calls.append((options, context))
        return Result()

    action(run, **how).run(None, variables)
    assert len(calls) == 1
    return calls[0]


class TestWhereItRuns:
    """Here, or in the module."""

    @pytest.mark.parametrize("environment", [None, [], [{}], [None, {}]])
    def test_here(self, environment: Any) -> None:
        made = action(lambda _options, _context: Result(data={"by": "us"}), environment=environment)
        assert made.run(None, {"inventory_hostname": "one"}) == {"changed": False, "by": "us"}
        assert made.handed is None

    @pytest.mark.parametrize(
        "how", [{"transport": "ssh"}, {"environment": [{"KUBECONFIG": "/x"}]}, {"environment": ["{{ settings }}"]}]
    )
    def test_in_the_module(self, how: dict[str, Any]) -> None:
        def never(_options: Options, _context: Context) -> Result:
            raise AssertionError("it ran here")

        made = action(never, {"count": 4}, **how)
        variables = {"inventory_hostname": "one"}
        assert made.run(None, variables) == {"changed": True, "by": "the module"}
        assert made.handed == {
            "module_name": "kubesphere.multicluster.trial",
            "module_args": {"count": 4, "cluster_name": "one"},
            "task_vars": variables,
        }


class TestArguments:
    """What the goal gets."""

    def test_defaults_types_and_the_inventorys_name(self) -> None:
        options, context = seen({"inventory_hostname": "one"}, arguments={"count": "7"})
        assert options == {"cluster_name": "one", "count": 7, "size": "small", "password": None, "settings": {}}
        assert (context.cluster, context.check_mode) == ("one", False)

    def test_plain_values(self) -> None:
        templates = {trust_as_template("key"): [trust_as_template("text"), 1, 1.5, True, None]}
        options, _context = seen(arguments={"settings": templates, "size": trust_as_template("large")})
        ((key, values),) = options["settings"].items()
        assert [type(each) for each in (options["size"], key, *values)] == [str, str, str, int, float, bool, type(None)]
        assert (options["size"], options["settings"]) == ("large", {"key": ["text", 1, 1.5, True, None]})

    def test_a_name_of_its_own(self) -> None:
        options, context = seen({"inventory_hostname": "one"}, arguments={"cluster_name": "two"})
        assert (options["cluster_name"], context.cluster) == ("two", "one")

    def test_a_goal_that_takes_no_name(self) -> None:
        options, _context = seen({"inventory_hostname": "one"}, spec={"count": {"type": "int"}})
        assert options == {"count": None}

    def test_check_mode(self) -> None:
        assert seen(check_mode=True)[1].check_mode

    def test_the_tasks_own_arguments_stay_as_they_are(self) -> None:
        given: dict[str, Any] = {"count": "7"}
        seen({"inventory_hostname": "one"}, arguments=given)
        assert given == {"count": "7"}

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"count": "many"}, "count"),
            ({"size": "huge"}, "size"),
            ({"colour": "red"}, "colour"),
            ({"settings": 7}, "settings"),
        ],
    )
    def test_wrong_ones(self, arguments: dict[str, Any], words: str) -> None:
        with pytest.raises(AnsibleActionFail) as caught:
            seen(arguments=arguments)
        message = str(caught.value)
        assert message.startswith("kubesphere.multicluster.trial: ")
        assert words in message
        assert "\n" not in message

    def test_several_wrong_ones_are_one_message_without_secrets(self) -> None:
        with pytest.raises(AnsibleActionFail) as caught:
            seen(arguments={"count": PASSWORD, "size": "huge", "password": PASSWORD})
        message = str(caught.value)
        assert PASSWORD not in message
        assert "count" in message
        assert "size" in message


class TestSecrets:
    """Nobody censors an action plugin's result but itself."""

    def test_in_a_result(self) -> None:
        def run(_options: Options, context: Context) -> Result:
            context.warnings.append(f"mind {TOKEN}")
            diff = [{"before": {}, "after": {"x": PASSWORD}}]
            return Result(True, [f"write {PASSWORD}"], diff, [f"it is {PASSWORD}"], {"deep": [{"down": TOKEN}]})

        result = action(run, SECRETS).run(None, {})
        assert result["changed"] is True
        assert set(result) == {"changed", "actions", "diff", "warnings", "deep"}
        assert PASSWORD not in repr(result)
        assert TOKEN not in repr(result)

    @pytest.mark.parametrize(
        ("error", "message"),
        [(KubeError, "no ********, no ********."), (RuntimeError, "(RuntimeError: no ********, no ********)")],
    )
    def test_in_an_error(self, error: type[Exception], message: str) -> None:
        def run(_options: Options, _context: Context) -> Result:
            raise error(f"no {PASSWORD}, no {TOKEN}")

        result = action(run, SECRETS).run(None, {})
        assert result["failed"] is True
        assert message in result["msg"]
        assert PASSWORD not in repr(result)
        assert TOKEN not in repr(result)

    def test_in_progress(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lines: list[str] = []
        monkeypatch.setattr(local_goal.display, "display", lines.append)

        def run(_options: Options, context: Context) -> Result:
            context.progress(f"waits for {PASSWORD} and {TOKEN}")
            return Result()

        action(run, SECRETS).run(None, {})
        assert len(lines) == 1
        assert lines[0].startswith("    … waits for ")
        assert PASSWORD not in lines[0]
        assert TOKEN not in lines[0]

    def test_a_default_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.authentication import AUTHENTICATION

        monkeypatch.setenv("K8S_AUTH_API_KEY", TOKEN)
        monkeypatch.setenv("K8S_AUTH_VERIFY_SSL", "no")
        got: list[Options] = []

        def run(options: Options, _context: Context) -> Result:
            got.append(options)
            return Result(data={"said": f"used {options['api_key']}"})

        result = action(run, {}, spec=AUTHENTICATION).run(None, {})
        assert (got[0]["api_key"], got[0]["validate_certs"]) == (TOKEN, False)
        assert TOKEN not in repr(result)


class TestErrors:
    """Failures."""

    def test_a_refusal(self) -> None:
        def run(_options: Options, _context: Context) -> Result:
            raise KubeError("it is closed", "one", "Come back tomorrow.")

        assert action(run).run(None, {}) == {
            "failed": True,
            "msg": "one: it is closed. Come back tomorrow.",
            "error": "KubeError",
        }

    def test_a_defect(self) -> None:
        def run(_options: Options, _context: Context) -> Result:
            raise KeyError("surprise")

        result = action(run).run(None, {})
        assert (result["failed"], result["error"]) == (True, "Defect")
        assert result["msg"] == (
            "trial failed over something unforeseen (KeyError: 'surprise'). "
            "That is a defect of the collection: please report it with the output of -vvv."
        )
        assert "Traceback" in result["exception"]


@pytest.mark.parametrize("name", MODULES)
def test_each_module_has_its_action(name: str) -> None:
    base = "ansible_collections.kubesphere.multicluster.plugins"
    plugin = importlib.import_module(f"{base}.action.{name}").ActionModule
    goal = importlib.import_module(f"{base}.module_utils.goals.{name}").GOAL
    assert issubclass(plugin, GoalAction)
    assert plugin.goal is goal
    assert goal.name == name
