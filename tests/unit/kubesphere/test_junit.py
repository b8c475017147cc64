# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of results as a JUnit file."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.kubesphere.multicluster.plugins.module_utils.kubesphere import junit, results

from tests.junit import problems
from tests.unit.kubesphere.test_results import STATUS, of_run

ENDED = 1767225600.9


def test_it_keeps_to_the_schema() -> None:
    for found in (of_run(), of_run(planned=True), results.of_status(STATUS, ["host", "a", "b"], "drift")):
        assert problems(junit.render(found, ENDED)) == []


def test_what_a_pipeline_shows() -> None:
    root = ElementTree.fromstring(junit.render(of_run(), ENDED))
    assert (root.get("name"), root.get("tests"), root.get("failures")) == ("kubesphere.multicluster run", "6", "1")
    [preflight, _installed, imported, not_begun] = root
    assert (preflight.get("name"), preflight.get("time")) == ("preflight", "1.750")
    assert preflight.get("timestamp") == "2026-01-01T00:00:00"
    failed = preflight.find("testcase[@name='b']")
    assert failed is not None
    assert (failed.get("classname"), failed.get("time")) == ("kubesphere.multicluster.preflight", "1.000")
    [failure] = failed
    assert (failure.get("type"), failure.get("message")) == ("Failed", "Nothing was written. It is away.")
    assert failure.text == "Nothing was written.\nIt is away."
    assert imported.findtext("testcase/system-out") == (
        "create Cluster a on host: import it\nwarning: a: its kubeconfig ends soon"
    )
    assert [case.get("classname") for case in not_begun] == ["kubesphere.multicluster.not_begun"]


@pytest.mark.parametrize("text", ["]]><x a='1'>&amp;\"", "\x00\x1b[31mred\x07", "\ud800\ufffe\u202e", "{{ 1 }}\r\n\t"])
def test_what_comes_from_a_cluster_is_text(text: str) -> None:
    case = {"cluster": text, "result": "failed", "changed": False, "seconds": 1, "error": text, "message": text}
    found: dict[str, Any] = {"kind": "run", "suites": [{"name": "import", "cases": [{**case, "output": [text]}]}]}
    written = junit.render(found, ENDED)
    assert problems(written.encode("utf-8").decode()) == []
    read = ElementTree.fromstring(written).find("testsuite/testcase")
    assert read is not None
    assert [child.tag for child in read] == ["failure", "system-out"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("<testsuite ", "<testsuite extra='1' "), "testsuite has extra"),
        (('hostname="localhost"', 'hostname=""'), "testsuite: hostname is ''"),
        (('failures="1" errors="0" skipped="1"', 'failures="2" errors="0" skipped="1"'), "failures is 2, there are 1"),
        (("system-out", "output"), "output is no element of JUnit"),
    ],
)
def test_the_rules_find_what_breaks_them(change: tuple[str, str], found: str) -> None:
    written = junit.render(of_run(), ENDED)
    assert change[0] in written
    assert any(found in problem for problem in problems(written.replace(*change)))
