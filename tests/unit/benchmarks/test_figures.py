"""The benchmark's arithmetic."""

from __future__ import annotations

import pytest

from tests.benchmarks.figures import allowed_installation, growth, percentile, slope


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.01, 1), (0.5, 50), (0.9, 90), (0.95, 95), (0.99, 99), (1, 100)],
)
def test_percentile_of_a_hundred(share: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected


def test_percentile_is_one_of_the_values() -> None:
    assert percentile([3.0], 0.99) == 3
    assert percentile([1.0, 2.0], 0.5) == 1
    assert percentile([1.0, 2.0], 0.51) == 2
    # Below a hundred values the 99th percentile is the worst of all: one bad import is not lost in it.
    assert percentile([*[1.0] * 98, 9.0], 0.99) == 9
    assert percentile([*[1.0] * 99, 9.0], 0.99) == 1
    assert percentile([*[1.0] * 990, *[9.0] * 10], 0.99) == 1
    assert percentile([*[1.0] * 989, *[9.0] * 11], 0.99) == 9


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0), ([1.0], 1.1)])
def test_percentile_of_nothing(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="of"):
        percentile(values, share)


def test_slope_leaves_out_the_start() -> None:
    assert slope((1, 3.5), (5, 5.5)) == 0.5
    with pytest.raises(ValueError, match="no slope"):
        slope((4, 1.0), (4, 2.0))


def test_growth_is_one_where_it_is_linear() -> None:
    assert growth((100, 2.0), (1000, 20.0)) == 1
    assert growth((100, 2.0), (1000, 40.0)) == 2
    # A start that all pay makes it less.
    assert growth((100, 1.0 + 1.0), (1000, 1.0 + 10.0)) < 1


def test_what_an_installation_may_take() -> None:
    assert allowed_installation(10, 30) == pytest.approx(31.6)
    assert allowed_installation(1000, 600) == pytest.approx(640)
