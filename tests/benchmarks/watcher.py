"""Sees when objects come to be as KubeSphere makes them, beside the tool that waits for just that."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable

from tests.sandbox.kubeapi import ApiError, KubeApi, Object

_CONNECTION_ERRORS = (OSError, http.client.HTTPException)
_PAUSE = 0.2


class Watcher(threading.Thread):
    """Watches a collection; of several objects that had one name after another the last one counts.

    Used as a context manager it watches inside.

    Attributes:
        seen: when the last object of a name was first seen as it should be, in seconds since the epoch.
    """

    def __init__(self, api: KubeApi, collection: str, settled: Callable[[Object], bool]) -> None:
        """Describe it.

        Args:
            api: the API server.
            collection: path of the collection; it may come to be later.
            settled: whether an object is as it should be.
        """
        super().__init__(name=f"watcher of {collection}", daemon=True)
        self.seen: dict[str, float] = {}
        self._api = api
        self._collection = collection
        self._settled = settled
        self._ended = False
        self._uids: dict[str, str] = {}  # of the objects that were seen so

    def __enter__(self) -> Watcher:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True

    def since(self, begun: float) -> dict[str, float]:
        """What was seen after a time."""
        return {name: when for name, when in self.seen.items() if when > begun}

    def run(self) -> None:
        """Watch until the end."""
        while not self._ended:
            try:
                self._watch()
            except (ApiError, *_CONNECTION_ERRORS):
                time.sleep(_PAUSE)

    def _watch(self) -> None:
        listed = self._api.get(self._collection)
        for item in listed["items"]:
            self._look(item, time.time())
        for _kind, item in self._api.watch(self._collection, listed["metadata"]["resourceVersion"], seconds=3600):
            if self._ended:
                return
            self._look(item, time.time())

    def _look(self, item: Object, now: float) -> None:
        name, uid = item["metadata"].get("name", ""), item["metadata"].get("uid", "")
        if self._uids.get(name) != uid and self._settled(item):
            self._uids[name], self.seen[name] = uid, now
