# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server in a dictionary, for tests of what stands above the session."""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import resources, wait
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import Connection
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError, for_status
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge_patch
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import Kind, Object
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import MERGE_PATCH, Session, identity

Answer = Callable[[], Object]


def item(kind: Kind, name: str, namespace: str | None = None, **fields: Any) -> Object:
    """An object as it stands in a cluster."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **copy.deepcopy(fields)}


class Clock:
    """The module ``time`` of the wait loop, for waits that take no time.

    Attributes:
        now: seconds that have passed.
        on_sleep: called after each sleep; lets the world change.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.on_sleep: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        """What has been slept so far."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        assert seconds > 0, "a wait that does not wait"
        self.now += seconds
        self.on_sleep()


class FakeSession(Session):
    """A session, all of its logic included, whose requests end in a dictionary.

    Attributes:
        objects: what stands, by path.
        answers: what other requests answer, by path.
        logs: what text requests answer, by path.
        requests: method and path of each request.
        on_write: called after each write with the method and the object; plays the controllers.
        tried: the connections of other ways here, in order.
        reached: what another way leads to; the same cluster if not set.
    """

    def __init__(self, cluster: str = "one", *items: Object, planning: bool = False) -> None:
        super().__init__(Connection(server="http://127.0.0.1:1"), cluster, planning=planning, patience=0)
        self.objects: dict[str, Object] = {}
        self.answers: dict[str, Answer] = {}
        self.logs: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.on_write: Callable[[str, Object], None] = _nobody
        self.tried: list[Connection] = []
        self.reached: Callable[[Connection], Session] | None = None
        self._versions = itertools.count(1)
        for each in items:
            self.put(each)

    def put(self, each: Object) -> Object:
        """Let an object stand, as it is given; nobody is told."""
        kind, name, namespace = identity(each)
        stored = merge_patch(each, {"metadata": {"resourceVersion": str(next(self._versions))}})
        stored["metadata"].setdefault("uid", f"uid-of-{name}")
        self.objects[kind.path(name, namespace)] = stored
        return copy.deepcopy(stored)

    def reached_by(self, connection: Connection, *, timeout: float, patience: float) -> Session:  # noqa: ARG002
        """The same cluster, reached in another way; ``reached`` says what is there in place of it."""
        self.tried.append(connection)
        return self.reached(connection) if self.reached else self

    def at(self, kind: Kind, name: str, namespace: str | None = None) -> Object:
        """The object as it stands."""
        return self.objects[kind.path(name, namespace)]

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that were no reads."""
        return [each for each in self.requests if each[0] not in ("GET", "WATCH", "FOLLOW")]

    def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,  # noqa: ARG002 - the signature is the session's
        patience: float | None = None,  # noqa: ARG002
    ) -> Object:
        """Answer from the dictionary."""
        self.requests.append((method, path))
        if path in self.answers:
            return self.answers[path]()
        if method == "POST":
            return self._post(path, body or {}, what)
        if method == "GET" and path not in self.objects and path.rsplit("/", 1)[-1] in self._plurals():
            return self._collection(path, (query or {}).get("labelSelector", ""))
        if path not in self.objects:
            raise self._error(404, what)
        if method == "DELETE":
            removed = self.objects.pop(path)
            self.on_write(method, removed)
            return removed
        if method == "PATCH":
            assert content_type == MERGE_PATCH
            wanted = ((body or {}).get("metadata") or {}).get("resourceVersion")
            if wanted and wanted != self.objects[path]["metadata"]["resourceVersion"]:
                raise self._error(409, what)
            written = self.put(merge_patch(self.objects[path], body))
            self.on_write(method, written)
            return written
        return copy.deepcopy(self.objects[path])

    def checked(self, kind: Kind, answer: Object, name: str | None = None, **_more: Any) -> Object:  # noqa: ARG002
        """What a test puts here has what the test needs."""
        return answer

    def text(
        self,
        path: str,
        what: str,
        query: Mapping[str, str] | None = None,  # noqa: ARG002
        **_more: Any,
    ) -> str:
        """Answer a log."""
        if path not in self.logs:
            raise self._error(404, what)
        return self.logs[path]

    def lines(self, path: str, what: str, query: Mapping[str, str], seconds: float) -> Iterator[str]:  # noqa: ARG002
        """Give what is written to a log, looking about each second of the clock of tests."""
        self.requests.append(("FOLLOW", path))
        seen, looks = self.logs.get(path, ""), max(1, round(seconds))
        for _look in range(looks):
            wait.time.sleep(seconds / looks)  # type: ignore[attr-defined]
            now = self.logs.get(path, "")
            yield from (now[len(seen) :] if now.startswith(seen) else now).splitlines()
            seen = now

    def _watch(
        self,
        kind: Kind,
        name: str,
        namespace: str | None,
        resource_version: str,
        seconds: float,
    ) -> Iterator[Object | None]:
        """Give what stands, if it is another than was known, or let the time pass."""
        self.requests.append(("WATCH", kind.path(name, namespace)))
        current = self.objects.get(kind.path(name, namespace))
        if current is None or current["metadata"]["resourceVersion"] != resource_version:
            yield copy.deepcopy(current)
        else:
            wait.time.sleep(seconds)  # type: ignore[attr-defined] # the clock of tests, if they set one

    def follow(
        self, kind: Kind, resource_version: str, seconds: float, opened: Callable[[Callable[[], None]], None]
    ) -> Iterator[tuple[str, Object]]:
        """Give whatever of a kind has changed, until somebody hangs up."""
        del seconds
        self.requests.append(("WATCH", kind.path()))
        told, over = int(resource_version), threading.Event()
        opened(over.set)
        while not over.wait(0.002):
            changed = [each for path, each in list(self.objects.items()) if path.startswith(f"{kind.path()}/")]
            for each in sorted(changed, key=_version):
                if _version(each) > told:
                    told = _version(each)
                    yield "MODIFIED", copy.deepcopy(each)

    def _post(self, path: str, body: Object, what: str) -> Object:
        full = f"{path}/{(body.get('metadata') or {}).get('name')}"
        if full in self.objects:
            raise self._error(409, what)
        written = self.put(body)
        self.on_write("POST", written)
        return written

    def _plurals(self) -> set[str]:
        """What can be listed: what Kubernetes itself has, and custom kinds of which something stands."""
        own = {kind.plural for kind in vars(resources).values() if isinstance(kind, Kind)}
        return own | {path.rsplit("/", 2)[-2] for path in self.objects}

    def _collection(self, path: str, selector: str) -> Object:
        wanted = dict(pair.partition("=")[::2] for pair in selector.split(",") if pair)
        plural = path.rsplit("/", 1)[-1]
        prefix = path[: -len(plural)]
        found = [
            copy.deepcopy(each)
            for at, each in self.objects.items()
            if at.startswith(prefix) and at.rsplit("/", 2)[-2] == plural and _matches(each, wanted)
        ]
        return {"metadata": {"resourceVersion": "1"}, "items": found}

    def _error(self, status: int, what: str) -> KubeError:
        return for_status(status)(f"Failed to {what}: {status}", self.cluster, status=status)


def _version(each: Object) -> int:
    return int(each["metadata"]["resourceVersion"])


def _nobody(_method: str, _item: Object) -> None:
    """No controller."""


def _matches(each: Object, wanted: Mapping[str, str]) -> bool:
    labels = each["metadata"].get("labels") or {}
    return all(key in labels and value in ("", labels[key]) for key, value in wanted.items())


def fail(error: Exception) -> NoReturn:
    """Raise an error that a test has put where an answer may be, too."""
    raise error
