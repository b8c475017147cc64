# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module member (private to the collection)."""

from __future__ import annotations

import os
from typing import Any

from ..kube import kubeconfig
from ..kube.errors import KubeError
from ..kube.resources import Object
from ..kube.session import Session
from ..kubesphere import credentials, member, member_credential
from ..kubesphere.agent import Settings
from ..kubesphere.member_agent import AgentOptions
from ..kubesphere.member_credential import CredentialOptions
from ..kubesphere.member_direct import DirectOptions
from ..kubesphere.result import Result
from ..kubesphere.unbind import unbind
from . import files
from .authentication import AUTHENTICATION, CLUSTER_NAME, HOST_CLUSTER
from .goal import Context, Goal, Options, host_session, named, session

_MOST_DAYS = 36500  # a TokenRequest counts seconds in 32 bits

MEMBER_KUBECONFIG = {
    "member_kubeconfig": {"type": "raw", "no_log": False},
    "member_context": {"type": "str"},
    "api_server": {"type": "str"},
    "credential": {"type": "str", "default": "given", "choices": list(member_credential.KINDS)},
}
"""The kubeconfig that KubeSphere gets; shared with the module cluster_info."""

AGENT: dict[str, Any] = {
    "proxy_address": {"type": "str"},
    "registry": {"type": "str"},
    "pull_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "agent": {
        "type": "dict",
        "default": {},
        "options": {
            "image": {"type": "str"},
            "replicas": {"type": "int"},
            "environment": {"type": "dict", "default": {}},
            "tolerations": {"type": "list", "elements": "dict", "default": []},
            "node_selector": {"type": "dict", "default": {}},
        },
    },
    "agent_manifest_source": {"type": "str", "default": "collection", "choices": ["collection", "ks_apiserver"]},
}
"""What a user says of an agent; shared with the module agent_manifest."""


def kubeconfig_for_host(options: Options, reached: Session) -> credentials.Kubeconfig:
    """The self-contained kubeconfig that KubeSphere is to use: the given one, else the play's own.

    Raises:
        KubeError: it cannot be read.
    """
    given, server = options.get("member_kubeconfig"), options.get("api_server")
    if server:
        kubeconfig.check_server(server)
    if given is None:
        return credentials.from_connection(reached.connection, server)
    return kubeconfig.load(given, options.get("member_context")).self_contained(server)


def warn_of_unverified(config: credentials.Kubeconfig, name: str, context: Context) -> None:
    """Warn where KubeSphere itself is to call a member without knowing whom it calls."""
    problem = credentials.unverified(config)
    if problem:
        context.warnings.append(
            f"{name}: in the kubeconfig that KubeSphere gets, {problem}, so whoever is between the host and this "
            "member can take its credential. Give certificate-authority-data and an https address there."
        )


def agent_options(options: Options, **more: Any) -> AgentOptions:
    """What the options say of an agent."""
    agent = options["agent"] or {}
    settings = Settings(
        image=agent.get("image"),
        registry=options["registry"],
        replicas=agent.get("replicas"),
        environment=agent.get("environment") or {},
        tolerations=agent.get("tolerations") or (),
        node_selector=agent.get("node_selector") or {},
        pull_secrets=options["pull_secrets"],
    )
    for problem in settings.problems():
        raise KubeError(f"the agent cannot run so: {problem}", hint="Mend kubesphere_agent; nothing was written.")
    source = options["agent_manifest_source"]
    return AgentOptions(proxy_address=options["proxy_address"], settings=settings, manifest_source=source, **more)


def required_host(options: Options, name: str, context: Context) -> Session:
    """The session to the fleet's host.

    Raises:
        KubeError: the task does not say how to reach it.
    """
    host = host_session(options, context)
    if host is None:
        raise KubeError(
            "it was not said how to reach the host",
            name,
            "Set host_cluster; the roles take it from the inventory's group kubesphere_host.",
        )
    return host


def run(options: Options, context: Context) -> Result:
    """Import one member, or unbind it."""
    name = named(options, context)
    host = required_host(options, name, context)
    reached = session(options, name, context) if options["reachable"] else None
    if options["state"] == "absent":
        patience = float(options["wait_timeout"])
        return unbind(host, reached, name, force=options["force"], wait_timeout=patience, progress=context.progress)
    if reached is None and not options["agent_manifest_path"]:
        raise KubeError(
            "reachable: false takes agent_manifest_path, for its agent's manifest",
            name,
            "Somebody who reaches the member applies it there.",
        )
    handed_over = Result()
    if options["agent_manifest_path"]:
        files.refuse_unwritable(files.expanded(options["agent_manifest_path"]))

    def hand_over(deployment: Object, connected: bool) -> str:
        path = files.expanded(options["agent_manifest_path"])
        if connected and not os.path.lexists(path):  # it has been applied, and thrown away for the token in it
            return ""
        files.update(path, [deployment], context, host.redactor, handed_over)
        if connected and handed_over.changed:
            handed_over.warnings.append(f"{name}: its agent is to be changed: apply {path} on the member again.")
        return str(path)

    agent = agent_options(
        options,
        address_follows=options["proxy_address_follows"],
        hand_over=hand_over if options["agent_manifest_path"] else None,
    )
    wanted = member.Wanted(
        name=name,
        connection=options["connection"],
        direct=_direct(options, reached),
        agent=agent,
        switch=options["switch_connection"],
        alias=options["alias"],
        description=options["description"],
        creator=options["creator"],
        provider=options["provider"],
        region=options["region"],
        group=options["group"],
        labels=options["labels"],
        annotations=options["annotations"],
        adopt=options["adopt"],
        only_imported=options["only_imported"],
    )
    timeout = float(options["wait_timeout"]) if options["wait"] else None
    if wanted.direct:
        warn_of_unverified(wanted.direct.kubeconfig, name, context)
    result = member.import_member(host, reached, wanted, wait_timeout=timeout, progress=context.progress)
    result.changed = result.changed or handed_over.changed
    result.actions += handed_over.actions
    result.warnings += handed_over.warnings
    result.diff += handed_over.diff
    return result


def _direct(options: Options, reached: Session | None) -> DirectOptions | None:
    if reached is None or options["connection"] == "agent":
        return None
    endpoint = options["kubesphere_api_endpoint"] or ""
    if endpoint and not kubeconfig.is_url(endpoint):
        raise KubeError(f"kubesphere_api_endpoint {endpoint!r} is no URL", hint="Write it like http://192.0.2.10:80.")
    return DirectOptions(kubeconfig_for_host(options, reached), endpoint, _credential(options))


def _credential(options: Options) -> CredentialOptions:
    days, before = options["credential_days"], options["renew_before_days"]
    if not 1 <= days <= _MOST_DAYS or before < 0:
        raise KubeError(
            f"credential_days is {days}, renew_before_days {before}",
            hint=f"Give days between 1 and {_MOST_DAYS}, and of 0 or more.",
        )
    return CredentialOptions(kind=options["credential"], days=days, renew_before_days=before, renew=options["renew"])


GOAL = Goal(
    name="member",
    argument_spec={
        **AUTHENTICATION,
        **CLUSTER_NAME,
        **HOST_CLUSTER,
        **MEMBER_KUBECONFIG,
        **AGENT,
        "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
        "force": {"type": "bool", "default": False},
        "connection": {"type": "str", "default": "direct", "choices": ["direct", "agent", "auto"]},
        "switch_connection": {"type": "bool", "default": False},
        "reachable": {"type": "bool", "default": True},
        "proxy_address_follows": {"type": "bool", "default": False},
        "agent_manifest_path": {"type": "path"},
        "kubesphere_api_endpoint": {"type": "str"},
        "credential_days": {"type": "int", "default": 365},
        "renew_before_days": {"type": "int", "default": 30},
        "renew": {"type": "bool", "default": False},
        "only_imported": {"type": "bool", "default": False},
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
