"""One simulated member: who it is, whom it lets in, and who answers there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.kubeapi import Object
from tests.sandbox.standin.runtime import CONFIG_MAP
from tests.simulation.api import Api
from tests.simulation.http import Answer, Request, Watch
from tests.simulation.installer import Installer
from tests.simulation.kubesphere import KsApiserver, Later, Tokens, service_proxy
from tests.simulation.store import Collection, Seed, Store, Stored

_NAMESPACES, _NODES = "/api/v1/namespaces", "/api/v1/nodes"
_CONFIG = ("/api/v1/configmaps", CONFIG_MAP.split("/")[-3], CONFIG_MAP.rsplit("/", maxsplit=1)[-1])
_PUBLIC = {"/version", "/healthz", "/readyz", "/livez"}  # what the role system:public-info-viewer grants to anybody


@dataclass(frozen=True)
class Identity:
    """What distinguishes a member from all others.

    Attributes:
        name: what the fleet calls it.
        port: where it listens.
        uid: UID of its namespace kube-system.
        folder: has its authority and its serving certificate.
        fingerprint: SHA-256 of its administrator's certificate, in hex.
        token: its administrator's token, for who prefers that.
    """

    name: str
    port: int
    uid: str
    folder: str
    fingerprint: str
    token: str

    @property
    def authority(self) -> bytes:
        """The certificate authority of its API server, PEM."""
        return Path(self.folder, "ca.crt").read_bytes()


class Member:
    """A member without its network."""

    def __init__(self, identity: Identity, seed: Seed, later: Later) -> None:
        """Begin as the seed says.

        Args:
            identity: who it is.
            seed: what it has, shared with others.
            later: how to do something after a moment.
        """
        self.identity = identity
        self._seed, self._later, self._authority = seed, later, identity.authority
        self._installing = 0.0
        self.reset()

    def reset(self) -> None:
        """Begin anew: nothing that was written since the beginning is there any more."""
        self.store = Store(self._seed)
        self._tokens = Tokens(self.store, self._authority, self._later)
        self._installer = Installer(self.store, self._later, self._installing)
        self._api = Api(self.store, self._written, self._installer.duration > 0)
        self._ks_apiserver = KsApiserver(self.store, self._api)
        self._give_identity()

    def install(self, seconds: float) -> None:
        """Begin anew, with a ks-installer whose runs take so long."""
        self._installing = seconds
        self.reset()

    def answer(self, request: Request) -> Answer | Watch:
        """Answer a request."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if (log := self._installer.answer(request)) is not None:
            return log
        proxied = service_proxy(request)
        return self._ks_apiserver.answer(request, proxied) if proxied else self._api.answer(request)

    def _refusal(self, request: Request) -> Answer | None:
        """Why whoever asks is not let in; None if it is."""
        if request.certificate and hashlib.sha256(request.certificate).hexdigest() == self.identity.fingerprint:
            return None
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token and (token == self.identity.token or token in self._tokens.issued):
            return None
        if token or request.certificate:
            return Answer.unauthorized()
        return None if request.path in _PUBLIC else _anonymous(request)

    def _written(self, collection: Collection, stored: Stored) -> None:
        self._tokens.written(collection, stored)
        self._installer.written(collection, stored)
        if (collection.path, stored.metadata.get("namespace", ""), stored.metadata["name"]) == _CONFIG:
            self._ks_apiserver.reload()

    def _give_identity(self) -> None:
        """A UID, and machines, of its own; everything else is as in the cluster that the seed was taken from."""
        system = self.store.find((_NAMESPACES, "", "kube-system"))
        assert system is not None, "the snapshot has no namespace kube-system"
        self._begin_with(_NAMESPACES, {**system.item, "metadata": {**system.metadata, "uid": self.identity.uid}})
        for number, node in enumerate(list(self.store.list(_NODES))):
            machine = hashlib.sha256(f"{self.identity.uid}/{number}".encode()).hexdigest()[:32]
            info = {**node.item["status"]["nodeInfo"], "machineID": machine, "systemUUID": machine}
            self._begin_with(_NODES, {**node.item, "status": {**node.item["status"], "nodeInfo": info}})

    def _begin_with(self, path: str, item: Object) -> None:
        self.store.begin_with(self._seed.collections[path], item)


def _anonymous(request: Request) -> Answer:
    target, who = request.target, 'User "system:anonymous"'
    if target is None:
        message = f'forbidden: {who} cannot {request.verb} path "{request.path}"'
        return Answer.refused(403, "Forbidden", message, {})
    place = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    named = f' "{target.name}"' if target.name else ""
    resource = f"{target.resource}/{target.subresource}" if target.subresource else target.resource
    message = f'{target.qualified}{named} is forbidden: {who} cannot {request.verb} resource "{resource}"'
    message += f' in API group "{target.group}" {place}'
    details = {"name": target.name, "group": target.group, "kind": target.resource}
    return Answer.refused(403, "Forbidden", message, {name: value for name, value in details.items() if value})
