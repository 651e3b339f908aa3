"""
Composite scores: weights, absences and the worked examples.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions import metrics
from droidscope.kpi.communication import collaboration_score, response_score
from droidscope.kpi.composites import composite
from droidscope.kpi.efficiency import (
    droid_efficiency,
    efficiency_of_parts,
    orchestrator_efficiency,
    plan_adherence,
)
from droidscope.kpi.quality import mean_score
from droidscope.kpi.ratios import error_ratio, phase_success_ratio, task_completion_ratio
from droidscope.kpi.totals import DroidTotals, by_subject
from kpi.full_history import Expected
from kpi.history import DROIDS, History, Session, Task, histories

IN_FULL = {
    metrics.EFFICIENCY_SCORE: Expected(50 * 0.75 + 30 + 20, 4),
    metrics.EFFICIENCY_WEIGHT: Expected(1, None),
    metrics.DROID_EFFICIENCY_SCORE: Expected(30 * 0.75 + 25 * 0.9 + 0.2 * 74 + 15 + 10 * 0.8, 4),
    metrics.DROID_EFFICIENCY_WEIGHT: Expected(1, None),
}

MINUTE_NS = 60_000_000_000
ratios = st.none() | st.floats(0, 1)
parts = st.lists(st.tuples(st.integers(1, 50), ratios), min_size=1, max_size=6)


@given(parts)
def test_a_composite_is_the_mean_of_what_is_present(weighted):
    """
    Absent parts take their weight with them; under half of it there is no score.
    """
    present = [(Fraction(weight), Fraction(value)) for weight, value in weighted if value is not None]
    weight = sum(weight for weight, _ in present)
    whole = sum(weight for weight, _ in weighted)
    found = composite(*weighted)

    assert found.weight == (pytest.approx(float(weight / whole)) if present else None)
    if 2 * weight < whole:
        assert found.score is None
    else:
        assert found.score == pytest.approx(float(100 * sum(w * v for w, v in present) / weight))


@given(parts)
def test_a_composite_is_a_score(weighted):
    """
    It lies within 0 and 100, to the last bit.
    """
    score, _ = composite(*weighted)

    assert score is None or 0 <= score <= 100


@given(parts, st.data())
def test_a_composite_grows_with_each_part(weighted, data):
    """
    A better part never makes a worse whole.
    """
    index = data.draw(st.integers(0, len(weighted) - 1))
    weight, value = weighted[index]
    better = weighted.copy()
    better[index] = (weight, None if value is None else data.draw(st.floats(value, 1)))
    before, after = composite(*weighted).score, composite(*better).score

    assert (before is None) == (after is None)
    assert before is None or after >= before - 1e-9


def test_exactly_half_of_the_weight_is_enough():
    """
    0.25 + 0.15 + 0.10 is half, whatever binary fractions make of it.
    """
    half = efficiency_of_parts(completion=None, quality=80, collaboration=None, error=0.2, response=80)

    assert half == pytest.approx((80, 0.5))


def test_the_worked_droid():
    """
    C .9, Q .92, K .75, e .1, responses of 60, 120 and 240 s: 83.8.
    """
    response = 100 * (0.8 + 0.6 + 0.2) / 3
    score, weight = efficiency_of_parts(
        completion=0.9, quality=92, collaboration=75, error=0.1, response=response
    )

    assert round(score, 1) == 83.8
    assert weight == 1


def test_the_worked_droid_without_quality():
    """
    Without Q the others share its weight: 81.1 from 0.75 of it.
    """
    response = 100 * (0.8 + 0.6 + 0.2) / 3
    score, weight = efficiency_of_parts(
        completion=0.9, quality=None, collaboration=75, error=0.1, response=response
    )

    assert round(score, 1) == 81.1
    assert weight == 0.75


def test_the_worked_orchestrator():
    """
    The documented session: 88 minutes of 90 planned, nothing failed: a full score.
    """
    history = History(
        tasks=[Task("full-stack-feature", "coder", "implementation", "completed", MINUTE_NS, 92, 94, 95)],
        sessions=[Session("full-stack-feature", "completed", 88 * MINUTE_NS, 90 * MINUTE_NS, 0, {})],
    )
    facts = by_subject(history.totals()).orchestrator

    assert plan_adherence(facts.flow) == 1
    assert orchestrator_efficiency(facts) == (100, 0.7)


def test_late_sessions_cost_efficiency():
    """
    Twice the planned time is an adherence of 0.5; sessions without a plan or that failed do
    not count.
    """
    history = History(
        sessions=[
            Session("", "completed", 120, 60, 0, {}),
            Session("", "completed", 999, None, 0, {}),
            Session("", "failed", 999, 1, 0, {}),
        ]
    )

    assert plan_adherence(by_subject(history.totals()).orchestrator.flow) == 0.5


@given(histories)
def test_efficiency_of_an_orchestrator(history):
    """
    0.5 completion + 0.3 phase success + 0.2 adherence, over what is present.
    """
    facts = by_subject(history.totals()).orchestrator
    planned = [s for s in history.sessions if s.outcome == "completed" and s.planned_ns is not None]
    actual_ns = sum(session.duration_ns for session in planned)
    adherence = min(1, sum(session.planned_ns for session in planned) / actual_ns) if actual_ns else None
    weighted = [
        (0.5, task_completion_ratio(facts.work)),
        (0.3, phase_success_ratio(facts.flow)),
        (0.2, adherence),
    ]

    assert orchestrator_efficiency(facts) == expected_of(weighted)


@given(histories)
def test_efficiency_of_each_droid(history):
    """
    0.30 C + 0.25 Q + 0.20 K + 0.15 (1 - e) + 0.10 R, over what is present.
    """
    droids = by_subject(history.totals()).droids

    for facts in (droids.get(droid, DroidTotals()) for droid in DROIDS):
        quality, collaboration = mean_score(facts.code_quality), collaboration_score(facts)
        error, response = error_ratio(facts.work), response_score(facts.queries)
        weighted = [
            (0.30, task_completion_ratio(facts.work)),
            (0.25, None if quality is None else quality / 100),
            (0.20, None if collaboration is None else collaboration / 100),
            (0.15, None if error is None else 1 - error),
            (0.10, None if response is None else response / 100),
        ]
        assert droid_efficiency(facts) == expected_of(weighted)


def expected_of(weighted):
    """
    Score and weight share, the long way.
    """
    present = [(weight, value) for weight, value in weighted if value is not None]
    weight = sum(weight for weight, _ in present)
    if not present:
        return (None, None)
    if weight < 0.5 - 1e-9:
        return (None, pytest.approx(weight))
    return pytest.approx((100 * sum(weight * value for weight, value in present) / weight, weight))
