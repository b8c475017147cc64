"""What each container image means in the sandbox: the process that the node starts for it.

There is no registry here and nothing is pulled. An image is known by the last part of its repository, so a private
registry, a namespace of its own and any tag make no difference: ``registry.example.org/mirror/ks-apiserver:v3.4.1`` is
``ks-apiserver``. What is not in the tables cannot be pulled: the pod goes to ImagePullBackOff.

- Stand-ins: KubeSphere's own programs, played by ``tests.sandbox.standin`` (or, where the folder KUBESPHERE_ASSETS is
  given, the real binaries from there, all but ks-installer).
- Commands: the small general images, and tower with any command but its own two programs (the image has an alpine's
  programs besides). The pod's own command is run with the programs of this machine.
- Just running: no process at all. Such a container is Running and ready at once and until it is deleted; where it is
  meant to end (an init container, a Job's pod) it ends with status 0.

All pods of a cluster share one address. During a rollout the new process of a Deployment therefore meets the old one's
port still in use: the stand-ins listen with SO_REUSEPORT, so both live side by side until the old one is ended; a real
binary crashes once or twice and comes up when the old one has gone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Kind(Enum):
    """How a container of an image is run."""

    STAND_IN = "stand-in"
    """A program of the sandbox; the container's command is not its command line."""
    BINARY = "binary"
    """A real KubeSphere binary with the container's own arguments."""
    COMMAND = "command"
    """The container's own command."""
    IDLE = "idle"
    """No process."""


STAND_INS = {
    "ks-installer": "tests.sandbox.standin.installer",
    "ks-apiserver": "tests.sandbox.standin.apiserver",
    "ks-controller-manager": "tests.sandbox.standin.controller",
    "tower": "tests.sandbox.standin.tower",
}
"""Image name -> module. tower has two programs in one image: its module is given the container's whole command line,
``/proxy …`` on the host and ``/agent …`` on a member."""

TAKES_COMMAND = frozenset({"tower"})
"""Stand-ins whose command line is the container's."""

BINARIES = {
    "ks-apiserver": {"": "ks-apiserver"},
    "ks-controller-manager": {"": "controller-manager"},
    "tower": {"proxy": "proxy", "agent": "agent"},
}
"""Image name -> name of the container's command ("" is any) -> file in KUBESPHERE_ASSETS. What the folder lacks is
played by the stand-in, each program for itself; but for tower's two, whose stand-ins speak to nobody else."""

BINARY_ARGUMENTS = {"controller-manager": ("--controllers=cluster", "--leader-elect=false")}
"""What a real binary is told here beyond the container's arguments. The other controllers look after projects, users
and applications, and want definitions and caches that no test looks at. There is one replica; with a lease, which
nobody gives back, it would do nothing for half a minute after every change of kubesphere-config."""

COMMANDS: dict[str, tuple[str, ...]] = {
    "alpine": ("/bin/sh",),
    "bash": ("bash",),
    "busybox": ("sh",),
    "debian": ("bash",),
    "tower": ("sh",),
    "ubuntu": ("bash",),
}
"""Image name -> what it runs where the pod gives no command."""

IDLE_GROUPS = (
    "pause hello-world hello nginx httpd redis haproxy etcd coredns",
    "ks-console ks-upgrade ks-alerting-migration ks-jenkins ks-devops kubectl openldap minio mc snapshot-controller",
    "kubefed post-install defaultbackend-amd64 nginx-ingress-controller metrics-server openpitrix-jobs gatekeeper",
    "prometheus prometheus-operator prometheus-config-reloader configmap-reload kube-rbac-proxy kube-state-metrics",
    "node-exporter alertmanager thanos grafana",
    "notification-manager notification-manager-operator notification-tenant-sidecar",
    "elasticsearch-oss elasticsearch-curator opensearch opensearch-dashboards opensearch-curator",
    "fluentbit-operator fluent-bit filebeat log-sidecar-injector",
    "kube-events-operator kube-events-exporter kube-events-ruler kube-auditing-operator kube-auditing-webhook",
    "jaeger-operator jaeger-agent jaeger-collector jaeger-query jaeger-es-index-cleaner kiali kiali-operator",
    "istio-kubectl pilot proxyv2 install-cni",
    "devops-apiserver devops-controller devops-tools argocd argocd-applicationset dex",
    "cloudcore iptables-manager edgeservice edge-watcher edge-watcher-agent",
    "scope netshoot",
)
"""Images that just run: the names of ks-installer v3.4.1, roles/download/defaults/main.yml, and a few general ones."""

IDLE = frozenset(name for group in IDLE_GROUPS for name in group.split())

NAME = re.compile(
    r"^(?:[A-Za-z0-9.-]+(?::\d+)?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$"
)
"""What an image reference looks like."""


@dataclass(frozen=True)
class Program:
    """How a container is run."""

    kind: Kind
    argv: tuple[str, ...] = ()


def valid(image: str) -> bool:
    """Whether the text is an image reference at all."""
    return NAME.match(image) is not None


def base_name(image: str) -> str:
    """Last part of the repository: ``tower`` of ``registry:5000/kubesphere/tower:v0.2.1``."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def with_tag(image: str) -> str:
    """The reference with its tag; without one it means ``latest``."""
    last = image.rpartition("/")[2]
    return image if ":" in last or "@" in last else f"{image}:latest"


def resolve(image: str, command: Sequence[str], args: Sequence[str], assets: Path | None = None) -> Program | None:
    """What an image and a container's command mean.

    Args:
        image: the container's image.
        command: its ``command``, expanded; empty means the image's own.
        args: its ``args``, expanded.
        assets: folder with real KubeSphere binaries.

    Returns:
        How to run it, or None: there is no such image here.
    """
    name = base_name(image)
    own = (*command, *args)
    if name in TAKES_COMMAND and _called(own) not in BINARIES[name]:
        return Program(Kind.COMMAND, own or COMMANDS[name])
    if assets and (binary := _binary(name, own)) and real(binary, image, assets):
        given = own[1:] if command else args
        return Program(Kind.BINARY, (str(assets / binary), *given, *BINARY_ARGUMENTS.get(binary, ())))
    if name in STAND_INS:
        passed = own if name in TAKES_COMMAND else ()
        return Program(Kind.STAND_IN, (sys.executable, "-m", STAND_INS[name], *passed))
    if name in COMMANDS:
        return Program(Kind.COMMAND, own or COMMANDS[name])
    return Program(Kind.IDLE) if name in IDLE else None


def real(binary: str, image: str, assets: Path | None) -> bool:
    """Whether a program of KubeSphere's own is there for an image.

    Args:
        binary: its file name.
        image: the image; tower counts its releases in its own way and is taken for any.
        assets: folder with real KubeSphere binaries; a file ``release`` in it says which one they are of, and without
            that file they play every release.
    """
    if assets is None or not (assets / binary).exists():
        return False
    pair = set(BINARIES["tower"].values())
    if binary in pair and not all((assets / each).exists() for each in pair):
        return False
    note = assets / "release"
    return base_name(image) == "tower" or not note.exists() or image.endswith(f":{note.read_text().strip()}")


def _called(own: Sequence[str]) -> str:
    return own[0].rpartition("/")[2] if own else ""


def _binary(name: str, own: Sequence[str]) -> str | None:
    programs = BINARIES.get(name, {})
    return programs.get(_called(own)) or programs.get("")
