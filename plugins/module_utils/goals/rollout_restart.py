# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module rollout_restart (private to the collection)."""

from __future__ import annotations

from typing import Any

from ..kube import restarts, rollout
from ..kube.errors import KubeError
from ..kubesphere import result
from ..kubesphere.names import NAMESPACE
from ..kubesphere.result import Result
from .authentication import AUTHENTICATION, CLUSTER_NAME
from .goal import Context, Goal, Options, named, session


def run(options: Options, context: Context) -> Result:
    """Restart workloads of one cluster."""
    name = named(options, context)
    selected = [_selected(each, options["namespace"], name) for each in options["workloads"]]
    given = options["reasons"]
    reasons = None if given is None else [_reason(each, name) for each in given]
    cluster = session(options, name, context)
    done = restarts.restart_all(
        cluster,
        selected,
        reasons,
        wait_timeout=float(options["wait_timeout"]) if options["wait"] else None,
        rollback=options["rollback_on_failure"],
        progress=context.progress,
    )
    warnings = [f"{name}: {each.warning}" for each in done if each.warning]
    return result.of([cluster], warnings, workloads=[_returned(each) for each in done])


def _selected(given: Options, namespace: str, cluster: str) -> restarts.Selected:
    if not given["name"] and not given["label_selector"]:
        # No labels select everything, which an empty variable does not mean.
        raise KubeError(
            f"a {given['kind']} among the workloads has an empty name or label_selector",
            cluster,
            "Give one of the two; nothing was written.",
        )
    return restarts.Selected(
        kind=rollout.KINDS[given["kind"]],
        namespace=given["namespace"] or namespace,
        name=given["name"] or "",
        label_selector=given["label_selector"] or "",
    )


def _reason(given: Options, cluster: str) -> restarts.Reason:
    since = rollout.parse_time(given["since"])
    if since is None:
        raise KubeError(
            f"the reason '{given['text']}' has since: '{given['since']}', which is no time with a zone",
            cluster,
            "Write it by RFC 3339, as in 2026-11-22T12:00:00Z.",
        )
    return restarts.Reason(given["text"], since)


def _returned(restart: restarts.Restart) -> dict[str, Any]:
    target = restart.target
    return {
        "kind": target.kind.kind,
        "namespace": target.namespace,
        "name": target.name,
        "restarted": restart.restarted,
        "why": restart.why,
        "restarted_at": rollout.restarted_at(restart.workload),
        "revision": rollout.revision(restart.workload),
    }


GOAL = Goal(
    name="rollout_restart",
    argument_spec={
        **AUTHENTICATION,
        **CLUSTER_NAME,
        "workloads": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "kind": {"type": "str", "default": "Deployment", "choices": list(rollout.KINDS)},
                "name": {"type": "str"},
                "label_selector": {"type": "str"},
                "namespace": {"type": "str"},
            },
            "required_one_of": [("name", "label_selector")],
            "mutually_exclusive": [("name", "label_selector")],
        },
        "namespace": {"type": "str", "default": NAMESPACE},
        "reasons": {
            "type": "list",
            "elements": "dict",
            "options": {
                "text": {"type": "str", "required": True},
                "since": {"type": "str", "required": True},
            },
        },
        "rollback_on_failure": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 300},
    },
    run=run,
)
