"""
The outlook: how KPIs moved, hour by hour or day by day, and where they go if they go on like that.

Definition: docs/kpis.md#trends-and-forecasts
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from droidscope.conventions.thresholds import EFFICIENCY_LOW, LOW_CODE_QUALITY, SUCCESS_TARGET
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
    A KPI that has a trend: what to know of it, its parts in each bucket by pattern or droid, a limit
    that a forecast may cross, and how its values are said.
    """

    name: str
    title: str
    measure: TrendMeasure
    parts: Callable[[HistoryPoints], Mapping[str, HistoryPoint]]
    limit: float | None
    said: Callable[[float], str]


def _of_score(score: Score) -> Callable[[HistoryPoints], dict[str, HistoryPoint]]:
    return lambda points: {droid: point for (kind, droid), point in points.scores.items() if kind == score}


KPIS: Final = (
    ForecastKpi(
        "efficiency_score",
        "Efficiency",
        SCORE,
        lambda points: {"": points.efficiency} if points.efficiency else {},
        EFFICIENCY_LOW,
        rounded,
    ),
    ForecastKpi(
        "session_success_ratio",
        "Session success",
        SUCCESS_RATIO,
        lambda points: points.success,
        SUCCESS_TARGET,
        percent,
    ),
    ForecastKpi(
        "session_duration_seconds",
        "Session duration",
        DURATION,
        lambda points: points.duration_seconds,
        None,
        duration,
    ),
    ForecastKpi(
        "code_quality_score",
        "Code quality",
        SCORE,
        _of_score(Score.CODE_QUALITY),
        LOW_CODE_QUALITY.limit,
        rounded,
    ),
    ForecastKpi("test_coverage_score", "Test coverage", SCORE, _of_score(Score.TEST_COVERAGE), None, rounded),
    ForecastKpi("security_score", "Security", SCORE, _of_score(Score.SECURITY), None, rounded),
)
"""
The KPIs of an orchestrator that have trends. Their parts are followed one by one, so that a change of
the mix of patterns or droids is no trend.
"""


class Trend(Struct, frozen=True):
    """
    How a KPI moved over a window; see `TrendAnalysis`. *times_seconds* and *values* are its buckets.
    """

    kpi: str
    window: TrendWindow
    analysis: TrendAnalysis
    times_seconds: list[float]
    values: list[float]


class KpiForecast(Struct, frozen=True):
    """
    What is expected of a KPI at *time_seconds*, Unix, within its 80 % interval. *crossing_seconds* is
    when it is expected to cross *limit*, null where it is not, or has none.
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
    How the code quality of one droid moved, and its medians, bucket by bucket.
    """

    droid: str
    analysis: TrendAnalysis
    times_seconds: list[float]
    values: list[float]


def trends(timeline: Timeline, window: TrendWindow) -> list[Trend]:
    """
    The trends of an orchestrator's KPIs, of those of which anything is known.

    Args:
        timeline: The buckets of the window that are over.
        window: 7d by the hour, or 30d by the day.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    found = []
    for kpi in KPIS:
        series = pooled(_parts(timeline, kpi.parts).values())
        if series.values:
            found.append(
                Trend(
                    kpi.name,
                    window,
                    _analysis(series, window, kpi.measure),
                    [time_ns / SECOND_NS for time_ns in series.times_ns],
                    list(series.values),
                )
            )
    return found


def droid_trends(timeline: Timeline, window: TrendWindow) -> list[DroidTrend]:
    """
    The trend of each droid's code quality, of those with any.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    return [
        DroidTrend(
            droid,
            _analysis(series, window, SCORE),
            [time_ns / SECOND_NS for time_ns in series.times_ns],
            list(series.values),
        )
        for droid, series in sorted(_parts(timeline, _of_score(Score.CODE_QUALITY)).items())
    ]


def predictions(found: Iterable[Trend]) -> list[KpiForecast]:
    """
    What is expected of each KPI, one horizon ahead; of those with under ten buckets nothing is.

    Definition: docs/kpis.md#trends-and-forecasts
    """
    kpis = {kpi.name: kpi for kpi in KPIS}
    expected = ((kpis[each.kpi], _forecast(each, kpis[each.kpi].measure)) for each in found)
    return [_prediction(kpi, ahead) for kpi, ahead in expected if ahead is not None]


def daily_costs(timeline: Timeline) -> dict[str, list[tuple[int, int]]]:
    """
    What each pattern cost in each bucket, in 1e-9 USD, and how many of its sessions completed.
    """
    days: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for points in timeline.points:
        for pattern, cost in points.costs.items():
            days[pattern].append(cost)
    return dict(days)


def _parts(
    timeline: Timeline, parts: Callable[[HistoryPoints], Mapping[str, HistoryPoint]]
) -> dict[str, TrendSeries]:
    times: defaultdict[str, list[int]] = defaultdict(list)
    found: defaultdict[str, list[HistoryPoint]] = defaultdict(list)
    for time_ns, points in zip(timeline.times_ns, timeline.points, strict=True):
        for name, point in parts(points).items():
            times[name].append(time_ns)
            found[name].append(point)
    return {
        name: TrendSeries(times[name], [point.value for point in of], sum(point.n for point in of))
        for name, of in found.items()
    }


def _analysis(series: TrendSeries, window: TrendWindow, measure: TrendMeasure) -> TrendAnalysis:
    return _remembered_trend(tuple(series.times_ns), tuple(series.values), window, measure)


@lru_cache(maxsize=1024)
def _remembered_trend(
    times_ns: tuple[int, ...], values: tuple[float, ...], window: TrendWindow, measure: TrendMeasure
) -> TrendAnalysis:
    size, count = TREND_BUCKETS[window]
    return trend(times_ns, values, size * count * HOUR_NS, measure)


def _forecast(found: Trend, measure: TrendMeasure) -> Forecast | None:
    return _remembered_forecast(
        tuple(round(time * SECOND_NS) for time in found.times_seconds),
        tuple(found.values),
        found.window,
        measure,
        found.analysis.direction,
    )


@lru_cache(maxsize=256)
def _remembered_forecast(
    times_ns: tuple[int, ...],
    values: tuple[float, ...],
    window: TrendWindow,
    measure: TrendMeasure,
    direction: Direction,
) -> Forecast | None:
    size, _ = TREND_BUCKETS[window]
    return forecast(times_ns, values, size * HOUR_NS, HORIZON[window], measure, direction)


def _prediction(kpi: ForecastKpi, ahead: Forecast) -> KpiForecast:
    last = ahead.predictions[-1]
    crossed_ns = None if kpi.limit is None else crossing_ns(ahead, kpi.limit)
    return KpiForecast(
        kpi.name,
        ahead.method,
        _sentence(kpi, ahead, crossed_ns),
        last.time_ns / SECOND_NS,
        last.mean,
        last.low,
        last.high,
        kpi.limit,
        None if crossed_ns is None else crossed_ns / SECOND_NS,
    )


def _sentence(kpi: ForecastKpi, ahead: Forecast, crossed_ns: int | None) -> str:
    last = ahead.predictions[-1]
    interval = f"80% interval {kpi.said(last.low)} to {kpi.said(last.high)}"
    if crossed_ns is None or kpi.limit is None:
        return (
            f"{kpi.title} is expected at {kpi.said(last.mean)} on {_date(last.time_ns)} "
            f"({interval}), after {kpi.said(ahead.level)} now."
        )
    way = "rises to" if ahead.level < kpi.limit else "falls below"
    return (
        f"{kpi.title} {way} {kpi.said(kpi.limit)} around {_date(crossed_ns)} if it goes on like this; "
        f"it is {kpi.said(ahead.level)} now, and {kpi.said(last.mean)} on {_date(last.time_ns)} ({interval})."
    )


def _date(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M UTC")
