# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent that a member runs to be reached through its host's tower (private to the collection)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..kube import documents, naming, rollout
from ..kube.errors import KubeError
from ..kube.merge import merge, missing_from, plain_copy
from ..kube.pods import newest, pods_of, worst_pod
from ..kube.resources import DEPLOYMENT, POD, Object
from ..kube.secret import Secret, is_secret_key
from ..kube.session import Session, retry_on_conflict
from .names import NAMESPACE

AGENT = "cluster-agent"
"""Name of its Deployment, on every member."""

SERVICE_ACCOUNT = "kubesphere"
"""It runs with this one's rights, which KubeSphere's installation has bound to cluster-admin."""

RECENT = 20
"""Seconds for which an agent's word is taken as how things are: what is older may be over."""

_CONTAINER = "agent"
_IMAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:/@-]*[A-Za-z0-9])?/?")
_VARIABLE = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]*")
_TOLERATION = {"key", "operator", "value", "effect", "tolerationSeconds"}
_LABELS = {"app": "agent", "app.kubernetes.io/part-of": "tower"}
_OWN_FLAGS = ("--name", "--token", "--proxy-server")
"""Flags that follow from the import. The others are set once and then the user's."""


@dataclass(frozen=True)
class Settings:
    """What a user may say of the agent's Deployment; what he does not say stays as it stands.

    Attributes:
        image: image in place of the host's ``multicluster.agentImage``.
        registry: registry (``host[:port][/path]``) that takes the place of the image's own.
        replicas: number of agents; tower spreads requests over them.
        environment: environment variables, for example HTTPS_PROXY and NO_PROXY (heeded from tower v0.2.1 on).
        tolerations: tolerations of its pods.
        node_selector: labels of the nodes that it may run on.
        pull_secrets: names of Secrets of kubesphere-system with which the image is pulled.
    """

    image: str | None = None
    registry: str | None = None
    replicas: int | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    pull_secrets: Sequence[str] = ()

    def problems(self) -> Iterator[str]:
        """What of it Kubernetes would not take."""
        for what, reference in (("image", self.image), ("registry", self.registry)):
            if reference and not _IMAGE.fullmatch(reference):
                yield f"{what} {reference!r} is none"
        if self.replicas is not None and self.replicas < 1:
            yield f"replicas is {self.replicas}: an agent connection takes one agent at least"
        for name, value in self.environment.items():
            if not _VARIABLE.fullmatch(str(name)) or not isinstance(value, (str, int, float, type(None))):
                yield f"environment: {str(name)!r} is no name of a variable with a text as its value"
        for each in self.tolerations:
            if not set(each) <= _TOLERATION:
                yield f"tolerations: a toleration has {', '.join(sorted(_TOLERATION))}, not {sorted(map(str, each))}"
        for problem in naming.label_problems(self.node_selector):
            yield f"node_selector: {problem}"
        for secret in self.pull_secrets:
            if not naming.is_name(secret):
                yield f"pull secret {secret!r} is no name of a Secret"

    def secrets(self) -> list[str]:
        """What of the environment must not be shown: passwords in URLs, and values that are called a secret."""
        found = []
        for name, value in self.environment.items():
            password = re.match(r"\w+://[^/\s:@]*:([^/\s@]+)@", str(value))
            found += [password[1]] if password else []
            found += [str(value)] if value and is_secret_key(name) else []
        return found

    def image_for(self, default: str) -> str:
        """The image, given the one that the host names."""
        image = self.image or default
        if not self.registry or image.startswith(f"{self.registry.rstrip('/')}/"):
            return image
        first, _slash, rest = image.partition("/")
        # The first part is a registry if it could be a host's name; "kubesphere/tower" has none.
        path = rest if rest and ("." in first or ":" in first or first == "localhost") else image
        return f"{self.registry.rstrip('/')}/{path}"


def manifest(name: str, token: Secret, proxy_address: str, image: str, settings: Settings) -> Object:
    """The agent's Deployment.

    What ks-apiserver would give out (kubesphere v3.4.1 pkg/kapis/cluster/v1alpha1/handler.go L180-250), with the user's
    settings laid over it.

    Args:
        name: name of the member's Cluster.
        token: ``spec.connection.token`` of the Cluster.
        proxy_address: URL of the host's tower, port included.
        image: image that the host names.
        settings: what the user says of it.
    """
    command = [
        "/agent",
        f"--name={name}",
        f"--token={token.reveal()}",
        f"--proxy-server={proxy_address}",
        "--keepalive=10s",
        "--kubesphere-service=ks-apiserver.kubesphere-system.svc:80",
        "--kubernetes-service=kubernetes.default.svc:443",
        "--v=0",
    ]
    container = {
        "name": _CONTAINER,
        "image": image,
        "command": command,
        "resources": {"limits": {"cpu": "1", "memory": "200M"}, "requests": {"cpu": "100m", "memory": "100M"}},
    }
    deployment = {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {"name": AGENT, "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": dict(_LABELS)},
            "template": {
                "metadata": {"labels": dict(_LABELS)},
                "spec": {"serviceAccountName": SERVICE_ACCOUNT, "containers": [container]},
            },
        },
    }
    return with_settings(deployment, settings)


def parse(text: str, settings: Settings, cluster: str) -> Object:
    """The agent's Deployment as ks-apiserver gives it out, with the user's settings laid over it.

    Args:
        text: YAML of one Deployment.
        settings: what the user says of it.
        cluster: the host, for messages.

    Raises:
        KubeError: it is no such Deployment.
    """
    try:
        documents_given = [each for each in documents.load_all(text, "the agent's manifest") if each]
    except documents.Malformed as error:
        if error.hint:  # PyYAML is missing
            raise
        documents_given = []
    found: Any = documents_given[0] if len(documents_given) == 1 else None
    if not _is_agent(found):
        raise KubeError(
            f"ks-apiserver's manifest is no Deployment {AGENT} with {', '.join(_OWN_FLAGS)}",
            cluster,
            "Leave kubesphere_agent_manifest_source at its default, then the collection makes the manifest itself.",
        )
    return with_settings(_without_nulls({key: value for key, value in found.items() if key != "status"}), settings)


def with_settings(deployment: Object, settings: Settings) -> Object:
    """A Deployment of the agent with the user's settings laid over it."""
    wanted = plain_copy(deployment)
    pod = wanted["spec"]["template"]["spec"]
    container = pod["containers"][0]
    container["image"] = settings.image_for(container["image"])
    if settings.replicas is not None:
        wanted["spec"]["replicas"] = settings.replicas
    if settings.environment:
        container["env"] = [
            _variable(name, str(value)) for name, value in settings.environment.items() if value is not None
        ]
    if settings.tolerations:
        pod["tolerations"] = [dict(each) for each in settings.tolerations]
    if settings.node_selector:
        pod["nodeSelector"] = dict(settings.node_selector)
    if settings.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in settings.pull_secrets]
    return dict(wanted)


def find(member: Session) -> Object | None:
    """The agent's Deployment as it stands; None if there is none.

    Raises:
        KubeError: it could not be read.
    """
    return member.find(DEPLOYMENT, AGENT, NAMESPACE)


def with_proxy_address(deployment: Object, address: str) -> Object:
    """A Deployment of the agent that calls another address."""
    changed = plain_copy(deployment)
    container = changed["spec"]["template"]["spec"]["containers"][0]
    words = container["command"]
    container["command"] = [
        f"--proxy-server={address}" if word.startswith("--proxy-server=") else word for word in words
    ]
    return dict(changed)


def ensure(member: Session, live: Object | None, wanted: Object, reason: str) -> Object:
    """Make sure that the agent runs as it is wanted; what is not wanted of it, stays as it is.

    Args:
        member: where it runs.
        live: its Deployment as it was read last.
        wanted: its Deployment as it should be.
        reason: why it is created; a change says by itself what it is for.

    Returns:
        Its Deployment as it stands then.

    Raises:
        KubeError: it could not be read or written.
    """

    def write(seen: Object | None) -> Object:
        if seen is None:
            return member.create(wanted, reason)
        changes = _changes(seen, wanted)
        return member.patch(seen, changes, _why(seen, wanted), guarded=True) if changes else seen

    return retry_on_conflict(write, live, lambda: find(member))


def belongs_to(deployment: Object) -> str:
    """Name of the Cluster whose agent a Deployment is; empty if it is no agent of KubeSphere's."""
    return _flags(deployment).get("--name", "")


def token_of(deployment: Object) -> str:
    """The token by which an agent is known to its host."""
    return _flags(deployment).get("--token", "")


def proxy_address_of(deployment: Object) -> str:
    """The proxy address that an agent uses."""
    return _flags(deployment).get("--proxy-server", "")


def remove(member: Session, deployment: Object, reason: str) -> None:
    """Delete an agent, without showing its secrets.

    Raises:
        KubeError: it could not be deleted.
    """
    for secret in _secrets_of(deployment):
        member.redactor.add(secret)
    member.delete(deployment, reason)


def _secrets_of(deployment: Object) -> list[str]:
    """What of an agent that stands must not be shown: its token, and secrets in its environment."""
    containers = ((deployment.get("spec") or {}).get("template") or {}).get("spec", {}).get("containers") or []
    variables = [each for container in containers for each in container.get("env") or []]
    environment = {str(each.get("name")): each.get("value") or "" for each in variables}
    token = token_of(deployment)
    return [*([token] if token else []), *Settings(environment=environment).secrets()]


def trouble(member: Session, deployment: Object) -> str:
    """What keeps the agent from connecting, in its own words or its pod's; empty if it says nothing.

    Raises:
        KubeError: its pods could not be read.
    """
    problem = worst_pod(member, deployment)
    if problem:
        return problem
    pods = newest(pods_of(member, deployment))
    running = [pod["metadata"]["name"] for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
    if not running:
        return "its pod does not run yet"
    path = f"{POD.path(running[0], NAMESPACE)}/log"
    # The container is named, since a user may have put others beside it. That it has connected, the agent does not say.
    query = {"container": _CONTAINER, "tailLines": "20", "sinceSeconds": str(RECENT)}
    lines = member.text(path, "read the agent's log", query).strip().splitlines()
    telling = [line for line in lines if any(word in line.lower() for word in _TROUBLE)]
    return f"the agent says: {member.redactor.text(telling[-1].strip())}" if telling else ""


# What tower's agent logs when it cannot connect: tower v0.2.1 pkg/agent/agent.go L154-219. After each such line it says
# that it is retrying, which tells nothing.
_TROUBLE = ("error", "unauthorized", "failed", "refused", "denied")


def running_for(member: Session, deployment: Object) -> float:
    """Seconds for which the agent's youngest pod has been there, by the API server's clock; 0 if that is not known.

    Raises:
        KubeError: its pods could not be read.
    """
    pods = newest(pods_of(member, deployment))
    started = rollout.parse_time(str((pods[0].get("status") or {}).get("startTime") or "")) if pods else None
    now = rollout.parse_time(member.server_time)
    return (now - started).total_seconds() if started and now else 0.0


def _why(live: Object, wanted: Object) -> str:
    old, new = _flags(live), _flags(wanted)
    if old.get("--name") != new.get("--name"):
        return f"it was the agent of {old.get('--name') or 'no Cluster'}"
    if old.get("--proxy-server") != new.get("--proxy-server"):
        return f"the proxy address is {new.get('--proxy-server')} now, no longer {old.get('--proxy-server')}"
    if old.get("--token") != new.get("--token"):
        return "its token is not the Cluster's"
    if _image(live) != _image(wanted):
        return f"its image is {_image(wanted)} now, no longer {_image(live)}"
    return "the inventory says so"


def _changes(live: Object, wanted: Object) -> dict[str, Any]:
    """The merge patch for an agent that stands; flags and containers that a user has added stay."""
    wanted = plain_copy(wanted)
    own = wanted["spec"]["template"]["spec"].pop("containers")[0]
    containers = live["spec"]["template"]["spec"]["containers"]
    merged = [_container(each, own) if each.get("name") == own["name"] else each for each in containers]
    if all(each.get("name") != own["name"] for each in containers):
        merged.append(own)
    # The API server fills nothing into tolerations or names of Secrets, so a field too many is a difference.
    changes = missing_from(live, wanted, whole_lists=True) or {}
    if merged != containers:
        changes = merge(changes, {"spec": {"template": {"spec": {"containers": merged}}}})
    return changes


def _container(live: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The agent's container as it stands, with what is ours in it."""
    container = {**live, "image": own["image"], "command": _command(live.get("command") or [], own["command"])}
    if "env" in own:
        ours = {each["name"]: each for each in own["env"]}
        kept = [ours.pop(each.get("name"), each) for each in live.get("env") or []]
        container["env"] = [*kept, *ours.values()]
    return container


def _command(live: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The command that stands with our flags in it, each once: the last one would count."""
    ours = {flag.partition("=")[0]: flag for flag in wanted[1:]}
    kept = []
    for word in live[1:]:
        name = word.partition("=")[0]
        if name not in _OWN_FLAGS:
            kept.append(word)
        elif name in ours:
            kept.append(ours[name])
        ours.pop(name, None)
    return [wanted[0], *kept, *ours.values()]


def _variable(name: str, value: Any) -> dict[str, str]:
    """An environment variable as the API server stores it: an empty value is left out."""
    return {"name": name} if value in (None, "") else {"name": name, "value": str(value)}


def _is_agent(given: Any) -> bool:
    """Whether a document is a Deployment that an agent can run by."""
    try:
        named = (given["kind"], given["metadata"]["name"], given["spec"]["template"]["spec"]["containers"][0]["name"])
        return named == (DEPLOYMENT.kind, AGENT, _CONTAINER) and set(_OWN_FLAGS) <= _flags(given).keys()
    except (AttributeError, IndexError, KeyError, TypeError):
        return False


def _flags(deployment: Object) -> dict[str, str]:
    words = [str(word) for word in _container_of(deployment).get("command") or []]
    return dict(word.split("=", 1) for word in words if "=" in word)


def _image(deployment: Object) -> str:
    return str(_container_of(deployment).get("image") or "")


def _container_of(deployment: Object) -> Mapping[str, Any]:
    pod = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    return next((each for each in pod.get("containers") or [] if each.get("name") == _CONTAINER), {})


def _without_nulls(value: Any) -> Any:
    """What Go writes for fields that are not set, left out."""
    if isinstance(value, Mapping):
        return {key: kept for key, item in value.items() if (kept := _without_nulls(item)) not in (None, {})}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
