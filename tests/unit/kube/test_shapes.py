# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of shapes: what they say of fields is what Kubernetes' own schema says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import resources, shapes
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.shapes import ANY, LIST, OBJECT, misfit
from kubernetes.client import models

KINDS = [kind for kind in vars(resources).values() if isinstance(kind, resources.Kind) and kind.shape]
TYPES = {"str": str, "bytes": str, "datetime": str, "int": int, "bool": bool}


def wrong(shape: Any, kind: str, where: str) -> Iterator[str]:
    """Where a shape says otherwise than the schema of a kind."""
    several = re.fullmatch(r"(list|dict)[[(](?:str, *)?(.*)[])]", kind, re.IGNORECASE)  # of each release of the package
    if several:
        below = shape[0] if isinstance(shape, list) else shape.get(ANY) if isinstance(shape, dict) else None
        if below is None or isinstance(shape, list) != (several[1].lower() == "list"):
            yield f"{where}: {shape} for {kind}"
        elif below is not dict:
            yield from wrong(below, several[2], where)
    elif kind in TYPES:
        if shape is not TYPES[kind]:
            yield f"{where}: {shape} for {kind}"
    elif isinstance(shape, dict):
        model = getattr(models, kind)
        fields = {written: model.openapi_types[own] for own, written in model.attribute_map.items()}
        for key, below in shape.items():
            if key.rstrip("!") in fields:
                yield from wrong(below, fields[key.rstrip("!")], f"{where}.{key}")
    elif shape is not dict:
        yield f"{where}: {shape} for {kind}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_kubernetes_says_the_same(kind: resources.Kind) -> None:
    version = re.sub(r"\W", "", kind.api_version.rpartition("/")[2]).capitalize()
    name = f"{version}{kind.kind}" if kind.kind != "Event" else "CoreV1Event"
    assert list(wrong(kind.shape, name, kind.kind)) == []
    assert list(wrong({"metadata!": OBJECT["metadata!"]}, name, kind.kind)) == []


@pytest.mark.parametrize(
    ("value", "shape", "said"),
    [
        ({"a": 1}, {"a!": int}, ""),
        ({}, {"a!": int}, "a is absent, not a number"),
        ({"a": None}, {"a": int}, ""),
        ({"a": True}, {"a": int}, "a is true or false, not a number"),
        ({"a": {"b": ["x", 1]}}, {"a": {"b": [str]}}, "a.b[1] is a number, not a text"),
        ({"a": {"b": 1}}, {"a": {ANY: str}}, "a.b is a number, not a text"),
        ([], {"a": str}, "it is a list, not a mapping"),
        ({"a": 1.5}, {"a": int}, "a is something else, not a number"),
        ({"items": [None]}, LIST, "items[0] is absent, not a mapping"),
    ],
)
def test_misfits(value: Any, shape: shapes.Shape, said: str) -> None:
    assert misfit(value, shape) == said
