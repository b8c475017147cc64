# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of reading and writing YAML."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import documents
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.documents import (
    Malformed,
    dump_all,
    load_all,
    load_one,
)
from hypothesis import given
from hypothesis import strategies as st

# PyYAML does not write a bare line separator of Unicode as it is.
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff"), max_size=10)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=10)

BOMB = "\n".join(
    ["a: &a [x, x, x, x, x, x, x, x, x]"]
    + [f"{name}: &{name} [{', '.join(['*' + former] * 9)}]" for former, name in zip("abcdefgh", "bcdefghi")]
)


def test_documents_in_their_order() -> None:
    assert load_all("a: 1\n---\n---\n- b\n", "x") == [{"a": 1}, None, ["b"]]
    assert load_all("", "x") == []
    assert load_one("", "x") is None
    assert load_one('{"a": [1, null]}', "x") == {"a": [1, None]}


def test_a_date_stays_text_for_json_has_none() -> None:
    assert load_one("a: 2020-01-01\nb: 2020-01-01T10:00:00Z\n", "x") == {"a": "2020-01-01", "b": "2020-01-01T10:00:00Z"}


def test_aliases_and_merge_keys_are_understood() -> None:
    assert load_one("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}", "x")["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [\n", "manifest m.yaml is no YAML at line 2"),
        ("a: 1\nb: }\n", "manifest m.yaml is no YAML at line 2"),
        ("a: !!python/object/apply:os.system [id]", "manifest m.yaml is no YAML at line 1"),
        ("a: \x00", "manifest m.yaml is no YAML"),
        ("[" * 200_000, "manifest m.yaml is nested more than 100 levels deep"),
        ("- " * 200_000, "manifest m.yaml is nested more than 100 levels deep"),
        (BOMB, "manifest m.yaml has more than 1000000 values, or an alias inside what it stands for"),
        ("&a [*a]", "manifest m.yaml has more than 1000000 values, or an alias inside what it stands for"),
    ],
)
def test_what_is_refused_and_quickly(text: str, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(Malformed) as caught:
        load_all(text, "manifest m.yaml")
    assert caught.value.message == message
    assert time.monotonic() - started < 2


def test_one_document_is_not_two() -> None:
    with pytest.raises(Malformed, match=r"^x has 2 documents, it should have one"):
        load_one("a\n---\nb", "x")


@given(st.lists(st.dictionaries(TEXT, JSON), max_size=3))
def test_what_was_written_reads_the_same(values: list[Any]) -> None:
    assert load_all(dump_all(values), "x") == values


def test_what_is_written_keeps_its_order_and_has_no_aliases() -> None:
    shared = {"z": 1, "a": "é"}
    assert dump_all([{"b": shared, "a": shared}]) == "---\nb:\n  z: 1\n  a: é\na:\n  z: 1\n  a: é\n"


def test_subclasses_of_plain_types_are_written_as_these() -> None:
    class Text(str):
        """As Ansible's templates give it."""

    class Mapping(dict[str, Any]):
        """As Ansible's templates give it."""

    assert dump_all([Mapping(a=Text("b"))]) == "---\na: b\n"


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(Malformed, match="cannot be written as YAML"):
        dump_all([{"a": object()}])


def test_without_pyyaml_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "HAS_YAML", False)
    with pytest.raises(Malformed, match=r"PyYAML is missing.*pip install PyYAML"):
        load_all("a", "x")
    with pytest.raises(Malformed, match=r"PyYAML is missing.*pip install PyYAML"):
        dump_all([])
