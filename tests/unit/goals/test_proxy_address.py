# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the goal proxy_address: what becomes of its arguments."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.proxy_address import GOAL
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import proxy_address
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.proxy_address import Wanted
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []

    def ensure(host: Any, wanted: Wanted, *, wait_timeout: float, progress: Any) -> Result:
        found.append((host.cluster, host.planning, wanted, wait_timeout, progress))
        return Result()

    monkeypatch.setattr(proxy_address, "ensure", ensure)
    return found


def run(context: Context, **arguments: Any) -> None:
    given = {"host": "https://192.0.2.1:6443", "api_key": "key", "cluster_name": "hub", **arguments}
    checked = ArgumentSpecValidator(GOAL.argument_spec).validate(given)
    assert checked.error_messages == []
    GOAL.run(checked.validated_parameters, context)


def test_defaults(asked: list[tuple[Any, ...]]) -> None:
    context = Context(check_mode=True)
    run(context)
    assert asked == [("hub", True, Wanted(), 600.0, context.progress)]


def test_everything(asked: list[tuple[Any, ...]]) -> None:
    run(
        Context(),
        address="http://tower.example.com",
        source="node_port",
        node_port="30881",
        store="config_map",
        required=False,
        wait_timeout=5,
    )
    [(_name, planning, wanted, timeout, _progress)] = asked
    assert wanted == Wanted("http://tower.example.com", "node_port", 30881, "config_map", required=False)
    assert (planning, timeout) == (False, 5.0)
