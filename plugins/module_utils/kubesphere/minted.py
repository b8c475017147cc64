# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials that the collection mints on a member for KubeSphere (private to the collection).

Each can be revoked alone: a token is bound to a Secret of its own, and ends with it; a certificate has a user name of
its own, and is worth nothing once the binding names that no longer. Nothing is remembered elsewhere: whose credential a
kubeconfig has is read from the kubeconfig.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..kube import client_certificate
from ..kube.errors import KubeError, NotFound
from ..kube.resources import (
    CERTIFICATE_SIGNING_REQUEST,
    CLUSTER_ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    Kind,
    Object,
)
from ..kube.secret import Secret
from ..kube.session import Session, retry_on_conflict
from ..kube.wait import Done, Outcome, Pending, Target, wait
from . import credentials
from .credentials import Kubeconfig
from .names import MANAGED_BY, NAMESPACE, OWN, OWNER

NAME = "kubesphere-multicluster"
"""Of the ServiceAccount, of the ClusterRoleBinding, and in front of whatever there are several of."""

KINDS = ("token", "token_secret", "certificate")

_LABELS = {MANAGED_BY: OWNER}
_RBAC = "rbac.authorization.k8s.io"
_ACCOUNT: Object = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
_DAY = 86400
_FILLED = 30.0  # seconds until Kubernetes has put a token into its Secret
_LOOK = 0.3
_IN_A_PLAN = "(made by the run)"


@dataclass(frozen=True)
class Credential:
    """One of ours.

    Attributes:
        kind: one of ``KINDS``.
        name: the Secret that a token stands and falls with; the user name of a certificate.
    """

    kind: str
    name: str

    @property
    def subject(self) -> Object:
        """How the binding names it."""
        return _ACCOUNT if self.kind != "certificate" else {"kind": "User", "apiGroup": _RBAC, "name": self.name}


@dataclass(frozen=True)
class Standing:
    """What stands on a member of ours.

    Attributes:
        binding: the ClusterRoleBinding; None if there is none.
        secrets: the Secrets of tokens.
    """

    binding: Object | None
    secrets: Sequence[Object]

    @property
    def subjects(self) -> list[Object]:
        """Whom the binding names."""
        return list((self.binding or {}).get("subjects") or [])

    def holds(self, credential: Credential) -> bool:
        """Whether a credential has not been revoked."""
        named = credential.kind == "certificate" or credential.name in map(_name, self.secrets)
        return named and credential.subject in self.subjects

    def beside(self, credential: Credential) -> bool:
        """Whether there is more than what one credential takes: a former one, or what a killed run has left."""
        others = [each for each in self.subjects if each != credential.subject]
        return bool(others) or any(_name(each) != credential.name for each in self.secrets)


def recognise(config: Kubeconfig) -> Credential | None:
    """Which of our credentials a kubeconfig has; None if another one."""
    user = credentials.common_name(config)
    if user.startswith(f"{NAME}:"):
        return Credential("certificate", user)
    claims = credentials.claims(config)
    bound = claims.get("kubernetes.io")
    if isinstance(bound, Mapping):
        parts = [bound.get(each) for each in ("serviceaccount", "secret")]
        names = [each.get("name") if isinstance(each, Mapping) else None for each in parts]
        kind, namespace = "token", bound.get("namespace")
    else:
        prefix = "kubernetes.io/serviceaccount"
        names = [claims.get(f"{prefix}/{each}") for each in ("service-account.name", "secret.name")]
        kind, namespace = "token_secret", claims.get(f"{prefix}/namespace")
    ours = (names[0], namespace) == (NAME, NAMESPACE) and names[1]
    return Credential(kind, str(names[1])) if ours else None


def read(member: Session) -> Standing:
    """Look what stands.

    Raises:
        KubeError: it cannot be read, or another's object has our name.
    """
    binding = _own(member, CLUSTER_ROLE_BINDING, NAME)
    return Standing(binding, member.list(SECRET, NAMESPACE, label_selector=OWN).items)


def mint(
    member: Session, kind: str, days: int, given: Kubeconfig, stored: Kubeconfig, reason: str
) -> tuple[Kubeconfig, Credential]:
    """Make a credential, beside those that stand.

    Args:
        member: the member, with the right to make it.
        kind: one of ``KINDS``.
        days: how long it should hold, where it ends at all; the cluster may cut that short.
        given: a kubeconfig that leads where the new one shall.
        stored: the kubeconfig that it will replace; empty if none.
        reason: why, for the result.

    Returns:
        A self-contained kubeconfig; in check mode one without a credential. And what is in it.

    Raises:
        KubeError: it could not be made.
    """
    made = _new(member, kind, stored)
    try:
        if kind == "certificate":
            user = _certificate(member, made, days, reason)
        else:
            user = _account_token(member, made, days, reason)
    except KubeError as error:
        with contextlib.suppress(KubeError):  # the next run finds it
            revoke(member, made, "it could not be made")
        if isinstance(error, NotFound):  # TokenRequest and these requests are younger than the oldest Kubernetes
            error.hint = f"It may be that this cluster makes no {kind}: set kubesphere_credential to another kind."
        raise
    config = {**given, "users": [{"name": given["users"][0]["name"], "user": {} if member.planning else user}]}
    member.redactor.add(credentials.encode(config))
    return config, made


def clear(member: Session, keep: Credential, reason: str) -> None:
    """Revoke every credential of ours but one, and remove what served only them.

    The binding comes last, so that a run that is killed in between leaves something to see.

    Raises:
        KubeError: it could not be removed.
    """
    standing = read(member)
    for secret in standing.secrets:
        if _name(secret) != keep.name:
            member.delete(secret, reason)
    account = _own(member, SERVICE_ACCOUNT, NAME, NAMESPACE) if keep.subject != _ACCOUNT else None
    if account is not None:
        member.delete(account, reason)
    _write_subjects(member, lambda _: [keep.subject], standing.binding, reason)


def remove(member: Session, reason: str) -> None:
    """Revoke every credential of ours, and remove what served them; the binding last. What is another's is let be.

    Raises:
        KubeError: it could not be removed.
    """
    found = [
        *member.list(SECRET, NAMESPACE, label_selector=OWN).items,
        member.find(SERVICE_ACCOUNT, NAME, NAMESPACE),
        member.find(CERTIFICATE_SIGNING_REQUEST, NAME),
        member.find(CLUSTER_ROLE_BINDING, NAME),
    ]
    for each in found:
        if each is not None and _is_ours(each):
            member.delete(each, reason)


def revoke(member: Session, credential: Credential, reason: str) -> None:
    """Revoke one of ours and nothing else: another run may be at work.

    Raises:
        KubeError: it could not be removed.
    """
    standing = read(member)
    if not standing.beside(credential):
        remove(member, reason)
        return
    own = [each for each in standing.secrets if _name(each) == credential.name]
    last = len(own) == len(standing.secrets)
    account = _own(member, SERVICE_ACCOUNT, NAME, NAMESPACE) if last and credential.kind != "certificate" else None
    for each in filter(None, (*own, account)):
        member.delete(each, reason)
    if last or credential.kind == "certificate":

        def without_it(subjects: list[Object]) -> list[Object]:
            return [each for each in subjects if each != credential.subject]

        _write_subjects(member, without_it, standing.binding, reason)


def _new(member: Session, kind: str, stored: Kubeconfig) -> Credential:
    if kind == "certificate":
        # Never the same user name twice: it would arm an old certificate again.
        return Credential(kind, f"{NAME}:{_IN_A_PLAN if member.planning else secrets.token_hex(8)}")
    # A name that follows from what it replaces is the same in a plan and in the run, and in the run after a killed one.
    # A token is bound to the Secret's UID, so that a name that comes again does no harm.
    digest = hashlib.sha256(credentials.encode(stored).encode()).hexdigest()[:10] if stored else "first"
    return Credential(kind, f"{NAME}-{digest}")


def _certificate(member: Session, made: Credential, days: int, reason: str) -> dict[str, str]:
    standing, former = read(member), _own(member, CERTIFICATE_SIGNING_REQUEST, NAME)
    _bind(member, made, standing, reason)
    certificate, key = client_certificate.issue(
        member, NAME, made.name, former=former, seconds=days * _DAY, labels=_LABELS, reason=reason
    )
    return {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key.reveal())}


def _account_token(member: Session, made: Credential, days: int, reason: str) -> dict[str, str]:
    standing = read(member)
    account = _own(member, SERVICE_ACCOUNT, NAME, NAMESPACE)
    if account is None:
        account = member.create(_manifest(SERVICE_ACCOUNT, automountServiceAccountToken=False), reason)
    _bind(member, made, standing, reason)
    return {"token": _token(member, account, made, days, standing, reason).reveal()}


def _token(member: Session, account: Object, made: Credential, days: int, standing: Standing, reason: str) -> Secret:
    holder = _holder(member, made, standing, reason)
    if made.kind == "token":
        # Bound to this very Secret: to another one of its name it does not hold.
        bound = {"apiVersion": "v1", "kind": SECRET.kind, "name": made.name, "uid": holder["metadata"].get("uid")}
        found = _requested(member, account, days, bound, reason)
    else:
        found = Secret("") if member.planning else _filled(member, holder)
    member.redactor.add(found)
    return found


def _holder(member: Session, made: Credential, standing: Standing, reason: str) -> Object:
    """The Secret that a token stands and falls with."""
    wanted = _manifest(SECRET, made.name, type="Opaque")
    if made.kind == "token_secret":
        wanted["type"] = "kubernetes.io/service-account-token"
        wanted["metadata"]["annotations"] = {"kubernetes.io/service-account.name": NAME}
    left = next((each for each in standing.secrets if _name(each) == made.name), None)
    if left is not None and left.get("type") == wanted["type"]:
        return left
    if left is not None:
        member.delete(left, "an earlier run has left it")
    return member.create(wanted, reason)


def _requested(member: Session, account: Object, days: int, bound: Object, reason: str) -> Secret:
    spec: dict[str, Any] = {"expirationSeconds": days * _DAY, "boundObjectRef": bound}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    status = member.act("POST", account, "token", request, reason).get("status")
    token = status.get("token") if isinstance(status, Mapping) else None
    if not isinstance(token, str) and not member.planning:
        raise KubeError("it answered to a TokenRequest without a token", member.cluster)
    return Secret(token or "")


def _filled(member: Session, holder: Object) -> Secret:
    """The token that Kubernetes puts into a Secret of its kind."""

    def evaluate(now: Object | None) -> Outcome[Secret]:
        token = ((now or {}).get("data") or {}).get("token")
        if token:
            return Done(Secret(_decoded(member, token)))
        return Pending("the controller manager has put no token into it", retry_in=_LOOK)

    target = Target(SECRET, _name(holder), NAMESPACE)
    return wait(member, target, evaluate, goal=f"{target} has a token", timeout=_FILLED, start=holder)


def _bind(member: Session, made: Credential, standing: Standing, reason: str) -> None:
    def with_it(subjects: list[Object]) -> list[Object]:
        return subjects if made.subject in subjects else [*subjects, made.subject]

    _write_subjects(member, with_it, standing.binding, reason)


def _write_subjects(
    member: Session, wanted: Callable[[list[Object]], list[Object]], binding: Object | None, reason: str
) -> None:
    def write(seen: Object | None) -> Object:
        before = list((seen or {}).get("subjects") or [])
        subjects = wanted(before)
        if seen is None:
            role = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "cluster-admin"}
            return member.create(_manifest(CLUSTER_ROLE_BINDING, roleRef=role, subjects=subjects), reason)
        return seen if subjects == before else member.patch(seen, {"subjects": subjects}, reason, guarded=True)

    retry_on_conflict(write, binding, lambda: _own(member, CLUSTER_ROLE_BINDING, NAME))


def _own(member: Session, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
    """An object of our name; None if there is none.

    Raises:
        KubeError: it is another's.
    """
    found = member.find(kind, name, namespace)
    if found is not None and not _is_ours(found):
        raise KubeError(
            f"{kind.title(name, namespace)} exists and is not one of ours (label {MANAGED_BY})",
            member.cluster,
            "Remove or rename it; or set kubesphere_credential to given.",
        )
    return found


def _is_ours(each: Object) -> bool:
    return bool((each["metadata"].get("labels") or {}).get(MANAGED_BY) == OWNER)


def _manifest(kind: Kind, name: str = NAME, **fields: Any) -> Object:
    metadata = {"name": name, **({"namespace": NAMESPACE} if kind.namespaced else {}), "labels": dict(_LABELS)}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **fields}


def _name(each: Object) -> str:
    return str(each["metadata"]["name"])


def _decoded(member: Session, token: str) -> str:
    try:
        return base64.b64decode(token).decode("ascii")
    except ValueError:
        raise KubeError("the token that it put into a Secret is none", member.cluster) from None


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
