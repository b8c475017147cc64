# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of reading kubesphere-config."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import Forbidden, KubeError, NotFound
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.kubesphere_config import (
    KubeSphereConfig,
    read,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.names import NAMESPACE

from tests.unit.fakes import FakeSession, item

FULL = """
authentication:
  jwtSecret: the-fleets-secret
  oauthOptions:
    accessTokenMaxAge: 0
multicluster:
  clusterRole: host
  clusterName: east
  proxyPublishAddress: http://192.0.2.9:8080
  agentImage: kubesphere/tower:v0.2.1
something: new
"""


def holding(data: Any) -> FakeSession:
    return FakeSession("one", item(CONFIG_MAP, "kubesphere-config", NAMESPACE, data=data))


def test_everything_that_is_read() -> None:
    session = holding({"kubesphere.yaml": FULL})
    assert read(session) == KubeSphereConfig(
        Secret("the-fleets-secret"), "host", "east", "http://192.0.2.9:8080", "kubesphere/tower:v0.2.1", "0"
    )
    assert session.redactor.text("it is the-fleets-secret") == "it is ***"


@pytest.mark.parametrize(
    "text", ["{}", "authentication:\nmulticluster:\n", "authentication: x\nmulticluster: [a]\n", "other: thing"]
)
def test_what_is_not_there_is_empty(text: str) -> None:
    assert read(holding({"kubesphere.yaml": text})) == KubeSphereConfig(Secret(""))


def test_a_max_age_as_it_is_written() -> None:
    text = "authentication: {oauthOptions: {accessTokenMaxAge: 2h}}"
    config = read(holding({"kubesphere.yaml": text}))
    assert config
    assert config.access_token_max_age == "2h"


def test_where_kubesphere_is_not_installed() -> None:
    assert read(FakeSession()) is None


@pytest.mark.parametrize(
    "data",
    [None, {}, {"other": FULL}, {"kubesphere.yaml": ""}, {"kubesphere.yaml": "- a"}, {"kubesphere.yaml": "a: ["}],
)
def test_what_kubesphere_does_not_write(data: Any) -> None:
    with pytest.raises(KubeError) as caught:
        read(holding(data))
    assert str(caught.value) == (
        "one: ConfigMap kubesphere-system/kubesphere-config holds no YAML mapping under kubesphere.yaml. "
        "ks-installer writes it: restart the Deployment kubesphere-system/ks-installer to have it written anew."
    )


def test_a_refusal_is_not_taken_for_nothing() -> None:
    session = FakeSession()

    def refuse() -> Any:
        raise Forbidden("Failed to read ConfigMap", "one", status=403)

    session.answers[CONFIG_MAP.path("kubesphere-config", NAMESPACE)] = refuse
    with pytest.raises(KubeError) as caught:
        read(session)
    assert not isinstance(caught.value, NotFound)
