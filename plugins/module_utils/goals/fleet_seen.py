# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plugins that are no tasks ask of a host: its fleet, and kubeconfigs (private to the collection)."""

from __future__ import annotations

from ..kube.connection import resolve
from ..kubesphere import credentials, fleet_seen, stored_kubeconfig
from ..kubesphere.result import Result
from .authentication import CLUSTER_NAME, GIVEN
from .goal import Context, Goal, Options, named, session


def _members(options: Options, context: Context) -> Result:
    """Say what the host's Clusters say."""
    host = session(options, named(options, context), context)
    return Result(data=fleet_seen.look(host, options["label_selector"] or "", options["renew_before_days"]))


def _member_kubeconfig(options: Options, context: Context) -> Result:
    """Give the kubeconfig that the host has stored of a member."""
    host = session(options, named(options, context), context)
    return Result(data=stored_kubeconfig.read(host, options["name"]))


def _host_kubeconfig(options: Options, context: Context) -> Result:  # noqa: ARG001 - the signature is a goal's
    """Give the kubeconfig of what the options lead to; nothing is asked of it."""
    return Result(data=credentials.for_here(resolve(options)))


MEMBERS = Goal(
    name="members",
    argument_spec={
        **GIVEN,
        **CLUSTER_NAME,
        "label_selector": {"type": "str"},
        "renew_before_days": {"type": "int", "default": credentials.BEFORE_DAYS},
    },
    run=_members,
)

MEMBER_KUBECONFIG = Goal(
    name="member_kubeconfig",
    argument_spec={**GIVEN, **CLUSTER_NAME, "name": {"type": "str", "required": True}},
    run=_member_kubeconfig,
)

HOST_KUBECONFIG = Goal(name="host_kubeconfig", argument_spec={**GIVEN, **CLUSTER_NAME}, run=_host_kubeconfig)
