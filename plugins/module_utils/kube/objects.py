# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring objects to a wanted state with as few requests as possible (private to the collection)."""

from __future__ import annotations

from .merge import missing_from
from .resources import Object
from .session import Session, identity


def ensure(session: Session, wanted: Object, reason: str = "") -> Object:
    """Make sure that an object exists and holds everything that ``wanted`` says; fields that it does not name stay.

    One request if nothing is to be done.

    Returns:
        The object as it stands then.

    Raises:
        KubeError: it could not be read or written.
    """
    kind, name, namespace = identity(wanted)
    live = session.find(kind, name, namespace)
    if live is None:
        return session.create(wanted, reason)
    changes = missing_from(live, wanted)
    return session.patch(live, changes, reason) if changes else live
