# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of kubeconfigs and of the authentication options."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import resolve
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import ConnectionOptionError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.kubeconfig import load
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret

SERVER = "https://192.0.2.1:6443"


def config(cluster: Any = None, user: Any = None, **others: Any) -> dict[str, Any]:
    return {
        "clusters": [{"name": "c", "cluster": {"server": SERVER, **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "one",
        **others,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "{file} is empty"),
        (b"\xff\xfe\x00", "kubeconfig ({path}) cannot be read: it is no UTF-8 text"),
        (b"a: [\n", "{file} is no YAML at line 2"),
        (b"- a\n", "{file} is a list, not a mapping"),
        (b"a: b\n", "{file} has no current-context"),
        (b"current-context: x\n", "{file} has no context 'x'"),
        (b"contexts: 7\ncurrent-context: x\n", "{file}: 'contexts' is not a list of named entries"),
        (b"[" * 100_000, "{file} is nested more than 100 levels deep"),
        (b"#" * 1_100_000, "kubeconfig ({path}) cannot be read: it is larger than 1048576 bytes"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(ConnectionOptionError) as caught:
        load(path)
    assert caught.value.message == message.format(file=f"kubeconfig {path}", path=path)
    assert caught.value.hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConnectionOptionError, match="cannot be read: No such file or directory"):
        load(tmp_path / "none")
    with pytest.raises(ConnectionOptionError, match="cannot be read: Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"users": []}, "context 'one' names user 'u', which is not there"),
        ({"clusters": []}, "context 'one' names cluster 'c', which has no server address there"),
        ({"clusters": [{"name": "c"}]}, "context 'one' names cluster 'c', which has no server address there"),
    ],
)
def test_a_context_that_leads_nowhere(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConnectionOptionError, match=message):
        load(config(**changed))


def test_files_stand_beside_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("-----BEGIN CA")
    (tmp_path / "token").write_text("abc\n")
    context = load(config({"certificate-authority": "ca"}, {"tokenFile": "token"}))
    context = type(context)(context.name, context.cluster, context.user, tmp_path)
    assert (context.inline("cluster", "certificate-authority"), context.token()) == ("-----BEGIN CA", "abc")
    held = context.self_contained("https://other:1")
    assert held["clusters"][0]["cluster"] == {
        "server": "https://other:1",
        "certificate-authority-data": base64.b64encode(b"-----BEGIN CA").decode(),
    }
    assert held["users"][0]["user"] == {"token": "abc"}


@pytest.mark.parametrize("data", ["!!!", "YWJ", "/w=="])
def test_data_that_is_no_base64_of_text(data: str) -> None:
    with pytest.raises(ConnectionOptionError, match="certificate-authority-data of context 'one' is not base64"):
        load(config({"certificate-authority-data": data})).inline("cluster", "certificate-authority")


def test_base64_may_be_folded() -> None:
    context = load(config({"certificate-authority-data": "YWJj\n ZGVm\n"}))
    assert context.inline("cluster", "certificate-authority") == "abcdef"


def test_a_kubeconfig_that_was_read_before_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(config(user={"exec": {"args": ["one"]}})))
    load(path).user["exec"]["args"].append("two")
    assert load(path).user == {"exec": {"args": ["one"]}}
    path.write_text(json.dumps(config(user={"token": "abc"})))
    assert load(path).user == {"token": "abc"}


def test_the_kubeconfig_says_it_all() -> None:
    cluster = {"insecure-skip-tls-verify": True, "proxy-url": "http://p:1", "tls-server-name": "n"}
    found = resolve({"kubeconfig": config(cluster, {"token": "abc", "as": "jane", "as-groups": ["g"]})})
    assert (found.server, found.verify, found.proxy, found.tls_server_name) == (SERVER, False, "http://p:1", "n")
    assert (found.token, found.impersonate_user, found.impersonate_groups) == (Secret("abc"), "jane", ("g",))


def test_options_win(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("-----BEGIN CA")
    found = resolve(
        {
            "kubeconfig": config({"insecure-skip-tls-verify": True}, {"token": "abc"}),
            "host": "https://other:1/",
            "api_key": "def\n",
            "validate_certs": True,
            "ca_cert": str(tmp_path / "ca"),
        }
    )
    assert (found.server, found.token, found.verify, found.ca) == (
        "https://other:1",
        Secret("def"),
        True,
        "-----BEGIN CA",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kubeconfig": ""}, "kubeconfig is empty"),
        ({"host": "192.0.2.1:6443"}, "the API server's address '192.0.2.1:6443' is no URL"),
        ({"host": "https://[::1"}, "the API server's address 'https://[::1' is no URL"),
        ({"host": SERVER, "api_key": "top\nsecret"}, "api_key has characters that no token has"),
        ({"host": SERVER, "client_cert": __file__}, "client_cert is given without client_key"),
        ({"host": SERVER, "client_key": __file__}, "client_key is given without client_cert"),
    ],
)
def test_options_that_do_not_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConnectionOptionError) as caught:
        resolve(options)
    assert caught.value.message == message


def test_no_way_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(ConnectionOptionError, match="no way to the cluster was given"):
        resolve({})
