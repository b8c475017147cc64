"""The report's page in a browser: sorted, filtered, printed, light and dark; and nothing of it runs or calls out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.kubesphere.multicluster.plugins.plugin_utils.report_page import render

from tests.integration.page.browser import Page, started
from tests.prepare import ROOT
from tests.unit.kubesphere.reports import large, of, seen

TEMPLATES = str(ROOT / "roles" / "report" / "templates")
LARGEST = 2_000_000
"""Bytes of the page of a thousand members."""

HOSTILE = (
    "<script>window.pwned=1</script>",
    '"><img src=x onerror="window.pwned=1">',
    "'><svg onload=window.pwned=1>",
    "</style></script><script>window.pwned=1</script>",
    "</title><iframe src=javascript:window.pwned=1>",
    "javascript:window.pwned=1",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;\x00\x1b[2J\u202e",
)

Show = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with started(tmp_path_factory.mktemp("browser") / "profile") as pipe:
        yield pipe


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Show:
    """Shows the page of a report in a tab of its own."""

    def shown(report: dict[str, Any], **window: Any) -> Page:
        for name, text in render(report, TEMPLATES).items():
            (tmp_path / name).write_text(text)
        page = Page(browser)
        page.show(tmp_path / "index.html", **window)
        return page

    return shown


NAMES = (
    "[...document.querySelectorAll('#table tbody tr')].filter((row) => !row.hidden)"
    ".map((row) => row.cells[0].firstChild.data.trim())"
)
"""Names in the rows that are shown, in their order."""


def column(page: Page, title: str) -> int:
    """Number of the column with this title."""
    number = page.run(
        f"[...document.querySelectorAll('#table thead th')].findIndex((each) => each.textContent === {title!r})"
    )
    assert number >= 0, title
    return int(number)


def pick(page: Page, name: str, value: str) -> None:
    """Set a field of the filter as a user does."""
    page.run(
        f"(() => {{ const field = document.getElementById('filter').elements[{name!r}]; field.value = {value!r};"
        " field.dispatchEvent(new Event('input', { bubbles: true })) })()"
    )


def contrast(page: Page, selector: str) -> float:
    """The ratio of a text's brightness to that of what is behind it, as WCAG counts it."""
    script = """((chosen) => {
      const light = (colour) => {
        const [r, g, b] = colour.match(/[0-9.]+/g).map((each) => each / 255)
          .map((each) => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const element = document.querySelector(chosen), style = getComputedStyle(element);
      let behind = element;
      while (behind && /rgba\\(.*, 0\\)/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
      const ink = element instanceof SVGElement ? style.fill : style.color;
      const page = getComputedStyle(behind ?? document.body).backgroundColor;
      const [low, high] = [light(ink), light(page)].sort((one, other) => one - other);
      return (high + 0.05) / (low + 0.05);
    })"""
    return float(page.run(f"{script}({selector!r})"))


def test_sorts_by_each_column_in_both_directions(show: Show) -> None:
    page = show(of(*(seen(name, nodes=nodes) for name, nodes in (("b-10", 3), ("b-9", 20), ("a", None)))))
    head = f"document.querySelectorAll('#table thead th')[{column(page, 'Cluster')}]"
    page.run(f"{head}.querySelector('button').click()")
    assert page.run(NAMES) == ["a", "b-9", "b-10", "host"]  # numbers in names count as such
    assert page.run(f"{head}.ariaSort") == "ascending"
    page.run(f"{head}.querySelector('button').click()")
    assert page.run(NAMES) == ["host", "b-10", "b-9", "a"]
    assert page.run(f"{head}.ariaSort") == "descending"
    nodes = f"document.querySelectorAll('#table thead th')[{column(page, 'Nodes')}]"
    page.run(f"{nodes}.querySelector('button').click()")
    assert page.run(NAMES) == ["host", "b-10", "b-9", "a"]  # what is not known stands last,
    page.run(f"{nodes}.querySelector('button').click()")
    assert page.run(NAMES) == ["b-9", "host", "b-10", "a"]  # whichever the direction
    assert page.run("document.querySelectorAll('#table th:not([aria-sort=none])[aria-sort]').length") == 1
    assert page.complaints == []


def test_sorts_by_the_keyboard(show: Show) -> None:
    page = show(of(seen("b"), seen("a")))
    page.run("document.querySelector('#table thead button').focus()")
    page.press("Enter", 13)
    assert page.run(NAMES) == ["a", "b", "host"]
    page.press(" ", 32)
    assert page.run(NAMES) == ["host", "b", "a"]


def test_worst_first(show: Show) -> None:
    page = show(of(seen("a"), seen("b", problem="502"), seen("c", problems=["ends soon"]), missing=("d",)))
    assert page.run(NAMES) == ["b", "c", "d", "host", "a"]
    assert "502" in page.run("document.querySelector('#table tbody tr').textContent")


def test_filters(show: Show) -> None:
    page = show(large(200))
    rows = page.run("document.querySelectorAll('#table tbody tr').length")
    assert page.run("document.querySelector('output').textContent") == f"{rows} of {rows} shown"
    pick(page, "health", "fails")
    broken = page.run(NAMES)
    assert 0 < len(broken) < 20
    assert page.run("document.querySelector('output').textContent") == f"{len(broken)} of {rows} shown"
    assert page.run("document.querySelector('a.tile[aria-current]').dataset.filter") == "health=fails"
    pick(page, "text", broken[0].upper())
    assert page.run(NAMES) == broken[:1]
    pick(page, "text", "nothing of the kind")
    assert page.run(NAMES) == []
    page.run("document.querySelector('#filter [type=reset]').click()")
    page.until(f"{NAMES}.length === {rows}")
    pick(page, "connection", "agent")
    pick(page, "region", "eu-north")
    assert 0 < len(page.run(NAMES)) < 40
    page.run("document.querySelector('a.tile[data-filter=\"mark=due\"]').click()")
    due = page.run(NAMES)
    assert 0 < len(due) < 30
    assert all(each["credential"]["due"] for each in large(200)["clusters"] if each["name"] in due)
    assert page.complaints == []


def test_a_mark_leads_to_its_row_even_if_that_is_filtered_out(show: Show) -> None:
    page = show(large(60))
    pick(page, "health", "fails")
    hidden = page.run("[...document.querySelectorAll('#table tbody tr')].find((row) => row.hidden).id")
    page.run(f"location.hash = {hidden!r}")
    page.until(f"!document.getElementById({hidden!r}).hidden")
    marks = page.run("document.querySelectorAll('.picture.wide a').length")
    assert marks == page.run("document.querySelectorAll('#table tbody tr').length")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_clusters_say_is_a_text_and_nothing_else(show: Show, text: str) -> None:
    strange = seen(
        text,
        alias=text,
        region=text,
        group=text,
        provider=text,
        kubernetes_version=text,
        kubesphere_version=text,
        problem=f"it says {text}",
        problems=[f"it says {text}", text],
        labels={text: text},
        connection=text,
    )
    page = show(of(strange, seen("b", region="eu"), missing=(text + "2",)))
    assert page.run("window.pwned ?? 0") == 0
    assert page.run("document.querySelectorAll('img, iframe, object, embed, link, base').length") == 0
    assert page.run("document.scripts.length + document.querySelectorAll('style').length") == 2
    handlers = (
        "[...document.querySelectorAll('*')].flatMap((each) => [...each.attributes])"
        ".filter((each) => each.name.startsWith('on')).length"
    )
    assert page.run(handlers) == 0
    assert page.run("[...document.links].every((each) => ['file:'].includes(each.protocol))") is True
    assert [each for each in page.requested if not each.startswith("file:")] == []
    assert page.complaints == []
    shown = page.run("document.querySelector('#table tbody').textContent")
    assert (text if text.isprintable() else "\\x1b[2J\\u202e") in shown


def test_the_policy_stops_what_escaping_would_have_missed(show: Show) -> None:
    page = show(of(seen("a")))
    page.run("document.body.insertAdjacentHTML('beforeend', '<button id=b onclick=\"window.pwned=1\">')")
    page.run("document.getElementById('b').click()")
    page.run("document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.pwned=1'}))")
    page.run("document.body.append(Object.assign(document.createElement('img'), {src: 'http://192.0.2.1/x'}))")
    stopped = page.run("fetch('http://192.0.2.1/').then(() => 'went', () => 'stopped')")
    assert (page.run("window.pwned ?? 0"), stopped) == (0, "stopped")
    assert all("Content Security Policy" in each for each in page.complaints)
    assert len(page.complaints) >= 4


def test_asks_nobody_for_anything(show: Show) -> None:
    page = show(large(30))
    page.run("document.getElementById('theme').click()")
    assert [each.rpartition("/")[2] for each in page.requested] == ["index.html"]
    assert page.complaints == []


def test_light_and_dark(show: Show) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(17, 22, 28)"
    page = show(of(seen("a")), scheme="dark")
    toggle = "document.getElementById('theme')"
    assert (page.run(colour), page.run(f"{toggle}.textContent")) == (dark, "Theme: auto")
    page.run(f"{toggle}.click()")
    assert (page.run(colour), page.run(f"{toggle}.textContent")) == (light, "Theme: light")
    page.run(f"{toggle}.click()")
    assert (page.run(colour), page.run(f"{toggle}.textContent")) == (dark, "Theme: dark")
    page.run(f"{toggle}.click()")
    page = show(of(seen("a")), scheme="light")
    assert page.run(colour) == light


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(show: Show, scheme: str) -> None:
    report = of(
        seen("a", problem="502 Bad Gateway", credential={"kind": "token", "expires": None, "days": 3, "due": True})
    )
    page = show(report, scheme=scheme)
    texts = (
        ".runs",
        ".tile small",
        ".legend li",
        ".cause",
        "td small",
        "td small.due",
        "summary, a[href]",
        "th",
        "output",
        "footer",
    )
    faint = {each: found for each in texts if (found := contrast(page, each)) < 4.5}
    assert faint == {}
    drawn = {each: found for each in (".picture .words", ".picture .name") if (found := contrast(page, each)) < 4.5}
    assert drawn == {}


def test_its_structure_can_be_heard(show: Show) -> None:
    page = show(large(40))
    assert page.run("document.documentElement.lang") == "en"
    assert page.run("document.querySelectorAll('h1').length") == 1
    assert page.run("[...document.querySelectorAll('h1, h2, h3')].map((each) => each.tagName)")[:2] == ["H1", "H2"]
    nameless = (
        "[...document.querySelectorAll('svg:not([aria-hidden]):not([aria-label])')]"
        ".filter((each) => !each.closest('[aria-label]')).length"
    )
    assert page.run(nameless) == 0
    assert page.run("[...document.querySelectorAll('input, select')].every((each) => each.closest('label'))") is True
    assert page.run("[...document.querySelectorAll('#table th')].every((each) => each.scope)") is True
    ids = page.run("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))


def test_connections_are_told_apart_by_line_and_by_word(show: Show) -> None:
    page = show(of(seen("a"), seen("b", connection="agent")))
    for name in ("wide", "narrow"):
        lines = f"[...document.querySelectorAll('.picture.{name} .lines path')]"
        dashes = page.run(
            f"{lines}.map((each) => [each.classList[1], getComputedStyle(each).strokeDasharray !== 'none'])"
        )
        assert sorted(dashes) == [["agent", True], ["direct", False]]
        words = page.run(f"[...document.querySelectorAll('.picture.{name} .label')].map((each) => each.textContent)")
        assert sorted(words) == ["agent", "direct"]


def test_prints(show: Show) -> None:
    page = show(of(seen("a", problems=["one", "two"])), scheme="dark")
    paper = page.printed()
    assert paper.startswith(b"%PDF")
    assert page.run("[...document.querySelectorAll('details')].every((each) => each.open)") is True
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.getElementById('filter')).display") == "none"
    assert page.run("getComputedStyle(document.querySelector('.scroll')).maxHeight") == "none"


def test_fits_on_paper(show: Show) -> None:
    page = show(large(60), width=1030)  # A4, landscape, less its margins
    page.call("Emulation.setEmulatedMedia", media="print")
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run("document.documentElement.scrollWidth") <= 1030


def test_without_scripts_the_page_is_whole(show: Show) -> None:
    page = show(large(30), scripts=False)
    root = page.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
    rows = page.call("DOM.querySelectorAll", nodeId=root, selector="#table tbody tr")["nodeIds"]
    assert len(rows) == len(large(30)["clusters"])
    assert page.call("DOM.querySelectorAll", nodeId=root, selector="#table thead button")["nodeIds"] == []
    assert page.call("DOM.querySelector", nodeId=root, selector="#filter[hidden]")["nodeId"]


@pytest.mark.parametrize("width", [360, 1280])
def test_fits_its_window(show: Show, width: int) -> None:
    for number in (4, 200):
        page = show(large(number), width=width)
        assert page.run("document.documentElement.scrollWidth") <= width
        cut = page.run(
            "(() => { const box = document.querySelector('.scroll'); return box.scrollWidth - box.clientWidth })()"
        )
        assert (cut <= 0) == (width > 1000)  # a phone moves the table beside its first column
        small = page.run(
            "Math.min(...[...document.querySelectorAll('.picture text')].filter((each) => each.getClientRects().length)"
            ".map((each) => each.getBoundingClientRect().height))"
        )
        assert small >= 11


def test_a_thousand_members_are_light_and_quick(show: Show, tmp_path: Path) -> None:
    page = show(large(1000))
    assert (tmp_path / "index.html").stat().st_size < LARGEST
    assert page.run("document.querySelectorAll('.picture.wide .box').length") == 6
    took = page.run(
        "(() => { const began = performance.now(); document.querySelector('#table thead button').click();"
        " document.body.offsetHeight; return performance.now() - began })()"
    )
    assert took < 3000
    names = page.run(NAMES)
    assert names == sorted(names)
    assert re.search(r"P99", page.run("document.body.textContent"))
