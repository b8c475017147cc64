"""The mutants of a module: its functions, each time with one mistake in them.

What is made when a module is imported is not touched: the tables of releases and defaults are data, which their tests
hold against digests and sources.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from tests.mutation.mistakes import mistakes

_ANNOTATIONS = ("annotation", "returns")


@dataclass(frozen=True)
class Mutant:
    """A function with one mistake.

    Attributes:
        file: the module.
        function: name of the function in the module, with its class.
        lines: first and last line of the statement that has the mistake.
        change: the difference in words.
        code: the function's code with the mistake.
    """

    file: str
    function: str
    lines: tuple[int, int]
    change: str
    code: CodeType

    def __str__(self) -> str:
        """Where it is and what."""
        return f"{Path(self.file).stem}.py:{self.lines[0]} {self.function}: {self.change}"


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """All mutants of a module, in the order of its lines."""
    for statement in ast.parse(source, file).body:
        for names, function in _functions(statement, ()):
            qualified = ".".join(names)
            unchanged = _compiled(statement, file, qualified)
            for lines, change in _each_mistake(function):
                code = _compiled(statement, file, qualified)
                if code != unchanged:
                    yield Mutant(file, qualified, lines, change, code)


def _functions(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef]]:
    """Functions and methods, not those inside of functions: they are part of these."""
    if isinstance(node, ast.FunctionDef):
        yield (*names, node.name), node
    elif isinstance(node, ast.ClassDef):
        for child in node.body:
            yield from _functions(child, (*names, node.name))


def _each_mistake(function: ast.FunctionDef) -> Iterator[tuple[tuple[int, int], str]]:
    """Make each mistake in the tree, one after the other; what is yielded holds until the next one."""
    for statement in function.body:
        yield from _in(statement, (statement.lineno, statement.end_lineno or 0), function, "body")


def _in(node: ast.AST, lines: tuple[int, int], parent: ast.AST, field: str) -> Iterator[tuple[tuple[int, int], str]]:
    if isinstance(node, ast.stmt):
        lines = _own_lines(node)
    for replacement, change in mistakes(node, parent, field):
        _put(parent, field, node, replacement)
        yield lines, change
        _put(parent, field, replacement, node)
    for name, value in ast.iter_fields(node):
        if name not in _ANNOTATIONS:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _in(child, lines, node, name)


def _put(parent: ast.AST, field: str, old: ast.AST, new: ast.AST) -> None:
    value = getattr(parent, field)
    if isinstance(value, list):
        value[next(place for place, each in enumerate(value) if each is old)] = new
    else:
        setattr(parent, field, new)


def _own_lines(statement: ast.stmt) -> tuple[int, int]:
    """A statement's lines; of one that has others in it, those before them."""
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    return statement.lineno, max(statement.lineno, last)


def _compiled(statement: ast.stmt, file: str, qualified: str) -> CodeType:
    """The code of a function, out of the statement that has it."""
    # Flags are those of this file: annotations are no code.
    module = compile(ast.Module([statement], []), file, "exec")
    return next(code for code in codes(module) if code.co_qualname == qualified)


def codes(code: CodeType) -> Iterator[CodeType]:
    """The codes of all functions in a code."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from codes(constant)


def by_module(files: Iterable[Path]) -> dict[str, list[Mutant]]:
    """The mutants of each module, by its path."""
    return {str(file): list(mutants(str(file), file.read_text())) for file in files}
