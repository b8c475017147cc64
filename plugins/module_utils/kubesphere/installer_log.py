# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ks-installer says in its log (private to the collection).

The log tells what a run is doing and why it failed; whether an installation is finished is read from objects instead
(:mod:`installation`). Texts: ks-installer v3.4.1 controller/installRunner.py and the play recap of Ansible.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

from ..kube.errors import KubeError
from ..kube.pods import pod_problem
from ..kube.resources import POD
from ..kube.session import Session
from .names import NAMESPACE

_TAIL = 400  # lines
_ENDED = "Welcome to KubeSphere!"
_RECAP_FAILED = re.compile(r"failed=[1-9]")
_TASK_FAILED = re.compile(r"^(?:Task '(?P<task>[^']+)' failed:|task (?P<name>\S+) status is failed)")
_PLAYBOOK_FAILED = re.compile(r"^Failed to ansible-playbook (?P<playbook>\S+)")
_FATAL = re.compile(r"FAILED! => (?P<details>\{.*\})")
_TASK = re.compile(r"^TASK \[(?P<task>[^\]]+)\]")
_TELLING = (re.compile(_ENDED), _RECAP_FAILED, _TASK_FAILED, _PLAYBOOK_FAILED)
_MILESTONE = re.compile(r"^(Start installing|task \S+ status is|Waiting for all tasks|Collecting installation results)")


@dataclass(frozen=True)
class InstallerState:
    """What the installer's pod and its log say.

    Attributes:
        doing: what it is doing, or what keeps it from doing anything, in words.
        failure: why its last run failed; empty if no failure is seen.
        finished: whether the log shows the end of a run.
        begun: whether the log shows the beginning of a run.
        explained: whether ``failure`` tells all that there will be. ks-installer says at once that a component has
            failed, and why when its run ends.
        pod: name of the pod whose log that is; empty if none was read.
    """

    doing: str
    failure: str = ""
    finished: bool = False
    begun: bool = False
    explained: bool = False
    pod: str = ""

    @property
    def running(self) -> bool:
        """Whether a run has begun and not come to an end."""
        return self.begun and not self.finished and not self.failure


def read(session: Session, label: str, since: str = "") -> InstallerState:
    """Look at the installer; secrets that the session knows are masked.

    Args:
        session: the cluster.
        label: value of its pods' label ``app``.
        since: RFC 3339 time; what the log said before belongs to former runs.

    Raises:
        KubeError: the pods cannot be read. A log that cannot be read is no error.
    """
    pods = session.list(POD, NAMESPACE, label_selector=f"app={label}").items
    living = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if not living:
        return InstallerState("ks-installer has no pod yet")
    pod = max(living, key=lambda each: str(each["metadata"].get("creationTimestamp", "")))
    problem = pod_problem(pod)
    if problem:
        return InstallerState(session.redactor.text(problem))
    query = {"tailLines": str(_TAIL), **({"sinceTime": since} if since else {})}
    name = pod["metadata"]["name"]
    try:
        text = session.text(f"{POD.path(name, NAMESPACE)}/log", f"read the log of pod {name}", query)
    except KubeError as error:
        return InstallerState(f"its log cannot be read ({error.message})")
    return replace(parse(session.redactor.text(text)), pod=name)


def listen(session: Session, pod: str, seconds: float) -> None:
    """Return when the log of a run that goes on tells of its end or of a failure, at the latest after so many seconds.

    Whether it has is for :func:`read` to say, which knows the lines before.

    Raises:
        KubeError: the log cannot be followed, or nothing more is written to it.
    """
    # From a second ago, so that nothing is missed since it was read.
    query = {"follow": "true", "sinceSeconds": "1"}
    for line in session.lines(f"{POD.path(pod, NAMESPACE)}/log", f"follow the log of pod {pod}", query, seconds):
        if any(pattern.search(line.strip()) for pattern in _TELLING):
            return


def parse(text: str) -> InstallerState:
    """What a log says of the run that it ends with."""
    doing, failure, finished, begun, fatal = "no run shows in its log yet", "", False, False, ""
    for line in (raw.strip() for raw in text.splitlines()):
        details = _FATAL.search(line)
        failed = _TASK_FAILED.match(line)
        playbook = _PLAYBOOK_FAILED.match(line)
        task = _TASK.match(line)
        if details:
            fatal = _message(details["details"])
        elif failed:
            failure = f"component {failed['task'] or failed['name']} failed"
        elif playbook:
            failure = f"{playbook['playbook']} failed"
        elif _RECAP_FAILED.search(line):
            failure = f"task [{doing}] failed"
        elif _ENDED in line:
            finished, failure, doing = True, "", "its run has ended"
        elif task or line.startswith("PLAY ["):
            doing, finished, begun, failure, fatal = task["task"] if task else line.rstrip("* "), False, True, "", ""
        elif _MILESTONE.match(line):
            doing, finished, begun = line, False, True
        elif failure and '"msg":' in line:
            fatal = line.split('"msg":', 1)[1].strip().strip(",").strip('"')
    explained = bool(fatal) or not failure.startswith("component")
    if failure and fatal:
        failure = f"{failure}: {fatal}"
    return InstallerState(doing, failure, finished, begun, explained)


def _message(details: str) -> str:
    """The message in the result of a failed task."""
    try:
        result = json.loads(details)
    except ValueError:
        return details[:200]
    return str(result.get("msg") or result.get("stderr") or result)[:200]
