"""
Trends and forecasts of KPIs, from their hourly or daily values.

Definition: docs/kpis.md#trends-and-forecasts
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from droidscope.conventions import metrics
from droidscope.conventions.metrics import MetricSpec
from droidscope.conventions.thresholds import (
    EFFICIENCY_LOW,
    LOW_CODE_QUALITY,
    SUCCESS_TARGET,
    SpecAlertCategory,
    Threshold,
)
from droidscope.facts.fact_key import Score
from droidscope.facts.history import DAY_HOURS
from droidscope.formatting import duration, percent, rounded
from droidscope.kpi.forecast import Forecast, crossing_ns, forecast
from droidscope.kpi.timeline import HistoryPoint, HistoryPoints, Timeline
from droidscope.kpi.trends import (
    DURATION,
    SCORE,
    SUCCESS_RATIO,
    Direction,
    TrendAnalysis,
    TrendMeasure,
    TrendSeries,
    pooled,
    trend,
)
from droidscope.limits.alert_limits import AlertLimits
from droidscope.units import HOUR_NS, SECOND_NS

TrendWindow = Literal["7d", "30d"]
TREND_BUCKETS: Final[dict[TrendWindow, tuple[int, int]]] = {"7d": (1, 168), "30d": (DAY_HOURS, 30)}
"""
Hours in a bucket, and how many buckets: hourly medians up to a week, daily ones above.
"""
HORIZON: Final[dict[TrendWindow, int]] = {"7d": 24, "30d": 7}
"""
Buckets that are predicted: a day, or a week.
"""


class ForecastKpi(NamedTuple):
    """
    A KPI that has a trend and a forecast.

    *spec* is the metric that has the same values. *components* gives those of one bucket by pattern or
    droid. A forecast reports when it will cross *limit*, or the limit in force of *alert*; *to_text* formats
    its values.
    """

    spec: MetricSpec
    measure: TrendMeasure
    components: Callable[[HistoryPoints], Mapping[str, HistoryPoint]]
    to_text: Callable[[float], str]
    limit: float | None = None
    alert: Threshold[SpecAlertCategory] | None = None

    def with_limit_in_force(self, limits: AlertLimits, orchestrator: str | None) -> ForecastKpi:
        """
        The KPI with the limit that its alert has for an orchestrator.
        """
        if self.alert is None:
            return self
        return self._replace(limit=limits.of_orchestrator(self.alert, orchestrator).limit)

    @property
    def name(self) -> str:
        """
        The name in the API.
        """
        return self.spec.short_name

    @property
    def title(self) -> str:
        """
        The name in sentences, without the unit: `Session success`.
        """
        return self.name.rpartition("_")[0].replace("_", " ").capitalize()


def _score(score: Score) -> Callable[[HistoryPoints], dict[str, HistoryPoint]]:
    return lambda points: {droid: point for (kind, droid), point in points.scores.items() if kind == score}


EFFICIENCY: Final = ForecastKpi(
    spec=metrics.EFFICIENCY_SCORE,
    measure=SCORE,
    components=lambda points: {"": points.efficiency} if points.efficiency else {},
    limit=EFFICIENCY_LOW,
    to_text=rounded,
)
SESSION_SUCCESS: Final = ForecastKpi(
    spec=metrics.SESSION_SUCCESS_RATIO,
    measure=SUCCESS_RATIO,
    components=lambda points: points.success,
    limit=SUCCESS_TARGET,
    to_text=percent,
)
SESSION_DURATION: Final = ForecastKpi(
    spec=metrics.SESSION_DURATION,
    measure=DURATION,
    components=lambda points: points.duration_seconds,
    to_text=duration,
)
CODE_QUALITY: Final = ForecastKpi(
    spec=metrics.CODE_QUALITY,
    measure=SCORE,
    components=_score(Score.CODE_QUALITY),
    alert=LOW_CODE_QUALITY,
    to_text=rounded,
)
TEST_COVERAGE: Final = ForecastKpi(
    spec=metrics.TEST_COVERAGE,
    measure=SCORE,
    components=_score(Score.TEST_COVERAGE),
    to_text=rounded,
)
SECURITY: Final = ForecastKpi(
    spec=metrics.SECURITY,
    measure=SCORE,
    components=_score(Score.SECURITY),
    to_text=rounded,
)
KPIS: Final = (EFFICIENCY, SESSION_SUCCESS, SESSION_DURATION, CODE_QUALITY, TEST_COVERAGE, SECURITY)
"""
The KPIs of an orchestrator that have trends. Their patterns or droids are followed one by one, so that a
change of the mix is not a trend.
"""


class Trend(Struct, frozen=True):
    """
    The trend of a KPI over a window; *times_seconds* and *values* are its buckets.
    """

    kpi: str
    window: TrendWindow
    analysis: TrendAnalysis
    times_seconds: list[float]
    values: list[float]


class KpiForecast(Struct, frozen=True):
    """
    The expected value of a KPI at *time_seconds*, Unix, within its 80 % interval.

    *crossing_seconds* is when it is expected to cross *limit*; null if it is not, or has no limit.
    """

    kpi: str
    method: Literal["simple", "damped"]
    text: str
    time_seconds: float
    value: float
    low: float
    high: float
    limit: float | None
    crossing_seconds: float | None


class DroidTrend(Struct, frozen=True):
    """
    The trend of the code quality of one droid, and its medians by bucket.
    """

    droid: str
    analysis: TrendAnalysis
    times_seconds: list[float]
    values: list[float]


def trends(timeline: Timeline, window: TrendWindow) -> list[Trend]:
    """
    The trends of an orchestrator's KPIs that have values.

    Args:
        timeline: The complete buckets of the window.
        window: 7d by the hour, or 30d by the day.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    all_series = ((kpi, pooled(_components(timeline, kpi.components).values())) for kpi in KPIS)
    return [
        Trend(
            kpi=kpi.name,
            window=window,
            analysis=_analysis(series, window, kpi.measure),
            times_seconds=[time_ns / SECOND_NS for time_ns in series.times_ns],
            values=list(series.values),
        )
        for kpi, series in all_series
        if series.values
    ]


def trend_of(kpi: ForecastKpi, kpi_trends: Iterable[Trend]) -> Trend | None:
    """
    The trend of one KPI, None if it has no values.
    """
    return next((kpi_trend for kpi_trend in kpi_trends if kpi_trend.kpi == kpi.name), None)


def droid_trends(timeline: Timeline, window: TrendWindow) -> list[DroidTrend]:
    """
    The trend of each droid's code quality, of those with any.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    return [
        DroidTrend(
            droid=droid,
            analysis=_analysis(series, window, SCORE),
            times_seconds=[time_ns / SECOND_NS for time_ns in series.times_ns],
            values=list(series.values),
        )
        for droid, series in sorted(_components(timeline, _score(Score.CODE_QUALITY)).items())
    ]


def predictions(
    kpi_trends: Iterable[Trend], limits: AlertLimits | None = None, orchestrator: str | None = None
) -> list[KpiForecast]:
    """
    The forecasts of KPIs, one horizon ahead, of those with at least ten buckets.

    Args:
        kpi_trends: The trends of one orchestrator.
        limits: The limits in force; the defaults if None.
        orchestrator: Its name, where it may have limits of its own.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    in_force = limits or AlertLimits()
    kpis = {kpi.name: kpi.with_limit_in_force(in_force, orchestrator) for kpi in KPIS}
    forecasts = (
        (kpis[kpi_trend.kpi], _forecast(kpi_trend, kpis[kpi_trend.kpi].measure)) for kpi_trend in kpi_trends
    )
    return [_kpi_forecast(kpi, predicted) for kpi, predicted in forecasts if predicted is not None]


def daily_costs(timeline: Timeline) -> dict[str, list[tuple[int, int]]]:
    """
    The cost of each pattern in each bucket, in 1e-9 USD, and how many of its sessions completed.
    """
    days: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for points in timeline.points:
        for pattern, cost in points.costs.items():
            days[pattern].append(cost)
    return dict(days)


def _components(
    timeline: Timeline, components: Callable[[HistoryPoints], Mapping[str, HistoryPoint]]
) -> dict[str, TrendSeries]:
    """
    The series of each pattern or droid that a KPI has values of.
    """
    times: defaultdict[str, list[int]] = defaultdict(list)
    values: defaultdict[str, list[float]] = defaultdict(list)
    weights: Counter[str] = Counter()
    for time_ns, points in zip(timeline.times_ns, timeline.points, strict=True):
        for name, point in components(points).items():
            times[name].append(time_ns)
            values[name].append(point.value)
            weights[name] += point.n
    return {name: TrendSeries(times[name], values[name], weights[name]) for name in times}


def _analysis(series: TrendSeries, window: TrendWindow, measure: TrendMeasure) -> TrendAnalysis:
    return _cached_trend(tuple(series.times_ns), tuple(series.values), window, measure)


@lru_cache(maxsize=1024)
def _cached_trend(
    times_ns: tuple[int, ...], values: tuple[float, ...], window: TrendWindow, measure: TrendMeasure
) -> TrendAnalysis:
    size, count = TREND_BUCKETS[window]
    return trend(times_ns, values, size * count * HOUR_NS, measure)


def _forecast(kpi_trend: Trend, measure: TrendMeasure) -> Forecast | None:
    return _cached_forecast(
        tuple(round(time * SECOND_NS) for time in kpi_trend.times_seconds),
        tuple(kpi_trend.values),
        kpi_trend.window,
        measure,
        kpi_trend.analysis.direction,
    )


@lru_cache(maxsize=256)
def _cached_forecast(
    times_ns: tuple[int, ...],
    values: tuple[float, ...],
    window: TrendWindow,
    measure: TrendMeasure,
    direction: Direction,
) -> Forecast | None:
    size, _ = TREND_BUCKETS[window]
    return forecast(times_ns, values, size * HOUR_NS, HORIZON[window], measure, direction)


def _kpi_forecast(kpi: ForecastKpi, predicted: Forecast) -> KpiForecast:
    last = predicted.predictions[-1]
    crossed_ns = None if kpi.limit is None else crossing_ns(predicted, kpi.limit)
    return KpiForecast(
        kpi=kpi.name,
        method=predicted.method,
        text=_text(kpi, predicted, crossed_ns),
        time_seconds=last.time_ns / SECOND_NS,
        value=last.mean,
        low=last.low,
        high=last.high,
        limit=kpi.limit,
        crossing_seconds=None if crossed_ns is None else crossed_ns / SECOND_NS,
    )


def _text(kpi: ForecastKpi, predicted: Forecast, crossed_ns: int | None) -> str:
    last = predicted.predictions[-1]
    now, expected = kpi.to_text(predicted.level), kpi.to_text(last.mean)
    interval = f"80% interval {kpi.to_text(last.low)} to {kpi.to_text(last.high)}"
    if crossed_ns is None or kpi.limit is None:
        return (
            f"{kpi.title} is {now} now and expected to be {expected} on {_date(last.time_ns)} ({interval})."
        )
    direction = "rises to" if predicted.level < kpi.limit else "falls below"
    return (
        f"{kpi.title} {direction} {kpi.to_text(kpi.limit)} around {_date(crossed_ns)} if the trend "
        f"continues; it is {now} now and expected to be {expected} on {_date(last.time_ns)} ({interval})."
    )


def _date(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M UTC")
