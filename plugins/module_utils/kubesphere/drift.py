# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference between an inventory and what stands (private to the collection).

What differs is what a run would write. So the road's own modules are asked in check mode, and nothing here has an
opinion of its own on what should stand; only clusters that the inventory, or the host, does not know are added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..kube.merge import is_list
from . import health
from .configuration import MISSING

Data = dict[str, Any]

_LONGEST_VALUE = 80
_MOST_FIELDS = 8  # of one object, in words


def planned(results: Sequence[Mapping[str, Any]]) -> Data:
    """What the steps of the road would do in one cluster.

    Args:
        results: what the modules returned in check mode, in the order of the road; the last one may have failed.

    Returns:
        ``drift``: for each object that would be written its ``object`` (kind, name and cluster), ``action`` and
        ``fields``, the differences in words. ``problems``: why the plan could not be made.
    """
    drift: list[Data] = []
    for result in results:
        if result.get("failed"):
            return {"drift": drift, "problems": [_reason(result)]}
        drift += writes(result)
    return {"drift": drift, "problems": []}


def writes(result: Mapping[str, Any]) -> list[Data]:
    """What one step of the road writes, or in check mode would: the ``drift`` of :func:`planned`."""
    pairs = zip(result.get("actions") or [], result.get("diff") or [])
    return [_write(str(action), diff) for action, diff in pairs]


def status(
    clusters: Sequence[Data],
    leftovers: Sequence[Data] | None,
    *,
    host: str,
    members: Mapping[str, str],
    absent: Iterable[str] = (),
    plans: Mapping[str, Data],
    problems: Sequence[str] = (),
    others: Sequence[str] | None = None,
    host_managed: bool = True,
) -> Data:
    """Everything that differs and everything that is wrong.

    Args:
        clusters: as the module member_info returns them, with details.
        leftovers: as it returns them, too.
        host: inventory name of the host.
        members: names of the members' Clusters by inventory name.
        absent: inventory names of members that are not to be imported.
        plans: what :func:`planned` returned, by inventory name; empty for clusters that were not asked.
        problems: of the host itself, as the module returns them.
        others: Clusters that were left alone, for the inventory is a slice of the fleet; None if it is all of it.
        host_managed: whether the host is this inventory's to compare.

    Returns:
        ``verdict`` (one of health.VERDICTS), ``drift`` and ``problems``, each a list of mappings with ``cluster``
        (inventory name, or the Cluster's if it has none) and ``text``; a ``drift`` that a plan has told has ``object``,
        ``action`` and ``fields``, too. ``unplanned`` has the inventory names of clusters whose plan is not known. Of
        a slice, ``others`` are there again: what no slice knows is no member of the inventory.
    """
    called = names(clusters, host, members)
    known = {str(each["name"]) for each in clusters if each["known"]}
    unwanted = {members[name] for name in absent if name in members}
    found = [_item(host, text) for text in problems]
    found += [
        _item(called.get(str(each["name"]), str(each["name"])), text) for each in clusters for text in each["problems"]
    ]
    drift: list[Data] = []
    for name in (host, *members):
        plan = plans.get(name) or {}
        found += [_item(name, text) for text in plan.get("problems") or []]
        missing = name != host and members[name] not in known | unwanted
        if missing:
            drift.append(_item(name, f"the host has no Cluster {members[name]}: it is not imported"))
        for each in plan.get("drift") or []:
            if not (missing and each["action"].startswith(f"create Cluster {members[name]} ")):
                drift.append({**_item(name, _in_words(each)), **each})
    for name in sorted(known - called.keys()):
        drift.append(_item(name, "the inventory does not know it, and the host has imported it"))
    for name in sorted(known & unwanted):
        drift.append(_item(called[name], "it is imported, and its kubesphere_member_state is absent"))
    if host_managed:
        drift += [_item(each["member"] or host, _left(each)) for each in leftovers or ()]
    asked = (host, *members) if host_managed else tuple(members)
    unplanned = [name for name in asked if not plans.get(name) and members.get(name) not in unwanted]
    verdict = health.verdict(found, drift)
    told = {"verdict": verdict, "drift": drift, "problems": found, "unplanned": unplanned}
    return told if others is None else {**told, "others": list(others)}


def names(clusters: Sequence[Mapping[str, Any]], host: str, members: Mapping[str, str]) -> dict[str, str]:
    """Inventory names by the names of the Clusters, of those that the inventory knows.

    Args:
        clusters: as the module member_info returns them.
        host: inventory name of the host.
        members: names of the members' Clusters by inventory name.
    """
    called = {cluster: name for name, cluster in members.items()}
    return called | {str(each["name"]): host for each in clusters if each.get("cluster_role") == "host"}


def in_words(found: Mapping[str, Any]) -> list[str]:
    """What :func:`status` has found, one line for each."""
    lines = []
    for what, one, several in (("problems", "problem", "problems"), ("drift", "difference", "differences")):
        items = found[what]
        if items:
            lines.append(f"{len(items)} {one if len(items) == 1 else several} found:")
            lines += [f"- {item['cluster']}: {item['text']}" for item in items]
    if found["unplanned"]:
        return [*lines, f"Not compared with the inventory: {', '.join(found['unplanned'])}."]
    return lines or ["Everything works, and stands as the inventory says."]


def fails(found: Mapping[str, Any], fail_on: str) -> bool:
    """Whether a verdict is worse than a policy allows: ``never``, ``error``, or ``drift``, which errors fail, too."""
    worse = health.VERDICTS
    return fail_on in worse and worse.index(found["verdict"]) >= worse.index(fail_on)


def _item(cluster: str, text: str) -> Data:
    return {"cluster": cluster, "text": text}


def _reason(failure: Mapping[str, Any]) -> str:
    told = str(failure.get("msg") or "no reason given")
    return f"what a run would do cannot be told: {told}"


def _left(each: Mapping[str, Any]) -> str:
    where = f"{each['namespace']}/" if each["namespace"] else ""
    if each["member"] is None:
        return f"{each['kind']} {each['name']} is without its rules, which an unbind took away: run import or unbind"
    return f"{each['kind']} {where}{each['name']} is left on the host, and there is no Cluster {each['member']}"


def _write(action: str, diff: Mapping[str, Any]) -> Data:
    before, after = diff.get("before") or {}, diff.get("after") or {}
    fields = list(_fields(before, after, "")) if before and after else []
    return {"object": str(diff.get("after_header") or ""), "action": action, "fields": fields}


def _in_words(write: Mapping[str, Any]) -> str:
    """A write that would be, as a difference."""
    if not write["fields"]:
        return f"a run would {write['action']}"
    more = len(write["fields"]) - _MOST_FIELDS
    fields = [*write["fields"][:_MOST_FIELDS], *([f"and {more} more"] if more > 0 else [])]
    return f"{write['object']}: {'; '.join(fields)}"


def _fields(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            step = f"[{key}]" if "." in str(key) else f".{key}" if path else str(key)
            yield from _fields(before.get(key, MISSING), after.get(key, MISSING), path + step)
    elif is_list(before) and is_list(after) and len(before) == len(after):
        for index, items in enumerate(zip(before, after)):
            yield from _fields(*items, f"{path}[{index}]")
    elif before is MISSING:
        yield f"{path} is missing, wanted {_shown(after)}"
    elif after is MISSING:
        yield f"{path} is {_shown(before)}, wanted none"
    elif before != after:
        yield f"{path} is {_shown(before)}, wanted {_shown(after)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
