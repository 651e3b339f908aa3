"""
The totals that KPIs are computed from: those of a window by orchestrator, droid and pattern.

All fields are sums over the window: counts, nanoseconds (`_ns`), or the units of `facts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.facts import facts as f
from droidscope.facts.fact_key import Score, Statistic
from droidscope.facts.fact_totals import sum_by
from droidscope.kpi.message_totals import (
    DroidMessageTotals,
    MessageTotals,
    QueryTotals,
    droid_message_totals,
    message_totals,
    query_totals,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from droidscope.facts.fact_totals import Sums, Totals


class TaskTotals(Struct, frozen=True):
    """
    Tasks and attempts; *task_ns* is over the completed tasks. Cancelled ones are in no ratio.
    """

    tasks_completed: int = 0
    tasks_failed: int = 0
    tasks_cancelled: int = 0
    task_ns: int = 0
    attempts_succeeded: int = 0
    attempts_failed: int = 0
    retries: int = 0

    @property
    def tasks_ended(self) -> int:
        """
        Completed and failed tasks: those that ratios are over.
        """
        return self.tasks_completed + self.tasks_failed

    @property
    def attempts_ended(self) -> int:
        """
        Succeeded and failed attempts: those that ratios are over.
        """
        return self.attempts_succeeded + self.attempts_failed


class SessionTotals(Struct, frozen=True):
    """
    Sessions; *session_ns* is over the completed ones. Cancelled and unknown ones are in no ratio.
    """

    sessions_completed: int = 0
    sessions_failed: int = 0
    sessions_lost: int = 0
    sessions_cancelled: int = 0
    sessions_unknown: int = 0
    session_ns: int = 0

    @property
    def sessions_ended(self) -> int:
        """
        Completed, failed and lost sessions: those that ratios are over.
        """
        return self.sessions_completed + self.sessions_failed + self.sessions_lost


class PhaseTotals(Struct, frozen=True):
    """
    Phases, plans and syntheses; blocked, running, skipped and cancelled phases are no part of it.
    """

    phases_completed: int = 0
    phases_failed: int = 0
    planned_ns: int = 0
    actual_ns: int = 0
    syntheses_integrated: int = 0
    syntheses_conflict: int = 0
    syntheses_gate_failed: int = 0

    @property
    def phases_ended(self) -> int:
        """
        Completed and failed phases.
        """
        return self.phases_completed + self.phases_failed

    @property
    def syntheses(self) -> int:
        """
        Integrated syntheses and those with a conflict or a failed gate.
        """
        return self.syntheses_integrated + self.syntheses_conflict + self.syntheses_gate_failed


class ScoreTotals(Struct, frozen=True):
    """
    Scores of one kind: how many, their sum (1e-6 points) and the sum of their squares.
    """

    n: int = 0
    sum: int = 0
    squares: int = 0


class OrchestratorTotals(Struct, frozen=True):
    """
    What one orchestrator did in a window.
    """

    work: TaskTotals = TaskTotals()
    sessions: SessionTotals = SessionTotals()
    flow: PhaseTotals = PhaseTotals()
    traffic: MessageTotals = MessageTotals()


class DroidTotals(Struct, frozen=True):
    """
    What one droid did in a window; *session_messages* counts sessions by the messages it sent.
    """

    work: TaskTotals = TaskTotals()
    queries: QueryTotals = QueryTotals()
    mail: DroidMessageTotals = DroidMessageTotals()
    files_created: int = 0
    session_messages: dict[int, int] = {}
    code_quality: ScoreTotals = ScoreTotals()
    test_coverage: ScoreTotals = ScoreTotals()
    security: ScoreTotals = ScoreTotals()


class PatternTotals(Struct, frozen=True):
    """
    What came of one pattern in a window; *cost* is in 1e-9 USD, *reference_usd* what a success may
    cost.
    """

    sessions: SessionTotals = SessionTotals()
    cost: int = 0
    reference_usd: float | None = None
    code_quality: ScoreTotals = ScoreTotals()


class WindowTotals(NamedTuple):
    """
    One orchestrator's window by subject.
    """

    orchestrator: OrchestratorTotals
    droids: dict[str, DroidTotals]
    patterns: dict[str, PatternTotals]


def by_subject(totals: Totals, references_usd: Mapping[str, float] | None = None) -> WindowTotals:
    """
    Group *totals* by subject; every droid and pattern that any fact names becomes one.

    Args:
        totals: What a window holds of one orchestrator.
        references_usd: What a success may cost, by pattern.
    """
    references = references_usd or {}
    return WindowTotals(
        orchestrator_totals(totals),
        {droid: droid_totals(of_droid) for droid, of_droid in totals.by_droid.items()},
        {
            pattern: pattern_totals(of_pattern, references.get(pattern))
            for pattern, of_pattern in totals.by_pattern.items()
        },
    )


def orchestrator_totals(totals: Totals) -> OrchestratorTotals:
    """
    What the facts of an orchestrator add up to.
    """
    return OrchestratorTotals(
        work=task_totals(totals),
        sessions=session_totals(totals),
        flow=phase_totals(totals),
        traffic=message_totals(totals),
    )


def droid_totals(totals: Totals) -> DroidTotals:
    """
    What the facts of a droid add up to.
    """
    scores = _scores(totals)
    return DroidTotals(
        work=task_totals(totals),
        queries=query_totals(totals),
        mail=droid_message_totals(totals),
        files_created=sum(totals.of(f.FilesCreated).values()),
        session_messages={int(key.n): amount for key, amount in totals.of(f.SessionMessages).items()},
        code_quality=score_totals(scores, Score.CODE_QUALITY),
        test_coverage=score_totals(scores, Score.TEST_COVERAGE),
        security=score_totals(scores, Score.SECURITY),
    )


def pattern_totals(totals: Totals, reference_usd: float | None = None) -> PatternTotals:
    """
    What the facts of a pattern add up to.
    """
    return PatternTotals(
        sessions=session_totals(totals),
        cost=sum(totals.of(f.SessionCost).values()),
        reference_usd=reference_usd,
        code_quality=score_totals(_scores(totals), Score.CODE_QUALITY),
    )


# --- one part of a subject ----------------------------------------------------------------------------


def task_totals(totals: Totals) -> TaskTotals:
    """
    Tasks and attempts of a subject.
    """
    tasks = sum_by(totals.of(f.TasksEnded), lambda key: key.outcome)
    attempts = sum_by(totals.of(f.AttemptsEnded), lambda key: key.outcome)
    return TaskTotals(
        tasks_completed=tasks[Outcome.COMPLETED],
        tasks_failed=tasks[Outcome.FAILED],
        tasks_cancelled=tasks[Outcome.CANCELLED],
        task_ns=sum(totals.of(f.TaskTime).values()),
        attempts_succeeded=attempts[Outcome.SUCCEEDED],
        attempts_failed=attempts[Outcome.FAILED],
        retries=sum(totals.of(f.Retries).values()),
    )


def session_totals(totals: Totals) -> SessionTotals:
    """
    Sessions of a subject.
    """
    sessions = sum_by(totals.of(f.SessionsEnded), lambda key: key.outcome)
    return SessionTotals(
        sessions_completed=sessions[Outcome.COMPLETED],
        sessions_failed=sessions[Outcome.FAILED],
        sessions_lost=sessions[Outcome.LOST],
        sessions_cancelled=sessions[Outcome.CANCELLED],
        sessions_unknown=sessions[Outcome.UNKNOWN],
        session_ns=sum(totals.of(f.CompletedSessionTime).values()),
    )


def phase_totals(totals: Totals) -> PhaseTotals:
    """
    Phases, plans and syntheses of a subject.
    """
    phases = sum_by(totals.of(f.PhasesEnded), lambda key: key.outcome)
    syntheses = sum_by(totals.of(f.Syntheses), lambda key: key.outcome)
    return PhaseTotals(
        phases_completed=phases[Outcome.COMPLETED],
        phases_failed=phases[Outcome.FAILED],
        planned_ns=sum(totals.of(f.PlannedTime).values()),
        actual_ns=sum(totals.of(f.ActualTime).values()),
        syntheses_integrated=syntheses[Outcome.INTEGRATED],
        syntheses_conflict=syntheses[Outcome.CONFLICT],
        syntheses_gate_failed=syntheses[Outcome.GATE_FAILED],
    )


def score_totals(scores: Sums[tuple[Score, Statistic]], score: Score) -> ScoreTotals:
    """
    The scores of one kind, out of sums by kind and statistic.
    """
    return ScoreTotals(
        n=scores[score, Statistic.N],
        sum=scores[score, Statistic.SUM],
        squares=scores[score, Statistic.SQUARES],
    )


def _scores(totals: Totals) -> Sums[tuple[Score, Statistic]]:
    return sum_by(totals.of(f.ScoreSums), lambda key: (key.score, key.statistic))
