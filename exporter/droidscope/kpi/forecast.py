"""
Forecasts: the expected values of a KPI if its trend continues, and when it will cross a limit.

The method is exponential smoothing: simple without a trend, Holt's with a damped trend if there is
one. A damped trend levels off, since no KPI rises for ever.
"""

from __future__ import annotations

import math
from itertools import accumulate, product
from operator import mul
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from msgspec import Struct

from droidscope.kpi.trends import Direction, TrendMeasure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FORECAST_MINIMUM: Final = 10
"""
Fewest buckets for a forecast.
"""
TREND_FORECAST_MINIMUM: Final = 14
"""
Fewest buckets for a forecast with a trend.
"""
Z_80: Final = 1.281552
"""
Quantile of the normal distribution that bounds a two-sided 80 % interval.
"""
DAMPING: Final = (0.8, 0.98)
"""
Range of the share of a trend that is left after each step: below, it ends at once; above, never.
"""
_CELLS: Final = 32, 4
_PRECISION: Final = 1e-4
_GAIN: Final = 1e-5
"""
The search of parameters: cells of the first grid along one axis, if there is one axis or are several;
the last step; and the smallest gain for which the search goes on, as a share of the cost.
"""
_SINGULAR: Final = 1e-8
"""
Below it, level and trend at the start cannot be distinguished.
"""

Gapped = list[float | None]
Box = tuple[tuple[float, float], ...]


class PredictionInterval(NamedTuple):
    """
    The value expected in the bucket that begins at *time_ns*, within its 80 % interval.
    """

    time_ns: int
    mean: float
    low: float
    high: float


class Forecast(Struct, frozen=True):
    """
    The predictions of the coming buckets, and the smoothed *level* of the last known one.
    """

    method: Literal["simple", "damped"]
    level: float
    predictions: tuple[PredictionInterval, ...]


class Parameters(NamedTuple):
    """
    How fast level (*alpha*) and trend (*beta*) follow the data, 0 to 1; *phi* damps the trend.
    """

    alpha: float
    beta: float = 0.0
    phi: float = 1.0


class State(NamedTuple):
    """
    Level of a bucket and trend into the next.
    """

    level: float
    trend: float = 0.0


class Fit(NamedTuple):
    """
    The parameters and initial state with the least sum of squared one-step errors.
    """

    parameters: Parameters
    initial: State
    squares: float


def forecast(
    times_ns: Sequence[int],
    values: Sequence[float],
    bucket_ns: int,
    horizon: int,
    measure: TrendMeasure,
    direction: Direction,
) -> Forecast | None:
    """
    The *horizon* buckets after the last one, clipped to the range of the measure.

    Args:
        times_ns: The start of each bucket, ascending, whole buckets apart; gaps are allowed.
        values: The median of each bucket.
        bucket_ns: Length of a bucket.
        horizon: How many buckets to predict.
        measure: The properties of the KPI.
        direction: That of `trends.trend`: the forecast has a trend unless it is stable.

    Returns:
        None under 10 buckets.

    Raises:
        ValueError: If the numbers of times and values differ, or two times share a bucket.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    n = len(values)
    series = _with_gaps(times_ns, values, bucket_ns)
    if n < FORECAST_MINIMUM:
        return None

    is_damped = n >= TREND_FORECAST_MINIMUM and direction is not Direction.STABLE
    fit = fit_damped(series) if is_damped else fit_simple(series)
    _, last = smooth(series, fit.initial, fit.parameters)
    # Degrees of freedom: simple smoothing fits two numbers, damped smoothing five.
    sd = math.sqrt(fit.squares / (n - (5 if is_damped else 2)))

    def clipped(value: float) -> float:
        return min(measure.highest, max(measure.lowest, value))

    return Forecast(
        method="damped" if is_damped else "simple",
        level=clipped(last.level),
        predictions=tuple(
            PredictionInterval(
                time_ns=times_ns[-1] + step * bucket_ns,
                mean=clipped(mean),
                low=clipped(mean - Z_80 * sd * growth),
                high=clipped(mean + Z_80 * sd * growth),
            )
            for step, (mean, growth) in enumerate(_ahead(last, fit.parameters, horizon), start=1)
        ),
    )


def crossing_ns(predicted: Forecast, limit: float) -> int | None:
    """
    The start of the first bucket whose expected value is on the other side of *limit* than the level.

    None if there is none within the horizon. A value at the limit counts as not below it.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    is_below = predicted.level < limit
    crossed = (point.time_ns for point in predicted.predictions if (point.mean < limit) != is_below)
    return next(crossed, None)


def fit_simple(series: Gapped) -> Fit:
    """
    Simple exponential smoothing, fitted to *series*; None stands for a missing bucket.

    Definition: docs/kpis.md#trends-and-forecasts
    """

    def fit(point: tuple[float, ...]) -> Fit:
        (alpha_root,) = point
        return _fit(series, Parameters(alpha_root**2), with_trend=False)

    return fit(_minimise(lambda point: fit(point).squares, ((0.0, 1.0),)))


def fit_damped(series: Gapped) -> Fit:
    """
    Holt's linear method with a damped trend, fitted to *series*; None stands for a missing bucket.

    Definition: docs/kpis.md#trends-and-forecasts
    """

    def fit(point: tuple[float, ...]) -> Fit:
        # Square roots, because small differences matter most between small parameters.
        alpha_root, beta_root, phi = point
        return _fit(series, Parameters(alpha_root**2, beta_root**2, phi), with_trend=True)

    return fit(_minimise(lambda point: fit(point).squares, ((0.0, 1.0), (0.0, 1.0), DAMPING)))


def smooth(series: Gapped, initial: State, parameters: Parameters) -> tuple[list[float], State]:
    """
    Run through *series* from the *initial* state: the one-step errors and the last state.

    A missing bucket has no error; the state follows its trend.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    level, trend = initial
    alpha, beta, phi = parameters
    errors = []
    for value in series:
        trend *= phi
        level += trend
        error = 0.0 if value is None else value - level
        level += alpha * error
        trend += alpha * beta * error
        errors.append(error)
    return errors, State(level, trend)


def _fit(series: Gapped, parameters: Parameters, *, with_trend: bool) -> Fit:
    """
    The initial state that fits best with given *parameters*.

    Errors are linear in it, so this is linear least squares in one or two unknowns; no search is needed.
    """
    zeros: Gapped = [None if value is None else 0.0 for value in series]
    errors, _ = smooth(series, State(0.0, 0.0), parameters)
    by_level, _ = smooth(zeros, State(1.0, 0.0), parameters)
    by_trend, _ = smooth(zeros, State(0.0, 1.0), parameters)

    ll, le = _dot(by_level, by_level), _dot(by_level, errors)
    level, trend = -le / ll, 0.0
    if with_trend:
        lt, tt, te = _dot(by_level, by_trend), _dot(by_trend, by_trend), _dot(by_trend, errors)
        determinant = ll * tt - lt * lt
        if determinant > _SINGULAR * ll * tt:
            level, trend = (lt * te - tt * le) / determinant, (lt * le - ll * te) / determinant

    residuals = (e + level * a + trend * b for e, a, b in zip(errors, by_level, by_trend, strict=True))
    return Fit(parameters, State(level, trend), math.fsum(e * e for e in residuals))


def _ahead(last: State, parameters: Parameters, horizon: int) -> Iterator[tuple[float, float]]:
    """
    The expected value of each step ahead, and its SD relative to that of the first step.
    """
    level, trend = last
    alpha, beta, phi = parameters
    damped = accumulate(phi**step for step in range(1, horizon + 1))
    variance = 1.0
    for distance in damped:
        yield level + distance * trend, math.sqrt(variance)
        variance += (alpha * (1 + beta * distance)) ** 2


def _with_gaps(times_ns: Sequence[int], values: Sequence[float], bucket_ns: int) -> Gapped:
    """
    The values on an even grid, None where a bucket is missing.
    """
    series: Gapped = []
    for time_ns, value in zip(times_ns, values, strict=True):
        missing = (time_ns - times_ns[0]) // bucket_ns - len(series)
        if missing < 0:
            raise ValueError(
                f"time {time_ns} is in the same bucket as the one before; times must ascend by buckets"
            )
        series += [None] * missing
        series.append(value)
    return series


def _minimise(cost: Callable[[tuple[float, ...]], float], box: Box) -> tuple[float, ...]:
    """
    The point of the *box* with the least *cost*: the best of a grid, improved by ever smaller steps.
    """
    cells = _CELLS[len(box) > 1]
    axes = [[low + (high - low) * k / cells for k in range(cells + 1)] for low, high in box]
    least, best = min((cost(point), point) for point in product(*axes))
    step = 1 / cells
    while step > _PRECISION:
        lower, point = min((cost(point), point) for point in _neighbours(best, box, step))
        # A valley may be long and nearly flat: small steps along it gain nothing.
        if lower < least * (1 - _GAIN):
            least, best = lower, point
        else:
            step /= 2
    return best


def _neighbours(point: tuple[float, ...], box: Box, step: float) -> Iterator[tuple[float, ...]]:
    for axis, (low, high) in enumerate(box):
        for sign in (-1, 1):
            moved = min(high, max(low, point[axis] + sign * step * (high - low)))
            yield (*point[:axis], moved, *point[axis + 1 :])


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(map(mul, a, b))
