"""
The world is true to the orchestrators it stands for, and its scripts to the world.
"""

from random import Random
from statistics import mean, median

import pytest

from droidscope.conventions.attributes import Outcome
from droidscope_demo import world
from droidscope_demo.script import TIMEOUT_ERROR, Session, draw_session

BUDGETS = {
    "full-stack-feature": [30, 35, 45, 40, 30],
    "bug-fix": [25, 90, 40],
    "authentication-system": [35, 30, 45, 35, 40],
    "payment-processing": [35, 30, 90, 45, 35, 40, 30],
    "api-refactoring": [40, 30, 45, 40, 30],
    "database-optimization": [30, 30, 40],
    "security-audit": [35, 90, 40],
}
SUMS = [180, 155, 185, 305, 185, 100, 165]


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    """
    Enough sessions for proportions.
    """
    return [draw_session("test", number) for number in range(600)]


def attempts_of(sessions):
    return [
        (task.droid, attempt)
        for session in sessions
        for run in session.phase_runs
        for task in run.tasks
        for attempt in task.attempts
    ]


def test_phases_have_the_budgets_of_the_table():
    """
    A phase's budget is its longest time-out; 90 minutes where a droid has none or is chosen later.
    """
    budgets = {id_: [phase.budget_minutes for phase in one.phases] for id_, one in world.PATTERNS.items()}

    assert budgets == BUDGETS


def test_patterns_have_the_budgets_of_the_table():
    """
    The seven patterns, in order, sum up to the table's last column.
    """
    assert [pattern.budget_minutes for pattern in world.PATTERNS.values()] == SUMS


def test_three_droids_are_retried_twice():
    """
    Retries are enabled for three droids only, two after the first attempt.
    """
    attempts = {name: droid.max_attempts for name, droid in world.DROIDS.items() if droid.max_attempts > 1}

    assert attempts == {"frontend-developer": 3, "backend-typescript-architect": 3, "test-automator": 3}


def test_success_is_nine_in_ten_over_all_droids():
    """
    The mean reliability is the 0.9 of the reference simulator.
    """
    assert mean(droid.reliability for droid in world.DROIDS.values()) == pytest.approx(0.9, abs=0.01)


def test_auto_select_phases_pick_a_real_droid():
    """
    A placeholder becomes one of its candidates, and each of them at some time.
    """
    phases = [phase for one in world.PATTERNS.values() for phase in one.phases if phase.auto_select]
    random = Random(1)
    picked = {phase: {phase.assign(random) for _ in range(50)} for phase in phases}

    assert len(phases) == 2
    for phase, choices in picked.items():
        assert choices == {(world.DROIDS[name],) for name in phase.auto_select}


def test_the_same_seed_draws_the_same_session():
    """
    A session depends on the seed and its number, and on nothing drawn before it.
    """
    assert draw_session("atlas", 7) == draw_session("atlas", 7)
    assert draw_session("atlas", 7) != draw_session("atlas", 8)
    assert draw_session("atlas", 7) != draw_session("borealis", 7)


def test_a_session_ends_with_its_first_failed_stage(sessions):
    """
    Stages run in the pattern's order, none after a failed one, and all where none fails.
    """
    for session in sessions:
        phases = session.pattern.phases

        assert [run.phase for run in session.phase_runs] == list(phases[: len(session.phase_runs)])
        assert not any(run.error for run in session.phase_runs[:-1])
        assert bool(session.error) == (session.phase_runs[-1].error != "")
        assert session.error or not session.skipped


def test_attempts_stop_at_success_or_at_the_limit(sessions):
    """
    Only the last attempt of a task may succeed, and a failed task has used all it may.
    """
    tasks = [task for session in sessions for run in session.phase_runs for task in run.tasks]

    for task in tasks:
        assert all(attempt.error for attempt in task.attempts[:-1])
        assert not task.error or len(task.attempts) == task.droid.max_attempts


def test_durations_lie_around_their_share_of_the_timeout(sessions):
    """
    The median successful attempt takes about 0.55 of its droid's time-out, and a time-out all of it.
    """
    attempts = attempts_of(sessions)
    spent = [(droid, one, one.minutes + sum(call.minutes for call in one.tools)) for droid, one in attempts]
    shares = [minutes / droid.timeout_minutes for droid, one, minutes in spent if not one.error]
    timeouts = [
        (minutes, droid.timeout_minutes) for droid, one, minutes in spent if one.error == TIMEOUT_ERROR
    ]

    assert median(shares) == pytest.approx(0.55, abs=0.04)
    assert timeouts
    assert all(minutes == pytest.approx(limit) for minutes, limit in timeouts)


def test_one_droid_fails_often_enough_for_its_alert(sessions):
    """
    More than 25 % of frontend-developer's attempts fail, though few of its tasks do.
    """
    tries = [one for droid, one in attempts_of(sessions) if droid.name == "frontend-developer"]

    assert mean(bool(one.error) for one in tries) > 0.27


def test_payments_fail_more_often_than_the_rest(sessions):
    """
    The success ratio of payment-processing lies below its alert's limit, that of all below 0.95.
    """
    payments = [one for one in sessions if one.pattern.id == "payment-processing"]
    others = [one for one in sessions if one.pattern.id != "payment-processing"]

    assert mean(not one.error for one in payments) < 0.7
    assert 0.8 < mean(not one.error for one in others) < 0.95


def test_every_outcome_of_a_query_happens(sessions):
    """
    Answered, late, unanswered and rejected; only late ones take longer than their deadline.
    """
    queries = [q for one in sessions for run in one.phase_runs for task in run.tasks for q in task.queries]

    assert {q.outcome for q in queries} == {
        Outcome.ANSWERED,
        Outcome.LATE,
        Outcome.UNANSWERED,
        Outcome.REJECTED,
    }
    assert all((q.minutes > q.deadline_minutes) == (q.outcome is Outcome.LATE) for q in queries)


def test_outputs_have_the_values_of_the_reference_simulator(sessions):
    """
    Code quality is 7.5 to 9.5 of ten, coverage about 92 %, security about 9.1 of ten.
    """
    outputs = [task.output for one in sessions for run in one.phase_runs for task in run.tasks]
    coverage = [p.test_coverage_percent for p in outputs if p.test_coverage_percent is not None]
    security = [p.security_of_ten for p in outputs if p.security_of_ten is not None]

    assert all(7.5 <= p.code_quality_of_ten <= 9.5 for p in outputs)
    assert mean(coverage) == pytest.approx(92, abs=1)
    assert mean(security) == pytest.approx(9.1, abs=0.1)


def test_a_phase_stays_below_the_message_limit(sessions):
    """
    No run exchanges more than the 50 messages an orchestrator allows a phase.
    """
    counts = [
        sum(len(task.queries) + len(task.notices) for task in run.tasks)
        for one in sessions
        for run in one.phase_runs
    ]

    assert max(counts) <= 50
