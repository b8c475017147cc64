"""One member's API server: what it answers, without network, credentials and time.

What a real API server does is imitated as far as the collection and KubeSphere's controllers rely on it, and is
compared with a real one by an integration test. What is not imitated is answered with 501.
"""

from __future__ import annotations

import base64
import datetime
import json
import random
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from tests.sandbox.kubeapi import MERGE_PATCH, Object
from tests.simulation.http import Answer, Request, Target, Watch
from tests.simulation.installer import CONFIGURATIONS
from tests.simulation.store import Collection, Event, Key, Store, Stored, key

_METADATA_ONLY = "as=PartialObjectMetadataList"
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # of names that the API server generates
_WATCH_SECONDS = (1800, 3600)  # where a watch says nothing: --min-request-timeout, and up to twice that

# Kinds whose objects only stand there: nothing else happens when one is written. (Who gives a ServiceAccount its token
# is tests.simulation.kubesphere.) Others are not to be written, for their controllers are not played.
_WRITABLE = {
    "/api/v1": {"namespaces", "serviceaccounts", "secrets", "configmaps"},
    "/apis/rbac.authorization.k8s.io/v1": {"clusterroles", "clusterrolebindings", "roles", "rolebindings"},
}

Written = Callable[[Collection, Stored], None]


class Refusal(Exception):
    """The request is refused with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Api:
    """Reads and writes of one member's objects."""

    def __init__(self, store: Store, written: Written, installs: bool = False) -> None:
        """Serve a store.

        Args:
            store: the objects.
            written: told of each object that was written.
            installs: whether somebody plays what follows from writing a ClusterConfiguration.
        """
        self._store = store
        self._written = written
        self._installs = installs

    def answer(self, request: Request) -> Answer | Watch:
        """Answer a request of somebody who may do everything."""
        if request.path == "/version" and request.method == "GET":
            return Answer(200, json.dumps(self._store.seed.snapshot.version, indent=2).encode())
        target = request.target
        try:
            if target is None:
                raise Refusal(Answer.not_simulated(request, "a path without a resource"))
            collection = self._collection(request, target)
            if target.name:
                return self._object(request, target, collection)
            if request.method == "GET":
                return self._watch(request, target, collection) if request.watches else self._list(request, target)
            if request.method == "POST":
                return self._create(request, target, collection)
            raise Refusal(Answer.not_simulated(request, "deletion of a whole collection"))
        except Refusal as refusal:
            return refusal.answer

    def _collection(self, request: Request, target: Target) -> Collection:
        served = self._store.seed.snapshot.served.get(target.base)
        if served is None:
            raise Refusal(Answer.no_api())
        if target.resource not in served:
            raise Refusal(Answer.not_served())
        if target.subresource and f"{target.resource}/{target.subresource}" not in served:
            raise Refusal(Answer.not_served())
        found = self._store.seed.collections.get(target.collection)
        if found is None or target.subresource:
            raise Refusal(Answer.not_simulated(request, "this resource"))
        if target.namespace and not found.namespaced and target.resource != "namespaces":
            raise Refusal(Answer.not_served())
        return found

    # Reading

    def _list(self, request: Request, target: Target) -> Answer:
        collection = self._store.seed.collections[target.collection]
        chosen = list(self._chosen(request, target))
        start, limit = _start(request.query.get("continue", "")), int(request.query.get("limit") or 0)
        page = [each for each in chosen if key(collection, each.item)[1:] > start]
        rest = len(page) - limit if limit else 0
        metadata: Object = {"resourceVersion": str(self._store.version)}
        if collection.custom:
            metadata["continue"] = ""  # there it is never left out
        if rest > 0:
            page = page[:limit]
            metadata |= {"continue": _token(key(collection, page[-1].item)), "remainingItemCount": rest}
        if _METADATA_ONLY in request.headers.get("accept", ""):
            kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
            head = {"kind": "PartialObjectMetadata", "apiVersion": version}
            items = [json.dumps({**head, "metadata": each.metadata}) for each in page]
        else:
            kind, version = f"{collection.kind}List", collection.api_version
            items = [each.text(whole=collection.custom) for each in page]
        head_text = json.dumps({"kind": kind, "apiVersion": version, "metadata": metadata}, separators=(",", ":"))[:-1]
        return Answer(200, f'{head_text},"items":[{",".join(items)}]}}\n'.encode())

    def _chosen(self, request: Request, target: Target) -> Iterable[Stored]:
        matches = _selector(request)
        namespace = target.namespace if target.resource != "namespaces" else ""
        return (each for each in self._store.list(target.collection, namespace) if matches(each))

    def _watch(self, request: Request, target: Target, collection: Collection) -> Watch:
        matches, given = _selector(request), int(request.query.get("resourceVersion") or 0)

        def line(event: Event) -> bytes:
            inside = event.key[0] == collection.path and target.namespace in ("", event.key[1])
            return _line(event.type, event.stored) if inside and matches(event.stored) else b""

        seconds = float(request.query.get("timeoutSeconds") or random.uniform(*_WATCH_SECONDS))
        listeners = self._store.listeners
        if not given:
            first = [_line("ADDED", each) for each in self._chosen(request, target)]
            return Watch(listeners, first, line, seconds)
        if given < self._store.began:
            gone = f"too old resource version: {given} ({self._store.began})"
            status = json.loads(Answer.refused(410, "Expired", gone).body)
            return Watch(listeners, [_json({"type": "ERROR", "object": status})], line, 0)
        first = [text for event in self._store.events if event.version > given and (text := line(event))]
        return Watch(listeners, first, line, seconds)

    # One object

    def _object(self, request: Request, target: Target, collection: Collection) -> Answer:
        namespace = target.namespace if collection.namespaced else ""
        where = (collection.path, namespace, target.name)
        found = self._store.find(where)
        if found is None:
            raise Refusal(_not_found(target.qualified, target))
        if request.method == "GET":
            return Answer(200, found.text().encode() + b"\n")
        if request.method == "DELETE":
            return self._delete(request, target, collection, found)
        if request.method == "PUT":
            return self._replace(request, target, collection, found, _decoded(request))
        if request.method == "PATCH":
            if request.headers.get("content-type", "") in ("", "application/json"):
                message = "415: Unsupported Media Type"
                raise Refusal(Answer.refused(415, "UnsupportedMediaType", message, {}))
            if request.headers["content-type"] != MERGE_PATCH:
                raise Refusal(Answer.not_simulated(request, f"patches of type {request.headers['content-type']}"))
            return self._replace(request, target, collection, found, _merged(found.whole, _decoded(request)))
        raise Refusal(Answer.not_simulated(request, "this method"))

    def _create(self, request: Request, target: Target, collection: Collection) -> Answer:
        self._check_writable(request, target, collection)
        body = _decoded(request)
        metadata = dict(body.get("metadata") or {})
        if collection.namespaced:
            metadata["namespace"] = target.namespace
            namespace = ("/api/v1/namespaces", "", target.namespace)
            if self._store.find(namespace) is None:
                where = Target("/api/v1", "namespaces", target.namespace, target.namespace)
                raise Refusal(_not_found("namespaces", where))
        if metadata.get("generateName") and not metadata.get("name"):
            metadata["name"] = metadata["generateName"] + "".join(random.choices(_SUFFIX_LETTERS, k=5))
        if not metadata.get("name"):
            raise Refusal(Answer.not_simulated(request, "objects without a name"))
        body["metadata"] = metadata
        if self._store.find(key(collection, body)) is not None:
            message = f'{target.qualified} "{metadata["name"]}" already exists'
            raise Refusal(Answer.refused(409, "AlreadyExists", message, _details(target, metadata["name"])))
        metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": _now()}
        if target.resource == "namespaces":
            body |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
        if collection.custom:
            metadata["generation"] = 1
        return Answer(201, self._stored(request, collection, body).text().encode() + b"\n")

    def _replace(self, request: Request, target: Target, collection: Collection, found: Stored, body: Object) -> Answer:
        self._check_writable(request, target, collection)
        metadata = {**(body.get("metadata") or {})}
        if metadata.get("name") != target.name:
            said = f"({metadata.get('name', '')}) does not match the name on the URL ({target.name})"
            raise Refusal(Answer.refused(400, "BadRequest", f"the name of the object {said}"))
        given = str(metadata.get("resourceVersion") or "")
        if not given and collection.custom:
            raise Refusal(Answer.not_simulated(request, "an update of a custom object without its resourceVersion"))
        if given not in ("", str(found.version)):
            said = "the object has been modified; please apply your changes to the latest version and try again"
            message = f'Operation cannot be fulfilled on {target.qualified} "{target.name}": {said}'
            raise Refusal(Answer.refused(409, "Conflict", message, _details(target, target.name)))
        kept = ("uid", "creationTimestamp", "resourceVersion", "namespace", "generation")
        metadata |= {name: value for name, value in found.metadata.items() if name in kept}
        after = {**body, "metadata": metadata}
        if Stored(after, collection.kind, collection.api_version).item == _without_managers(metadata, found):
            return Answer(200, found.text().encode() + b"\n")
        if collection.custom and after.get("spec") != found.item.get("spec"):
            metadata["generation"] = int(metadata.get("generation", 0)) + 1
        return Answer(200, self._stored(request, collection, after).text().encode() + b"\n")

    def _delete(self, request: Request, target: Target, collection: Collection, found: Stored) -> Answer:
        self._check_writable(request, target, collection)
        if target.resource == "namespaces" or found.metadata.get("finalizers"):
            raise Refusal(Answer.not_simulated(request, "a deletion that takes its time"))
        uid = found.metadata["uid"]
        wanted = ((_decoded(request) if request.body else {}).get("preconditions") or {}).get("uid", uid)
        if wanted != uid:
            message = (
                f'Operation cannot be fulfilled on {collection.kind} "{target.name}": the UID in the precondition '
                f"({wanted}) does not match the UID in record ({uid}). "
                "The object might have been deleted and then recreated"
            )
            raise Refusal(Answer.refused(409, "Conflict", message, {"name": target.name, "kind": collection.kind}))
        self._store.drop(key(collection, found.item))
        success: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return Answer.json({**success, "details": {**_details(target, target.name), "uid": uid}})

    def _check_writable(self, request: Request, target: Target, collection: Collection) -> None:
        starts_a_run = target.resource == CONFIGURATIONS and not self._installs
        if starts_a_run or not (collection.custom or target.resource in _WRITABLE.get(target.base, ())):
            raise Refusal(Answer.not_simulated(request, "what follows from writing this kind"))
        if "dryRun" in request.query:
            raise Refusal(Answer.not_simulated(request, "dry runs"))

    def _stored(self, request: Request, collection: Collection, body: Object) -> Stored:
        if collection.name != "serviceaccounts":  # of which the API server keeps no managers
            body["metadata"]["managedFields"] = _managers(request, collection, body["metadata"])
        stored = self._store.put(collection, body)
        self._written(collection, stored)
        return stored


def _without_managers(metadata: Object, found: Stored) -> Object:
    """What stands, with the managers that a client has sent: who manages what is no change by itself."""
    held = {name: value for name, value in found.metadata.items() if name != "managedFields"}
    managers = {"managedFields": metadata["managedFields"]} if "managedFields" in metadata else {}
    return {**found.item, "metadata": {**held, **managers}}


def _managers(request: Request, collection: Collection, metadata: Object) -> list[Object]:
    """Who has written last, without the fields: nobody reads them here."""
    manager = request.query.get("fieldManager") or request.agent.partition("/")[0]
    entry = {"manager": manager, "operation": "Update", "apiVersion": collection.api_version, "time": _now()}
    others = [each for each in metadata.get("managedFields") or [] if each["manager"] != manager]
    return [*others, {**entry, "fieldsType": "FieldsV1", "fieldsV1": {}}]


def _decoded(request: Request) -> Object:
    try:
        body = json.loads(request.body)
    except ValueError:
        raise Refusal(Answer.not_simulated(request, "bodies other than JSON")) from None
    if not isinstance(body, dict):
        raise Refusal(Answer.not_simulated(request, "bodies other than objects"))
    return body


def _merged(before: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    kept = before if isinstance(before, dict) else {}
    changed = {name: _merged(kept.get(name), value) for name, value in patch.items() if value is not None}
    return {**{name: value for name, value in kept.items() if name not in patch}, **changed}


def _selector(request: Request) -> Callable[[Stored], bool]:
    """What a list or a watch asks for, by name or labels."""
    fields = [part.partition("=") for part in request.query.get("fieldSelector", "").split(",") if part]
    labels = [part.partition("=") for part in request.query.get("labelSelector", "").split(",") if part]
    known = all(name in ("metadata.name", "metadata.namespace") for name, _dummy, _value in fields)
    if not known or any(set(name + value) & set("!=() ") for name, _dummy, value in (*fields, *labels)):
        raise Refusal(Answer.not_simulated(request, "this selector"))

    def matches(stored: Stored) -> bool:
        metadata = stored.item["metadata"]
        held = metadata.get("labels") or {}
        return all(metadata.get(name.partition(".")[2]) == value for name, _dummy, value in fields) and all(
            held.get(name) == value if equals else name in held for name, equals, value in labels
        )

    return matches


def _not_found(qualified: str, target: Target) -> Answer:
    return Answer.refused(404, "NotFound", f'{qualified} "{target.name}" not found', _details(target, target.name))


def _details(target: Target, name: str) -> Object:
    return {"name": name, **({"group": target.group} if target.group else {}), "kind": target.resource}


def _token(last: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(last[1:]).encode()).decode()


def _start(token: str) -> tuple[str, ...]:
    """After which namespace and name a page begins."""
    return tuple(json.loads(base64.urlsafe_b64decode(token))) if token else ("", "")


def _line(kind: str, stored: Stored) -> bytes:
    return f'{{"type":"{kind}","object":{stored.text()}}}\n'.encode()


def _json(content: Object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
