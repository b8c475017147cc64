# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goal of the module report (private to the collection)."""

from __future__ import annotations

import glob
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..kube import text_file
from ..kube.errors import KubeError
from ..kubesphere import durations, health, report_merge, report_shape
from ..kubesphere.result import Result
from . import files
from .goal import Context, Goal, Options

Data = dict[str, Any]

Render = Callable[[Data, str], Mapping[str, str]]
"""Makes the files for people, by name, of a report, with the templates of a folder; raises ValueError."""

DATA = "report.json"
PAGE = "index.html"

HEALTH, WORST_FIRST, in_seconds = health.HEALTH, health.WORST_FIRST, durations.in_seconds
"""For those who show it."""

_LARGEST = 64 * 2**20  # bytes of a part; a thousand clusters take about one and a half
_MODE = 0o666  # less what the umask takes: there are no secrets in it


def goal(render: Render) -> Goal:
    """The goal of the module report.

    Args:
        render: makes the files for people.
    """
    return Goal(
        name="report",
        argument_spec={
            "path": {"type": "path", "required": True},
            "report": {"type": "dict"},
            "parts": {"type": "list", "elements": "path", "default": []},
            "templates": {"type": "path", "required": True},
        },
        run=partial(run, render),
        rules={"required_one_of": [["report", "parts"]]},
    )


def run(render: Render, options: Options, context: Context) -> Result:
    """Put reports together, and write the whole as files; no cluster is touched."""
    own = [_own(options["report"])] if options["report"] else []
    parts = [*own, *(_read(path) for path in _found(options["parts"]))]
    if not parts:
        raise KubeError("there is nothing to report", hint="Give a report, or parts (report_parts).")
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    whole = report_merge.merged(parts, written) if len(parts) > 1 else parts[0]
    folder = files.expanded(options["path"])
    try:
        pages = render(whole, str(files.expanded(options["templates"])))
    except ValueError as error:
        raise KubeError(
            f"the report cannot be rendered: {error}", hint="Mend the template (report_templates), or leave it out."
        ) from None
    texts = {DATA: json.dumps(whole, indent=1, ensure_ascii=False) + "\n", **pages}
    result = Result(data={"path": str(folder / PAGE), "files": [str(folder / name) for name in texts]})
    mode = _MODE & ~_umask()
    for name, text in texts.items():
        if files.put(folder / name, text, context, mode) is not None:
            result.changed = True
            result.actions.append(f"write {folder / name}")
    result.data |= {key: whole[key] for key in ("verdict", "totals", "conflicts")}
    return result


def _own(given: Mapping[str, Any]) -> Data:
    try:
        return report_shape.checked(given)
    except report_shape.Unfit as error:
        raise KubeError(
            f"what was given is no report: {error}", hint="Give what the filter fleet_report returns."
        ) from None


def _found(parts: Sequence[str]) -> Iterator[Path]:
    """The files of the parts, each once: a file, a folder that has one, or a pattern of either."""
    seen: set[Path] = set()
    for given in parts:
        name = str(files.expanded(given))
        paths = [Path(name)] if os.path.lexists(name) else [Path(each) for each in sorted(glob.glob(name))]  # noqa: PTH207
        if not paths:
            raise KubeError(
                f"there is no part {text_file.shown(given)}",
                hint=f"Give the {DATA} of another run, its folder, or a pattern of them (report_parts).",
            )
        for path in paths:
            file = path / DATA if path.is_dir() else path
            if file not in seen:
                seen.add(file)
                yield file


def _read(path: Path) -> Data:
    try:
        part = report_shape.parsed(text_file.read(path, _LARGEST))
    except ValueError as error:
        raise KubeError(
            f"part {text_file.shown(path)} is refused: {error}",
            hint=f"Give a {DATA} that this collection has written (report_parts).",
        ) from None
    for each in part["runs"]:
        each["file"] = each["file"] or str(path)
    return part


def _umask() -> int:
    """What the user does not want others to do with new files."""
    current = os.umask(0o077)
    os.umask(current)
    return current
