# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet as data: what stands, and what a run has done to it (private to the collection).

``docs/report.md`` describes it. Every text in it is on one line and without control characters, for most of them are
strangers'; how it is shown is nobody's business here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..kube.secret import visible
from ..version import VERSION
from . import durations, health, plan

Data = dict[str, Any]

SCHEMA = 1
"""Raised when a field goes away or gets another meaning; a new field does not raise it."""

_LONGEST = 2000  # letters of one text

_SEEN = {
    "alias": "alias",
    "provider": "provider",
    "region": "region",
    "group": "group",
    "uid": "uid",
    "server": "server",
    "kubernetes": "kubernetes_version",
    "kubernetes_skew": "kubernetes_skew",
    "kubesphere": "kubesphere_version",
    "kubesphere_skew": "kubesphere_skew",
    "nodes": "nodes",
    "labels": "labels",
    "components": "components",
    "jwt_secret_agrees": "jwt_secret_agrees",
    "connection": "connection",
    "ready": "ready",
    "ready_updated": "ready_updated",
    "credential": "credential",
    "proxy_address": "proxy_address",
}
"""What is taken over of what the module member_info says, by the names that it has here and there."""


@dataclass(frozen=True)
class Look:
    """What was found out about a fleet.

    Attributes:
        host: inventory name of the host.
        members: names of the members' Clusters by inventory name.
        absent: inventory names of members that are not to be imported.
        fleet: result of the module member_info, with details; a failed one has ``msg``.
        status: result of :func:`drift.status`.
        host_managed: whether the host is this run's to compare, and not another slice's.
    """

    host: str
    members: Mapping[str, str]
    absent: Sequence[str]
    fleet: Mapping[str, Any]
    status: Mapping[str, Any]
    host_managed: bool = True


@dataclass(frozen=True)
class Run:
    """What was done.

    Attributes:
        of: the playbook.
        written: when the report is made, RFC 3339.
        told: what :func:`plan.of` and :func:`durations.of` say of it; empty where nothing was done but to look.
        begun: inventory names of the clusters that it did more with than to look.
    """

    of: str
    written: str
    told: Mapping[str, Any] = field(default_factory=dict)
    begun: Collection[str] = ()


def of(look: Look, run: Run) -> Data:
    """The report of one run; see ``docs/report.md``.

    Args:
        look: what was found out.
        run: what was done.
    """
    looked_at = str(look.fleet.get("looked_at") or run.written) if "members" in look.fleet else None
    told = {part: _by_cluster(look.status[part]) for part in ("problems", "drift")}
    clusters = []
    for name, said_of, cluster, seen in _listed(look, run):
        texts = {part: told[part].pop(said_of, []) for part in told}
        clusters.append(_cluster(name, cluster, seen, looked_at, texts, look, run))
    return finished(
        {
            "host": look.host,
            "looked_at": looked_at,
            "clusters": clusters,
            **{part: [text for texts in left.values() for text in texts] for part, left in told.items()},
            "conflicts": [],
            "runs": [_run(look, run, clusters)],
        },
        run.written,
    )


def finished(report: Data, written: str) -> Data:
    """A report with what follows from the rest of it: verdict, totals, durations.

    Args:
        report: ``clusters``, ``problems`` and ``drift``, and what else stands in it.
        written: when it is made, RFC 3339.
    """
    clusters = report["clusters"]
    problems = [*report["problems"], *(text for each in clusters for text in each["problems"])]
    differences = [*report["drift"], *(text for each in clusters for text in each["drift"])]
    seconds = {each["name"]: each["seconds"] for each in clusters if each["seconds"]}
    failed = {(each["name"], _last(each["seconds"])) for each in clusters if each["outcome"]["failed"]}
    joins = [phases[durations.JOIN] for phases in seconds.values() if durations.JOIN in phases]
    made: Data = {
        "schema": SCHEMA,
        "made_by": f"kubesphere.multicluster {VERSION}",
        "written": written,
        "verdict": health.verdict(problems, differences),
        "totals": totals(clusters, len(problems), len(differences)),
        "durations": {"phases": durations.figures(seconds, failed), "joins": durations.histogram(joins)},
        **report,
    }
    shown: Data = plain(made)
    return shown


def totals(clusters: Sequence[Data], problems: int, differences: int) -> Data:
    """The numbers that a reader wants first."""
    members = [each for each in clusters if each["role"] == "member"]
    ends = [(each["credential"]["days"], each["name"]) for each in members if _ends(each)]
    return {
        "clusters": len(clusters),
        "members": len(members),
        **{f"{kind}_members": sum(each["connection"] == kind for each in members) for kind in ("direct", "agent")},
        "health": {kind: sum(each["health"] == kind for each in clusters) for kind in health.HEALTH},
        "nodes": sum(each["nodes"] or 0 for each in clusters),
        "problems": problems,
        "differences": differences,
        "compared": sum(each["compared"] for each in clusters),
        "due": sum(bool((each["credential"] or {}).get("due")) for each in clusters),
        "first_end": dict(zip(("days", "name"), min(ends))) if ends else None,
        "failed": sum(each["outcome"]["failed"] for each in clusters),
        **{
            kind: dict(sorted(Counter(str(each[kind]) for each in clusters if each[kind]).items()))
            for kind in ("kubernetes", "kubesphere")
        },
    }


def plain(value: Any) -> Any:
    """Data whose texts may be shown: on one line, without control characters, and not endless."""
    if isinstance(value, str):
        text = visible(value[: _LONGEST + 1])
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


# One cluster


def _listed(look: Look, run: Run) -> Iterator[tuple[str, str, str, Mapping[str, Any] | None]]:
    """The clusters to tell of: name, name in the status, name of its Cluster, what was seen of it."""
    seen = {str(each["name"]): each for each in look.fleet.get("members") or ()}
    own = next((name for name, each in seen.items() if each.get("cluster_role") == "host"), "")
    wanted = {look.host: own, **look.members}
    for name, cluster in wanted.items():
        known = (seen.get(cluster) or {}).get("known")
        if known or name not in look.absent or _steps(name, run) or _failures(name, run):
            yield name, name, cluster, seen.get(cluster)
    for cluster in sorted(seen.keys() - set(wanted.values())):
        if seen[cluster]["known"]:
            yield f"Cluster {cluster}" if cluster in wanted else cluster, cluster, cluster, seen[cluster]


def _cluster(
    name: str,
    cluster: str,
    seen: Mapping[str, Any] | None,
    looked_at: str | None,
    texts: Mapping[str, list[str]],
    look: Look,
    run: Run,
) -> Data:
    found = seen or {}
    known = None if looked_at is None else bool(found.get("known"))
    cause = str(found.get("problem") or "")
    is_host = name == look.host
    told_by_look = {*(found.get("problems") or ()), *((look.fleet.get("problems") or ()) if is_host else ())}
    return {
        "name": name,
        "cluster": cluster or None,
        "role": "host" if is_host else "member",
        "seen": looked_at,
        "known": known,
        "health": health.of(known, cause, texts["problems"]),
        "cause": cause,
        "problems": texts["problems"],
        "plan_problems": [text for text in texts["problems"] if text not in told_by_look],
        "compared": name not in look.status["unplanned"] and (look.host_managed or not is_host),
        "drift": texts["drift"],
        **_facts(found),
        **_done(name, run),
    }


def _facts(found: Mapping[str, Any]) -> Data:
    """What was seen of a cluster."""
    ready: Mapping[str, Any] = next((each for each in found.get("conditions") or () if each["type"] == "Ready"), {})
    return {
        **{field: found.get(there) for field, there in _SEEN.items()},
        "ready_age": ready.get("age"),
        "ready_fresh": ready.get("fresh"),
    }


def _done(name: str, run: Run) -> Data:
    """What happened to a cluster."""
    told, steps, problems = run.told, _steps(name, run), _failures(name, run)
    begun = bool(steps or problems or name in run.begun)
    planned = bool(told.get("planned"))
    outcome = {
        "of": run.of if begun else None,
        "at": run.written if begun else None,
        "begun": begun,
        "planned": planned,
        "steps": [step["what"] for step in steps],
        "failed": bool(problems),
        "text": _in_words(steps, problems, planned) if begun else "",
        "problems": list(problems),
        "warnings": list((told.get("warnings") or {}).get(name) or ()),
        "writes": [write["action"] for step in steps for write in step["writes"]],
    }
    return {"outcome": outcome, "seconds": (told.get("durations") or {}).get("clusters", {}).get(name) or {}}


def _steps(name: str, run: Run) -> Sequence[Mapping[str, Any]]:
    return (run.told.get("changes") or {}).get(name) or []


def _failures(name: str, run: Run) -> Sequence[str]:
    return (run.told.get("problems") or {}).get(name) or []


def _in_words(steps: Sequence[Mapping[str, Any]], problems: Sequence[str], planned: bool) -> str:
    if problems:
        return "cannot" if planned else "failed"
    words = dict.fromkeys(plan.WORDS[step["what"]][0 if planned else 1] for step in steps)
    return ", ".join(words) or "as it should be"


def _run(look: Look, run: Run, clusters: Iterable[Data]) -> Data:
    """What a report says of the run that it is of."""
    begun = [each["outcome"] for each in clusters if each["outcome"]["begun"]]
    told = look.fleet.get("msg") if "members" not in look.fleet else ""
    return {
        "of": run.of,
        "written": run.written,
        "file": "",
        "host": look.host,
        "planned": bool(run.told.get("planned")),
        "summary": run.told.get("summary") or "",
        "begun": len(begun),
        "failed": sum(each["failed"] for each in begun),
        "not_seen": str(told or ""),
    }


def _by_cluster(items: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Problems or differences by the name of the cluster that they are said of."""
    found: dict[str, list[str]] = {}
    for item in items:
        found.setdefault(str(item["cluster"]), []).append(str(item["text"]))
    return found


def _ends(each: Data) -> bool:
    return (each["credential"] or {}).get("days") is not None


def _last(seconds: Mapping[str, float]) -> str:
    """The phase that a cluster came to last."""
    return next((phase for phase in reversed(list(seconds)) if phase != durations.JOIN), "")
