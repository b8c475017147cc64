# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML as Kubernetes understands it: read within bounds, and written (private to the collection)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import KubeError

try:
    import yaml
except ImportError:  # pragma: no cover
    HAS_YAML = False
else:
    HAS_YAML = True

    class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Knows what JSON has: dates stay text, and a tag for anything else is refused."""

        yaml_implicit_resolvers = {  # noqa: RUF012 - the form that PyYAML reads
            first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def number(self, node: Any) -> Any:
            """A number; what is one to the base of sixty in YAML 1.1 (1:30) is a text to Kubernetes."""
            if ":" in self.construct_scalar(node):
                return node.value
            integer = node.tag.endswith(":int")
            return self.construct_yaml_int(node) if integer else self.construct_yaml_float(node)

    for _tag in ("int", "float"):
        _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.number)
    for _tag in ("binary", "set", "omap", "pairs", "timestamp"):
        _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_undefined)

    class _Dumper(yaml.SafeDumper):
        """Takes the strings, mappings and lists of Ansible, which are subclasses, and never writes an alias."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
            return True

    _Dumper.add_multi_representer(str, _Dumper.represent_str)
    _Dumper.add_multi_representer(dict, _Dumper.represent_dict)
    _Dumper.add_multi_representer(list, _Dumper.represent_list)


_DEEPEST = 100  # mappings and lists inside each other; libyaml crashes the process at some ten thousand
_MOST = 1_000_000  # values, each alias counted as what it stands for


class Malformed(KubeError):
    """A text is not the YAML that it should be."""


def load_all(text: str, origin: str) -> list[Any]:
    """The documents of a YAML or JSON text; empty ones are None.

    Args:
        text: what to read.
        origin: what messages call it: ``manifest install.yaml``.

    Raises:
        Malformed: it is no YAML, or nested or expanded beyond all use.
    """
    if not HAS_YAML:
        raise Malformed(
            f"{origin} cannot be read: the Python package PyYAML is missing", hint="Run 'pip install PyYAML'."
        )
    try:
        _check_size(text, origin)
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise Malformed(f"{origin} is no YAML{where}") from None
    except ValueError as error:  # a number or a key that has the form of one, but is none
        raise Malformed(f"{origin} is no YAML: {error}") from None
    except (AttributeError, KeyError, IndexError, TypeError):  # PyYAML, of a tag whose value is none of its kind
        raise Malformed(f"{origin} is no YAML: a tag does not fit its value") from None


def load_one(text: str, origin: str) -> Any:
    """The one document of a text; None if there is none.

    Args:
        text: what to read.
        origin: what messages call it.

    Raises:
        Malformed: as :func:`load_all`, or it has more than one document.
    """
    documents = load_all(text, origin)
    if len(documents) > 1:
        raise Malformed(f"{origin} has {len(documents)} documents, it should have one")
    return documents[0] if documents else None


def dump_all(documents: Iterable[Any]) -> str:
    """Documents as YAML text, keys in their order.

    Raises:
        Malformed: PyYAML is missing, or something has no form in YAML.
    """
    if not HAS_YAML:
        raise Malformed(
            "YAML cannot be written: the Python package PyYAML is missing", hint="Run 'pip install PyYAML'."
        )
    try:
        return str(yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, allow_unicode=True))
    except yaml.YAMLError as error:
        raise Malformed(f"cannot be written as YAML: {error}") from None


def _check_size(text: str, origin: str) -> None:
    """Refuse what would crash the loader by its depth, or fill the memory by aliases of aliases."""
    if len(text) < _MOST and "*" not in text and sum(map(text.count, "[{:-?")) < _DEEPEST:
        return  # each level takes one of these; a kubeconfig has few
    sizes: dict[str, int] = {}
    stack: list[tuple[str | None, int]] = [(None, 0)]

    def add(anchor: str | None, size: int) -> None:
        if anchor:
            sizes[anchor] = size
        above, total = stack.pop()
        stack.append((above, total + size))
        if total + size > _MOST:
            raise Malformed(f"{origin} has more than {_MOST} values, or an alias inside what it stands for")

    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append((event.anchor, 1))
            if len(stack) > _DEEPEST:
                raise Malformed(f"{origin} is nested more than {_DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            add(*stack.pop())
        elif isinstance(event, yaml.ScalarEvent):
            add(event.anchor, 1)
        elif isinstance(event, yaml.AliasEvent):
            # What is not complete yet holds this alias itself.
            add(None, sizes.get(str(event.anchor), _MOST))
