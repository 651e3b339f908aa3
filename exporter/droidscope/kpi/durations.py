"""
Mean durations of tasks, sessions and responses in nanoseconds; quantiles come from the histograms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.kpi.statistics import ratio

if TYPE_CHECKING:
    from droidscope.kpi.message_totals import QueryTotals
    from droidscope.kpi.totals import SessionTotals, TaskTotals


def mean_task_ns(work: TaskTotals) -> float | None:
    """
    Mean duration of completed tasks; None if none completed.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    return ratio(work.task_ns, work.tasks_completed)


def mean_session_ns(sessions: SessionTotals) -> float | None:
    """
    Mean duration of completed sessions; None if none completed.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    return ratio(sessions.session_ns, sessions.sessions_completed)


def mean_response_ns(queries: QueryTotals) -> float | None:
    """
    Mean time to the answers of a droid, late ones too; None without answers.

    Definition: docs/kpis.md#alerts
    """
    return ratio(queries.query_ns, queries.queries_timed)
