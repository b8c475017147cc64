# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One session to one API server (private to the collection).

A session sends requests, tries again where that is safe, turns every failure into a :class:`KubeError` that names the
cluster, and keeps a journal of its writes. A planning session (check mode) is the same session that records its writes
in place of sending them and answers later reads of the same objects as if they had been sent.
"""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlencode, urlsplit

from ..version import USER_AGENT
from .clock import Clock
from .connection import Connection, basic
from .errors import Conflict, ConnectionOptionError, Gone, KubeError, NotFound, ServerError, Unreachable, for_status
from .merge import merge_patch
from .resources import Kind, Object, of
from .secret import Redactor
from .shapes import BOOKMARK, LIST, OBJECT, misfit
from .writers import who_changed

if TYPE_CHECKING:
    from .pace import Pace
    from .reads import Reads

try:
    import urllib3
    import urllib3.exceptions
except ImportError:  # pragma: no cover
    HAS_URLLIB3 = False
else:
    HAS_URLLIB3 = True

T = TypeVar("T")

FIELD_MANAGER = "kubesphere.multicluster"
MERGE_PATCH = "application/merge-patch+json"

_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_PAGE = 500  # objects per answer of a list, as kubectl asks for
_REFUSED = 401
_TOO_MANY = 429
_BUSY = (_TOO_MANY, 503)  # the API server did nothing and says so: any request may be sent again
_GATEWAY = (502, 504)  # a proxy on the way did not reach who stands behind it, and says no more
# Its service proxy, or its admission, did not reach who stands behind it: a pod that starts anew, most of the time.
_NOT_REACHED = (b"error trying to reach service", b"failed calling webhook")
_HOPELESS = (
    (urllib3.exceptions.SSLError, urllib3.exceptions.NameResolutionError, urllib3.exceptions.LocationValueError)
    if HAS_URLLIB3
    else ()
)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds between tries


@dataclass(frozen=True)
class Write:
    """One write, sent or planned.

    Attributes:
        verb: ``create``, ``update``, ``patch`` or ``delete``.
        title: the object as messages call it.
        before: the object before; None where there was none.
        after: the object after; None where there is none.
        reason: why, in words; may be empty.
    """

    verb: str
    title: str
    before: Object | None
    after: Object | None
    reason: str = ""


@dataclass(frozen=True)
class Listing:
    """Objects of one kind, and the resource version to watch from."""

    items: list[Object]
    resource_version: str


class Session:
    """Requests to one API server. Threads may share a session.

    Attributes:
        cluster: name of the cluster for messages.
        server: URL of the API server.
        journal: what was written, or in check mode would be, in order.
        redactor: knows the session's secrets.
        server_time: RFC 3339 time of the last answer by the API server's own clock; empty before the first.
        pace: how quickly this session and its siblings may write; None where nobody bounds it.
        reads: what this session and its siblings read in common; None where each reads for itself.
    """

    def __init__(
        self,
        connection: Connection,
        cluster: str,
        *,
        planning: bool = False,
        timeout: float = 30,
        patience: float = 30,
        connections: int = 4,
        pace: Pace | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            connection: where to and with what.
            cluster: name of the cluster for messages.
            planning: record writes in place of sending them.
            timeout: seconds that one request may take.
            patience: seconds for which a request that could not be delivered is tried again.
            connections: how many are kept open: as many as there are requests at a time, or each of the others takes a
                TLS handshake of its own.
            pace: bounds its writes.

        Raises:
            ConnectionOptionError: the connection's certificates are not usable, or urllib3 is missing.
        """
        if not HAS_URLLIB3:
            raise ConnectionOptionError(
                "the Python package urllib3 is missing", cluster, "Run 'pip install kubernetes'."
            )
        self.cluster = cluster
        self.server = connection.server
        self.connection = connection
        self.planning = planning
        self.timeout = timeout
        self.patience = patience
        self.journal: list[Write] = []
        self.server_time = ""
        self.redactor = Redactor(connection.secrets())
        self.pace = pace
        self.reads: Reads | None = None
        self._planned: dict[str, Object | None] = {}
        self._clock = Clock()
        self._headers = _headers(connection)
        self._owns_pool = True
        try:
            self._pool = _pool(connection, connections)
        except ConnectionOptionError as error:
            raise type(error)(error.message, cluster, error.hint) from None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; those of a sibling are the business of the session that it came from."""
        if self._owns_pool:
            self._pool.clear()

    def sibling(self, cluster: str | None = None) -> Session:
        """A session to the same API server over the same connections, with a journal and a plan of its own.

        It shares the pace and the reads of this session, and learns secrets for itself.

        Args:
            cluster: name of the cluster for its messages; as it is called here if not given.
        """
        other = copy.copy(self)
        other.cluster = cluster or self.cluster
        other.journal, other._planned, other.server_time = [], {}, ""
        other.redactor = self.redactor.copy()
        other._owns_pool = False
        return other

    # Reading

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object:
        """Read an object.

        Raises:
            NotFound: there is none.
            KubeError: it could not be read.
        """
        path = kind.path(name, namespace)
        if path in self._planned:
            planned = self._planned[path]
            if planned is None:
                raise NotFound(f"{kind.title(name, namespace)} will be deleted", self.cluster, status=404)
            return copy.deepcopy(planned)

        def live() -> Object:
            return self.checked(kind, self.request("GET", path, what=f"read {kind.title(name, namespace)}"), name)

        if self.reads is None:
            return live()
        try:
            return self.reads.get(kind, name, namespace, live)
        finally:
            self.server_time = self.server_time or self._clock.now()  # another one may have asked for this

    def find(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        """Read an object; None where there is none, or its resource type is not installed.

        Raises:
            KubeError: it could not be read.
        """
        try:
            return self.get(kind, name, namespace)
        except NotFound:
            return None

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        missing_ok: bool = False,
        metadata_only: bool = False,
    ) -> Listing:
        """Read all objects of a kind, in pages.

        Args:
            kind: what to read.
            namespace: where; everywhere if not given.
            label_selector: which.
            missing_ok: a resource type that is not installed counts as an empty list.
            metadata_only: names, labels and so on alone, so that what Secrets hold stays where it is.

        Returns:
            The objects; those that are read in common are everybody's, and not to be changed.

        Raises:
            KubeError: they could not be read.
        """
        known = self.reads.items(kind) if self.reads and not label_selector and not metadata_only else None
        if known is not None:
            return Listing(known, "")
        items: list[Object] = []
        query = {"limit": str(_PAGE), **({"labelSelector": label_selector} if label_selector else {})}
        what = f"list {kind.title(namespace=namespace)}"
        headers = {"Accept": _METADATA_ONLY} if metadata_only else None
        while True:
            try:
                page = self.request("GET", kind.path(namespace=namespace), query=query, what=what, headers=headers)
            except NotFound:
                if missing_ok:
                    return Listing([], "")
                raise
            except Gone:  # a page token lives for some minutes only: begin again, with all on one page
                if "limit" not in query:
                    raise
                items, query = [], {key: value for key, value in query.items() if key == "labelSelector"}
                continue
            # An item of a list does not say what it is, and could not be written as it is.
            metadata = self.checked_list(kind, page).get("metadata") or {}
            if metadata.get("continue") and metadata["continue"] == query.get("continue"):
                raise self._misfit(kind, "the list goes on without an end")
            found = ({"apiVersion": kind.api_version, "kind": kind.kind, **each} for each in page.get("items") or [])
            items += [self.checked(kind, each, whole=not metadata_only) for each in found]
            if not metadata.get("continue"):
                return Listing(items, str(metadata.get("resourceVersion", "")))
            query["continue"] = metadata["continue"]

    def watch(
        self, kind: Kind, name: str, namespace: str | None, resource_version: str, seconds: float
    ) -> Iterator[Object | None]:
        """Changes of one object as they happen, for at most so many seconds; None when it is deleted.

        Raises:
            Gone: the resource version is too old; read the object again.
            KubeError: the watch broke.
        """
        events = self.reads.watch(kind, name, resource_version, seconds) if self.reads else None
        return self._watch(kind, name, namespace, resource_version, seconds) if events is None else events

    def _watch(
        self, kind: Kind, name: str, namespace: str | None, resource_version: str, seconds: float
    ) -> Iterator[Object | None]:
        query = {"fieldSelector": f"metadata.name={name}", "resourceVersion": resource_version}
        path, what = kind.path(namespace=namespace), f"watch {kind.title(name, namespace)}"
        for event, found in self._events(path, query, what, seconds):
            yield None if event == "DELETED" else self.checked(kind, found)

    def follow(
        self, kind: Kind, resource_version: str, seconds: float, opened: Callable[[Callable[[], None]], None]
    ) -> Iterator[tuple[str, Object]]:
        """Changes of all objects of a kind as they happen, for at most so many seconds.

        Args:
            kind: what to watch.
            resource_version: of the list, or of the last change that is known.
            seconds: for how long.
            opened: called when the watch stands, with a function that ends it from another thread.

        Returns:
            What happened, in the API's words, and the object; of a ``BOOKMARK`` only the resource version counts.

        Raises:
            Gone: the resource version is too old; list them again.
            KubeError: the watch broke.
        """
        query = {"allowWatchBookmarks": "true", "resourceVersion": resource_version}
        for event, found in self._events(kind.path(), query, f"watch {kind.title()}", seconds, opened):
            if event != "BOOKMARK":
                self.checked(kind, found)
            elif wrong := misfit(found, BOOKMARK):
                raise self._misfit(kind, wrong)
            yield event, found

    def _events(
        self,
        path: str,
        query: Mapping[str, str],
        what: str,
        seconds: float,
        opened: Callable[[Callable[[], None]], None] = lambda _: None,
    ) -> Iterator[tuple[str, Object]]:
        query = {"watch": "1", **query, "timeoutSeconds": str(max(1, round(seconds)))}
        try:
            with self._stream(path, what, query, seconds + 5) as response:
                opened(lambda: _hang_up(response))
                for line in _lines(response):
                    event = json.loads(line)
                    if not isinstance(event, dict):
                        raise ValueError("an event is no JSON object")
                    if event.get("type") == "ERROR":
                        raise self._refused(what, int((event.get("object") or {}).get("code", 500)), line)
                    yield str(event.get("type")), event["object"]
        except (urllib3.exceptions.HTTPError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise self._unreachable(what, error) from None  # whatever an event is that is none, the stream is of no use

    def lines(self, path: str, what: str, query: Mapping[str, str], seconds: float) -> Iterator[str]:
        """Lines of an answer that goes on, a log that is followed for example, for about so many seconds.

        Raises:
            KubeError: it could not be had, or has ended before.
        """
        deadline = time.monotonic() + seconds
        try:
            with self._stream(path, what, query, seconds) as response:
                for line in _lines(response):
                    yield line.decode("utf-8", errors="replace")
                    if time.monotonic() >= deadline:
                        return
        except urllib3.exceptions.ReadTimeoutError:
            return  # who has nothing to say need not even begin to answer
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(what, error) from None
        raise Unreachable(f"Failed to {what}: it has ended", self.cluster)

    @contextlib.contextmanager
    def _stream(self, path: str, what: str, query: Mapping[str, str], silence: float) -> Iterator[Any]:
        """An answer that is read while it comes, and may be silent for so many seconds."""

        def opened() -> Any:
            return self._pool.request(
                "GET",
                f"{self.server}{path}?{urlencode(query)}",
                headers=self._headers,
                preload_content=False,
                retries=False,
                timeout=urllib3.Timeout(connect=self.timeout, read=silence),
            )

        sent = self._headers
        response = opened()
        if response.status == _REFUSED and self._renewed(sent):
            response.close()
            response = opened()
        try:
            if response.status >= 400:
                raise self._refused(what, response.status, response.read())
            yield response
        finally:
            # An unfinished stream cannot go back to the pool.
            response.close()

    def text(
        self,
        path: str,
        what: str,
        query: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        body: Object | None = None,
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> str:
        """Ask for something that is answered by no object, a log for example; the arguments are those of ``request``.

        A question stores nothing, whatever its method, and may be sent again.

        Raises:
            KubeError: it could not be had.
        """
        status, answer = self._send(
            method, path, what, body=body, query=query, headers=headers, patience=patience, repeatable=True
        )
        if status >= 400:
            raise self._refused(what, status, answer)
        return answer.decode("utf-8", errors="replace")

    # Writing

    def create(self, manifest: Object, reason: str = "") -> Object:
        """Create an object.

        Raises:
            Conflict: it exists already.
            KubeError: it could not be created.
        """
        kind, name, namespace = identity(manifest)
        title, path = kind.title(name, namespace), kind.path(name, namespace)
        if self.planning:
            answer = self._planned[path] = copy.deepcopy(manifest)
        else:
            answer = self._create(kind, manifest, name, namespace)
        self.journal.append(Write("create", title, None, manifest, reason))
        return answer

    def patch(self, live: Object, changes: Object, reason: str = "", *, guarded: bool = False) -> Object:
        """Change fields of an object by a JSON merge patch.

        Args:
            live: the object as it was read.
            changes: the merge patch.
            reason: why, for the result.
            guarded: refuse if somebody else has changed the object since it was read.

        Raises:
            Conflict: ``guarded``, and somebody has.
            KubeError: it could not be changed.
        """
        kind, name, namespace = identity(live)
        title, path = kind.title(name, namespace), kind.path(name, namespace)
        after: Object = merge_patch(live, changes)
        if self.planning:
            answer = self._planned[path] = after
        else:
            guard = {"metadata": {"resourceVersion": live["metadata"]["resourceVersion"]}} if guarded else {}

            def send() -> Object:
                return self.request(
                    "PATCH",
                    path,
                    merge_patch(changes, guard),
                    query={"fieldManager": FIELD_MANAGER},
                    content_type=MERGE_PATCH,
                    what=f"change {title}",
                )

            try:
                answer = self._written(kind, name, namespace, send)
            except Conflict as error:
                with contextlib.suppress(KubeError):
                    error.hint = who_changed(live, self.get(kind, name, namespace))
                raise
        # What was asked for, not what came back: so a plan and the run show the same.
        self.journal.append(Write("patch", title, live, after, reason))
        return answer

    def delete(self, live: Object, reason: str = "", *, propagation: str = "Background") -> None:
        """Delete an object, this very one (by its UID), if it is still there.

        Args:
            live: the object as it was read.
            reason: why, for the result.
            propagation: what becomes of what it owns; ``Orphan`` keeps that.

        Raises:
            Conflict: another object has taken its name meanwhile.
            KubeError: it could not be deleted.
        """
        kind, name, namespace = identity(live)
        path = kind.path(name, namespace)
        if self.planning:
            self._planned[path] = None
        else:
            options = {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "propagationPolicy": propagation,
                "preconditions": {"uid": live["metadata"]["uid"]},
            }
            self._pass()
            try:
                self.request("DELETE", path, options, what=f"delete {kind.title(name, namespace)}")
            except NotFound:
                pass
            finally:  # it may stand for a while yet
                self._doubt(kind, name, namespace)
        self.journal.append(Write("delete", kind.title(name, namespace), live, None, reason))

    def act(self, method: str, live: Object, subresource: str, body: Object, reason: str = "") -> Object:
        """Write to a subresource of an object: have a token made, approve a request.

        Args:
            method: ``POST`` or ``PUT``.
            live: the object.
            subresource: its name in the path.
            body: what to send.
            reason: why, for the result.

        Returns:
            What came back; in check mode nothing, for what a cluster makes is not known before.

        Raises:
            KubeError: it could not be done.
        """
        kind, name, namespace = identity(live)
        title, path = f"{kind.title(name, namespace)}/{subresource}", f"{kind.path(name, namespace)}/{subresource}"
        answer: Object = {}
        if not self.planning:
            self._pass()
            try:
                answer = self.request(method, path, body, query={"fieldManager": FIELD_MANAGER}, what=f"write {title}")
            finally:  # what came back need not be the object
                self._doubt(kind, name, namespace)
        self.journal.append(Write("create" if method == "POST" else "update", title, None, body, reason))
        return answer

    def reached_by(self, connection: Connection, *, timeout: float, patience: float) -> Session:
        """A session that goes to the same cluster in another way; it only reads, its writes are in no journal of ours.

        Raises:
            ConnectionOptionError: as for a session.
        """
        return Session(connection, self.cluster, planning=self.planning, timeout=timeout, patience=patience)

    def review(self, kind: Kind, body: Object) -> Object:
        """POST to one of the review APIs: a question that is asked by a write and stores nothing."""
        return self.request("POST", kind.path(), body, what=f"ask for a {kind.kind}")

    # Sending

    def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
    ) -> Object:
        """Send one request and decode its JSON answer.

        Args:
            method: HTTP method.
            path: path on the API server.
            body: what to send.
            what: what is being done, for messages: ``read Namespace kube-system``.
            query: query parameters.
            content_type: of the body.
            headers: more headers.
            patience: seconds for which it is tried again, in place of the session's.

        Raises:
            KubeError: as the class says.
        """
        status, answer = self._send(
            method, path, what, body=body, query=query, content_type=content_type, headers=headers, patience=patience
        )
        if status >= 400:
            raise self._refused(what, status, answer)
        try:
            decoded = json.loads(answer)
        except (ValueError, RecursionError):
            decoded = None
        if not isinstance(decoded, dict):
            raise ServerError(
                f"Failed to {what}: the answer is no JSON object: {self.redactor.text(_shortened(answer))!r}",
                self.cluster,
                f"Check that {self.server} is a Kubernetes API server.",
                status,
            )
        return decoded

    def checked(self, kind: Kind, answer: Object, name: str | None = None, *, whole: bool = True) -> Object:
        """An answer that is what was asked for; not ``whole``, it is its metadata alone.

        Raises:
            ServerError: it is something else.
        """
        wrong = misfit(answer, OBJECT) or (misfit(answer, kind.shape) if whole else "")
        if not wrong and name is not None:
            found = (answer.get("apiVersion"), answer.get("kind"), answer["metadata"]["name"])
            wrong = "" if found == (kind.api_version, kind.kind, name) else f"it is {found[1]} {found[2]} of {found[0]}"
        if wrong:
            raise self._misfit(kind, wrong)
        return answer

    def checked_list(self, kind: Kind, page: Object) -> Object:
        """A page of a list that is one; its items are not looked at.

        Raises:
            ServerError: it is something else.
        """
        wrong = misfit(page, LIST)
        if wrong:
            raise self._misfit(kind, wrong)
        return page

    def _misfit(self, kind: Kind, wrong: str) -> ServerError:
        return ServerError(
            f"{self.server} has answered with what is no {kind.kind}: {self.redactor.text(wrong)}",
            self.cluster,
            f"Check that {self.server} is a Kubernetes API server.",
        )

    def _create(self, kind: Kind, manifest: Object, name: str, namespace: str | None) -> Object:
        path, what = kind.path(namespace=namespace), f"create {kind.title(name, namespace)}"

        def post() -> Object:
            return self.request("POST", path, manifest, query={"fieldManager": FIELD_MANAGER}, what=what)

        try:
            return self._written(kind, name, namespace, post)
        except Unreachable as error:
            if not error.maybe_delivered:
                raise
            # Sent twice it would fail, or double an object without a name of its own: look first.
            return self.find(kind, name, namespace) or self._written(kind, name, namespace, post)

    def _written(self, kind: Kind, name: str, namespace: str | None, send: Callable[[], Object]) -> Object:
        """Send a write in its turn; whoever reads in common learns what it has made."""
        self._pass()
        try:
            answer = self.checked(kind, send(), name)
        except KubeError:
            self._doubt(kind, name, namespace)
            raise
        if self.reads is not None:
            self.reads.learn(kind, answer)
        return answer

    def _doubt(self, kind: Kind, name: str, namespace: str | None) -> None:
        if self.reads is not None:
            self.reads.doubt(kind, name, namespace)

    def _pass(self) -> None:
        if self.pace is not None:
            self.pace.take()

    def _send(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Object | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        patience: float | None = None,
        repeatable: bool = False,
    ) -> tuple[int, bytes]:
        """Send a request until it is answered or patience ends; what is not safe to repeat is sent once."""
        url = self.server + path + ("?" + urlencode(query) if query else "")
        data = None if body is None else json.dumps(body).encode()
        own = {**(headers or {}), **({"Content-Type": content_type} if data else {})}
        sent, renewable = self._headers, True
        repeatable = repeatable or method in ("GET", "PATCH", "DELETE")
        deadline = time.monotonic() + (self.patience if patience is None else patience)
        pause = _FIRST_PAUSE
        while True:
            try:
                response = self._pool.request(
                    method,
                    url,
                    body=data,
                    headers={**sent, **own},
                    retries=False,
                    redirect=False,
                    timeout=urllib3.Timeout(connect=min(self.timeout, 10), read=self.timeout),
                )
                self.server_time = self._clock.told(response.headers.get("Date")) or self.server_time
                if response.status == _REFUSED and renewable and self._renewed(sent):
                    sent, renewable = self._headers, False
                    continue
                if response.status not in _BUSY and not (repeatable and _not_reached(response.status, response.data)):
                    return response.status, response.data
                failure: KubeError = self._refused(what, response.status, response.data)
                wanted = _retry_after(response.headers.get("Retry-After"))
                pause = max(pause, wanted)
                if self.pace is not None and response.status == _TOO_MANY:
                    self.pace.hold(wanted)
            except urllib3.exceptions.HTTPError as error:
                failure = self._unreachable(what, error)
                hopeless = isinstance(error, _HOPELESS)
                if hopeless or (failure.maybe_delivered and not repeatable):
                    raise failure from None
            if time.monotonic() + pause > deadline:
                raise failure from None
            time.sleep(pause)
            if method != "GET":
                self._pass()
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _renewed(self, refused: Any) -> bool:
        """Whether there is another token than in these headers, which were refused; it is used from now on."""
        if self._headers is not refused:  # another thread has been here
            return True
        another, token = self.connection.token_in_place_of, self.connection.token
        if another is None or token is None:
            return False
        try:
            new = another(token)
        except ConnectionOptionError:  # the refusal says more than that there is no other
            return False
        if new is None or new == token:
            return False
        self.redactor.add(new)
        self.connection = replace(self.connection, token=new)
        self._headers = _headers(self.connection)
        return True

    def _unreachable(self, what: str, error: Exception) -> Unreachable:
        failure = Unreachable(
            f"Failed to {what}: no answer from {self.server}: {self.redactor.text(cause(error))}", self.cluster
        )
        failure.maybe_delivered = not isinstance(
            error, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
        )
        return failure

    def _refused(self, what: str, status: int, answer: bytes) -> KubeError:
        try:
            decoded = json.loads(answer)
            decoded = decoded.get("object", decoded)  # an ERROR event of a watch wraps the Status
            # A program behind the service proxy may send Go's error with the Status inside.
            decoded = decoded.get("ErrStatus", decoded)
            detail = str(decoded.get("message") or decoded)
        except (ValueError, AttributeError, RecursionError):
            detail = _shortened(answer) or "(no text)"
        detail = self.redactor.text(detail)
        refusal = for_status(status)(
            f"Failed to {what}: {status} from {self.server}: {detail}", self.cluster, status=status
        )
        refusal.detail = detail
        return refusal


def _not_reached(status: int, answer: bytes) -> bool:
    return status in _GATEWAY or (status >= 500 and any(words in answer for words in _NOT_REACHED))


def identity(manifest: Object) -> tuple[Kind, str, str | None]:
    """Kind, name and namespace of a manifest."""
    kind, metadata = of(manifest), manifest["metadata"]
    return kind, str(metadata["name"]), metadata.get("namespace") if kind.namespaced else None


def retry_on_conflict(change: Callable[[T], Object], seen: T, read: Callable[[], T], tries: int = 4) -> Object:
    """Compare and write, and again with what is there then, while somebody else is quicker.

    Args:
        change: compares what it is given, and writes.
        seen: what was read before.
        read: reads it again.
        tries: how often.

    Raises:
        Conflict: somebody was quicker each time.
    """
    for _dummy in range(tries - 1):
        try:
            return change(seen)
        except Conflict:
            time.sleep(_FIRST_PAUSE)
            seen = read()
    return change(seen)


def _headers(connection: Connection) -> Any:
    headers = urllib3.HTTPHeaderDict({"User-Agent": USER_AGENT, "Accept": "application/json"})
    if connection.token:
        headers["Authorization"] = f"Bearer {connection.token.reveal()}"
    elif connection.basic:
        user, password = connection.basic
        headers["Authorization"] = basic(user, password.reveal())
    if connection.impersonate_user:
        headers["Impersonate-User"] = connection.impersonate_user
    for group in connection.impersonate_groups:
        headers.add("Impersonate-Group", group)
    return headers


def _pool(connection: Connection, connections: int) -> Any:
    """The connection pool; HTTP proxies are used unless the host is excepted."""
    settings: dict[str, Any] = {"ssl_context": connection.ssl_context(), "maxsize": connections, "num_pools": 2}
    if connection.tls_server_name:
        settings["server_hostname"] = connection.tls_server_name
    if not connection.verify:
        settings["cert_reqs"] = "CERT_NONE"
        # The task warns once, by name of the cluster; urllib3 would warn at each request.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    host = urlsplit(connection.server).hostname or ""
    if connection.proxy and not _excepted(host, connection.no_proxy or ""):
        return urllib3.ProxyManager(connection.proxy, proxy_headers=_proxy_headers(connection), **settings)
    return urllib3.PoolManager(**settings)


def _proxy_headers(connection: Connection) -> dict[str, str]:
    """Headers for the proxy, with the credential that its URL may hold; urllib3 does not send that by itself."""
    headers = dict(connection.proxy_headers)
    parts = urlsplit(connection.proxy or "")
    if parts.username and "proxy-authorization" not in headers:
        headers["proxy-authorization"] = basic(unquote(parts.username), unquote(parts.password or ""))
    return headers


def _excepted(host: str, no_proxy: str) -> bool:
    entries = [entry.strip().lstrip(".") for entry in no_proxy.split(",") if entry.strip()]
    return any(entry == "*" or host == entry or host.endswith("." + entry) for entry in entries)


def _hang_up(response: Any) -> None:
    """End a stream that another thread is reading."""
    with contextlib.suppress(OSError, AttributeError):  # it has ended by itself
        response.connection.sock.shutdown(socket.SHUT_RDWR)


def _lines(response: Any) -> Iterator[bytes]:
    """Lines of a stream, each as soon as it is there."""
    rest = b""
    for chunk in response.stream(65536, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line)


def _retry_after(value: str | None) -> float:
    return min(float(value), 60.0) if value and value.isascii() and value.isdigit() else 0.0


def _shortened(answer: bytes, length: int = 300) -> str:
    text = " ".join(answer.decode("utf-8", errors="replace").split())
    return text if len(text) <= length else text[:length] + "…"


def cause(error: Exception) -> str:
    """The innermost cause of a urllib3 error, in a few words."""
    innermost: BaseException = error
    while True:
        inner = getattr(innermost, "reason", None) or innermost.__cause__ or innermost.__context__
        if not isinstance(inner, BaseException) or inner is innermost:
            break
        innermost = inner
    if isinstance(innermost, (urllib3.exceptions.TimeoutError, TimeoutError)):
        return "timed out"
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror
    text = str(innermost)
    return text.split(": ", 1)[-1] if text.startswith("<") else text
