"""
Outcome ratios and mean durations, against counting by hand.
"""

from __future__ import annotations

import pytest
from hypothesis import given

from droidscope.conventions import metrics
from droidscope.kpi.durations import mean_response_ns, mean_session_ns, mean_task_ns
from droidscope.kpi.ratios import (
    error_ratio,
    integration_success_ratio,
    phase_success_ratio,
    retry_ratio,
    session_success_ratio,
    task_completion_ratio,
)
from droidscope.kpi.totals import (
    DroidTotals,
    PatternTotals,
    PhaseTotals,
    SessionTotals,
    TaskTotals,
    by_subject,
)
from kpi.full_history import Expected
from kpi.history import DROIDS, PATTERNS, Attempt, History, Phase, Session, histories, mean, of, share

IN_FULL = {
    metrics.TASK_COMPLETION_RATIO: Expected(0.75, 4),
    metrics.SESSION_SUCCESS_RATIO: Expected(1, 1),
    metrics.PHASE_SUCCESS_RATIO: Expected(1, 6),
    metrics.ERROR_RATIO: Expected(0, 5),
    metrics.RETRY_RATIO: Expected(0.8, 5),
    metrics.INTEGRATION_SUCCESS_RATIO: Expected(1, 7),
    metrics.DROID_TASK_COMPLETION_RATIO: Expected(0.75, 4),
    metrics.DROID_ERROR_RATIO: Expected(0, 5),
    metrics.DROID_RETRY_RATIO: Expected(0.8, 5),
    metrics.PATTERN_SUCCESS_RATIO: Expected(1, 1),
}


def is_completed(entry):
    return entry.outcome == "completed"


def is_failed(entry):
    return entry.outcome == "failed"


def expected_of_work(tasks, attempts):
    """
    Completion, error ratio, retry ratio and mean duration, counted by hand.
    """
    return pytest.approx(
        (
            share(tasks, is_completed),
            share(attempts, is_failed),
            share(attempts, lambda attempt: attempt.number > 1),
            mean(task.duration_ns for task in tasks if is_completed(task)),
        )
    )


def of_work(work):
    return task_completion_ratio(work), error_ratio(work), retry_ratio(work), mean_task_ns(work)


def test_nothing_has_no_ratio():
    """
    Where nothing ended, every ratio and mean is absent, not 0.
    """
    nothing = [
        *of_work(TaskTotals()),
        session_success_ratio(SessionTotals()),
        mean_session_ns(SessionTotals()),
        phase_success_ratio(PhaseTotals()),
        integration_success_ratio(PhaseTotals()),
    ]

    assert nothing == [None] * 8


@given(histories)
def test_work_of_an_orchestrator(history):
    """
    Tasks completed of tasks, failed of attempts, later of attempts: of all droids.
    """
    work = by_subject(history.totals()).orchestrator.work

    assert of_work(work) == expected_of_work(history.tasks, history.attempts)


@given(histories)
def test_work_of_each_droid(history):
    """
    The same of each droid alone.
    """
    droids = by_subject(history.totals()).droids

    for droid in DROIDS:
        work = droids.get(droid, DroidTotals()).work
        assert of_work(work) == expected_of_work(
            of(history.tasks, droid=droid), of(history.attempts, droid=droid)
        )


@given(histories)
def test_success_of_sessions(history):
    """
    Lost sessions count as failed; durations are of completed ones: in all and by pattern.
    """
    facts = by_subject(history.totals())
    subjects = [(facts.orchestrator.sessions, history.sessions)]
    for pattern in PATTERNS:
        sessions = facts.patterns.get(pattern, PatternTotals()).sessions
        subjects.append((sessions, of(history.sessions, pattern=pattern)))

    for sessions, entries in subjects:
        assert session_success_ratio(sessions) == pytest.approx(share(entries, is_completed))
        durations = [session.duration_ns for session in entries if is_completed(session)]
        assert mean_session_ns(sessions) == pytest.approx(mean(durations))


@given(histories)
def test_success_of_phases_and_syntheses(history):
    """
    Blocked and skipped phases are neither success nor failure; any conflict spoils a synthesis.
    """
    flow = by_subject(history.totals()).orchestrator.flow
    ended = [phase for phase in history.phases if phase.outcome in {"completed", "failed"}]

    assert phase_success_ratio(flow) == pytest.approx(share(ended, is_completed))
    assert integration_success_ratio(flow) == pytest.approx(
        share(history.syntheses, lambda synthesis: synthesis.outcome == "integrated")
    )


@given(histories)
def test_mean_response(history):
    """
    Answers that came late count; queries nobody answered have no time.
    """
    droids = by_subject(history.totals()).droids

    for droid in DROIDS:
        came = [query.response_ns for query in of(history.queries, droid=droid) if query.came]
        assert mean_response_ns(droids.get(droid, DroidTotals()).queries) == pytest.approx(mean(came))


def test_a_retry_that_succeeds_lowers_nothing_but_the_error_ratio():
    """
    Two attempts at one task, the second good: error and retry ratio are one half.
    """
    history = History(
        attempts=[Attempt("coder", "testing", 1, "failed"), Attempt("coder", "testing", 2, "succeeded")]
    )
    work = by_subject(history.totals()).droids["coder"].work

    assert (error_ratio(work), retry_ratio(work)) == (0.5, 0.5)


def test_a_skipped_phase_alone_says_nothing():
    """
    With one skipped phase and no other, phase success is absent.
    """
    history = History(phases=[Phase("bug-fix", "design", "skipped", 5, 0.0)])

    assert phase_success_ratio(by_subject(history.totals()).orchestrator.flow) is None


def test_a_lost_session_counts_as_failed():
    """
    One completed and one lost make 0.5.
    """
    history = History(
        sessions=[
            Session("bug-fix", "completed", 60, None, 0, {}),
            Session("bug-fix", "lost", 60, None, 0, {}),
        ]
    )

    assert session_success_ratio(by_subject(history.totals()).patterns["bug-fix"].sessions) == 0.5
