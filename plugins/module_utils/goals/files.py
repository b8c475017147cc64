# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: compared, and written in one step (private to the collection)."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..kube import documents, text_file
from ..kube.errors import KubeError
from ..kube.resources import Object
from ..kube.secret import Redactor
from ..kubesphere.result import Result
from .goal import Context

_LONGEST_NAME = 200  # letters; a partial file has some more
_MODE = 0o600  # a ClusterConfiguration holds the jwtSecret, an agent's Deployment its token


def expanded(path: str) -> Path:
    """A path as a user writes it: with variables of the environment, and ``~``."""
    return text_file.expanded(path)


def refuse_unwritable(path: Path) -> None:
    """Refuse a file that could not be written, before anything else is.

    Raises:
        KubeError: its folder is none, and cannot become one.
    """
    try:
        folder = next(each for each in path.absolute().parents if os.path.lexists(each))
        possible = folder.is_dir() and os.access(folder, os.W_OK) and len(path.name) <= _LONGEST_NAME
    except (OSError, ValueError):  # a path with a NUL in it, or too long
        possible = False
    if not possible:
        raise KubeError(
            f"{text_file.shown(path)} cannot be written", hint="Give a path in a folder that may be written to."
        )


def update(path: Path, objects: list[Object], context: Context, redactor: Redactor, result: Result) -> None:
    """Write objects to a file for its owner only, unless it holds them already.

    Args:
        path: the file.
        objects: what it is to hold.
        context: where the goal runs; check mode writes nothing.
        redactor: knows the secrets in the objects.
        result: gets the action and the difference.

    Raises:
        KubeError: it cannot be written.
    """
    former = put(path, documents.dump_all(objects), context)
    if former is None:
        return
    before, after = redactor.pair(_documents(former), objects)
    result.changed = True
    result.actions.append(f"write {path}")
    result.diff.append({"before_header": str(path), "after_header": str(path), "before": before, "after": after})


def put(path: Path, text: str, context: Context, mode: int = _MODE) -> str | None:
    """Write a file, unless it holds the text already and nobody else may read it than the mode says.

    Args:
        path: the file.
        text: what it is to hold.
        context: where the goal runs; check mode writes nothing.
        mode: who may read it.

    Returns:
        What it held before, empty if it was not there; None if nothing had to be written.

    Raises:
        KubeError: it cannot be written.
    """
    try:
        current = path.read_text(encoding="utf-8") if path.exists() else ""
        if current == text and path.stat().st_mode & 0o077 == mode & 0o077:
            return None
        if not context.check_mode:
            _write(path, text, mode)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise KubeError(
            f"{text_file.shown(path)} cannot be written: {cause}", hint="Give a folder that may be written to."
        ) from None
    return current


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file in one step, so that a killed run leaves no half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.fchmod(descriptor, mode)
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
