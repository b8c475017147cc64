# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module metrics (private to the collection)."""

from __future__ import annotations

import time

from ..kube.errors import KubeError
from ..kubesphere import prometheus
from ..kubesphere.result import Result
from . import files
from .goal import Context, Goal, Options

_MODE = 0o644  # node_exporter is another user
_SUFFIX = ".prom"


def run(options: Options, context: Context) -> Result:
    """Write a run's metrics as a file; no cluster is touched."""
    path = files.expanded(options["path"])
    if path.suffix != _SUFFIX:
        raise KubeError(
            f"metrics are not written to {path.name!r}: node_exporter reads files that end in {_SUFFIX}",
            hint=f"Give a path like /var/lib/node_exporter/kubesphere{_SUFFIX} (kubesphere_metrics_path).",
        )
    result = Result(data={"path": str(path)})
    try:
        text = prometheus.render(options["durations"], options["counts"], time.time())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise KubeError(
            f"durations and counts are not those of a run ({type(error).__name__}: {error})",
            hint="Give kubesphere_run.durations and kubesphere_run.counts, as the role report hands them on.",
        ) from None
    if files.put(path, text, context, _MODE) is not None:
        result.changed = True
        result.actions.append(f"write {path}")
    return result


GOAL = Goal(
    name="metrics",
    argument_spec={
        "path": {"type": "path", "required": True},
        "durations": {"type": "dict", "required": True},
        "counts": {"type": "dict", "required": True},
    },
    run=run,
)
