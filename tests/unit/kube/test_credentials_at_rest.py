# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that credentials leave no trace: keys in files, a proxy's password in messages, what plugins give."""

from __future__ import annotations

import base64
import json
import os
import ssl
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import Connection, resolve
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    ConnectionOptionError,
    KubeError,
    Unreachable,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.session import Session

from tests.unit.kube.server import Identity, Reply, self_signed, serving
from tests.unit.kube.test_connection import config
from tests.unit.kube.test_session import free_port

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Written:
    """Paths that Python opens for writing while it listens. Audit hooks stay for good, hence one for all tests."""

    def __init__(self) -> None:
        self.paths: list[str] | None = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.paths is not None and event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
            self.paths.append(str(arguments[0]))


_WRITTEN = Written()


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is opened for writing during a test; temporary files are made in a folder of its own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    _WRITTEN.paths = []
    yield _WRITTEN.paths
    _WRITTEN.paths = None


@pytest.fixture(scope="module")
def jane() -> Identity:
    return self_signed("jane")


class TestKey:
    """The key of a client certificate."""

    def connection(self, identity: Identity) -> Connection:
        key = Secret(identity.key)
        return Connection(server="https://x", client_certificate=identity.certificate, client_key=key)

    @pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="needs files that are in memory alone")
    def test_it_is_never_in_a_file(self, jane: Identity, written: list[str]) -> None:
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        self.connection(jane).ssl_context()
        assert set(written) <= {os.devnull}
        assert len(list(Path("/proc/self/fd").iterdir())) == descriptors

    def test_elsewhere_its_file_is_private_and_gone_at_once(
        self, jane: Identity, written: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delattr(os, "memfd_create", raising=False)
        modes: list[int] = []
        original = ssl.SSLContext.load_cert_chain

        def look(context: ssl.SSLContext, file: str, **how: Any) -> None:
            modes.append(Path(file).stat().st_mode & 0o777)
            original(context, file, **how)

        monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", look)
        self.connection(jane).ssl_context()
        assert modes == [0o600]
        assert written
        assert list((tmp_path / "temporary").iterdir()) == []

    @pytest.mark.parametrize("key", ["no key at all", self_signed("bob").key])
    def test_one_that_does_not_fit(self, jane: Identity, key: str, written: list[str]) -> None:
        way = Connection(server="https://x", client_certificate=jane.certificate, client_key=Secret(key))
        with pytest.raises(ConnectionOptionError) as caught:
            Session(way, "one")
        assert str(caught.value).startswith("one: the client certificate and key for https://x are not usable (")
        assert key.splitlines()[-1] not in str(caught.value)
        assert set(written) <= {os.devnull}


class TestProxy:
    """A proxy's credential in its URL."""

    HEADER = "Basic " + base64.b64encode(b"jane:p@ss-word").decode()

    def url(self, server: str) -> str:
        return server.replace("://", "://jane:p%40ss-word@")

    def test_it_is_sent_to_the_proxy(self) -> None:
        with serving() as proxy:
            way = resolve({"host": "http://192.0.2.1:6443", "proxy": self.url(proxy.url), "api_key": "abc"})
            Session(way, "one").request("GET", "/x", what="try")
            headers = proxy.requests[0].headers
        assert (headers["Proxy-Authorization"], headers["Authorization"]) == (self.HEADER, "Bearer abc")

    def test_it_is_sent_for_a_tunnel_and_only_there(self) -> None:
        with serving() as proxy:
            proxy.script = [Reply(407, {}, Connection="close")]
            way = resolve({"host": "https://192.0.2.1:6443", "proxy": self.url(proxy.url), "api_key": "abc"})
            with pytest.raises(Unreachable) as caught:
                Session(way, "one", patience=0).request("GET", "/x", what="try")
            (request,) = proxy.requests
        assert (request.method, request.path) == ("CONNECT", "192.0.2.1:6443")
        assert (request.headers["Proxy-Authorization"], request.headers["Authorization"]) == (self.HEADER, None)
        assert "407" in str(caught.value)
        self.assert_hidden(str(caught.value))

    def test_an_option_wins(self) -> None:
        options = {"proxy_headers": {"proxy_basic_auth": "bob:other"}}
        with serving() as proxy:
            way = resolve({"host": "http://192.0.2.1:6443", "proxy": self.url(proxy.url), **options})
            Session(way, "one").request("GET", "/x", what="try")
            sent = proxy.requests[0].headers.get_all("Proxy-Authorization")
        assert sent == ["Basic " + base64.b64encode(b"bob:other").decode()]

    def test_what_comes_back_does_not_show_it(self) -> None:
        with serving() as proxy:
            proxy.script = [Reply(403, {"message": f"no way for {self.HEADER} and p%40ss-word, p@ss-word"})]
            way = resolve({"host": "http://192.0.2.1:6443", "proxy": self.url(proxy.url)})
            with pytest.raises(KubeError) as caught:
                Session(way, "one", patience=0).request("GET", "/x", what="try")
        self.assert_hidden(str(caught.value))

    def test_a_proxy_that_is_not_there(self) -> None:
        way = resolve({"host": "https://192.0.2.1:6443", "proxy": self.url(f"http://127.0.0.1:{free_port()}")})
        with pytest.raises(Unreachable) as caught:
            Session(way, "one", patience=0).request("GET", "/x", what="try")
        self.assert_hidden(str(caught.value))

    @pytest.mark.parametrize(
        ("proxy", "shown"),
        [
            ("http://jane:p@ss-word@[::1", "http://***@[::1"),
            ("http://jane:p@ss-word@proxy:port", "http://***@proxy:port"),
            ("jane:p@ss-word@proxy:3128", "***@proxy:3128"),
            ("proxy:3128", "proxy:3128"),
            ("socks5://jane:p@ss-word@proxy:1080", "socks5://***@proxy:1080"),
            ("http://", "http://"),
        ],
    )
    def test_an_address_that_is_none(self, proxy: str, shown: str) -> None:
        for options in ({"host": "https://x", "proxy": proxy}, {"kubeconfig": config({"proxy-url": proxy})}):
            with pytest.raises(ConnectionOptionError) as caught:
                resolve(options)
            assert caught.value.message == f"the proxy's address {shown!r} is no http URL"

    def assert_hidden(self, message: str) -> None:
        assert "p%40ss-word" not in message
        assert "p@ss-word" not in message
        assert self.HEADER.split()[1] not in message


class TestPlugin:
    """A credential that a program gives."""

    @pytest.fixture
    def plugin(self, tmp_path: Path, written: list[str]) -> Callable[..., dict[str, Any]]:
        def make(status: Any, script: str = "") -> dict[str, Any]:
            kind = {"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential"}
            (tmp_path / "answer").write_text(json.dumps({**kind, "status": status}))
            program = tmp_path / "plugin"
            program.write_text(f"#!/bin/sh\n{script or 'cat ' + str(tmp_path / 'answer')}\n")
            program.chmod(0o700)
            written.clear()
            command = {"apiVersion": kind["apiVersion"], "command": str(program)}
            return config(user={"exec": command})

        return make

    def test_a_token(self, plugin: Callable[..., dict[str, Any]]) -> None:
        found = resolve({"kubeconfig": plugin({"token": "of-the-plugin"})})
        assert (found.token, found.client_certificate, found.client_key) == (Secret("of-the-plugin"), None, None)

    def test_a_certificate_of_which_no_file_is_left(
        self, plugin: Callable[..., dict[str, Any]], jane: Identity, written: list[str], tmp_path: Path
    ) -> None:
        status = {"clientCertificateData": jane.certificate, "clientKeyData": jane.key}
        found = resolve({"kubeconfig": plugin(status)})
        assert (found.token, found.client_certificate, found.client_key) == (None, jane.certificate, Secret(jane.key))
        assert set(written) <= {os.devnull}
        assert list((tmp_path / "temporary").iterdir()) == []

    @pytest.mark.parametrize(
        ("status", "script"),
        [
            ({"token": ""}, ""),
            ({}, ""),
            ({"clientCertificateData": "alone"}, ""),
            ({}, "exit 3"),
            ({}, "echo nonsense"),
        ],
    )
    def test_none(
        self, plugin: Callable[..., dict[str, Any]], tmp_path: Path, status: dict[str, Any], script: str
    ) -> None:
        with pytest.raises(ConnectionOptionError) as caught:
            resolve({"kubeconfig": plugin(status, script)})
        assert caught.value.message.startswith("the credential plugin of context 'one' gave no credential (")
        assert "kubectl get namespaces" in caught.value.hint
        assert list((tmp_path / "temporary").iterdir()) == []

    def test_a_program_that_is_not_there(self, tmp_path: Path) -> None:
        user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": str(tmp_path / "none")}}
        with pytest.raises(ConnectionOptionError, match="gave no credential"):
            resolve({"kubeconfig": config(user=user)})

    def test_it_is_not_asked_where_an_option_says_it(self, plugin: Callable[..., dict[str, Any]]) -> None:
        assert resolve({"kubeconfig": plugin({}, "exit 3"), "api_key": "abc"}).token == Secret("abc")
