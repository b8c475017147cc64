# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module proxy_address (private to the collection)."""

from __future__ import annotations

from ..kube.errors import KubeError
from ..kubesphere import proxy_address
from ..kubesphere.result import Result
from .authentication import AUTHENTICATION, CLUSTER_NAME
from .goal import Context, Goal, Options, named, session


def run(options: Options, context: Context) -> Result:
    """Find or set the address at which agents call the host's tower."""
    wanted = proxy_address.Wanted(
        address=options["address"] or "",
        source=options["source"],
        node_port=options["node_port"],
        store=options["store"],
        required=options["required"],
        network_policy=options["network_policy"],
        managed=options["managed"],
    )
    port = options["node_port"]
    if port is not None and not 0 < port <= 65535:
        raise KubeError(f"node_port is {port}", named(options, context), "Give a number from 1 to 65535.")
    host = session(options, named(options, context), context)
    return proxy_address.ensure(host, wanted, wait_timeout=float(options["wait_timeout"]), progress=context.progress)


GOAL = Goal(
    name="proxy_address",
    argument_spec={
        **AUTHENTICATION,
        **CLUSTER_NAME,
        "address": {"type": "str"},
        "source": {"type": "str", "default": "auto", "choices": list(proxy_address.SOURCES)},
        "node_port": {"type": "int"},
        "store": {"type": "str", "default": "cluster_configuration", "choices": list(proxy_address.STORES)},
        "required": {"type": "bool", "default": True},
        "network_policy": {"type": "bool"},
        "managed": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": 600},
    },
    run=run,
)
