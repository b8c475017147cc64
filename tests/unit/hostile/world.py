# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host and a member that would take everything, and a way to give a module its arguments as a task does."""

from __future__ import annotations

import copy
import importlib
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import resources
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge_patch
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import (
    CONFIG_MAP,
    NAMESPACE,
    Object,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import CLUSTER
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils import local_goal

from tests.unit.fakes import item
from tests.unit.kube.server import Reply, Request, serving

TOKEN = "pLanted0Token7of2the9Play"
PASSWORD = "pLanted5Password3of8Somebody"
JWT_SECRET = "pLanted1JwtSecret4of6the2Fleet00"
SECRETS = (TOKEN, PASSWORD, JWT_SECRET)
"""Planted in the inputs; no message may have one."""

LONGEST = 5.0
"""Seconds that any input may take; a hang ends there."""

_QUESTIONS = ("/selfsubjectaccessreviews", "/validation")
_PROXY = "/api/v1/namespaces/kubesphere-system/services/:ks-apiserver:80/proxy/kapis"


class World:
    """What an API server has, and what it was asked to write; it takes everything."""

    def __init__(self, role: str) -> None:
        settings = {
            "authentication": {"jwtSecret": JWT_SECRET},
            "multicluster": {"clusterRole": role, "agentImage": "kubesphere/tower:v0.2.1"},
        }
        self.answers: dict[str, Any] = {
            "/version": {"gitVersion": "v1.20.2"},
            f"{_PROXY}/version": {"gitVersion": "v3.4.1"},
        }
        self.put(item(NAMESPACE, "kube-system"))
        self.put(
            item(CONFIG_MAP, "kubesphere-config", "kubesphere-system", data={"kubesphere.yaml": json.dumps(settings)})
        )
        self.answers[NAMESPACE.path("kube-system")]["metadata"]["uid"] = f"uid-of-{role}"
        self.writes: list[tuple[str, str, Any]] = []

    def put(self, each: Object) -> None:
        """Let an object stand."""
        kind, metadata = resources.of(each), each["metadata"]
        metadata |= {"uid": f"uid-of-{metadata['name']}", "resourceVersion": "1"}
        self.answers[kind.path(metadata["name"], metadata.get("namespace"))] = each

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body of an answer."""
        path = path.partition("?")[0]
        if method != "GET" and not path.endswith(_QUESTIONS):
            self.writes.append((method, path, body))
            stands = self.answers.get(path)
            made = merge_patch(stands if isinstance(stands, dict) else {}, body)
            metadata = {"uid": "uid-of-new", **(made.get("metadata") or {}), "resourceVersion": "2"}
            return 200, {**made, "metadata": metadata}
        if path.endswith(_QUESTIONS):
            return 200, {"status": {"allowed": True}}
        if path in self.answers:
            return 200, copy.deepcopy(self.answers[path])
        if path.rpartition("/")[2] in _PLURALS:
            items = [each for at, each in self.answers.items() if at.rpartition("/")[0] == path]
            return 200, {"metadata": {"resourceVersion": "1"}, "items": copy.deepcopy(items)}
        return 404, {"kind": "Status", "message": f"{path} not found", "code": 404}

    def reply(self, request: Request) -> Reply:
        """The answer as the loopback server sends it."""
        return Reply(*self.answer(request.method, request.path, request.body))


_PLURALS = {kind.plural for kind in [*vars(resources).values(), CLUSTER] if isinstance(kind, resources.Kind)}


@dataclass(frozen=True)
class Told:
    """What a task says.

    Attributes:
        message: why it failed; empty if it did not.
        kind: class of the error; ``arguments`` where the argument spec refused.
        result: all that it returned.
        lines: what was shown on the way.
    """

    message: str
    kind: str
    result: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """Everything that a terminal may show as it is."""
        return [self.message, *self.lines, *map(str, self.result.get("warnings", ()))]


@dataclass
class Fleet:
    """A host and a member on the loopback, each a World."""

    host: World
    member: World
    host_url: str
    member_url: str

    @property
    def writes(self) -> list[tuple[str, str, Any]]:
        """What both were asked to write."""
        return self.host.writes + self.member.writes

    def host_cluster(self) -> dict[str, Any]:
        """How a task reaches the host."""
        return {"name": "host", "host": self.host_url, "api_key": TOKEN, "request_timeout": 1}

    def arguments(self, module: str) -> dict[str, Any]:
        """Arguments with which a module does its work; an input takes the place of one."""
        if module == "manifests":
            return {"cluster_name": "east", "cluster_role": "host"}
        one = {"cluster_name": "east", "host": self.member_url, "api_key": TOKEN, "request_timeout": 1}
        on_host = {**one, "host": self.host_url, "cluster_name": "host"}
        server = "https://192.0.2.1:6443"
        known: dict[str, dict[str, Any]] = {
            "member": {**one, "host_cluster": self.host_cluster(), "api_server": server, "wait": False},
            "cluster_info": {**one, "api_server": server},
            "member_info": {**on_host, "use": False},
            "cluster_configuration": {**on_host, "cluster_role": "host", "wait": False, "apply": True},
            "proxy_address": {**on_host, "store": "config_map"},
            "agent_manifest": {"cluster_name": "east", "host_cluster": self.host_cluster()},
            "rollout_restart": {**on_host, "workloads": [{"name": "ks-apiserver"}], "wait": False},
        }
        return known[module]

    def tell(self, module: str, **given: Any) -> Told:
        """Run a task with an input."""
        arguments = {**self.arguments(module), **given}
        with _ends_within(LONGEST):
            return tell(module, {key: value for key, value in arguments.items() if value is not ABSENT})


ABSENT = object()
"""In place of an argument: leave it out."""


def tell(module: str, arguments: dict[str, Any]) -> Told:
    """Run a module's action plugin as a task does."""
    plugin = importlib.import_module(f"ansible_collections.kubesphere.multicluster.plugins.action.{module}")
    task = SimpleNamespace(args=arguments, environment=None, check_mode=False, async_val=0, action=module)
    connection = SimpleNamespace(transport="local", _shell=SimpleNamespace(tmpdir=None))
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_goal.display, "display", lines.append)
        try:
            result = plugin.ActionModule(task, connection, None, None, None, None).run(
                None, {"inventory_hostname": "east"}
            )
        except AnsibleActionFail as error:
            return Told(str(error), "arguments", lines=tuple(lines))
    return Told(str(result.get("msg", "")), str(result.get("error", "")), result, tuple(lines))


@contextmanager
def fleet() -> Iterator[Fleet]:
    """A fleet on the loopback."""
    host, member = World("host"), World("member")
    with serving() as one, serving() as other:
        one.script, other.script = [host.reply], [member.reply]
        yield Fleet(host, member, one.url, other.url)


@contextmanager
def _ends_within(seconds: float) -> Iterator[None]:
    def hangs(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"it did not end within {seconds:g} s")

    former: Callable[..., Any] | int | None = signal.signal(signal.SIGALRM, hangs)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
