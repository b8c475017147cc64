# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change one value in a YAML text, or take it away, and leave every other byte alone (private to the collection)."""

from __future__ import annotations

import json
from typing import Any

from . import documents
from .merge import same

try:
    import yaml
except ImportError:  # pragma: no cover
    HAS_YAML = False
else:
    HAS_YAML = True


class NotEditable(ValueError):
    """The text has a form in which the value cannot be changed without touching another; the message says which."""


def with_value(text: str, section: str, key: str, value: str) -> str:
    """A text in which ``section.key`` is a value, and everything else is as it was: order, comments, quotes.

    The result is read again before it is given back, so a form that this does not understand does no harm.

    Args:
        text: one document, a mapping.
        section: a key of it that holds a mapping.
        key: the key in that.
        value: the text that is to stand there.

    Raises:
        NotEditable: the section is not there, or another value would change as well.
        documents.Malformed: the text is no YAML, or PyYAML is missing.
    """
    before = documents.load_one(text, "the text")  # within its bounds
    wanted = _set(before, section, key, value)
    mapping = _value_of(_compose(text), section)
    if not isinstance(mapping, yaml.MappingNode) or not mapping.value:
        raise NotEditable(f"{section} is no mapping with anything in it")
    quoted = json.dumps(value)  # a JSON string is a YAML string, on one line
    node = _value_of(mapping, key)
    if node is not None:
        start, end = node.start_mark.index, node.end_mark.index
        # An absent value has no place of its own: it ends where the colon does.
        new = text[:start] + (" " if text[start - 1 : start] == ":" else "") + quoted + text[end:]
    else:
        first = mapping.value[0][0].start_mark
        name = json.dumps(key) if mapping.flow_style else key
        line_end = "\r\n" if "\r\n" in text else "\n"
        between = ", " if mapping.flow_style else line_end + text[first.index - first.column : first.index]
        if not mapping.flow_style and between.strip():
            raise NotEditable(f"{section} does not begin on a line of its own")
        new = f"{text[: first.index]}{name}: {quoted}{between}{text[first.index :]}"
    try:
        after = documents.load_one(new, "the text")
    except documents.Malformed:
        after = None
    if not same(after, wanted):
        raise NotEditable(f"{section}.{key} stands in a form that cannot be changed by itself")
    return new


def without(text: str, section: str, key: str) -> str:
    """A text without ``section.key``, and everything else as it was; like :func:`with_value`.

    Raises:
        NotEditable: it is not there on a line of its own, or something else would change as well.
        documents.Malformed: the text is no YAML, or PyYAML is missing.
    """
    before = documents.load_one(text, "the text")
    inner = before.get(section) if isinstance(before, dict) else None
    mapping = _value_of(_compose(text), section)
    node = _value_of(mapping, key)
    if not isinstance(inner, dict) or node is None or mapping.flow_style:
        raise NotEditable(f"{section}.{key} is not there on a line of its own")
    line_end = text.find("\n", node.end_mark.index)
    new = text[: text.rfind("\n", 0, node.start_mark.index) + 1] + (text[line_end + 1 :] if line_end >= 0 else "")
    wanted = {**before, section: {name: value for name, value in inner.items() if name != key}}
    try:
        after = documents.load_one(new, "the text")
    except documents.Malformed:
        after = None
    if not same(after, wanted):
        raise NotEditable(f"{section}.{key} stands in a form that cannot be taken away by itself")
    return new


def _set(content: Any, section: str, key: str, value: str) -> dict[str, Any]:
    inner = content.get(section) if isinstance(content, dict) else None
    if not isinstance(inner, dict):
        raise NotEditable(f"it has no section {section}")
    return {**content, section: {**inner, key: value}}


def _compose(text: str) -> Any:
    # The pure loader: the marks of libyaml do not count as Python's strings do.
    return yaml.compose(text, Loader=yaml.SafeLoader)


def _value_of(mapping: Any, key: str) -> Any:
    """The node of a key; None if the mapping has no such key."""
    pairs = mapping.value if isinstance(mapping, yaml.MappingNode) else []
    return next((value for name, value in pairs if getattr(name, "value", None) == key), None)
