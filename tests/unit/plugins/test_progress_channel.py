# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the way from workers to the callback ``progress``."""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils import progress_channel
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.progress_channel import (
    Channel,
    at_work,
    close_channel,
    is_heard,
    open_channel,
    tell,
)


@pytest.fixture
def channel() -> Iterator[Channel]:
    yield open_channel()
    close_channel()


def in_a_worker(work: Any) -> int:
    """Exit status of a forked process that does it, 9 if it raises."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(int(work()))
        except BaseException:
            os._exit(9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_nobody_hears_what_is_told_without_a_callback() -> None:
    assert not is_heard()
    assert tell("begun", cluster="a", phase="import") is False


def test_workers_are_heard(channel: Channel) -> None:
    assert is_heard()
    assert in_a_worker(lambda: tell("waits", cluster="a", phase="import", text="bis Müller kommt")) == 1
    assert channel.receive(1) == [{"kind": "waits", "cluster": "a", "phase": "import", "text": "bis Müller kommt"}]


def test_what_is_done_is_told_from_its_beginning_to_its_end(channel: Channel) -> None:
    def work() -> int:
        with at_work("a", "import"):
            raise ValueError

    assert in_a_worker(work) == 9
    ends = [{"kind": kind, "cluster": "a", "phase": "import"} for kind in ("begun", "ended")]
    assert channel.receive(1) == ends


def test_messages_of_many_threads_stay_whole(channel: Channel) -> None:
    def work() -> int:
        def many(name: str) -> None:
            for number in range(100):
                tell("line", text=f"{name} {number} " + "x" * 3000)

        threads = [threading.Thread(target=many, args=(str(each),)) for each in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return 0

    got: list[Any] = []
    done = threading.Event()

    def listen() -> None:
        while not done.is_set() or channel.receive(0):
            got.extend(channel.receive(0.05))

    listener = threading.Thread(target=listen)
    listener.start()
    assert in_a_worker(work) == 0
    time.sleep(0.1)
    done.set()
    listener.join()
    assert len({message["text"] for message in got}) == 800


@pytest.mark.parametrize("text", ["é" * 9000, '"' * 9000, "x" * 9000, "\N{SNOWMAN}" * 4000, "\udc80" * 9000])
def test_a_long_text_is_cut(channel: Channel, text: str) -> None:
    assert tell("waits", cluster="a", phase="import", text=text)
    [message] = channel.receive(1)
    assert message["cluster"] == "a"
    assert message["text"].endswith("…")
    assert 200 < len(message["text"]) < len(text)
    assert len(json.dumps(message, ensure_ascii=False).encode()) <= select.PIPE_BUF + 20


def test_what_cannot_be_cut_is_left_out(channel: Channel) -> None:
    assert tell("begun", cluster="a" * 9000, phase="import")
    assert tell("begun", cluster="b", phase="import")
    assert [message["cluster"] for message in channel.receive(1)] == ["b"]


@pytest.mark.usefixtures("channel")
def test_a_worker_does_not_wait_for_a_callback_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_channel, "_PATIENCE", 0.05)
    started = time.monotonic()
    told = [tell("line", text="x" * 3000) for _message in range(100)]
    assert told[0] is True
    assert told[-1] is False
    assert time.monotonic() - started < 1


@pytest.mark.usefixtures("channel")
def test_a_worker_goes_on_when_nobody_reads_any_more() -> None:
    end, begin = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(end, 1)
        os._exit(int(tell("line", text="x")))
    close_channel()
    os.write(begin, b"x")
    assert os.waitpid(pid, 0)[1] == 0


def test_whoever_waits_can_be_woken(channel: Channel) -> None:
    threading.Timer(0.05, channel.wake).start()
    assert channel.receive(None) == []


def test_it_is_not_left_to_programs_that_are_started(channel: Channel) -> None:
    assert not any(os.get_inheritable(end) for end in (channel._source, channel._sink))
