"""
What the API answers; the OpenAPI document is made from these structs and those of the parameters.

Units are in the names: `_seconds`, `_usd`; a time is in Unix seconds; a ratio is from 0 to 1, a
score from 0 to 100. Null means "not known", never 0. In a list, *total* is the number of items
without the limit.
"""

from __future__ import annotations

from msgspec import Struct

from droidscope.api.kpi_schema import DroidKpis, OrchestratorKpis, PatternKpis
from droidscope.api.params import Window
from droidscope.api.session_schema import SessionItem
from droidscope.conventions.insight_kinds import DroidStatus
from droidscope.insights.alerts import ActiveAlert, Level
from droidscope.insights.assignments import Assignment
from droidscope.insights.forecasts import DroidTrend, KpiForecast, Trend, TrendWindow
from droidscope.insights.insight_types import Bottleneck, Recommendation
from droidscope.insights.overview import Insights, Issue
from droidscope.kpi.patterns import FailurePoint
from droidscope.views.landing_summary import LandingSummary


class Readiness(Struct, frozen=True):
    """
    Whether the exporter has replayed its log, and if not, a sentence on what it does.
    """

    ready: bool
    message: str = ""


class ExporterSummary(Struct, frozen=True):
    """
    The exporter's name, version, readiness and numbers; before it is ready, all numbers are unknown.
    """

    name: str
    version: str
    status: Readiness
    summary: LandingSummary


class ErrorAnswer(Struct, frozen=True):
    """
    What is wrong, as a sentence.
    """

    error: str


class TaskTypeResults(Struct, frozen=True):
    """
    The results of a droid's tasks of one type in the window.
    """

    tasks_completed: int
    tasks_failed: int
    tasks_cancelled: int
    completion_ratio: float | None
    error_ratio: float | None
    retry_ratio: float | None
    average_task_duration_seconds: float | None
    code_quality_score: float | None


class QueryOutcomes(Struct, frozen=True):
    """
    The queries sent to a droid in the window, by outcome; *answered* means in time. The *cancelled* ones
    are in no ratio.
    """

    answered: int
    late: int
    unanswered: int
    rejected: int
    cancelled: int


class DroidItem(Struct, frozen=True):
    """
    A droid, now and over the window. *status* always covers 24 hours. *average_response_time_seconds*
    is over the queries it answered; *common_issues* are the most frequent rules in its quality reports.
    """

    orchestrator: str
    labels: dict[str, str]
    droid: str
    status: DroidStatus
    attempts_active: int
    tasks_completed: int
    tasks_failed: int
    tasks_cancelled: int
    average_task_duration_seconds: float | None
    messages_sent: int
    messages_by_type: dict[str, int]
    messages_received: int
    queries: QueryOutcomes
    average_response_time_seconds: float | None
    files_created: int
    by_task_type: dict[str, TaskTypeResults]
    common_issues: list[Issue]
    kpis: DroidKpis


class DroidList(Struct, frozen=True):
    """
    Droids by orchestrator and name.
    """

    time_seconds: float
    window: Window
    total: int
    droids: list[DroidItem]


class PhasePerformance(Struct, frozen=True):
    """
    A phase of a pattern in the window: how often it completed and failed, the median duration, from
    the full hour on, and the share of its time spent waiting for answers.
    """

    phase_id: str
    completed: int
    failed: int
    cancelled: int
    success_ratio: float | None
    median_duration_seconds: float | None
    wait_ratio: float | None


class PatternItem(Struct, frozen=True):
    """
    A pattern in the window; *executions* counts its sessions that completed, failed or were lost;
    *cancelled* and *unknown* are further sessions, which are in no ratio. *pattern_name* is null if none was
    sent. *optimization_opportunities* are the steps of its recommendations,
    *efficiency_improvements* the most that they can gain. *droids* are its assignments, the most
    effective first.
    """

    orchestrator: str
    labels: dict[str, str]
    pattern: str
    pattern_name: str | None
    executions: int
    cancelled: int
    unknown: int
    average_duration_seconds: float | None
    kpis: PatternKpis
    failure_points: list[FailurePoint]
    phases: list[PhasePerformance]
    bottlenecks: list[str]
    optimization_opportunities: list[str]
    efficiency_improvements: list[str]
    droids: list[Assignment]


class PatternList(Struct, frozen=True):
    """
    Patterns by orchestrator and name.
    """

    time_seconds: float
    window: Window
    total: int
    patterns: list[PatternItem]


class AlertList(Struct, frozen=True):
    """
    The active alerts, the most severe first, and the highest severity of them.
    """

    time_seconds: float
    level: Level
    total: int
    alerts: list[ActiveAlert]


class SessionSummary(Struct, frozen=True):
    """
    The sessions that run and that wait for a person now, and those that completed, were cancelled and are
    unknown in the window.

    *success_ratio* is over *success_samples* sessions, *average_duration_seconds* over the completed ones.
    """

    active_sessions: int
    waiting_sessions: int
    completed_sessions: int
    cancelled_sessions: int
    unknown_sessions: int
    success_ratio: float | None
    success_samples: int
    average_duration_seconds: float | None


class Attention(Struct, frozen=True):
    """
    What needs attention: *critical* are alerts of severity critical and high, *warnings* those of medium
    and low, at most a hundred together, the most severe first; and the ten recommendations with the
    highest impact.
    """

    critical: list[ActiveAlert]
    warnings: list[ActiveAlert]
    recommendations: list[Recommendation]


class DroidStatusItem(Struct, frozen=True):
    """
    The status of a droid over 24 hours.
    """

    orchestrator: str
    droid: str
    status: DroidStatus


class OverallPerformance(Struct, frozen=True):
    """
    Results of tasks and sessions in the window.

    *success_ratio* is over *success_samples* sessions. *most_efficient_pattern* has the highest
    lower bound of success. *current_bottlenecks* are the ten with the highest impact.
    """

    total_tasks_completed: int
    average_task_duration_seconds: float | None
    success_ratio: float | None
    success_samples: int
    most_efficient_pattern: str | None
    current_bottlenecks: list[str]


class Dashboard(Struct, frozen=True):
    """
    The current state: running sessions (the oldest 100), performance in the window, and active alerts.
    *efficiency_score* is over *efficiency_samples* tasks.
    """

    time_seconds: float
    window: Window
    session_summary: SessionSummary
    current_sessions: list[SessionItem]
    overall_performance: OverallPerformance
    droid_status: list[DroidStatusItem]
    alert_level: Level
    alerts: Attention
    efficiency_score: float | None
    efficiency_samples: int


class BottleneckList(Struct, frozen=True):
    """
    Bottlenecks, the highest impact first.
    """

    time_seconds: float
    window: Window
    total: int
    bottlenecks: list[Bottleneck]


class RecommendationList(Struct, frozen=True):
    """
    Recommendations, the highest impact first.
    """

    time_seconds: float
    window: Window
    total: int
    recommendations: list[Recommendation]


class OrchestratorInsights(Struct, frozen=True):
    """
    One orchestrator's KPIs and insights over the window, its trends, and their forecasts.
    """

    orchestrator: str
    labels: dict[str, str]
    kpis: OrchestratorKpis
    insights: Insights
    trends: list[Trend]
    droid_quality_trends: list[DroidTrend]
    future_predictions: list[KpiForecast]


class InsightsList(Struct, frozen=True):
    """
    Insights by orchestrator.
    """

    time_seconds: float
    window: Window
    trend: TrendWindow
    total: int
    orchestrators: list[OrchestratorInsights]


class MessageEdge(Struct, frozen=True):
    """
    The number of messages from one droid to another since the exporter's store began; the receiver is ""
    for messages to no particular droid.
    """

    orchestrator: str
    labels: dict[str, str]
    sender: str
    receiver: str
    messages: int


class MessageEdgeList(Struct, frozen=True):
    """
    Messages by sender and receiver, the most frequent first.
    """

    time_seconds: float
    total: int
    edges: list[MessageEdge]
