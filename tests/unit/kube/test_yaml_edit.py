# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of changing one value in a YAML text, and of taking one away."""

from __future__ import annotations

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.documents import Malformed
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.yaml_edit import (
    NotEditable,
    with_value,
    without,
)

NEW = "http://10.0.0.1:8080"


def edited(text: str) -> str:
    return with_value(text, "multicluster", "address", NEW)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# first\nb: 1  # kept\nmulticluster:\n  address: http://old  # why\n  enable: true\na: [1,  2]\n",
            f'# first\nb: 1  # kept\nmulticluster:\n  address: "{NEW}"  # why\n  enable: true\na: [1,  2]\n',
        ),
        (
            "multicluster:\n  # one\n  enable: true\n  secret: 'ü'\nz: x\n",
            f"multicluster:\n  # one\n  address: \"{NEW}\"\n  enable: true\n  secret: 'ü'\nz: x\n",
        ),
        ("ü: ö\nmulticluster:\n    address: ''\n", f'ü: ö\nmulticluster:\n    address: "{NEW}"\n'),
        ("multicluster:\n  address:\n  enable: 1\n", f'multicluster:\n  address: "{NEW}"\n  enable: 1\n'),
        ("multicluster:\n  address:   # none\n  b: 1\n", f'multicluster:\n  address: "{NEW}"   # none\n  b: 1\n'),
        ("multicluster:\r\n  b: 1\r\n", f'multicluster:\r\n  address: "{NEW}"\r\n  b: 1\r\n'),
        ('{"multicluster": {"b": true}, "c": 1}', f'{{"multicluster": {{"address": "{NEW}", "b": true}}, "c": 1}}'),
        ("multicluster: {address: x, b: 1}", f'multicluster: {{address: "{NEW}", b: 1}}'),
        ('{"multicluster": {"address": ""}}', f'{{"multicluster": {{"address": "{NEW}"}}}}'),
        ("multicluster:\n  'address': x\n", f"multicluster:\n  'address': \"{NEW}\"\n"),
        ("a: &x {b: 1}\nmulticluster:\n  b: *x\n", f'a: &x {{b: 1}}\nmulticluster:\n  address: "{NEW}"\n  b: *x\n'),
    ],
)
def test_only_the_value_changes(before: str, after: str) -> None:
    assert edited(before) == after
    assert edited(after) == after


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no section"),
        ("a: 1\n", "no section"),
        ("multicluster:\n", "no section"),
        ("multicluster: host\n", "no section"),
        ("multicluster: {}\n", "anything in it"),
        ("a: &x {address: y}\nmulticluster: *x\n", "by itself"),
        ("a: &x y\nmulticluster:\n  address: *x\n", "by itself"),
        ("multicluster:\n  address: |\n    x\n  b: 1\n", "by itself"),
    ],
)
def test_what_cannot_be_changed_alone_is_refused(text: str, reason: str) -> None:
    with pytest.raises(NotEditable, match=reason):
        edited(text)


def test_merge_key_stays() -> None:
    text = "base: &x {b: 1}\nmulticluster:\n  <<: *x\n"
    assert edited(text) == text.replace("  <<", f'  address: "{NEW}"\n  <<')


def test_what_is_no_yaml_is_said_so() -> None:
    with pytest.raises(Malformed):
        edited("multicluster: [")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "multicluster:\n  enable: true\n  address: x  # why\na: [1,  2]\n",
            "multicluster:\n  enable: true\na: [1,  2]\n",
        ),
        ("multicluster:\r\n  'address': x\r\n  b: 1\r\n", "multicluster:\r\n  b: 1\r\n"),
        ("a: 1\nmulticluster:\n  b: 1\n  address: x", "a: 1\nmulticluster:\n  b: 1\n"),
    ],
)
def test_only_the_value_goes(before: str, after: str) -> None:
    assert without(before, "multicluster", "address") == after


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1\n",
        "multicluster:\n",
        "multicluster:\n  b: 1\n",
        "multicluster:\n  address: x\n",  # nothing but null would be left
        "multicluster: {address: x, b: 1}\n",
        "multicluster:\n  address: &x y\n  b: *x\n",
    ],
)
def test_what_cannot_be_taken_away_alone_is_refused(text: str) -> None:
    with pytest.raises(NotEditable):
        without(text, "multicluster", "address")
