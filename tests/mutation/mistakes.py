"""The mistakes: what can be wrong about a piece of a syntax tree.

Left alone are messages (texts with a blank), documentation and annotations: a test that pins each word of them would be
in the way of whoever finds better words.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

Mistake = tuple[ast.AST, str]
"""What stands in the place of a node, and the difference in words."""

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}
_BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}


def mistakes(node: ast.AST, parent: ast.AST, field: str) -> Iterator[Mistake]:
    """What could stand in the place of a node."""
    if isinstance(node, ast.Compare):
        yield from _comparisons(node)
    elif isinstance(node, ast.BoolOp):
        yield _changed(node, ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _changed(node, node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not (_text(node.left) or _text(node.right)):
        yield _changed(node, ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right))
    elif isinstance(node, ast.Constant):
        yield from _constants(node, parent)
    elif isinstance(node, ast.Return) and not (node.value is None or _is_none(node.value)):
        yield _changed(node, ast.Return(ast.Constant(None)))
    elif (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)) or isinstance(node, ast.Raise):
        yield _changed(node, ast.Pass())
    elif isinstance(node, ast.Break):
        yield _changed(node, ast.Continue())
    elif isinstance(node, ast.Continue):
        yield _changed(node, ast.Break())
    if field in ("test", "ifs") and not isinstance(node, (ast.Compare, ast.BoolOp, ast.UnaryOp)):
        yield _changed(node, ast.UnaryOp(ast.Not(), node))  # type: ignore[arg-type]


def _comparisons(node: ast.Compare) -> Iterator[Mistake]:
    for number, operator in enumerate(node.ops):
        for table in (_OPPOSITE, _BOUNDARY):
            if other := table.get(type(operator)):
                operators = [*node.ops[:number], other(), *node.ops[number + 1 :]]
                yield _changed(node, ast.Compare(node.left, operators, node.comparators))


def _constants(node: ast.Constant, parent: ast.AST) -> Iterator[Mistake]:
    value = node.value
    if isinstance(value, bool):
        yield _changed(node, ast.Constant(not value), parent)
    elif isinstance(value, (int, float)):
        yield _changed(node, ast.Constant(value + 1), parent)
    elif isinstance(value, str) and not isinstance(parent, (ast.JoinedStr, ast.Expr)) and value and " " not in value:
        yield _changed(node, ast.Constant(f"{value}~"), parent)


def _changed(before: ast.AST, after: ast.AST, parent: ast.AST | None = None) -> Mistake:
    """The new node at the place of the old one, and the parent where the difference says little without it."""
    text = f"{_shown(before)}  ->  {_shown(after)}"
    if isinstance(parent, ast.expr):
        text += f"  in  {_shown(parent)}"
    return ast.fix_missing_locations(ast.copy_location(after, before)), text


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 100 else f"{text[:97]}..."


def _text(node: ast.AST) -> bool:
    """Whether it is no number for sure: such a sum breaks, whatever the tests look at."""
    return isinstance(node, (ast.JoinedStr, ast.List, ast.Tuple)) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
