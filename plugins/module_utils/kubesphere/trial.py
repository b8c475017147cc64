# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kubeconfig is tried before KubeSphere gets it (private to the collection)."""

from __future__ import annotations

from dataclasses import replace

from ..kube.connection import Connection, resolve
from ..kube.errors import Forbidden, KubeError, Unauthorized, Unreachable
from ..kube.resources import NAMESPACE as NAMESPACE_KIND
from ..kube.resources import Object
from ..kube.session import Session
from ..kube.wait import Done, Outcome, Pending, Target, wait
from .credentials import Kubeconfig
from .refusals import Refused

_ONE_TRY = 5.0  # seconds for an address that may be one for the host's pods alone
_FRESH = 10.0  # seconds until every API server of a member has heard of a new credential
_LOOK = 0.2


def check(member: Session, config: Kubeconfig, uid: str, *, fresh: bool = False) -> None:
    """Refuse a kubeconfig that leads to another cluster than the play reaches, or that is not accepted there.

    It is tried at its own address; where nobody answers there, which says nothing of the host's pods, its credential is
    tried at the address that the play uses.

    Args:
        member: the member, as the play reaches it.
        config: a self-contained kubeconfig.
        uid: UID of the member's namespace kube-system.
        fresh: its credential was made just now, and may not be accepted everywhere yet.

    Raises:
        Refused: as above.
        KubeError: it could not be tried.
    """
    own = resolve({"kubeconfig": config})
    here = replace(
        member.connection,
        token=own.token,
        client_certificate=own.client_certificate,
        client_key=own.client_key,
        basic=own.basic,
        impersonate_user=own.impersonate_user,
        impersonate_groups=own.impersonate_groups,
    )
    for way in [here] if own.server == member.server else [own, here]:
        seen = _await_uid(member, way) if fresh else _uid(member, way)
        if seen == uid:
            return
        if seen is not None:
            raise Refused(
                f"its new kubeconfig leads to another cluster (kube-system UID {seen}, at {way.server}) than the play "
                f"reaches ({uid})",
                member.cluster,
                "Mend kubesphere_member_kubeconfig or kubesphere_api_server.",
            )
    raise Unreachable(f"Its new kubeconfig could not be tried: {member.server} does not answer", member.cluster)


def _uid(member: Session, way: Connection) -> str | None:
    """Which cluster answers; None if none does."""
    try:
        with member.reached_by(way, timeout=_ONE_TRY, patience=0) as session:
            return str(session.get(NAMESPACE_KIND, "kube-system")["metadata"]["uid"])
    except Unreachable:
        return None
    except (Unauthorized, Forbidden) as error:
        refused = Refused(f"its new kubeconfig is not accepted: {error.message}", member.cluster, error.hint)
        raise refused from None


def _await_uid(member: Session, way: Connection) -> str | None:
    def evaluate(_namespace: Object | None) -> Outcome[str | None]:
        try:
            return Done(_uid(member, way))
        except KubeError as error:
            return Pending(error.message, error.hint, _LOOK)

    target = Target(NAMESPACE_KIND, "kube-system")
    return wait(member, target, evaluate, goal="its new kubeconfig is accepted", timeout=_FRESH)
