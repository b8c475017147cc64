"""Targets, met or not, and their table."""

from __future__ import annotations

import pytest

from tests.benchmarks.targets import TARGETS, Reading, render, verdict


def _line(text: str, what: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(what))


@pytest.mark.parametrize(("value", "met"), [(7.9, True), (8, True), (8.01, False)])
def test_the_bound_itself_meets_it(value: float, met: bool) -> None:
    assert Reading("first-host", value, 10).met is met


def test_not_one_write_is_allowed() -> None:
    assert Reading("second-writes", 0, 10).met
    assert not Reading("second-writes", 1, 10).met


def test_bound_that_follows_from_the_run() -> None:
    assert Reading("installing", 31, 10, bound=31.6).met
    assert not Reading("installing", 32, 10, bound=31.6).met
    with pytest.raises(ValueError, match="no bound"):
        _dummy = Reading("installing", 31, 10).met


def test_shares_are_written_as_the_targets_are() -> None:
    text = render([Reading("cpu-kubernetes.core", 1 / 45, 10), Reading("cpu-kubectl", 0.4, 10)])
    assert "at most 1/30" in _line(text, "CPU per imported member, against kubernetes.core")
    assert " 1/45 " in _line(text, "CPU per imported member, against kubernetes.core")
    assert " 1/2.5  NO " in _line(text, "CPU per imported member, against kubectl")


def test_row_says_what_its_members_were() -> None:
    text = render([Reading("beyond", 0.0504, 10, beside="100 imports"), Reading("beyond", 0.2, 1000, simulated=True)])
    rows = [line for line in text.splitlines() if line.startswith("Cluster written")]
    assert [row.split("  ")[-1] for row in rows] == ["100 imports", "1,000 simulated"]
    assert "at most 100 ms" in rows[0] and " 50 ms  yes " in rows[0] and " 10 real " in rows[0]
    assert " 200 ms  NO " in rows[1]


def test_nothing_is_left_out_that_was_not_measured() -> None:
    text = render([])
    assert len(text.splitlines()) == 1 + len(TARGETS)
    assert all("not measured" in line for line in text.splitlines()[1:])


def test_smaller_fleet_says_nothing_of_a_thousand() -> None:
    reading = Reading("road-seconds", 6.0, 100, simulated=True)
    assert not reading.met
    assert _line(render([reading]), "second run of the whole road").split()[-4:] == ["not", "1,000", "100", "simulated"]
    assert "not measured: " in verdict([reading]) and "road-seconds" in verdict([reading]).partition("not measured")[2]
    assert Reading("road-seconds", 6.0, 1000, simulated=True).met


def test_verdict_names_what_is_missed_and_what_is_not_measured() -> None:
    met = [Reading(name, 0, 1000, bound=1) for name in TARGETS]
    assert verdict(met) == f"{len(TARGETS)} of {len(TARGETS)} targets are met."
    missed = [*met, Reading("second-host", 5, 10)]
    assert verdict(missed) == f"{len(TARGETS) - 1} of {len(TARGETS)} targets are met; not met: second-host."
    assert verdict(met[:-1]).endswith(f"not measured: {met[-1].target}.")
