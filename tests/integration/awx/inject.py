"""What AWX gives a job: its credentials, as files, environment and variables, and an inventory.

Imitated are inject_credential of ansible/awx awx/main/models/credential.py, and get_script_data of
awx/main/models/inventory.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2.sandbox
import yaml

from tests.integration.awx import rules


@dataclass
class Injected:
    """What a job gets.

    Attributes:
        folder: where files are written, as AWX's private data folder.
        environment: variables of the environment.
        extra_vars: files of variables, for ``-e @``.
        files: paths by credential and name.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    extra_vars: list[Path] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        """Arguments of ansible-playbook."""
        return [part for file in self.extra_vars for part in ("-e", f"@{file}")]

    def write(self, name: str, text: str) -> Path:
        """A file that only the job reads."""
        file = self.folder / name
        file.touch(mode=0o600)
        file.write_text(text)
        return file

    def add(self, kind: Mapping[str, Any], inputs: Mapping[str, str]) -> None:
        """Inject one credential.

        Args:
            kind: its type, as in the data.
            inputs: what a user has filled in; what is empty is not there.
        """
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment()
        names: dict[str, Any] = {name: value for name, value in inputs.items() if value}

        def render(text: str) -> str:
            return environment.from_string(text).render(names)

        injectors, prefix = kind["injectors"], f"tmp-{len(self.extra_vars)}"
        texts = {name: render(text) for name, text in injectors.get("file", {}).items()}
        written = {name: self.write(f"{prefix}-{name}", text) for name, text in texts.items()}
        self.files |= {f"{kind['name']} {name}": path for name, path in written.items()}
        names["tower"] = {"filename": rules.filenames({name: str(path) for name, path in written.items()})}
        self.environment |= {name: render(text) for name, text in injectors.get("env", {}).items()}
        variables = {name: render(text) for name, text in injectors.get("extra_vars", {}).items()}
        if variables:
            self.extra_vars.append(self.write(f"{prefix}-vars", yaml.safe_dump(variables)))


def inventory_script(exported: Mapping[str, Any], file: Path) -> Path:
    """An inventory as a job gets it: a program that prints what AWX has imported.

    Args:
        exported: what ``ansible-inventory --list --export`` says, from which AWX imports.
        file: to be written.
    """
    file.write_text(f"#!/usr/bin/env python3\nprint({json.dumps(exported)!r})\n")
    file.chmod(0o700)
    return file
