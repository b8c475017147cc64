"""Clusters that the user brings, in place of the sandbox's own: for machines on which nobody may make namespaces."""

from __future__ import annotations

import base64
import http.client
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.sandbox.certificates import write_kubeconfig, write_private
from tests.sandbox.kubeapi import ApiError, KubeApi

VARIABLE = "KUBESPHERE_SANDBOX_KUBECONFIGS"
"""Paths of kubeconfigs, separated by colons, the host's first."""

_FILE_FIELDS = ("certificate-authority", "client-certificate", "client-key")
_ANSWER_SECONDS = 10


class BroughtError(Exception):
    """A cluster that the user brought cannot be used; the message says which and why."""


def named() -> list[Path]:
    """Kubeconfigs that the environment names, the host's first."""
    return [Path(path) for path in os.environ.get(VARIABLE, "").split(":") if path]


def up(state: Path, kubeconfigs: Sequence[Path], say: Callable[[str], None]) -> None:
    """Check that every cluster answers, and keep a self-contained copy of its kubeconfig in the state folder.

    Args:
        state: state folder.
        kubeconfigs: the host's first, then the members'.
        say: called with what has been reached.

    Raises:
        BroughtError: a kubeconfig cannot be read or its cluster does not answer; nothing is written then.
    """
    names = ["host", *(f"member-{number}" for number in range(1, len(kubeconfigs)))]
    contents = {name: _load(path) for name, path in zip(names, kubeconfigs, strict=True)}
    for name, path in zip(names, kubeconfigs, strict=True):
        say(f"{name}: {path} leads to a cluster of version {_version(contents[name], path)}")
    state.mkdir(parents=True, exist_ok=True)
    write_private(_record(state), json.dumps(names).encode())
    for name, content in contents.items():
        write_kubeconfig(state / f"{name}.kubeconfig", content)


def is_up(state: Path) -> bool:
    """Whether the state folder has the kubeconfigs of clusters that the user brought."""
    return _record(state).exists()


def servers(state: Path) -> dict[str, str]:
    """URL of each cluster's API server, by name."""
    return {name: KubeApi.from_kubeconfig(state / f"{name}.kubeconfig").server for name in _names(state)}


def down(state: Path) -> bool:
    """Remove the copies; the clusters stay as they are. False where there are none."""
    if not is_up(state):
        return False
    for name in _names(state):
        (state / f"{name}.kubeconfig").unlink(missing_ok=True)
    _record(state).unlink()
    if not any(state.iterdir()):
        state.rmdir()
    return True


def _record(state: Path) -> Path:
    return state / "brought.json"


def _names(state: Path) -> list[str]:
    names: list[str] = json.loads(_record(state).read_text())
    return names


def _load(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise BroughtError(f"{path}, named in {VARIABLE}, cannot be read: {error}") from None
    if not isinstance(content, dict) or not content.get("clusters") or not content.get("current-context"):
        raise BroughtError(f"{path}, named in {VARIABLE}, is no kubeconfig with a cluster and a current context")
    for section, kind in (("clusters", "cluster"), ("users", "user")):
        for entry in content.get(section) or []:
            _embed(entry[kind], path.parent)
    return content


def _embed(fields: dict[str, Any], folder: Path) -> None:
    """Put files that a kubeconfig refers to into it; relative paths are relative to the kubeconfig."""
    for field in _FILE_FIELDS:
        if field in fields:
            fields[f"{field}-data"] = base64.b64encode((folder / fields.pop(field)).read_bytes()).decode()


def _version(content: dict[str, Any], path: Path) -> str:
    try:
        answer = KubeApi.from_kubeconfig(content).request("GET", "/version", timeout=_ANSWER_SECONDS)
    except (ApiError, OSError, http.client.HTTPException, KeyError, StopIteration, ValueError) as error:
        raise BroughtError(f"the cluster of {path} does not answer: {type(error).__name__}: {error}") from None
    return str(answer.get("gitVersion"))
