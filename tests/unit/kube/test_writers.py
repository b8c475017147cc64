# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has changed an object between two looks."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.writers import who_changed


def thing(labels: dict[str, str], managers: dict[str, dict[str, Any]], **fields: Any) -> dict[str, Any]:
    entries = [{"manager": manager, "fieldsV1": owned} for manager, owned in managers.items()]
    return {"metadata": {"labels": labels, "managedFields": entries, "resourceVersion": str(len(labels))}, **fields}


def of(*labels: str) -> dict[str, Any]:
    return {"f:metadata": {"f:labels": {".": {}, **{f"f:{label}": {} for label in labels}}}}


MINE = {"kubesphere.multicluster": of("mine")}


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (
            thing({"mine": "1", "person": "2"}, {**MINE, "kubectl-edit": of("person")}),
            "kubectl-edit has changed metadata.labels.person",
        ),
        (
            thing({"mine": "2"}, {**MINE, "tower": {"f:data": {}}}, data={"x": "y"}),
            "kubesphere.multicluster has changed metadata.labels.mine; tower has changed data",
        ),
        (
            thing(
                {"mine": "1"}, {**MINE, "controller": {"f:status": {"f:conditions": {}}}}, status={"conditions": [1]}
            ),
            "controller has changed status",
        ),
        (
            thing({"mine": "1", **dict.fromkeys("abcde", "x")}, {**MINE, "kubectl": of(*"abcde")}),
            "kubectl has changed metadata.labels.a, metadata.labels.b, metadata.labels.c and 2 more",
        ),
        (thing({}, {}), "Somebody has changed it"),
        ({}, "Somebody has changed it"),
    ],
)
def test_who_changed_what(after: dict[str, Any], told: str) -> None:
    assert who_changed(thing({"mine": "1"}, MINE), after) == f"{told} meanwhile. Run this again."
