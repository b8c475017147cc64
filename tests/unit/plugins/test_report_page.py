# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the report as a page and as Markdown; tests/integration/page looks at the page in a browser."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.report_page import age, render, short
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.report_picture import MOST_CARDS, picture
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.kubesphere.reports import large, of, seen

TEMPLATES = Path(__file__).resolve().parents[3] / "roles" / "report" / "templates"
EMPTY = {"meta", "path", "rect", "circle", "use", "input", "br"}


class Elements(HTMLParser):
    """Elements and attributes of a page; those that end are counted."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: dict[str, int] = {}
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] = self.names.get(tag, 0) + 1
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] = self.names.get(tag, 0) + 1
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            assert self.open.pop() == tag


def page(report: dict[str, Any]) -> str:
    return render(report, str(TEMPLATES))["index.html"]


def markdown(report: dict[str, Any]) -> str:
    return render(report, str(TEMPLATES))["report.md"]


@pytest.mark.parametrize("number", [0, 1, 5, MOST_CARDS, MOST_CARDS + 1, 120])
def test_every_element_ends_whatever_the_size(number: int) -> None:
    report = large(number) if number else of()
    found = Elements(page(report))
    assert found.open == []
    assert found.names["tr"] >= len(report["clusters"])
    members = len(report["clusters"]) - 1
    wide = picture(report["clusters"], 1000)
    assert (len(wide.cards), len(wide.marks)) == ((members, 0) if members <= MOST_CARDS else (0, members))


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=40))
def test_no_text_makes_an_element_or_an_attribute(text: str) -> None:
    def shape(said: str) -> tuple[dict[str, int], list[str]]:
        member = seen(
            said, alias=said, region=said, group=said, problem=said, problems=[said, said], kubernetes_version=said
        )
        found = Elements(page(of(member, seen("b"))))
        return found.names, sorted(name for name, _value in found.attributes)

    # letters of the same kind, for what is empty or blank leaves out more than its letters
    plain = "".join("x" if letter.isalnum() or not letter.isspace() else letter for letter in text)
    if text.strip() and text != "b":
        assert shape(text) == shape(plain)


def test_the_policy_names_the_style_and_the_script() -> None:
    text = page(of(seen("a")))
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    for kind in ("style", "script"):
        [content] = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src &#39;sha256-{digest}&#39;" in policy
    assert policy.startswith("default-src &#39;none&#39;")
    assert not re.search(r'\s(style|on\w+)="', text)


def test_nothing_leads_out_of_the_page() -> None:
    found = Elements(page(large(40)))
    leads = {value for name, value in found.attributes if name in ("href", "src", "action", "xlink:href")}
    assert {value for value in leads if not value.startswith("#")} == {"report.json", "report.md"}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a|b", r"a\|b"),
        ("[x](http://e.example)", r"\[x\](http\://e.example)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("@everybody", r"\@<!-- -->everybody"),
        ("**b** `c` _d_", r"\*\*b\*\* \`c\` \_d\_"),
        ("- a", r"\- a"),
        ("1. a", r"1\. a"),
    ],
)
def test_markdown_of_a_cluster_is_its_letters(said: str, shown: str) -> None:
    text = markdown(of(seen("a", kubernetes_version=said, problem=said, problems=[said])))
    assert shown in text
    rows = [line for line in text.splitlines() if line.startswith("| a ")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 9


def test_templates_of_ones_own(tmp_path: Path) -> None:
    shutil.copytree(TEMPLATES, tmp_path, dirs_exist_ok=True)
    (tmp_path / "index.html.j2").write_text("<h1>{{ report.host }}{{ '<' }}</h1>")
    assert render(of(seen("a")), str(tmp_path))["index.html"] == "<h1>host&lt;</h1>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ nothing }}", "UndefinedError: 'nothing' is undefined"),
        ("{% if %}", "line 1: TemplateSyntaxError"),
        ("{{ lookup('pipe', 'id') }}", "'lookup' is undefined"),
        ("{% include 'none' %}", "TemplateNotFound"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
    ],
)
def test_templates_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    shutil.copytree(TEMPLATES, tmp_path, dirs_exist_ok=True)
    (tmp_path / "index.html.j2").write_text(text)
    with pytest.raises(ValueError, match=message):
        render(of(seen("a")), str(tmp_path))
    (tmp_path / "style.css").unlink()
    with pytest.raises(ValueError, match=r"style\.css"):
        render(of(seen("a")), str(tmp_path))


def test_the_drawing_has_everybody_once_and_inside() -> None:
    clusters = large(300)["clusters"]
    for width in (360, 1080):
        drawn = picture(clusters, width)
        assert len({(mark.x, mark.y) for mark in drawn.marks}) == len(drawn.marks) == len(clusters) - 1
        for mark in drawn.marks:
            [box] = [box for box in drawn.boxes if box.y <= mark.y <= box.y + box.height - 15]
            assert box.x <= mark.x <= box.x + box.width - 15
        assert max(box.y + box.height for box in drawn.boxes) <= drawn.height


def test_many_regions_are_put_together() -> None:
    members = [{**each, "region": f"r{number}"} for number, each in enumerate(large(100)["clusters"])]
    drawn = picture(members, 1080)
    assert len(drawn.boxes) == 16
    assert drawn.boxes[-1].label.startswith("others · ")


def test_how_values_are_shown() -> None:
    ages = (None, 0, 119, 120, 7200, 200_000)
    assert [age(each) for each in ages] == ["\N{EN DASH}", "0 s", "119 s", "2 min", "2 h", "2 d"]
    assert [short(each, 4) for each in ("abcd", "abcde", "日本語", "")] == ["abcd", "abc…", "日…", ""]
