"""A plugin of pytest that holds every mutant against the tests which reach it.

The tests are collected once. Everything that runs them is a fork of this process, so that none sees what another has
left behind: first the tests as they are, to learn which tests reach which lines; then, for each mutant, a fork in which
the function gets the mutant's code, and those tests run until one fails.
"""

from __future__ import annotations

import gc
import os
import pickle
import random
import shutil
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType

import pytest
from _pytest.runner import runtestprotocol
from coverage import Coverage
from hypothesis import Phase, settings

from tests.mutation.mutants import Mutant

KILLED, TIMEOUT, SURVIVED, UNREACHED, LEFT_OUT = "killed", "timeout", "survived", "unreached", "left out"

_PASSED, _FAILED, _BROKEN = 0, 1, 2
_OUTCOMES = {_PASSED: SURVIVED, _BROKEN: LEFT_OUT}
"""By exit status; whatever else ends a fork is a mutant's doing."""


@dataclass(frozen=True)
class Bounds:
    """How much time may be taken.

    Attributes:
        jobs: forks side by side.
        seconds: for all mutants; those that it does not reach are left out, and counted as such.
        each: seconds of tests for one mutant, in their order: its module's first, then the quick ones.
    """

    jobs: int = 1
    seconds: float = 3600
    each: float = 10


@dataclass
class Baseline:
    """The tests as they are.

    Attributes:
        seconds: how long each takes, by its number.
        reached: numbers of the tests that reach a line, by file and line.
        failed: those that fail without any mistake.
    """

    seconds: dict[int, float] = field(default_factory=dict)
    reached: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


class Runner:
    """The plugin."""

    def __init__(self, mutants: Sequence[Mutant], bounds: Bounds, say: Callable[[str], None]) -> None:
        self._mutants = mutants
        self._bounds = bounds
        self._say = say
        self._folder = Path(tempfile.mkdtemp(prefix="mutation-"))
        self._items: list[pytest.Item] = []
        self.outcomes: dict[Mutant, str] = dict.fromkeys(mutants, LEFT_OUT)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Every mutant meets the same examples, and which of them is the smallest does not matter."""
        settings.register_profile(
            "mutation",
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        )
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of running the tests once."""
        self._items = session.items
        try:
            baseline = self._baseline()
            if baseline.failed:
                raise pytest.UsageError("these tests fail without any mistake: " + ", ".join(baseline.failed[:5]))
            self._run_all(baseline)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        return True

    def _baseline(self) -> Baseline:
        """Run all tests with coverage, in a fork."""
        self._say(f"{len(self._items)} tests as they are, to learn what they reach")
        file = self._folder / "baseline"
        pid = self._fork(lambda: self._measure(file))
        _ended, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != _PASSED:
            raise pytest.UsageError("the tests cannot be measured")
        return pickle.loads(file.read_bytes())  # type: ignore[no-any-return]

    def _measure(self, file: Path) -> int:
        found = Baseline()
        files = {mutant.file for mutant in self._mutants}
        coverage = Coverage(data_file=None, config_file=False, include=[os.path.realpath(each) for each in files])
        coverage.start()
        for number, item in enumerate(self._items):
            coverage.switch_context(str(number))
            started = time.monotonic()
            if self._fails(item, self._items[number + 1] if number + 1 < len(self._items) else None):
                found.failed.append(item.nodeid)
            found.seconds[number] = time.monotonic() - started
        coverage.stop()
        data = coverage.get_data()
        for name in files:
            contexts = data.contexts_by_lineno(os.path.realpath(name))
            found.reached[name] = {line: [int(each) for each in of if each] for line, of in contexts.items()}
        file.write_bytes(pickle.dumps(found))
        return _PASSED

    def _run_all(self, baseline: Baseline) -> None:
        functions = _functions({mutant.file for mutant in self._mutants})
        running: dict[int, tuple[Mutant, float]] = {}
        waiting = list(self._mutants)
        random.Random(1).shuffle(waiting)  # where the time ends, it ends for all modules alike
        deadline = time.monotonic() + self._bounds.seconds
        self._say(f"{len(waiting)} mutants")
        while waiting or running:
            while waiting and len(running) < self._bounds.jobs:
                mutant = waiting.pop()
                if time.monotonic() > deadline:
                    waiting.clear()
                    break
                tests = self._tests_of(mutant, baseline)
                if not tests:
                    self.outcomes[mutant] = UNREACHED
                    continue
                pid = self._fork(lambda mutant=mutant, tests=tests: self._try(mutant, functions, tests))  # type: ignore[misc]
                patience = 5 + 10 * sum(baseline.seconds[number] for number in tests)
                running[pid] = (mutant, time.monotonic() + patience)
            self._collect(running)

    def _collect(self, running: dict[int, tuple[Mutant, float]]) -> None:
        """Take what has ended, and end what takes too long."""
        for pid, (mutant, until) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended and time.monotonic() > until:
                os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                self.outcomes[mutant] = TIMEOUT
            elif ended:
                self.outcomes[mutant] = _OUTCOMES.get(os.waitstatus_to_exitcode(status), KILLED)
            else:
                continue
            del running[pid]
            shutil.rmtree(self._folder / str(pid), ignore_errors=True)
            done = sum(outcome != LEFT_OUT for outcome in self.outcomes.values())
            if done % 200 == 0:
                self._say(f"{done} of {len(self.outcomes)}")
        time.sleep(0.005)

    def _tests_of(self, mutant: Mutant, baseline: Baseline) -> list[int]:
        """The tests that reach a mutant, within bounds: those of its module first, then the quick ones."""
        first, last = mutant.lines
        reached = baseline.reached[mutant.file]
        numbers = {number for line in range(first, last + 1) for number in reached.get(line, ())}
        own = f"test_{Path(mutant.file).stem}.py"
        ordered = sorted(numbers, key=lambda n: (self._items[n].path.name != own, baseline.seconds[n]))
        chosen: list[int] = []
        left = self._bounds.each
        for number in ordered:
            left -= baseline.seconds[number]
            if left < 0 and chosen:
                break
            chosen.append(number)
        return chosen

    def _try(self, mutant: Mutant, functions: dict[tuple[str, str], list[FunctionType]], tests: list[int]) -> int:
        """Put the mutant in its place and run tests until one fails."""
        for function in functions[mutant.file, mutant.function]:
            function.__code__ = mutant.code
        for number, following in zip(tests, [*tests[1:], None], strict=True):
            if self._fails(self._items[number], None if following is None else self._items[following]):
                return _FAILED
        return _PASSED

    @staticmethod
    def _fails(item: pytest.Item, following: pytest.Item | None) -> bool:
        reports = runtestprotocol(item, log=False, nextitem=following)
        return any(report.failed for report in reports)

    def _fork(self, work: Callable[[], int]) -> int:
        """Do something in a process of its own; what it returns is its exit status."""
        if pid := os.fork():
            return pid
        status = _BROKEN
        try:
            os.setsid()
            quiet = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(quiet, number)
            folder = self._folder / str(os.getpid())
            folder.mkdir()
            tempfile.tempdir = os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
            status = work()
        finally:
            os._exit(status)


def _functions(files: Iterable[str]) -> dict[tuple[str, str], list[FunctionType]]:
    """The functions of some modules that are there, by file and name; decorated ones are behind their decorators."""
    wanted = {os.path.realpath(file): file for file in files}
    known: dict[str, str | None] = {}
    found = defaultdict(list)
    for each in gc.get_objects():
        if isinstance(each, FunctionType):
            name = each.__code__.co_filename
            if name not in known:
                known[name] = wanted.get(os.path.realpath(name))
            if file := known[name]:
                found[file, each.__code__.co_qualname].append(each)
    return dict(found)


def survivors(outcomes: dict[Mutant, str]) -> Iterator[Mutant]:
    """Those that no test has found, in the order of their lines."""
    alive = [mutant for mutant, outcome in outcomes.items() if outcome in (SURVIVED, UNREACHED)]
    yield from sorted(alive, key=lambda mutant: (mutant.file, mutant.lines, mutant.change))
