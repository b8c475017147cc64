"""Rights as audit logs show them, and as manifests grant them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import rights
from tests.rights import Right

ROOT = Path(__file__).resolve().parents[2]


def event(verb: str, resource: str, *, code: int = 200, uri: str = "/x", **reference: str) -> dict[str, Any]:
    return {
        "stage": "ResponseComplete",
        "verb": verb,
        "requestURI": uri,
        "userAgent": rights.USER_AGENT,
        "user": {"username": "play"},
        "objectRef": {"resource": resource, **reference},
        "responseStatus": {"code": code},
    }


@pytest.mark.parametrize(
    ("one", "right"),
    [
        (event("get", "pods", namespace="a", name="b", subresource="log"), Right("get", "", "pods/log", "a", "b")),
        (
            event("create", "deployments", apiGroup="apps", namespace="a", name="b"),
            Right("create", "apps", "deployments", "a"),
        ),
        (event("list", "pods", namespace="a"), Right("list", "", "pods", "a")),
        (
            event("watch", "pods", namespace="a", name="b", uri="/pods?watch=1&fieldSelector=metadata.name%3Db"),
            Right("watch", "", "pods", "a", "b"),
        ),
        # A namespace is its own namespace in audit logs.
        (event("get", "namespaces", namespace="a", name="a"), Right("get", "", "namespaces", "", "a")),
    ],
)
def test_what_a_request_takes(one: dict[str, Any], right: Right) -> None:
    assert rights.used([one]) == {right}


def test_what_everybody_may() -> None:
    version = {**event("get", ""), "objectRef": None}
    assert rights.used([version, event("create", "selfsubjectaccessreviews")]) == set()


def test_who_asked_and_who_was_refused() -> None:
    foreign = {**event("get", "secrets"), "user": {"username": "somebody"}}
    assert rights.of_user([foreign, event("get", "pods")], "play") == [event("get", "pods")]
    assert rights.denied([event("get", "pods"), event("get", "pods", code=403, uri="/pods/a")]) == ["get /pods/a"]


MANIFEST = """
kind: Role
metadata: {name: one, namespace: a}
rules:
- {apiGroups: [""], resources: [pods, events], verbs: [list]}
- {apiGroups: [""], resources: [configmaps], resourceNames: [c], verbs: [get, patch]}
---
kind: RoleBinding
metadata: {name: one, namespace: a}
roleRef: {kind: Role, name: one}
---
kind: ClusterRole
metadata: {name: not-bound}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
"""
GET, PATCH = Right("get", "", "configmaps", "a", "c"), Right("patch", "", "configmaps", "a", "c")
LIST = Right("list", "", "pods", "a")
EVENTS = Right("list", "", "events", "a")


def test_what_is_granted_and_what_of_it_in_vain() -> None:
    given = rights.granted(yaml.safe_load_all(MANIFEST))
    assert set(given) == {GET, PATCH, LIST, EVENTS}
    assert rights.missing(given, {LIST, GET, Right("list", "", "pods"), Right("get", "", "configmaps", "a", "d")}) == [
        Right("get", "", "configmaps", "a", "d"),
        Right("list", "", "pods"),
    ]
    assert rights.superfluous(given, {LIST, GET}) == [EVENTS, PATCH]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    log, manifest = tmp_path / "log", tmp_path / "manifest.yml"
    manifest.write_text(MANIFEST)
    asked = [event("list", "pods", namespace="a"), event("get", "secrets", namespace="a", name="s")]
    log.write_text("".join(json.dumps(each) + "\n" for each in asked))
    monkeypatch.setattr(sys, "argv", ["rights", str(log)])
    assert rights.main() == 0
    assert capsys.readouterr().out == "get secrets in a s\nlist pods in a\n"
    monkeypatch.setattr(sys, "argv", ["rights", str(log), "--against", str(manifest)])
    assert rights.main() == 1
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == "2 rights used, 4 granted"
    assert rest[0] == "missing: get secrets in a s"
    assert len(rest) == 4


@pytest.mark.parametrize("name", ["host", "member"])
def test_documented_manifests_have_no_wildcard_and_bind_every_role(name: str) -> None:
    items = rights.load(ROOT / "docs" / "rbac" / f"{name}.yml")
    given = rights.granted(items)
    assert given
    assert not [right for right in given if "*" in (right.verb, right.group, right.resource)]
    roles = [item["metadata"]["name"] for item in items if item["kind"] in ("Role", "ClusterRole")]
    bindings = [item["roleRef"]["name"] for item in items if item["kind"] in ("RoleBinding", "ClusterRoleBinding")]
    assert sorted(roles) == sorted(bindings)
