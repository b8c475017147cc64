# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a value's templates are made of, as far as it can be told without evaluating them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes

_MARKS = ("{{", "{%", "{#")

_PURE_FILTERS = frozenset(
    [
        *("bool", "combine", "d", "default", "dict2items", "extract", "first", "int", "join", "last", "length", "list"),
        *("lower", "map", "reject", "select", "selectattr", "sort", "string", "trim", "unique", "upper"),
    ]
)
_OURS = "kubesphere.multicluster."
"""The filters of the collection make the same of the same."""


@dataclass(frozen=True)
class Parts:
    """What templates are made of.

    Attributes:
        names: variables that they read.
        pure: whether nothing else has a part in their result: no lookup, no filter that may draw a number.
        settled: whether they may be evaluated once for several uses.
    """

    names: frozenset[str]
    pure: bool
    settled: bool


def has_templates(value: Any) -> bool:
    """Whether a value may be more than it says; what is of no plain type may, for example what a vault holds."""
    if value is None or isinstance(value, (bool, int, float)):
        return False
    if isinstance(value, str):
        return any(mark in value for mark in _MARKS)
    if isinstance(value, Mapping):
        return any(has_templates(each) for pair in value.items() for each in pair)
    if isinstance(value, (list, tuple)):
        return any(map(has_templates, value))
    return True


def parts(value: Any) -> Parts | None:
    """The parts of all templates in a value; None if they cannot be told."""
    found = [_parts(str(text)) for text in _texts(value)]
    if None in found:
        return None
    known = [each for each in found if each is not None]
    return Parts(
        frozenset().union(*(each.names for each in known)),
        all(each.pure for each in known),
        all(each.settled for each in known),
    )


def _texts(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for pair in value.items():
            for each in pair:
                yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
    elif has_templates(value):
        yield value


@lru_cache(maxsize=4096)
def _parts(text: str) -> Parts | None:
    try:
        tree = jinja2.Environment(autoescape=False).parse(text)  # noqa: S701 - it is read, never rendered
    except jinja2.TemplateSyntaxError:
        return None
    filters = {str(each.name) for each in tree.find_all(nodes.Filter)}
    others = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)  # templates that are not looked into
    known = all(name in _PURE_FILTERS or name.startswith(_OURS) for name in filters)
    settled = known and not any(True for _other in tree.find_all(others))
    pure = settled and not any(True for _call in tree.find_all(nodes.Call))
    # Names that a template gives to parts of its own are among them; as variables they would be read for nothing.
    return Parts(frozenset(each.name for each in tree.find_all(nodes.Name)), pure, settled)
