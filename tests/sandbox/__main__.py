"""The sandbox's command line: ``python -m tests.sandbox up|down|status|exec|cut|mend``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.sandbox import brought
from tests.sandbox.binaries import PreparationError
from tests.sandbox.cluster import Cluster, ClusterError
from tests.sandbox.network import NetworkError
from tests.sandbox.sandbox import DEFAULT_STATE, Sandbox, SandboxError, names_for

_MEBIBYTE = 1 << 20


def _say(text: str) -> None:
    print(f"sandbox: {text}", file=sys.stderr, flush=True)


def _up(options: argparse.Namespace) -> int:
    kubeconfigs = brought.named()
    if kubeconfigs:
        brought.up(options.state, kubeconfigs, _say)
    else:
        Sandbox(options.state, names_for(options.members), say=_say, behind_nat=options.behind_nat).up()
    return 0


def _down(options: argparse.Namespace) -> int:
    if not brought.down(options.state):
        Sandbox(options.state).down()
    _say(f"nothing is left of the sandbox in {options.state}")
    return 0


def _status(options: argparse.Namespace) -> int:
    if brought.is_up(options.state):
        for name, server in brought.servers(options.state).items():
            print(f"{name}  {server}  (brought by the user)")
        return 0
    rows: list[tuple[str, ...]] = [("CLUSTER", "SERVER", "NODE", "MEMORY", "PROCESSES")]
    rows += [_row(cluster) for cluster in Sandbox.open(options.state).clusters.values()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _row(cluster: Cluster) -> tuple[str, ...]:
    statuses = {name: cluster.process(name).status() for name in cluster.components}
    memory = sum(status.memory for status in statuses.values() if status)
    listed = " ".join(f"{name}:{status.pid if status else 'down'}" for name, status in statuses.items())
    node = cluster.node_name if "node" in statuses else "-"
    return cluster.name, cluster.server, node, f"{memory // _MEBIBYTE} MiB", listed


def _exec(options: argparse.Namespace) -> int:
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    command = _named(options, options.cluster).namespace.command(argv or ["bash"])
    os.execvp(command[0], command)


def _cut(options: argparse.Namespace) -> int:
    first = _named(options, options.first)
    if options.second == "machine":
        if options.one_way:
            raise SandboxError("--one-way is for two clusters; the machine is cut off both ways")
        first.cut_from_machine()
    elif options.one_way or options.reject:
        first.cut_way_to(_named(options, options.second), reject=options.reject)
    else:
        first.cut(_named(options, options.second))
    return 0


def _mend(options: argparse.Namespace) -> int:
    first = _named(options, options.first)
    if options.second == "machine":
        first.mend_to_machine()
    else:
        first.mend(_named(options, options.second))
    return 0


def _interrupted(*_: object) -> None:
    """End at once: an unwinding would first wait for the clusters that are being started."""
    _say("interrupted: 'up' goes on where this stopped, 'down' removes what is there")
    os._exit(130)


def _named(options: argparse.Namespace, name: str) -> Cluster:
    clusters = Sandbox.open(options.state).clusters
    if name not in clusters:
        raise SandboxError(f"there is no cluster '{name}' in {options.state}: it has {', '.join(clusters)}")
    return clusters[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox", description="Kubernetes clusters on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, work: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("--state", type=Path, default=DEFAULT_STATE, help="state folder (default: %(default)s)")
        added.set_defaults(work=work)
        return added

    up = command("up", _up, "start a host and its members, and leave them running")
    up.add_argument("--members", type=int, default=2, help="number of members (default: %(default)s)")
    up.add_argument(
        "--behind-nat",
        action="append",
        default=[],
        metavar="CLUSTER",
        help="a cluster that no other one can reach, though it reaches them; may be given several times",
    )
    command("down", _down, "end everything and remove its data")
    command("status", _status, "show clusters, processes and memory")
    run = command("exec", _exec, "run a command in a cluster's network namespace")
    run.add_argument("cluster")
    run.add_argument("argv", nargs=argparse.REMAINDER)
    pairs = {}
    for name, work, text in (
        ("cut", _cut, "make two clusters, or a cluster and the machine, unreachable for each other"),
        ("mend", _mend, "undo cut"),
    ):
        pair = pairs[name] = command(name, work, text)
        pair.add_argument("first")
        pair.add_argument("second", help="a cluster, or 'machine'")
    text = "only let FIRST open no connection to SECOND; the other way goes on"
    pairs["cut"].add_argument("--one-way", action="store_true", help=text)
    pairs["cut"].add_argument(
        "--reject", action="store_true", help="the same, answered with a reset instead of silence"
    )
    return parser


def main() -> int:
    """Run one command; the exit status is 1 where it failed."""
    options = _parser().parse_args()
    signal.signal(signal.SIGINT, _interrupted)
    try:
        status: int = options.work(options)
    except (SandboxError, ClusterError, NetworkError, PreparationError, brought.BroughtError, ValueError) as error:
        _say(str(error))
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
