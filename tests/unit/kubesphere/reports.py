# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of fleets of any size, for tests and for whoever wants to see one.

python -m tests.unit.kubesphere.reports 200 build/sample    a page of 200 members
"""

from __future__ import annotations

import random
import sys
from typing import Any

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import drift, durations, report

Data = dict[str, Any]

LOOKED_AT, WRITTEN = "2026-11-23T07:12:40Z", "2026-11-23T07:12:44Z"
REGIONS = ("eu-central", "eu-north", "us-east", "us-west", "ap-south")


def seen(name: str, **said: Any) -> Data:
    """What member_info says of a member that is as it should be; an empty ``problem`` among what else is said."""
    problem = said.get("problem", "")
    return {
        "name": name,
        "known": True,
        "cluster_role": "member",
        "connection": "direct",
        "ready": not problem,
        "ready_updated": "2026-11-23T07:12:00Z",
        "problem": problem,
        "kubernetes_version": "v1.26.5",
        "kubesphere_version": "v3.4.1",
        "nodes": 3,
        "uid": f"uid-{name}",
        "alias": None,
        "provider": None,
        "region": None,
        "group": None,
        "labels": {},
        "problems": [problem] if problem else [],
        "works": not problem,
        "conditions": [{"type": "Ready", "status": "True", "age": 40, "fresh": True}],
        "kubernetes_skew": 0,
        "kubesphere_skew": "same",
        "credential": {"kind": "certificate", "expires": "2027-11-23T07:00:00Z", "days": 365, "due": False},
        "server": f"https://{name}.example:6443",
        "jwt_secret_agrees": True,
        "proxy_address": None,
        "components": {"core": "enabled"},
        **said,
    }


HOST = seen("host", cluster_role="host")


def of(
    *members: Data,
    missing: tuple[str, ...] = (),
    absent: tuple[str, ...] = (),
    plans: dict[str, Any] | None = None,
    told: Data | None = None,
    playbook: str = "site",
    written: str = WRITTEN,
    looked_at: str = LOOKED_AT,
) -> Data:
    """The report of a run over a fleet.

    Args:
        members: as :func:`seen` makes them.
        missing: inventory names that the host does not know.
        absent: those that are not to be imported.
        plans: what drift.planned has said.
        told: what the run has done.
        playbook: its name.
        written: when it ended.
        looked_at: when it looked.
    """
    names = {each["name"]: each["name"] for each in members} | {name: name for name in missing}
    fleet: Data = {"members": [HOST, *members], "leftovers": [], "problems": [], "looked_at": looked_at}
    status = drift.status(fleet["members"], [], host="host", members=names, absent=absent, plans=plans or {})
    look = report.Look("host", names, absent, fleet, status)
    begun = ((told or {}).get("durations") or {}).get("clusters", {})
    return report.of(look, report.Run(playbook, written, told or {}, begun))


def done(
    phases: dict[str, dict[str, float]], imported: tuple[str, ...] = (), failed: dict[str, str] | None = None
) -> Data:
    """What a run has done.

    Args:
        phases: seconds by inventory name, by phase.
        imported: names of those that it imported.
        failed: why it failed, by name; in the last phase that it came to.
    """
    problems = failed or {}
    step = {"what": "import", "writes": [{"action": "create Cluster on host: import it"}]}
    results: dict[str, dict[str, Any]] = {
        phase: {
            name: {"seconds": seconds, "failed": name in problems and phase == list(phases)[-1]}
            for name, seconds in by_name.items()
        }
        for phase, by_name in phases.items()
    }
    return {
        "planned": False,
        "summary": f"Done: {len(imported)} imported.",
        "changes": {name: [step] for name in imported},
        "problems": {name: [text] for name, text in problems.items()},
        "warnings": {},
        "not_begun": [],
        "durations": durations.of(results, imported),
    }


def large(number: int, seed: int = 7) -> Data:
    """A fleet of so many members, in which something of everything is wrong somewhere."""
    drawn = random.Random(seed)
    members = [_member(f"shop-{place:04}", drawn) for place in range(1, number + 1)]
    missing = tuple(f"new-{place:03}" for place in range(max(1, number // 60))) if number > 4 else ()
    names = [each["name"] for each in members]
    joins = {name: drawn.lognormvariate(3.2, 0.5) for name in names[: max(3, number // 2)]}
    failed = dict.fromkeys(missing[:3], "KubeSphere did not get ready within 600 s: ks-apiserver has no ready pod")
    phases = {
        "preflight": {name: drawn.uniform(0.05, 0.4) for name in (*names, *missing, "host")},
        "import": {**joins, **dict.fromkeys(failed, 600.0)},
    }
    plans: dict[str, Any] = {name: {"drift": [], "problems": []} for name in ("host", *names, *missing)}
    for name in names[3::23]:
        action = f"patch Cluster {name} on host: the inventory says so"
        field = 'metadata.labels.tier is "silver", wanted "gold"'
        plans[name] = {
            "drift": [{"object": f"Cluster {name} on host", "action": action, "fields": [field]}],
            "problems": [],
        }
    told = done(phases, tuple(joins), failed)
    return of(*members, missing=missing, plans=plans, told=told)


def _member(name: str, drawn: random.Random) -> Data:
    by_agent = drawn.random() < 0.3
    said: Data = {
        "connection": "agent" if by_agent else "direct",
        "region": drawn.choices(REGIONS, (5, 2, 3, 2, 1))[0],
        "group": drawn.choice(("production", "testing")),
        "nodes": drawn.randint(1, 12),
        "kubernetes_version": drawn.choices(("v1.26.5", "v1.25.9", "v1.24.14"), (8, 2, 1))[0],
        "credential": {
            "kind": "token",
            "expires": "2027-02-01T00:00:00Z",
            "days": drawn.randint(31, 360),
            "due": False,
        },
    }
    said["kubernetes_skew"] = int(said["kubernetes_version"][3:5]) - 26
    chance = drawn.random()
    if chance < 0.02:
        told = f"Failed to use {name} through the host: 502 Bad Gateway. Look at the agent's log on the member"
        said |= {"problem": told, "problems": [told, "Cluster says Ready since 2026-11-22T07:12:44Z"], "works": False}
        said["conditions"] = [{"type": "Ready", "status": "True", "age": 86000, "fresh": False}]
    elif chance < 0.06:
        said["credential"] = {
            "kind": "certificate",
            "expires": "2026-11-30T00:00:00Z",
            "days": drawn.randint(-1, 20),
            "due": True,
        }
        said["problems"] = ["the certificate in its kubeconfig expires on 2026-11-30: give it a new one"]
    return seen(name, **said)


if __name__ == "__main__":
    from pathlib import Path

    from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.report_page import render

    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in render(large(int(sys.argv[1])), "roles/report/templates").items():
        (folder / file).write_text(text)
