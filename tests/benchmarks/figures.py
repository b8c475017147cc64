"""The arithmetic of the benchmark: percentiles, growth, and shares."""

from __future__ import annotations

import math
from collections.abc import Collection
from fractions import Fraction


def percentile(values: Collection[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed (nearest rank, no interpolation).

    With less than a hundred values the 99th percentile is the largest of them: nothing is made up, and none is dropped.

    Raises:
        ValueError: there are no values, or the share is not above 0 and at most 1.
    """
    if not values or not 0 < share <= 1:
        raise ValueError(f"no {share:.0%} of {len(values)} values")
    return sorted(values)[math.ceil(Fraction(str(share)) * len(values)) - 1]


def slope(small: tuple[float, float], large: tuple[float, float]) -> float:
    """What each further member costs, between two fleets as (members, cost): a start that all pay is not in it.

    Raises:
        ValueError: the fleets are of one size.
    """
    if small[0] == large[0]:
        raise ValueError(f"two fleets of {small[0]:g} members have no slope")
    return (large[1] - small[1]) / (large[0] - small[0])


def growth(small: tuple[float, float], large: tuple[float, float]) -> float:
    """How a cost grows from one fleet to a larger one, as a share of linear growth; 1 is linear, above it is worse."""
    return (large[1] / small[1]) / (large[0] / small[0])


def allowed_installation(members: int, longest: float) -> float:
    """Seconds that installing may take: what one cluster takes, 5 % more, and a second per 100 clusters."""
    return 1.05 * longest + members / 100
