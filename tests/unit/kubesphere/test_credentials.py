# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the kubeconfigs that KubeSphere gets."""

from __future__ import annotations

import base64
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import resolve
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.credentials import (
    decode,
    encode,
    expiry,
    from_connection,
    problems,
    same,
    server_of,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.releases import find

from tests.unit.kube.server import self_signed
from tests.unit.kube.test_connection import SERVER, config

EXPIRED = "e30.eyJleHAiOjEwMDB9.x"  # {"exp": 1000}


def user_of(made: dict[str, Any]) -> Any:
    return made["users"][0]["user"]


def test_it_follows_the_options_that_won() -> None:
    play = resolve({"kubeconfig": config(user={"token": "old"}), "host": "https://other:1", "api_key": "new"})
    made = from_connection(play)
    assert (made["clusters"][0]["cluster"]["server"], user_of(made)) == ("https://other:1", {"token": "new"})
    assert from_connection(play, "https://third:1")["clusters"][0]["cluster"]["server"] == "https://third:1"


def test_without_a_kubeconfig() -> None:
    made = from_connection(resolve({"host": SERVER, "api_key": "abc"}))
    assert (made["clusters"][0]["cluster"], user_of(made)) == ({"server": SERVER}, {"token": "abc"})


@pytest.mark.parametrize(
    ("cluster", "user", "tag", "words"),
    [
        ({}, {"token": "abc"}, "v3.4.1", ""),
        ({}, {"token": "abc"}, "v3.3.2", "never becomes Ready"),
        ({}, {}, "v3.4.1", "neither a token nor a client certificate"),
        ({}, {"exec": {"command": "x"}}, "v3.4.1", r"comes from a plugin \(exec\)"),
        ({}, {"token": EXPIRED}, "v3.4.1", "its token expired on 1970-01-01 00:16:40 UTC"),
        ({"server": "https://127.0.0.1:6443"}, {"token": "abc"}, "v3.4.1", "host's pods do not reach"),
        ({"server": "https://[::1]:6443"}, {"token": "abc"}, "v3.4.1", "host's pods do not reach"),
        ({"server": "https://lb.kubesphere.local:6443"}, {"token": "abc"}, "v3.4.1", "host's pods do not reach"),
    ],
)
def test_what_kubesphere_cannot_use(cluster: Any, user: Any, tag: str, words: str) -> None:
    found = problems(config(cluster, user), find(tag))
    if words:
        with pytest.raises(AssertionError, match=words):
            raise AssertionError("; ".join(found))
    else:
        assert found == []


def test_there_and_back() -> None:
    made = config(user={"token": "abc"})
    assert same(decode(encode(made)), made)
    assert not same(decode(encode(made)), config(user={"token": "def"}))
    assert decode("!!!") == decode("") == {}
    assert (server_of(encode(made)), server_of("!!!")) == (made["clusters"][0]["cluster"]["server"], "")
    assert not same({}, made)


def test_expiry() -> None:
    assert expiry(config(user={"token": EXPIRED})) == 1000
    assert expiry(config(user={"token": "a.b.c"})) is expiry(config(user={"token": "abc"})) is None


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_client_certificate() -> None:
    jane = self_signed("jane")  # it is valid for a day
    user = {"client-certificate-data": encoded(jane.certificate), "client-key-data": encoded(jane.key)}
    made = config(user=user)
    assert abs((expiry(made) or 0) - time.time() - 86400) < 60
    assert problems(made, find("v3.3.2")) == []
    assert problems(config(user={**user, "token": EXPIRED}), find("v3.3.2")) == []  # the certificate is what counts


def test_an_expired_client_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    jane = self_signed("jane")
    made = config(user={"client-certificate-data": encoded(jane.certificate)})
    in_two_days = time.time() + 2 * 86400
    monkeypatch.setattr(time, "time", lambda: in_two_days)
    (problem,) = problems(made, find("v3.4.1"))
    assert problem.startswith("its client certificate expired on 20")
    assert problem.endswith(" UTC: give a kubeconfig with a valid one")


def test_a_certificate_that_is_none_has_no_expiry() -> None:
    assert expiry(config(user={"client-certificate-data": encoded("no certificate")})) is None


def test_what_the_options_say_is_kept() -> None:
    play = resolve({"host": SERVER, "api_key": "abc", "validate_certs": False})
    assert from_connection(play)["clusters"][0]["cluster"] == {"server": SERVER, "insecure-skip-tls-verify": True}


def test_the_options_authority_and_certificate_are_kept(tmp_path: Path) -> None:
    jane = self_signed("jane")
    (tmp_path / "certificate").write_text(jane.certificate)
    (tmp_path / "key").write_text(jane.key)
    files = {"client_cert": "certificate", "client_key": "key", "ca_cert": "certificate"}
    made = from_connection(resolve({"host": SERVER, **{name: str(tmp_path / file) for name, file in files.items()}}))
    authority = {"certificate-authority-data": encoded(jane.certificate)}
    assert made["clusters"][0]["cluster"] == {"server": SERVER, **authority}
    assert user_of(made) == {
        "client-certificate-data": encoded(jane.certificate),
        "client-key-data": encoded(jane.key),
    }
