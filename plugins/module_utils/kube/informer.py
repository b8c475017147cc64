# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All objects of one kind, listed once and then followed by one watch (private to the collection).

Many threads, each of which waits for an object of its own, would make a list and a watch each; here one serves all.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Union

from .errors import Forbidden, Gone, KubeError, NotFound, Unauthorized, Unreachable
from .merge import plain_copy
from .resources import Kind, Object

if TYPE_CHECKING:
    from .session import Session

_WINDOW = 30.0  # seconds of one watch: so long a connection that is dead without a word goes unnoticed
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds between tries
_LONGEST_NUMBER = 20  # digits of 64 bits
_ENDING = 5.0  # seconds until the thread has surely seen that it is to end

_Event = Union[Object, KubeError, None]  # an object as it is now, a watch that broke, an object that is gone


class Informer:
    """The objects of a kind without namespaces, by name, as new as the watch and our own writes make them.

    Each name has the newest resource version that was heard of, also when its object is gone: what is older than that,
    an echo of what we know already, changes nothing.

    Attributes:
        current: whether it can be believed; where not, whoever wants to know reads for himself.
    """

    def __init__(self, session: Session, kind: Kind) -> None:
        """Begin to follow; where that is refused or impossible, it is never current.

        Args:
            session: reads and watches; nobody else's.
            kind: what is followed.
        """
        self.current = False
        self._session = session
        self._kind = kind
        self._lock = threading.Lock()
        self._objects: dict[str, Object] = {}
        self._names: list[str] = []  # in order
        self._versions: dict[str, int] = {}
        self._doubted: dict[str, int] = {}  # which doubt it is, so that an answer from before it does not end it
        self._doubts = itertools.count()
        self._watchers: dict[str, list[SimpleQueue[_Event]]] = defaultdict(list)
        self._version = 0  # to watch from; 0 takes a list first
        self._hang_up: Callable[[], None] = _nothing
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"follows {kind.plural}", daemon=True)
        with contextlib.suppress(KubeError):
            self._list()
            session.patience = 0  # the thread has its own
            self.current = self._version > 0
            if self.current:
                self._thread.start()

    def close(self) -> None:
        """Follow no longer; the thread has ended when this returns, but for a request that nobody answers."""
        self._ended.set()
        self.current = False
        self._hang_up()
        if self._thread.is_alive():
            self._thread.join(_ENDING)

    # What is known

    def get(self, name: str, live: Callable[[], Object]) -> Object:
        """An object; ``live`` reads it where what is known may be wrong.

        Raises:
            NotFound: there is none.
            KubeError: it could not be read.
        """
        with self._lock:
            found, doubt = self._objects.get(name), self._doubted.get(name)
        if doubt is not None or not self.current:
            return self._looked_up(name, doubt, live)
        if found is None:
            raise NotFound(f"There is no {self._kind.title(name)}", self._session.cluster, status=404)
        copied: Object = plain_copy(found)
        return copied

    def items(self) -> list[Object]:
        """All objects, sorted by name as a list is. They are everybody's, and not to be changed."""
        with self._lock:
            return [self._objects[name] for name in self._names]

    def watch(self, name: str, resource_version: str, seconds: float) -> Iterator[Object | None]:
        """Changes of one object after a version of it, as a session's watch gives them.

        Raises:
            KubeError: the watch broke.
        """
        events: SimpleQueue[_Event] = SimpleQueue()
        deadline = time.monotonic() + seconds
        with self._lock:
            if self._versions.get(name, 0) > _number(resource_version):
                events.put(self._objects.get(name))
            self._watchers[name].append(events)
        try:
            while True:
                event = events.get(timeout=max(0.0, deadline - time.monotonic()))
                if isinstance(event, KubeError):
                    raise event
                yield event
        except Empty:
            return
        finally:
            with self._lock:
                self._watchers[name].remove(events)

    # What is learnt from our own requests

    def learn(self, found: Object) -> None:
        """An object as it was read or written just now."""
        with self._lock:
            self._heard(found)

    def doubt(self, name: str) -> None:
        """A write has failed, or deleted the object: look it up before it is believed again."""
        with self._lock:
            self._doubted[name] = next(self._doubts)

    def _looked_up(self, name: str, doubt: int | None, live: Callable[[], Object]) -> Object:
        try:
            found = live()
        except NotFound:
            with self._lock:
                if name not in self._objects:  # else the watch has not come as far
                    self._settle(name, doubt)
            raise
        with self._lock:
            self._heard(found)
            self._settle(name, doubt)
        return found

    def _settle(self, name: str, doubt: int | None) -> None:
        if self._doubted.get(name) == doubt:
            self._doubted.pop(name, None)

    # Following; the lock is held wherever objects are changed

    def _follow(self) -> None:
        try:
            self._watches()
        finally:  # whatever has ended it, what is known grows old from here on
            title = self._kind.title()
            self._broken(Unreachable(f"Failed to watch {title}: it is followed no longer", self._session.cluster))

    def _watches(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            began = time.monotonic()
            try:
                self._watch()
            except Gone:
                self.current, self._version = False, 0
            except KubeError as error:
                self._broken(error)
                if isinstance(error, (Forbidden, Unauthorized)):
                    return
            # A watch that has held for a while is followed by the next one at once.
            pause = 0.0 if time.monotonic() - began >= 1 else min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)

    def _watch(self) -> None:
        if not self._version:
            self._list()
        for event, found in self._session.follow(self._kind, str(self._version), _WINDOW, self._opened):
            self._version = _version(found)
            with self._lock:
                if event == "DELETED":
                    self._gone(found["metadata"]["name"], self._version)
                elif event != "BOOKMARK":
                    self._heard(found)

    def _list(self) -> None:
        """Learn what stands, and what no longer does."""
        listing = self._session.list(self._kind)
        version = _number(listing.resource_version)
        with self._lock:
            for each in listing.items:
                self._heard(each)
            standing = {each["metadata"]["name"] for each in listing.items}
            for name in [each for each in self._objects if each not in standing]:
                self._gone(name, version)
        self._version = version

    def _heard(self, found: Object) -> None:
        name, version = found["metadata"]["name"], _version(found)
        if version > self._versions.get(name, 0):
            if name not in self._objects:
                insort(self._names, name)
            self._versions[name], self._objects[name] = version, found
            self._tell(name, found)

    def _gone(self, name: str, version: int) -> None:
        if version >= self._versions.get(name, 0):  # else there is another of this name already
            self._versions[name] = version
            if self._objects.pop(name, None):
                self._names.remove(name)
                self._tell(name, None)

    def _broken(self, error: KubeError) -> None:
        """Have those who wait look for themselves: they may be let, or see better what is wrong."""
        self.current = False
        with self._lock:
            for name in self._watchers:
                self._tell(name, Unreachable(error.message, error.cluster, error.hint))

    def _tell(self, name: str, event: _Event) -> None:
        for each in self._watchers.get(name, ()):
            each.put(event)

    def _opened(self, hang_up: Callable[[], None]) -> None:
        self._hang_up = hang_up
        self.current = not self._ended.is_set()
        if not self.current:  # it was closed in this very moment
            hang_up()


def _nothing() -> None:
    """No watch is open."""


def _version(found: Object) -> int:
    return _number(found["metadata"]["resourceVersion"])


def _number(resource_version: str) -> int:
    """A resource version to compare; 0 for one that is no number, of which nothing is believed."""
    is_number = resource_version.isascii() and resource_version.isdigit() and len(resource_version) <= _LONGEST_NUMBER
    return int(resource_version) if is_number else 0
