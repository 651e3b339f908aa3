"""
The demo's past: what it tells the exporter of the days before it began.
"""

from __future__ import annotations

from collections import Counter

import pytest

import builders as b
from droidscope.api.insight_handlers import (
    InsightsParams,
    RecommendationsParams,
    list_insights,
    list_recommendations,
)
from droidscope.api.session_handlers import SessionParams, get_session
from droidscope.conventions import metrics as m
from droidscope.conventions.thresholds import LOW_CODE_QUALITY
from droidscope.kpi.trends import Direction
from droidscope.limits import overrides
from droidscope.replay import read_records
from droidscope.views.head_reader import HeadReader
from droidscope.views.view_settings import ViewSettings
from droidscope_demo.past import SESSIONS_A_DAY, write_past
from droidscope_demo.script import draw_session
from rig import Rig

DAYS = 9
PACE = 0.05


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """
    An exporter that has just been told nine days of one service.
    """
    directory = tmp_path_factory.mktemp("past")
    rig = Rig(directory / "store")
    path = directory / "traces-past.otlp"
    write_past(path, "atlas", "1", DAYS, PACE, b.NOON)
    for body in read_records(path):
        assert rig.send("traces", body).rejected == 0
    rig.pass_seconds(2)
    return rig


@pytest.fixture
def reader(rig):
    return HeadReader(rig.pipeline, wall_ns=lambda: b.NOON + rig.now)


def test_each_session_is_as_it_was_drawn(rig):
    """
    As many of each outcome as the script has, and none is running.
    """
    drawn = Counter(
        "failed" if session.error else "cancelled" if session.cancelled else "completed"
        for session in (draw_session("1/atlas/past", number) for number in range(DAYS * SESSIONS_A_DAY))
    )

    assert {outcome: rig.head.series.total(m.SESSIONS, outcome=outcome) for outcome in drawn} == dict(drawn)
    assert rig.head.series.total(m.SESSIONS_STARTED) == drawn.total()


def test_the_same_seed_has_the_same_past(tmp_path):
    """
    To the last byte.
    """
    paths = [tmp_path / "one", tmp_path / "other"]
    for path in paths:
        assert write_past(path, "atlas", "1", 1, PACE, b.NOON) == SESSIONS_A_DAY

    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_past_has_trends_and_forecasts(reader):
    """
    Code quality improves, as the past is written, and something is expected of it.
    """
    (found,) = list_insights(reader, InsightsParams(trend="7d")).orchestrators
    by_kpi = {trend.kpi: trend.analysis for trend in found.trends}

    assert by_kpi["code_quality_score"].direction is Direction.IMPROVING
    assert by_kpi["session_success_ratio"].direction is Direction.STABLE
    assert "code_quality_score" in {each.kpi for each in found.future_predictions}


def test_a_forecast_compares_with_the_limit_in_force(rig):
    """
    That of the exporter's file of limits.
    """
    limits = overrides.parse({LOW_CODE_QUALITY.name: {"overrides": [{"orchestrator": "atlas", "limit": 71}]}})
    reader = HeadReader(rig.pipeline, ViewSettings(alert_limits=limits), lambda: b.NOON + rig.now)

    (found,) = list_insights(reader, InsightsParams(trend="7d")).orchestrators

    assert {each.limit for each in found.future_predictions if each.kpi == "code_quality_score"} == {71}


def test_the_past_has_advice_with_evidence(reader):
    """
    The pattern that its payment droid breaks is to be reviewed, and sessions show it.
    """
    advice = list_recommendations(reader, RecommendationsParams(window="7d", pattern="payment-processing"))
    review = next(each for each in advice.recommendations if each.rule == "review_failure_points")

    assert review.value < 0.85
    assert review.sessions
    detail = get_session(reader, SessionParams(review.sessions[0].session_id))
    assert detail.session.state == "failed"
    assert sum(each.duration_seconds for each in detail.critical_path) == pytest.approx(
        detail.session.duration_seconds
    )
