# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker of Ansible that does not outlive its run."""

from __future__ import annotations

import os
import signal
import threading
import time

_LOOK = 1.0  # seconds

_watched: set[int] = set()
"""This process, once it is watched over; another number is that of the process that it was forked from."""


def end_with_run() -> None:
    """End this process as soon as ``ansible-playbook``, which has forked it, is gone.

    Workers lead sessions of their own from ansible-core 2.19 on. So what kills a run and its process group, as
    ansible-runner does with a job that is cancelled, does not reach the worker that is busy with all clusters, and it
    would go on writing for as long as they take. To be ended between two writes is what the next run makes up for.
    """
    if os.getpid() in _watched:
        return
    _watched.add(os.getpid())
    threading.Thread(target=_watch, args=(os.getppid(),), name="end-with-run", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os.kill(os.getpid(), signal.SIGKILL)
