"""
Trends: whether a KPI moves, which way, how fast and how restlessly.

Read from bucket medians: hourly in windows up to a week, daily in longer ones.
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
p-value below which a movement is not taken for chance.
"""
TREND_MINIMUM: Final = 8
"""
Buckets from which there is a trend.
"""
VOLATILITY_MINIMUM: Final = 4
"""
Buckets from which there is volatility.
"""


class Direction(StrEnum):
    """
    Which way a KPI moves, in terms of better and worse.
    """

    IMPROVING = "improving"
    STABLE = "stable"
    DECLINING = "declining"


class TrendMeasure(NamedTuple):
    """
    What trends and forecasts must know of a KPI.

    *polarity* is 1 if more is better, -1 if less is. A change smaller than *effect* does not
    count: in the KPI's own unit, or if *relative* as a share of its level. Values lie within
    *lowest* and *highest*.
    """

    polarity: int
    effect: float
    relative: bool = False
    lowest: float = 0.0
    highest: float = math.inf

    def smallest_effect(self, level: float) -> float:
        """
        The smallest change that counts around *level*, in the KPI's own unit.
        """
        return self.effect * abs(level) if self.relative else self.effect


SCORE: Final = TrendMeasure(polarity=1, effect=2.0, highest=100.0)
SUCCESS_RATIO: Final = TrendMeasure(polarity=1, effect=0.02, highest=1.0)
DURATION: Final = TrendMeasure(polarity=-1, effect=0.05, relative=True)


class TrendSeries(NamedTuple):
    """
    A value per bucket: buckets' times ascending and distinct; *weight* is how many outputs made them.
    """

    times_ns: Sequence[int]
    values: Sequence[float]
    weight: int = 1


class MannKendall(NamedTuple):
    """
    Pairs that rise minus pairs that fall, and how probable as much is without any trend.
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
    What a series of bucket medians says.

    *current* is the last median, None without any. *slope_per_week* (the improvement rate, in
    the KPI's unit, sign as measured), its 95 % *interval* and the *p_value* are None where the
    data are insufficient: under 8 buckets, and then the direction is stable. *volatility*, in
    the KPI's unit, is None under 4. *n* counts buckets.
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
    Whether bucket medians improve, decline or neither.

    They move only if that is both significant (Mann-Kendall) and worth mentioning: the
    Theil-Sen slope makes at least the measure's smallest effect over the window.

    Args:
        times_ns: When each bucket began, ascending; gaps are fine.
        values: The median of each bucket.
        window_ns: Length of the window the buckets come from.
        measure: Which KPI it is.

    Raises:
        ValueError: If there are not as many times as values, or times do not ascend.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    _check(times_ns, values)
    n = len(values)
    current = values[-1] if values else None
    if n < TREND_MINIMUM:
        return TrendAnalysis(current, Direction.STABLE, True, None, None, None, volatility(values), n)

    slope = theil_sen([(time_ns - times_ns[0]) / WEEK_NS for time_ns in times_ns], values)
    p_value = mann_kendall(values).p_value
    effect = slope.estimate * window_ns / WEEK_NS
    moves = p_value < SIGNIFICANCE and abs(effect) >= measure.smallest_effect(statistics.median(values))
    return TrendAnalysis(
        current=current,
        direction=_direction(effect * measure.polarity) if moves else Direction.STABLE,
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

    For independent noise that is the noise's own SD; a steady climb has none. None under 4.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    if len(values) < VOLATILITY_MINIMUM:
        return None
    return statistics.stdev(later - earlier for earlier, later in pairwise(values)) / math.sqrt(2)


def pooled(parts: Iterable[TrendSeries]) -> TrendSeries:
    """
    One series of several droids', in which a change of the mix of droids is no change of value.

    Each droid counts by its deviation from its own median, weighted by its outputs; the weighted
    mean of those medians is the level. Where every droid has every bucket, that is the weighted mean.

    Returns:
        A value for each bucket any part has, weighing what the parts weigh together.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    weight = 0
    level = 0.0
    deviations: defaultdict[int, float] = defaultdict(float)
    weights: Counter[int] = Counter()
    for part in parts:
        if not part.values or not part.weight:
            continue
        own = statistics.median(part.values)
        weight += part.weight
        level += part.weight * own
        for time_ns, value in zip(part.times_ns, part.values, strict=True):
            deviations[time_ns] += part.weight * (value - own)
            weights[time_ns] += part.weight

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
    Variance of rising minus falling pairs of *n* values without a trend, corrected for ties.
    """
    ties = Counter(values).values()
    return (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18


def _check(times_ns: Sequence[int], values: Sequence[float]) -> None:
    if len(times_ns) != len(values):
        raise ValueError(f"{len(times_ns)} times and {len(values)} values; they must be as many")
    for earlier, later in pairwise(times_ns):
        if later <= earlier:
            raise ValueError(f"time {later} follows {earlier}; times must ascend")
