# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run over the whole fleet would do, or has done (private to the collection).

Both are read in the same way from what the phases returned, in check mode or not: so a plan and the run that follows
can be compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from . import drift, preflight
from .names import connection_of
from .words import some

Data = dict[str, Any]
Phases = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What the phases returned, in the order of the road: by phase, and then by inventory name."""

LOOKED = "preflight"
"""The phase that only looks: whoever got no further was not begun."""

WORDS = {
    "install": ("to install", "installed"),
    "upgrade": ("to upgrade", "upgraded"),
    "configure": ("to configure", "configured"),
    "import": ("to import", "imported"),
    "switch": ("to switch", "switched"),
    "renew": ("to renew", "renewed"),
    "change": ("to change", "changed"),
    "unbind": ("to unbind", "unbound"),
}
"""What a step can be, and how the summary calls it, before and after."""

_FOLDED = 4  # clusters of which the same is said, from which on it is said once
_MOST_FIELDS = 8  # of one object
_SEVERAL = 3  # writes of one kind for one reason, beyond which they are counted

_NAME = "<name>"


def of(phases: Phases, clusters: Iterable[str], left_alone: Sequence[str] = ()) -> Data:
    """Everything that a run would do, or has done.

    Args:
        phases: what they returned; whether in check mode makes no difference.
        clusters: inventory names of the fleet, in the order in which it is told of them.
        left_alone: names of Clusters that are not in the inventory, and are no business of a run that unbinds.

    Returns:
        Mappings by inventory name, of those clusters only of which there is something to tell. ``changes``: a list of
        steps, each with ``what`` (one of WORDS) and ``writes``, which have ``object``, ``action``, ``reason`` and
        ``fields`` (the differences in words, where an object is changed). ``problems``: why it cannot go on.
        ``warnings``, and ``unknown``: what a plan cannot tell.

        Besides, ``not_begun`` has the names of the clusters that no phase came to, ``left_alone`` what was given,
        ``clusters`` those of all that are in any of these but the last, in order. ``counts`` has the numbers of
        clusters for each of WORDS, ``unchanged``, ``problems`` and ``not_begun``; whoever has problems counts there
        only.
    """
    looked_at = preflight.all_problems(
        {name: preflight.without_verdict(each) for name, each in (phases.get(LOOKED) or {}).items()}
    )
    parts = ("changes", "problems", "warnings", "unknown")
    found: Data = {"clusters": [], **{part: {} for part in parts}, "not_begun": []}
    found["left_alone"] = list(left_alone)
    counts: Counter[str] = Counter()
    for name in clusters:
        told = _one(name, phases, looked_at.get(name) or [])
        begun = any(name in results for phase, results in phases.items() if phase != LOOKED)
        counts.update(_counted(told, begun))
        if not begun and not told["problems"]:
            found["not_begun"].append(name)
        for part in parts:
            if told[part]:
                found[part][name] = told[part]
        if any(told.values()) or not begun:
            found["clusters"].append(name)
    found["counts"] = {each: counts[each] for each in (*WORDS, "unchanged", "problems", "not_begun")}
    return found


def summary(found: Mapping[str, Any], planned: bool) -> str:
    """A plan, or a run, in one line.

    Args:
        found: as :func:`of` returns it.
        planned: whether it is a plan.
    """
    counts = found["counts"]
    steps = [f"{counts[what]} {words[0 if planned else 1]}" for what, words in WORDS.items() if counts[what]]
    if not steps:
        steps = ["nothing to do" if planned else "nothing was to be done"]
    line = f"{'Plan' if planned else 'Done'}: {', '.join(steps)}"
    line += f", {counts['unchanged']} as they should be" if counts["unchanged"] else ""
    for names, text in (
        (found["problems"], "cannot" if planned else "failed"),
        (found["not_begun"], "not begun"),
        (found["left_alone"], "not in the inventory, left alone"),
    ):
        line += f"; {len(names)} {text}: {some(list(names))}" if names else ""
    return f"{line}."


def lines(found: Mapping[str, Any], planned: bool) -> list[str]:
    """A plan, or a run, for people: cluster by cluster, those with the same lines together, the summary at the end.

    Args:
        found: as :func:`of` returns it.
        planned: whether it is a plan.
    """
    blocks = {name: list(_block(name, found, planned)) for name in found["clusters"]}
    alike: dict[tuple[str, ...], list[str]] = {}
    keys = {name: tuple(_without(name, line) for line in block) for name, block in blocks.items() if block}
    for name, key in keys.items():
        alike.setdefault(key, []).append(name)
    told: list[str] = []
    for name, key in keys.items():
        names = alike[key]
        if len(names) < _FOLDED:
            told += [f"{name}:", *blocks[name]]
        elif name == names[0]:
            told += [f"{some(names)} ({len(names)} clusters, each with its own {_NAME}):", *key]
    return [*told, *([""] if told else []), summary(found, planned)]


# One cluster


def _one(name: str, phases: Phases, problems: Sequence[str]) -> Data:
    told: Data = {"changes": [], "problems": list(problems), "warnings": [], "unknown": []}
    for phase, results in phases.items():
        result = results.get(name) or {}
        if result.get("failed") and phase != LOOKED:
            told["problems"].append(str(result.get("msg") or "no reason given"))
        told["changes"] += _step(result)
        told["unknown"] += result.get("unknown") or []
        told["warnings"] += result.get("warnings") or []
    for part in ("problems", "warnings", "unknown"):
        told[part] = [str(each) for each in dict.fromkeys(told[part])]  # the same warning may come with each phase
    told["warnings"] = [each for each in told["warnings"] if each not in told["unknown"]]
    return told


def _counted(told: Data, begun: bool) -> set[str]:
    if told["problems"]:
        return {"problems"}
    if not begun:
        return {"not_begun"}
    return {step["what"] for step in told["changes"]} or {"unchanged"}


def _step(result: Mapping[str, Any]) -> list[Data]:
    writes = drift.writes(result)
    if not writes:
        return []
    reasons = [write["action"].partition(f" {write['object']}: ")[2] for write in writes]
    return [{"what": _what(result), "writes": [{**w, "reason": reason} for w, reason in zip(writes, reasons)]}]


def _what(result: Mapping[str, Any]) -> str:
    """What a step is, by the module that took it, and by the one object that decides it."""
    if result.get("upgraded_from"):
        return "upgrade"
    if "member_cleaned" in result:
        return "unbind"
    if result.get("module") != "member":
        made = [header for header, before, _after in _diffs(result) if not before]
        return "install" if any(each.startswith("ClusterConfiguration ") for each in made) else "configure"
    for header, before, after in _diffs(result):
        if header.startswith("Cluster "):
            return _of_cluster(before, after)
    return "change"


def _of_cluster(before: Data, after: Data) -> str:
    if not before:
        return "import"
    former, now = connection_of(before), connection_of(after)
    if former.get("type") != now.get("type"):
        return "switch"
    return "renew" if former.get("kubeconfig") != now.get("kubeconfig") else "change"


def _diffs(result: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for diff in result.get("diff") or []:
        yield str(diff.get("after_header")), diff.get("before"), diff.get("after")


# In words


def _block(name: str, found: Mapping[str, Any], planned: bool) -> Iterator[str]:
    """The lines of one cluster, without its name."""
    for step in found["changes"].get(name) or []:
        for text, fields in _writes(step["writes"]):
            yield f"  {step['what']}: {text}"
            if planned:
                more = len(fields) - _MOST_FIELDS
                yield from (f"    {field}" for field in fields[:_MOST_FIELDS])
                yield from [f"    and {more} more"] if more > 0 else []
    for part, word in (
        ("problems", "cannot" if planned else "failed"),
        ("unknown", "not known yet"),
        ("warnings", "warning"),
    ):
        yield from (f"  {word}: {text}" for text in found[part].get(name) or [])


def _writes(writes: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Sequence[str]]]:
    """Each write in words with its differences; many that are made for one reason as their number."""
    alike: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for write in writes:
        verb, where = write["action"].partition(" ")[0], write["object"].rpartition(" on ")[2]
        alike.setdefault((verb, where, write["reason"]), []).append(write)
    for (verb, where, reason), group in alike.items():
        if len(group) > _SEVERAL and not any(write["fields"] for write in group):
            yield f"{verb} {len(group)} objects on {where}: {reason}", []
        else:
            yield from ((write["action"], write["fields"]) for write in group)


def _without(name: str, line: str) -> str:
    return re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])(?!\.\w)", _NAME, line)
