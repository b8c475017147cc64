"""Where the time of a playbook goes, its own and the API servers': ``python -m tests.benchmarks.profiling --help``."""

from __future__ import annotations

import argparse
import pstats
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.figures import percentile
from tests.benchmarks.fleet import CONNECTIONS, DIRECT, Fleet, RealFleet
from tests.benchmarks.simulated import Simulated
from tests.benchmarks.text import Row, aligned
from tests.benchmarks.tools import Ours
from tests.check.command import tool
from tests.prepare import ROOT
from tests.sandbox import audit
from tests.sandbox.sandbox import Sandbox, names_for
from tests.simulation.fleet import SimulatedFleet

_PROFILER = Path(__file__).with_name("profiler.py")
_LINES = 25

_PACKAGES = (
    ("/plugins/module_utils/kube/", "ours: cluster access"),
    ("/plugins/module_utils/", "ours: goals and domain"),
    ("/plugins/", "ours: plugins"),
    ("/ansible/", "ansible-core"),
    ("/jinja2/", "Jinja"),
    ("/yaml/", "YAML"),
    ("/urllib3/", "HTTP and TLS"),
    ("/http/", "HTTP and TLS"),
    ("/ssl.py", "HTTP and TLS"),
    ("_ssl.", "HTTP and TLS"),
    ("/json/", "JSON"),
    ("/cryptography/", "cryptography"),
    ("importlib", "imports"),
    ("/multiprocessing/", "forks and queues"),
    ("posix.fork", "forks and queues"),
    ("pickle", "forks and queues"),
)
"""Part of a function's name and place, and what it belongs to; the first that fits counts."""

Place = tuple[str, int, str]


class _Profiled(Ours):
    """The collection's playbook, under the profiler."""

    def __init__(self, playbook: str, profiles: Path) -> None:
        super().__init__(playbook, forks=10)
        self._profiles = profiles

    def command(self, fleet: Fleet) -> list[str | Path]:
        """The same command, started by the profiler."""
        return [tool("python"), "-P", _PROFILER, self._profiles, *super().command(fleet)]


def by_package(stats: pstats.Stats) -> dict[str, float]:
    """Own processor time of all functions by what they belong to, most first."""
    found: dict[str, float] = defaultdict(float)
    for place, (_calls, _all, own, _cumulative, _callers) in stats.stats.items():  # type: ignore[attr-defined]
        found[_package(place)] += own
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _package(place: Place) -> str:
    text = f"{place[0]}:{place[2]}"
    return next((package for part, package in _PACKAGES if part in text), "the rest of Python")


def _render_packages(main: pstats.Stats, workers: pstats.Stats | None) -> str:
    sides = [by_package(main), by_package(workers) if workers else {}]
    names = sorted(
        {name for side in sides for name in side}, key=lambda name: -sum(side.get(name, 0) for side in sides)
    )
    rows: list[Row] = [("CPU s", "MAIN PROCESS", "WORKERS")]
    rows += [(name, *(f"{side.get(name, 0):.2f}" for side in sides)) for name in names]
    rows.append(("all", *(f"{sum(side.values()):.2f}" for side in sides)))
    return aligned(rows, left=(0,))


def render_requests(events: Iterable[audit.Event]) -> str:
    """What API servers were asked, and how long they took to answer; a watch takes as long as it is held."""
    counts: Counter[tuple[str, ...]] = Counter()
    took: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for event in events:
        what: tuple[str, ...] = (event["verb"], audit.target(event), str(event["responseStatus"]["code"]))
        counts[what] += 1
        took[what].append(audit.moment(event) - audit.moment(event, "requestReceivedTimestamp"))
    rows: list[Row] = [("VERB", "WHAT", "ANSWER", "NUMBER", "P50 ms", "P99 ms")]
    for what, count in counts.most_common():
        shown = (f"{1000 * percentile(took[what], share):.1f}" for share in (0.5, 0.99))
        rows.append([*what, str(count), *shown])
    return aligned(rows, left=(0, 1, 2))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.profiling", description="Profile a playbook.")
    parser.add_argument("playbook", nargs="?", default="site", help="playbook of the collection (default: %(default)s)")
    parser.add_argument("--members", type=int, default=10, help="number of real members (default: %(default)s)")
    parser.add_argument("--simulated", type=int, default=0, help="number of simulated members in place of real ones")
    parser.add_argument("--connection", choices=CONNECTIONS, default=DIRECT)
    parser.add_argument("--first", action="store_true", help="the members are not imported before; else they are")
    parser.add_argument("--sort", choices=("tottime", "cumtime"), default="tottime", help="order of the functions")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "bench", help="state folder of the sandbox")
    parser.add_argument("--profiles", type=Path, default=ROOT / "build" / "profiles", help="folder for the profiles")
    return parser


def _say(text: str) -> None:
    print(f"profile: {text}", file=sys.stderr, flush=True)


@contextmanager
def _fleet(options: argparse.Namespace) -> Iterator[Fleet]:
    state = options.state.absolute()  # it is handed to processes in other folders
    if options.simulated:
        with SimulatedFleet(state / "simulated", options.simulated, _say) as simulated:
            yield Simulated(simulated)
        return
    with Sandbox(state, names_for(options.members), say=_say) as sandbox:
        yield RealFleet(sandbox, state / "tools", options.connection)


def _profile(options: argparse.Namespace) -> None:
    with _fleet(options) as fleet:
        bench = Bench(options.state / "tools", _say)
        bench.measure(fleet, Ours("site", forks=10), "to warm up")
        if options.first:
            fleet.reset()
        marks = fleet.marks()
        bench.measure(fleet, _Profiled(options.playbook, options.profiles), "profiled")
        print(f"== requests to the host\n{render_requests(fleet.host_events(marks))}\n")
        if not fleet.simulated:
            print(f"== requests to all members\n{render_requests(fleet.member_events(marks))}\n")
    shutil.rmtree(options.state / "tools", ignore_errors=True)


def _read(files: list[Path]) -> pstats.Stats | None:
    return pstats.Stats(*map(str, files)) if files else None


def main() -> int:
    """Profile, and print the summary; the profiles stay for a closer look (``python -m pstats``)."""
    options = _parser().parse_args()
    shutil.rmtree(options.profiles, ignore_errors=True)
    options.profiles.mkdir(parents=True)
    _profile(options)
    files = sorted(options.profiles.glob("*.prof"))
    main_process = options.profiles / "main.prof"
    workers = _read([file for file in files if file != main_process])
    first = _read([main_process])
    assert first
    print(f"== processor time under the profiler, which about doubles it; {len(files) - 1} workers")
    print(_render_packages(first, workers))
    for title, stats in (("main process", first), ("workers", workers)):
        if stats:
            print(f"\n== {title}")
            stats.strip_dirs().sort_stats(options.sort).print_stats(_LINES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
