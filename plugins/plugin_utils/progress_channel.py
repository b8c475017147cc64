# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way by which workers tell the callback ``progress`` what their clusters do."""

from __future__ import annotations

import contextlib
import json
import os
import select
from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]

_PATIENCE = 1.0
"""Seconds that a worker waits for a callback that does not read; after that it tells it nothing more."""

_MOST = 1 << 16  # bytes that are read at a time


class Channel:
    """A pipe that is opened before Ansible forks its workers, so each of them has it.

    A message is a line of JSON and at most PIPE_BUF bytes, which the kernel writes as one whoever writes beside.
    """

    def __init__(self) -> None:
        self._source, self._sink = os.pipe()
        for end in (self._source, self._sink):
            os.set_blocking(end, False)
        self._rest = b""

    def send(self, message: Message) -> bool:
        """Tell the callback something.

        Returns:
            Whether it can hear. A run must never wait or fail for it.
        """
        try:
            while self._sink >= 0:
                try:
                    os.write(self._sink, _line(message))
                    return True
                except BlockingIOError:
                    if not _is_ready(self._sink, select.POLLOUT, _PATIENCE):
                        break
        except OSError:  # nobody reads any more
            pass
        self._sink = -1
        return False

    def receive(self, timeout: float | None) -> list[Message]:
        """What workers have told; waits for it so many seconds, or for ever."""
        if not _is_ready(self._source, select.POLLIN, timeout):
            return []
        try:
            *lines, self._rest = (self._rest + os.read(self._source, _MOST)).split(b"\n")
        except BlockingIOError:  # what one process reads is gone for another
            return []
        return [json.loads(line) for line in lines if line]

    def wake(self) -> None:
        """Let whoever waits for a message look up."""
        with contextlib.suppress(OSError):
            os.write(self._sink, b"\n")

    def close(self) -> None:
        """Receive nothing more, and let workers know."""
        self.leave_reading()
        if self._sink >= 0:
            os.close(self._sink)
            self._sink = -1

    def leave_reading(self) -> None:
        """Keep the end for writing only, as a worker does: it shall notice when nobody reads."""
        if self._source >= 0:
            os.close(self._source)
            self._source = -1


_channel: Channel | None = None
"""That of this process and of all that it forks; None where nobody listens."""


def open_channel() -> Channel:
    """Listen to all workers that will be forked."""
    global _channel
    _channel = Channel()
    return _channel


def close_channel() -> None:
    """Listen no more."""
    global _channel
    if _channel is not None:
        _channel.close()
    _channel = None


def is_heard() -> bool:
    """Whether somebody listens."""
    return _channel is not None


def tell(kind: str, **what: Any) -> bool:
    """Tell who shows progress something, see :mod:`progress_state`.

    Returns:
        Whether somebody listens. Otherwise the worker shows it itself, if it must be seen.
    """
    return _channel is not None and _channel.send({"kind": kind, **what})


@contextlib.contextmanager
def at_work(cluster: str, phase: str) -> Iterator[None]:
    """Tell that something is being done with a cluster, until it ends."""
    tell("begun", cluster=cluster, phase=phase)
    try:
        yield
    finally:
        tell("ended", cluster=cluster, phase=phase)


def _line(message: Message) -> bytes:
    """A message as it is sent; of one that is too long, as much as can be."""
    line = _encoded(message)
    if len(line) > select.PIPE_BUF:
        room = select.PIPE_BUF - len(_encoded({**message, "text": "…"}))
        text = str(message.get("text", "")).encode(errors="replace")[: max(0, room // 2)]  # JSON may double a byte
        line = _encoded({**message, "text": text.decode(errors="ignore") + "…"})
    return line if len(line) <= select.PIPE_BUF else b"\n"


def _encoded(message: Message) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"


def _is_ready(end: int, event: int, timeout: float | None) -> bool:
    waiting = select.poll()
    waiting.register(end, event)
    return bool(waiting.poll(None if timeout is None else max(0.0, 1000 * timeout)))


def _in_worker() -> None:
    if _channel is not None:
        _channel.leave_reading()


os.register_at_fork(after_in_child=_in_worker)
