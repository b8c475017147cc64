"""docs/troubleshooting.md explains each message of the collection, and none that nobody says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.check.messages import VARIES, messages, texts

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"


def quoted(page: str) -> list[str]:
    """The messages that a page explains: code in the first cells of tables with the heading *message*."""
    found, inside = [], False
    for line in page.splitlines():
        if line.startswith("| message |"):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside:
            found += re.findall(r"`([^`]+)`", line.split(" | ")[0])
    return found


def says(text: str, quotation: str) -> bool:
    """Whether a text has the parts of a quotation, in their order; a regular expression would take minutes."""
    place = 0
    for part in quotation.split(VARIES):
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True


def unexplained(page: str) -> list[str]:
    explained = quoted(page)
    return [
        f"{message.place}: {message.text}"
        for message in messages()
        if not any(says(message.text, each) for each in explained)
    ]


def test_each_message_is_explained() -> None:
    missing = unexplained(PAGE.read_text())
    assert not missing, (
        "Explain these messages in docs/troubleshooting.md: quote a part of each that is the same every time in the "
        f"first cell of a table, with {VARIES} for what varies. (Texts of a function that says nothing of what is "
        "wrong: its name belongs into tests/check/messages.py.)\n" + "\n".join(missing)
    )


def test_nothing_is_explained_that_nobody_says() -> None:
    files = [file for folder in ("roles", "playbooks") for file in sorted((ROOT / folder).rglob("*.yml"))]
    said = texts() + [re.sub(r"{{.*?}}", VARIES, file.read_text()) for file in files]
    stale = [each for each in quoted(PAGE.read_text()) if not any(says(text, each) for text in said)]
    assert not stale, "docs/troubleshooting.md explains what the collection does not say: " + "; ".join(stale)


def test_a_message_without_explanation_is_found() -> None:
    page = PAGE.read_text()
    found = set(unexplained(page.replace("`there is no default StorageClass`", ""))) - set(unexplained(page))
    assert [each.split(": ")[1] for each in found] == ["there is no default StorageClass"]


@pytest.mark.parametrize(
    "code",
    [
        'class Wrong(ValueError): pass\ndef f(x): raise Wrong(f"the name {x} is taken", hint="Take another name.")',
        'def f(x):\n    problems.append(f"the name {x} is taken")',
        'def f(x):\n    return [f"the name {x} is taken" for x in x] if x else []',
        'def f(x):\n    problem, hint = f"the name {x} is taken", "Take another name."\n    raise E(problem)',
        'def f():\n    return {}, "the name {x} is taken".format(x=1) or "the name {x} is taken"',
    ],
)
def test_messages_are_found_wherever_they_are_made(tmp_path: Path, code: str) -> None:
    file = tmp_path / "plugins" / "module_utils" / "code.py"
    file.parent.mkdir(parents=True)
    file.write_text(code)
    assert [message.text for message in messages(tmp_path)] == ["the name … is taken"]


def test_what_is_written_and_done_is_no_message(tmp_path: Path) -> None:
    file = tmp_path / "plugins" / "module_utils" / "code.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        '"""This is a docstring of a module."""\n'
        'def f(session):\n    """This is the docstring of a function."""\n'
        '    what = "read the log of it"\n'
        '    session.patch({}, "the inventory says so", hint="do this next")\n'
        'def _why():\n    return "it is to be renewed"\n'
    )
    assert messages(tmp_path) == []
