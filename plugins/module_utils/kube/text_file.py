# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that users name: read within bounds (private to the collection)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_LONGEST_SHOWN = 250  # letters; whoever gives a token or a whole kubeconfig for a path should not see it in a message


def read(path: Path, largest: int) -> str:
    """Text of a file.

    A pipe or a device is refused: the one may never begin, the other never end.

    Args:
        path: the file.
        largest: bytes that it may have.

    Raises:
        ValueError: it cannot be read, is no file, too large, or no text; the message says which, and not the path.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise ValueError("it is a pipe or a device")
            content = file.read(largest + 1)  # what stat says need not be so: in /proc all files are empty
    except OSError as error:
        raise ValueError(error.strerror) from None
    if len(content) > largest:
        raise ValueError(f"it is larger than {largest} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None


def expanded(path: str) -> Path:
    """A path as a user writes it: with variables of the environment, and ``~``."""
    return home(os.path.expandvars(path))


def home(path: str | Path) -> Path:
    """A path in which ``~`` is a home; that of nobody stays as it is, and is not found."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises for nobody's home


def shown(path: Path | str) -> str:
    """A path as messages show it."""
    text = str(path)
    return text if len(text) <= _LONGEST_SHOWN else f"a path of {len(text)} letters"
