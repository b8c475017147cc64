# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of reading ks-installer's log; the lines have the forms of its runner and of Ansible."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import POD
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import installer_log
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installer_log import parse

from tests.unit.fakes import FakeSession, item

STEPS = "TASK [preinstall : KubeSphere | Checking] ****\nok: [localhost]\n\nlocalhost : ok=2 failed=0 skipped=1\n"
PARALLEL = (
    "Start installing monitoring\nStart installing logging\n"
    + "*" * 50
    + "\nWaiting for all tasks to be completed ...\n"
)
COLLECT = "*" * 50 + "\nCollecting installation results ...\n"
WELCOME = "#####\n###  Welcome to KubeSphere!  ###\n#####\n"
EVENT = json.dumps(
    {"event": "runner_on_failed", "event_data": {"res": {"msg": "no space", "rc": 1}}}, sort_keys=True, indent=2
)


@pytest.mark.parametrize(
    ("log", "doing", "failure", "finished", "running"),
    [
        ("", "no run shows in its log yet", "", False, False),
        ("shell-operator v1 starts\n", "no run shows in its log yet", "", False, False),
        (STEPS, "preinstall : KubeSphere | Checking", "", False, True),
        (STEPS + PARALLEL, "Waiting for all tasks to be completed ...", "", False, True),
        (
            STEPS + PARALLEL + "task monitoring status is running\ntask monitoring status is successful  (1/2)\n",
            "task monitoring status is successful  (1/2)",
            "",
            False,
            True,
        ),
        (STEPS + PARALLEL + COLLECT + WELCOME, "its run has ended", "", True, False),
        # A step that fails ends the run; what was failed and ignored before is not its cause.
        (
            "TASK [a : x] **\nfatal: [localhost]: FAILED! => {\"msg\": \"harmless\"}\n...ignoring\nTASK [b : y] **\n"
            "localhost : ok=1 failed=1\n",
            "b : y",
            "task [b : y] failed",
            False,
            False,
        ),
        (
            "TASK [b : y] **\nfatal: [localhost]: FAILED! => {\"changed\": false, \"msg\": \"no CSI\"}\n"
            "localhost : ok=1 failed=1\n",
            "b : y",
            "task [b : y] failed: no CSI",
            False,
            False,
        ),
        ("TASK [b : y] **\nFAILED - RETRYING: y (3 retries left).\n", "b : y", "", False, True),
        # A component that fails is told at the end, with the event in JSON.
        (
            PARALLEL + "task logging status is failed  (1/2)\ntask monitoring status is successful  (2/2)\n"
            + COLLECT
            + "\n\nTask 'logging' failed:\n" + "*" * 150 + "\n" + EVENT + "\n" + "*" * 150 + "\n",
            "Collecting installation results ...",
            "component logging failed: no space",
            False,
            False,
        ),
        (PARALLEL + "Failed to ansible-playbook result-info.yaml\n", None, "result-info.yaml failed", False, False),
        # A new run begins after the end of one, and after a failure.
        (STEPS + PARALLEL + WELCOME + STEPS, "preinstall : KubeSphere | Checking", "", False, True),
        ("TASK [b : y]\nlocalhost : failed=1\n" + STEPS, "preinstall : KubeSphere | Checking", "", False, True),
    ],
)  # fmt: skip
def test_logs(log: str, doing: str | None, failure: str, finished: bool, running: bool) -> None:
    state = parse(log)
    assert doing is None or state.doing == doing
    assert (state.failure, state.finished, state.running) == (failure, finished, running)


@pytest.mark.parametrize("details", ['{"msg": ', '{"stderr": "boom"}', '{"rc": 1}', "{" + "x" * 1000 + "}"])
def test_details_in_any_form(details: str) -> None:
    state = parse(f"TASK [b : y]\nfatal: [localhost]: FAILED! => {details}\nlocalhost : failed=1\n")
    assert state.failure.startswith("task [b : y] failed")
    assert len(state.failure) < 300


class Asked(FakeSession):
    """Notes how its logs are asked for, and gives lines of its own to who follows them."""

    queries: list[Mapping[str, str]]
    written: tuple[str, ...] = ()

    def text(self, path: str, what: str, query: Mapping[str, str] | None = None, **more: Any) -> str:
        self.queries = [*getattr(self, "queries", []), query or {}]
        return super().text(path, what, query, **more)

    def lines(self, path: str, what: str, query: Mapping[str, str], seconds: float) -> Iterator[str]:
        del path, what, seconds
        self.queries = [query]
        yield from self.written


def pod(name: str, created: str, **metadata: Any) -> dict[str, Any]:
    labelled = {"labels": {"app": "ks-install"}, "creationTimestamp": created, **metadata}
    found = item(POD, name, "kubesphere-system", status={"phase": "Running", "containerStatuses": []})
    return {**found, "metadata": {**found["metadata"], **labelled}}


def session(*pods: dict[str, Any]) -> Asked:
    asked = Asked("one", *pods)
    for each in pods:
        name = each["metadata"]["name"]
        asked.logs[f"{POD.path(name, 'kubesphere-system')}/log"] = f"TASK [{name} : y] **\n"
    return asked


def test_the_youngest_pod_that_stays_is_asked() -> None:
    old, new = pod("old", "2026-01-01T00:00:00Z"), pod("new", "2026-01-02T00:00:00Z")
    leaving = pod("leaving", "2026-01-03T00:00:00Z", deletionTimestamp="2026-01-03T00:00:01Z")
    for order in ([old, new, leaving], [leaving, new, old]):
        found = installer_log.read(session(*order), "ks-install")
        assert (found.pod, found.doing) == ("new", "new : y")
    assert installer_log.read(session(leaving), "ks-install").doing == "ks-installer has no pod yet"


@pytest.mark.parametrize("since", ["", "2026-01-02T03:04:05Z"])
def test_no_more_is_asked_for_than_the_end_of_what_is_new(since: str) -> None:
    asked = session(pod("a", "2026-01-01T00:00:00Z"))
    installer_log.read(asked, "ks-install", since)
    assert asked.queries == [{"tailLines": "400", **({"sinceTime": since} if since else {})}]


def test_why_there_is_no_log() -> None:
    ill = pod("a", "2026-01-01T00:00:00Z")
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    ill["status"] = {"phase": "Pending", "containerStatuses": [{"name": "installer", "state": waiting}]}
    assert "ImagePullBackOff" in installer_log.read(session(ill), "ks-install").doing
    silent = session(pod("a", "2026-01-01T00:00:00Z"))
    silent.logs = {}
    found = installer_log.read(silent, "ks-install")
    assert (found.doing, found.pod) == ("its log cannot be read (Failed to read the log of pod a: 404)", "")


def test_who_listens_hears_of_the_end() -> None:
    asked = session()
    asked.written = ("TASK [a : b]", "###  Welcome to KubeSphere!  ###", "never asked for")
    lines = asked.lines("", "", {}, 0)
    asked.lines = lambda *_arguments: lines  # type: ignore[method-assign]
    installer_log.listen(asked, "a", 5)
    assert list(lines) == ["never asked for"]


def test_who_listens_misses_nothing_since_the_last_look() -> None:
    asked = session()
    installer_log.listen(asked, "a", 5)
    assert asked.queries == [{"follow": "true", "sinceSeconds": "1"}]


def test_the_cause_of_a_component_is_told_whole() -> None:
    """As it stands in the event, which is JSON over several lines."""
    state = parse(STEPS + "Task 'monitoring' failed:\n" + r'  "msg": "no \"msg\": a, b",' + "\n")
    assert state.failure == r"component monitoring failed: no \"msg\": a, b"
    assert state.explained
    assert not parse(STEPS + "Task 'monitoring' failed:\n").explained


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ('{"stderr": "boom", "rc": 1}', "boom"),
        (json.dumps({"msg": "x" * 300}), "x" * 200),
        ("{" + "x" * 300 + "}", "{" + "x" * 199),
    ],
)
def test_what_is_told_of_a_task(details: str, told: str) -> None:
    state = parse(f"TASK [b : y]\nfatal: [localhost]: FAILED! => {details}\nlocalhost : failed=1\n")
    assert state.failure == f"task [b : y] failed: {told}"
