# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of secrets and of masking."""

from __future__ import annotations

import base64
import json
import logging
import pickle
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import (
    Redactor,
    Secret,
    is_secret_key,
)
from hypothesis import given
from hypothesis import strategies as st

VALUE = "correct horse"


class TestSecret:
    """The type."""

    def test_it_shows_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        secret = Secret(VALUE)
        logging.getLogger().warning("%s %r", secret, secret)
        shown = [str(secret), repr(secret), f"{secret}", f"{secret:>20}", f"{secret!r}", "%s" % secret, str([secret])]  # noqa: UP031
        assert all("***" in each and VALUE not in each for each in [*shown, caplog.text])

    def test_it_goes_nowhere(self) -> None:
        with pytest.raises(TypeError):
            pickle.dumps(Secret(VALUE))
        with pytest.raises(TypeError):
            json.dumps(Secret(VALUE))
        assert not hasattr(Secret(VALUE), "__dict__")

    def test_it_opens_and_compares(self) -> None:
        assert Secret(VALUE).reveal() == VALUE
        assert Secret("ä") == Secret("ä") != Secret("b")
        assert Secret("a") != "a"
        assert len({Secret("a"), Secret("a")}) == 1
        assert (bool(Secret("")), bool(Secret("a"))) == (False, True)


@pytest.mark.parametrize(
    "key",
    [
        "jwtSecret",
        "clientSecret",
        "secret",
        "password",
        "adminPassword",
        "externalOpensearchPassword",
        "htpasswd",
        "token",
        "access_token",
        "id-token",
        "kubeconfig",
        "member_kubeconfig",
        "api_key",
        "apiKey",
        "secretAccessKey",
        "privateKey",
        "client-key-data",
        "client_key",
        "credential",
        "Authorization",
        ".dockerconfigjson",
        "authentication.jwtSecret",
    ],
)
def test_secret_keys(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "key",
    [
        "accessTokenMaxAge",
        "imagePullSecrets",
        "pull_secrets",
        "secretName",
        "secretKeyRef",
        "tokenReview",
        "tokenFile",
        "TokenReview",
        "passwordPolicy",
        "secrets",
        "automountServiceAccountTokens",
        "certificate-authority-data",
        "client-certificate-data",
        "key",
        "keys",
        "name",
        "hostClusterName",
    ],
)
def test_other_keys(key: str) -> None:
    assert not is_secret_key(key)


class TestRedactor:
    """Masking."""

    def test_known_values_wherever_they_stand(self) -> None:
        redactor = Redactor([Secret(VALUE)])
        encoded = base64.b64encode(VALUE.encode()).decode()
        assert redactor.text(f"a {VALUE} b {encoded}") == "a *** b ***"
        assert redactor.data({"x": [f"<{VALUE}>"], "y": (encoded, 1)}) == {"x": ["<***>"], "y": ["***", 1]}

    def test_a_key_inside_of_json(self) -> None:
        pem = "-----BEGIN\nabc\n-----END\n"
        assert "abc" not in Redactor([Secret(pem)]).text(json.dumps({"detail": f"bad {pem}"}))

    def test_the_longest_first(self) -> None:
        redactor = Redactor([Secret("abcdef"), Secret("abcdefghi")])
        assert redactor.text("abcdefghi abcdef") == "*** ***"

    @pytest.mark.parametrize("value", [None, "", Secret(""), "short"])
    def test_what_is_too_short_would_mask_everything(self, value: Any) -> None:
        redactor = Redactor()
        redactor.add(value)
        assert redactor.text("a short text") == "a short text"

    def test_by_key(self) -> None:
        shown = {
            "authentication": {"jwtSecret": "x", "adminPassword": "", "accessTokenMaxAge": 0},
            "password": 123456,
            "providers": [{"clientSecret": "x", "name": "y"}],
            "token": ["a", "b"],
            "automountServiceAccountToken": True,
            "jwt": Secret("x"),
            "secret": {"secretName": "name"},
            "none": {"token": None},
        }
        assert Redactor().data(shown) == {
            "authentication": {"jwtSecret": "***", "adminPassword": "", "accessTokenMaxAge": 0},
            "password": "***",
            "providers": [{"clientSecret": "***", "name": "y"}],
            "token": ["***", "***"],
            "automountServiceAccountToken": True,
            "jwt": "***",
            "secret": {"secretName": "name"},
            "none": {"token": None},
        }
        assert Redactor().data("x", "spec.authentication.jwtSecret") == "***"

    def test_a_secret_of_kubernetes_shows_its_keys_alone(self) -> None:
        item = {"kind": "Secret", "metadata": {"name": "a"}, "data": {"x": "eQ=="}, "stringData": {"z": "", "w": "v"}}
        assert Redactor().data(item) == {
            "kind": "Secret",
            "metadata": {"name": "a"},
            "data": {"x": "***"},
            "stringData": {"z": "", "w": "***"},
        }
        assert Redactor().data({"kind": "ConfigMap", "data": {"x": "y"}}) == {"kind": "ConfigMap", "data": {"x": "y"}}

    def test_the_argument_is_left_as_it_is(self) -> None:
        value = {"a": [{"token": "x"}]}
        Redactor().data(value)
        assert value == {"a": [{"token": "x"}]}

    def test_secrets_that_differ_are_seen_to_differ(self) -> None:
        before = {"a": {"token": "x", "same": "s"}, "l": [{"password": 1}, "b"], "gone": 1}
        after = {"a": {"token": "y", "same": "s"}, "l": [{"password": 2}, "b"], "new": 1}
        assert Redactor().pair(before, after) == (
            {"a": {"token": "*** (before)", "same": "s"}, "l": [{"password": "*** (before)"}, "b"], "gone": 1},
            {"a": {"token": "*** (after)", "same": "s"}, "l": [{"password": "*** (after)"}, "b"], "new": 1},
        )

    @pytest.mark.parametrize(
        ("word", "shown"),
        [
            ("--token=abc", "--token=***"),
            ("-password=a=b\nc", "-password=***"),
            ("--api-server-token=x", "--api-server-token=***"),
            ("--name=abc", "--name=abc"),
            ("--token=", "--token="),
            ("--token-file=/run/x", "--token-file=/run/x"),
            ("see --token=abc", "see --token=abc"),
        ],
    )
    def test_flags_of_a_command_with_the_name_of_a_secret(self, word: str, shown: str) -> None:
        assert Redactor().data({"command": ["/agent", word]}) == {"command": ["/agent", shown]}

    def test_flags_that_differ_are_seen_to_differ(self) -> None:
        before, after = {"command": ["--token=x", "--v=0"]}, {"command": ["--token=y", "--v=0"]}
        assert Redactor().pair(before, after) == (
            {"command": ["--token=*** (before)", "--v=0"]},
            {"command": ["--token=*** (after)", "--v=0"]},
        )

    def test_secrets_that_are_the_same_are_not(self) -> None:
        assert Redactor().pair({"token": "x"}, {"token": "x"}) == ({"token": "***"}, {"token": "***"})
        assert Redactor().pair({}, {"token": "x"}) == ({}, {"token": "***"})
        assert Redactor().pair({"token": ""}, {"token": "x"}) == ({"token": ""}, {"token": "***"})

    @given(st.text(min_size=6), st.text(), st.text())
    def test_no_known_secret_is_left(self, secret: str, before: str, after: str) -> None:
        shown = Redactor([Secret(secret)]).text(f"{before}{secret}{after}")
        assert secret not in shown or secret in "***"
