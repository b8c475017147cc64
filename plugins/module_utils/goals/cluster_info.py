# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module cluster_info (private to the collection)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..kube.errors import KubeError
from ..kube.session import Session
from ..kubesphere import configuration, preflight
from ..kubesphere.releases import DEFAULT_RELEASE
from ..kubesphere.result import Result
from .authentication import AUTHENTICATION, CLUSTER_NAME
from .goal import Context, Goal, Options, named, session
from .member import MEMBER_KUBECONFIG, kubeconfig_for_host, warn_of_unverified


def run(options: Options, context: Context) -> Result:
    """Look at one cluster; what is wrong is told in the result, not by a failure."""
    name = named(options, context)
    cluster: dict[str, Any] = {
        "name": name,
        "cluster_role": options["cluster_role"],
        "release": options["release"],
        "server": None,
        "uid": None,
        "installed": None,
    }
    problems: list[str] = []
    kubeconfig = None
    reached = None
    try:
        if options["reachable"]:
            reached = session(options, name, context)
            cluster["server"] = reached.server
            _warn_of_current_context(reached, name, context)
            kubeconfig = kubeconfig_for_host(options, reached)
            if options["cluster_role"] == "member" and options["connection"] != "agent":
                warn_of_unverified(kubeconfig, name, context)
    except KubeError as error:
        problems.append(f"{error.message}. {error.hint}".strip())
    expected = preflight.Expected(
        name=name,
        cluster_role=options["cluster_role"],
        release=options["release"],
        connection=options["connection"],
        reachable=options["reachable"],
        configuration=options["configuration"],
        jwt_secret=options["jwt_secret"],
        kubeconfig=kubeconfig,
        credential=options["credential"],
    )
    problems += preflight.expectation_problems(expected)
    if reached is not None:
        seen, more = preflight.look(reached, expected)
        installed = {
            "release": seen.pop("release"),
            "cluster_role": seen.pop("cluster_role"),
            "complete": seen.pop("complete"),
        }
        cluster |= {**seen, "installed": installed}
        problems += more
        problems = [reached.redactor.text(problem) for problem in problems]
    # Once, by the host, for it is the fleet's.
    advice = configuration.advise_jwt_secret(options["jwt_secret"]) if options["cluster_role"] == "host" else []
    return Result(data={"cluster": cluster, "problems": problems}, warnings=[f"{name}: {each}" for each in advice])


def _warn_of_current_context(session: Session, name: str, context: Context) -> None:
    """The current context of a kubeconfig is whatever somebody has chosen last, on his terminal."""
    taken = session.connection.context
    if taken is not None and taken.current_of > 1:
        context.warnings.append(
            f"{name}: its kubeconfig has {taken.current_of} contexts, and none is named. Its current one is taken, "
            f"{taken.name} ({session.server}). Name the one that is meant in kubesphere_context."
        )


def verdict(outcomes: Mapping[str, Mapping[str, Any]], host: str | None, strict: bool) -> dict[str, str]:
    """Which clusters may go no further, and why, seen side by side.

    Args:
        outcomes: what the goal returned, or ``failed`` and ``msg``, by inventory name.
        host: inventory name of the host; if it has problems, nothing can be done with any other.
        strict: whether the problems of one cluster are the end for all.

    Returns:
        Messages by inventory name.
    """
    return preflight.verdict(outcomes, host, strict)


def needs_all(outcome: Mapping[str, Any]) -> bool:
    """Whether the verdict needs all clusters: the host, whose outcome it is, is to be upgraded and cannot go back."""
    return preflight.is_upgrade(outcome.get("cluster") or {})


GOAL = Goal(
    name="cluster_info",
    argument_spec={
        **AUTHENTICATION,
        **CLUSTER_NAME,
        **MEMBER_KUBECONFIG,
        "cluster_role": {"type": "str", "default": "member", "choices": ["host", "member"]},
        "release": {"type": "str", "default": DEFAULT_RELEASE},
        "connection": {"type": "str", "default": "direct"},
        "reachable": {"type": "bool", "default": True},
        # Any type, so that a wrong one becomes a problem in the list and not the end of the list.
        "configuration": {"type": "raw"},
        "jwt_secret": {"type": "raw", "no_log": True},
    },
    run=run,
)
