# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API server takes for names, labels and annotations (private to the collection).

Looked at before anything is written, so that no run ends halfway over a blank in a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_WORD = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_SUBDOMAIN = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
_KEY = re.compile(rf"((?=[^/]{{1,253}}/){_SUBDOMAIN}/)?{_WORD}")
_LABEL = re.compile(rf"({_WORD})?")
_NAME = re.compile(rf"(?=.{{1,253}}$){_SUBDOMAIN}")
_MOST_ANNOTATIONS = 256 * 1024  # bytes of all annotations of an object


def is_name(name: Any) -> bool:
    """Whether an object may be called so."""
    return isinstance(name, str) and bool(_NAME.fullmatch(name))


def label_problems(labels: Mapping[Any, Any]) -> Iterator[str]:
    """Why the API server would not take labels; None as a value sets none."""
    for key, value in labels.items():
        if not _is_key(key):
            yield f"the label {_shown(key)} has a key that Kubernetes does not take"
        elif value is not None and not (_is_plain(value) and _LABEL.fullmatch(str(value))):
            yield (
                f"the label {key} has the value {_shown(value)}: it takes up to 63 letters, digits, '-', '_' and '.'"
            )


def annotation_problems(annotations: Mapping[Any, Any]) -> Iterator[str]:
    """Why the API server would not take annotations; None as a value sets none."""
    for key, value in annotations.items():
        if not _is_key(key):
            yield f"the annotation {_shown(key)} has a key that Kubernetes does not take"
        elif value is not None and not _is_plain(value):
            yield f"the annotation {key} is a {type(value).__name__}: put a text in quotes"
    if sum(len(str(key)) + len(str(value)) for key, value in annotations.items()) > _MOST_ANNOTATIONS:
        yield f"the annotations have more than {_MOST_ANNOTATIONS} bytes"


def _is_key(key: Any) -> bool:
    return isinstance(key, str) and bool(_KEY.fullmatch(key))


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 100 else f"{text[:100]}…"
