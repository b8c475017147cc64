# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one wait loop of the collection (private to the collection)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar, Union

from .errors import Forbidden, Gone, KubeError, ServerError, Unauthorized, Unreachable, WaitTimeout
from .resources import Kind, Object
from .session import Session

T = TypeVar("T")

Progress = Callable[[str], None]
"""Called with one line of text whenever what is waited for changes."""


_SHORTEST_WATCH = 1.0  # seconds; the API counts them whole
_PAUSE = 0.5  # seconds at most between two looks at an object that does not exist yet
_DEAF = 5.0  # seconds until the next look where there is nothing to listen to
_RAREST = 30.0  # seconds at most between two looks at what stays the same


def silent(_line: str) -> None:
    """A progress callback that shows nothing."""


@dataclass(frozen=True)
class Pending:
    """Not yet.

    Attributes:
        reason: what is still missing, in words.
        hint: what to do if it stays so.
        retry_in: seconds until a look is worth while although the object has not changed; None leaves it to the wait.
        listen: where no object tells what is waited for: returns when a look is worth while, at the latest after so
            many seconds, and raises a KubeError where it hears nothing.
    """

    reason: str
    hint: str = ""
    retry_in: float | None = None
    listen: Callable[[float], None] | None = None


@dataclass(frozen=True)
class Done(Generic[T]):
    """The wait is over.

    Attributes:
        value: what was waited for.
    """

    value: T


Outcome = Union[Pending, Done[T]]


@dataclass(frozen=True)
class Target:
    """The object that a wait watches.

    Attributes:
        kind: its kind.
        name: its name.
        namespace: its namespace, None for cluster-scoped kinds.
    """

    kind: Kind
    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        return self.kind.title(self.name, self.namespace)


def wait(
    session: Session,
    target: Target,
    evaluate: Callable[[Object | None], Outcome[T]],
    *,
    goal: str,
    timeout: float,
    start: Object | None = None,
    recheck: float = 30.0,
    progress: Progress = silent,
    subject: str = "",
) -> T:
    """Wait until ``evaluate`` says that it is done.

    The object is watched, so a change is seen at once; ``evaluate`` is called again after ``recheck`` seconds even
    without a change, for it may look at other things as well, and less often where its reason stays the same. An API
    server that does not answer for a while does not end the wait, only the deadline does.

    Args:
        session: where the object is.
        target: which object is watched.
        evaluate: looks at the object (None while it does not exist); raises to give up.
        goal: what is waited for, as a clause for messages: ``Cluster member-1 is Ready``.
        timeout: seconds.
        start: the object as it was read or written last; read first if not given.
        recheck: seconds between two looks, at first.
        progress: told of each new reason.
        subject: what messages name first; the session's cluster if not given.

    Raises:
        WaitTimeout: the deadline has passed; the message has the last reason.
        KubeError: ``evaluate`` gave up, or the object may not be read.
    """
    deadline = time.monotonic() + timeout
    said, since = "", 0.0
    current, known = start, start is not None
    events = None
    while True:
        try:
            if not known:
                current, known = session.find(target.kind, target.name, target.namespace), True
            outcome = evaluate(current)
        except (Unreachable, ServerError) as error:
            outcome, known = Pending(error.message, error.hint), False
        if isinstance(outcome, Done):
            return outcome.value
        now = time.monotonic()
        left = deadline - now
        if outcome.reason != said:
            said, since = outcome.reason, now
            progress(f"{subject or session.cluster}: waiting until {goal}: {session.redactor.text(said)}")
        if left <= 0:
            waited = f"Waited {round(timeout, 1):g} s in vain until {goal}"
            raise WaitTimeout(
                f"{waited}: {session.redactor.text(outcome.reason)}", subject or session.cluster, outcome.hint
            )
        seconds = min(left, outcome.retry_in or max(recheck, min(_RAREST, (now - since) / 10)))
        if outcome.listen is not None:
            events, known = None, False
            try:
                outcome.listen(seconds)
            except KubeError:
                time.sleep(min(left, _DEAF))
            continue
        if current is None or not known or seconds < _SHORTEST_WATCH:
            events, known = None, False
            time.sleep(min(seconds, _PAUSE))
            continue
        try:
            if events is None:
                version = current["metadata"]["resourceVersion"]
                events = session.watch(target.kind, target.name, target.namespace, version, seconds)
            current = next(events)
        except StopIteration:
            # Nothing more happened to it; what else evaluate looks at may have changed.
            events = None
        except (Forbidden, Unauthorized):
            raise
        except KubeError as error:
            events, known = None, False
            if not isinstance(error, Gone):
                time.sleep(min(left, 1.0))
