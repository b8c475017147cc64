# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What many sessions to one API server read in common (private to the collection)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING

from .informer import Informer
from .merge import plain_copy
from .once import Once
from .resources import Kind, Object

if TYPE_CHECKING:
    from .session import Session


class Reads:
    """Answers of an API server that a session and its siblings share: some kinds are followed, some objects read once.

    Whatever else is read is no business of this, and everybody's own.
    """

    def __init__(self, session: Session, followed: Collection[Kind] = (), once: Collection[str] = ()) -> None:
        """Read nothing yet.

        Args:
            session: lists and watches what is followed.
            followed: kinds, without namespaces, all of whose objects are kept as they are now.
            once: paths of objects that are read once, and again after one of the sessions has written them.
        """
        self._session = session.sibling()
        self._session.reads = None
        self._followed = frozenset(followed)
        self._paths = frozenset(once)
        self._objects: Once[Object] = Once()
        self._informers: Once[Informer] = Once()

    def close(self) -> None:
        """Follow nothing any more."""
        for informer in self._informers.known():
            informer.close()

    def get(self, kind: Kind, name: str, namespace: str | None, live: Callable[[], Object]) -> Object:
        """An object; ``live`` reads it where nobody has.

        Raises:
            NotFound: there is none.
            KubeError: it could not be read.
        """
        path = kind.path(name, namespace)
        if path in self._paths:
            found: Object = plain_copy(self._objects.get(path, live))
            return found
        informer = self._informer(kind)
        return informer.get(name, live) if informer else live()

    def items(self, kind: Kind) -> list[Object] | None:
        """All objects of a kind, to be looked at only; None where they have to be listed."""
        informer = self._informer(kind)
        return informer.items() if informer and informer.current else None

    def watch(self, kind: Kind, name: str, version: str, seconds: float) -> Iterator[Object | None] | None:
        """Changes of one object; None where it has to be watched by itself."""
        informer = self._informer(kind)
        return informer.watch(name, version, seconds) if informer and informer.current else None

    def learn(self, kind: Kind, written: Object) -> None:
        """One of the sessions has written an object."""
        self._objects.forget(kind.path(written["metadata"]["name"], written["metadata"].get("namespace")))
        informer = self._informer(kind)
        if informer:
            informer.learn(written)

    def refresh(self) -> None:
        """Read anew what is read once."""
        for path in self._paths:
            self._objects.forget(path)

    def doubt(self, kind: Kind, name: str, namespace: str | None) -> None:
        """One of the sessions has deleted an object, or does not know what its write has done."""
        self._objects.forget(kind.path(name, namespace))
        informer = self._informer(kind)
        if informer:
            informer.doubt(name)

    def _informer(self, kind: Kind) -> Informer | None:
        if kind not in self._followed:
            return None
        return self._informers.get(kind, lambda: Informer(self._session.sibling(), kind))
