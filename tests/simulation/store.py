"""The objects of one member: what all members share, and on top of it what is this one's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.sandbox.kubeapi import Object
from tests.simulation.snapshot import Snapshot

Key = tuple[str, str, str]
"""Path of the collection over all namespaces, namespace (empty if none), name."""


class Stored:
    """An object that is never changed, only replaced; members share those that none of them has written."""

    __slots__ = ("_text", "api_version", "item", "kind")

    def __init__(self, item: Object, kind: str, api_version: str) -> None:
        """Keep an object without its kind and version."""
        self.item = {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}
        self.kind, self.api_version = kind, api_version
        self._text = ""

    @property
    def metadata(self) -> Object:
        """Its metadata."""
        return dict(self.item["metadata"])

    @property
    def version(self) -> int:
        """Its resource version."""
        return int(self.item["metadata"]["resourceVersion"])

    @property
    def whole(self) -> Object:
        """The object with kind and version."""
        return {"kind": self.kind, "apiVersion": self.api_version, **self.item}

    def text(self, whole: bool = True) -> str:
        """Its JSON; the items of a list of Kubernetes' own kinds do not say what they are."""
        self._text = self._text or _json(self.item)[1:]
        head = f'{{"kind":"{self.kind}","apiVersion":"{self.api_version}",' if whole else "{"
        return head + self._text


@dataclass(frozen=True)
class Collection:
    """One kind, as a member serves it.

    Attributes:
        path: of all its objects, whatever their namespace.
        name: its plural.
        group: its API group.
        kind: name of the kind.
        api_version: its group and version.
        namespaced: whether its objects live in namespaces.
        custom: whether a CustomResourceDefinition makes it.
    """

    path: str
    name: str
    group: str
    kind: str
    api_version: str
    namespaced: bool
    custom: bool

    @property
    def qualified(self) -> str:
        """As messages call it: ``deployments.apps``."""
        return f"{self.name}.{self.group}" if self.group else self.name


class Seed:
    """A snapshot, made ready to be shared by all members."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Take over a snapshot."""
        self.snapshot = snapshot
        self.collections: dict[str, Collection] = {}
        self.objects: dict[str, dict[Key, Stored]] = {}
        self.version = 1
        definitions = snapshot.kept.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {})
        custom = {each["metadata"]["name"] for each in definitions.get("items", [])}
        for path, listed in snapshot.kept.items():
            base, _dummy, name = path.rpartition("/")
            served = snapshot.served[base][name]
            api_version = base.removeprefix("/apis/").removeprefix("/api/")
            group = api_version.rpartition("/")[0]
            made = f"{name}.{group}" in custom
            collection = Collection(path, name, group, served["kind"], api_version, served["namespaced"], made)
            self.collections[path] = collection
            self.version = max(self.version, int(listed["metadata"]["resourceVersion"]))
            stored = (Stored(item, collection.kind, api_version) for item in listed["items"])
            self.objects[path] = {key(collection, each.item): each for each in stored}


def key(collection: Collection, item: Object) -> Key:
    """Where an object is kept."""
    return collection.path, str(item["metadata"].get("namespace", "")), str(item["metadata"]["name"])


@dataclass(frozen=True)
class Event:
    """A change, for watches."""

    type: str
    version: int
    key: Key
    stored: Stored


@dataclass
class Store:
    """The objects of one member.

    Attributes:
        seed: what it began with.
        version: the resource version of the last write.
        events: all writes since the beginning.
        listeners: told of each write.
    """

    seed: Seed
    version: int = 0
    events: list[Event] = field(default_factory=list)
    listeners: set[Callable[[Event], None]] = field(default_factory=set)
    _own: dict[Key, Stored | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.version = self.version or self.seed.version

    @property
    def began(self) -> int:
        """The resource version that it began with."""
        return self.seed.version

    def begin_with(self, collection: Collection, item: Object) -> None:
        """Replace an object that was there from the beginning by this member's own."""
        self._own[key(collection, item)] = Stored(item, collection.kind, collection.api_version)

    def find(self, where: Key) -> Stored | None:
        """The object of that name; None if there is none."""
        if where in self._own:
            return self._own[where]
        return self.seed.objects[where[0]].get(where)

    def list(self, path: str, namespace: str = "") -> Iterator[Stored]:
        """All objects of a collection, of one namespace or all, in the order of etcd: by namespace and name."""
        shared = self.seed.objects[path]
        keys = shared.keys() | {each for each in self._own if each[0] == path}
        for where in sorted(keys):
            stored = self.find(where)
            if stored is not None and namespace in ("", where[1]):
                yield stored

    def put(self, collection: Collection, item: Object) -> Stored:
        """Write an object, which gets the next resource version."""
        self.version += 1
        item = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
        where = key(collection, item)
        kind = "ADDED" if self.find(where) is None else "MODIFIED"
        stored = Stored(item, collection.kind, collection.api_version)
        self._own[where] = stored
        self._tell(Event(kind, self.version, where, stored))
        return stored

    def drop(self, where: Key) -> None:
        """Remove an object."""
        stored = self.find(where)
        if stored is None:
            return
        self.version += 1
        last = {**stored.item, "metadata": {**stored.metadata, "resourceVersion": str(self.version)}}
        self._own[where] = None
        gone = Stored(last, stored.kind, stored.api_version)
        self._tell(Event("DELETED", self.version, where, gone))

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        for listener in list(self.listeners):
            listener(event)


def _json(content: Object) -> str:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)
