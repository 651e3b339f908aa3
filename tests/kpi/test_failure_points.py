"""
Where patterns fail, and what a success usually costs.
"""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.kpi.patterns import failure_points, reference_cost_usd

phases = st.sampled_from(["", "design", "build", "test"])
reasons = st.sampled_from(["timeout", "gate_failed", "conflict"])
failures = st.dictionaries(st.tuples(phases, reasons), st.integers(0, 20))
days = st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 50)), max_size=30)


def test_a_pareto_by_hand():
    """
    Six, three and one of ten failures: 60, 90 and 100 % together.
    """
    points = failure_points({("test", "timeout"): 3, ("", "lost"): 1, ("build", "gate_failed"): 6})

    assert [(point.phase, point.reason, point.failures) for point in points] == [
        ("build", "gate_failed", 6),
        ("test", "timeout", 3),
        ("", "lost", 1),
    ]
    assert [point.cumulative for point in points] == [0.6, 0.9, 1]


@given(failures)
def test_shares_add_up_to_one(counts):
    """
    Most frequent first, each with the share of itself and of all before it; never a point of none.
    """
    points = failure_points(counts)
    shares = [point.share for point in points]

    assert shares == sorted(shares, reverse=True)
    assert {(p.phase, p.reason): p.failures for p in points} == {k: n for k, n in counts.items() if n}
    for k, point in enumerate(points):
        assert point.cumulative == pytest.approx(sum(shares[: k + 1]))
    assert not points or points[-1].cumulative == 1


@given(days)
def test_the_reference_is_the_median_day(history):
    """
    Days without success or known cost have no price and do not count.
    """
    daily = [cost / 1e9 / successes for cost, successes in history if cost and successes]
    expected = statistics.median(daily) if daily else None

    assert reference_cost_usd(history) == pytest.approx(expected)
