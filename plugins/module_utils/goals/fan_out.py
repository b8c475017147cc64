# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One goal for many clusters at the same time (private to the collection)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

Outcome = dict[str, Any]
"""Result of one cluster's task: ``changed``, ``failed``, ``msg`` and so on, and ``seconds``, which it took."""

Call = Callable[[], Outcome]


def fan_out(calls: Iterable[tuple[str, Call]], in_flight: int, done: Callable[[str, Outcome], None]) -> None:
    """Work on many clusters in threads; none of them waits for another, or fails because of another.

    Calls are taken one by one, so that the first clusters are worked on while the calls for others are being made.

    Args:
        calls: name of each cluster, and what is to be done with it, which raises nothing.
        in_flight: number of clusters that are worked on at the same time.
        done: told of each end as it comes, in this thread.

    Raises:
        Exception: what making the calls has raised; nothing more is begun then, and ``done`` is told of what has ended.
    """
    pool = ThreadPoolExecutor(max(1, in_flight), thread_name_prefix="fan-out")
    futures: dict[Future[Outcome], str] = {}
    try:
        for name, call in calls:
            futures[pool.submit(timed, call)] = name
        for future in as_completed(futures):
            done(futures.pop(future), future.result())
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for future, name in futures.items():
            if future.done() and not future.cancelled():
                done(name, future.result())
        raise
    pool.shutdown()


def timed(call: Call) -> Outcome:
    """The outcome of a call, with its ``seconds``."""
    started = time.monotonic()
    outcome = call()
    return {**outcome, "seconds": round(time.monotonic() - started, 3)}


def summary(phase: str, outcomes: Iterable[Outcome]) -> str:
    """How a phase went, in one line.

    Args:
        phase: what was done, ``import`` for example.
        outcomes: of all clusters that took part.
    """
    all_of_them = list(outcomes)
    failed = sum(1 for each in all_of_them if each.get("failed"))
    changed = sum(1 for each in all_of_them if each.get("changed") and not each.get("failed"))
    return f"{phase}: {len(all_of_them) - changed - failed} as they should be, {changed} changed, {failed} failed"


def as_task(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What happened to one cluster, phase by phase, as the result of a task of its own.

    Args:
        outcomes: of its phases, in order.

    Returns:
        ``changed``, ``phases``, ``actions``, ``diff`` and ``warnings``; of a phase that failed ``failed``, ``msg`` and
        so on, too.
    """
    told = ("phase", "seconds", "changed", "failed", "msg")
    returned: dict[str, Any] = {
        "changed": any(each.get("changed") for each in outcomes),
        "phases": [{key: each[key] for key in told if key in each} for each in outcomes],
        "actions": [action for each in outcomes for action in each.get("actions", ())],
    }
    for key in ("diff", "warnings"):
        found = [item for each in outcomes for item in each.get(key, ())]
        returned |= {key: found} if found else {}
    failure = next((each for each in outcomes if each.get("failed")), {})
    return {**returned, **{key: failure[key] for key in ("failed", "msg", "error", "exception") if key in failure}}
