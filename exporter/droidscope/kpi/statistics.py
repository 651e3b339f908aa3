"""
Statistics that KPIs are computed with: ratios, deviations, medians and Wilson intervals.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from droidscope.conventions.scoring import Z_95

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def clip(value: float) -> float:
    """
    The nearest number within 0 and 1.
    """
    return min(1.0, max(0.0, value))


def ratio(part: int, whole: int) -> float | None:
    """
    *part* / *whole*; None if *whole* is 0.

    Definition: docs/kpis.md#conventions
    """
    return part / whole if whole else None


def population_sd(n: int, total: int, squares: int) -> float | None:
    """
    Population standard deviation from count, sum and sum of squares; None of nothing.

    The variance is computed in integers, so nothing cancels and it is never negative.

    Definition: docs/kpis.md#conventions
    """
    return math.sqrt(n * squares - total * total) / n if n else None


def median_of_counts(counts: Mapping[int, int]) -> float | None:
    """
    Median of values given with their counts; None of nothing.

    Definition: docs/kpis.md#conventions
    """
    return weighted_median(counts.items())


def weighted_median(values: Iterable[tuple[float, int]]) -> float | None:
    """
    Median of values that occur so many times each, in any order; None of nothing.

    With an even number of values it lies halfway between the middle two.

    Definition: docs/kpis.md#conventions
    """
    ascending = sorted(values)
    n = sum(count for _, count in ascending)
    if not n:
        return None
    return (_value_at(ascending, (n - 1) // 2) + _value_at(ascending, n // 2)) / 2


def _value_at(ascending: Iterable[tuple[float, int]], rank: int) -> float:
    """
    The value at *rank*, from 0.
    """
    passed = 0
    for value, count in ascending:
        passed += count
        if passed > rank:
            return value
    raise IndexError(rank)


def wilson_interval(successes: int, n: int) -> tuple[float, float] | None:
    """
    Wilson score interval at 95 % of the ratio behind *successes* of *n*; None of nothing.

    It holds its level for small n, and always contains successes / n.

    Definition: docs/kpis.md#conventions
    """
    if not n:
        return None

    estimate = successes / n
    z2 = Z_95 * Z_95
    centre = estimate + z2 / (2 * n)
    margin = Z_95 * math.sqrt(estimate * (1 - estimate) / n + z2 / (4 * n * n))
    scale = 1 + z2 / n
    # Rounding may leave the ends a hair inside the estimate at 0 of n and n of n.
    return max(0.0, min(estimate, (centre - margin) / scale)), min(
        1.0, max(estimate, (centre + margin) / scale)
    )
