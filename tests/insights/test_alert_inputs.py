"""
What the alerts are judged by, on the road from a request to the head.
"""

from __future__ import annotations

import pytest

import builders as b
from droidscope.conventions.attributes import Severity
from droidscope.conventions.thresholds import HIGH_ERROR_RATE, SECURITY_ISSUES
from droidscope.facts.facts import AttemptsEnded
from droidscope.insights.alerts import alerts
from droidscope.limits import overrides
from droidscope.limits.alert_limits import AlertLimits
from droidscope.mapping.mapper import Mapper
from droidscope.series.label_limits import SeriesLimits
from droidscope.sessions.settings import HeadSettings
from droidscope.views.alert_inputs import read_alert_inputs
from rig import Rig

MINUTE = 60


@pytest.fixture
def rig(tmp_path):
    """
    An exporter with the resource label `environment`, and a limit of one minute for `quick`.
    """
    return Rig(
        tmp_path,
        mapper=Mapper(("deployment.environment.name",)),
        limits=SeriesLimits(hold_ns=0, resource_labels=("environment",)),
        settings=HeadSettings(pattern_limits_ns={"quick": MINUTE * b.SECOND}),
    )


def evidence(rig, limits=None):
    return read_alert_inputs(rig.head, rig.pipeline.uptime_ns(), b.NOON + rig.now, limits)


def in_environment(name, *spans):
    return b.traces(*spans, **{"deployment.environment.name": name})


def started(pattern, session):
    return b.event("orchestrator.started", kind="session", session=session, pattern__id=pattern)


def test_namesakes_of_two_environments_are_one(rig):
    """
    Their attempts add up, and the worst of their reports counts: as in the rules.
    """
    rig.send("traces", in_environment("prod", b.task(error="Broken", output__findings__high=1)))
    rig.send("traces", in_environment("test", b.task(error="Broken", output__findings__high=3)))
    rig.pass_seconds(MINUTE)

    (found,) = evidence(rig).values()
    failed = AttemptsEnded(droid="coder", task_type="code", outcome="failed")
    assert found.totals["1h"].amounts[failed] == 2
    assert found.findings["bug-fix", "coder", Severity.HIGH] == 3


def test_sessions_over_the_limit_of_their_pattern_are_counted_while_they_run(rig):
    """
    At the limit none is over it; a nanosecond later it is, and another pattern has its own limit.
    """
    rig.send("logs", b.logs(started("quick", "s1"), started("slow", "s2")))

    rig.pass_seconds(MINUTE)
    assert not any(each.over_limit for each in evidence(rig).values())
    rig.now += 1
    assert [dict(each.over_limit) for each in evidence(rig).values()] == [{"quick": 1}]


def test_only_findings_of_the_chosen_severities_alert(rig):
    """
    Two of three are looked away from; with all of them, each has its alert.
    """
    rig.send("traces", b.traces(b.task(output__findings__critical=1, output__findings__low=2)))

    worst = overrides.parse({SECURITY_ISSUES.name: {"finding_severities": ["critical", "high"]}})

    some, every = (
        alerts("atlas", evidence(rig, limits)["atlas"], b.NOON, limits) for limits in (worst, AlertLimits())
    )

    assert [each.finding_severity for each in some] == ["critical"]
    assert [each.finding_severity for each in every] == ["critical", "low"]


def test_a_window_that_no_kpi_has_is_summed_from_its_minutes(rig):
    """
    What ended before it is out, what ended within it is in, over all environments.
    """
    limits = overrides.parse({HIGH_ERROR_RATE.name: {"window": "15m"}})
    rig.send("traces", in_environment("prod", b.task(error="Broken")))
    rig.pass_seconds(14 * MINUTE)
    rig.send("traces", in_environment("test", b.task(id="t2", start=14 * MINUTE, error="Broken")))
    rig.pass_seconds(2)
    key = AttemptsEnded(droid="coder", task_type="code", outcome="failed")
    (before,) = evidence(rig, limits).values()
    rig.pass_seconds(2 * MINUTE)
    (after,) = evidence(rig, limits).values()

    assert (before.totals["15m"].amounts[key], after.totals["15m"].amounts[key]) == (2, 1)


def test_an_orchestrator_of_which_nothing_has_ended_is_known(rig):
    """
    Its first session runs: there is evidence, and it is empty.
    """
    rig.send("logs", b.logs(started("slow", "s2")))

    ((name, found),) = evidence(rig).items()
    assert name == "atlas"
    assert not any([*(totals.amounts for totals in found.totals.values()), found.over_limit, found.findings])
