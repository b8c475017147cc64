# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client certificates, issued by a cluster itself (private to the collection).

The key is made here and never leaves this process but in the kubeconfig; the cluster's controller manager signs.
"""

from __future__ import annotations

import base64
import calendar
import contextlib
import time
from collections.abc import Mapping

from .errors import ConnectionOptionError, KubeError
from .resources import CERTIFICATE_SIGNING_REQUEST, Object
from .secret import Secret
from .session import Session
from .wait import Done, Outcome, Pending, Target, wait

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
except ImportError:  # pragma: no cover
    HAS_CRYPTOGRAPHY = False
else:
    HAS_CRYPTOGRAPHY = True

SIGNER = "kubernetes.io/kube-apiserver-client"

_ISSUED = 30.0  # seconds that the controller manager may take
_LOOK = 0.5
_ANOTHERS = 10  # seconds after which a request is not one that another run waits for


def issue(
    session: Session,
    name: str,
    common_name: str,
    *,
    former: Object | None,
    seconds: int,
    labels: Mapping[str, str],
    reason: str,
) -> tuple[str, Secret]:
    """Have a cluster issue a client certificate: request, approve, take, and remove the request.

    Args:
        session: the cluster.
        name: name of the CertificateSigningRequest.
        common_name: the user name that the certificate stands for.
        former: the request of this name that an earlier call has left, and that is replaced; None if there is none. The
            caller has seen that it is one of its own.
        seconds: how long it should hold; the cluster may cut that short.
        labels: of the request.
        reason: why, for the result.

    Returns:
        The certificate and its key, PEM; both empty in check mode.

    Raises:
        KubeError: the cluster did not issue it.
    """
    key, request = (Secret(""), "") if session.planning else _request(session.cluster, common_name)
    session.redactor.add(key)
    if former is not None and not session.planning:
        former = _left(session, former)
    if former is not None:
        session.delete(former, "an earlier run has left it")
    made = session.create(_manifest(name, request, seconds, labels), reason)
    try:
        session.act("PUT", made, "approval", _approved(made), reason)
        return ("" if session.planning else _issued(session, made)), key
    finally:
        # Kubernetes itself removes after an hour what cannot be removed now.
        with contextlib.suppress(KubeError):
            session.delete(made, "it has done its work")


def _request(cluster: str, common_name: str) -> tuple[Secret, str]:
    if not HAS_CRYPTOGRAPHY:
        raise ConnectionOptionError(
            "a client certificate takes the Python package cryptography", cluster, "Run 'pip install cryptography'."
        )
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return Secret(pem), base64.b64encode(request.public_bytes(serialization.Encoding.PEM)).decode()


def _left(session: Session, former: Object) -> Object | None:
    """A request that nobody waits for any more; None once it is gone. Another run's is let be."""

    def evaluate(now: Object | None) -> Outcome[Object | None]:
        created = str((now or {}).get("metadata", {}).get("creationTimestamp") or "")
        if not created or not session.server_time or _seconds(session.server_time) - _seconds(created) > _ANOTHERS:
            return Done(now)
        return Pending("it was made some seconds ago", "Run this again when the other run has ended.", _LOOK)

    name = former["metadata"]["name"]
    goal = f"another run has done with {CERTIFICATE_SIGNING_REQUEST.title(name)}"
    target = Target(CERTIFICATE_SIGNING_REQUEST, name)
    return wait(session, target, evaluate, goal=goal, timeout=_ISSUED, start=former)


def _seconds(moment: str) -> int:
    try:
        return calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return 0


def _decoded(session: Session, certificate: str) -> str:
    try:
        return base64.b64decode(certificate).decode()
    except ValueError:
        raise KubeError("the client certificate that was issued is no base64 of a PEM text", session.cluster) from None


def _manifest(name: str, request: str, seconds: int, labels: Mapping[str, str]) -> Object:
    return {
        "apiVersion": CERTIFICATE_SIGNING_REQUEST.api_version,
        "kind": CERTIFICATE_SIGNING_REQUEST.kind,
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "request": request,
            "signerName": SIGNER,
            "usages": ["digital signature", "key encipherment", "client auth"],
            "expirationSeconds": seconds,  # Kubernetes before 1.22 does not know it
        },
    }


def _approved(made: Object) -> Object:
    condition = {
        "type": "Approved",
        "status": "True",
        "reason": "ApprovedByRequester",
        "message": "Made and approved by the same run.",
        "lastUpdateTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return {**made, "status": {"conditions": [condition]}}


def _issued(session: Session, made: Object) -> str:
    name = made["metadata"]["name"]

    def evaluate(now: Object | None) -> Outcome[str]:
        if now is None or now["metadata"]["uid"] != made["metadata"]["uid"]:
            raise KubeError(f"{CERTIFICATE_SIGNING_REQUEST.title(name)} was removed by somebody else", session.cluster)
        status = now.get("status") or {}
        for each in status.get("conditions") or []:
            if each.get("type") in ("Denied", "Failed"):
                told = each.get("message") or each.get("reason") or "no reason given"
                raise KubeError(f"the client certificate was not issued ({each['type']}): {told}", session.cluster)
        certificate = status.get("certificate")
        if certificate:
            return Done(_decoded(session, certificate))
        return Pending(
            "its controller manager has not signed it",
            f"Not every cluster signs for {SIGNER}: choose a token then.",
            _LOOK,
        )

    return wait(
        session,
        Target(CERTIFICATE_SIGNING_REQUEST, name),
        evaluate,
        goal="the client certificate is issued",
        timeout=_ISSUED,
    )
