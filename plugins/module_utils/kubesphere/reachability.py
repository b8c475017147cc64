# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom, seen from the place that matters: from inside of a cluster (private to the collection).

A look from inside takes a pod, which runs the agent's image: that one is there or soon will be, and has a wget (tower
v0.2.1 Dockerfile: alpine).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..kube import jobs, probe
from ..kube.errors import KubeError
from ..kube.resources import Object
from ..kube.session import Session
from ..kube.wait import Progress, silent
from .address import BadAddress, for_agent
from .names import NAMESPACE

HERE = "where the play runs"

PULLED = 90.0  # seconds until a pod has its image and has tried
_ONE_TRY = 5  # seconds that wget waits for an answer
_HEALTH, _HEALTHY = "/health", "OK"
"""tower's page, and what it says: tower v0.2.1 pkg/proxy/proxy.go L138-141."""

NOT_CONNECTED = re.compile(
    r"dial tcp|i/o timeout|no such host|deadline exceeded|Client\.Timeout|TLS handshake|x509:|EOF|connection reset|"
    r"request canceled"
)
"""How Go says that it did not come to a connection."""

_HTTP_ANSWER = re.compile(r"server returned error: (?P<status>HTTP/\S+ .*)")
_UNTRUSTED = re.compile(r"certificate verif|cert(?:ificate)? verify failed|unable to get local issuer", re.IGNORECASE)
# An image of the user's own may have GNU's wget, which with -q says nothing but its exit status.
_GNU_STATUS = {
    4: "network failure",
    5: "certificate verify failed",
    8: "server returned error: HTTP/1.1 with another status than 200",
}
_ONLY_ITS_NAME = re.compile(r"^(?:wget|ssl_client): ")


@dataclass(frozen=True)
class Evidence:
    """Whether something was reached, and how that is known.

    Attributes:
        reached: whether it was.
        place: from where it was tried, in words.
        detail: what came back, in words.
        weak: whether it was tried from elsewhere than from the place that matters.
    """

    reached: bool
    place: str
    detail: str
    weak: bool = False


def tower_from_member(
    member: Session,
    address: str,
    image: str,
    *,
    like: Object | None = None,
    timeout: float = PULLED,
    progress: Progress = silent,
) -> Evidence:
    """Whether a member's pods reach a host's tower; from where the play runs, where no pod can be had.

    Args:
        member: the member.
        address: the proxy address.
        image: the agent's image.
        like: the agent's pod; the one that looks has its environment, and is placed and pulled as it is.
        timeout: seconds that the pod may take, its image's pull included.
        progress: told what is going on.
    """
    try:
        url = for_agent(address) + _HEALTH
    except BadAddress as error:
        return Evidence(False, f"a pod in {member.cluster}", error.message)
    if member.planning:
        return _weaker(tower_from_here(address, _ONE_TRY), "check mode makes no pod")
    # The look from here is not made while the refusal is handled: its own error would be told as caused by that.
    ended, refusal = None, ""
    try:
        command = ["wget", "-q", "-T", str(_ONE_TRY), "-O", "-", url]
        ended = _from_inside(member, url, _pod(image, command, like or {}), timeout, progress)
    except KubeError as error:
        refusal = error.message
    if ended is None:
        return _weaker(tower_from_here(address, _ONE_TRY), f"a pod in {member.cluster} could not try: {refusal}")
    place = f"a pod in {member.cluster}"
    if ended.succeeded:
        return _judge(address, ended.output, "", place)
    found = _judge(address, "", _said(ended), place)
    # An agent goes through a proxy in its own way, with another protocol than wget.
    return _weaker(found, "through a proxy, as an agent would not quite") if _has_proxy(like or {}) else found


def tower_from_here(address: str, timeout: float = _ONE_TRY) -> Evidence:
    """Whether the play reaches a host's tower, which is weak evidence for a member."""
    try:
        answer = probe.get(for_agent(address) + _HEALTH, timeout)
    except BadAddress as error:
        return Evidence(False, HERE, error.message, weak=True)
    if answer.untrusted:
        problem = f"certificate verify failed: {answer.problem}"
    elif answer.problem:
        problem = answer.problem
    else:
        problem = f"server returned error: HTTP/1.1 {answer.status}" if answer.status >= 300 else ""
    found = _judge(address, answer.body, problem, HERE)
    return Evidence(found.reached, found.place, found.detail, weak=True)


def api_server_from_host(
    host: Session, server: str, image: str, *, timeout: float = PULLED, progress: Progress = silent
) -> Evidence:
    """Whether the host's pods reach a member's API server: any answer of it will do.

    Its certificate is not looked at, nor are its rights: both come with the kubeconfig.

    Args:
        host: the host.
        server: URL of the member's API server.
        image: the agent's image.
        timeout: seconds that the pod may take, its image's pull included.
        progress: told what is going on.
    """
    url = f"{server.rstrip('/')}/version"
    command = ["wget", "-q", "-T", str(_ONE_TRY), "--no-check-certificate", "-O", "-", url]
    if host.planning:
        return _weaker(_api_server_from_here(server), "check mode makes no pod")
    ended, refusal = None, ""
    try:
        ended = _from_inside(host, url, _pod(image, command, {}), timeout, progress)
    except KubeError as error:
        refusal = error.message
    if ended is None:
        return _weaker(_api_server_from_here(server), f"a pod in {host.cluster} could not try: {refusal}")
    place = f"a pod in {host.cluster}"
    answer = _HTTP_ANSWER.search(_said(ended))
    if ended.succeeded or answer:
        return Evidence(True, place, f"{server} answers{f' ({answer.group(1).strip()})' if answer else ''}")
    return Evidence(False, place, f"{server} does not answer: {_in_short(_said(ended))}")


def _api_server_from_here(server: str) -> Evidence:
    answer = probe.get(f"{server.rstrip('/')}/version", _ONE_TRY, verify=False)
    if answer.problem:
        return Evidence(False, HERE, f"{server} does not answer: {answer.problem}", weak=True)
    return Evidence(True, HERE, f"{server} answers", weak=True)


def _said(ended: jobs.Ended) -> str:
    """What wget said of its failure."""
    return ended.output or _GNU_STATUS.get(ended.exit_code or 0, "") or f"wget ended with status {ended.exit_code}"


def _weaker(evidence: Evidence, why: str) -> Evidence:
    return Evidence(evidence.reached, evidence.place, f"{evidence.detail} ({why.rstrip('.')})", weak=True)


def _judge(address: str, body: str, problem: str, place: str) -> Evidence:
    """What an answer says of an address.

    Args:
        address: where it was asked.
        body: what came back, if anything did.
        problem: what wget, or whoever asked in its place, says is wrong; empty if nothing is.
        place: from where it was asked.
    """
    answer = _HTTP_ANSWER.search(problem)
    if answer:
        detail = f"{address} answers, but is not tower: {_HEALTH} gives {answer.group('status').strip()}"
    elif _UNTRUSTED.search(problem):
        detail = f"the certificate of {address} is not trusted: {_in_short(problem)}"
    elif problem:
        detail = f"{address} does not answer: {_in_short(problem)}"
    elif body.strip() == _HEALTHY:
        return Evidence(True, place, f"{address} answers, and is tower")
    else:
        page = repr(_in_short(body)) if body.strip() else "an empty page"
        detail = f"{address} answers, but is not tower: {_HEALTH} gives {page}"
    return Evidence(False, place, detail)


def _in_short(text: str) -> str:
    """The first lines of what a program said, on one line."""
    lines = [_ONLY_ITS_NAME.sub("", line.strip()) for line in text.strip().splitlines() if line.strip()]
    joined = "; ".join(lines)
    return joined if len(joined) <= 160 else f"{joined[:160]}…"


def _from_inside(session: Session, url: str, pod: Object, timeout: float, progress: Progress) -> jobs.Ended:
    """Ask from a pod in a cluster.

    Raises:
        KubeError: no pod could be had.
    """
    parts = urlsplit(url)
    # Many members are looked at from one host at the same time, so the name tells them apart.
    name = f"multicluster-reach-{hashlib.sha256(url.encode()).hexdigest()[:10]}"
    progress(f"{session.cluster}: trying from a pod whether {parts.netloc} answers")
    return jobs.run_to_end(
        session,
        namespace=NAMESPACE,
        name=name,
        pod_spec=pod,
        labels={"app.kubernetes.io/component": "reachability"},
        timeout=timeout,
        progress=progress,
    )


def _pod(image: str, command: list[str], like: Object) -> Object:
    """A pod that is let in everywhere, no rights and modest; it is placed, pulled and given variables like another."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    resources = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}}
    container = {
        "name": "wget",
        "image": image,
        "command": command,
        "resources": resources,
        "securityContext": security,
        "env": _environment(like),
    }
    placed: Object = {key: like[key] for key in ("tolerations", "nodeSelector", "imagePullSecrets") if key in like}
    return {**placed, "automountServiceAccountToken": False, "containers": [container]}


def _environment(like: Object) -> list[Object]:
    """A pod's variables; a proxy's in small letters too, as wget wants them."""
    found = [each for container in (like.get("containers") or [])[:1] for each in container.get("env") or []]
    known = {each["name"] for each in found}
    small = [{**each, "name": each["name"].lower()} for each in found if each["name"] in _PROXY_VARIABLES]
    return found + [each for each in small if each["name"] not in known]


def _has_proxy(like: Object) -> bool:
    return any(each["name"].upper() in _PROXY_VARIABLES[:2] for each in _environment(like))


_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
