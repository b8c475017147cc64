"""The command line of `make torture`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from tests.prepare import ROOT
from tests.torture.ground import Ground
from tests.torture.results import Results, table
from tests.torture.scenarios import PARTS, Part

_RESULTS = ROOT / "build" / "torture.json"


def _say(text: str) -> None:
    print(f"torture: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description="Kill, disturb and double runs.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {'; '.join(PARTS)} (default: all)")
    parser.add_argument("--resume", action="store_true", help="go on with the results that stand in the file already")
    parser.add_argument("--seed", type=int, default=1, help="of what is chosen at random (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="file for all results (default: %(default)s)")
    return parser


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _try(name: str, part: Part, results: Results) -> None:
    for plan, case in part.cases().items():
        if not results.has(name, plan) and (found := case()):
            results.add(found)
    results.finish(name)


def main() -> int:
    """Torture, print the table and write the results; the exit status is 1 where anything did not end as it should."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, _terminated)
    started = time.monotonic()
    if not options.resume:
        options.output.unlink(missing_ok=True)
    results = Results.of(options.output)
    try:
        with tempfile.TemporaryDirectory(prefix="torture-") as folder, Ground(Path(folder), _say) as ground:
            for part in options.parts or PARTS:
                if part not in results.complete:
                    _try(part, PARTS[part](ground, options.seed, _say), results)
    except KeyboardInterrupt:
        _say("interrupted: --resume goes on with what has been found so far")
        return 130
    print(table(results.cases))
    bad = [case for case in results.cases if not case.good]
    for case in bad:
        print(case)
    seconds = time.monotonic() - started
    print(f"{len(results.cases)} cases, {len(bad)} failed, in {seconds:.0f} s; all of them: {options.output}")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
