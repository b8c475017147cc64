# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus: each input is refused with a message or does no harm; nothing hangs, is written or leaks."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sized
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.hostile import arguments, kubeconfigs
from tests.unit.hostile.case import HARMLESS, Case
from tests.unit.hostile.kubeconfigs import GOOD, SERVER, with_
from tests.unit.hostile.world import ABSENT, SECRETS, Fleet, Told, fleet

MADE = (("POST", "/apis/cluster.kubesphere.io/v1alpha1/clusters"),)
"""What the import of a member writes."""


def named(case: Case) -> str:
    return case.what.replace(" ", "-")


def each(*tables: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [case for table in tables for case in table], ids=named)


@pytest.fixture(scope="module")
def servers() -> Iterator[Fleet]:
    with fleet() as found:
        yield found


@pytest.fixture
def one(servers: Fleet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fleet:
    """A fleet to which nothing was written yet, and a folder of its own as the home."""
    # Reading the machine's authorities takes longer than all the rest of a case, and the servers here have no TLS.
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_arguments: None)
    servers.host.writes.clear()
    servers.member.writes.clear()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return servers


def written(one: Fleet) -> tuple[tuple[str, str], ...]:
    return tuple((method, path) for method, path, _body in one.writes)


def check(told: Told, words: str, one: Fleet, made: Any = MADE) -> None:
    """What holds for every input."""
    assert told.kind != "Defect", told.message
    for text in told.texts:
        assert (text.isprintable() and text.isascii()) or not _hidden(text), repr(text)
    assert not [secret for secret in SECRETS if secret in repr(told)]
    if words == HARMLESS:
        assert told.message == ""
        assert written(one) == made
    else:
        assert told.message, "it was not refused"
        assert words in told.message
        assert written(one) == ()


def _hidden(text: str) -> bool:
    """Whether a text has letters that a terminal obeys, or that are not seen."""
    return any(not letter.isprintable() for letter in text)


def test_the_road_is_open(one: Fleet) -> None:
    """What the inputs stand in the way of: without them, the import writes."""
    check(one.tell("member"), HARMLESS, one)


# Kubeconfigs


def at(server: str, given: Any) -> Any:
    """A kubeconfig with the address of the server that listens."""
    if isinstance(given, bytes):
        return given.replace(SERVER.encode(), server.encode())
    return yaml.safe_load(yaml.safe_dump(given).replace(SERVER, server)) if _plain(given) else given


def _plain(given: Any) -> bool:
    return SERVER in str(given)


@each(kubeconfigs.TEXTS)
def test_kubeconfig_as_a_file(one: Fleet, tmp_path: Path, case: Case) -> None:
    path = tmp_path / "config"
    path.write_bytes(at(one.member_url, case.given))
    check(one.tell("member", host=ABSENT, api_key=ABSENT, kubeconfig=str(path)), case.words, one)
    one.host.writes.clear()
    check(one.tell("member", member_kubeconfig=str(path)), case.words, one)


def _text(given: bytes) -> str:
    """A content as an argument; empty where no text can hold it."""
    try:
        return given.decode()
    except UnicodeDecodeError:
        return ""


@each([case for case in kubeconfigs.TEXTS if "\n" in _text(case.given)])
def test_kubeconfig_as_text(one: Fleet, case: Case) -> None:
    text = _text(at(one.member_url, case.given))
    check(one.tell("member", host=ABSENT, api_key=ABSENT, kubeconfig=text), case.words, one)


@each(kubeconfigs.MAPPINGS)
def test_kubeconfig_as_a_mapping(one: Fleet, case: Case) -> None:
    given = at(one.member_url, case.given)
    check(one.tell("member", host=ABSENT, api_key=ABSENT, kubeconfig=given), case.words, one)


@each(kubeconfigs.MAPPINGS)
def test_kubeconfig_for_kubesphere(one: Fleet, case: Case) -> None:
    """It is never used here, so what is wrong with it may be seen by KubeSphere alone; but nothing breaks."""
    told = one.tell("member", member_kubeconfig=at("https://192.0.2.1:6443", case.given))
    check(told, case.words if told.message else HARMLESS, one)


@each(kubeconfigs.FILES)
def test_path_of_a_kubeconfig(one: Fleet, tmp_path: Path, case: Case) -> None:
    path = case.given(tmp_path)
    for given in ({"kubeconfig": path, "host": ABSENT, "api_key": ABSENT}, {"member_kubeconfig": path}):
        check(one.tell("member", **given), case.words, one)


REFERENCES = [
    "clusters.0.cluster.certificate-authority",
    "users.0.user.client-certificate",
    "users.0.user.client-key",
    "users.0.user.tokenFile",
]


@pytest.mark.parametrize("place", REFERENCES)
@each(kubeconfigs.REFERENCES)
def test_path_in_a_kubeconfig(one: Fleet, tmp_path: Path, case: Case, place: str) -> None:
    user = {} if place.startswith("users") else {"token": "x"}
    given = with_("users.0.user", user)
    given["clusters"][0]["cluster"]["server"] = one.member_url
    section, _number, inner, name = place.split(".")
    given[section][0][inner][name] = case.given(tmp_path)
    for told in (
        one.tell("member", kubeconfig=given, host=ABSENT, api_key=ABSENT),
        one.tell("member", member_kubeconfig=given),
    ):
        assert "root:" not in repr(told)
        check(told, case.words or "PEM" if "token" not in place.lower() else case.words or "no token has", one)


@pytest.mark.parametrize("option", ["ca_cert", "client_cert", "client_key"])
@each(kubeconfigs.REFERENCES)
def test_path_as_an_option(one: Fleet, tmp_path: Path, case: Case, option: str) -> None:
    given = {option: case.given(tmp_path)}
    if option != "ca_cert":
        given = {"client_cert": given[option], "client_key": given[option]}
    check(one.tell("member", **given), case.words or "PEM", one)


# Arguments


@each(arguments.CONNECTION, arguments.HOSTS)
def test_connection(one: Fleet, case: Case) -> None:
    given = dict(case.given)
    if "kubeconfig" in given:
        given |= {"host": ABSENT, "api_key": ABSENT}
    check(one.tell("member", **given), case.words, one)


@each(arguments.MEMBERS)
def test_member(one: Fleet, case: Case) -> None:
    given = case.given
    check(one.tell("member", **given), case.words, one)
    if case.words == HARMLESS:
        stands = json.dumps(one.host.writes[0][2])
        texts = [value for value in given.values() if isinstance(value, str) and "pLanted" not in value]
        assert all(json.dumps(text) in stands for text in texts), "it was changed on the way"


@each(arguments.NAMES)
def test_name(one: Fleet, case: Case) -> None:
    check(one.tell("member", cluster_name=case.given), case.words, one)
    told = one.tell("cluster_info", cluster_name=case.given)
    assert any(case.words in problem for problem in told.result["problems"])
    assert written(one) == ()


@each(arguments.ADDRESSES)
def test_address(one: Fleet, case: Case) -> None:
    check(one.tell("proxy_address", address=case.given), case.words, one)
    configuration = {"multicluster": {"proxyPublishAddress": case.given}}
    check(one.tell("cluster_configuration", configuration=configuration), case.words, one)
    check(one.tell("member", connection="agent", proxy_address=case.given), case.words, one)


@each(arguments.AGENTS)
def test_agent(one: Fleet, case: Case) -> None:
    given = {"connection": "agent", "proxy_address": "http://192.0.2.9:8080", "agent": case.given}
    check(one.tell("member", **given), case.words, one)


@each(arguments.CONFIGURATIONS)
def test_configuration(one: Fleet, case: Case) -> None:
    given = {"configuration": arguments.deep()} if case.given == "DEEP" else case.given
    told = one.tell("cluster_configuration", **given)
    check(told, case.words, one, written(one))
    assert bool(one.writes) == (case.words == HARMLESS)


@each(arguments.MANIFESTS)
def test_manifest(one: Fleet, case: Case) -> None:
    check(one.tell("cluster_configuration", manifest=case.given), case.words, one)


@pytest.mark.parametrize(
    ("module", "case"), arguments.OTHERS, ids=lambda given: named(given) if isinstance(given, Case) else given
)
def test_other_modules(one: Fleet, tmp_path: Path, module: str, case: Case) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    given = {key: str(folder) if value == "{folder}" else value for key, value in case.given.items()}
    told = one.tell(module, **given)
    check(told, case.words if told.message or case.words else HARMLESS, one, ())
    assert [path for path in tmp_path.rglob("*") if path != folder] == []


def test_size_of_the_corpus() -> None:
    tables: list[Sized] = [
        *(kubeconfigs.TEXTS, kubeconfigs.MAPPINGS, kubeconfigs.REFERENCES),
        *(arguments.CONNECTION, arguments.HOSTS, arguments.NAMES, arguments.ADDRESSES, arguments.MEMBERS),
        *(arguments.AGENTS, arguments.CONFIGURATIONS, arguments.MANIFESTS, arguments.OTHERS),
    ]
    assert sum(len(table) for table in tables) >= 300
    assert with_("kind", "Config") == GOOD
