# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module member (private to the collection)."""

from __future__ import annotations

from ..kube import kubeconfig
from ..kube.errors import KubeError
from ..kube.session import Session
from ..kubesphere import credentials, member
from ..kubesphere.result import Result
from .authentication import AUTHENTICATION, CLUSTER_NAME, HOST_CLUSTER
from .goal import Context, Goal, Options, host_session, named, session

MEMBER_KUBECONFIG = {
    "member_kubeconfig": {"type": "raw", "no_log": False},
    "member_context": {"type": "str"},
    "api_server": {"type": "str"},
}
"""The kubeconfig that KubeSphere gets; shared with the module cluster_info."""


def kubeconfig_for_host(options: Options, reached: Session) -> credentials.Kubeconfig:
    """The self-contained kubeconfig that KubeSphere is to use: the given one, else the play's own.

    Raises:
        KubeError: it cannot be read.
    """
    given = options.get("member_kubeconfig")
    if given is None:
        return credentials.from_connection(reached.connection, options.get("api_server"))
    return kubeconfig.load(given, options.get("member_context")).self_contained(options.get("api_server"))


def run(options: Options, context: Context) -> Result:
    """Import one member."""
    name = named(options, context)
    host = host_session(options, context)
    if host is None:
        raise KubeError(
            "it was not said how to reach the host",
            name,
            "Set host_cluster; the roles take it from the inventory's group kubesphere_host.",
        )
    reached = session(options, name, context)
    wanted = member.Wanted(
        name=name,
        kubeconfig=kubeconfig_for_host(options, reached),
        kubesphere_api_endpoint=options["kubesphere_api_endpoint"] or "",
        alias=options["alias"],
        description=options["description"],
        creator=options["creator"],
        provider=options["provider"],
        region=options["region"],
        group=options["group"],
        labels=options["labels"],
        annotations=options["annotations"],
        adopt=options["adopt"],
    )
    timeout = float(options["wait_timeout"]) if options["wait"] else None
    return member.import_direct(host, reached, wanted, wait_timeout=timeout, progress=context.progress)


GOAL = Goal(
    name="member",
    argument_spec={
        **AUTHENTICATION,
        **CLUSTER_NAME,
        **HOST_CLUSTER,
        **MEMBER_KUBECONFIG,
        "connection": {"type": "str", "default": "direct", "choices": ["direct"]},
        "kubesphere_api_endpoint": {"type": "str"},
        "alias": {"type": "str"},
        "description": {"type": "str"},
        "creator": {"type": "str"},
        "provider": {"type": "str"},
        "region": {"type": "str"},
        "group": {"type": "str"},
        "labels": {"type": "dict", "default": {}},
        "annotations": {"type": "dict", "default": {}},
        "adopt": {"type": "bool", "default": False},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 600},
    },
    run=run,
)
