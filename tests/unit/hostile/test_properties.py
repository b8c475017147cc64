# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of every parser, whatever it is given: an answer or a refusal, never anything else."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import (
    documents,
    informer,
    kubeconfig,
    rollout,
    yaml_edit,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube import session as sessions
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.clock import Clock
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.connection import resolve
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.errors import (
    ConnectionOptionError,
    KubeError,
)
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.merge import merge_patch, patch_between
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.resources import CONFIG_MAP
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kube.secret import Redactor, visible
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import (
    address,
    agent,
    configuration,
    credentials,
    kubesphere_config,
    releases,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.fakes import FakeSession, item
from tests.unit.hostile.kubeconfigs import with_
from tests.unit.hostile.world import TOKEN
from tests.unit.kube.server import self_signed

ONE = FakeSession("one")
CERTIFICATE = self_signed("x.test")

always = settings(max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck))

ANYTHING = st.text(max_size=60)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
YAMLISH = st.lists(
    st.sampled_from([*"abc:-[]{}#&*!|>%@'\"\\\n \t,?", "- ", ": ", "<<: ", "!!", "---\n", "0x", "1:2", "é", "\0"])
)
KEYS = st.text("abcdef", min_size=1, max_size=4)
PLAIN = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
PLACES = ["users", "users.0", "users.0.user", "users.0.user.token", "clusters.0.cluster", "clusters.0.cluster.server"]
PLACES += ["contexts", "contexts.0.context", "contexts.0.context.user", "contexts.0.name", "current-context"]
PLACES += [f"users.0.user.{name}" for name in ("as", "as-groups", "username", "client-certificate-data", "tokenFile")]
PLACES += [f"clusters.0.cluster.{name}" for name in ("certificate-authority-data", "proxy-url", "tls-server-name")]


@always
@given(YAMLISH | ANYTHING)
def test_yaml(text: str) -> None:
    with contextlib.suppress(documents.Malformed):
        json.dumps(documents.load_all(text, "it"))


@always
@given(YAMLISH | ANYTHING)
def test_kubeconfig_text(text: str) -> None:
    with pytest.raises(ConnectionOptionError):
        kubeconfig.load(f"{text}\n")


@always
@given(st.sampled_from(PLACES), JUNK)
def test_kubeconfig_with_junk(place: str, junk: Any) -> None:
    config = json.loads(json.dumps(with_(place, junk)).replace("{server}", "https://192.0.2.1:6443"))
    with contextlib.suppress(ConnectionOptionError):
        found = resolve({"kubeconfig": config})
        found.ssl_context()
        sessions.Session(found, "one")
        made = credentials.from_connection(found)
        assert credentials.same(credentials.decode(credentials.encode(made)), made)
        credentials.problems(made, releases.find("v3.4.1"))


@always
@given(ANYTHING | st.builds("http://{}".format, ANYTHING) | st.from_regex(r"https?://[a-z0-9.\[\]:-]*", fullmatch=True))
def test_address(text: str) -> None:
    if address.problems(text):
        with pytest.raises(address.BadAddress):
            address.for_agent(text)
        return
    once = address.for_agent(text)
    assert address.problems(once) == []
    assert address.for_agent(once) == once
    assert address.same(text, once)


@always
@given(JUNK, ANYTHING)
@example(float("inf"), "")
@example(10**400, "")
def test_expiry_of_a_token(exp: Any, text: str) -> None:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).decode().rstrip("=")
    for token in (f"a.{payload}.b", f"a.{text}.b", text):
        config = {**with_("users.0.user.token", token)}
        config["clusters"][0]["cluster"]["server"] = "https://192.0.2.1"
        with contextlib.suppress(ConnectionOptionError):
            credentials.problems(config, releases.find("v3.4.1"))


@always
@given(st.binary(max_size=40), st.integers(0, 400))
def test_certificate(junk: bytes, place: int) -> None:
    pem = CERTIFICATE.certificate.encode()
    data = base64.b64encode(pem[:place] + junk + pem[place + len(junk) :]).decode()
    config = with_("users.0.user", {"client-certificate-data": data, "client-key-data": data})
    config["clusters"][0]["cluster"] = {"server": "https://192.0.2.1", "certificate-authority-data": data}
    with contextlib.suppress(ConnectionOptionError):
        credentials.problems(config, releases.find("v3.4.1"))
    with contextlib.suppress(ConnectionOptionError):
        resolve({"kubeconfig": config}).ssl_context()


SECTIONS = JUNK.map(lambda junk: json.dumps({"authentication": junk, "multicluster": junk}))


@always
@given(YAMLISH | JUNK.map(json.dumps) | SECTIONS)
def test_kubesphere_config(text: str) -> None:
    held = item(CONFIG_MAP, "kubesphere-config", "kubesphere-system", data={"kubesphere.yaml": text})
    ONE.put(held)
    with contextlib.suppress(KubeError):
        assert kubesphere_config.read(ONE)
    with contextlib.suppress(KubeError):
        kubesphere_config.with_proxy_address(ONE, held, "http://a:1")


SECTION = st.dictionaries(KEYS, PLAIN, min_size=1, max_size=4)


@always
@given(st.dictionaries(KEYS, PLAIN, max_size=4), SECTION, KEYS, st.text("ab: #'\"\\é{}", max_size=9))
def test_one_value_is_changed_and_all_else_is_kept(
    others: dict[str, Any], inner: dict[str, Any], key: str, value: str
) -> None:
    before = {**others, "section": inner}
    text = documents.dump_all([before])
    try:
        after = yaml_edit.with_value(text, "section", key, value)
    except yaml_edit.NotEditable:
        assert isinstance(inner.get(key), (list, dict))  # a text takes the place of a text, or of nothing
        return
    assert documents.load_one(after, "it") == {**before, "section": {**inner, key: value}}
    assert yaml_edit.with_value(after, "section", key, value) == after


@always
@given(PLAIN, PLAIN, PLAIN)
def test_merge_patches(live: Any, wanted: Any, other: Any) -> None:
    patch = patch_between(live, wanted)
    assert wanted == (live if patch is None else merge_patch(live, patch))
    assert patch_between(wanted, wanted) is None
    once = merge_patch(live, other)
    assert merge_patch(once, other) == once


@always
@given(st.text("abcXYZ019-_", min_size=8, max_size=40), st.binary(max_size=9), st.binary(max_size=9), ANYTHING)
def test_no_secret_passes_the_redactor(secret: str, before: bytes, after: bytes, around: str) -> None:
    redactor = Redactor([])
    redactor.add(secret)
    plain = before.hex() + " " + secret + " " + after.hex()
    inside = base64.b64encode(before + secret.encode() + after).decode()
    for text in (plain, f"{around}{secret}{around}", json.dumps({"x": [secret]}), inside):
        shown = redactor.text(text)
        assert secret not in shown
        for start in range(0, len(shown), 4):  # nothing of it is left to be decoded, either
            with contextlib.suppress(ValueError):
                assert secret.encode() not in base64.b64decode(shown[start:] + "==")
    assert secret not in repr(redactor.data({"a": [secret, {"b": plain}], "token": secret}))
    assert secret not in repr(redactor.pair({"a": secret}, {"a": plain}))


@always
@given(ANYTHING)
def test_nothing_that_a_terminal_obeys(text: str) -> None:
    assert visible(text).isprintable()


WRITTEN = st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*)?[+-]\d\d:\d\d")


@always
@given(ANYTHING | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | WRITTEN)
def test_times(text: str) -> None:
    found = rollout.parse_time(text)
    assert found is None or rollout.parse_time(rollout.written_time(found)) == found
    clock = Clock()
    assert (clock.told(text) == "") is (clock.now() == "")


@always
@given(ANYTHING | st.from_regex(r"\A\d+\Z"))
@example("²")
@example("9" * 5000)
def test_numbers_of_strangers(text: str) -> None:
    assert informer._number(text) >= 0
    assert 0 <= sessions._retry_after(text) <= 60


AGENTS = JUNK.map(lambda junk: {"kind": "Deployment", "metadata": {"name": "cluster-agent"}, "spec": junk})


@always
@given(YAMLISH | AGENTS.map(json.dumps))
def test_manifest_of_an_agent(text: str) -> None:
    with pytest.raises(KubeError):
        agent.parse(text, agent.Settings(), "one")


BODIES = JUNK | st.fixed_dictionaries({"message": JUNK, "object": JUNK})


@always
@given(st.binary(max_size=60) | BODIES.map(lambda body: json.dumps(body).encode()), st.integers(400, 599))
@example(b"[" * 100_000, 500)
def test_body_of_a_refusal(body: bytes, status: int) -> None:
    error = ONE._refused("read it", status, body)
    assert isinstance(error, KubeError)
    assert str(status) in str(error)


@always
@given(JUNK | st.dictionaries(KEYS, JUNK))
def test_values_of_a_configuration(values: Any) -> None:
    with contextlib.suppress(configuration.ConfigurationError):
        json.dumps(configuration.cluster_configuration(releases.find("v3.4.1"), "host", None, values), allow_nan=False)


@always
@given(ANYTHING)
def test_names(text: str) -> None:
    good = not configuration.check_cluster_name(text)
    assert not good or (text.isascii() and text == text.strip().lower() and len(text) <= 63)
    assert TOKEN not in repr(good)
