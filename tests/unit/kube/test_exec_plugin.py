# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of credential plugins: many at a time, each asked once, and what they write is never shown."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import exec_plugin
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import Connection, resolve
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import ConnectionOptionError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.kubeconfig import load_merged
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.once import Once
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret

from tests.unit.kube.test_connection import config

VERSION = "client.authentication.k8s.io/v1"
SECONDS = 60  # within which everything here ends

# Notes that it has begun, waits until so many have, and says who it is.
STAND_IN = f"""
import json, os, sys, time
folder, name, together = sys.argv[1], sys.argv[2], int(sys.argv[3])
descriptor = os.open(os.path.join(folder, "begun"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.write(descriptor, (name + "\\n").encode())
deadline = time.monotonic() + {SECONDS}
while len(open(os.path.join(folder, "begun")).read().splitlines()) < together:
    if time.monotonic() > deadline:
        sys.exit(9)
    time.sleep(0.01)
status = {{"token": "token-of-" + name, **json.loads(os.environ.get("STATUS", "{{}}"))}}
print("words on stderr: hush", file=sys.stderr)
print(json.dumps({{"apiVersion": "{VERSION}", "kind": "ExecCredential", "status": status}}))
"""


def user(*command: str, **others: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": VERSION, "command": command[0], "args": list(command[1:]), **others}}


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Kubeconfigs whose plugin is the stand-in."""
    program = tmp_path / "stand-in.py"
    program.write_text(STAND_IN)

    def make(name: str, together: int = 1, **others: Any) -> dict[str, Any]:
        return config(user=user(sys.executable, str(program), str(tmp_path), name, str(together), **others))

    return make


def begun(folder: Path) -> list[str]:
    return (folder / "begun").read_text().splitlines()


def token(found: Connection) -> str:
    assert found.token is not None
    return found.token.reveal()


class TestSideBySide:
    """Each member of a fleet may have a plugin of its own."""

    def test_many_run_at_a_time(self, asked: Callable[..., dict[str, Any]]) -> None:
        """None of them ends before as many have begun."""
        number = exec_plugin.AT_A_TIME
        with ThreadPoolExecutor(number) as pool:
            configs = [asked(f"member-{each}", together=number) for each in range(number)]
            found = list(pool.map(lambda each: resolve({"kubeconfig": each}), configs))
        assert [token(each) for each in found] == [f"token-of-member-{each}" for each in range(number)]

    def test_but_no_more_than_that(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lock, running, most = threading.Lock(), 0, 0
        answer = json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": {"token": "a"}}).encode()
        full = threading.Event()

        def output(*_arguments: Any) -> tuple[int, bytes]:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
                if running == exec_plugin.AT_A_TIME:
                    full.set()
            assert full.wait(SECONDS)
            with lock:
                running -= 1
            return 0, answer

        monkeypatch.setattr(exec_plugin, "_output", output)
        number = 3 * exec_plugin.AT_A_TIME
        with ThreadPoolExecutor(number) as pool:
            configs = [config(user=user("bounded", str(each))) for each in range(number)]
            assert all(pool.map(lambda each: resolve({"kubeconfig": each}).token, configs))
        assert most == exec_plugin.AT_A_TIME

    def test_one_is_run_once_for_all_that_ask_the_same(
        self, asked: Callable[..., dict[str, Any]], tmp_path: Path
    ) -> None:
        """Contexts of one user, as a kubeconfig of many clusters has them."""
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(resolve, [{"kubeconfig": asked("everybody")}] * 64))
        assert {token(each) for each in found} == {"token-of-everybody"}
        assert begun(tmp_path) == ["everybody"]

    def test_a_failure_is_of_those_alone_who_ask_for_it(self, asked: Callable[..., dict[str, Any]]) -> None:
        configs = {
            "well": asked("well"),
            "ill": {**config(user=user("false")), "contexts": [], "current-context": "ill"},
        }
        configs["ill"]["contexts"] = [{"name": "ill", "context": {"cluster": "c", "user": "u"}}]

        def outcome(name: str) -> str:
            try:
                return token(resolve({"kubeconfig": configs[name]}))
            except ConnectionOptionError as error:
                return error.message

        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(outcome, ["well", "ill"])) == [
                "token-of-well",
                "the credential plugin of context 'ill' gave no credential (it ended with status 1)",
            ]

    def test_a_failure_is_not_remembered(self, tmp_path: Path) -> None:
        answer = tmp_path / "answer"
        asks = {"kubeconfig": config(user=user("cat", str(answer)))}
        with pytest.raises(ConnectionOptionError, match="status 1"):
            resolve(asks)
        answer.write_text(json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": {"token": "now"}}))
        assert token(resolve(asks)) == "now"

    @pytest.mark.parametrize(
        ("expires", "times"),
        [
            ("2099-01-01T00:00:00Z", 1),
            ("2099-01-01T00:00:00.123456789Z", 1),
            ("2099-01-01T00:00:00+02:00", 1),
            ("2001-01-01T00:00:00Z", 3),
        ],
    )
    def test_until_it_expires(
        self, asked: Callable[..., dict[str, Any]], tmp_path: Path, expires: str, times: int
    ) -> None:
        variables = [{"name": "STATUS", "value": json.dumps({"expirationTimestamp": expires})}]
        for _dummy in range(2):
            resolve({"kubeconfig": asked("one", env=variables)})
        assert len(begun(tmp_path)) == times

    def test_or_until_it_is_refused(
        self, asked: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By whichever of the clusters; a token that was given just now, or another's, is no reason to ask again."""
        first, second = (resolve({"kubeconfig": asked("refused")}) for _dummy in range(2))
        assert first.token and first.token_in_place_of and second.token_in_place_of
        assert first.token_in_place_of(first.token) == first.token
        assert begun(tmp_path) == ["refused"]
        monkeypatch.setattr(exec_plugin, "_NEW", -1.0)
        first.token_in_place_of(Secret("another's"))
        assert begun(tmp_path) == ["refused"]
        second.token_in_place_of(first.token)
        assert begun(tmp_path) == ["refused"] * 2

    def test_whoever_still_has_the_ended_one_gets_what_another_was_given(self) -> None:
        """Many clusters of one user see at the same time that its credential has ended."""
        answers: Once[list[int]] = Once()
        ended = answers.get("user", lambda: [1])
        assert answers.get_after(ended, "user", lambda: [2]) == [2]
        assert answers.get_after(ended, "user", lambda: [3]) == [2]


class TestAsked:
    """What a plugin is told."""

    def told(self, tmp_path: Path, cluster: dict[str, Any], **others: Any) -> dict[str, Any]:
        program = tmp_path / "told.sh"
        answer = json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": {"token": "a"}})
        program.write_text(f"""printf %s "$KUBERNETES_EXEC_INFO" >{tmp_path}/told; cat; echo '{answer}'""")
        resolve({"kubeconfig": config(cluster, user("sh", str(program), **others))})
        return dict(json.loads((tmp_path / "told").read_text()))

    def test_that_nobody_is_there(self, tmp_path: Path) -> None:
        """It finds no terminal, and its input ends at once."""
        expected = {"apiVersion": VERSION, "kind": "ExecCredential", "spec": {"interactive": False}}
        assert self.told(tmp_path, {}) == expected

    def test_of_the_cluster_if_it_asks_for_it(self, tmp_path: Path) -> None:
        extensions = [{"name": "other", "extension": 1}, {"name": "client.authentication.k8s.io/exec", "extension": 2}]
        cluster = {"tls-server-name": "a", "certificate-authority-data": "LS0t", "extensions": extensions}
        assert self.told(tmp_path, cluster, provideClusterInfo=True)["spec"]["cluster"] == {
            "server": "https://192.0.2.1:6443",
            "tls-server-name": "a",
            "certificate-authority-data": "LS0t",
            "config": 2,
        }

    def test_a_relative_path_starts_at_the_kubeconfig(self, tmp_path: Path) -> None:
        answer = json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": {"token": "beside"}})
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "plugin").write_text(f"#!/bin/sh\necho '{answer}'\n")
        (folder / "plugin").chmod(0o700)
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config(user=user("./plugin"))))
        assert token(resolve({"kubeconfig": str(path)})) == "beside"
        other = tmp_path / "other"
        other.write_text("{kind: Config}")
        assert load_merged([other, path]).user["exec"]["command"] == str(folder / "plugin")


class TestRefused:
    """What is no answer."""

    @pytest.mark.parametrize(
        ("plugin", "why"),
        [
            (user("sh", "-c", "echo s3cret >&2; echo s3cret; exit 3"), "it ended with status 3"),
            (user("echo", "s3cret"), "its answer is no ExecCredential"),
            (user("echo", '["s3cret"]'), "its answer is no ExecCredential"),
            (user("echo", '{"apiVersion": "v0", "kind": "s3cret"}'), f"its answer is no ExecCredential of {VERSION}"),
            (user("/nonexistent/plugin"), "/nonexistent/plugin: No such file or directory"),
            (user("true", interactiveMode="Always"), "it wants to ask at a terminal"),
            (user("true", env=[{"name": "A"}]), "exec is not as a kubeconfig has it"),
            (user("true", args=[1]), "exec is not as a kubeconfig has it"),
            ({"exec": {"command": "true"}}, "exec is not as a kubeconfig has it"),
        ],
    )
    def test_with_the_reason_and_without_its_output(
        self, plugin: dict[str, Any], why: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(ConnectionOptionError) as caught:
            resolve({"kubeconfig": config(user=plugin)})
        assert f"gave no credential ({why}" in caught.value.message
        assert "s3cret" not in f"{caught.value.message} {caught.value.hint} {capfd.readouterr()}"

    def test_extensions_that_are_none(self) -> None:
        plugin = user("true", provideClusterInfo=True)
        with pytest.raises(ConnectionOptionError, match="exec is not as a kubeconfig has it"):
            resolve({"kubeconfig": config({"extensions": [1]}, plugin)})

    @pytest.mark.parametrize(
        "status",
        [
            {"token": "two words"},
            {"token": 5},
            {"token": "a", "clientKeyData": "alone"},
            {"token": "a", "expirationTimestamp": "soon"},
            {"token": "a", "expirationTimestamp": 5},
            "a",
            None,
        ],
    )
    def test_a_status_that_is_none(self, status: Any) -> None:
        answer = json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": status})
        with pytest.raises(ConnectionOptionError, match="gave no credential"):
            resolve({"kubeconfig": config(user=user("echo", answer))})

    def test_one_that_does_not_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nor does what it has started keep the run."""
        monkeypatch.setattr(exec_plugin, "_LONGEST", 0.2)
        with pytest.raises(ConnectionOptionError, match="has not ended within"):
            resolve({"kubeconfig": config(user=user("sh", "-c", "sleep 3600 & sleep 3600"))})

    def test_a_token_and_a_certificate(self) -> None:
        status = {"token": "a", "clientCertificateData": "certificate", "clientKeyData": "key"}
        answer = json.dumps({"apiVersion": VERSION, "kind": "ExecCredential", "status": status})
        found = resolve({"kubeconfig": config(user=user("echo", answer))})
        assert (found.token, found.client_certificate, found.client_key) == (Secret("a"), "certificate", Secret("key"))
