# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of merging plain data; the examples of RFC 7386 are among those of the ClusterConfiguration."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import (
    merge_patch,
    missing_from,
    patch_between,
    plain_copy,
    same,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.sampled_from("abc")
SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, "", "x", "y"])
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3))
OBJECTS = st.dictionaries(NAMES, JSON, max_size=3)
# As an API server stores them: it keeps no null.
KEPT = st.recursive(
    st.sampled_from([True, False, 0, 1, "", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
)
STORED = st.dictionaries(NAMES, KEPT, max_size=3)


@given(OBJECTS, OBJECTS, st.booleans())
def test_the_patch_makes_it_hold_what_is_wanted(live: Any, wanted: Any, whole_lists: bool) -> None:
    before = copy.deepcopy((live, wanted))
    patch = missing_from(live, wanted, whole_lists=whole_lists)
    after = merge_patch(live, patch or {})
    assert missing_from(after, wanted, whole_lists=whole_lists) is None
    assert (live, wanted) == before


@given(OBJECTS, OBJECTS)
def test_what_is_not_named_stays(live: Any, wanted: Any) -> None:
    after = merge_patch(live, missing_from(live, wanted) or {})
    assert all(same(after[key], live[key]) for key in live.keys() - wanted.keys())


@given(OBJECTS, st.booleans())
def test_nothing_is_missing_from_itself(live: Any, whole_lists: bool) -> None:
    assert missing_from(live, live, whole_lists=whole_lists) is None


@given(OBJECTS, OBJECTS)
def test_the_patch_shares_nothing_with_what_is_wanted(live: Any, wanted: Any) -> None:
    before = copy.deepcopy(wanted)
    for value in (missing_from(live, wanted) or {}).values():
        if isinstance(value, (dict, list)):
            value.clear()
    assert wanted == before


@pytest.mark.parametrize(
    ("live", "wanted", "patch"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1, "b": 2}, {"a": 1}, None),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3}}),
        ({"a": True}, {"a": 1}, {"a": 1}),
        ({"a": 0}, {"a": False}, {"a": False}),
        ({"a": "x"}, {"a": None}, None),
        # An empty one is what the API server leaves out.
        ({}, {"a": {}, "b": [], "c": ""}, None),
        ({"a": 1}, {"a": {"b": None}}, {"a": {"b": None}}),
        # Defaults that the API server adds to the items of a list are no difference.
        (
            {"ports": [{"port": 80, "protocol": "TCP"}]},
            {"ports": [{"port": 80}]},
            None,
        ),
        (
            {"ports": [{"port": 80, "protocol": "TCP"}]},
            {"ports": [{"port": 81}]},
            {"ports": [{"port": 81}]},
        ),
        ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}),
        ({"a": [1]}, {"a": []}, {"a": []}),
        ({"a": "b"}, {"a": ["b"]}, {"a": ["b"]}),
    ],
)
def test_examples(live: Any, wanted: Any, patch: Any) -> None:
    result = missing_from(live, wanted)
    assert result == patch
    assert repr(result) == repr(patch)  # True is not 1 here


def test_whole_lists_are_compared_as_they_are() -> None:
    live, wanted = {"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}
    assert missing_from(live, wanted) is None
    assert missing_from(live, wanted, whole_lists=True) == wanted
    assert missing_from({"a": [1]}, {"a": [True]}, whole_lists=True) == {"a": [True]}


def test_a_plain_copy_has_plain_mappings_and_lists() -> None:
    class Mapping(dict[str, Any]):
        """As Ansible gives it."""

    copied = plain_copy(Mapping(a=(1, Mapping(b="c"))))
    assert copied == {"a": [1, {"b": "c"}]}
    assert [type(copied), type(copied["a"]), type(copied["a"][1])] == [dict, list, dict]


@given(STORED, STORED)
def test_the_patch_between_two_makes_one_of_the_other(live: Any, wanted: Any) -> None:
    before = copy.deepcopy((live, wanted))
    patch = patch_between(live, wanted)
    assert same(merge_patch(live, patch or {}), wanted)
    assert (patch is None) == same(live, wanted)
    assert (live, wanted) == before


def test_the_patch_between_two_names_what_differs_only() -> None:
    live = {"a": {"b": 1, "c": 2}, "d": [1, 2], "e": 1}
    assert patch_between(live, {"a": {"b": 1}, "d": [1], "e": 1, "f": {}}) == {"a": {"c": None}, "d": [1], "f": {}}
