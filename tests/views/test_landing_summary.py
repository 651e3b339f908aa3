"""
The numbers of the landing page: from a request to the summary.
"""

from __future__ import annotations

import builders as b
from droidscope.views.head_reader import HeadReader
from droidscope.views.landing_summary import INSIGHTS_LIMIT, build_summary
from droidscope.views.view_settings import ViewSettings
from rig import Rig


def summary(rig, **limits):
    """
    The summary of an exporter with these limits of droids.
    """
    return build_summary(
        HeadReader(rig.pipeline, ViewSettings(droid_limits=limits), lambda: b.NOON + rig.now)
    )


def failed_sessions(pattern, count):
    return [b.session(f"{pattern}-{n}", pattern=pattern, error="Broken") for n in range(count)]


def test_it_has_the_alerts_of_all_orchestrators_the_most_severe_first(tmp_path):
    """
    A level, all that are active, and how many.
    """
    rig = Rig(tmp_path)
    rig.send("traces", b.traces(*failed_sessions("p", 5), service="atlas"))
    tries = [b.task(id=f"t{n}", error="Broken") for n in range(10)]
    rig.send("traces", b.traces(*tries, service="borealis"))
    rig.pass_seconds(60)

    numbers = summary(rig)

    assert numbers.alert_level == "critical"
    assert [(each.orchestrator, each.severity) for each in numbers.alerts] == [
        ("borealis", "critical"),
        ("atlas", "high"),
    ]
    assert numbers.alerts_total == 2


def test_it_has_the_insights_of_the_day_with_the_highest_impact(tmp_path):
    """
    Five, whatever they are about, by impact; and the sessions that show them.
    """
    rig = Rig(tmp_path)
    for n in range(INSIGHTS_LIMIT + 1):
        rig.send("traces", b.traces(*failed_sessions(f"p{n}", 5 + n)))
    rig.pass_seconds(60)

    recommendations = summary(rig).recommendations

    assert [each.pattern for each in recommendations] == ["p5", "p4", "p3", "p2", "p1"]
    assert {each.window for each in recommendations} == {"24h"}
    assert len(recommendations[0].sessions) == 5


def test_it_has_every_droid_with_its_status(tmp_path):
    """
    One with a score, one that has only begun, and at its limit.
    """
    rig = Rig(tmp_path)
    rig.send("traces", b.traces(b.task(output__code_quality_score=90)))
    begun = b.event(
        "orchestrator.started", kind="attempt", task__id="t2", task__attempt=1, gen_ai__agent__name="tester"
    )
    rig.send("logs", b.logs(begun))
    rig.pass_seconds(60)

    numbers = summary(rig, tester=1)
    coder, tester = numbers.droids

    assert (coder.droid, coder.status, coder.attempts_active, coder.attempts_limit) == (
        "coder",
        "healthy",
        0,
        None,
    )
    assert coder.efficiency > 90
    assert (tester.droid, tester.status, tester.efficiency) == ("tester", "overloaded", None)
    assert (tester.attempts_active, tester.attempts_limit) == (1, 1)
    assert numbers.droid_statuses == {"healthy": 1, "overloaded": 1}


def test_an_exporter_without_records_has_no_alerts_and_insights(tmp_path):
    """
    No alert, no finding, no droid.
    """
    numbers = summary(Rig(tmp_path))

    assert (numbers.alert_level, numbers.alerts, numbers.alerts_total) == ("none", (), 0)
    assert numbers.bottlenecks == numbers.recommendations == numbers.droids == ()
