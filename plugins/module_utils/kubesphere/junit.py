# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as a JUnit file, which every pipeline knows how to show (private to the collection)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ..kube.secret import visible

_CLASS = "kubesphere.multicluster"


def render(results: Mapping[str, Any], ended: float) -> str:
    """A JUnit file: a suite for each phase, in it a case for each cluster.

    Args:
        results: as :func:`results.of_run` or :func:`results.of_status` returns them.
        ended: when it was, in seconds since 1970.
    """
    root = Element("testsuites", {"name": f"{_CLASS} {_attribute(results['kind'])}"})
    stamp = datetime.fromtimestamp(ended, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    for suite in results["suites"]:
        _suite(root, suite, stamp)
    root.attrib |= _counts([case for suite in results["suites"] for case in suite["cases"]])
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _suite(root: Element, suite: Mapping[str, Any], stamp: str) -> None:
    # What stands in "hostname" is where the tests ran, by the schema; which machine that was is nobody's business.
    identity = {"name": _attribute(suite["name"]), "timestamp": stamp, "hostname": "localhost"}
    element = SubElement(root, "testsuite", {**identity, **_counts(suite["cases"])})
    for case in suite["cases"]:
        _case(element, f"{_CLASS}.{_attribute(suite['name']).replace(' ', '_')}", case)


def _case(suite: Element, of_class: str, case: Mapping[str, Any]) -> None:
    identity = {"classname": of_class, "name": _attribute(case["cluster"]), "time": _seconds(case["seconds"])}
    element = SubElement(suite, "testcase", identity)
    message = str(case["message"])
    if case["result"] == "failed":
        told = {"type": _attribute(case["error"]), "message": _attribute(message)}
        SubElement(element, "failure", told).text = _text(message.splitlines())
    elif case["result"] == "skipped":
        SubElement(element, "skipped", {"message": _attribute(message)})
    if case["output"]:
        SubElement(element, "system-out").text = _text(case["output"])


def _counts(cases: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    results = [case["result"] for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(results.count("failed")),
        "errors": "0",
        "skipped": str(results.count("skipped")),
        "time": _seconds(sum(float(case["seconds"]) for case in cases)),
    }


def _seconds(value: Any) -> str:
    return f"{float(value):.3f}"


def _attribute(value: Any) -> str:
    """A value on one line without what XML has no way to write; it may come from a cluster."""
    return visible(str(value))


def _text(lines: Sequence[Any]) -> str:
    return "\n".join(visible(str(line)) for line in lines)
