"""
The dashboard: the current state, and performance over a window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from droidscope.api.alert_handlers import AlertsParams, list_alerts
from droidscope.api.endpoint import Endpoint
from droidscope.api.insight_handlers import insights_in_window
from droidscope.api.params import Window, matches
from droidscope.api.schema import Attention, Dashboard, DroidStatusItem, OverallPerformance, SessionSummary
from droidscope.api.serializers import to_seconds
from droidscope.api.session_handlers import all_sessions
from droidscope.api.session_schema import SessionItem
from droidscope.conventions.attributes import Severity
from droidscope.facts.fact_key import FactKey
from droidscope.facts.fact_totals import Totals
from droidscope.insights.alerts import ActiveAlert
from droidscope.insights.insight_types import Bottleneck, Recommendation
from droidscope.insights.overview import LISTED
from droidscope.kpi.durations import mean_session_ns, mean_task_ns
from droidscope.kpi.efficiency import orchestrator_efficiency
from droidscope.kpi.rankings import Outcomes, rank_patterns
from droidscope.kpi.ratios import session_success_ratio
from droidscope.kpi.totals import WindowTotals, by_subject
from droidscope.model.labels import OrchestratorLabels
from droidscope.units import SECOND_NS
from droidscope.views.alert_inputs import Included
from droidscope.views.head_reader import HeadReader

ITEMS_LIMIT: Final = 100
"""
Sessions, and alerts, on the dashboard.
"""


class DashboardParams(Struct, frozen=True, forbid_unknown_fields=True):
    """
    The orchestrator and its environment, and the window of its performance.
    """

    orchestrator: str | None = None
    environment: str | None = None
    window: Window = "24h"


def get_dashboard(reader: HeadReader, params: DashboardParams) -> Dashboard:
    """
    The current state and the performance over the window, over all orchestrators that match.
    """
    now_ns = reader.now_ns()
    included = partial(_is_included, reader, params)
    current = [session for session in all_sessions(reader, now_ns, included) if session.end_seconds is None]
    totals = by_subject(_pooled_totals(reader, params.window, now_ns, included))
    alerts = list_alerts(reader, AlertsParams(params.orchestrator, params.environment, limit=ITEMS_LIMIT))
    insights = [
        window_insights
        for _, window_insights in insights_in_window(
            reader, params.orchestrator, params.window, params.environment
        )
    ]
    return Dashboard(
        time_seconds=now_ns / SECOND_NS,
        window=params.window,
        session_summary=_to_session_summary(totals, current),
        current_sessions=current[:ITEMS_LIMIT],
        overall_performance=_to_performance(
            totals, [bottleneck for item in insights for bottleneck in item.bottlenecks]
        ),
        droid_status=[
            DroidStatusItem(orchestrator[0], droid, snapshot.status)
            for (orchestrator, droid), snapshot in reader.droids(now_ns).items()
            if included(orchestrator)
        ],
        alert_level=alerts.level,
        alerts=to_attention(
            alerts.alerts,
            (advice for item in insights for advice in item.recommendations),
        ),
        efficiency_score=orchestrator_efficiency(totals.orchestrator).score,
        efficiency_samples=totals.orchestrator.work.tasks_ended,
    )


def _is_included(reader: HeadReader, params: DashboardParams, orchestrator: OrchestratorLabels) -> bool:
    return matches(params.orchestrator, orchestrator[0]) and reader.is_in(params.environment, orchestrator)


def _pooled_totals(reader: HeadReader, window: Window, now_ns: int, included: Included) -> Totals:
    """
    Sums over the orchestrators that match, so that every ratio of them is one of sums.
    """
    pooled: dict[FactKey, int] = defaultdict(int)
    for orchestrator, by_window in reader.window_totals([window], now_ns).items():
        if included(orchestrator):
            for key, amount in by_window[window].amounts.items():
                pooled[key] += amount
    return Totals(pooled)


def _to_session_summary(totals: WindowTotals, current: Sequence[SessionItem]) -> SessionSummary:
    ended = totals.orchestrator.sessions
    waiting = sum(session.state == "waiting" for session in current)
    return SessionSummary(
        active_sessions=len(current) - waiting,
        waiting_sessions=waiting,
        completed_sessions=ended.sessions_completed,
        cancelled_sessions=ended.sessions_cancelled,
        unknown_sessions=ended.sessions_unknown,
        success_ratio=session_success_ratio(ended),
        success_samples=ended.sessions_ended,
        average_duration_seconds=to_seconds(mean_session_ns(ended)),
    )


def to_attention(alerts: Sequence[ActiveAlert], advice: Iterable[Recommendation]) -> Attention:
    """
    Alerts by severity, and the recommendations with the highest impact.
    """
    severe = {Severity.CRITICAL, Severity.HIGH}
    return Attention(
        critical=[alert for alert in alerts if alert.severity in severe],
        warnings=[alert for alert in alerts if alert.severity not in severe],
        recommendations=sorted(advice, key=lambda item: -item.impact_score)[:LISTED],
    )


def _to_performance(totals: WindowTotals, bottlenecks: Iterable[Bottleneck]) -> OverallPerformance:
    work, ended = totals.orchestrator.work, totals.orchestrator.sessions
    ranks = rank_patterns(
        {
            name: Outcomes(pattern.sessions.sessions_completed, pattern.sessions.sessions_ended)
            for name, pattern in totals.patterns.items()
        }
    )
    worst = sorted(bottlenecks, key=lambda bottleneck: -bottleneck.impact_score)[:LISTED]
    return OverallPerformance(
        total_tasks_completed=work.tasks_completed,
        average_task_duration_seconds=to_seconds(mean_task_ns(work)),
        success_ratio=session_success_ratio(ended),
        success_samples=ended.sessions_ended,
        most_efficient_pattern=ranks[0].subject if ranks else None,
        current_bottlenecks=[bottleneck.description for bottleneck in worst],
    )


ENDPOINTS: Final = (
    Endpoint(
        path="dashboard",
        params=DashboardParams,
        answer=Dashboard,
        title="Current state",
        description=(
            "Running sessions, sessions and performance in the window, droid status, alert level, alerts "
            "and recommendations, efficiency score."
        ),
        handler=get_dashboard,
    ),
)
