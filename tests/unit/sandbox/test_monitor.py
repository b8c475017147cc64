"""The thread that waits for the ends and the output of containers."""

from __future__ import annotations

import os
import threading

import pytest

from tests.sandbox.node.processes import Monitor


def test_what_is_forgotten_in_a_batch_is_not_called() -> None:
    """Both can be read at once, and the first to be called closes both, as a container's end closes its output."""
    monitor, one, other = Monitor(), os.pipe(), os.pipe()
    called: list[int] = []

    def close_both(descriptor: int) -> None:
        called.append(descriptor)
        for each in (one[0], other[0]):
            monitor.forget(each)
            os.close(each)

    os.write(one[1], b"x")
    os.write(other[1], b"x")
    # Registered while the monitor's thread cannot run, so that it sees both together.
    with monitor._lock:
        for descriptor in (one[0], other[0]):
            monitor._selector.register(descriptor, 1, lambda descriptor=descriptor: close_both(descriptor))
    assert works(monitor)
    assert len(called) == 1


def test_a_mistake_in_a_callback_is_told_and_survived(capfd: pytest.CaptureFixture[str]) -> None:
    monitor, broken = Monitor(), os.pipe()

    def fail() -> None:
        monitor.forget(broken[0])
        raise ValueError("a mistake")

    monitor.watch(broken[0], fail)
    os.write(broken[1], b"x")
    assert works(monitor)
    assert "ValueError: a mistake" in capfd.readouterr().err


def works(monitor: Monitor) -> bool:
    """Whether the monitor's thread still calls back."""
    seen, pipe = threading.Event(), os.pipe()

    def note() -> None:
        monitor.forget(pipe[0])
        seen.set()

    monitor.watch(pipe[0], note)
    os.write(pipe[1], b"x")
    return seen.wait(10)
