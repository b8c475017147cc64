# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of reading ks-installer's log; the lines have the forms of its runner and of Ansible."""

from __future__ import annotations

import json

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installer_log import parse

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
