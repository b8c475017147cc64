# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module results (private to the collection)."""

from __future__ import annotations

import json
import time

from ..kube.errors import KubeError
from ..kubesphere import junit
from ..kubesphere.result import Result
from . import files
from .goal import Context, Goal, Options

_MODE = 0o644  # what shows them is often another user
JUNIT, JSON = "junit.xml", "results.json"


def run(options: Options, context: Context) -> Result:
    """Write results for a pipeline as files; no cluster is touched."""
    folder = files.expanded(options["path"])
    results = options["results"]
    try:
        texts = {JUNIT: junit.render(results, time.time()), JSON: f"{json.dumps(results, indent=2)}\n"}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise KubeError(
            f"these are no results of a run ({type(error).__name__}: {error})",
            hint="Give what the filters run_results and status_results return.",
        ) from None
    result = Result(data={"junit": str(folder / JUNIT), "json": str(folder / JSON)})
    for name, text in texts.items():
        if files.put(folder / name, text, context, _MODE) is not None:
            result.changed = True
            result.actions.append(f"write {folder / name}")
    return result


GOAL = Goal(
    name="results",
    argument_spec={"path": {"type": "path", "required": True}, "results": {"type": "dict", "required": True}},
    run=run,
)
