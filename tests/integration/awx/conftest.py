"""The data of extensions/awx, as Ansible sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import peers
from tests.check.command import run, tool
from tests.check.results import Outcome
from tests.prepare import COLLECTION_PATH, ROOT

AWX = ROOT / "extensions" / "awx"

Data = dict[str, Any]


def settings(folder: Path) -> Path:
    """A file of settings like a user's own, with two kubeconfigs beside it."""
    kubeconfigs = {f"awx_{name}_kubeconfig": folder / f"{name}.yaml" for name in ("host", "members")}
    for name, kubeconfig in kubeconfigs.items():
        user = f"{{name: {name}, user: {{token: secret-of-{name}}}}}"
        kubeconfig.write_text(f"apiVersion: v1\nkind: Config\nusers: [{user}]\n")
    file = folder / "settings.yml"
    file.write_text(yaml.safe_dump({name: str(path) for name, path in kubeconfigs.items()}))
    return file


def ansible(folder: Path, playbook: Path, *arguments: str, env: dict[str, str] | None = None) -> str:
    """The output of a playbook that has awx.awx at hand.

    Raises:
        AssertionError: it failed.
    """
    python = f"ansible_python_interpreter={tool('python')}"
    command: list[str | Path] = [tool("ansible-playbook"), "-i", "localhost,", "-e", python, *arguments, playbook]
    paths = {"ANSIBLE_COLLECTIONS_PATH": f"{COLLECTION_PATH}:{peers.folder()}", "ANSIBLE_HOME": str(folder / "ansible")}
    result = run(playbook.name, command, timeout=300, cwd=folder, env={**paths, **(env or {})})
    assert result.outcome is Outcome.PASSED, result.detail
    return result.detail


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """All variables of extensions/awx/vars, with the templates in them resolved."""
    folder = tmp_path_factory.mktemp("data")
    [play] = yaml.safe_load((AWX / "configure.yml").read_text())
    files = [str(AWX / name) for name in play["vars_files"]]
    names = [name for file in files for name in yaml.load(Path(file).read_text(), Loader=_Loader)]
    shown = "{{ dict(names | zip(query('ansible.builtin.vars', *names))) | to_json }}"
    write = {"ansible.builtin.copy": {"content": shown, "dest": str(folder / "data.json"), "mode": "0600"}}
    dump = {**play, "vars_files": files, "vars": {"names": names}, "tasks": [write]}
    playbook = folder / "dump.yml"
    playbook.write_text(yaml.safe_dump([dump], sort_keys=False))
    ansible(folder, playbook, "-e", f"@{settings(folder)}")
    return dict(json.loads((folder / "data.json").read_text()))


class _Loader(yaml.SafeLoader):
    """Reads the files for the names of their variables only."""


_Loader.add_constructor("!unsafe", lambda _loader, node: str(node.value))
