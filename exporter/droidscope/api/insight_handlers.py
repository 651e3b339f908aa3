"""
Insights by orchestrator, bottlenecks and recommendations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from msgspec import Struct

from droidscope.api.endpoint import Endpoint
from droidscope.api.kpi_schema import to_orchestrator_kpis
from droidscope.api.params import Limit, Window, matches
from droidscope.api.schema import BottleneckList, InsightsList, OrchestratorInsights, RecommendationList
from droidscope.conventions.insight_kinds import BottleneckKind, RecommendationKind
from droidscope.insights.forecasts import TrendWindow, droid_trends, predictions, trends
from droidscope.insights.insight_types import Bottleneck, Recommendation
from droidscope.insights.overview import insights
from droidscope.kpi.timeline import Timeline
from droidscope.model.labels import OrchestratorLabels
from droidscope.units import SECOND_NS
from droidscope.views.head_reader import HeadReader
from droidscope.views.insight_cache import WindowInsights

_Insight = TypeVar("_Insight", Bottleneck, Recommendation)
_NO_HISTORY: Final = Timeline(0, (), ())


class InsightsParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    The orchestrator, the window of the facts, and that of the trends: 7d by the hour, 30d by the day.
    """

    orchestrator: str | None = None
    window: Window = "24h"
    trend: TrendWindow = "7d"
    limit: Limit = 100


class BottlenecksParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Filters, the window that is analysed, and the maximum number of bottlenecks.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    droid: str | None = None
    kind: BottleneckKind | None = None
    window: Window = "24h"
    limit: Limit = 100


class RecommendationsParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Filters, the window that is analysed, and the maximum number of recommendations.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    droid: str | None = None
    kind: RecommendationKind | None = None
    window: Window = "24h"
    limit: Limit = 100


def list_insights(reader: HeadReader, params: InsightsParams) -> InsightsList:
    """
    The KPIs, insights, trends and forecasts of each orchestrator.
    """
    by_orchestrator = list(insights_in_window(reader, params.orchestrator, params.window))
    timelines = reader.insights.timelines(params.trend)
    return InsightsList(
        time_seconds=reader.now_ns() / SECOND_NS,
        window=params.window,
        trend=params.trend,
        total=len(by_orchestrator),
        orchestrators=[
            _to_orchestrator_insights(
                reader,
                orchestrator,
                window_insights,
                timeline=timelines.get(orchestrator, _NO_HISTORY),
                trend=params.trend,
            )
            for orchestrator, window_insights in by_orchestrator[: params.limit]
        ],
    )


def list_bottlenecks(reader: HeadReader, params: BottlenecksParams) -> BottleneckList:
    """
    The bottlenecks of the window, over all orchestrators that match.
    """
    bottlenecks = _highest_impact_first(
        (
            bottleneck
            for _, window_insights in insights_in_window(reader, params.orchestrator, params.window)
            for bottleneck in window_insights.bottlenecks
        ),
        params,
    )
    return BottleneckList(
        reader.now_ns() / SECOND_NS, params.window, len(bottlenecks), bottlenecks[: params.limit]
    )


def list_recommendations(reader: HeadReader, params: RecommendationsParams) -> RecommendationList:
    """
    The recommendations of the window, over all orchestrators that match.
    """
    recommendations = _highest_impact_first(
        (
            recommendation
            for _, window_insights in insights_in_window(reader, params.orchestrator, params.window)
            for recommendation in window_insights.recommendations
        ),
        params,
    )
    return RecommendationList(
        reader.now_ns() / SECOND_NS, params.window, len(recommendations), recommendations[: params.limit]
    )


def insights_in_window(
    reader: HeadReader, orchestrator: str | None, window: str, environment: str | None = None
) -> Iterator[tuple[OrchestratorLabels, WindowInsights]]:
    """
    The insights of one window, by orchestrator; of one environment, if one is given.
    """
    for (labels, name), window_insights in reader.insights.by_window().items():
        if name == window and matches(orchestrator, labels[0]) and reader.is_in(environment, labels):
            yield labels, window_insights


def _highest_impact_first(
    candidates: Iterable[_Insight], params: BottlenecksParams | RecommendationsParams
) -> list[_Insight]:
    """
    Those that pass the filters, sorted.
    """
    matching = (
        insight
        for insight in candidates
        if matches(params.pattern, insight.pattern)
        and matches(params.droid, insight.droid)
        and matches(params.kind, insight.kind)
    )
    return sorted(matching, key=lambda insight: -insight.impact_score)


def _to_orchestrator_insights(
    reader: HeadReader,
    orchestrator: OrchestratorLabels,
    window_insights: WindowInsights,
    *,
    timeline: Timeline,
    trend: TrendWindow,
) -> OrchestratorInsights:
    kpi_trends = trends(timeline, trend)
    return OrchestratorInsights(
        orchestrator=orchestrator[0],
        labels=reader.resource_labels(orchestrator),
        kpis=to_orchestrator_kpis(window_insights.window.subjects.orchestrator),
        insights=insights(window_insights.window, window_insights.recommendations, kpi_trends),
        trends=kpi_trends,
        droid_quality_trends=droid_trends(timeline, trend),
        future_predictions=predictions(kpi_trends, reader.settings.alert_limits, orchestrator[0]),
    )


ENDPOINTS: Final = (
    Endpoint(
        path="insights",
        params=InsightsParams,
        answer=InsightsList,
        title="KPIs, insights, trends and forecasts by orchestrator",
        description=(
            "Every KPI of each orchestrator with its samples, rankings, quality and its history, "
            "communication, trends and forecasts."
        ),
        handler=list_insights,
    ),
    Endpoint(
        path="bottlenecks",
        params=BottlenecksParams,
        answer=BottleneckList,
        title="Bottlenecks",
        description="Bottlenecks, with their evidence.",
        handler=list_bottlenecks,
    ),
    Endpoint(
        path="recommendations",
        params=RecommendationsParams,
        answer=RecommendationList,
        title="Recommendations",
        description="Recommendations, with evidence and expected improvement.",
        handler=list_recommendations,
    ),
)
