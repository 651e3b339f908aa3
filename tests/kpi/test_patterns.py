"""
What a pattern's success costs.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions import metrics
from droidscope.kpi.patterns import cost_efficiency_ratio, cost_per_success_usd
from droidscope.kpi.totals import PatternTotals, SessionTotals, by_subject
from kpi.full_history import Expected
from kpi.history import PATTERNS, History, Session, histories, of

IN_FULL = {
    metrics.PATTERN_COST_PER_SUCCESS: Expected(1, None),
    metrics.PATTERN_COST_EFFICIENCY_RATIO: Expected(0.5, 1),
}

budgets = st.dictionaries(st.sampled_from(PATTERNS), st.floats(0.01, 100))


@given(histories, budgets)
def test_failures_are_paid_by_successes(history, budgets_usd):
    """
    All cost over the completed sessions; against the budget where there is one.
    """
    patterns = by_subject(history.totals(), budgets_usd).patterns

    for pattern in {session.pattern for session in history.sessions}:
        sessions = of(history.sessions, pattern=pattern)
        cost_usd = sum(session.cost_nano_usd / 1e9 for session in sessions)
        successes = len(of(sessions, outcome="completed"))
        expected_usd = cost_usd / successes if successes and cost_usd else None
        assert cost_per_success_usd(patterns[pattern]) == pytest.approx(expected_usd)
        if expected_usd is None or pattern not in budgets_usd:
            assert cost_efficiency_ratio(patterns[pattern]) is None
        else:
            expected = min(1, budgets_usd[pattern] / expected_usd)
            assert cost_efficiency_ratio(patterns[pattern]) == pytest.approx(expected)


def test_two_dollars_for_one_success_of_two():
    """
    Two sessions of a dollar, one of them failed: 2 dollars a success, half as good as planned.
    """
    history = History(
        sessions=[
            Session("bug-fix", "completed", 1, None, 10**9, {}),
            Session("bug-fix", "failed", 1, None, 10**9, {}),
        ]
    )
    pattern = by_subject(history.totals(), {"bug-fix": 1.0}).patterns["bug-fix"]

    assert (cost_per_success_usd(pattern), cost_efficiency_ratio(pattern)) == (2, 0.5)


@pytest.mark.parametrize(
    "pattern",
    [
        PatternTotals(cost=5, reference_usd=1.0),
        PatternTotals(SessionTotals(sessions_completed=1), reference_usd=1.0),
    ],
    ids=["no success", "no known cost"],
)
def test_without_success_or_cost_there_is_no_price(pattern):
    """
    Neither no success nor unknown cost is free of charge.
    """
    assert (cost_per_success_usd(pattern), cost_efficiency_ratio(pattern)) == (None, None)


def test_without_a_budget_there_is_nothing_to_compare():
    """
    A cost is known, a reference is not.
    """
    pattern = PatternTotals(SessionTotals(sessions_completed=1), cost=10**9)

    assert (cost_per_success_usd(pattern), cost_efficiency_ratio(pattern)) == (1, None)
