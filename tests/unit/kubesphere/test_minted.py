# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the credentials that are minted on a member, on an API server in a dictionary."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import wait as wait_module
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    KubeError,
    NotFound,
    WaitTimeout,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CERTIFICATE_SIGNING_REQUEST,
    CLUSTER_ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import credentials, minted
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.minted import NAME, Credential
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import NAMESPACE
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.unit.fakes import Clock, FakeSession, fail, item
from tests.unit.kube.server import self_signed
from tests.unit.kube.test_connection import config

GIVEN = config({"certificate-authority-data": "Q0E="}, {"exec": {"command": "a-plugin"}})
ACCOUNT = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(wait_module, "time", made)
    return made


def jwt(**claims: Any) -> str:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.c2lnbmF0dXJl"


def bound_token(secret: str, lives: float = 86400, age: float = 0) -> str:
    """A token as TokenRequest makes it."""
    names = {"serviceaccount": {"name": NAME}, "secret": {"name": secret}, "namespace": NAMESPACE}
    issued = time.time() - age
    return jwt(iat=issued, exp=issued + lives, **{"kubernetes.io": names})


def legacy_token(secret: str) -> str:
    """A token as it stands in a Secret."""
    claims = {"service-account.name": NAME, "secret.name": secret, "namespace": NAMESPACE}
    return jwt(**{f"kubernetes.io/serviceaccount/{name}": value for name, value in claims.items()})


class Member(FakeSession):
    """A member whose controllers make tokens and certificates.

    Attributes:
        lives: seconds that its tokens hold.
        signs: whether it signs certificates.
    """

    lives = 86400.0
    signs = True

    def __init__(self, *items: Object, planning: bool = False) -> None:
        super().__init__("member", *items, planning=planning)
        self.on_write = self._control
        self.answers[f"{SERVICE_ACCOUNT.path(NAME, NAMESPACE)}/token"] = self._token
        self.answers[f"{CERTIFICATE_SIGNING_REQUEST.path(NAME)}/approval"] = self._sign

    def _control(self, method: str, written: Object) -> None:
        if method == "POST" and written.get("type") == "kubernetes.io/service-account-token":
            token = base64.b64encode(legacy_token(written["metadata"]["name"]).encode()).decode()
            self.put({**written, "data": {"token": token}})

    def _token(self) -> Object:
        names = [each["metadata"]["name"] for each in self.secrets]
        return {"status": {"token": bound_token(names[-1], self.lives)}}

    def _sign(self) -> Object:
        request = self.at(CERTIFICATE_SIGNING_REQUEST, NAME)
        asked = x509.load_pem_x509_csr(base64.b64decode(request["spec"]["request"]))
        name = str(asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        if self.signs:
            made = self_signed(name).certificate
            self.put({**request, "status": {"certificate": base64.b64encode(made.encode()).decode()}})
        return request

    @property
    def secrets(self) -> list[Object]:
        return [each for each in self.objects.values() if each["kind"] == "Secret"]

    @property
    def names(self) -> set[str]:
        """What stands, in words."""
        return {f"{each['kind']} {each['metadata']['name']}" for each in self.objects.values()}

    @property
    def subjects(self) -> list[Object]:
        return list(self.at(CLUSTER_ROLE_BINDING, NAME)["subjects"])


def mint(member: FakeSession, kind: str, stored: dict[str, Any] | None = None) -> tuple[dict[str, Any], Credential]:
    return minted.mint(member, kind, 365, GIVEN, stored or {}, "because")


@pytest.mark.parametrize("kind", minted.KINDS)
def test_a_minted_kubeconfig_leads_where_the_given_one_does_and_is_known_again(kind: str) -> None:
    member = Member()
    made, credential = mint(member, kind)
    assert made["clusters"] == GIVEN["clusters"]
    assert made["contexts"] == GIVEN["contexts"]
    assert credential.kind == kind
    assert minted.recognise(made) == minted.recognise(credentials.decode(credentials.encode(made))) == credential
    standing = minted.read(member)
    assert standing.holds(credential)
    assert not standing.beside(credential)
    assert f"CertificateSigningRequest {NAME}" not in member.names


@pytest.mark.parametrize("kind", minted.KINDS)
def test_a_plan_has_the_actions_of_the_run(kind: str) -> None:
    plan, run = Member(planning=True), Member()
    for member in (plan, run):
        mint(member, kind)
    assert plan.writes == []
    assert [(each.verb, each.title, each.reason) for each in plan.journal] == [
        (each.verb, each.title, each.reason) for each in run.journal
    ]


@pytest.mark.parametrize("second", minted.KINDS)
@pytest.mark.parametrize("first", minted.KINDS)
def test_the_former_one_goes_and_nothing_else(first: str, second: str) -> None:
    foreign = item(SECRET, "another", NAMESPACE)
    member = Member(foreign)
    former, old = mint(member, first)
    made, new = mint(member, second, former)
    standing = minted.read(member)
    assert standing.holds(old)
    assert standing.holds(new)
    assert standing.beside(new)
    minted.clear(member, new, "done")
    standing = minted.read(member)
    assert standing.holds(new)
    assert not standing.holds(old)
    assert not standing.beside(new)
    assert (f"ServiceAccount {NAME}" in member.names) == (second != "certificate")
    minted.remove(member, "done")
    assert member.names == {"Secret another"}
    assert made != former


def test_a_certificate_never_has_a_former_ones_user_name() -> None:
    member = Member()
    names = {mint(member, "certificate")[1].name for _dummy in range(3)}
    assert len(names) == 3
    assert {each["name"] for each in member.subjects} == names


def test_what_a_killed_run_left_is_used_or_goes() -> None:
    member = Member()
    _made, credential = mint(member, "token")
    _again, same = mint(member, "token")
    assert same == credential
    assert len(member.secrets) == 1
    mint(member, "certificate")
    minted.clear(member, credential, "done")
    assert member.subjects == [ACCOUNT]


def test_a_request_that_was_left_is_replaced() -> None:
    labels = {"app.kubernetes.io/managed-by": "kubesphere.multicluster"}
    left = merge(item(CERTIFICATE_SIGNING_REQUEST, NAME), {"metadata": {"labels": labels}})
    assert minted.recognise(mint(Member(left), "certificate")[0])


def test_a_request_that_another_run_waits_for_is_let_be(clock: Clock) -> None:
    labels = {"app.kubernetes.io/managed-by": "kubesphere.multicluster"}
    metadata = {"labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"}
    member = Member(merge(item(CERTIFICATE_SIGNING_REQUEST, NAME), {"metadata": metadata}))
    member.server_time = "2026-01-01T00:00:02Z"
    clock.on_sleep = lambda: member.objects.pop(CERTIFICATE_SIGNING_REQUEST.path(NAME), None)
    mint(member, "certificate")
    assert [each.reason for each in member.journal if each.verb == "delete"] == ["it has done its work"]
    assert clock.now > 0


@pytest.mark.parametrize("kind", minted.KINDS)
@pytest.mark.parametrize("other", minted.KINDS)
def test_what_is_revoked_alone_leaves_another_runs(kind: str, other: str) -> None:
    member = Member()
    former, _old = mint(member, "token_secret")
    _made, theirs = mint(member, other, former)
    _made, mine = mint(member, kind, config(user={"token": "x"}))
    minted.revoke(member, mine, "in vain")
    standing = minted.read(member)
    assert standing.holds(theirs)
    assert not standing.holds(mine)
    minted.clear(member, theirs, "done")
    assert (f"ServiceAccount {NAME}" in member.names) == (other != "certificate")


def test_a_cluster_that_does_not_sign() -> None:
    member = Member()
    member.signs = False
    with pytest.raises(WaitTimeout, match="its controller manager has not signed it") as caught:
        mint(member, "certificate")
    assert "choose a token" in caught.value.hint
    assert member.names == set()


def test_a_cluster_that_denies() -> None:
    member = Member()

    def deny() -> Object:
        conditions = [{"type": "Denied", "message": "not here"}]
        return member.put({**member.at(CERTIFICATE_SIGNING_REQUEST, NAME), "status": {"conditions": conditions}})

    member.answers[f"{CERTIFICATE_SIGNING_REQUEST.path(NAME)}/approval"] = deny
    with pytest.raises(KubeError, match=r"was not issued \(Denied\): not here"):
        mint(member, "certificate")
    assert f"CertificateSigningRequest {NAME}" not in member.names


@pytest.mark.parametrize("answer", [{}, {"status": "x"}, {"status": {"token": 7}}, {"status": None}])
def test_an_answer_without_a_token(answer: Object) -> None:
    member = Member()
    member.answers[f"{SERVICE_ACCOUNT.path(NAME, NAMESPACE)}/token"] = lambda: answer
    with pytest.raises(KubeError, match="without a token"):
        mint(member, "token")
    assert member.names == set()


def test_a_certificate_that_is_none() -> None:
    member = Member()

    def nonsense() -> Object:
        return member.put({**member.at(CERTIFICATE_SIGNING_REQUEST, NAME), "status": {"certificate": "\u2603"}})

    member.answers[f"{CERTIFICATE_SIGNING_REQUEST.path(NAME)}/approval"] = nonsense
    with pytest.raises(KubeError, match="is no base64 of a PEM text"):
        mint(member, "certificate")


def test_a_cluster_too_old_for_tokens_that_end() -> None:
    member = Member()
    member.answers[f"{SERVICE_ACCOUNT.path(NAME, NAMESPACE)}/token"] = lambda: fail(NotFound("404", status=404))
    with pytest.raises(NotFound) as caught:
        mint(member, "token")
    assert "set kubesphere_credential to another kind" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        ("token", item(SERVICE_ACCOUNT, NAME, NAMESPACE)),
        ("certificate", item(CLUSTER_ROLE_BINDING, NAME)),
        ("certificate", item(CERTIFICATE_SIGNING_REQUEST, NAME)),
    ],
)
def test_what_is_another_s_is_left_alone(kind: str, taken: Object) -> None:
    member = Member(taken)
    with pytest.raises(KubeError, match="exists and is not one of ours"):
        mint(member, kind)
    assert member.writes == []


@pytest.mark.parametrize(
    "user",
    [
        {},
        {"token": "opaque"},
        {"token": "a.b.c"},
        {"token": jwt(iss="x")},
        {"token": bound_token("x").replace(".", "!")},
        {"token": jwt(**{"kubernetes.io": {"serviceaccount": {"name": NAME}, "namespace": NAMESPACE}})},
        {"token": jwt(**{"kubernetes.io": {"serviceaccount": {"name": NAME}, "secret": None, "namespace": "default"}})},
        {"token": jwt(**{"kubernetes.io": "x"})},
        {"token": jwt(**{"kubernetes.io": {"serviceaccount": "x", "secret": [1], "namespace": 7}})},
        {"client-certificate-data": base64.b64encode(self_signed("somebody").certificate.encode()).decode()},
    ],
)
def test_what_is_not_ours(user: dict[str, Any]) -> None:
    assert minted.recognise(config(user=user)) is None
    assert minted.recognise({}) is None


def test_secrets_are_in_no_journal() -> None:
    member = Member()
    for kind in minted.KINDS:
        made, _credential = mint(member, kind)
        secret = next(iter(made["users"][0]["user"].values()))
        assert secret not in json.dumps([[each.before, each.after] for each in member.journal])
        assert member.redactor.text(f"x {secret} y") != f"x {secret} y" or "certificate" in kind


def test_what_is_another_s_is_not_removed_with_ours() -> None:
    """An unbind ends with that, and must not fail over it."""
    theirs = [
        item(SERVICE_ACCOUNT, NAME, NAMESPACE),
        item(CERTIFICATE_SIGNING_REQUEST, NAME),
        item(SECRET, "a", NAMESPACE),
    ]
    member = Member(*theirs, item(CLUSTER_ROLE_BINDING, NAME))
    minted.remove(member, "done")
    assert member.writes == []
