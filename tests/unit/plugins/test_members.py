# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the inventory plugin and of the lookups that it names, by Ansible's own programs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.check.command import environment
from tests.plugin_docs import documentation
from tests.prepare import ROOT
from tests.unit.kube.server import Reply, Request, Server, serving
from tests.unit.kubesphere.clusters import TOKEN, cluster, config_map, kubeconfig, of_host

CLUSTERS = "/apis/cluster.kubesphere.io/v1alpha1/clusters"
API_KEY = "pLanted-api-key-of-the-host"
INJECTED = "{{ 6 * 7 }}"
INJECTED_TOKEN = "{{6*7}}"  # what a header takes
PLUGIN = "kubesphere.multicluster.members"
EXAMPLES_OF = ROOT / "plugins" / "inventory" / "members.py"
SECRETS = (TOKEN, API_KEY, "pLanted-jwt-secret", "pLanted-agent-token", kubeconfig()[:200])


def objects() -> dict[str, Any]:
    """What the host has, by path."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    alias = {"kubesphere.io/alias-name": INJECTED}
    members = [
        of_host(updated=now),
        cluster("berlin", updated=now, annotations=alias, labels={"tier": "gold"}),
        cluster("bremen", "proxy", updated=now, token="pLanted-agent-token"),
        cluster("hamburg", ready="False", updated=now, kubeconfig=kubeconfig(token=INJECTED_TOKEN)),
    ]
    members[3]["status"]["conditions"][0]["message"] = INJECTED
    found = {f"{CLUSTERS}/{each['metadata']['name']}": each for each in members}
    found["/api/v1/namespaces/kubesphere-system/configmaps/kubesphere-config"] = config_map()
    for each in found.values():
        each["metadata"] |= {"uid": each["metadata"]["name"], "resourceVersion": "1"}
    return found


@pytest.fixture
def host() -> Iterator[Server]:
    """The host's API server."""
    stands = objects()

    def answer(request: Request) -> Reply:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return Reply(401, {"message": "Unauthorized"})
        path = request.path.partition("?")[0]
        if path == CLUSTERS:
            items = [each for each in stands.values() if each["kind"] == "Cluster"]
            return Reply(200, {"metadata": {"resourceVersion": "1"}, "items": items})
        return Reply(200, stands[path]) if path in stands else Reply(404, {"message": "not found"})

    with serving() as server:
        server.script[:] = [answer]
        yield server


@pytest.fixture
def source(tmp_path: Path, host: Server) -> Path:
    """An inventory source with a credential in it."""
    return written(tmp_path, host=host.url, api_key=API_KEY)


def written(folder: Path, name: str = "kubesphere.yml", **options: Any) -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump({"plugin": PLUGIN, "request_timeout": 2, **options}))
    return path


def run(program: str, source: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one of Ansible's programs, of the virtual environment that the tests run in."""
    settings = {
        "ANSIBLE_HOME": str(source.parent / "home"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true",
        "ANSIBLE_DEVEL_WARNING": "false",
        **env,
    }
    command = [str(Path(sys.executable).with_name(program)), "-i", str(source), *arguments]
    return subprocess.run(
        command, env=environment(settings), cwd=source.parent, capture_output=True, text=True, timeout=60, check=False
    )


def listed(source: Path, **env: str) -> dict[str, Any]:
    ended = run("ansible-inventory", source, "--list", **env)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


def test_an_inventory(source: Path, host: Server) -> None:
    found = listed(source)
    assert found["kubesphere_host"]["hosts"] == ["host"]
    assert found["kubesphere_members"]["hosts"] == ["berlin", "bremen", "hamburg"]
    assert found["kubesphere_not_ready"]["hosts"] == ["hamburg"]
    variables = found["_meta"]["hostvars"]
    assert variables["bremen"]["kubesphere_reachable"] is False
    assert "kubesphere_kubeconfig" not in variables["bremen"]
    by_lookup = "{{ lookup('kubesphere.multicluster.member_kubeconfig', kubesphere_cluster_name) }}"
    assert variables["berlin"]["kubesphere_kubeconfig"] == by_lookup
    of_host = f"{{{{ lookup('kubesphere.multicluster.host_kubeconfig', source='{source}') }}}}"
    assert variables["host"]["kubesphere_kubeconfig"] == of_host
    assert len(host.requests) == 2


@pytest.mark.parametrize("example", documentation(EXAMPLES_OF)["EXAMPLES"], ids=range(3))
def test_examples_make_an_inventory(tmp_path: Path, host: Server, example: dict[str, Any]) -> None:
    """As they stand, but for the way to the host: of clusters without a credential, too."""
    used = {**example, "kubeconfig": None, "host": host.url, "api_key": API_KEY}
    if "cache_connection" in used:
        used["cache_connection"] = str(tmp_path / "cache")
    found = listed(written(tmp_path, **used))
    assert {"berlin", "bremen", "hamburg"} == set(found["kubesphere_members"]["hosts"])
    assert found["kubesphere_host"]["hosts"] == [example.get("cluster_name", "host")]


def test_no_secret_is_shown_or_kept(source: Path) -> None:
    settings = {
        "ANSIBLE_INVENTORY_CACHE": "true",
        "ANSIBLE_INVENTORY_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_INVENTORY_CACHE_CONNECTION": str(source.parent / "cache"),
    }
    ended = run("ansible-inventory", source, "--list", "-vvvv", **settings)
    kept = [path.read_text() for path in (source.parent / "cache").iterdir()]
    assert "berlin" in ended.stdout
    assert "berlin" in "".join(kept)
    shown = [text for text in (ended.stdout, ended.stderr, *kept) for secret in SECRETS if secret in text]
    assert shown == []


def test_what_is_kept_is_not_asked_for_again_unless_it_is_to_be(source: Path, host: Server) -> None:
    settings = {
        "ANSIBLE_INVENTORY_CACHE": "true",
        "ANSIBLE_INVENTORY_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_INVENTORY_CACHE_CONNECTION": str(source.parent / "cache"),
    }
    first = listed(source, **settings)
    asked = len(host.requests)
    assert listed(source, **settings) == first
    assert len(host.requests) == asked
    written(source.parent, host=host.url, api_key=API_KEY, label_selector="tier=gold")
    listed(source, **settings)
    again = len(host.requests)
    assert again > asked
    playbook = source.parent / "nothing.yml"
    playbook.write_text("[{hosts: kubesphere_host, gather_facts: false}]")
    ended = run("ansible-playbook", source, str(playbook), "--flush-cache", **settings)
    assert ended.returncode == 0, ended.stderr
    assert len(host.requests) > again


def test_a_cluster_writes_no_templates(source: Path) -> None:
    message = "alias={{ kubesphere_alias | default('') }} token={{ kubesphere_kubeconfig.users[0].user.token }} "
    message += "seen={{ kubesphere_seen_problem }}"
    ended = run("ansible", source, "berlin:hamburg", "-c", "local", "-m", "debug", "-a", f"msg='{message}'")
    assert f'alias={INJECTED} token={TOKEN} seen="' in ended.stdout, ended.stdout + ended.stderr
    assert f"alias= token={INJECTED_TOKEN} seen=Cluster hamburg is not Ready: Because; {INJECTED}" in ended.stdout


def test_what_a_user_makes_of_it(tmp_path: Path, host: Server) -> None:
    source = written(
        tmp_path,
        "fleet.kubesphere.yaml",
        host="{{ 'HOST' | replace('HOST', '" + host.url + "') }}",
        api_key="{{ lookup('ansible.builtin.env', 'FLEET_TOKEN') }}",
        cluster_name="frankfurt",
        host_variables={"kubesphere_proxy_source": "node_port", "derived": "{{ kubesphere_proxy_source | upper }}"},
        strict=True,
        compose={
            "kubesphere_kubeconfig": "'/kube/' ~ kubesphere_cluster_name",
            "described": "kubesphere_alias | default('none') ~ ' by ' ~ kubesphere_connection | default('itself')",
        },
        groups={"gold": "(kubesphere_labels | default({})).tier | default('') == 'gold'"},
        keyed_groups=[{"key": "kubesphere_seen_nodes | string", "prefix": "nodes"}],
    )
    found = listed(source, FLEET_TOKEN=API_KEY)
    assert found["kubesphere_host"]["hosts"] == ["frankfurt"]
    assert found["gold"]["hosts"] == ["berlin"]
    assert found["nodes_3"]["hosts"] == ["frankfurt", "berlin", "bremen", "hamburg"]
    message = "msg='{{ derived | default(described) }} {{ kubesphere_kubeconfig }}'"
    debug = ("frankfurt:berlin:bremen", "-c", "local", "-m", "debug", "-a", message)
    ended = run("ansible", source, *debug, FLEET_TOKEN=API_KEY)
    for expected in ("NODE_PORT /kube/host", f"{INJECTED} by direct /kube/berlin", "none by agent /kube/bremen"):
        assert f'"{expected}"' in ended.stdout


def test_group_vars_go_before_what_clusters_have_in_common(source: Path) -> None:
    folder = source.parent / "group_vars"
    folder.mkdir()
    (folder / "all.yml").write_text("kubesphere_release: v3.3.2\n")
    (folder / "kubesphere_members.yml").write_text("kubesphere_kubeconfig: ~/.kube/{{ inventory_hostname }}\n")
    variables = listed(source)["_meta"]["hostvars"]
    assert variables["berlin"]["kubesphere_release"] == "v3.3.2"
    assert variables["berlin"]["kubesphere_kubeconfig"] == "~/.kube/{{ inventory_hostname }}"


def test_the_environment_says_how_the_host_is_reached(tmp_path: Path, host: Server) -> None:
    source = written(tmp_path)
    settings = {"K8S_AUTH_HOST": host.url, "K8S_AUTH_API_KEY": API_KEY}
    by_lookup = "{{ lookup('kubesphere.multicluster.host_kubeconfig') }}"
    assert listed(source, **settings)["_meta"]["hostvars"]["host"]["kubesphere_kubeconfig"] == by_lookup
    message = "msg={{ kubesphere_kubeconfig.users[0].user.token }}"
    ended = run("ansible", source, "berlin", "-c", "local", "-m", "debug", "-a", message, **settings)
    assert TOKEN in ended.stdout, ended.stderr


def test_a_path_stays_a_path(tmp_path: Path, host: Server) -> None:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": host.url}}],
        "users": [{"name": "u", "user": {"token": API_KEY}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "host.kubeconfig").write_text(yaml.safe_dump(config))
    variables = listed(written(tmp_path, kubeconfig="host.kubeconfig", context="x"))["_meta"]["hostvars"]
    assert variables["host"]["kubesphere_kubeconfig"] == str(tmp_path / "host.kubeconfig")
    assert variables["host"]["kubesphere_context"] == "x"


def test_a_vault_keeps_the_credential(tmp_path: Path, host: Server) -> None:
    password = tmp_path / "password"
    password.write_text("of the vault\n")
    vault = [
        str(Path(sys.executable).with_name("ansible-vault")),
        "encrypt_string",
        "--vault-password-file",
        str(password),
    ]
    done = subprocess.run([*vault, API_KEY], env=environment(), capture_output=True, text=True, check=True)
    source = tmp_path / "kubesphere.yml"
    source.write_text(f"plugin: {PLUGIN}\nhost: {host.url}\napi_key: {done.stdout}")
    message = "msg={{ kubesphere_kubeconfig.users[0].user.token }}"
    debug = ("-c", "local", "-m", "debug", "-a", message, "--vault-password-file", str(password))
    ended = run("ansible", source, "berlin", *debug)
    assert TOKEN in ended.stdout, ended.stderr


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"hosst": "x"}, "there is no option hosst, is it host? See 'ansible-doc -t inventory"),
    ({"group_by": ["colour"]}, "group_by"),
    ({"api_key": "of-somebody-else"}, "host: Failed to list clusters: 401 from http://127.0.0.1"),
    ({"host": "http://127.0.0.1:1"}, "no answer from http://127.0.0.1:1"),
    ({"host": "nowhere at all"}, "the API server's address 'nowhere at all' is no URL"),
    ({"kubeconfig": "missing.kubeconfig"}, "missing.kubeconfig) cannot be read: No such file or directory"),
    ({"request_timeout": 0}, "request_timeout is 0"),
]


def test_what_goes_wrong_is_said_in_a_message(tmp_path: Path, host: Server) -> None:
    sources = []
    with serving() as empty:
        empty.script[:] = [Reply(404, {"message": "the server could not find the requested resource"})]
        missing = ({"host": empty.url}, "host: KubeSphere is not installed here as a host")
        for number, (options, _message) in enumerate([*WRONG, missing]):
            folder = tmp_path / str(number)
            folder.mkdir()
            sources.append(written(folder, **{"host": host.url, "api_key": API_KEY, **options}))
        more = [word for source in sources[1:] for word in ("-i", str(source))]
        ended = run("ansible-inventory", sources[0], *more, "--graph")
    text = " ".join(ended.stderr.split())
    assert [message for _options, message in [*WRONG, missing] if message not in text] == [], text
    assert ended.returncode != 0
    assert "Traceback" not in text
    assert API_KEY not in text


def test_a_lookup_says_why_there_is_nothing(source: Path) -> None:
    template = "{{ lookup('kubesphere.multicluster.member_kubeconfig', 'bremen') }}"
    ended = run("ansible", source, "berlin", "-c", "local", "-m", "debug", "-a", f"msg={template}")
    text = " ".join((ended.stdout + ended.stderr).split())
    assert "host: bremen is connected by agent" in text
    assert API_KEY not in text
    assert ended.returncode != 0
