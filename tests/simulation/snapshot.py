"""What a simulated member begins with: everything that a real one has, taken from its API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.sandbox.certificates import write_private
from tests.sandbox.kubeapi import KubeApi, Object

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
        """Read everything from a cluster. Each object is kept in one version of its API, the preferred one."""
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
