# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the end of a worker whose run is gone."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

RUN = """
import os, time
if os.fork():
    time.sleep(60)
os.setsid()  # as Ansible's workers do
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.orphan import end_with_run
for _ in range(3):
    end_with_run()
import threading
print(os.getpid(), threading.active_count(), flush=True)
time.sleep(60)
"""


def test_a_worker_ends_with_its_run() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert process.stdout
    worker, threads = map(int, process.stdout.readline().split())
    try:
        assert threads == 2  # however often it is asked for
        time.sleep(1.5)
        os.kill(worker, 0)  # it lives as long as its run
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        readable, _writable, _failed = select.select([process.stdout], [], [], 5)
        assert readable
        assert process.stdout.read() == ""  # its end of the pipe is closed: it is gone
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
