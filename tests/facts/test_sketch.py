"""
Sketches, against the values themselves.
"""

from __future__ import annotations

import statistics

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from droidscope.facts.sketch import COARSE, FINE, Sketch, bounds, bucket, tenths
from facts.sketch_error import relative_error

DAY_NS = 86_400_000_000_000

durations_ns = st.integers(0, 30 * DAY_NS) | st.integers(0, 5000)
lists_ns = st.lists(durations_ns, min_size=2, max_size=60)


sizes = st.sampled_from([FINE, COARSE])


def sketch_of(values, bits=FINE):
    sketch = Sketch(bits=bits)
    for value in values:
        sketch.add(value)
    return sketch


@given(lists_ns, st.integers(1, 99), sizes)
@example([1024, 1025], 50, FINE)
@example([128, 129], 50, COARSE)
def test_quantiles_are_within_the_error(values, percent, bits):
    """
    No quantile is off by more than its share of the textbook one, linearly interpolated.
    """
    exact = statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
    error = relative_error(bits)

    assert sketch_of(values, bits).quantile(percent / 100) == pytest.approx(exact, rel=error, abs=1e-6)


def test_values_spread_evenly_in_their_bucket():
    """
    2048 to 2051 share one: the first is taken for 2048 and an eighth of the way to the last.
    """
    sketch = sketch_of([2048, 2049, 2050, 2051])

    assert sketch.counts == {bucket(2048): 4}
    assert [sketch.quantile(q) for q in (0, 0.5, 1)] == [2048.375, 2049.5, 2050.625]


def test_the_errors_are_as_promised():
    """
    0.2 % for what is not exact anyway, 1.6 % for durations.
    """
    assert (relative_error(FINE), relative_error(COARSE)) == (1 / 512, 1 / 64)


@given(lists_ns, sizes)
def test_what_a_sketch_holds_is_near_what_was_put_in(values, bits):
    """
    Each value stands in the middle of its bucket, at most half a bucket away.
    """
    held = [value for value, count in sketch_of(values, bits).values() for _ in range(count)]

    assert held == [pytest.approx(value, rel=relative_error(bits) / 2) for value in sorted(values)]


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=60), st.integers(1, 9))
def test_scores_are_exact(tenths_of_points, tenth):
    """
    Scores with one decimal have the quantiles of the scores themselves.
    """
    points = [t / 10 for t in tenths_of_points]
    exact = statistics.quantiles(points, n=10, method="inclusive")[tenth - 1]

    assert sketch_of(map(tenths, points)).quantile(tenth / 10) / 10 == pytest.approx(exact)


@given(lists_ns)
def test_the_ends_are_the_least_and_the_most(values):
    """
    Quantiles 0 and 1, within the error, and never the wrong way round.
    """
    sketch = sketch_of(values)
    least, median, most = (sketch.quantile(q) for q in (0, 0.5, 1))

    assert least == pytest.approx(min(values), rel=relative_error(FINE))
    assert most == pytest.approx(max(values), rel=relative_error(FINE))
    assert least <= median <= most


@given(lists_ns, lists_ns)
def test_merging_days_is_sketching_them_together(today, yesterday):
    """
    As many values, in the same buckets.
    """
    sketch = sketch_of(today)
    sketch.merge(sketch_of(yesterday))

    assert sketch == sketch_of(today + yesterday)
    assert sketch.n == len(today) + len(yesterday)


@given(lists_ns, st.randoms(use_true_random=False))
def test_order_does_not_matter(values, shuffler):
    """
    Counts and quantiles are the same, to the last bit.
    """
    sketch, shuffled = sketch_of(values), sketch_of(shuffler.sample(values, len(values)))

    assert shuffled == sketch
    assert [shuffled.quantile(q / 10) for q in range(11)] == [sketch.quantile(q / 10) for q in range(11)]


@given(lists_ns)
def test_a_checkpoint_restores_the_sketch(values):
    """
    It goes through msgpack, negative counts and all.
    """
    sketch = sketch_of(values)
    sketch.add(1, -100)
    packed = msgspec.msgpack.encode(sketch)

    assert msgspec.msgpack.decode(packed, type=Sketch) == sketch


def test_a_value_may_be_taken_back_before_it_comes():
    """
    Until it does it counts as none, then both are gone.
    """
    sketch = sketch_of([10, 20, 30])
    sketch.add(5, -1)

    assert (sketch.n, sketch.quantile(0.5)) == (3, 20)

    sketch.add(5)

    assert sketch == sketch_of([10, 20, 30])


def test_nothing_has_no_quantiles():
    """
    Neither from the start nor once all is taken back.
    """
    sketch = sketch_of([7])
    sketch.add(7, -1)

    assert (Sketch().quantile(0.5), sketch.quantile(0.5), sketch.counts) == (None, None, {})


@given(st.integers(0, 2**63), sizes)
def test_a_bucket_holds_its_value(value, bits):
    """
    Bucket after bucket without gap, none wider than its share of the lowest value.
    """
    number = bucket(value, bits)
    lowest, width = bounds(number, bits)

    assert lowest <= value < lowest + width
    assert bucket(lowest + width, bits) == number + 1
    assert width == 1 or width <= lowest * relative_error(bits)


def test_a_sketch_is_bounded():
    """
    From a microsecond to a month there are at most 512 buckets a doubling.
    """
    assert bucket(30 * DAY_NS) - bucket(1000) < 512 * 42


@pytest.mark.parametrize("q", [-0.1, 1.1])
def test_a_quantile_is_within_0_and_1(q):
    """
    90 is not 0.9.
    """
    with pytest.raises(ValueError, match=f"q is {q}"):
        sketch_of([1]).quantile(q)


def test_negative_values_are_refused():
    """
    No duration and no score is one.
    """
    with pytest.raises(ValueError, match="value is -1"):
        Sketch().add(-1)
