"""
Forecasts, against statsmodels.
"""

from __future__ import annotations

import random
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.holtwinters import ExponentialSmoothing, SimpleExpSmoothing

from droidscope.kpi.forecast import (
    DAMPING,
    Parameters,
    State,
    _ahead,
    crossing_ns,
    fit_damped,
    fit_simple,
    forecast,
    smooth,
)
from droidscope.kpi.trends import DURATION, SCORE, Direction
from droidscope.units import DAY_NS

START = 1_760_000_000_000_000_000
scores = st.floats(0, 100, allow_subnormal=False)
shares = st.floats(0.01, 0.99)


def walk(seed, n=40, drift=0.3, wander=1.0, noise=2.0):
    """
    A level that drifts and wanders under noise, always the same for a seed.
    """
    source = random.Random(seed)
    level, values = 50.0, []
    for _ in range(n):
        level += drift + source.gauss(0, wander)
        values.append(level + source.gauss(0, noise))
    return values


def daily(values, horizon=10, measure=SCORE, direction=Direction.IMPROVING, skip=()):
    """
    The forecast of a value a day, but for the days to skip.
    """
    days = [day for day in range(len(values)) if day not in skip]
    times_ns = [START + day * DAY_NS for day in days]
    return forecast(times_ns, [values[day] for day in days], DAY_NS, horizon, measure, direction)


def fitted(model, **options):
    """
    The fit of statsmodels, which may complain of no convergence or of a perfect fit.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(**options)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # statsmodels, of a perfect fit
@given(st.lists(scores, min_size=10, max_size=40), shares, shares, st.floats(*DAMPING), scores, scores)
@settings(max_examples=40, deadline=None)
def test_smoothing_is_that_of_statsmodels(values, alpha, beta, phi, level, trend):
    """
    From the same start with the same parameters come the same errors and the same future.
    """
    model = ExponentialSmoothing(
        np.array(values),
        trend="add",
        damped_trend=True,
        initialization_method="known",
        initial_level=level,
        initial_trend=trend,
    )
    oracle = fitted(model, smoothing_level=alpha, smoothing_trend=beta, damping_trend=phi, optimized=False)
    errors, last = smooth(values, State(level, trend), Parameters(alpha, beta, phi))

    assert errors == pytest.approx(list(oracle.resid), abs=1e-6)
    assert last.level + phi * last.trend == pytest.approx(oracle.forecast(1)[0], abs=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_simple_smoothing_fits_as_well_as_statsmodels(seed):
    """
    The squared errors are as small, and so the forecast is the same.
    """
    values = walk(seed, drift=0.0)
    oracle = fitted(SimpleExpSmoothing(np.array(values), initialization_method="estimated"))

    predicted = daily(values, direction=Direction.STABLE)

    assert fit_simple(values).squares <= oracle.sse * 1.0001
    assert predicted.method == "simple"
    assert [p.mean for p in predicted.predictions] == pytest.approx(list(oracle.forecast(10)), abs=0.05)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("n", [14, 30, 168])
def test_damped_smoothing_fits_as_well_as_statsmodels(seed, n):
    """
    The squared errors are as small, to a thousandth, or smaller.
    """
    values = walk(seed, n, wander=seed % 3)
    model = ExponentialSmoothing(
        np.array(values),
        trend="add",
        damped_trend=True,
        initialization_method="estimated",
        bounds={"damping_trend": DAMPING},
    )

    assert fit_damped(values).squares <= fitted(model).sse * 1.001


@given(shares, shares, st.floats(*DAMPING))
@settings(max_examples=20, deadline=None)
def test_the_future_is_that_of_the_state_space_model(alpha, beta, phi):
    """
    The mean of each step, and how its SD grows, are those that statsmodels derives.
    """
    values, initial, parameters = walk(5), State(50.0, 0.3), Parameters(alpha, beta, phi)
    model = ETSModel(pd.Series(values), error="add", trend="add", damped_trend=True)
    result = model.smooth([alpha, alpha * beta, phi, *initial])
    oracle = result.get_prediction(start=40, end=49)
    sds = [*np.sqrt(oracle.forecast_variance)]
    _, last = smooth(values, initial, parameters)

    means, growths = zip(*_ahead(last, parameters, 10), strict=True)

    assert means == pytest.approx(tuple(oracle.predicted_mean))
    assert growths == pytest.approx(tuple(sd / sds[0] for sd in sds))


@pytest.mark.parametrize("direction", [Direction.STABLE, Direction.IMPROVING])
def test_four_in_five_come_true(direction):
    """
    Of 150 futures the third value lies within its 80 % interval about 120 times.
    """
    hits = 0
    for seed in range(150):
        *values, _, _, future = walk(seed, 43, drift=0.0)
        third = daily(values, 3, direction=direction).predictions[2]
        hits += third.low <= future <= third.high

    assert 0.7 <= hits / 150 <= 0.9


@pytest.mark.parametrize(
    ("n", "direction", "method"),
    [
        (10, Direction.IMPROVING, "simple"),
        (13, Direction.IMPROVING, "simple"),
        (14, Direction.IMPROVING, "damped"),
        (14, Direction.DECLINING, "damped"),
        (14, Direction.STABLE, "simple"),
    ],
)
def test_a_trend_goes_on_only_if_there_is_one_and_enough_data(n, direction, method):
    """
    From 14 buckets with a trend it is damped Holt, else simple smoothing.
    """
    assert daily(walk(1, n), direction=direction).method == method


@pytest.mark.parametrize("n", range(10))
def test_under_ten_buckets_there_is_no_forecast(n):
    """
    However clear it looks.
    """
    assert daily(list(range(n))) is None


@given(st.lists(scores, min_size=10, max_size=25), st.sampled_from(Direction))
@settings(max_examples=40, deadline=None)
def test_whatever_was_the_future_stays_on_the_scale(values, direction):
    """
    Scores remain within 0 and 100, each mean within its interval, one bucket after another.
    """
    predicted = daily(values, direction=direction)

    assert 0 <= predicted.level <= 100
    for step, point in enumerate(predicted.predictions, start=1):
        assert 0 <= point.low <= point.mean <= point.high <= 100
        assert point.time_ns == START + (len(values) - 1 + step) * DAY_NS


def test_a_climb_goes_on_but_levels_off():
    """
    A duration of an hour more a day keeps growing, by ever less.
    """
    means = [p.mean for p in daily([3600.0 * k for k in range(30)], measure=DURATION).predictions]
    steps = [after - before for before, after in pairwise(means)]

    assert steps == sorted(steps, reverse=True)
    assert 0 < steps[-1] < steps[0] < 3600


def test_a_constant_stays_what_it_is():
    """
    Without errors there is no doubt either.
    """
    for direction in Direction:
        predicted = daily([70.0] * 20, direction=direction)
        assert [p[1:] for p in predicted.predictions] == [pytest.approx((70, 70, 70))] * 10


def test_missing_days_keep_their_place_in_time():
    """
    A steady climb with three days missing is forecast as if they were there, on the right dates.
    """
    values = [10 + 2.0 * k for k in range(30)]
    whole, gappy = daily(values), daily(values, skip={5, 6, 20})

    assert [p.time_ns for p in gappy.predictions] == [p.time_ns for p in whole.predictions]
    assert [p.mean for p in gappy.predictions] == pytest.approx([p.mean for p in whole.predictions], rel=0.02)


def test_the_day_a_limit_is_crossed():
    """
    A score that falls by one a day from 90 and has reached 66 is below 60 a week later.
    """
    predicted = daily([90.0 - k for k in range(25)], 30, direction=Direction.DECLINING)
    crossed = crossing_ns(predicted, 60)
    before, after = (
        next(p.mean for p in predicted.predictions if p.time_ns == time_ns)
        for time_ns in (crossed - DAY_NS, crossed)
    )

    assert 6 <= (crossed - START) // DAY_NS - 24 <= 10
    assert after < 60 <= before


def test_a_limit_may_be_crossed_upwards():
    """
    Seen from below, reaching the limit is crossing it.
    """
    predicted = daily([30.0 + k for k in range(25)], 30)

    assert crossing_ns(predicted, 60) is not None


@pytest.mark.parametrize("direction", Direction)
def test_a_limit_beyond_the_horizon_is_not_crossed(direction):
    """
    Neither by a fall that is too slow nor by what stays where it is.
    """
    values = {
        Direction.STABLE: [62.0 if k % 2 else 58.5 for k in range(24)],
        Direction.IMPROVING: [62.0 + k / 10 for k in range(24)],
        Direction.DECLINING: [90.0 - k / 10 for k in range(24)],
    }

    assert crossing_ns(daily(values[direction], direction=direction), 60) is None


@pytest.mark.parametrize("days", [[0, 0, *range(1, 10)], [1, 0, *range(2, 11)]])
def test_two_values_in_one_bucket_are_refused(days):
    """
    And so are times that step back.
    """
    with pytest.raises(ValueError, match="times must ascend by buckets"):
        forecast([day * DAY_NS for day in days], [1.0] * 11, DAY_NS, 1, SCORE, Direction.STABLE)
