"""The messages of the collection: what its users may be told when something is wrong.

They are read from the code, so that docs/troubleshooting.md can be held against them: a unit test fails for a message
that the page does not explain, and for one that it explains and nobody says any more.

python -m tests.check.messages    print them, with the place of each
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.prepare import ROOT

VARIES = "…"
"""Stands in a message for what varies."""

FOLDERS = ("action", "filter", "inventory", "lookup", "module_utils", "plugin_utils")
"""Folders of plugins that say something. Those that are not there yet are none."""

_DRAWN = "progress"
"""Beginning of the names of files that draw what goes on."""

_TOLD = ("Pending", "NotYetKnown", "InstallerState")
"""Calls that tell something and are no errors: what a wait is waiting for, what a plan does not know."""

_ANSIBLE_ERRORS = ("AnsibleError", "AnsibleActionFail", "AnsibleFilterError", "AnsibleParserError")

_SILENT = re.compile(
    r"_why$|_hint$|^commands$|^remaining$|^summary$|^lines$|^_block$|^_metrics$|^_notes?$|^_clear_former$"
)
"""Functions whose texts say what is done, or what there is, and not what is wrong."""

_PART = re.compile(r"hint|look|goal|renew|because|reason$|what$|where$|origin$|command")
"""Variables whose text is a part of others, such as what was tried, or what to do next."""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        text: what is said, with ``VARIES`` for what is filled in.
        place: file and line.
    """

    text: str
    place: str


def messages(root: Path = ROOT) -> list[Message]:
    """All messages of the plugins."""
    files = [file for folder in FOLDERS for file in sorted((root / "plugins" / folder).rglob("*.py"))]
    files = [file for file in files if not file.name.startswith(_DRAWN)]
    trees = {file: ast.parse(file.read_text()) for file in files}
    told = {*_error_names(trees.values()), *_TOLD}
    return [
        Message(text, f"{file.relative_to(root)}:{line}")
        for file, tree in trees.items()
        for line, text in sorted(set(_Reader(told).messages(tree)))
    ]


def texts(root: Path = ROOT) -> list[str]:
    """Every text in the plugins, whether it is a message or not."""
    trees = [ast.parse(file.read_text()) for folder in FOLDERS for file in (root / "plugins" / folder).rglob("*.py")]
    return [text for tree in trees for node in ast.walk(tree) if (text := _text(node))]


def _error_names(trees: Iterable[ast.AST]) -> set[str]:
    """Names of classes that are errors, and of the errors of Python and Ansible."""
    bases: dict[str, set[str]] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
    errors = {"Exception", "ValueError", *_ANSIBLE_ERRORS}
    while True:
        more = {name for name, its in bases.items() if its & errors} - errors
        if not more:
            return errors
        errors |= more


class _Reader:
    """Finds messages in one file."""

    def __init__(self, told: set[str]) -> None:
        self.told = told

    def messages(self, tree: ast.AST) -> Iterator[tuple[int, str]]:
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not _SILENT.search(node.name):
                for part in _own_parts(node):
                    for text in self._said(part):
                        yield from _sentences(text)

    def _said(self, node: ast.AST) -> Iterator[ast.expr]:
        """Expressions whose text is said: by an error, a warning, a list of problems, or a function's result."""
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in self.told or name in ("append", "warn"):
                yield from node.args[:2] if name == "ConfigurationError" else node.args[:1]
        elif isinstance(node, (ast.Return, ast.Yield, ast.AugAssign)) and node.value is not None:
            yield node.value
        elif isinstance(node, ast.Assign):
            yield from (value for target, value in _assigned(node) if not _PART.search(ast.unparse(target)))


def _assigned(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """Targets with what each of them gets."""
    target = node.targets[0]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        return list(zip(target.elts, node.value.elts))
    return [(target, node.value)]


def _own_parts(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside of it, which have their turn."""
    pending = list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending += ast.iter_child_nodes(node)


def _sentences(node: ast.expr) -> Iterator[tuple[int, str]]:
    """Texts that an expression may come to; an argument of a call inside of it is none."""
    text = _text(node)
    if text is not None:
        if len(text.split()) > 2 and text[0] != "<" and re.search(r"[a-z]{2,}.* .*[a-z]{2,}", text):
            yield node.lineno, text.strip()
    elif isinstance(node, (ast.IfExp, ast.BoolOp, ast.List, ast.Tuple, ast.Starred, ast.ListComp, ast.BinOp)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from _sentences(child)


def _text(node: ast.AST | None) -> str | None:
    """The text of a literal; None where it is none."""
    if isinstance(node, ast.Constant):
        return re.sub(r"{\w+}", VARIES, node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or VARIES if isinstance(part, ast.Constant) else VARIES for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = _text(node.left), _text(node.right)
        return "".join(part or VARIES for part in parts) if any(parts) else None
    return None


if __name__ == "__main__":
    for message in messages():
        print(f"{message.place}: {message.text}")
