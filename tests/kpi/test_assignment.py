"""
How well droids do the tasks of patterns.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.kpi.assignment import assignment_effectiveness, expected_ratio, relative_duration
from droidscope.kpi.statistics import wilson_interval
from droidscope.kpi.totals import ScoreTotals

outcomes = st.integers(0, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
ratios = st.floats(0, 1)


def effectiveness(completed, n, droid_ratio=0.5, **known):
    """
    Of a droid of whom nothing but outcomes is known, unless said otherwise.
    """
    unknown = {"median_ns": None, "pattern_median_ns": None, "code_quality": ScoreTotals()}
    return assignment_effectiveness(completed=completed, n=n, droid_ratio=droid_ratio, **(unknown | known))


def test_by_hand():
    """
    8 of 10 by a droid that completes 9 of 10: (8 + 4.5)/15, ranked by 0.490, a quarter slower than all.
    """
    scores = ScoreTotals(n=3, sum=270_000_000, squares=3 * 90_000_000**2)
    found = effectiveness(8, 10, 0.9, median_ns=50, pattern_median_ns=40, code_quality=scores)

    assert found.lower_bound == pytest.approx(0.4901625, abs=1e-6)
    assert found.expected_ratio == pytest.approx(12.5 / 15)
    assert (found.relative_duration, found.quality, found.quality_consistency, found.n) == (1.25, 90, 1, 10)


@pytest.mark.parametrize("n", range(3))
def test_under_three_tasks_nothing_is_said(n):
    """
    However well they went.
    """
    assert effectiveness(n, n) is None
    assert effectiveness(3, 3) is not None


@given(outcomes, ratios)
def test_the_expectation_lies_between_pattern_and_droid(outcome, droid_ratio):
    """
    Between what was seen here and what the droid does overall, nearer to the former from 5 tasks.
    """
    completed, n = outcome
    expected = expected_ratio(completed, n, droid_ratio)
    seen = completed / n if n else droid_ratio

    assert min(seen, droid_ratio) - 1e-12 <= expected <= max(seen, droid_ratio) + 1e-12
    if n >= 5:
        assert abs(expected - seen) <= abs(expected - droid_ratio) + 1e-12


@given(outcomes, ratios)
def test_ranked_by_what_is_sure(outcome, droid_ratio):
    """
    The lower bound is Wilson's and leaves out what the droid does elsewhere.
    """
    completed, n = outcome
    found = effectiveness(completed, n, droid_ratio)

    assert (found is None) == (n < 3)
    if found:
        assert found.lower_bound == wilson_interval(completed, n)[0]


@pytest.mark.parametrize(("median_ns", "reference_ns"), [(None, 40), (40, None), (40, 0)])
def test_without_two_durations_nothing_compares(median_ns, reference_ns):
    """
    Nor with a reference that took no time.
    """
    assert relative_duration(median_ns, reference_ns) is None


def test_no_time_at_all_compares():
    """
    A droid that took none is infinitely faster, and not unknown.
    """
    assert relative_duration(0, 40) == 0
