"""A pod's volumes: folders in the pod's own folder, filled and kept up to date as kubelet does."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ..kubeapi import ApiError, KubeApi, Object
from .environment import Fetch, field, resource

Payload = dict[str, tuple[bytes, int]]
"""Content of a volume: relative path -> (content, mode)."""

REFRESHED = ("configMap", "secret", "projected", "downwardAPI")
"""Kinds of volume whose content follows the API."""

DEFAULT_MODE = 0o644
DEFAULT_TOKEN_LIFE = 3600

RENEWAL = 0.8
"""Share of a token's life after which kubelet asks for the next one."""


class VolumeError(Exception):
    """A volume cannot be set up.

    Attributes:
        volume: its name.
    """

    def __init__(self, volume: str, message: str) -> None:
        super().__init__(message)
        self.volume = volume


def references(pod: Object) -> set[tuple[str, str]]:
    """ConfigMaps and Secrets whose changes reach the pod's volumes, as (resource, name)."""
    found = set()
    for volume in pod["spec"].get("volumes") or ():
        for source in (volume, *(volume.get("projected", {}).get("sources") or ())):
            if reference := source.get("configMap"):
                found.add(("configmaps", reference["name"]))
            if reference := source.get("secret"):
                found.add(("secrets", reference.get("secretName") or reference["name"]))
    return found


class Volumes:
    """The volumes of one pod."""

    def __init__(self, folder: Path, machine: Path, api: KubeApi, fetch: Fetch) -> None:
        """Nothing is made yet.

        Args:
            folder: where the volumes of this pod live.
            machine: where paths live that pods want of the machine (hostPath, claims) and that it does not have.
            api: asked for service account tokens.
            fetch: reads ConfigMaps and Secrets.
        """
        self._folder = folder
        self._machine = machine
        self._api = api
        self._fetch = fetch
        self._paths: dict[str, tuple[Path, bool]] = {}
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}

    def set_up(self, pod: Object) -> None:
        """Make every volume of the pod.

        Raises:
            VolumeError: one cannot be made now.
            ApiError: the API server refused something else.
        """
        for volume in pod["spec"].get("volumes") or ():
            self._paths[volume["name"]] = self._set_up(pod, volume)

    def refresh(self, pod: Object) -> None:
        """Bring the content of those volumes up to date that follow the API.

        Raises:
            VolumeError: a source has gone; the volume keeps what it has.
        """
        for volume in pod["spec"].get("volumes") or ():
            if any(kind in volume for kind in REFRESHED):
                self._set_up(pod, volume)

    def renewal(self) -> float | None:
        """Seconds until the first token has to be replaced; None where there is no token."""
        return max(0.0, min(due for _dummy, due in self._tokens.values()) - time.time()) if self._tokens else None

    def mount(self, volume: str, sub_path: str = "") -> tuple[Path, bool]:
        """Path that a container gets for a volume, and whether it may only be read."""
        path, read_only = self._paths[volume]
        if sub_path:
            path = path / sub_path
            if not path.exists():
                path.mkdir(parents=True)
        return path.resolve(), read_only

    def _set_up(self, pod: Object, volume: Object) -> tuple[Path, bool]:
        name = volume["name"]
        folder = self._folder / name
        if any(kind in volume for kind in REFRESHED):
            write_atomically(folder, self._payload(pod, volume))
            return folder, True
        if "hostPath" in volume:
            return self._host_path(name, volume["hostPath"])
        if "persistentVolumeClaim" in volume:
            folder = (
                self._machine / "claims" / pod["metadata"]["namespace"] / volume["persistentVolumeClaim"]["claimName"]
            )
        elif "emptyDir" not in volume:
            kind = next((key for key in volume if key != "name"), "none")
            raise VolumeError(name, f"volumes of kind {kind} do not exist in the sandbox")
        folder.mkdir(parents=True, exist_ok=True)
        return folder, False

    def _host_path(self, name: str, source: Object) -> tuple[Path, bool]:
        """A path of the machine, for reading only; one that it does not have is made in the state folder instead."""
        path, kind = Path(source["path"]), source.get("type") or ""
        if path.exists():
            fitting = {"File": path.is_file, "Directory": path.is_dir, "Socket": path.is_socket}.get(kind)
            if fitting and not fitting():
                raise VolumeError(name, f"hostPath type check failed: {path} is not a {kind.lower()}")
            return path, True
        if kind and not kind.endswith("OrCreate"):
            raise VolumeError(name, f"hostPath type check failed: {path} is not a {kind.lower()}")
        own = self._machine / "files" / path.relative_to("/")
        if kind == "FileOrCreate":
            own.parent.mkdir(parents=True, exist_ok=True)
            own.touch()
        else:
            own.mkdir(parents=True, exist_ok=True)
        return own, False

    def _payload(self, pod: Object, volume: Object) -> Payload:
        if (projected := volume.get("projected")) is None:
            kind = next(kind for kind in REFRESHED if kind in volume)
            return dict(self._source(pod, volume["name"], kind, volume[kind], volume[kind].get("defaultMode")))
        payload: Payload = {}
        for source in projected.get("sources") or ():
            for kind, content in source.items():
                payload.update(self._source(pod, volume["name"], kind, content, projected.get("defaultMode")))
        return payload

    def _source(
        self, pod: Object, volume: str, kind: str, source: Object, default_mode: int | None
    ) -> Iterator[tuple[str, tuple[bytes, int]]]:
        mode = DEFAULT_MODE if default_mode is None else default_mode
        if kind == "serviceAccountToken":
            yield source["path"], (self._token(pod, volume, source).encode(), 0o600)
        elif kind == "downwardAPI":
            for item in source.get("items") or ():
                yield item["path"], (_downward(pod, item).encode(), item.get("mode", mode))
        else:
            name = source.get("secretName") or source["name"]
            values = self._values(pod["metadata"]["namespace"], volume, kind, name, bool(source.get("optional")))
            items = source.get("items") or [{"key": key, "path": key} for key in values]
            for item in items:
                if item["key"] in values:
                    yield item["path"], (values[item["key"]], item.get("mode", mode))
                elif not source.get("optional"):
                    raise VolumeError(volume, f"references non-existent {kind.lower()} key: {item['key']}")

    def _values(self, namespace: str, volume: str, kind: str, name: str, optional: bool) -> dict[str, bytes]:
        resource_name = "configmaps" if kind == "configMap" else "secrets"
        found = self._fetch(resource_name, namespace, name)
        if found is None:
            if optional:
                return {}
            raise VolumeError(volume, f'{kind.lower()} "{name}" not found')
        if kind == "secret":
            return {key: base64.b64decode(text) for key, text in (found.get("data") or {}).items()}
        binary = {key: base64.b64decode(text) for key, text in (found.get("binaryData") or {}).items()}
        return {key: text.encode() for key, text in (found.get("data") or {}).items()} | binary

    def _token(self, pod: Object, volume: str, source: Object) -> str:
        """A token of the pod's service account that is bound to the pod; a new one when most of its life is over."""
        key = (volume, source["path"])
        token, due = self._tokens.get(key, ("", 0.0))
        if time.time() < due:
            return token
        metadata = pod["metadata"]
        account = pod["spec"].get("serviceAccountName") or "default"
        reference = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        wanted: Object = {
            "expirationSeconds": source.get("expirationSeconds") or DEFAULT_TOKEN_LIFE,
            "boundObjectRef": reference,
            "audiences": [source["audience"]] if source.get("audience") else [],
        }
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": wanted}
        try:
            status = self._api.create(path, request)["status"]
        except ApiError as error:
            raise VolumeError(volume, f"failed to fetch token: {error.message}") from error
        life = datetime.fromisoformat(status["expirationTimestamp"].replace("Z", "+00:00")).timestamp() - time.time()
        self._tokens[key] = (status["token"], time.time() + life * RENEWAL)
        return str(status["token"])


def _downward(pod: Object, item: Object) -> str:
    if reference := item.get("fieldRef"):
        return field(pod, reference["fieldPath"])
    reference = item["resourceFieldRef"]
    containers = [c for c in pod["spec"]["containers"] if c["name"] == reference["containerName"]]
    return resource(containers[0], reference) if containers else "0"


def write_atomically(folder: Path, payload: Payload) -> bool:
    """Make a folder hold exactly this content, all of it changing in one step.

    The names in the folder are links through ``..data``, which is replaced by a rename: whoever watches the folder, as
    KubeSphere's configuration loader does, sees the same changes as on a real node.

    Returns:
        Whether anything had to be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "..data"
    current = folder / link.readlink() if link.is_symlink() else None
    if current and _content(current) == payload:
        return False
    fresh = folder / datetime.now().strftime("..%Y_%m_%d_%H_%M_%S.%f")
    for path, (content, mode) in payload.items():
        target = fresh / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch(mode=0o600)
        target.write_bytes(content)
        target.chmod(mode)
    fresh.mkdir(exist_ok=True)
    partial = folder / "..data_tmp"
    partial.unlink(missing_ok=True)
    partial.symlink_to(fresh.name)
    partial.rename(link)
    names = {path.partition("/")[0] for path in payload}
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
    if current:
        shutil.rmtree(current)
    return True


def _content(folder: Path) -> Payload:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o7777) for path in files}
