"""The figures in the tables: medians, shares and slopes."""

from __future__ import annotations

from tests.benchmarks.bench import FIRST, INSTALL, SECOND, Sample
from tests.benchmarks.fleet import Requests
from tests.benchmarks.meter import Usage
from tests.benchmarks.table import render

_MEBIBYTE = 1 << 20


def _sample(
    tool: str, members: int, cpu: float, step: str = FIRST, number: int = 0, connection: str = "direct"
) -> Sample:
    usage = Usage(0, 2 * cpu, cpu, 60 * _MEBIBYTE, 90 * _MEBIBYTE, 1, 3 * cpu)
    host = Requests({"get": 3 * members, "create": members}, members, {})
    return Sample(tool, connection, members, step, number, usage, host, Requests({"get": members}, 0, {}), 0.0)


def _row(text: str, *beginning: str) -> list[str]:
    """The cells of the first row with these first cells."""
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]
    return next(row for row in rows if row[: len(beginning)] == list(beginning))


def test_median_of_the_rounds() -> None:
    rounds = [_sample("ours", 1, cpu, number=number) for number, cpu in enumerate((9.0, 1.0, 1.5))]
    assert _row(render(rounds), FIRST, "direct", "1", "ours")[4:9] == ["3.00", "1.50", "1.500", "60", "90"]


def test_ours_as_a_share_of_a_peer() -> None:
    text = render([_sample("ours", 1, 0.5), _sample("kubectl", 1, 2.0)])
    assert _row(text, FIRST, "direct", "1", "kubectl")[-3:] == ["0.250", "0.250", "1.000"]
    assert len(_row(text, FIRST, "direct", "1", "ours")) == 9


def test_each_further_member_without_the_start() -> None:
    text = render([_sample("ours", 1, 1.0), _sample("ours", 5, 2.0), _sample("peer", 1, 1.0), _sample("peer", 5, 9.0)])
    assert _row(text, FIRST, "direct", "ours")[3:] == ["0.500", "0.250"]
    assert _row(text, FIRST, "direct", "peer")[3:] == ["4.000", "2.000", "0.125", "0.125"]


def test_requests_per_member_by_verb() -> None:
    text = render([_sample("ours", 4, 1.0), _sample("ours", 4, 1.0, SECOND)])
    line = next(line for line in text.splitlines() if line.startswith(SECOND) and "get 3" in line)
    assert line.split()[2:] == ["direct", "4", "ours", "4", "1", "4", "create", "1", "get", "3", "get", "1"]


def test_connections_are_held_apart() -> None:
    samples = [
        _sample(tool, members, cpu * members, connection=connection)
        for connection, tool, cpu in (
            ("direct", "ours", 1.0),
            ("direct", "peer", 2.0),
            ("agent", "ours", 2.0),
            ("agent", "peer", 8.0),
        )
        for members in (1, 5)
    ]
    text = render(samples)
    assert _row(text, FIRST, "direct", "1", "peer")[-3:-1] == ["0.500", "0.500"]
    assert _row(text, FIRST, "agent", "1", "peer")[-3:-1] == ["0.250", "0.250"]
    assert _row(text, FIRST, "agent", "peer")[3:] == ["16.000", "8.000", "0.250", "0.250"]


def test_installation_has_no_connection() -> None:
    assert _row(render([_sample("ours", 1, 9.0, INSTALL)]), INSTALL)[1] == "-"
