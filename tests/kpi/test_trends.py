"""
Trends, against pymannkendall and scipy.
"""

from __future__ import annotations

import random
import statistics
import time
from itertools import pairwise

import pymannkendall
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from droidscope.kpi.trends import (
    DURATION,
    SCORE,
    SUCCESS_RATIO,
    WEEK_NS,
    Direction,
    TrendSeries,
    mann_kendall,
    pooled,
    theil_sen,
    trend,
    volatility,
)
from droidscope.units import DAY_NS, HOUR_NS

tied = st.integers(0, 20).map(lambda half_points: half_points / 2)
scores = st.floats(0, 100, allow_subnormal=False).map(lambda points: round(points, 6))
values_lists = st.lists(tied, min_size=2, max_size=40) | st.lists(scores, min_size=2, max_size=40)
enough = st.lists(scores, min_size=8, max_size=40)


def hourly(values):
    """
    One hour after another.
    """
    return [1_760_000_000_000_000_000 + k * HOUR_NS for k in range(len(values))]


def line(n, total):
    """
    *n* values in the seventies whose slope makes *total* over n hours.
    """
    return [70 + total * k / n for k in range(n)]


def of(values, measure=SCORE):
    """
    The trend of hourly values over the window they fill.
    """
    return trend(hourly(values), values, len(values) * HOUR_NS, measure)


@given(values_lists)
def test_mann_kendall_is_the_original_test(values):
    """
    With and without ties: the same statistic and the same p-value as pymannkendall.
    """
    expected = pymannkendall.original_test(values)

    s, p_value = mann_kendall(values)

    assert s == expected.s
    assert p_value == pytest.approx(expected.p, rel=1e-6, abs=1e-12)


@given(values_lists, st.data())
def test_theil_sen_is_that_of_scipy(values, data):
    """
    Slope and 95 % interval are scipy's, with gaps between the points as well.
    """
    n = len(values)
    times = sorted(data.draw(st.lists(st.integers(0, 720), min_size=n, max_size=n, unique=True)))
    expected = theilslopes(values, times, alpha=0.95)

    slope = theil_sen(times, values)

    assert slope == pytest.approx((expected.slope, expected.low_slope, expected.high_slope))


@pytest.mark.parametrize(
    ("total", "measure", "direction"),
    [
        (2.01, SCORE, Direction.IMPROVING),
        (-2.01, SCORE, Direction.DECLINING),
        (1.99, SCORE, Direction.STABLE),
        (-1.99, SCORE, Direction.STABLE),
        (4.0, DURATION, Direction.DECLINING),
        (-4.0, DURATION, Direction.IMPROVING),
        (3.0, DURATION, Direction.STABLE),
        (0.0, SCORE, Direction.STABLE),
    ],
)
def test_a_change_must_be_large_enough(total, measure, direction):
    """
    Two points for scores; for durations, of which less is better, 5 % of the median of 70 or so.
    """
    assert of(line(24, total), measure).direction is direction


def test_a_fall_of_errors_is_an_improvement():
    """
    Two hundredths of a ratio count, and less is better here.
    """
    values = [0.2 - 0.03 * k / 24 for k in range(24)]

    assert of(values, SUCCESS_RATIO._replace(polarity=-1)).direction is Direction.IMPROVING


def test_a_large_change_must_be_significant_too():
    """
    Volatile values whose slope makes 14 points over the window, but by chance one time in five.
    """
    analysis = of([50, 80, 40, 90, 45, 85, 60, 88])

    assert analysis.p_value > 0.05
    assert abs(analysis.slope_per_week) * 8 * HOUR_NS / WEEK_NS > 2
    assert analysis.direction is Direction.STABLE


def test_the_slope_is_per_week_whatever_the_buckets():
    """
    Half a point a day is 3.5 a week, exactly known where nothing is noisy.
    """
    values = [50 + 0.5 * day for day in range(30)]
    analysis = trend([day * DAY_NS for day in range(30)], values, 30 * DAY_NS, SCORE)

    assert analysis.slope_per_week == pytest.approx(3.5)
    assert analysis.interval == pytest.approx((3.5, 3.5))
    assert (analysis.current, analysis.n, analysis.insufficient_data) == (64.5, 30, False)


@given(st.lists(scores, max_size=7))
def test_under_eight_buckets_nothing_is_told(values):
    """
    Stable, for want of data; only the present and, from four, the volatility are known.
    """
    analysis = of(values)

    assert analysis.direction is Direction.STABLE
    assert analysis.insufficient_data
    assert (analysis.slope_per_week, analysis.interval, analysis.p_value) == (None, None, None)
    assert analysis.current == (values[-1] if values else None)
    assert (analysis.volatility is None) == (len(values) < 4)


@given(enough)
def test_time_reversed_is_the_opposite(values):
    """
    What improves forwards declines backwards.
    """
    opposite = {
        Direction.IMPROVING: Direction.DECLINING,
        Direction.DECLINING: Direction.IMPROVING,
        Direction.STABLE: Direction.STABLE,
    }

    assert of(values[::-1]).direction is opposite[of(values).direction]


@given(enough)
def test_the_interval_contains_the_slope(values):
    """
    And a significant slope does not have zero well inside.
    """
    analysis = of(values)
    low, high = analysis.interval

    assert low <= analysis.slope_per_week <= high


def test_noise_is_rarely_a_trend():
    """
    Of 400 series without a trend, about one in twenty is mistaken for one.
    """
    noise = random.Random(7)
    analyses = [of([noise.gauss(70, 8) for _ in range(30)]) for _ in range(400)]
    mistaken = sum(analysis.direction is not Direction.STABLE for analysis in analyses)

    assert 4 <= mistaken <= 32


@given(st.lists(scores, min_size=4, max_size=40))
def test_volatility_by_its_definition(values):
    """
    Sample SD of the differences, divided by the root of two.
    """
    differences = [after - before for before, after in pairwise(values)]

    assert volatility(values) == pytest.approx(statistics.stdev(differences) / 2**0.5)


def test_volatility_of_noise_is_its_sd_and_a_climb_has_none():
    """
    Noise of SD 5 shows 5, a trend below it changes nothing; a clean climb shows 0.
    """
    noise = random.Random(3)
    climbing_noise = [0.1 * k + noise.gauss(0, 5) for k in range(2000)]

    assert volatility(climbing_noise) == pytest.approx(5, rel=0.05)
    assert volatility(line(24, 12)) == pytest.approx(0, abs=1e-9)


def test_a_month_of_hours_takes_no_time():
    """
    720 buckets make a quarter of a million pairs, in under half a second.
    """
    noise = random.Random(1)
    values = [noise.gauss(70, 5) for _ in range(720)]

    started = time.process_time()
    of(values)

    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("times_ns", "values", "complaint"),
    [([1, 2], [1.0], "2 times and 1 values"), ([2, 2], [1.0, 1.0], "time 2 follows 2")],
)
def test_a_broken_series_is_refused(times_ns, values, complaint):
    """
    As many times as values, one after another.
    """
    with pytest.raises(ValueError, match=complaint):
        trend(times_ns, values, WEEK_NS, SCORE)


def test_a_change_of_the_mix_is_no_trend():
    """
    A droid of 90 hands over to one of 50, neither changes: their mean falls, the pool does not.
    """
    veteran = TrendSeries(list(range(10)), [90.0] * 10, weight=30)
    novice = TrendSeries(list(range(6, 16)), [50.0] * 10, weight=10)
    pool = pooled([veteran, novice])

    assert pool.values == [80.0] * 16
    assert trend(pool.times_ns, pool.values, 16, SCORE).direction is Direction.STABLE


@given(st.integers(1, 12), st.data())
def test_with_every_bucket_the_pool_is_the_weighted_mean(n, data):
    """
    Where no droid is ever absent, there is no mix to correct.
    """
    parts = data.draw(
        st.lists(
            st.builds(
                TrendSeries, st.just(range(n)), st.lists(scores, min_size=n, max_size=n), st.integers(1, 50)
            ),
            min_size=1,
            max_size=5,
        )
    )
    weight = sum(part.weight for part in parts)
    mean = [sum(part.weight * part.values[k] for part in parts) / weight for k in range(n)]

    assert pooled(parts) == (list(range(n)), pytest.approx(mean), weight)


def test_a_pool_of_nothing_is_empty():
    """
    Neither no droids nor droids without outputs have a series.
    """
    assert pooled([]) == pooled([TrendSeries([], [], 3), TrendSeries([1], [2.0], 0)]) == ([], [], 0)


@given(st.lists(scores, min_size=1, max_size=10, unique=True), st.integers(1, 9))
def test_a_droid_alone_is_its_own_pool(values, weight):
    """
    Whatever it weighs.
    """
    pool = pooled([TrendSeries(range(len(values)), values, weight)])

    assert pool.values == pytest.approx(values)
