"""
Trends: the direction, slope, significance and volatility of a KPI.

They are computed from medians by the hour in windows up to a week, by the day in longer ones.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from enum import StrEnum
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from droidscope.conventions.scoring import Z_95
from droidscope.units import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WEEK_NS: Final = 7 * DAY_NS

SIGNIFICANCE: Final = 0.05
"""
p-value below which a trend is significant.
"""
TREND_MINIMUM: Final = 8
"""
Fewest buckets for a trend.
"""
VOLATILITY_MINIMUM: Final = 4
"""
Fewest buckets for a volatility.
"""


class Direction(StrEnum):
    """
    Whether a KPI gets better or worse.
    """

    IMPROVING = "improving"
    STABLE = "stable"
    DECLINING = "declining"


class TrendMeasure(NamedTuple):
    """
    The properties of a KPI that its trend and forecast depend on.

    *polarity* is 1 if more is better, -1 if less is. A change smaller than *effect* is no trend; it is
    in the KPI's own unit, or if *relative* a share of its level. Values lie within *lowest* and *highest*.
    """

    polarity: int
    effect: float
    relative: bool = False
    lowest: float = 0.0
    highest: float = math.inf

    def smallest_effect(self, level: float) -> float:
        """
        The smallest change around *level* that is a trend, in the KPI's own unit.
        """
        return self.effect * abs(level) if self.relative else self.effect


SCORE: Final = TrendMeasure(polarity=1, effect=2.0, highest=100.0)
SUCCESS_RATIO: Final = TrendMeasure(polarity=1, effect=0.02, highest=1.0)
DURATION: Final = TrendMeasure(polarity=-1, effect=0.05, relative=True)


class TrendSeries(NamedTuple):
    """
    A value per bucket, in ascending order of distinct times; *weight* is the number of samples behind them.
    """

    times_ns: Sequence[int]
    values: Sequence[float]
    weight: int = 1


class MannKendall(NamedTuple):
    """
    *s* is the number of rising minus falling pairs, *p_value* the probability of it without any trend.
    """

    s: int
    p_value: float


class Slope(NamedTuple):
    """
    A slope within its 95 % interval.
    """

    estimate: float
    low: float
    high: float


class TrendAnalysis(Struct, frozen=True):
    """
    The trend of a series of medians by bucket.

    *current* is the last median, None without any. *slope_per_week* (the improvement rate, in
    the KPI's unit, sign as measured), its 95 % *interval* and the *p_value* are None if the data
    are insufficient: under 8 buckets, when the direction is stable. *volatility*, in the KPI's
    unit, is None under 4 buckets. *n* is the number of buckets.
    """

    current: float | None
    direction: Direction
    insufficient_data: bool
    slope_per_week: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    volatility: float | None
    n: int


def trend(
    times_ns: Sequence[int], values: Sequence[float], window_ns: int, measure: TrendMeasure
) -> TrendAnalysis:
    """
    Whether medians by bucket improve, decline or are stable.

    They are stable unless the change is both significant (Mann-Kendall) and large enough: the
    Theil-Sen slope over the window must reach the measure's smallest effect.

    Args:
        times_ns: The start of each bucket, ascending; gaps are allowed.
        values: The median of each bucket.
        window_ns: Length of the window the buckets come from.
        measure: The properties of the KPI.

    Raises:
        ValueError: If the numbers of times and values differ, or times do not ascend.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    _check(times_ns, values)
    n = len(values)
    current = values[-1] if values else None
    if n < TREND_MINIMUM:
        return TrendAnalysis(
            current=current,
            direction=Direction.STABLE,
            insufficient_data=True,
            slope_per_week=None,
            interval=None,
            p_value=None,
            volatility=volatility(values),
            n=n,
        )

    slope = theil_sen([(time_ns - times_ns[0]) / WEEK_NS for time_ns in times_ns], values)
    p_value = mann_kendall(values).p_value
    effect = slope.estimate * window_ns / WEEK_NS
    is_trend = p_value < SIGNIFICANCE and abs(effect) >= measure.smallest_effect(statistics.median(values))
    return TrendAnalysis(
        current=current,
        direction=_direction(effect * measure.polarity) if is_trend else Direction.STABLE,
        insufficient_data=False,
        slope_per_week=slope.estimate,
        interval=(slope.low, slope.high),
        p_value=p_value,
        volatility=volatility(values),
        n=n,
    )


def mann_kendall(values: Sequence[float]) -> MannKendall:
    """
    The Mann-Kendall test: two-sided, corrected for ties, normal approximation with continuity correction.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    s = sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))
    distance = max(0, abs(s) - 1)
    variance = _pairs_variance(len(values), values)
    z = distance / math.sqrt(variance) if distance else 0.0
    return MannKendall(s, math.erfc(z / math.sqrt(2)))


def theil_sen(times: Sequence[float], values: Sequence[float]) -> Slope:
    """
    Median slope between all pairs of points, with Sen's 95 % interval, per unit of *times*.

    Args:
        times: At least two, ascending and distinct.
        values: As many.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    points = zip(times, values, strict=True)
    slopes = sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))
    n = len(slopes)
    spread = Z_95 * math.sqrt(_pairs_variance(len(values), values))
    low = max(0, round((n - spread) / 2) - 1)
    high = min(n - 1, round((n + spread) / 2))
    return Slope(statistics.median(slopes), slopes[low], slopes[high])


def volatility(values: Sequence[float]) -> float | None:
    """
    Sample SD of first differences over the square root of 2, in the unit of *values*.

    For independent noise that is the SD of the noise; for a constant slope it is 0. None under 4 values.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    if len(values) < VOLATILITY_MINIMUM:
        return None
    return statistics.stdev(later - earlier for earlier, later in pairwise(values)) / math.sqrt(2)


def pooled(components: Iterable[TrendSeries]) -> TrendSeries:
    """
    One series from those of several droids or patterns, unaffected by a change of their mix.

    The level is the weighted mean of the medians of the components. To it the weighted mean of their
    deviations from their own medians is added. If every component has every bucket, the result is
    their weighted mean.

    Returns:
        A value for each bucket that any component has, with the sum of their weights.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    weight = 0
    level = 0.0
    deviations: defaultdict[int, float] = defaultdict(float)
    weights: Counter[int] = Counter()
    for component in components:
        if not component.values or not component.weight:
            continue
        median = statistics.median(component.values)
        weight += component.weight
        level += component.weight * median
        for time_ns, value in zip(component.times_ns, component.values, strict=True):
            deviations[time_ns] += component.weight * (value - median)
            weights[time_ns] += component.weight

    times_ns = sorted(deviations)
    return TrendSeries(
        times_ns, [level / weight + deviations[time_ns] / weights[time_ns] for time_ns in times_ns], weight
    )


def _direction(gain: float) -> Direction:
    if not gain:
        return Direction.STABLE
    return Direction.IMPROVING if gain > 0 else Direction.DECLINING


def _pairs_variance(n: int, values: Sequence[float]) -> float:
    """
    Variance of the number of rising minus falling pairs of *n* values without a trend, corrected for ties.
    """
    ties = Counter(values).values()
    return (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18


def _check(times_ns: Sequence[int], values: Sequence[float]) -> None:
    if len(times_ns) != len(values):
        raise ValueError(f"{len(times_ns)} times and {len(values)} values; expected as many times as values")
    for earlier, later in pairwise(times_ns):
        if later <= earlier:
            raise ValueError(f"time {later} follows {earlier}; times must ascend")
