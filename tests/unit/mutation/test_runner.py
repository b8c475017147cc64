"""A mutant is killed by a test that fails, and by nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.prepare import ROOT

SAMPLE = """
def larger(a, b):
    return a > b

def spin(count):
    while count > 0:
        count = count - 1
    return 7

def alone():
    return 1
"""

TESTS = """
import sample

def test_larger():
    assert sample.larger(2, 1) and not sample.larger(1, 2)

def test_spin():
    sample.spin(2)
"""

PROGRAM = """
import json, sys
from pathlib import Path
import pytest
from tests.mutation.mutants import mutants
from tests.mutation.runner import Bounds, Runner

folder = Path(sys.argv[1])
sys.path.insert(0, str(folder))
found = list(mutants(str(folder / "sample.py"), (folder / "sample.py").read_text()))
runner = Runner(found, Bounds(jobs=2, each=0.01), lambda _: None)
assert pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)], plugins=[runner]) == 0
print(json.dumps({f"{mutant.function}: {mutant.change}": outcome for mutant, outcome in runner.outcomes.items()}))
"""


def test_outcomes(tmp_path: Path) -> None:
    (tmp_path / "sample.py").write_text(SAMPLE)
    (tmp_path / "test_sample.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = json.loads(done.stdout.splitlines()[-1])
    assert outcomes["larger: a > b  ->  a <= b"] == "killed"
    assert outcomes["larger: a > b  ->  a >= b"] == "survived"
    assert outcomes["spin: count - 1  ->  count + 1"] == "timeout"
    assert outcomes["spin: 7  ->  8"] == "survived"
    assert outcomes["alone: 1  ->  2"] == "unreached"
