# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what the module cluster_configuration makes of its options."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.cluster_configuration import GOAL, wanted
from ansible_collections.kubesphere.multicluster.plugins.module_utils.goals.goal import Context
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import KubeError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import installation
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.installation import Wanted
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere.result import Result

from tests.unit.kube.server import Reply, Server, Silence, serving
from tests.unit.kube.test_session import free_port

BASE: dict[str, Any] = {"release": "v3.4.1", "cluster_role": "host", "configuration": None}
MANIFEST = "kind: Namespace\napiVersion: v1\nmetadata: {name: a}\n---\n---\nkind: Other\n"
DOCUMENTS = [
    {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "a"}},
    None,
    {"kind": "Other"},
]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


def test_nothing_but_what_must_be() -> None:
    assert wanted(BASE) == Wanted("v3.4.1", "host")


def test_everything() -> None:
    given = {
        "configuration": {"a": 1},
        "jwt_secret": "s",
        "host_cluster_name": "main",
        "registry": "r.example.com",
        "image_namespace": "ks",
        "pull_secrets": ["p"],
        "manifest": MANIFEST,
    }
    assert wanted({**BASE, **given}) == Wanted(
        "v3.4.1", "host", {"a": 1}, Secret("s"), "main", "r.example.com", "ks", ["p"], DOCUMENTS
    )


def test_a_member_has_no_host_cluster_name() -> None:
    assert wanted({**BASE, "cluster_role": "member", "host_cluster_name": "main"}).host_cluster_name is None


class TestManifest:
    """A user's own manifest, wherever it is."""

    def test_as_text(self) -> None:
        assert wanted({**BASE, "manifest": MANIFEST}).manifest == DOCUMENTS

    def test_in_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "own.yaml").write_text(MANIFEST)
        monkeypatch.setenv("HOME", str(tmp_path))
        for path in (str(tmp_path / "own.yaml"), "~/own.yaml"):
            assert wanted({**BASE, "manifest": path}).manifest == DOCUMENTS

    def test_at_a_url(self, server: Server) -> None:
        server.script = [Reply(200, MANIFEST.encode())]
        assert wanted({**BASE, "manifest": f"{server.url}/own.yaml"}).manifest == DOCUMENTS
        assert server.seen == [("GET", "/own.yaml")]

    @pytest.mark.parametrize(
        ("content", "cause"), [(None, "No such file or directory"), (b"\xff\xfe", "it is no UTF-8 text")]
    )
    def test_a_file_that_cannot_be_read(self, tmp_path: Path, content: bytes | None, cause: str) -> None:
        path = tmp_path / "own.yaml"
        if content:
            path.write_bytes(content)
        with pytest.raises(KubeError) as caught:
            wanted({**BASE, "manifest": str(path)})
        assert caught.value.message.startswith(f"manifest {path} cannot be read: ")
        assert cause in caught.value.message
        assert caught.value.hint == "Give the path of a readable file."

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (Reply(404, {}), "HTTP Error 404"),
            (Reply(503, {}), "HTTP Error 503"),
            (Reply(200, b"\xff\xfe"), "'utf-8' codec can't decode"),
        ],
    )
    def test_a_url_that_gives_none(self, server: Server, reply: Reply, cause: str) -> None:
        server.script = [reply]
        with pytest.raises(KubeError) as caught:
            wanted({**BASE, "manifest": f"{server.url}/own.yaml"})
        assert caught.value.message.startswith(f"manifest {server.url}/own.yaml cannot be fetched: ")
        assert cause in caught.value.message
        assert caught.value.hint == "Give a URL that answers, or a file."

    @pytest.mark.parametrize("url", [f"http://127.0.0.1:{free_port()}/x", "http://[::1/x", "http://no such host/x"])
    def test_a_url_that_leads_nowhere(self, url: str) -> None:
        with pytest.raises(KubeError, match="cannot be fetched"):
            wanted({**BASE, "manifest": url})

    def test_a_server_that_breaks_off(self, server: Server) -> None:
        server.script = [Silence(0)]
        with pytest.raises(KubeError, match="cannot be fetched"):
            wanted({**BASE, "manifest": f"{server.url}/x"})

    def test_an_answer_that_is_cut_off(self, server: Server) -> None:
        server.script = [Reply(200, b"a: b\n", Content_Length="500", Connection="close")]
        with pytest.raises(KubeError, match="cannot be fetched"):
            wanted({**BASE, "manifest": f"{server.url}/x"})

    def test_a_password_in_a_url_is_not_shown(self, server: Server) -> None:
        url = server.url.replace("://", "://jane:pass-word@")
        server.script = [Reply(404)]
        with pytest.raises(KubeError, match="cannot be fetched: HTTP Error 404") as caught:
            wanted({**BASE, "manifest": f"{url}/x"})
        assert "jane" not in str(caught.value)
        assert "ss-word" not in str(caught.value)
        server.script = [Reply(200, b"a: [")]
        with pytest.raises(KubeError, match=r"^manifest http://\*\*\*@127.0.0.1:\d+/x is no YAML"):
            wanted({**BASE, "manifest": f"{url}/x"})

    def test_one_that_is_malformed(self, tmp_path: Path) -> None:
        (tmp_path / "own.yaml").write_text("a: b\nb: [\n")
        with pytest.raises(KubeError, match=rf"^manifest {tmp_path}/own.yaml is no YAML at line 3"):
            wanted({**BASE, "manifest": str(tmp_path / "own.yaml")})
        with pytest.raises(KubeError, match=r"^the manifest given as text is no YAML at line 2"):
            wanted({**BASE, "manifest": "a: b\nc: ]\n"})


class TestRun:
    """Which call the options lead to."""

    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
        made: list[tuple[Any, ...]] = []

        def install(cluster: Any, target: Wanted, host: Any, *, wait_timeout: Any, progress: Any) -> Result:
            assert callable(progress)
            made.append(("install", cluster.cluster, target.cluster_role, host and host.cluster, wait_timeout))
            return Result()

        def await_installed(cluster: Any, target: Wanted, *, managed: bool, wait_timeout: Any, progress: Any) -> Result:
            assert callable(progress)
            made.append(("await", cluster.cluster, target.cluster_role, managed, wait_timeout))
            return Result()

        monkeypatch.setattr(installation, "install", install)
        monkeypatch.setattr(installation, "await_installed", await_installed)
        return made

    @pytest.mark.parametrize(
        ("options", "call"),
        [
            ({}, ("install", "one", "host", None, 60.0)),
            ({"wait": False}, ("install", "one", "host", None, None)),
            ({"cluster_role": "member"}, ("install", "one", "member", "main", 60.0)),
            ({"cluster_role": "member", "host_cluster": None}, ("install", "one", "member", None, 60.0)),
            ({"apply": False}, ("await", "one", "host", True, 60.0)),
            ({"apply": False, "wait": False}, ("await", "one", "host", True, 60.0)),
            ({"apply": False, "managed": False}, ("await", "one", "host", False, 60.0)),
        ],
    )
    def test_calls(self, calls: list[tuple[Any, ...]], options: dict[str, Any], call: tuple[Any, ...]) -> None:
        reach = {"host": "https://127.0.0.1:1", "host_cluster": {"name": "main", "host": "https://127.0.0.1:2"}}
        how = {"apply": True, "managed": True, "wait": True, "wait_timeout": 60}
        GOAL.run({**BASE, **reach, **how, **options}, Context(cluster="one"))
        assert calls == [call]
