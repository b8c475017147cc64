# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between this collection and an API server (private to the collection).

Every error names the cluster, what was tried, what came back and, where one is known, what to do next.
"""

from __future__ import annotations


class KubeError(Exception):
    """A request or a wait did not do what was asked.

    Attributes:
        cluster: name of the cluster that it happened on.
        message: what was tried and what came back, one or two sentences.
        hint: what to do next; empty where nothing general can be said.
        status: HTTP status, 0 where there was no answer.
        detail: the server's own words; empty where there was no answer.
    """

    default_hint = ""

    def __init__(self, message: str, cluster: str = "", hint: str = "", status: int = 0) -> None:
        self.cluster = cluster
        self.message = message
        self.hint = hint or self.default_hint
        self.status = status
        self.detail = ""
        super().__init__(message)

    def __str__(self) -> str:
        where = f"{self.cluster}: " if self.cluster else ""
        text = where + self.message.rstrip()
        if not text.endswith((".", "!", "?")):
            text += "."
        return f"{text} {self.hint}".rstrip()


class ConnectionOptionError(KubeError):
    """How to reach a cluster was not said in a usable way; nothing was sent."""


class Unreachable(KubeError):
    """No answer: refused, timed out, no route, no such name, or TLS failed.

    Attributes:
        maybe_delivered: whether the request may have reached the server all the same.
    """

    maybe_delivered = False
    default_hint = "Check the server address, the network between here and there, and that the API server runs."


class Unauthorized(KubeError):
    """401: the credential is not accepted."""

    default_hint = "Give a credential that this cluster accepts; the one in use is wrong, revoked or expired."


class Forbidden(KubeError):
    """403: the credential is accepted, but may not do this."""

    default_hint = "Give the user of this kubeconfig the right to do it, or use another kubeconfig."


class NotFound(KubeError):
    """404: no such object, or no such resource type."""


class Conflict(KubeError):
    """409: the object exists already, or somebody else changed it meanwhile."""


class Gone(KubeError):
    """410: a resource version is too old to watch from."""


class Invalid(KubeError):
    """400 or 422: the API server does not accept the object."""


class ServerError(KubeError):
    """5xx, 429, or an answer that is none: the server's trouble, not the request's."""


class WaitTimeout(KubeError):
    """A wait reached its deadline; the message says what was still missing."""


_BY_STATUS = {401: Unauthorized, 403: Forbidden, 404: NotFound, 409: Conflict, 410: Gone, 429: ServerError}


def for_status(status: int) -> type[KubeError]:
    """The error class for an HTTP status of 400 and more."""
    return _BY_STATUS.get(status, ServerError if status >= 500 else Invalid)
