"""What a simulated member begins with: everything that a real one has, taken from its API server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.sandbox.certificates import write_private
from tests.sandbox.kubeapi import KubeApi, Object

_CONFIGURATION = (
    "/apis/installer.kubesphere.io/v1alpha1/namespaces/kubesphere-system/clusterconfigurations/ks-installer"
)
_END_SECONDS = 60.0
_LEFT_OUT = {"componentstatuses", "bindings"}
"""Views of something else; there is nothing to be kept."""


@dataclass(frozen=True)
class Snapshot:
    """A cluster at one moment.

    Attributes:
        version: answer of ``/version``.
        served: for each API (``/api/v1``, ``/apis/apps/v1``) what it serves by its plural, ``pods/log`` too.
        kept: the objects: path of each collection, and its list as the API server gave it.
        release: release of KubeSphere that stands there, ``v3.4.1``.
    """

    version: Object
    served: dict[str, dict[str, Object]]
    kept: dict[str, Object]
    release: str

    @classmethod
    def take(cls, api: KubeApi) -> Snapshot:
        """Read everything from a cluster, as soon as ks-installer has come to the end of its run.

        Each object is kept in one version of its API, the preferred one.

        Raises:
            TimeoutError: ks-installer has not.
        """
        _await_end(api)
        served: dict[str, dict[str, Object]] = {}
        kept: dict[str, Object] = {}
        found: set[tuple[str, str]] = set()
        for base in _apis(api):
            served[base] = {each["name"]: each for each in api.get(base)["resources"]}
            for name, resource in served[base].items():
                kind = (_group(base), name)
                listed = "list" in resource["verbs"] and "/" not in name and name not in _LEFT_OUT
                if listed and kind not in found:
                    found.add(kind)
                    kept[f"{base}/{name}"] = api.get(f"{base}/{name}")
        return cls(api.get("/version"), served, kept, _release(kept))

    @classmethod
    def read(cls, path: Path) -> Snapshot:
        """Read what ``write`` has written."""
        return cls(**json.loads(path.read_text()))

    def write(self, path: Path) -> None:
        """Keep it in a file, for its owner alone: Secrets are in it."""
        write_private(path, json.dumps(asdict(self)).encode())


def _await_end(api: KubeApi) -> None:
    """Wait for the last that a run writes: after the version, by which an installation counts as finished."""
    deadline = time.monotonic() + _END_SECONDS
    while "clusterId" not in api.get(_CONFIGURATION).get("status", {}):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{api.server}: ks-installer has not come to the end of its run")
        time.sleep(0.1)


def _apis(api: KubeApi) -> Iterator[str]:
    """Path of every API, those that their groups prefer first."""
    groups = api.get("/apis")["groups"]
    preferred = [group["preferredVersion"]["groupVersion"] for group in groups]
    others = [each["groupVersion"] for group in groups for each in group["versions"]]
    yield "/api/v1"
    yield from (f"/apis/{version}" for version in dict.fromkeys([*preferred, *others]))


def _group(base: str) -> str:
    return base.removeprefix("/apis/").rpartition("/")[0]


def _release(kept: dict[str, Object]) -> str:
    configurations = kept.get("/apis/installer.kubesphere.io/v1alpha1/clusterconfigurations", {}).get("items", [])
    return next((str(each["status"]["core"]["version"]) for each in configurations), "")
