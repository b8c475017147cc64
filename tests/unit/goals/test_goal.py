# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what goals have in common."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import (
    Context,
    host_session,
    named,
    secret,
    secret_values,
    session,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import ConnectionOptionError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret

from tests.unit.kube.test_connection import config


@pytest.mark.parametrize(
    ("arguments", "hidden"),
    [
        ({"api_key": "with/slash", "host": "https://x"}, {"with/slash"}),
        ({"kubeconfig": "/a/b"}, set()),
        ({"kubeconfig": "member.kubeconfig", "client_key": "~/key.pem"}, set()),
        ({"kubeconfig": "a: b\n"}, {"a: b\n"}),
        ({"kubeconfig": {"users": [{"user": {"token": "abc", "client-key-data": "def"}}]}}, {"abc", "def"}),
        ({"configuration": {"a": {"password": 123456}, "token": ["x1", "x2"]}}, {"123456", "x1", "x2"}),
        ({"password": "x", "pull_secrets": ["name"], "token": None, "secret": True}, set()),
    ],
)
def test_what_must_not_be_shown(arguments: Any, hidden: set[str]) -> None:
    assert secret_values(arguments) == hidden


def test_names() -> None:
    assert named({"cluster_name": "a", "host": "c"}, Context(cluster="b")) == "a"
    assert named({"host": "c"}, Context(cluster="b")) == "b"
    assert named({}, Context()) == "cluster"


def test_secrets() -> None:
    assert (secret(None), secret(""), secret("a")) == (None, None, Secret("a"))


@pytest.mark.parametrize("host", [None, {}, {"name": "host"}, {"name": "host", "kubeconfig": "", "api_key": "x"}])
def test_a_host_that_is_not_given(host: Any) -> None:
    assert host_session({"host_cluster": host}, Context()) is None


def test_sessions_plan_in_check_mode_and_warn_of_unverified_servers() -> None:
    context = Context(check_mode=True)
    found = host_session(
        {"host_cluster": {"name": "h", "host": "https://127.0.0.1:1", "validate_certs": False}}, context
    )
    assert found
    assert (found.cluster, found.planning) == ("h", True)
    assert "certificate is not verified" in context.warnings[0]


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        ({"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": True}, "insecure-skip-tls-verify: true"),
        ({"server": "http://127.0.0.1:1"}, "http://127.0.0.1:1 is called without TLS"),
    ],
)
def test_a_kubeconfig_that_switches_tls_off_is_warned_of(cluster: dict[str, Any], words: str) -> None:
    context = Context()
    session({"kubeconfig": config(cluster, {"token": "abc"})}, "one", context)
    assert words in " ".join(context.warnings)


def test_verified_is_silent() -> None:
    context = Context()
    session({"kubeconfig": config({"insecure-skip-tls-verify": True}, {}), "validate_certs": True}, "one", context)
    session({"host": "https://127.0.0.1:1"}, "one", context)
    assert context.warnings == []


def test_errors_name_the_cluster() -> None:
    with pytest.raises(ConnectionOptionError, match=r"^one: the API server's address 'x' is no URL"):
        session({"host": "x"}, "one", Context())


def test_a_kind_of_credential_is_no_secret() -> None:
    assert secret_values({"credential": "token"}) == set()
    assert secret_values({"credential": "hunter22"}) == {"hunter22"}
