# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module agent_manifest (private to the collection)."""

from __future__ import annotations

from ..kube import documents
from ..kubesphere import agent, member_agent
from ..kubesphere.result import Result
from . import files
from .authentication import CLUSTER_NAME, HOST_CLUSTER
from .goal import Context, Goal, Options, named
from .member import AGENT, agent_options, required_host


def run(options: Options, context: Context) -> Result:
    """Give out the manifest of one member's agent; no cluster is written."""
    name = named(options, context)
    host = required_host(options, name, context)
    deployment = member_agent.manifest_of(host, name, agent_options(options))
    result = Result(data={"name": name, "path": None, "proxy_address": agent.proxy_address_of(deployment)})
    if options["path"]:
        path = files.expanded(options["path"])
        files.update(path, [deployment], context, host.redactor, result)
        result.data["path"] = str(path)
    else:
        result.data["manifest"] = documents.dump_all([deployment])
    return result


GOAL = Goal(
    name="agent_manifest",
    argument_spec={**CLUSTER_NAME, **HOST_CLUSTER, **AGENT, "path": {"type": "path"}},
    run=run,
)
