# Copyright (c) 2026, kubesphere.multicluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a page and as Markdown.

The templates are rendered here and not by Ansible: every value is escaped, and none is ever a template. The page names
by their digests the one style and the one script that it may have, so that a browser takes no others from it, and
nothing from a network.
"""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError
from markupsafe import Markup

from ..module_utils.goals.report import HEALTH, WORST_FIRST, in_seconds
from .report_picture import CONNECTIONS, MOST_CARDS, picture

PAGES = {"report.md": "report.md.j2", "index.html": "index.html.j2"}
"""Files by name, and their templates."""

WIDE, NARROW = 1080, 360
"""Widths of the two drawings, for screens and for phones."""

_DAY, _HOUR, _MINUTE = 86400, 3600, 60

_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#|~&$]")
_ITEM = re.compile(r"^(\s*\d*)([-+.)])(?=\s|$)")


def render(report: Mapping[str, Any], templates: str) -> dict[str, str]:
    """The files for people, by name.

    Args:
        report: as ``docs/report.md`` describes it.
        templates: folder with the templates.

    Raises:
        ValueError: a template is missing or wrong.
    """
    folder = Path(templates)
    try:
        style, script = (_of_ours(folder / name) for name in ("style.css", "script.js"))
        values = {**_values(report), "style": style, "script": script, "policy": _policy(style, script)}
        return {
            name: _environment(folder, template).get_template(template).render(values)
            for name, template in PAGES.items()
        }
    except Exception as error:  # a template is a program of somebody else's
        line = f", line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
        raise ValueError(f"{folder}{line}: {type(error).__name__}: {error}") from None


def _environment(folder: Path, template: str) -> Environment:
    is_page = template.endswith(".html.j2")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=is_page,  # noqa: S701 - Markdown is escaped by finalize, every value of it
        finalize=None if is_page else _markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(age=age, facts=facts, plural=plural, seconds=in_seconds, short=short, signed=signed)
    return environment


def _values(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the templates see."""
    clusters = sorted(
        report["clusters"], key=lambda each: (WORST_FIRST.index(each["health"]), each["role"] != "host", each["name"])
    )
    numbered = [{**each, "id": f"c{number}"} for number, each in enumerate(clusters)]
    by_name = sorted(numbered, key=lambda each: str(each["name"]))
    return {
        "report": report,
        "clusters": numbered,
        "pictures": {"wide": picture(by_name, WIDE), "narrow": picture(by_name, NARROW)},
        "large": len(clusters) > MOST_CARDS + 1,
        "health_words": HEALTH,
        "worst_first": WORST_FIRST,
        "connections": CONNECTIONS,
        "bars": _bars(report["durations"]["joins"]),
    }


def _bars(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Steps of a histogram with the share that each has of the highest."""
    highest = max((each["clusters"] for each in steps), default=1)
    return [{**each, "share": each["clusters"] / highest} for each in steps]


def _of_ours(path: Path) -> Markup:
    """A style or script of the template's author."""
    text = path.read_text(encoding="utf-8")
    if re.search(r"</(style|script)", text, re.IGNORECASE):
        raise ValueError(f"{path} has an end tag in it, which would end it in the page")
    return Markup(text)  # noqa: S704 - as much ours as the template


def _policy(style: str, script: str) -> str:
    """What a browser may take from the page: this style and this script, and nothing from anywhere else."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    allowed = [f"{kind}-src 'sha256-{digest}'" for kind, digest in zip(("style", "script"), digests)]
    return "; ".join(["default-src 'none'", *allowed, "img-src data:", "base-uri 'none'", "form-action 'none'"])


# How values are shown


def age(seconds: float | None) -> str:
    """A time since something, in its largest unit."""
    if seconds is None:
        return "\N{EN DASH}"
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


def facts(cluster: Mapping[str, Any]) -> str:
    """What else a card says of a cluster."""
    nodes = "" if cluster["nodes"] is None else plural(cluster["nodes"], "node")
    return " · ".join(filter(None, (cluster["kubernetes"], nodes, cluster["region"])))


def short(text: Any, width: int) -> str:
    """A text that takes no more than so many letters' room; some letters take two."""
    taken = 0
    for place, letter in enumerate(str(text)):
        taken += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if taken > width:
            return f"{str(text)[: max(0, place - 1)]}…"
    return str(text)


def signed(number: int) -> str:
    """A difference with its sign."""
    return f"{number:+d}".replace("-", "\N{MINUS SIGN}")


def plural(number: int, one: str, several: str = "") -> str:
    """A number of things."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"


def _markdown(value: Any) -> Any:
    """A value as Markdown that means nothing but its letters; addresses and names of accounts are no links either."""
    if isinstance(value, Markup) or value is None:
        return value or ""
    text = _MARKDOWN.sub(r"\\\g<0>", str(value)).replace("://", r"\://").replace("@", r"\@<!-- -->")
    return _ITEM.sub(r"\1\\\2", text)
