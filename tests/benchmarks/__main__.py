"""The benchmark's command line: measures part by part, and prints the table of targets over all that was measured."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from tests.benchmarks import targets
from tests.benchmarks.bench import BenchmarkError, machine
from tests.benchmarks.fleet import FleetError
from tests.benchmarks.parts import PARTS, Outcome, Plan
from tests.benchmarks.targets import Reading
from tests.benchmarks.tools import TOOLS, Tool
from tests.prepare import ROOT
from tests.sandbox.binaries import PreparationError
from tests.sandbox.cluster import ClusterError
from tests.sandbox.network import NetworkError
from tests.sandbox.sandbox import Sandbox, SandboxError

_FAILURES = (BenchmarkError, FleetError, PreparationError, SandboxError, ClusterError, NetworkError)

_NOTE = """\
Figures of tools are medians of the rounds, and the tools took turns on the same real clusters. CPU is that of a tool's
whole process tree. OURS:IT is our figure as a share of the tool's: below 1 is ours. Requests are those that came from
this machine, by the audit logs; what KubeSphere sends is not in them."""


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="What a fleet costs.")
    names = ",".join(PARTS)
    parser.add_argument("--only", type=_parts, default=list(PARTS), help=f"parts to measure, of {names} (default: all)")
    parser.add_argument("--members", type=_numbers, default=[1, 4, 10], help="numbers of real members (1,4,10)")
    parser.add_argument("--simulated", type=_numbers, default=[100, 1000], help="of simulated ones (100,1000)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--tools", type=_tools, default=list(TOOLS.values()), help=f"of {','.join(TOOLS)} (default: all)"
    )
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "bench", help="state folder of the sandbox")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json", help="file for all numbers")
    return parser


def _numbers(text: str) -> list[int]:
    numbers = sorted({int(number) for number in text.split(",")})
    if numbers[0] < 1:
        raise ValueError(text)
    return numbers


def _parts(text: str) -> list[str]:
    return _some(text, "part", PARTS)


def _tools(text: str) -> list[Tool]:
    return [TOOLS[name] for name in _some(text, "tool", TOOLS)]


def _some(text: str, what: str, known: Collection[str]) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"no {what} {', '.join(unknown)}: take some of {', '.join(known)}")
    return names


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


class _Figures:
    """The file of all numbers, part by part: a part that is measured again replaces what it had."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: dict[str, Any] = json.loads(path.read_text())["parts"] if path.exists() else {}

    def keep(self, name: str, outcome: Outcome, before: dict[str, Any], tools: dict[str, str]) -> None:
        """Write down a part at once, so that what follows cannot lose it."""
        readings, versions = [asdict(reading) for reading in outcome.readings], {**outcome.versions, **tools}
        self._parts[name] = {"machine": before, "versions": versions, "readings": readings, "data": outcome.data}
        self._parts = {name: self._parts[name] for name in PARTS if name in self._parts}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"parts": self._parts}, indent=1) + "\n")

    def readings(self) -> list[Reading]:
        """Those of all parts."""
        return [Reading(**reading) for part in self._parts.values() for reading in part["readings"]]

    def render(self) -> str:
        """The table of targets, and when each part was measured."""
        when = [f"{name} {part['machine']['time']}" for name, part in self._parts.items()]
        readings = self.readings()
        cores = next(iter(self._parts.values()))["machine"]["cores"]
        return (
            f"{targets.render(readings)}\n\n{targets.verdict(readings)}\nMeasured on {cores} cores: {', '.join(when)}."
        )


def _measure(options: argparse.Namespace) -> None:
    for tool in options.tools:
        tool.prepare()
    tools = {name: version for tool in options.tools for name, version in tool.versions().items()}
    plan = Plan(options.state.absolute(), options.members, options.simulated, options.repeat, options.tools, _say)
    figures = _Figures(options.output)
    try:
        for name in options.only:
            before = machine()
            outcome = PARTS[name](plan)
            figures.keep(name, outcome, before, tools)
            if outcome.text:
                print(f"== {name}\n{outcome.text}\n", flush=True)
    finally:
        shutil.rmtree(plan.work, ignore_errors=True)
        Sandbox(options.state).down()
    print(f"{_NOTE}\n{', '.join(f'{name} {version}' for name, version in {**outcome.versions, **tools}.items())}\n")
    print(f"== targets\n{figures.render()}")


def main() -> int:
    """Measure, print the tables and write the numbers; the exit status is 1 where a tool failed, not for a target."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        _measure(options)
    except (*_FAILURES, subprocess.TimeoutExpired) as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say(f"interrupted: parts that were finished are in {options.output}; go on with --only")
        return 130
    _say(f"all numbers are in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
