"""
The shapes of what the API answers. The OpenAPI document is made of them, and of `questions`.

Units are in the names: `_seconds`, `_usd`; a time is in Unix seconds; a ratio is from 0 to 1, a
score from 0 to 100. Null stands for "not known", never for 0.
"""

from __future__ import annotations

from msgspec import Struct

from droidscope.api.params import Window
from droidscope.conventions.attributes import SessionStatus
from droidscope.conventions.insight_kinds import DroidStatus as DroidState
from droidscope.insights.alerts import ActiveAlert, Level
from droidscope.insights.assignments import Assignment
from droidscope.insights.bottlenecks import Bottleneck
from droidscope.insights.forecasts import DroidTrend, KpiForecast, Trend, TrendWindow
from droidscope.insights.overview import Insights, Issue
from droidscope.insights.recommendations import Recommendation


class Error(Struct, frozen=True):
    """
    What was wrong, as a sentence.
    """

    error: str


class Measure(Struct, frozen=True):
    """
    A KPI and what it rests on: its denominator where it has one, else its sample count.
    """

    value: float | None = None
    samples: float | None = None


class Session(Struct, frozen=True):
    """
    A session that runs, or ended within the last 15 minutes.

    *labels* are the configured resource labels. A silent session runs, but nothing arrives of it;
    a stalled one makes no progress. *droids_active* have an attempt in flight; *conflicts* counts
    those met so far, *tasks_completed* and *tasks_failed* its tasks that ended, *task_success_ratio*
    the share that completed. *end_seconds* is null while it runs, *trace_id* "" where none is known.
    """

    orchestrator: str
    labels: dict[str, str]
    session_id: str
    pattern: str
    current_phase: str
    state: SessionStatus
    start_seconds: float
    end_seconds: float | None
    duration_seconds: float
    progress_ratio: float | None
    droids_active: list[str]
    conflicts: int
    over_limit: bool
    trace_id: str
    tasks_completed: int
    tasks_failed: int
    task_success_ratio: float | None


class SessionPhase(Struct, frozen=True):
    """
    A phase of a session: *status* is running, blocked, completed, failed or skipped. *held_seconds* is
    how long it held the session, null until that has ended. *quality_score* is the mean code quality
    score of its tasks.
    """

    phase_id: str
    droids: list[str]
    status: str
    start_seconds: float | None
    end_seconds: float | None
    duration_seconds: float | None
    planned_seconds: float | None
    held_seconds: float | None
    quality_score: float | None
    conflicts_detected: int


class Stretch(Struct, frozen=True):
    """
    A stretch of a critical path: the phase and droid that held the session, "" where none did.
    """

    phase_id: str
    droid: str
    start_seconds: float
    duration_seconds: float


class SessionDetail(Struct, frozen=True):
    """
    A session, its phases in order of their start, and once it has ended its critical path: who held
    it at each moment, and had they been faster, it would have ended earlier. Its longest 100
    stretches; null while it runs, and of sessions that are known in part.
    """

    time_seconds: float
    session: Session
    phases: list[SessionPhase]
    critical_path: list[Stretch] | None


class Sessions(Struct, frozen=True):
    """
    Sessions: the running ones first, oldest first, then those that ended, latest first. *total* is
    how many there are without the limit.
    """

    time_seconds: float
    total: int
    sessions: list[Session]


class DroidKpis(Struct, frozen=True):
    """
    The KPIs of a droid, named as its gauges are.
    """

    task_completion_ratio: Measure
    error_ratio: Measure
    retry_ratio: Measure
    response_score: Measure
    efficiency_score: Measure
    efficiency_weight_ratio: Measure
    collaboration_score: Measure
    code_quality_score: Measure
    test_coverage_score: Measure
    security_score: Measure
    quality_consistency_ratio: Measure


class TaskTypeWork(Struct, frozen=True):
    """
    What a droid did of one type of task in the window.
    """

    tasks_completed: int
    tasks_failed: int
    completion_ratio: float | None
    error_ratio: float | None
    retry_ratio: float | None
    average_task_duration_seconds: float | None
    code_quality_score: float | None


class Queries(Struct, frozen=True):
    """
    What became of the queries put to a droid in the window: *answered* is in time.
    """

    answered: int
    late: int
    unanswered: int
    rejected: int


class Droid(Struct, frozen=True):
    """
    A droid now, and in the window. *status* is over 24 hours whatever the window. It sent, by type too,
    and was sent so many messages, and answered queries after *average_response_time_seconds*.
    *common_issues* are the rules its quality reports gave most.
    """

    orchestrator: str
    labels: dict[str, str]
    droid: str
    status: DroidState
    attempts_active: int
    tasks_completed: int
    tasks_failed: int
    average_task_duration_seconds: float | None
    messages_sent: int
    messages_by_type: dict[str, int]
    messages_received: int
    queries: Queries
    average_response_time_seconds: float | None
    files_created: int
    by_task_type: dict[str, TaskTypeWork]
    common_issues: list[Issue]
    kpis: DroidKpis


class Droids(Struct, frozen=True):
    """
    Droids by orchestrator and name. *total* is how many there are without the limit.
    """

    time_seconds: float
    window: Window
    total: int
    droids: list[Droid]


class PatternKpis(Struct, frozen=True):
    """
    The KPIs of a pattern, named as its gauges are.
    """

    success_ratio: Measure
    cost_per_success_usd: Measure
    cost_efficiency_ratio: Measure
    code_quality_score: Measure


class FailurePoint(Struct, frozen=True):
    """
    Where a pattern fails and why, "" for the session itself; *share* is that of all its failures,
    *cumulative* with the more frequent points.
    """

    phase_id: str
    reason: str
    failures: int
    share: float
    cumulative: float


class PhasePerformance(Struct, frozen=True):
    """
    A phase of a pattern in the window: how often it completed and failed, the median duration, from
    the full hour on, and the share of its time spent waiting for answers.
    """

    phase_id: str
    completed: int
    failed: int
    success_ratio: float | None
    median_duration_seconds: float | None
    wait_ratio: float | None


class Pattern(Struct, frozen=True):
    """
    A pattern in the window; *executions* are its sessions that ended or were lost. *pattern_name* is
    null where none was told. *bottlenecks* are what slows it, *optimization_opportunities* what to do,
    *efficiency_improvements* what that would gain at most. *droids* are its assignments, the most
    effective first.
    """

    orchestrator: str
    labels: dict[str, str]
    pattern: str
    pattern_name: str | None
    executions: int
    average_duration_seconds: float | None
    kpis: PatternKpis
    failure_points: list[FailurePoint]
    phases: list[PhasePerformance]
    bottlenecks: list[str]
    optimization_opportunities: list[str]
    efficiency_improvements: list[str]
    droids: list[Assignment]


class Patterns(Struct, frozen=True):
    """
    Patterns by orchestrator and name. *total* is how many there are without the limit.
    """

    time_seconds: float
    window: Window
    total: int
    patterns: list[Pattern]


class Alerts(Struct, frozen=True):
    """
    The active alerts, the most severe first, and the highest severity of them. *total* is how many
    there are without the limit.
    """

    time_seconds: float
    level: Level
    total: int
    alerts: list[ActiveAlert]


class SessionSummary(Struct, frozen=True):
    """
    How many sessions run now, and of those that ended in the window how many completed.

    *success_ratio* is over *success_samples* sessions, *average_duration_seconds* over the completed.
    """

    active_sessions: int
    completed_sessions: int
    success_ratio: float | None
    success_samples: int
    average_duration_seconds: float | None


class Attention(Struct, frozen=True):
    """
    What asks for attention, the weightiest first: alerts of severity critical and high, those of medium
    and low, at most a hundred together; and the ten recommendations that matter most.
    """

    critical: list[ActiveAlert]
    warnings: list[ActiveAlert]
    recommendations: list[Recommendation]


class DroidStatus(Struct, frozen=True):
    """
    How a droid is.
    """

    orchestrator: str
    droid: str
    status: DroidState


class OverallPerformance(Struct, frozen=True):
    """
    What became of tasks and sessions in the window.

    *success_ratio* is over *success_samples* sessions. *most_efficient_pattern* has the highest
    lower bound of success. *current_bottlenecks* are the ten that cost most.
    """

    total_tasks_completed: int
    average_task_duration_seconds: float | None
    success_ratio: float | None
    success_samples: int
    most_efficient_pattern: str | None
    current_bottlenecks: list[str]


class Dashboard(Struct, frozen=True):
    """
    What goes on now: the running sessions (the oldest 100), how it went in the window, and whether
    anything is wrong. *efficiency_score* is over *efficiency_samples* tasks.
    """

    time_seconds: float
    window: Window
    session_summary: SessionSummary
    current_sessions: list[Session]
    overall_performance: OverallPerformance
    droid_status: list[DroidStatus]
    alert_level: Level
    alerts: Attention
    efficiency_score: float | None
    efficiency_samples: int


class Bottlenecks(Struct, frozen=True):
    """
    Bottlenecks, those that cost most first. *total* is how many there are without the limit.
    """

    time_seconds: float
    window: Window
    total: int
    bottlenecks: list[Bottleneck]


class Recommendations(Struct, frozen=True):
    """
    Recommendations, those that matter most first. *total* is how many there are without the limit.
    """

    time_seconds: float
    window: Window
    total: int
    recommendations: list[Recommendation]


class OrchestratorKpis(Struct, frozen=True):
    """
    The KPIs of an orchestrator, named as its gauges are.
    """

    task_completion_ratio: Measure
    session_success_ratio: Measure
    phase_success_ratio: Measure
    error_ratio: Measure
    retry_ratio: Measure
    integration_success_ratio: Measure
    communication_success_ratio: Measure
    communication_conflict_ratio: Measure
    communication_efficiency_ratio: Measure
    communication_wait_ratio: Measure
    efficiency_score: Measure
    efficiency_weight_ratio: Measure


class OrchestratorInsights(Struct, frozen=True):
    """
    One orchestrator's KPIs, what its window says, its trends, and what is expected if it goes on like that.
    """

    orchestrator: str
    labels: dict[str, str]
    kpis: OrchestratorKpis
    insights: Insights
    trends: list[Trend]
    droid_quality_trends: list[DroidTrend]
    future_predictions: list[KpiForecast]


class AllInsights(Struct, frozen=True):
    """
    Insights by orchestrator. *total* is how many there are without the limit.
    """

    time_seconds: float
    window: Window
    trend: TrendWindow
    total: int
    orchestrators: list[OrchestratorInsights]


class Edge(Struct, frozen=True):
    """
    How many messages one droid has sent another since the exporter's store began; the receiver is ""
    for those to nobody in particular.
    """

    orchestrator: str
    labels: dict[str, str]
    sender: str
    receiver: str
    messages: int


class Network(Struct, frozen=True):
    """
    Who tells whom: the edges with the most messages first. *total* is how many there are without the
    limit.
    """

    time_seconds: float
    total: int
    edges: list[Edge]
