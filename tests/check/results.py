"""What a check came to, and JUnit XML of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from xml.etree import ElementTree


class Outcome(Enum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """One check.

    Attributes:
        name: which check it was.
        outcome: how it ended.
        detail: what a failed check printed, or why a check was skipped.
        seconds: how long it took; 0 where nobody measured.
    """

    name: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, name: str, problems: Sequence[str]) -> Result:
        """A check that has passed if it found nothing."""
        return cls(name, Outcome.FAILED if problems else Outcome.PASSED, "\n".join(problems))


def summary(results: Iterable[Result]) -> str:
    """``N passed, N failed, N skipped``."""
    counts = Counter(result.outcome for result in results)
    return ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in Outcome)


def write_junit(file: Path, suite: str, results: Iterable[Result]) -> None:
    """Write the results of one stage."""
    listed = list(results)
    counts = Counter(result.outcome for result in listed)
    root = ElementTree.Element("testsuites")
    element = ElementTree.SubElement(
        root,
        "testsuite",
        name=suite,
        tests=str(len(listed)),
        failures=str(counts[Outcome.FAILED]),
        errors="0",
        skipped=str(counts[Outcome.SKIPPED]),
        time=f"{sum(result.seconds for result in listed):.3f}",
    )
    for result in listed:
        case = ElementTree.SubElement(
            element, "testcase", classname=suite, name=result.name, time=f"{result.seconds:.3f}"
        )
        if result.outcome is Outcome.FAILED:
            failure = ElementTree.SubElement(case, "failure", message=f"{result.name} failed")
            failure.text = _printable(result.detail)
        elif result.outcome is Outcome.SKIPPED:
            ElementTree.SubElement(case, "skipped", message=_printable(result.detail))
    file.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def read_junit(file: Path) -> list[Result]:
    """Read the report that pytest or ansible-test wrote.

    Raises:
        ElementTree.ParseError: the file is no XML; the program that wrote it was cut short.
    """
    results = []
    for case in ElementTree.parse(file).getroot().iter("testcase"):
        name, seconds = case.get("name", "?"), float(case.get("time") or 0)
        failure = next((part for part in case if part.tag in ("failure", "error")), None)
        skipped = case.find("skipped")
        if failure is not None:
            detail = "\n".join(filter(None, (failure.get("message"), failure.text)))
            results.append(Result(name, Outcome.FAILED, detail, seconds))
        elif skipped is not None:
            results.append(Result(name, Outcome.SKIPPED, skipped.get("message") or skipped.text or "", seconds))
        else:
            results.append(Result(name, Outcome.PASSED, "", seconds))
    return results


def _printable(text: str) -> str:
    """The text without the control characters that XML cannot hold; those of colours are among them."""
    return "".join(character for character in text if character >= " " or character in "\n\t")
