# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run or a look at the status has come to, for a pipeline to gate on (private to the collection)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .plan import Phases

Data = dict[str, Any]

FORMAT = 1
"""Of the data; a field that is added does not raise it."""

NOT_BEGUN = "not begun"
"""The suite of clusters that were looked at, at most: left out by ``--limit``, or after a wave that failed."""

_FAILING = {"never": (), "error": ("works",), "drift": ("works", "drift")}
"""Which suites of a status can fail, by kubesphere_status_fail_on."""


def of_run(phases: Phases, told: Mapping[str, Any], planned: bool) -> Data:
    """A run, or a plan.

    Args:
        phases: what they returned, in the order of the road.
        told: as :func:`plan.of` returns it, with ``summary``.
        planned: whether it is a plan.

    Returns:
        ``format``, ``kind`` (``run``, ``plan`` or ``status``) and ``summary``. ``failed``, ``changed`` and
        ``not_begun``: inventory names. ``suites``: by phase ``name`` and ``cases``, of each cluster ``cluster``,
        ``result`` (``passed``, ``failed`` or ``skipped``), ``changed``, ``seconds``, ``error`` (kind of a failure),
        ``message`` and ``output`` (what was written, or would be, and warnings).
    """
    suites = [
        {"name": phase, "cases": [_case_of(name, outcome) for name, outcome in outcomes.items()]}
        for phase, outcomes in phases.items()
    ]
    if told["not_begun"]:
        message = "nothing was begun here"
        skipped = [_case(name, "skipped", message=message) for name in told["not_begun"]]
        suites.append({"name": NOT_BEGUN, "cases": skipped})
    return _results("plan" if planned else "run", str(told["summary"]), suites, told["not_begun"])


def of_status(status: Mapping[str, Any], clusters: Iterable[str], fail_on: str) -> Data:
    """A look at what stands.

    Args:
        status: as :func:`drift.status` returns it.
        clusters: inventory names of the fleet.
        fail_on: what is a failure, as the user says it; anything else is told all the same.

    Returns:
        As :func:`of_run`; the suites are ``works`` and ``drift``.
    """
    found = {"works": _texts(status["problems"]), "drift": _texts(status["drift"])}
    names = list(dict.fromkeys([*clusters, *found["works"], *found["drift"]]))
    unplanned = set(status["unplanned"])
    suites = []
    for suite, texts in found.items():
        fails = suite in _FAILING.get(fail_on, ())
        cases = []
        for name in names:
            told = texts.get(name, [])
            if suite == "drift" and not told and name in unplanned:
                cases.append(_case(name, "skipped", message="it was not compared with the inventory"))
            elif told and fails:
                cases.append(_case(name, "failed", error=suite, message="\n".join(told)))
            else:
                cases.append(_case(name, "passed", output=told))
        suites.append({"name": suite, "cases": cases})
    return _results("status", f"Status: {status['verdict']}.", suites, [])


def brief(told: Mapping[str, Any], report: str = "") -> Data:
    """What the next node of a workflow wants to know of a run: little, for it travels as an extra variable.

    Args:
        told: as :func:`plan.of` returns it, with ``summary`` and ``planned``.
        report: where the report was written; empty if nowhere.
    """
    return {
        "planned": bool(told["planned"]),
        "summary": str(told["summary"]),
        "changed": bool(told["changes"]),
        "counts": dict(told["counts"]),
        "failed": list(told["problems"]),
        "not_begun": list(told["not_begun"]),
        "report": report,
    }


def _results(kind: str, summary: str, suites: list[Data], not_begun: Sequence[str]) -> Data:
    cases = [case for suite in suites for case in suite["cases"]]

    def names(field: str, value: Any) -> list[str]:
        return list(dict.fromkeys(case["cluster"] for case in cases if case[field] == value))

    return {
        "format": FORMAT,
        "kind": kind,
        "summary": summary,
        "failed": names("result", "failed"),
        "changed": names("changed", True),
        "not_begun": list(not_begun),
        "suites": suites,
    }


def _case_of(name: str, outcome: Mapping[str, Any]) -> Data:
    output = [*(outcome.get("actions") or ()), *(f"warning: {each}" for each in outcome.get("warnings") or ())]
    told: Data = {
        "changed": bool(outcome.get("changed")),
        "seconds": float(outcome.get("seconds") or 0),
        "output": [str(each) for each in output],
    }
    if not outcome.get("failed"):
        return _case(name, "passed", **told)
    message = str(outcome.get("msg") or "no reason given")
    return _case(name, "failed", error=str(outcome.get("error") or "Failed"), message=message, **told)


def _case(cluster: str, result: str, **fields: Any) -> Data:
    empty = {"changed": False, "seconds": 0.0, "error": "", "message": "", "output": []}
    return {"cluster": cluster, "result": result, **empty, **fields}


def _texts(items: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in items:
        found.setdefault(str(item["cluster"]), []).append(str(item["text"]))
    return found
