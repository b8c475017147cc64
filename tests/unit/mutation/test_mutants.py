"""Mutants have one mistake each, where one can be made, and are told by their place."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import pytest

from tests.mutation.mutants import Mutant, mutants


def changes(body: str) -> set[str]:
    """The differences of a function's mutants."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return {mutant.change for mutant in mutants("sample.py", f"def f(a, b):\n{lines}\n")}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a == b", {"a == b  ->  a != b", "return a == b  ->  return None"}),
        ("return a < b", {"a < b  ->  a >= b", "a < b  ->  a <= b", "return a < b  ->  return None"}),
        ("return a in b", {"a in b  ->  a not in b", "return a in b  ->  return None"}),
        ("return a and b", {"a and b  ->  a or b", "return a and b  ->  return None"}),
        ("if not a: b += 1", {"not a  ->  a", "1  ->  2"}),
        ("if a: b.c()", {"a  ->  not a", "b.c()  ->  pass"}),
        ("a = b + 1", {"b + 1  ->  b - 1", "1  ->  2  in  b + 1"}),
        ("a = b + ['x']", {"'x'  ->  'x~'  in  ['x']"}),
        ("a = True", {"True  ->  False"}),
        ("raise ValueError", {"raise ValueError  ->  pass"}),
        ("for a in b:\n    continue", {"continue  ->  break"}),
        ("return [a for a in b if a]", {"a  ->  not a", "return [a for a in b if a]  ->  return None"}),
        ("'words of documentation'\na: int = b", set()),
        ("a = 'a message'", set()),
        ("a = f'so {b} many'", set()),
        ("return None", set()),
    ],
)
def test_mistakes(body: str, expected: set[str]) -> None:
    assert changes(body) == expected


SOURCE = """
class C:
    limit = 3

    def low(self, number: int) -> bool:
        def inner() -> bool:
            return number < self.limit
        return inner()
"""


def named(mutant: Mutant) -> tuple[str, tuple[int, int], str]:
    return mutant.function, mutant.lines, mutant.change


def test_mutants_take_a_functions_place() -> None:
    scope: dict[str, Any] = {}
    exec(SOURCE, scope)
    cls = scope["C"]
    found = {mutant.change: mutant for mutant in mutants("sample.py", SOURCE)}
    assert named(found["number < self.limit  ->  number <= self.limit"])[:2] == ("C.low", (7, 7))
    assert cls().low(3) is False
    function = cls.low
    assert isinstance(function, FunctionType)
    function.__code__ = found["number < self.limit  ->  number <= self.limit"].code
    assert cls().low(3) is True
    assert len(found) == 4
