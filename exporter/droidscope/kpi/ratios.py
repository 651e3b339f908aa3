"""
Ratios of outcomes: the success, error and retry ratios of tasks, attempts, sessions, phases and syntheses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.kpi.statistics import ratio

if TYPE_CHECKING:
    from droidscope.kpi.totals import PhaseTotals, SessionTotals, TaskTotals


def task_completion_ratio(work: TaskTotals) -> float | None:
    """
    Tasks completed of those completed or failed, 0 to 1; None if none ended.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    return ratio(work.tasks_completed, work.tasks_ended)


def error_ratio(work: TaskTotals) -> float | None:
    """
    Failed attempts of attempts, 0 to 1; None without attempts.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    return ratio(work.attempts_failed, work.attempts_ended)


def retry_ratio(work: TaskTotals) -> float | None:
    """
    Attempts after the first of their task, of attempts, 0 to 1; None without attempts.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    return ratio(work.retries, work.attempts_ended)


def session_success_ratio(sessions: SessionTotals) -> float | None:
    """
    Sessions completed of those completed, failed or lost, 0 to 1; None if none ended.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    return ratio(sessions.sessions_completed, sessions.sessions_ended)


def phase_success_ratio(flow: PhaseTotals) -> float | None:
    """
    Phases completed of those completed or failed, 0 to 1; None if none ended.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    return ratio(flow.phases_completed, flow.phases_ended)


def integration_success_ratio(flow: PhaseTotals) -> float | None:
    """
    Syntheses integrated of all, 0 to 1; None without syntheses.

    Definition: docs/kpis.md#orchestration-per-orchestrator
    """
    return ratio(flow.syntheses_integrated, flow.syntheses)
