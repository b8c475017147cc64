# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of several kubeconfigs that are read as one, as kubectl does with the list in ``KUBECONFIG``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import resolve
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import ConnectionOptionError
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.kubeconfig import load, load_merged
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Secret

from tests.unit.kube.test_connection import config


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return path


def entries(**tokens: str) -> dict[str, Any]:
    """A kubeconfig with a context for each name; no context is the current one."""
    return {
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:{len(tokens)}"}} for name in tokens],
        "users": [{"name": name, "user": {"token": token}} for name, token in tokens.items()],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in tokens],
    }


def test_what_comes_first_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "first", {**entries(a="1"), "current-context": "a"})
    second = write(tmp_path / "second", {**entries(a="2", b="3"), "current-context": "b"})
    assert load_merged([first, second]).token() == "1"
    assert load_merged([first, second]).server == "https://a:1"
    assert load_merged([first, second], "b").token() == "3"
    assert load_merged([second, first]).token() == "3"
    assert load_merged([second, first], "a").token() == "2"


def test_the_current_context_may_stand_in_a_later_one(tmp_path: Path) -> None:
    first = write(tmp_path / "first", {**entries(a="1"), "current-context": ""})
    second = write(tmp_path / "second", {"current-context": "a"})
    assert load_merged([first, second]).name == "a"


def test_a_context_may_name_what_stands_elsewhere(tmp_path: Path) -> None:
    whole = entries(a="1")
    parts = [write(tmp_path / section, {section: whole[section]}) for section in whole]
    found = load_merged(parts, "a")
    assert (found.server, found.token()) == ("https://a:1", "1")


def test_who_takes_the_current_one_of_several_can_tell(tmp_path: Path) -> None:
    """Named, it is the user's choice; in several files there are as many contexts as in all of them."""
    both = {**entries(a="1", b="2"), "current-context": "a"}
    assert [load(both).current_of, load(both, "a").current_of] == [2, 0]
    assert load({**entries(a="1"), "current-context": "a"}).current_of == 1
    files = [write(tmp_path / "first", both), write(tmp_path / "second", entries(b="2", c="3"))]
    assert [load_merged(files).current_of, load_merged(files, "b").current_of] == [3, 0]


def test_files_stand_beside_the_kubeconfig_that_names_them(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ca").write_text(f"-----BEGIN CA of {name}")
        (tmp_path / name / "token").write_text(f"token of {name}")
    (tmp_path / "key").write_text("-----BEGIN KEY")
    user = {"tokenFile": "token", "client-certificate": "ca", "client-key": str(tmp_path / "key")}
    one = write(tmp_path / "one" / "config", config({"certificate-authority": "ca"}, None, users=[]))
    two = write(tmp_path / "two" / "config", {"users": [{"name": "u", "user": user}]})
    found = load_merged([one, two])
    assert found.inline("cluster", "certificate-authority") == "-----BEGIN CA of one"
    assert (found.token(), found.inline("user", "client-certificate")) == ("token of two", "-----BEGIN CA of two")
    assert found.inline("user", "client-key") == "-----BEGIN KEY"


def test_files_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    there = write(tmp_path / "there", config(user={"token": "abc"}))
    assert load_merged([tmp_path / "none", there, tmp_path / "nor this"]).token() == "abc"
    other = write(tmp_path / "other", entries(a="1"))
    assert load_merged([tmp_path / "none", there, other], "a").token() == "1"


def test_none_is_there(tmp_path: Path) -> None:
    with pytest.raises(ConnectionOptionError, match=rf"kubeconfig \({tmp_path}/a\) cannot be read: No such file"):
        load_merged([tmp_path / "a", tmp_path / "b"])


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("a: [", "kubeconfig {folder}/second is no YAML"),
        ("- a", "kubeconfig {folder}/second is a list, not a mapping"),
        ("users: 7", "kubeconfig {folder}/second: 'users' is not a list of named entries"),
    ],
)
def test_one_that_is_none_is_named(tmp_path: Path, second: str, words: str) -> None:
    first = write(tmp_path / "first", entries(a="1"))
    (tmp_path / "second").write_text(second)
    with pytest.raises(ConnectionOptionError) as caught:
        load_merged([first, tmp_path / "second"], "a")
    assert caught.value.message.startswith(words.format(folder=tmp_path))


def test_a_context_that_none_has(tmp_path: Path) -> None:
    first, second = write(tmp_path / "first", entries(a="1")), write(tmp_path / "second", entries(b="1"))
    with pytest.raises(ConnectionOptionError) as caught:
        load_merged([first, second], "c")
    assert caught.value.message == f"KUBECONFIG ({first}, {second}) has no context 'c'"
    assert caught.value.hint == "Its contexts are: a, b."


def test_it_is_the_environments_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "second", {**entries(a="abc"), "current-context": "a"})
    listed = os.pathsep.join([str(tmp_path / "first"), "", "~/second"])
    monkeypatch.setenv("KUBECONFIG", listed)
    assert resolve({}).token == Secret("abc")
    monkeypatch.setenv("KUBECONFIG", "")
    write(tmp_path / ".kube" / "config", {**entries(b="def"), "current-context": "b"})
    assert resolve({}).token == Secret("def")
