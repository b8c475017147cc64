"""The benchmark's command line."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, NoReturn

from tests.benchmarks import table
from tests.benchmarks.bench import Bench, BenchmarkError, as_data, machine
from tests.benchmarks.fleet import CONNECTIONS, Fleet, FleetError
from tests.benchmarks.tools import TOOLS, Tool
from tests.prepare import ROOT
from tests.sandbox.binaries import PreparationError
from tests.sandbox.cluster import ClusterError
from tests.sandbox.network import NetworkError
from tests.sandbox.sandbox import Sandbox, SandboxError, names_for

_FAILURES = (BenchmarkError, FleetError, PreparationError, SandboxError, ClusterError, NetworkError)

_NOTE = """\
Every figure is the median of {repeat} rounds on {cores} cores; the tools took turns on the same real clusters.
CPU is that of the tool's whole process tree. OURS:IT is our figure as a share of the tool's: below 1 is ours.
Requests are those that came from this machine, by the audit logs; what KubeSphere sends is not in them."""


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="What an import costs.")
    parser.add_argument("--members", type=_numbers, default=[1, 4, 8], help="numbers of members (default: 1,4,8)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument(
        "--tools", type=_tools, default=list(TOOLS.values()), help=f"of {','.join(TOOLS)} (default: all)"
    )
    parser.add_argument(
        "--connections", type=_connections, default=list(CONNECTIONS), help=f"of {','.join(CONNECTIONS)} (default: all)"
    )
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "bench", help="state folder of the sandbox")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json", help="file for all numbers")
    return parser


def _numbers(text: str) -> list[int]:
    numbers = sorted({int(number) for number in text.split(",")})
    if numbers[0] < 1:
        raise ValueError(text)
    return numbers


def _tools(text: str) -> list[Tool]:
    return [TOOLS[name] for name in _some(text, "tool", TOOLS)]


def _connections(text: str) -> list[str]:
    return _some(text, "connection", CONNECTIONS)


def _some(text: str, what: str, known: Collection[str]) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise argparse.ArgumentTypeError(f"no {what} {', '.join(unknown)}: take some of {', '.join(known)}")
    return names


def _versions(fleet: Fleet, tools: list[Tool]) -> dict[str, str]:
    configuration = fleet.host.api.get(
        "/apis/installer.kubesphere.io/v1alpha1/namespaces/kubesphere-system/clusterconfigurations/ks-installer"
    )
    versions = {
        "KubeSphere": str(configuration["status"]["core"]["version"]),
        "Kubernetes": str(fleet.host.api.get("/version")["gitVersion"]),
    }
    for tool in tools:
        versions |= tool.versions()
    return versions


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    for tool in options.tools:
        tool.prepare()
    work = options.state / "tools"
    before, bench = machine(), Bench(work, _say)
    try:
        for members in options.members:
            sandbox = Sandbox(options.state, names_for(members), say=_say)
            sandbox.up()
            fleets = [Fleet(sandbox, work / connection, connection) for connection in options.connections]
            bench.install(fleets[0])
            for fleet in fleets:
                bench.compare(fleet, options.tools, options.repeat)
        versions = _versions(fleet, options.tools)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        Sandbox(options.state).down()
    print(table.render(bench.samples))
    print(f"\n{_NOTE.format(repeat=options.repeat, cores=before['cores'])}")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    return {"machine": before, "versions": versions, "samples": [as_data(sample) for sample in bench.samples]}


def main() -> int:
    """Measure, print the table and write the numbers; the exit status is 1 where a tool failed."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        figures = _measure(options)
    except (*_FAILURES, subprocess.TimeoutExpired) as error:
        _say(str(error))
        return 1
    except KeyboardInterrupt:
        _say("interrupted: nothing was written")
        return 130
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(figures, indent=1) + "\n")
    _say(f"all numbers are in {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
