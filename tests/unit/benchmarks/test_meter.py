"""What the meter sees of a command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.meter import Usage, measure

_BUSY = "import time\nwhile time.process_time() < 0.3: pass"


def _measure(tmp_path: Path, script: str, timeout: float = 30) -> Usage:
    command = ["bash", "-c", script]
    environment = {**os.environ, "PYTHON": sys.executable, "BUSY": _BUSY}
    return measure(command, environment, tmp_path, tmp_path / "output.log", timeout)


def test_exit_status_and_output_are_kept(tmp_path: Path) -> None:
    assert _measure(tmp_path, "echo said; exit 3").status == 3
    assert (tmp_path / "output.log").read_text() == "said\n"


def test_time_of_descendants_counts(tmp_path: Path) -> None:
    usage = _measure(tmp_path, '"$PYTHON" -ISc "$BUSY" & bash -c \'"$PYTHON" -ISc "$BUSY"\' & wait')
    assert 0.6 <= usage.cpu < 3
    assert usage.processes == 1


def test_what_others_take_meanwhile_is_told(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-ISc", "while True: pass"])
    try:
        usage = _measure(tmp_path, "sleep 0.5")
    finally:
        other.kill()
        other.wait()
    assert usage.busy > usage.cpu + 0.1


def test_time_of_orphans_counts_and_is_not_waited_for(tmp_path: Path) -> None:
    usage = _measure(tmp_path, '("$PYTHON" -ISc "$BUSY" &) ; sleep 0.1')
    assert usage.cpu >= 0.3
    assert usage.processes == 2


def test_peak_memory_of_the_largest_and_of_all(tmp_path: Path) -> None:
    hungry = "import time; kept = b'x' * (40 << 20); time.sleep(0.8)"
    usage = _measure(tmp_path, f'"$PYTHON" -ISc "{hungry}" & "$PYTHON" -ISc "{hungry}" & wait')
    assert 40 << 20 < usage.largest < 75 << 20
    assert 80 << 20 < usage.together < 150 << 20


def test_deadline_ends_all_that_was_started(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    with pytest.raises(subprocess.TimeoutExpired):
        _measure(tmp_path, f"(sleep 60 & echo $! >{marker}) ; sleep 60", timeout=1)
    deadline = time.monotonic() + 5
    while Path("/proc", marker.read_text().strip()).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path("/proc", marker.read_text().strip()).exists()
