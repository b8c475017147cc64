# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module manifests (private to the collection)."""

from __future__ import annotations

from pathlib import Path

from ..kube.errors import KubeError
from ..kube.secret import Redactor
from ..kubesphere import installation
from ..kubesphere.result import Result
from . import files
from .authentication import CLUSTER_NAME
from .cluster_configuration import INSTALLATION, wanted
from .goal import Context, Goal, Options, named


def run(options: Options, context: Context) -> Result:
    """Write the manifests of one installation as files; no cluster is touched."""
    target = wanted(options)
    if named(options, context) != Path(named(options, context)).name or "\0" in named(options, context):
        raise KubeError(
            f"the name {named(options, context)!r} is none of a folder, which its manifests would go to",
            hint="Give the cluster a name without slashes.",
        )
    objects, cluster_configuration = installation.manifests(target)
    contents = {
        # In the order to apply them; kubectl takes a folder's files by name.
        "1-kubesphere-installer.yaml": objects,
        "2-cluster-configuration.yaml": [cluster_configuration],
    }
    folder = files.expanded(options["path"]) / named(options, context)
    redactor = Redactor([target.jwt_secret] if target.jwt_secret else [])
    result = Result(data={"files": [str(folder / name) for name in contents]})
    if not target.jwt_secret and not cluster_configuration["spec"]["authentication"].get("jwtSecret"):
        result.warnings.append(
            f"{named(options, context)}: jwtSecret is empty in the manifest, so ks-installer makes one up. "
            "Host and members need the same: set kubesphere_jwt_secret, or fill in the host's before you apply it."
        )
    for name, held in contents.items():
        files.update(folder / name, held, context, redactor, result)
    return result


GOAL = Goal(
    name="manifests",
    argument_spec={**CLUSTER_NAME, **INSTALLATION, "path": {"type": "path", "required": True}},
    run=run,
)
