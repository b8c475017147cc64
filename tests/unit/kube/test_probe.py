# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of one look at a web page."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.probe import Answer, get

from tests.unit.kube.server import Reply, Reset, Silence, self_signed, server_tls, serving


def test_page_is_read_as_far_as_it_matters() -> None:
    with serving() as server:
        server.script = [Reply(200, b"OK\n"), Reply(404, b"Not Found"), Reply(200, b"x" * 100_000)]
        assert get(f"{server.url}/health", 5) == Answer(200, "OK\n")
        assert get(f"{server.url}/health", 5) == Answer(404, "Not Found")
        assert len(get(f"{server.url}/health", 5).body) == 4096


def test_it_is_not_followed_elsewhere() -> None:
    with serving() as server:
        server.script = [Reply(302, b"", Location=f"{server.url}/elsewhere")]
        assert get(f"{server.url}/health", 5).status == 302
        assert server.seen == [("GET", "/health")]


def test_why_there_was_no_answer() -> None:
    with serving() as server:
        server.script = [Reset()]
        assert get(server.url, 5).problem
        server.script = [Silence(2)]
        assert get(server.url, 0.2).problem == "timed out"
    refused = get(server.url, 5)
    assert refused == Answer(problem="Connection refused")


def test_certificate_is_looked_at(tmp_path: Path) -> None:
    with serving(server_tls(self_signed("tower.test"), tmp_path)) as server:
        server.script = [Reply(200, b"OK\n")]
        strange = get(server.url, 5)
        assert strange.untrusted
        assert "self" in strange.problem
        assert get(server.url, 5, verify=False).body == "OK\n"


def test_plain_http_behind_https() -> None:
    with serving() as server:
        answer = get(server.url.replace("http:", "https:"), 5)
    assert answer.problem
    assert not answer.untrusted
