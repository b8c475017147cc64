# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module manifests (private to the collection)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..kube import documents
from ..kube.errors import KubeError
from ..kube.resources import Object
from ..kube.secret import Redactor
from ..kubesphere import installation
from ..kubesphere.result import Result
from .authentication import CLUSTER_NAME
from .cluster_configuration import INSTALLATION, wanted
from .goal import Context, Goal, Options, named

_MODE = 0o600  # the ClusterConfiguration holds the jwtSecret


def run(options: Options, context: Context) -> Result:
    """Write the manifests of one installation as files; no cluster is touched."""
    target = wanted(options)
    objects, cluster_configuration = installation.manifests(target)
    files = {
        # In the order to apply them; kubectl takes a folder's files by name.
        "1-kubesphere-installer.yaml": objects,
        "2-cluster-configuration.yaml": [cluster_configuration],
    }
    folder = Path(os.path.expandvars(options["path"])).expanduser() / named(options, context)
    redactor = Redactor([target.jwt_secret] if target.jwt_secret else [])
    result = Result(data={"files": [str(folder / name) for name in files]})
    if not target.jwt_secret and not cluster_configuration["spec"]["authentication"].get("jwtSecret"):
        result.warnings.append(
            f"{named(options, context)}: jwtSecret is empty in the manifest, so ks-installer makes one up. "
            "Host and members need the same: set kubesphere_jwt_secret, or fill in the host's before you apply it."
        )
    for name, held in files.items():
        _update(folder / name, held, context, redactor, result)
    return result


def _update(path: Path, objects: list[Object], context: Context, redactor: Redactor, result: Result) -> None:
    text = documents.dump_all(objects)
    try:
        current = path.read_text(encoding="utf-8") if path.exists() else ""
        if current == text:
            return
        if not context.check_mode:
            _write(path, text)
    except (OSError, ValueError) as error:
        raise KubeError(f"{path} cannot be written: {error}", hint="Give a folder that may be written to.") from None
    before, after = redactor.pair(_documents(current), objects)
    result.changed = True
    result.actions.append(f"write {path}")
    result.diff.append({"before_header": str(path), "after_header": str(path), "before": before, "after": after})


def _write(path: Path, text: str) -> None:
    """Write a file in one step, so that a killed run leaves no half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.fchmod(descriptor, _MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _documents(text: str) -> list[Object]:
    try:
        return [document for document in documents.load_all(text, "the former file") if document is not None]
    except documents.Malformed:
        return []


GOAL = Goal(
    name="manifests",
    argument_spec={**CLUSTER_NAME, **INSTALLATION, "path": {"type": "path", "required": True}},
    run=run,
)
