"""
The outlook: which series trends are told from, and what is said of what is to come.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from droidscope.conventions.metrics import CATALOGUE
from droidscope.conventions.thresholds import LOW_CODE_QUALITY
from droidscope.insights.forecasts import (
    HORIZON,
    KPIS,
    TREND_BUCKETS,
    daily_costs,
    droid_trends,
    predictions,
    trends,
)
from droidscope.kpi.forecast import crossing_ns, forecast
from droidscope.kpi.timeline import HistoryPoint, HistoryPoints, Timeline
from droidscope.kpi.trends import SUCCESS_RATIO, Direction, TrendSeries, pooled, trend
from droidscope.limits import overrides
from droidscope.units import HOUR_NS, NANO

NOW = 1_790_000_000 * NANO // (24 * HOUR_NS) * 24 * HOUR_NS
NOTHING = HistoryPoints(None, {}, {}, {}, {})


def line(points, window="7d"):
    """
    A timeline of these points, None for a bucket without values.
    """
    size, _ = TREND_BUCKETS[window]
    known = [(NOW + n * size * HOUR_NS, each) for n, each in enumerate(points) if each is not None]
    return Timeline(size * HOUR_NS, [time for time, _ in known], [each for _, each in known])


def successes(*ratios, n=10):
    return [NOTHING._replace(success={"p": HistoryPoint(ratio, n)}) for ratio in ratios]


def of(found, kpi):
    return {each.kpi: each for each in found}.get(kpi)


# --- trends -------------------------------------------------------------------------------------------


@given(
    st.lists(st.none() | st.floats(0, 1), max_size=30),
    st.sampled_from(["7d", "30d"]),
)
@settings(deadline=None)
def test_a_trend_is_that_of_its_buckets(ratios, window):
    """
    Buckets without values leave gaps; the analysis is that of the definition.
    """
    known = [
        None if ratio is None else NOTHING._replace(success={"p": HistoryPoint(ratio, 10)})
        for ratio in ratios
    ]
    made = line(known, window)
    found = of(trends(made, window), "session_success_ratio")

    values = [ratio for ratio in ratios if ratio is not None]
    if not values:
        assert found is None
        return
    size, count = TREND_BUCKETS[window]
    assert found.times_seconds == [time / NANO for time in made.times_ns]
    assert found.values == pytest.approx(values)
    expected = trend(made.times_ns, found.values, size * count * HOUR_NS, SUCCESS_RATIO)
    assert found.analysis == expected


def test_a_change_of_the_mix_is_no_trend():
    """
    Two patterns that succeed as ever, of which the worse is run more and more often: nothing moves.
    """
    mixed = [
        NOTHING._replace(success={"good": HistoryPoint(1.0, 100 - 5 * n), "bad": HistoryPoint(0.5, 5 * n)})
        for n in range(1, 19)
    ]

    found = of(trends(line(mixed), "7d"), "session_success_ratio")

    assert found.analysis.direction is Direction.STABLE
    assert found.analysis.slope_per_week == 0


def test_parts_are_pooled_by_what_they_did():
    """
    As by the definition of pooling, over the buckets that each part has.
    """
    buckets = [
        NOTHING._replace(scores={("code_quality", "a"): HistoryPoint(80.0 + n, 3)})
        if n % 2
        else NOTHING._replace(
            scores={
                ("code_quality", "a"): HistoryPoint(80.0 + n, 1),
                ("code_quality", "b"): HistoryPoint(40.0, 9),
            }
        )
        for n in range(10)
    ]
    made = line(buckets)
    a = TrendSeries(made.times_ns, [80.0 + n for n in range(10)], 20)
    b = TrendSeries(made.times_ns[::2], [40.0] * 5, 45)

    assert of(trends(made, "7d"), "code_quality_score").values == pytest.approx(pooled([a, b]).values)


@pytest.mark.parametrize(
    ("kpi", "points"),
    [
        ("efficiency_score", {"efficiency": HistoryPoint(50.0, 9)}),
        ("session_success_ratio", {"success": {"p": HistoryPoint(0.5, 9)}}),
        ("session_duration_seconds", {"duration_seconds": {"p": HistoryPoint(60.0, 9)}}),
        ("code_quality_score", {"scores": {("code_quality", "a"): HistoryPoint(50.0, 9)}}),
        ("test_coverage_score", {"scores": {("test_coverage", "a"): HistoryPoint(50.0, 9)}}),
        ("security_score", {"scores": {("security", "a"): HistoryPoint(50.0, 9)}}),
    ],
)
def test_each_kpi_has_a_trend_of_its_own(kpi, points):
    """
    And only that one, where nothing else is known.
    """
    found = trends(line([NOTHING._replace(**points)] * 9), "7d")

    assert [each.kpi for each in found] == [kpi]


def test_droids_are_followed_one_by_one():
    """
    One gets better, one worse, one has too few hours to tell.
    """
    buckets = [
        NOTHING._replace(
            scores={
                ("code_quality", "rising"): HistoryPoint(50.0 + n, 1),
                ("code_quality", "falling"): HistoryPoint(90.0 - n, 1),
                ("security", "other"): HistoryPoint(1.0, 1),
                **({("code_quality", "new"): HistoryPoint(70.0, 1)} if n > 12 else {}),
            }
        )
        for n in range(20)
    ]

    found = {each.droid: each.analysis for each in droid_trends(line(buckets), "7d")}

    assert {droid: each.direction for droid, each in found.items()} == {
        "rising": "improving",
        "falling": "declining",
        "new": "stable",
    }
    assert found["new"].insufficient_data


def test_costs_are_by_bucket_and_pattern():
    """
    For the reference: what a day's sessions cost, and how many of them completed.
    """
    days = [NOTHING._replace(costs={"p": (5, 2)}), NOTHING._replace(costs={"p": (7, 0), "q": (1, 1)})]

    assert daily_costs(line(days, "30d")) == {"p": [(5, 2), (7, 0)], "q": [(1, 1)]}


# --- predictions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("buckets", "method"), [(9, None), (10, "simple"), (13, "simple"), (14, "damped")])
def test_a_forecast_needs_ten_buckets_and_a_trend_in_it_fourteen(buckets, method):
    """
    Success falls by a point an hour.
    """
    found = predictions(trends(line(successes(*(0.99 - n / 100 for n in range(buckets)))), "7d"))

    assert [each.method for each in found] == ([method] if method else [])


@given(
    st.lists(st.floats(0, 1), min_size=10, max_size=40),
    st.sampled_from(["7d", "30d"]),
)
@settings(deadline=None)
def test_a_prediction_is_the_end_of_the_forecast(ratios, window):
    """
    One horizon ahead, within its interval and the range of the KPI; when it crosses the target, if it does.
    """
    moved = trends(line(successes(*ratios), window), window)
    (found,) = predictions(moved)

    size, _ = TREND_BUCKETS[window]
    times = [round(time * NANO) for time in moved[0].times_seconds]
    ahead = forecast(
        times, moved[0].values, size * HOUR_NS, HORIZON[window], SUCCESS_RATIO, moved[0].analysis.direction
    )
    last, crossed = ahead.predictions[-1], crossing_ns(ahead, 0.85)
    assert (found.value, found.low, found.high) == (last.mean, last.low, last.high)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.crossing_seconds == (None if crossed is None else crossed / NANO)
    assert found.limit == 0.85
    assert ("if the trend continues" in found.text) is (crossed is not None)


@pytest.mark.parametrize(
    ("ratios", "way"),
    [([0.99 - n / 100 for n in range(14)], "falls below"), ([0.70 + n / 100 for n in range(14)], "rises to")],
)
def test_it_says_when_the_target_will_be_crossed(ratios, way):
    """
    Downwards or upwards, with a date.
    """
    (found,) = predictions(trends(line(successes(*ratios)), "7d"))

    assert re.search(
        rf"^Session success {way} 85% around \d{{4}}-\d\d-\d\d \d\d:\d\d UTC if the trend", found.text
    )


def test_code_quality_is_compared_with_the_limit_in_force():
    """
    The default, or what the user's file sets for all or for the orchestrator.
    """
    falling = [
        NOTHING._replace(scores={("code_quality", "a"): HistoryPoint(90.0 - hour, 1)}) for hour in range(14)
    ]
    quality = trends(line(falling), "7d")
    name = LOW_CODE_QUALITY.name
    limits = overrides.parse({name: {"limit": 70, "overrides": [{"orchestrator": "strict", "limit": 75}]}})

    (default,) = predictions(quality)
    (for_all,) = predictions(quality, limits, "atlas")
    (for_one,) = predictions(quality, limits, "strict")

    assert (default.limit, for_all.limit, for_one.limit) == (LOW_CODE_QUALITY.limit, 70, 75)
    assert "falls below 75.0 around" in for_one.text or "falls below 75 around" in for_one.text


def test_where_nothing_is_crossed_it_says_where_the_kpi_will_be():
    """
    A duration has no limit.
    """
    hours = [NOTHING._replace(duration_seconds={"p": HistoryPoint(3600.0, 5)})] * 12

    (found,) = predictions(trends(line(hours), "7d"))

    assert found.limit is None
    assert found.text.startswith("Session duration is 1h now and expected to be 1h on ")


@given(st.lists(st.floats(0, 100), min_size=10, max_size=30), st.floats(1e-6, 1e9))
@settings(deadline=None)
def test_no_sentence_says_none_or_has_an_exponent(values, scale):
    """
    Whatever the KPI and its size.
    """
    buckets = [
        HistoryPoints(
            HistoryPoint(value, 1),
            {"p": HistoryPoint(value / 100, 1)},
            {"p": HistoryPoint(value * scale, 1)},
            {(kind, "a"): HistoryPoint(value, 1) for kind in ("code_quality", "test_coverage", "security")},
            {},
        )
        for value in values
    ]
    found = predictions(trends(line(buckets), "7d"))

    assert len(found) == len(KPIS)
    for each in found:
        assert not re.search(r"None|nan|inf\b|\de[+-]\d", each.text)


def test_names_and_titles_come_from_the_catalogue():
    """
    The API's names are the metrics' own, and sentences have them without the unit.
    """
    assert [(kpi.name, kpi.title) for kpi in KPIS] == [
        ("efficiency_score", "Efficiency"),
        ("session_success_ratio", "Session success"),
        ("session_duration_seconds", "Session duration"),
        ("code_quality_score", "Code quality"),
        ("test_coverage_score", "Test coverage"),
        ("security_score", "Security"),
    ]
    assert {kpi.spec for kpi in KPIS} <= set(CATALOGUE)
