"""
The statistics against textbook definitions.
"""

from __future__ import annotations

import math
import statistics as textbook
from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from droidscope.conventions.scoring import Z_95
from droidscope.kpi.statistics import clip, median_of_counts, population_sd, ratio, wilson_interval

outcomes = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_nothing_has_no_statistics():
    """
    Without data everything is absent.
    """
    assert [ratio(0, 0), population_sd(0, 0, 0), median_of_counts({}), wilson_interval(0, 0)] == [None] * 4


@given(st.floats(allow_nan=False))
def test_clip_is_the_nearest_ratio(value):
    """
    What lies within 0 and 1 stays, the rest goes to the nearer end.
    """
    assert clip(value) == sorted([0.0, value, 1.0])[1]


@given(st.lists(st.integers(0, 100_000_000), min_size=1, max_size=30))
def test_population_sd_is_the_textbook_one(values):
    """
    From count, sum and squares comes the same as from the values.
    """
    sd = population_sd(len(values), sum(values), sum(value * value for value in values))

    assert sd == pytest.approx(textbook.pstdev(values))


@given(st.integers(1, 100_000_000), st.integers(1, 1_000_000))
def test_equal_values_have_no_spread(value, n):
    """
    A million large equal scores deviate by exactly nothing: integers do not cancel.
    """
    assert population_sd(n, n * value, n * value * value) == 0


@given(st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_median_of_counts_is_the_textbook_one(values):
    """
    From counts comes the same median as from the values.
    """
    assert median_of_counts(Counter(values)) == textbook.median(values)


def test_wilson_by_hand():
    """
    8 of 10 lie between 0.490 and 0.943, as in any table.
    """
    assert wilson_interval(8, 10) == pytest.approx((0.4901625, 0.9433178), abs=1e-6)


@given(outcomes)
def test_wilson_bounds_solve_its_equation(outcome):
    """
    Each bound p is where the estimate lies z standard errors from p, or an end of the scale.
    """
    successes, n = outcome
    estimate = successes / n

    for bound in wilson_interval(successes, n):
        error = Z_95 * math.sqrt(bound * (1 - bound) / n)
        assert abs(estimate - bound) == pytest.approx(error, abs=1e-7)


@given(outcomes)
def test_wilson_contains_the_estimate_within_the_scale(outcome):
    """
    The interval lies within 0 and 1 and contains the estimate.
    """
    successes, n = outcome
    lower, upper = wilson_interval(successes, n)

    assert 0 <= lower <= successes / n <= upper <= 1


@given(outcomes)
def test_wilson_grows_with_successes(outcome):
    """
    One success more raises both bounds.
    """
    successes, n = outcome
    assume(successes < n)
    lower, upper = wilson_interval(successes, n)
    higher_lower, higher_upper = wilson_interval(successes + 1, n)

    assert higher_lower > lower
    assert higher_upper >= upper


@given(outcomes)
def test_wilson_narrows_with_evidence(outcome):
    """
    The same ratio of ten times as many lies in a narrower interval.
    """
    successes, n = outcome
    lower, upper = wilson_interval(successes, n)
    narrower_lower, narrower_upper = wilson_interval(10 * successes, 10 * n)

    assert narrower_upper - narrower_lower < upper - lower
