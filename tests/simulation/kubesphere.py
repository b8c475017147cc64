"""What plays in a member beside its API server: its ks-apiserver, and who gives ServiceAccounts their tokens.

ks-apiserver is the sandbox's stand-in itself, with the member's own store in place of a connection to an API server.
"""

from __future__ import annotations

import base64
import json
import random
import secrets
import time
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import yaml

from tests.sandbox.kubeapi import ApiError, Object
from tests.sandbox.standin import apiserver
from tests.sandbox.standin.releases import Release
from tests.sandbox.standin.runtime import CONFIG_KEY, CONFIG_MAP
from tests.sandbox.standin.settings import Settings
from tests.simulation.api import Api
from tests.simulation.http import Answer, Request, Target, Watch
from tests.simulation.store import Collection, Store, Stored

_SERVICES = {":ks-apiserver:80", ":ks-apiserver:", "ks-apiserver", "ks-apiserver:80"}  # of kubesphere-system
_TOKEN_SECRET = "kubernetes.io/service-account-token"
_ACCOUNT, _ACCOUNT_UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"
_TOKEN_SECONDS = (0.0005, 0.0015)  # a real controller manager has mostly made a token before the next request comes

Later = Callable[[float, Callable[[], None]], Any]
"""Does something after so many seconds."""


class KsApiserver:
    """What is behind the service proxy."""

    def __init__(self, store: Store, api: Api) -> None:
        """Play the release that stands in the store."""
        self._store = store
        release = Release.of(store.seed.snapshot.release)
        self._kubesphere = _KubeSphere(_StoredApi(api), release, _StoredSettings(release, store))
        self._closed = (0.0, 0.0)

    def reload(self) -> None:
        """kubesphere-config has changed: its port is closed for a moment, as the stand-in's is."""
        begin = time.monotonic() + random.uniform(0, apiserver.POLL_SECONDS)
        self._closed = (begin, begin + apiserver.RELOAD_SECONDS)

    def answer(self, request: Request, target: Target) -> Answer:
        """Answer through the service proxy, which keeps the caller's credentials for itself."""
        if target.name not in _SERVICES:
            return self._other_service(request, target)
        if self._closed[0] <= time.monotonic() < self._closed[1]:
            message = "error trying to reach service: dial tcp 10.210.0.1:9090: connect: connection refused"
            return Answer.refused(500, "", message)  # so says the API server of Kubernetes 1.20
        headers = {name: value for name, value in request.headers.items() if name != "authorization"}
        path, _dummy, query = request.uri.partition("/proxy")[2].partition("?")
        found = self._kubesphere.answer(apiserver.Request(request.method, path or "/", query, headers, request.body))
        if isinstance(found, apiserver.Forward):
            return Answer.not_simulated(request, "what ks-apiserver passes on")
        return Answer(found.status, found.body, found.content_type)

    def _other_service(self, request: Request, target: Target) -> Answer:
        parts = target.name.split(":")
        name = parts[1] if len(parts) == 3 else parts[0]
        if self._store.find(("/api/v1/services", target.namespace, name)) is not None:
            return Answer.not_simulated(request, "this service")
        details = {"name": name, "kind": "services"}
        return Answer.refused(404, "NotFound", f'services "{name}" not found', details)


class _StoredApi:
    """The stand-in's way to its API server, which is in this process."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def get(self, path: str) -> Object:
        answer = self.api.answer(Request("GET", path))
        content = json.loads(answer.body) if isinstance(answer, Answer) else {}
        if isinstance(answer, Answer) and answer.status >= 400:
            raise ApiError(answer.status, content["reason"], content["message"])
        return dict(content)

    def find(self, path: str) -> Object | None:
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise


class _KubeSphere(apiserver.KubeSphere):
    """The stand-in, but for what it passes on to its API server."""

    def __init__(self, api: _StoredApi, release: Release, settings: Settings) -> None:
        super().__init__(api, release, settings)  # type: ignore[arg-type]
        self._own = api.api

    def _pass_on(self, request: apiserver.Request) -> apiserver.Answer:
        answer = self._own.answer(Request(request.method, request.target, request.passed_on(), request.body))
        if isinstance(answer, Watch):
            return apiserver.Answer.text(501, "tests/simulation does not play watches through ks-apiserver")
        return apiserver.Answer(answer.status, answer.body, answer.content_type)


class _StoredSettings(Settings):
    """kubesphere-config as it stands in the store."""

    def __init__(self, release: Release, store: Store) -> None:
        super().__init__(release)
        self._store = store

    def read(self) -> dict[str, Any]:
        """The document."""
        namespace, name = CONFIG_MAP.split("/")[-3], CONFIG_MAP.rsplit("/", maxsplit=1)[-1]
        found = self._store.find(("/api/v1/configmaps", namespace, name))
        return _document(found.item["data"][CONFIG_KEY]) if found else {}


@lru_cache(maxsize=4096)
def _document(text: str) -> dict[str, Any]:
    return dict(yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {})


class Tokens:
    """Makes the tokens of ServiceAccounts, as Kubernetes 1.20 does.

    Imitates kubernetes v1.20.2 pkg/controller/serviceaccount/tokens_controller.go: an account without a Secret gets one
    with a token, and a Secret for an account that has no token gets one.
    """

    def __init__(self, store: Store, authority: bytes, later: Later) -> None:
        """Watch over a store.

        Args:
            store: it.
            authority: the API server's certificate authority, PEM.
            later: how to do something after a moment.
        """
        self._store = store
        self._authority = base64.b64encode(authority).decode()
        self._later = later
        self.issued: set[str] = set()

    def written(self, collection: Collection, stored: Stored) -> None:
        """Something was written."""
        if collection.path == "/api/v1/serviceaccounts" and not stored.item.get("secrets"):
            self._later(random.uniform(*_TOKEN_SECONDS), lambda: self._equip(collection, stored))
        waits = stored.item.get("type") == _TOKEN_SECRET and "token" not in stored.item.get("data", {})
        if collection.path == "/api/v1/secrets" and waits:
            self._later(random.uniform(*_TOKEN_SECONDS), lambda: self._fill(collection, stored))

    def _equip(self, collection: Collection, account: Stored) -> None:
        where = (collection.path, account.metadata["namespace"], account.metadata["name"])
        now = self._store.find(where)
        if now is None or now.item.get("secrets"):
            return
        metadata = {
            "name": f"{account.metadata['name']}-token-{secrets.token_hex(3)[:5]}",
            "namespace": account.metadata["namespace"],
            "uid": str(uuid.uuid4()),
            "creationTimestamp": account.metadata["creationTimestamp"],
            "annotations": {_ACCOUNT: account.metadata["name"], _ACCOUNT_UID: account.metadata["uid"]},
            "managedFields": [],
        }
        item = {"metadata": metadata, "data": self._data(metadata), "type": _TOKEN_SECRET}
        kinds = self._store.seed.collections
        self._store.put(kinds["/api/v1/secrets"], item)
        self._store.put(collection, {**now.item, "secrets": [{"name": metadata["name"]}]})

    def _fill(self, collection: Collection, secret: Stored) -> None:
        metadata = dict(secret.metadata)
        account = (metadata.get("annotations") or {}).get(_ACCOUNT, "")
        owner = self._store.find(("/api/v1/serviceaccounts", metadata["namespace"], account))
        if owner is None:
            self._store.drop((collection.path, metadata["namespace"], metadata["name"]))
            return
        metadata["annotations"] = {**metadata["annotations"], _ACCOUNT_UID: owner.metadata["uid"]}
        self._store.put(collection, {**secret.item, "metadata": metadata, "data": self._data(metadata)})

    def _data(self, metadata: Object) -> Object:
        token = f"simulated.{secrets.token_urlsafe(48)}"
        self.issued.add(token)
        return {
            "ca.crt": self._authority,
            "namespace": base64.b64encode(metadata["namespace"].encode()).decode(),
            "token": base64.b64encode(token.encode()).decode(),
        }


def service_proxy(request: Request) -> Target | None:
    """What the request asks of a Service, if it does."""
    target = request.target
    return target if target and (target.resource, target.subresource) == ("services", "proxy") else None
