# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of templates that are compiled once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import jinja2
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.compiled_templates import compile_once

from tests.unit.plugins.trust import trust_as_template


@pytest.fixture
def compiled() -> Iterator[list[str]]:
    """The sources that Jinja has been asked to compile."""
    sources: list[str] = []
    compile_it = jinja2.Environment.compile

    def noted(self: jinja2.Environment, source: Any, *arguments: Any) -> Any:
        sources.append(str(source))
        return compile_it(self, source, *arguments)

    with patch.object(jinja2.Environment, "compile", noted):
        yield sources


def templar(**variables: Any) -> Templar:
    made = Templar(loader=DataLoader(), variables=variables)
    compile_once(made)
    return made


def test_each_is_compiled_once_whosever_variables_it_sees(compiled: list[str]) -> None:
    template = trust_as_template("{{ name | upper }} of {{ region | default('nowhere') }}")
    one = templar()
    compiled.clear()
    seen = []
    for variables in ({"name": "a"}, {"name": "b", "region": "eu"}, {"name": "c"}):
        one.available_variables = variables
        seen.append(one.template(template))
    assert seen == ["A of nowhere", "B of eu", "C of nowhere"]
    assert compiled == [template]


def test_templates_in_variables_are_remembered_as_well(compiled: list[str]) -> None:
    inner, outer = trust_as_template("{{ name }}!"), trust_as_template("{{ greeting | lower }}")
    one = templar()
    compiled.clear()
    for name in ("A", "B"):
        one.available_variables = {"name": name, "greeting": inner}
        assert one.template(outer) == f"{name.lower()}!"
    assert sorted(compiled) == sorted([inner, outer])


def test_what_looks_the_same_and_is_not() -> None:
    one = templar(name="a")
    changed = trust_as_template("#jinja2: variable_start_string:'[%', variable_end_string:'%]'\n[% name %] {{ name }}")
    plain = trust_as_template("[% name %] {{ name }}")
    for _round in range(2):
        assert one.template(changed) == "a {{ name }}"
        assert one.template(plain) == "[% name %] a"


def test_a_backslash_means_what_it_means() -> None:
    one, other = templar(name="a"), Templar(loader=DataLoader(), variables={"name": "a"})
    template = trust_as_template(r"{{ name ~ '\n' }}")
    for _round in range(2):
        assert one.template(template) == other.template(template)
        assert one.template(template, escape_backslashes=False) == other.template(template, escape_backslashes=False)


def test_an_error_is_the_same_each_time() -> None:
    one = templar()
    for text in ("{{ 1 +", "{{ nowhere }}"):
        messages = set()
        for _round in range(2):
            with pytest.raises(Exception) as caught:
                one.template(trust_as_template(text))
            messages.add(str(caught.value))
        assert len(messages) == 1


def test_whatever_is_no_templar_stays_as_it_is() -> None:
    compile_once(object())
