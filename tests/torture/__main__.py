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
from tests.torture import results
from tests.torture.ground import Ground
from tests.torture.scenarios import PARTS

_RESULTS = ROOT / "build" / "torture.json"


def _say(text: str) -> None:
    print(f"torture: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description="Kill, disturb and double runs.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {'; '.join(PARTS)} (default: all)")
    parser.add_argument(
        "--slice", type=_slice, default=(1, 1), metavar="K/N", help="only each n-th case, from the k-th"
    )
    parser.add_argument("--keep", action="store_true", help="keep the results that stand in the file already")
    parser.add_argument("--seed", type=int, default=1, help="of what is chosen at random (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="file for all results (default: %(default)s)")
    return parser


def _slice(text: str) -> tuple[int, int]:
    first, number = (int(part) for part in text.split("/"))
    if not 1 <= first <= number:
        raise ValueError(text)
    return first, number


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    """Torture, print the table and write the results; the exit status is 1 where anything did not end as it should."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, _terminated)
    started = time.monotonic()
    if not options.keep:
        options.output.unlink(missing_ok=True)
    first, number = options.slice
    with tempfile.TemporaryDirectory(prefix="torture-") as folder, Ground(Path(folder), _say) as ground:
        for part in options.parts or PARTS:
            for one in PARTS[part](ground, options.seed, _say).cases()[first - 1 :: number]:
                if case := one():
                    results.write(options.output, [case])
    cases = results.read(options.output)
    print(results.table(cases))
    bad = [case for case in cases if not case.good]
    for case in bad:
        print(case)
    print(
        f"{len(cases)} cases, {len(bad)} failed, in {time.monotonic() - started:.0f} s; all of them: {options.output}"
    )
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
