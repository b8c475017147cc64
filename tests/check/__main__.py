"""Run stages of checks, all of them even when one fails, and sum up.

python -m tests.check                 all stages
python -m tests.check lint unit       these stages, in this order
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Callable

from tests.check.pytests import REPORTS
from tests.check.results import Outcome, Result, summary, write_junit
from tests.check.stages import STAGES


def run_stage(name: str, stage: Callable[[], list[Result]]) -> list[Result]:
    """Run one stage, write its report, and show what failed or was skipped.

    A stage that breaks, or that finds nothing to do, has failed: it would otherwise pass for what it did not check.
    """
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    print(f"== {name}", flush=True)
    started = time.monotonic()
    try:
        results = stage() or [Result(name, Outcome.FAILED, "this stage found nothing to run")]
    except Exception:
        results = [Result(name, Outcome.FAILED, traceback.format_exc())]
    seconds = time.monotonic() - started
    write_junit(report, name, results)
    for result in results:
        if result.outcome is Outcome.FAILED:
            print(f"FAILED  {name}: {result.name}\n{_indented(result.detail)}")
        elif result.outcome is Outcome.SKIPPED:
            print(f"SKIPPED {name}: {result.name} ({result.detail.strip()})")
    print(f"== {name}: {summary(results)} in {seconds:.1f} s\n", flush=True)
    return results


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines())


def main() -> int:
    """Run the stages that the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.check", description="Run the project's checks.")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"one of {', '.join(STAGES)} (default: all)")
    options = parser.parse_args()
    unknown = set(options.stages) - set(STAGES)
    if unknown:
        parser.error(f"unknown stage: {', '.join(sorted(unknown))}")
    by_stage = {name: run_stage(name, STAGES[name]) for name in options.stages or STAGES}
    results = [result for stage_results in by_stage.values() for result in stage_results]
    for name, stage_results in by_stage.items():
        print(f"{name:12} {summary(stage_results)}")
    print(summary(results))
    return int(any(result.outcome is Outcome.FAILED for result in results))


if __name__ == "__main__":
    # As Ctrl-C does: the running tool is ended together with what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
