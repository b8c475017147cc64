# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubesphere-config: what KubeSphere's processes of one cluster run with (private to the collection)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..kube import documents, yaml_edit
from ..kube.errors import KubeError
from ..kube.resources import CONFIG_MAP, Object
from ..kube.secret import Secret, is_secret_key
from ..kube.session import Session
from .names import CONFIG, CONFIG_KEY, NAMESPACE, UNBINDING

RESYNC_PERIOD = 120.0  # kubesphere v3.4.1 pkg/simple/client/multicluster/options.go
"""Seconds after which a host looks at its members, where nothing else is written."""

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3}


_PUBLISHED = "kubesphere"
"""Secret of the console's OAuth client, the same everywhere; it is a word of every message, too."""


@dataclass(frozen=True)
class KubeSphereConfig:
    """What the collection reads of kubesphere-config.

    Attributes:
        jwt_secret: ``authentication.jwtSecret``.
        cluster_role: ``multicluster.clusterRole``; empty up to release 3.2, which do not write it.
        cluster_name: ``multicluster.clusterName``: the name under which a host has imported this cluster.
        proxy_publish_address: ``multicluster.proxyPublishAddress``.
        agent_image: ``multicluster.agentImage``.
        access_token_max_age: ``authentication.oauthOptions.accessTokenMaxAge`` as it is written; None if it is not.
        begun_to_unbind: whether an unbind of this cluster has begun and not ended.
        resync_period: ``multicluster.clusterControllerResyncPeriod`` in seconds: how often a host looks at its members.
    """

    jwt_secret: Secret
    cluster_role: str = ""
    cluster_name: str = ""
    proxy_publish_address: str = ""
    agent_image: str = ""
    access_token_max_age: str | None = None
    begun_to_unbind: bool = False
    resync_period: float = RESYNC_PERIOD


def read(session: Session) -> KubeSphereConfig | None:
    """Read it; None where KubeSphere is not installed.

    Raises:
        KubeError: it cannot be read, or is not what KubeSphere writes.
    """
    config_map = session.find(CONFIG_MAP, CONFIG, NAMESPACE)
    return None if config_map is None else of(session, config_map)


def of(session: Session, config_map: Object) -> KubeSphereConfig:
    """What a ConfigMap that was read holds; the session learns the secrets in it.

    Raises:
        KubeError: it is not what KubeSphere writes.
    """
    text = (config_map.get("data") or {}).get(CONFIG_KEY)
    content = _parse(text if isinstance(text, str) else "", session.cluster)
    authentication, multicluster = _mapping(content, "authentication"), _mapping(content, "multicluster")
    max_age = _mapping(authentication, "oauthOptions").get("accessTokenMaxAge")
    jwt_secret = Secret(str(authentication.get("jwtSecret") or ""))
    _learn(session, content)
    return KubeSphereConfig(
        jwt_secret=jwt_secret,
        cluster_role=str(multicluster.get("clusterRole") or ""),
        cluster_name=str(multicluster.get("clusterName") or ""),
        proxy_publish_address=str(multicluster.get("proxyPublishAddress") or ""),
        agent_image=str(multicluster.get("agentImage") or ""),
        access_token_max_age=None if max_age is None else str(max_age),
        begun_to_unbind=UNBINDING in (config_map["metadata"].get("annotations") or {}),
        resync_period=_seconds(str(multicluster.get("clusterControllerResyncPeriod") or "")) or RESYNC_PERIOD,
    )


def with_proxy_address(session: Session, config_map: Object, address: str) -> dict[str, str]:
    """The data of the ConfigMap with another ``multicluster.proxyPublishAddress``, all else as it is written.

    Args:
        session: the cluster; it learns the secrets that the text holds, for the text will be shown as a difference.
        config_map: the ConfigMap as it was read.
        address: what is to stand there.

    Raises:
        KubeError: the text is not what KubeSphere writes, or has a form that cannot be changed safely.
    """
    text = str((config_map.get("data") or {}).get(CONFIG_KEY) or "")
    _learn(session, _parse(text, session.cluster))
    try:
        return {CONFIG_KEY: yaml_edit.with_value(text, "multicluster", "proxyPublishAddress", address)}
    except yaml_edit.NotEditable as error:
        raise KubeError(
            f"multicluster.proxyPublishAddress cannot be set in ConfigMap {NAMESPACE}/{CONFIG}: {error}",
            session.cluster,
            f"Set it to {address} by kubectl edit, or set kubesphere_proxy_store to cluster_configuration.",
        ) from None


def without_cluster_name(session: Session, config_map: Object) -> dict[str, str]:
    """The data of the ConfigMap without ``multicluster.clusterName``, all else as it is written.

    Args:
        session: the cluster.
        config_map: the ConfigMap as it was read; it has a cluster name.

    Raises:
        KubeError: the text is not what KubeSphere writes, or has a form that cannot be changed safely.
    """
    text = str((config_map.get("data") or {}).get(CONFIG_KEY) or "")
    try:
        return {CONFIG_KEY: yaml_edit.without(text, "multicluster", "clusterName")}
    except yaml_edit.NotEditable as error:
        raise KubeError(
            f"multicluster.clusterName cannot be taken from ConfigMap {NAMESPACE}/{CONFIG}: {error}",
            session.cluster,
            "Take it away by kubectl edit, and run this again.",
        ) from None


def _learn(session: Session, content: Any, hidden: bool = False) -> None:
    if isinstance(content, dict):
        for key, value in content.items():
            _learn(session, value, is_secret_key(str(key)))
    elif isinstance(content, list):
        for value in content:
            _learn(session, value, hidden)
    elif hidden and isinstance(content, str) and content != _PUBLISHED:
        session.redactor.add(content)


@lru_cache(maxsize=128)  # the host's is asked for by each of its members
def _parse(text: str, cluster: str) -> dict[str, Any]:
    """What the text holds; it is everybody's, and not to be changed."""
    try:
        content = documents.load_one(text, CONFIG)
    except documents.Malformed as error:
        if error.hint:  # PyYAML is missing
            raise
        content = None
    if not isinstance(content, dict):
        raise KubeError(
            f"ConfigMap {NAMESPACE}/{CONFIG} holds no YAML mapping under {CONFIG_KEY}",
            cluster,
            "ks-installer writes it: restart the Deployment kubesphere-system/ks-installer to have it written anew.",
        )
    return content


def _seconds(duration: str) -> float:
    """Seconds of a duration as Go writes it, ``2m0s``; 0 where it is none."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s)", duration))


def _mapping(content: dict[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}
