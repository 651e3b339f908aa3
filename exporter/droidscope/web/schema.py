"""
The shapes of the API: what may be asked, and what is answered. The OpenAPI document is made of them.

Units are in the names: `_seconds`, `_usd`; a time is in Unix seconds; a ratio is from 0 to 1, a
score from 0 to 100. Null stands for "not known", never for 0.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from droidscope.conventions.attributes import Standing
from droidscope.insights.alerts import Alert, Level
from droidscope.insights.droids import Status as DroidState

Window = Literal["1h", "24h", "7d"]
Limit = Annotated[int, Meta(ge=1, le=1000)]

# --- what may be asked; a filter that is not given lets everything pass


class NoQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    No parameters.
    """


class DashboardQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Whose dashboard, and the window of its performance.
    """

    orchestrator: str | None = None
    window: Window = "24h"


class SessionsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which sessions, and at most how many.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    state: Standing | None = None
    limit: Limit = 100


class DroidsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which droids, at most how many, and the window of their KPIs.
    """

    orchestrator: str | None = None
    droid: str | None = None
    window: Window = "24h"
    limit: Limit = 100


class PatternsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which patterns, at most how many, and the window of their KPIs.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    window: Window = "24h"
    limit: Limit = 100


class AlertsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """
    Which alerts, and at most how many.
    """

    orchestrator: str | None = None
    pattern: str | None = None
    droid: str | None = None
    limit: Limit = 100


# --- what is answered


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
    those met so far. *end_seconds* is null while it runs.
    """

    orchestrator: str
    labels: dict[str, str]
    session_id: str
    pattern: str
    current_phase: str
    state: Standing
    start_seconds: float
    end_seconds: float | None
    duration_seconds: float
    progress_ratio: float | None
    droids_active: list[str]
    conflicts: int
    over_limit: bool


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


class Droid(Struct, frozen=True):
    """
    A droid now, and in the window. *status* is over 24 hours whatever the window.
    """

    orchestrator: str
    labels: dict[str, str]
    droid: str
    status: DroidState
    attempts_active: int
    tasks_completed: int
    tasks_failed: int
    average_task_duration_seconds: float | None
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


class Pattern(Struct, frozen=True):
    """
    A pattern in the window; *executions* are its sessions that ended or were lost.
    """

    orchestrator: str
    labels: dict[str, str]
    pattern: str
    executions: int
    average_duration_seconds: float | None
    kpis: PatternKpis


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
    alerts: list[Alert]


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
    lower bound of success. *current_bottlenecks* is null until the exporter finds them.
    """

    total_tasks_completed: int
    average_task_duration_seconds: float | None
    success_ratio: float | None
    success_samples: int
    most_efficient_pattern: str | None
    current_bottlenecks: list[str] | None = None


class Dashboard(Struct, frozen=True):
    """
    What goes on now: the running sessions (the oldest 100), how it went in the window, and whether
    anything is wrong. *efficiency_score* is over *efficiency_samples* tasks.
    """

    time_seconds: float
    window: Window
    current_sessions: list[Session]
    overall_performance: OverallPerformance
    droid_status: list[DroidStatus]
    alert_level: Level
    efficiency_score: float | None
    efficiency_samples: int
