# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what templates are made of."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.template_parts import has_templates, parts


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "", "plain { text }", {}, {"a": ["b", 1]}, ("x",)])
def test_what_is_as_it_stands(value: Any) -> None:
    assert not has_templates(value)


@pytest.mark.parametrize(
    "value", ["{{ a }}", "{% if a %}{% endif %}", "{# a #}", {"a": ["{{ b }}"]}, {"{{ a }}": 1}, object()]
)
def test_what_may_be_more(value: Any) -> None:
    assert has_templates(value)


@pytest.mark.parametrize(
    ("value", "names", "pure", "settled"),
    [
        ("{{ a }}", {"a"}, True, True),
        ("{{ a | default(omit) }}/{{ b.c['d'] }}", {"a", "omit", "b"}, True, True),
        ({"x": "{{ a }}", "y": ["{{ b }}", "plain"]}, {"a", "b"}, True, True),
        ("{{ a is truthy and b is no_such_test }}", {"a", "b"}, True, True),
        ("{{ a | kubesphere.multicluster.proxy_url }}", {"a"}, True, True),
        ("{{ query('ansible.builtin.varnames', '^a') | first }}", {"query"}, False, True),
        ("{{ 100 | random }}", set(), False, False),
        ("{{ a | ansible.builtin.password_hash }}", {"a"}, False, False),
    ],
)
def test_parts(value: Any, names: set[str], pure: bool, settled: bool) -> None:
    found = parts(value)
    assert found is not None
    assert (set(found.names), found.pure, found.settled) == (names, pure, settled)


def test_parts_that_cannot_be_told() -> None:
    assert parts("{{ a") is None
    assert parts(["{{ a }}", "{{ | }}"]) is None
