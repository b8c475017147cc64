# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The webhook that guards Clusters from release 3.4 on, and how it is suspended (private to the collection).

It lets nobody update the Cluster of a member that cannot be reached, for it asks the member itself, and denies where
that does not answer (kubesphere v3.4.1 pkg/controller/cluster/cluster_webhook.go). So not even a finalizer can be taken
away. It is suspended in place, by taking its rules, which stay beside it in an annotation: a run that is killed loses
nothing, and the next one restores it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..kube.errors import KubeError
from ..kube.merge import plain_copy
from ..kube.resources import VALIDATING_WEBHOOK_CONFIGURATION, Object
from ..kube.session import Session, retry_on_conflict
from .names import SUSPENDED_RULES

WEBHOOK = "cluster.kubesphere.io"
"""Name of its configuration."""


def find(host: Session) -> Object | None:
    """Its configuration; None on a host whose release has none."""
    return host.find(VALIDATING_WEBHOOK_CONFIGURATION, WEBHOOK)


def is_suspended(configuration: Object | None) -> bool:
    """Whether somebody has suspended it and not restored it yet."""
    return SUSPENDED_RULES in ((configuration or {}).get("metadata", {}).get("annotations") or {})


@contextmanager
def suspended(host: Session, reason: str) -> Iterator[None]:
    """Have it suspended for as long as this lasts.

    Another run may restore it meanwhile, see :func:`suspend`.

    Raises:
        KubeError: it could not be read or written.
    """
    try:
        suspend(host, reason)  # in here, for its answer may get lost
        yield
    finally:
        restore(host)


def suspend(host: Session, reason: str) -> None:
    """Take its rules, unless that is done already.

    Raises:
        KubeError: it could not be read or written.
    """

    def change(seen: Object | None) -> Object:
        if seen is None:
            return {}
        webhooks = plain_copy(seen.get("webhooks") or [])
        rules = {each["name"]: each.pop("rules", None) or [] for each in webhooks}
        if is_suspended(seen):
            if not any(rules.values()):
                return seen
            # ks-installer has put rules back, and left the annotation.
            rules = {**_rules(seen, host.cluster), **{name: given for name, given in rules.items() if given}}
        changes = _changes(json.dumps(rules, sort_keys=True), [{**each, "rules": []} for each in webhooks])
        return host.patch(seen, changes, f"suspend it: {reason}", guarded=True)

    retry_on_conflict(change, find(host), lambda: find(host))


def restore(host: Session) -> None:
    """Give it back the rules that somebody has taken, this run or one that was killed.

    Raises:
        KubeError: it could not be read or written.
    """

    def change(seen: Object | None) -> Object:
        if seen is None or not is_suspended(seen):
            return seen or {}
        rules = _rules(seen, host.cluster)
        webhooks = [
            # Who has rules again has got them from ks-installer.
            {**each, "rules": each.get("rules") or rules.get(each["name"], [])}
            for each in plain_copy(seen.get("webhooks") or [])
        ]
        return host.patch(seen, _changes(None, webhooks), "restore what was suspended", guarded=True)

    retry_on_conflict(change, find(host), lambda: find(host))


def _changes(note: str | None, webhooks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"metadata": {"annotations": {SUSPENDED_RULES: note}}, "webhooks": webhooks}


def _rules(configuration: Object, cluster: str) -> dict[str, list[Any]]:
    try:
        rules = json.loads(configuration["metadata"]["annotations"][SUSPENDED_RULES])
    except ValueError:
        rules = None
    if not isinstance(rules, dict):
        raise KubeError(
            f"the annotation {SUSPENDED_RULES} of ValidatingWebhookConfiguration {WEBHOOK} is not what unbind has "
            "written, so its rules cannot be restored",
            cluster,
            "Delete the configuration, and restart the Deployment kubesphere-system/ks-installer, which makes it anew.",
        )
    return rules
