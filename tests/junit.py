"""The rules of a JUnit file that its readers agree on, for tests: what Jenkins, GitLab and GitHub's reporters take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_NUMBER = re.compile(r"\d+")
_SECONDS = re.compile(r"\d+(\.\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")  # no zone, by the schema


def _any(_value: str) -> bool:
    return True


def _like(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: bool(pattern.fullmatch(value))


_COUNTS = {name: _like(_NUMBER) for name in ("tests", "failures", "errors", "skipped")}
_SUITE = {**_COUNTS, "name": bool, "time": _like(_SECONDS), "timestamp": _like(_TIME), "hostname": bool}

ATTRIBUTES: dict[str, dict[str, Callable[[str], bool]]] = {
    "testsuites": {**_COUNTS, "name": _any, "time": _like(_SECONDS)},
    "testsuite": _SUITE,
    "testcase": {"classname": bool, "name": bool, "time": _like(_SECONDS)},
    "failure": {"type": bool, "message": _any},
    "error": {"type": bool, "message": _any},
    "skipped": {"message": _any},
    "system-out": {},
    "system-err": {},
}
"""All attributes of each element, and what their values are."""

CHILDREN = {
    "testsuites": r"(testsuite )*",
    "testsuite": r"(testcase )*(system-out )?(system-err )?",
    "testcase": r"(skipped |error |failure )?(system-out )?(system-err )?",
}
"""Elements in an element, in order."""


def problems(text: str) -> list[str]:
    """Everything that a reader would stumble over; empty if nothing."""
    root = ElementTree.fromstring(text)
    found = [] if root.tag == "testsuites" else [f"the root is {root.tag}"]
    found += _element_problems(root)
    for element in root.iter():
        if element.tag in ("testsuites", "testsuite"):
            found += _count_problems(element)
    return found


def _element_problems(element: Element) -> Iterator[str]:
    rules = ATTRIBUTES.get(element.tag)
    if rules is None:
        yield f"{element.tag} is no element of JUnit"
        return
    for name in element.attrib.keys() ^ rules.keys():
        yield f"{element.tag} has no {name}" if name in rules else f"{element.tag} has {name}"
    for name, value in element.attrib.items():
        if name in rules and not rules[name](value):
            yield f"{element.tag}: {name} is {value!r}"
    children = "".join(f"{child.tag} " for child in element)
    if not re.fullmatch(CHILDREN.get(element.tag, ""), children):
        yield f"{element.tag} has {children}"
    for child in element:
        yield from _element_problems(child)


def _count_problems(element: Element) -> Iterator[str]:
    cases = list(element.iter("testcase"))
    for name, counted in (("tests", None), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        number = len(cases) if counted is None else sum(case.find(counted) is not None for case in cases)
        if element.get(name) != str(number):
            yield f"{element.tag} {element.get('name')}: {name} is {element.get(name)}, there are {number}"
