# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the variables of many hosts: what each gets is what a task of its own would give it."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.host_variables import HostVariables, merged

from tests.unit.plugins.trust import trust_as_template

SHARED = {
    "role": trust_as_template("{{ 'host' if name in ['a'] else 'member' }}"),
    "wanted": trust_as_template("{{ role == 'member' and state == 'present' }}"),
    "state": "present",
    "labels": {"of": trust_as_template("{{ name }}"), "fix": 1},
    "constant": trust_as_template("{{ [state, 'x'] | join('-') }}"),
    "short": trust_as_template("{{ name | regex_replace('$', '!') }}"),
    "above_short": trust_as_template("{{ short | trim }}"),
    "decoded": trust_as_template("{{ raw | b64decode }}"),
    "above_decoded": trust_as_template("{{ decoded | trim }}"),
    "missing": trust_as_template("{{ no_such_variable }}"),
    "above_missing": trust_as_template("{{ missing | default(name) }}"),
    "itself": trust_as_template("{{ itself }}"),
    "of_vars": trust_as_template("{{ vars['name'] }}"),
    "nothing_or": trust_as_template("{{ nothing | default('none given') }}"),
    "drawn": trust_as_template("{{ 1000000000 | random }}"),
}
HOSTS: dict[str, dict[str, Any]] = {
    "a": {"name": "a", "raw": "MQ=="},
    "b": {"name": "b", "raw": "Mg==", "nothing": None},
    "c": {"name": "c", "raw": "Mw==", "state": "absent"},
}


def variables_of(name: str) -> dict[str, Any]:
    found = {**SHARED, **HOSTS[name]}
    return {**found, "vars": dict(found)}


def hosts(when: Any = (), registers: Collection[str] = (), **how: Any) -> HostVariables:
    """All hosts, by a task with conditions, whose phases leave registers; ``how`` are variables of all of them."""
    manager = SimpleNamespace(get_vars=lambda host, **_how: {**variables_of(host), **how})
    inventory = SimpleNamespace(get_host=lambda name: name)
    play = SimpleNamespace(strategy="linear")
    task = SimpleNamespace(get_play=lambda: play, when=when)
    names = {"ansible_play_batch": list(HOSTS), "ansible_play_hosts_all": list(HOSTS)}
    hostvars = SimpleNamespace(_variable_manager=manager, _inventory=inventory)
    return HostVariables(task, DataLoader(), {"hostvars": hostvars, **names}, registers)


def alone(name: str, template: Any) -> Any:
    """What a task of the host's own gets."""
    return Templar(loader=DataLoader(), variables=variables_of(name)).template(template)


@pytest.mark.parametrize("key", sorted(SHARED.keys() - {"missing", "itself", "drawn"}))
def test_each_host_gets_its_own_whoever_came_before(key: str) -> None:
    template = trust_as_template(f"{{{{ {key} }}}}")
    for order in (list(HOSTS), list(reversed(HOSTS))):
        fleet = hosts()
        for name in order:
            found = fleet.templated({"x": template}, fleet.of(name))
            assert found == {"x": alone(name, template)}, name
            assert fleet.values([key], fleet.of(name))[key] == alone(name, template)


@pytest.mark.parametrize("key", ["missing", "itself"])
def test_what_cannot_be_templated_is_an_error(key: str) -> None:
    fleet = hosts()
    with pytest.raises(AnsibleError):
        fleet.templated({"x": trust_as_template(f"{{{{ {key} }}}}")}, fleet.of("a"))


def test_an_error_of_a_template_itself() -> None:
    fleet = hosts()
    with pytest.raises(AnsibleError):
        fleet.templated({"x": trust_as_template("{{ name.index('zz') }}")}, fleet.of("a"))


def test_each_host_draws_for_itself() -> None:
    fleet = hosts()
    drawn = {fleet.values(["drawn"], fleet.of(name))["drawn"] for name in HOSTS}
    assert len(drawn) == len(HOSTS)


def test_what_all_have_in_common_is_evaluated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet, evaluated = hosts(), []
    original = fleet._evaluated

    def counted(value: Any, variables: dict[str, Any]) -> Any:
        evaluated.append(value)
        return original(value, variables)

    monkeypatch.setattr(fleet, "_evaluated", counted)
    for name in ("a", "b"):
        assert fleet.values(["constant"], fleet.of(name)) == {"constant": "present-x"}
    assert len(evaluated) == 1


def test_omitted_arguments_are_left_out() -> None:
    fleet = hosts()
    templates = {
        "given": trust_as_template("{{ name | default(omit) }}"),
        "left": trust_as_template("{{ other | default(omit) }}"),
        "plain": 7,
    }
    assert fleet.templated(templates, {**fleet.of("a"), "omit": "__omit__"})["given"] == "a"
    assert "left" not in fleet.templated(templates, {**fleet.of("a"), "omit": "__omit__"})


def test_merged() -> None:
    assert merged({"a": {"x": 1, "y": 1}, "b": {"y": 2}}, ["a", "b"]) == {"x": 1, "y": 2}
    with pytest.raises(AnsibleError, match="there is no mapping b"):
        merged({"a": {}}, ["a", "b"])
