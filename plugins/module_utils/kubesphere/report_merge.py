# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several reports as one: the slices of a job, or runs of several days (private to the collection).

The newest look at each member wins. What a run did to a member is told by the newest run that began with it, and what
differs by the newest that compared it: a slice sees the whole fleet, and works on its own members only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from . import health, report

Data = dict[str, Any]

_IDENTITY = {"cluster": "Cluster", "role": "role", "uid": "UID", "connection": "connection"}
"""What two looks at one cluster should agree in, and what a conflict calls it."""


def merged(parts: Sequence[Data], written: str) -> Data:
    """One report made of several.

    Args:
        parts: at least one; each says in the ``file`` of its runs where it was found, empty for the run's own.
        written: when it is made, RFC 3339.
    """
    ordered = sorted(parts, key=lambda part: str(part["written"]))
    newest = ordered[-1]
    whole = next((part for part in reversed(ordered) if _compares_host(part)), newest)
    names = dict.fromkeys(each["name"] for part in reversed(ordered) for each in part["clusters"])
    looks = {name: _looks(name, ordered) for name in names}
    conflicts = [*_hosts(ordered), *(text for name in names for text in _conflicts(name, looks[name]))]
    return report.finished(
        {
            "host": newest["host"],
            "looked_at": max((str(part["looked_at"] or "") for part in ordered), default="") or None,
            "clusters": [_one([each for each, _part in looks[name]]) for name in names],
            **{part: whole[part] for part in ("problems", "drift")},  # of no member, so told by who has the host
            "conflicts": list(dict.fromkeys([*(text for part in ordered for text in part["conflicts"]), *conflicts])),
            "runs": [run for part in ordered for run in part["runs"]],
        },
        written,
    )


def _compares_host(part: Data) -> bool:
    return any(each["role"] == "host" and each["compared"] for each in part["clusters"])


Looks = list[tuple[Data, Data]]
"""What the parts say of one cluster, from the oldest look on, and the parts."""


def _looks(name: str, parts: Sequence[Data]) -> Looks:
    found = [(each, part) for part in parts for each in part["clusters"] if each["name"] == name]
    return sorted(found, key=lambda pair: str(pair[0]["seen"] or ""))


def _one(looks: Sequence[Data]) -> Data:
    """A cluster, out of what the parts say of it."""
    seen = looks[-1]
    compared = next((each for each in reversed(looks) if each["compared"]), seen)
    done = max(looks, key=lambda each: (each["outcome"]["begun"], str(each["outcome"]["at"] or "")))
    own = [text for text in seen["problems"] if text not in seen["plan_problems"]]
    problems = [*own, *compared["plan_problems"]]
    known = None if seen["seen"] is None else seen["known"]
    return {
        **seen,
        **{field: compared[field] for field in ("compared", "drift", "plan_problems")},
        **{field: done[field] for field in ("outcome", "seconds")},
        "problems": problems,
        "health": health.of(known, seen["cause"], problems),
    }


# What does not go together


def _hosts(parts: Sequence[Data]) -> Iterator[str]:
    hosts: dict[tuple[str, str], list[str]] = {}
    for part in parts:
        uid = next((str(each["uid"] or "") for each in part["clusters"] if each["role"] == "host"), "")
        hosts.setdefault((part["host"], uid), []).append(_called(part))
    names, uids = {name for name, _uid in hosts}, {uid for _name, uid in hosts if uid}
    if len(names) > 1 or len(uids) > 1:
        told = "; ".join(
            f"{name}{f' ({uid})' if uid else ''}: {', '.join(where)}" for (name, uid), where in hosts.items()
        )
        yield f"the parts are of different hosts, and clusters of one name are taken for one: {told}"


def _conflicts(name: str, looks: Looks) -> Iterator[str]:
    """Where two looks contradict each other, other than by what a run may change for the better."""
    for (before, earlier), (after, later) in zip(looks, looks[1:]):
        where = (
            f"{_called(earlier)} ({before['seen'] or 'not seen'})",
            f"{_called(later)} ({after['seen'] or 'not seen'})",
        )
        for field, word in _IDENTITY.items():
            if None not in (before[field], after[field]) and before[field] != after[field]:
                yield (
                    f"{name}: its {word} is {before[field]} in {where[0]}, and {after[field]} in {where[1]}, which is "
                    "taken"
                )
        if before["health"] in (health.WORKS, health.TROUBLED) and after["health"] in (health.FAILS, health.MISSING):
            yield (
                f"{name}: {health.HEALTH[before['health']]} in {where[0]}, and {health.HEALTH[after['health']]} in "
                f"{where[1]}, which is taken"
            )
    runs = [(each["outcome"], _called(part)) for each, part in looks if each["outcome"]["begun"]]
    failed = {outcome["failed"] for outcome, _part in runs}
    if len(failed) > 1:
        told = ", ".join(f"{'failed' if outcome['failed'] else 'done'} in {where}" for outcome, where in runs)
        yield f"{name}: {told}; the last run counts"


def _called(part: Data) -> str:
    """What a part is called: its file, or what it is a report of."""
    files = [run["file"] for run in part["runs"] if run["file"]]
    return files[0] if files else "this run"
