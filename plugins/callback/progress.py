# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callback plugin progress: what goes on while a run waits."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: aggregate
short_description: Show which clusters wait for what, and since when
version_added: 1.0.0
author:
  - kubesphere.multicluster contributors (@kubesphere)
description:
  - Shows, while modules of this collection work on clusters, how far each phase is, and which clusters have waited
    longest, for what, and since when.
  - On a terminal that is a block of a few lines below everything else, drawn anew in place, and gone at the end.
  - Anywhere else (a file, a pipe, CI, AWX) these are lines, no more than so many a minute, and one every now and then
    while nothing changes, so that nobody takes the run for dead. Whatever Ansible has printed comes out with them.
  - It works beside any stdout callback. Without it, each new reason for which a cluster waits is a line of the output.
  - At the end it names the clusters that took longest, if they took 10 seconds or more.
  - A module that runs on another machine, a bastion, is shown to be at work, but not what it waits for.
requirements:
  - Enabled by C(callbacks_enabled), see the examples.
options:
  mode:
    description: How it shows progress.
    type: str
    choices:
      auto: As V(terminal) where standard output is a terminal that somebody looks at, otherwise as V(lines). It is none
        where E(CI) is set, under AWX and ansible-runner, and where E(TERM) is V(dumb).
      terminal: A block at the bottom of the terminal. Where standard output is none, as V(lines).
      lines: Lines.
    default: auto
    ini:
      - section: kubesphere_progress
        key: mode
    env:
      - name: KUBESPHERE_PROGRESS_MODE
  height:
    description: The most lines that the block takes.
    type: int
    default: 6
    ini:
      - section: kubesphere_progress
        key: height
    env:
      - name: KUBESPHERE_PROGRESS_HEIGHT
  heartbeat:
    description: Seconds of silence after which a line says what goes on, in place of a block; V(0) never says it.
    type: int
    default: 60
    ini:
      - section: kubesphere_progress
        key: heartbeat
    env:
      - name: KUBESPHERE_PROGRESS_HEARTBEAT
  lines_per_minute:
    description: The most lines in a minute, in place of a block; what is left out is counted. V(0) leaves out nothing.
    type: int
    default: 60
    ini:
      - section: kubesphere_progress
        key: lines_per_minute
    env:
      - name: KUBESPHERE_PROGRESS_LINES_PER_MINUTE
  slowest:
    description: How many clusters are named at the end.
    type: int
    default: 3
    ini:
      - section: kubesphere_progress
        key: slowest
    env:
      - name: KUBESPHERE_PROGRESS_SLOWEST
notes:
  - Colours are Ansible's own (C(COLOR_ERROR) and so on), and there are none where Ansible shows none (E(NO_COLOR),
    E(ANSIBLE_NOCOLOR)).
  - With C(-v) the lines are printed above the block, too. With C(log_path) they go to that file in any case.
  - Failures are printed at once in any case, and the results of tasks are as ever.
seealso:
  - module: kubesphere.multicluster.fleet
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  callbacks_enabled = kubesphere.multicluster.progress

  [kubesphere_progress]
  heartbeat = 30

For one run: |
  ANSIBLE_CALLBACKS_ENABLED=kubesphere.multicluster.progress ansible-playbook -i inventory kubesphere.multicluster.site
"""

import atexit
import os
import re
import sys
import threading
import time
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.utils.color import stringc

from ..plugin_utils.progress_channel import close_channel, open_channel
from ..plugin_utils.progress_state import State
from ..plugin_utils.progress_text import slowest
from ..plugin_utils.progress_views import Block, Log, View
from ..plugin_utils.terminal import Terminal, is_terminal

_TOGETHER = 0.05
"""Seconds in which messages gather, so that a thousand of them do not wake this process a thousand times."""

_END = 5.0
"""Seconds that the end of a run waits for what is left to be shown."""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kubesphere.multicluster.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """Listen to nobody yet."""
        super().__init__(*arguments, **more)
        self._listener: Listener | None = None

    def v2_playbook_on_play_start(self, play: Any) -> None:  # noqa: ARG002 - Ansible's
        """Listen, before the first worker is forked."""
        if self._listener is None:
            self._listener = Listener(self._views(), self._display)
            atexit.register(self._listener.stop)  # a run that is interrupted has no statistics

    def v2_playbook_on_stats(self, stats: Any) -> None:  # noqa: ARG002 - Ansible's
        """Come to the end."""
        if self._listener is None:
            return
        self._listener.stop()
        atexit.unregister(self._listener.stop)
        lines = slowest(self._listener.state, self.get_option("slowest"))
        if lines:
            self._display.display("\n".join(lines) + "\n")
        self._listener = None

    def _views(self) -> list[View]:
        mode = self.get_option("mode")
        environment = os.environ if mode == "auto" else {"TERM": os.environ.get("TERM", "")}
        if mode == "lines" or not is_terminal(sys.stdout, environment):
            return [self._log(log_only=False)]
        views: list[View] = [Block(Terminal(self._display._lock), self.get_option("height"), _painted)]
        if self._display.verbosity or constants.DEFAULT_LOG_PATH:
            views.append(self._log(log_only=not self._display.verbosity))
        return views

    def _log(self, *, log_only: bool) -> Log:
        def say(line: str) -> None:
            self._display.display(f"    … {line}", log_only=log_only)
            with self._display._lock:
                sys.stdout.flush()  # Ansible does so at the end only, and nothing would be seen until then

        return Log(say, self.get_option("heartbeat"), self.get_option("lines_per_minute"))


class Listener:
    """The thread that hears what workers tell, and shows it."""

    def __init__(self, views: list[View], display: Any) -> None:
        """Begin to listen.

        Args:
            views: who shows it.
            display: Ansible's.
        """
        self.state = State()
        self._views, self._display = views, display
        self._channel = open_channel()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Show what has been told, and leave the screen as it was. A second call does nothing."""
        self._stopped.set()
        self._channel.wake()
        self._thread.join(_END)

    def _run(self) -> None:
        try:
            timeout: float | None = None
            while not self._stopped.is_set():
                timeout = self._hear(timeout)
                self._stopped.wait(_TOGETHER)
            self._hear(0)
        except Exception as error:  # whatever it is, the run goes on as without us
            self._display.warning(
                f"kubesphere.multicluster.progress shows nothing more: {type(error).__name__}: {error}"
            )
        finally:
            close_channel()
            for view in self._views:
                view.close()

    def _hear(self, timeout: float | None) -> float | None:
        messages = self._channel.receive(timeout)
        now = time.monotonic()
        for message in messages:
            line = self.state.hear(message, now)
            if line:
                for view in self._views:
                    view.tell(line, now)
        return min(filter(None, [view.look(self.state, now) for view in self._views]), default=None)


def _painted(line: str) -> str:
    return re.sub(r"\d+ failed", lambda found: str(stringc(found[0], constants.COLOR_ERROR)), line)
