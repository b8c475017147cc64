"""Credentials reach a job as files, and nothing secret goes another way."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml

from tests.check.command import run, tool
from tests.check.results import Outcome
from tests.integration.awx.conftest import AWX, Data, ansible
from tests.integration.awx.inject import Injected, inventory_script

SECRET = "s3cret-{{ 7 * 6 }}-{% raw %}"
INVENTORY = AWX / "project" / "inventory" / "hosts.yml"
KUBECONFIG = f"apiVersion: v1\nusers: [{{name: a, user: {{token: '{SECRET}'}}}}]\n"


@pytest.fixture
def injected(tmp_path: Path, data: Data) -> Injected:
    """A job with both credentials."""
    folder = tmp_path / "env"
    folder.mkdir()
    given = Injected(folder)
    for number, kind in enumerate(data["controller_credential_types"]):
        given.add(kind, {"kubeconfig": f"# {number}\n{KUBECONFIG}"})
    return given


def test_files_have_what_was_filled_in(injected: Injected) -> None:
    assert {name: path.read_text() for name, path in injected.files.items()} == {
        "KubeSphere host template.host": f"# 0\n{KUBECONFIG}",
        "KubeSphere members template.members": f"# 1\n{KUBECONFIG}",
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in injected.files.values()} == {0o600}


def test_variables_and_environment_have_paths_only(injected: Injected) -> None:
    variables: Data = {}
    for file in injected.extra_vars:
        variables |= yaml.safe_load(file.read_text())
    paths = {str(path) for path in injected.files.values()}
    assert set(variables) == {"fleet_host_kubeconfig", "fleet_members_kubeconfig"}
    assert set(variables.values()) == paths
    assert set(injected.environment.values()) <= paths


def test_each_secret_is_marked_as_one(data: Data) -> None:
    for kind in data["controller_credential_types"]:
        assert [field["id"] for field in kind["inputs"]["fields"] if field.get("secret")] == kind["inputs"]["required"]


def test_clusters_of_the_project_get_their_kubeconfigs(tmp_path: Path, injected: Injected) -> None:
    """The inventory of the project, imported as AWX does, in a job with the credentials."""
    listed = run("list", [tool("ansible-inventory"), "-i", INVENTORY, "--list", "--export"], timeout=60)
    assert listed.outcome is Outcome.PASSED, listed.detail
    inventory = inventory_script(json.loads(listed.detail), tmp_path / "hosts")
    shown = {"kubeconfig": "{{ kubesphere_kubeconfig }}", "context": "{{ kubesphere_context | default('') }}"}
    copy = {"content": "{{ shown | to_json }}", "dest": f"{tmp_path}/{{{{ inventory_hostname }}}}.json", "mode": "0600"}
    tasks = [{"ansible.builtin.copy": copy}]
    play = {
        "hosts": "kubesphere_*",
        "connection": "local",
        "gather_facts": False,
        "vars": {"shown": shown},
        "tasks": tasks,
    }
    playbook = tmp_path / "show.yml"
    playbook.write_text(yaml.safe_dump([play]))
    ansible(tmp_path, playbook, "-i", str(inventory), *injected.arguments, env=injected.environment)
    host, members = (str(path) for path in injected.files.values())
    assert {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("*.json")} == {
        "frankfurt": {"kubeconfig": host, "context": ""},
        "berlin": {"kubeconfig": members, "context": "berlin"},
        "hamburg": {"kubeconfig": members, "context": "hamburg"},
    }


def test_without_its_credential_a_job_says_what_is_missing(tmp_path: Path) -> None:
    playbook = AWX / "project" / "playbooks" / "preflight.yml"
    arguments: list[str | Path] = [tool("ansible-playbook"), "-i", INVENTORY, playbook]
    result = run("preflight", arguments, timeout=60, env={"ANSIBLE_HOME": str(tmp_path)})
    assert result.outcome is Outcome.FAILED
    assert "'fleet_host_kubeconfig' is undefined" in result.detail
