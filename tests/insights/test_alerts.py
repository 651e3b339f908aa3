"""
The exporter's own alerts: above and below each limit, and always what the shipped rules say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Severity
from droidscope.conventions.metrics import ORCHESTRATOR
from droidscope.conventions.thresholds import ALERTS, LONG_DURATION
from droidscope.facts.amounts import score_sums
from droidscope.facts.fact_key import FactKey, Score
from droidscope.facts.fact_totals import Totals
from droidscope.facts.facts import (
    AttemptsEnded,
    Conflicts,
    QueriesEnded,
    ResponseTime,
    SessionsEnded,
    SessionsOverLimit,
    TimedResponses,
)
from droidscope.facts.windows import Windows
from droidscope.formatting import exact_duration
from droidscope.insights.alerts import LEVELS, AlertInputs, alert_level, alerts, facts_by_window
from droidscope.limits import overrides
from droidscope.limits.alert_limits import AlertLimits
from droidscope.limits.sentences import sentence
from droidscope.rules.alerts import Links, alert_groups
from droidscope.units import MINUTE_NS, NANO
from rendered import ROOT, alert_rules, run

NOW = 1_790_000_000 * NANO // MINUTE_NS * MINUTE_NS
WHO = ("atlas",)
DEFAULTS = AlertLimits()
BEFORE = 2
"""
Minutes in which the rules see every counter at 0.
"""
JUST_NOW = 10
"""
Minutes ago: long enough for the holds of the rules.
"""


class Event(NamedTuple):
    """
    *n* of a fact, some minutes ago, with the counters that the head counts along: name and labels,
    amount.
    """

    key: FactKey
    n: int
    counters: tuple[tuple[str, dict[str, str], float], ...]
    minutes_ago: int = JUST_NOW


class Case(NamedTuple):
    """
    What happened, what holds now, and the names of the alerts that must be active.
    """

    name: str
    events: tuple[Event, ...]
    expected: tuple[str, ...] = ()
    over_limit: Mapping[str, int] = MappingProxyType({})
    findings: Mapping[tuple[str, str, Severity], int] = MappingProxyType({})


def counted(fact, spec, *labels, n=1, minutes_ago=JUST_NOW):
    """
    A fact that has a counter with the same labels.
    """
    names = dict(zip(fact.__struct_fields__, labels, strict=True))
    shown = {name: names[name] for name in spec.labels if name in names}
    return Event(fact(**names), n, ((spec.name, shown, n),), minutes_ago)


def sessions(outcome, n, pattern="fix", **more):
    return counted(SessionsEnded, m.SESSIONS, pattern, outcome, n=n, **more)


def recovered(n, pattern="fix"):
    """
    Sessions that were declared lost and completed after all: facts have only the final state.
    """
    lost = (m.SESSIONS.name, {"pattern": pattern, "outcome": "lost"}, n)
    back = (m.SESSIONS_RECOVERED.name, {"pattern": pattern, "outcome": "completed"}, n)
    return Event(SessionsEnded(pattern=pattern, outcome="completed"), n, (lost, back))


def over_limit(n, pattern="fix", **more):
    return counted(SessionsOverLimit, m.SESSIONS_ENDED_OVER_LIMIT, pattern, n=n, **more)


def attempts(outcome, n, droid="coder", task_type="code", **more):
    return counted(AttemptsEnded, m.ATTEMPTS, droid, task_type, outcome, n=n, **more)


def quality(*scores, droid="coder", pattern="fix", **more):
    labels = {"pattern": pattern, "droid": droid, "task_type": "code"}
    for points in scores:
        facts = [
            Event(key, n, (), **more) for key, n in score_sums(Score.CODE_QUALITY, **labels, points=points)
        ]
        counters = (
            (f"{m.CODE_QUALITY.name}_sum", labels, points),
            (f"{m.CODE_QUALITY.name}_count", labels, 1),
        )
        yield from (facts[0]._replace(counters=counters), *facts[1:])


def answers(n, seconds, droid="critic", **more):
    """
    *n* answers that took *seconds* together, and the queries they are to.
    """
    labels = {"droid": droid}
    return (
        counted(QueriesEnded, m.QUERIES, droid, "answered", n=n, **more),
        Event(
            ResponseTime(droid=droid),
            seconds * NANO,
            ((f"{m.QUERY_RESPONSE.name}_sum", labels, seconds),),
            **more,
        ),
        Event(TimedResponses(droid=droid), n, ((f"{m.QUERY_RESPONSE.name}_count", labels, n),), **more),
    )


def unanswered(n, droid="critic", **more):
    return counted(QueriesEnded, m.QUERIES, droid, "unanswered", n=n, **more)


def conflicts(n, pattern="fix", **more):
    return counted(Conflicts, m.CONFLICTS, pattern, n=n, **more)


LOW, LONG, ERRORS, QUALITY, SECURITY, SLOW, CONFLICTS = (limit.name for limit in ALERTS)

CASES = [
    Case("nothing happened", ()),
    Case(
        "four of ten did not complete",
        (sessions("completed", 6), sessions("failed", 3), sessions("lost", 1)),
        (LOW,),
    ),
    Case("three of ten are at the limit", (sessions("completed", 7), sessions("failed", 3))),
    Case("31 of 100 are above it", (sessions("completed", 69), sessions("failed", 31)), (LOW,)),
    Case("a total outage", (sessions("lost", 5),), (LOW,)),
    Case("an outage of a pattern without a name", (sessions("failed", 5, pattern=""),), (LOW,)),
    Case("four sessions are too few", (sessions("failed", 4),)),
    Case("lost ones that recovered are aside", (sessions("completed", 6), sessions("lost", 2), recovered(2))),
    Case("no failure for three hours", (sessions("failed", 9, minutes_ago=200), sessions("completed", 1))),
    Case(
        "one within three hours",
        (sessions("failed", 9, minutes_ago=200), sessions("failed", 1, minutes_ago=170)),
        (LOW,),
    ),
    Case("all more than a day ago but one", (sessions("failed", 9, minutes_ago=1450), sessions("failed", 1))),
    Case(
        "patterns are judged apart",
        (sessions("failed", 5, pattern="bad"), sessions("completed", 50, pattern="good")),
        (LOW,),
    ),
    Case("one runs over its limit", (), (LONG,), over_limit={"fix": 1, "build": 0}),
    Case("none runs over its limit", (), over_limit={"fix": 0}),
    Case("one ended over its limit", (over_limit(2),), (LONG,)),
    Case("one did, but hours ago", (over_limit(2, minutes_ago=100),)),
    Case("running ones go before ended ones", (over_limit(2),), (LONG,), over_limit={"fix": 3}),
    Case("three of twelve attempts are at the limit", (attempts("succeeded", 9), attempts("failed", 3))),
    Case("four of thirteen are above it", (attempts("succeeded", 9), attempts("failed", 4)), (ERRORS,)),
    Case("nine attempts are too few", (attempts("failed", 9),)),
    Case(
        "ten over two types of task",
        (attempts("failed", 5), attempts("failed", 5, task_type="test")),
        (ERRORS,),
    ),
    Case("attempts of more than an hour ago", (attempts("failed", 20, minutes_ago=75),)),
    Case("a mean score of 60 is at the limit", tuple(quality(50, 60, 70))),
    Case("59.9 is below it", tuple(quality(49.7, 60, 70)), (QUALITY,)),
    Case("two scores are too few", tuple(quality(1, 1))),
    Case(
        "scores of one droid in two patterns", (*quality(10, 20), *quality(30.5, pattern="build")), (QUALITY,)
    ),
    Case("one open finding", (), (SECURITY,), findings={("fix", "coder", Severity.LOW): 1}),
    Case(
        "two kinds of findings, and a clean report",
        (),
        (SECURITY, SECURITY),
        findings={
            ("fix", "coder", Severity.CRITICAL): 2,
            ("", "", Severity.HIGH): 7,
            ("fix", "critic", Severity.HIGH): 0,
        },
    ),
    Case("answers of 300 seconds are at the limit", answers(3, 900)),
    Case("answers of 301 seconds are above it", answers(3, 903), (SLOW,)),
    Case("answers of hours", answers(4, 29_000), (SLOW,)),
    Case("two answers are too few", answers(2, 5000)),
    Case("an unanswered query", (unanswered(1),), (SLOW,)),
    Case("slow and unanswered", (*answers(3, 1236), unanswered(2)), (SLOW, SLOW)),
    Case("unanswered more than an hour ago", (unanswered(3, minutes_ago=75),)),
    Case("a conflict", (conflicts(1),), (CONFLICTS,)),
    Case("a conflict in another pattern", (conflicts(1, pattern="build"),), (CONFLICTS,)),
    Case("a conflict of more than an hour ago", (conflicts(1, minutes_ago=75),)),
    Case(
        "everything at once",
        (
            *quality(10, 20, 30),
            sessions("failed", 7),
            over_limit(1),
            attempts("failed", 11),
            *answers(3, 4000),
            conflicts(3),
        ),
        (ERRORS, SECURITY, LOW, LONG, QUALITY, CONFLICTS, SLOW),
        findings={("fix", "coder", Severity.MEDIUM): 4},
    ),
]


def evidence_of(case, limits=DEFAULTS):
    windows = Windows()
    for event in case.events:
        windows.add(WHO, NOW - event.minutes_ago * MINUTE_NS, event.key, event.n)
    totals = {window: Totals(dict(windows.sums(WHO, window, NOW))) for window in facts_by_window(limits)}
    return AlertInputs(totals, case.over_limit, case.findings)


def judged(case, limits=DEFAULTS):
    return alerts(*WHO, evidence_of(case, limits), NOW, limits)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case):
    """
    Just beyond each limit and guard the alert is active, just within it is not; the worst come first.
    """
    assert tuple(alert.name for alert in judged(case)) == case.expected


def series_of(case):
    """
    The series the exporter would show of the events: each counter at 0, then a step at each event.
    """
    steps, now = defaultdict(Counter), minutes_of(case)
    for event in case.events:
        for name, labels, amount in event.counters:
            steps[name, frozenset(labels.items())][now - event.minutes_ago] += amount
    for (name, labels), by_minute in steps.items():
        yield selector(name, dict(labels)), " ".join(stepped(by_minute, now))
    for pattern, n in case.over_limit.items():
        yield selector(m.SESSIONS_OVER_LIMIT.name, {"pattern": pattern}), f"{n}x{now}"
    for (pattern, droid, severity), n in case.findings.items():
        labels = {"pattern": pattern, "droid": droid, "finding_severity": severity}
        yield selector(m.FINDINGS_OPEN.name, labels), f"{n}x{now}"


def selector(name, labels):
    pairs = ", ".join(f'{label}="{value}"' for label, value in {ORCHESTRATOR: WHO[0], **labels}.items())
    return f"{name}{{{pairs}}}"


def minutes_of(case):
    """
    Minutes of the series the rules see; the last is now.
    """
    return BEFORE + max((event.minutes_ago for event in case.events), default=JUST_NOW)


def stepped(by_minute, now):
    value, last = 0, 0
    for minute in sorted({*by_minute, now + 1}):
        yield f"{value}x{minute - last - 1}"
        value, last = value + by_minute[minute], minute


def rule_test(case, limits):
    """
    A promtool test that expects of the rules what the exporter says, sentence for sentence.
    """
    expected = defaultdict(list)
    for alert in judged(case, limits):
        expected[alert.name].append(expectation(alert, limits))
    return {
        "name": case.name,
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series_of(case)],
        "alert_rule_test": [
            {"eval_time": f"{minutes_of(case)}m", "alertname": limit.name, "exp_alerts": expected[limit.name]}
            for limit in ALERTS
        ],
    }


def expectation(alert, limits):
    rule = rule_of(alert, limits)
    subject = {
        name: getattr(alert, name) for name in ("orchestrator", "pattern", "droid", "finding_severity")
    }
    labels = {**subject, "severity": alert.severity, "category": alert.type, **rule["labels"]}
    annotations = {**rule["annotations"], "description": alert.message, "action": alert.action}
    for name, value in subject.items():
        link = f"{{{{ $labels.{name} | urlquery }}}}"
        annotations["dashboard_url"] = annotations["dashboard_url"].replace(link, value or "")
    return {
        "exp_labels": {name: str(value) for name, value in labels.items() if value},
        "exp_annotations": annotations,
    }


def rule_of(alert, limits):
    """
    The rule of an alert: that of its variant, and where two have its name, of its cause.
    """
    (threshold,) = (threshold for threshold in ALERTS if threshold.name == alert.name)
    (override,) = (
        variant.label
        for variant in limits.variants(threshold)
        if variant.covers(alert.orchestrator, alert.pattern or "")
    )
    cause = "unanswered" if alert.unit == "queries" else "slow"
    (rule,) = (
        rule
        for group in alert_groups(Links(), limits)["groups"]
        for rule in group["rules"]
        if rule["alert"] == alert.name
        and rule["labels"].get("override", "") == override
        and rule["labels"].get("cause", cause) == cause
    )
    return rule


CHANGES = {
    "as shipped": {},
    "other limits": {
        LOW: {"limit": 0.5},
        ERRORS: {"limit": 0.5},
        QUALITY: {"limit": 10},
        SECURITY: {"limit": 3},
        SLOW: {"limit": 1000},
        CONFLICTS: {"limit": 2.7},
    },
    "other minimums": {
        LOW: {"minimum": 4},
        ERRORS: {"minimum": 9},
        QUALITY: {"minimum": 4},
        SLOW: {"minimum": 2},
    },
    "other windows": {
        LOW: {"window": "2h"},
        LONG: {"window": "2h"},
        ERRORS: {"window": "90m"},
        QUALITY: {"window": "15m"},
        SLOW: {"window": "80m"},
        CONFLICTS: {"window": "2h"},
    },
    "other severities": {
        LOW: {"severity": "low"},
        SECURITY: {"severity": "high", "finding_severities": ["critical", "medium"]},
        CONFLICTS: {"overrides": [{"pattern": "fix", "severity": "critical"}]},
    },
    "limits of one orchestrator": {
        LOW: {"limit": 0.1, "overrides": [{"orchestrator": "atlas", "limit": 0.6, "minimum": 9}]},
        ERRORS: {"overrides": [{"orchestrator": "atlas", "limit": 0.1}]},
        QUALITY: {"limit": 99, "overrides": [{"orchestrator": "atlas", "limit": 10}]},
        SLOW: {"overrides": [{"orchestrator": "atlas", "window": "2h", "limit": 200}]},
    },
    "limits of one pattern": {
        LOW: {"overrides": [{"pattern": "bad", "limit": 0.0}, {"pattern": "", "minimum": 6}]},
        LONG: {"overrides": [{"pattern": "fix", "window": "2h"}]},
        SECURITY: {"overrides": [{"pattern": "fix", "finding_severities": ["critical"]}]},
        CONFLICTS: {"overrides": [{"orchestrator": "atlas", "pattern": "fix", "limit": 2}]},
    },
    "some off": {
        LOW: {"enabled": False},
        ERRORS: {"overrides": [{"orchestrator": "atlas", "enabled": False}]},
        LONG: {"overrides": [{"pattern": "fix", "enabled": False}]},
        CONFLICTS: {"enabled": False, "overrides": [{"pattern": "fix", "enabled": True}]},
    },
}


@pytest.mark.server("promtool")
@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_the_rules_agree(changes, tmp_path):
    """
    On the series that follow from the same facts, Prometheus fires what the exporter says, and nothing
    else: the same subjects, severities, actions and sentences, whatever a file of limits changes.
    """
    limits = overrides.parse(changes)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(alert_groups(Links(), limits)))
    cases = [rule_test(case, limits) for case in CASES]
    document = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": cases}
    tests = tmp_path / "agreement.yml"
    tests.write_text(yaml.safe_dump(document))

    done = run("promtool", "test", "rules", tests)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("changes", list(CHANGES.values())[1:], ids=list(CHANGES)[1:])
def test_each_change_changes_a_verdict(changes):
    """
    Otherwise the agreement under it would prove nothing.
    """
    limits = overrides.parse(changes)
    differing = {
        threshold.name
        for threshold in ALERTS
        for case in CASES
        if [alert for alert in judged(case) if alert.name == threshold.name]
        != [alert for alert in judged(case, limits) if alert.name == threshold.name]
    }

    assert differing == set(changes)


def test_an_alert_says_what_it_rests_on():
    """
    Value and limit in one unit, samples of a ratio, and who is meant.
    """
    (alert,) = judged(Case("", (attempts("succeeded", 6), attempts("failed", 6))))

    assert (alert.value, alert.limit, alert.unit, alert.samples) == (0.5, 0.25, "ratio", 12)
    assert (alert.type, alert.severity, alert.action) == (
        "performance",
        "critical",
        "immediate_investigation",
    )
    assert (alert.orchestrator, alert.droid, alert.pattern) == ("atlas", "coder", None)
    assert alert.timestamp_seconds == NOW / NANO
    assert (
        alert.message
        == "50% of the attempts of droid coder of atlas failed in the last 1h; the limit is 25%."
    )


def test_the_limit_of_a_session_is_named_by_its_settings():
    """
    Rules and boards cannot see `session_limit`, and the exporter's sentence is the same: none has a number
    that another setting would make wrong.
    """
    (alert,) = judged(Case("", (over_limit(1),), over_limit={"fix": 1}))
    (rule,) = (rule for rule in alert_rules() if rule["alert"] == LONG)
    default = exact_duration(LONG_DURATION.limit)
    condition = sentence(LONG_DURATION.when, LONG_DURATION, value="", subject="")

    for text in (alert.message, rule["annotations"]["description"], condition):
        assert "session_limit" in text
        assert "pattern_limits" in text
        assert default not in text
    assert "`session_limit`" in (ROOT / f"docs/runbooks/{LONG}.md").read_text()


@pytest.mark.parametrize(
    ("active", "level"),
    [
        (["nothing happened"], "none"),
        (["an unanswered query"], "low"),
        (["a conflict"], "medium"),
        (["a total outage", "a conflict"], "high"),
        (["a conflict", "one open finding", "a total outage"], "critical"),
    ],
)
def test_the_level_is_the_highest_severity(active, level):
    """
    One critical alert makes all of it critical; without any there is none.
    """
    cases = [case for case in CASES if case.name in active]

    assert alert_level(alert for case in cases for alert in judged(case)) == level


def test_levels_grow_with_severity():
    """
    Nothing is 0, and each severity has its place above the milder ones.
    """
    assert list(LEVELS) == ["none", *reversed(Severity)]


names = st.sampled_from(["", "fix", "{braces}", "%s"])


@given(
    st.lists(
        st.builds(sessions, st.sampled_from(["completed", "failed", "lost"]), st.integers(1, 9), names)
        | st.builds(attempts, st.sampled_from(["succeeded", "failed"]), st.integers(1, 9), names)
    )
)
def test_no_verdict_rests_on_too_few_or_on_a_value_within_its_limit(events):
    """
    Whatever happened, what is active is beyond its limit, with samples enough, and a sentence naming who.
    """
    minimum = {limit.name: limit.minimum for limit in ALERTS}

    for alert in judged(Case("", tuple(events))):
        assert alert.value > alert.limit
        assert alert.samples >= minimum[alert.name]
        assert f"{alert.pattern or alert.droid or '(none)'} of atlas" in alert.message


def test_only_the_facts_they_name_matter():
    """
    Totals cut down to these facts give the same verdict.
    """
    evidence = evidence_of(CASES[-1])
    cut = {
        window: Totals(
            {key: n for key, n in totals.amounts.items() if type(key) in facts_by_window(DEFAULTS)[window]}
        )
        for window, totals in evidence.totals.items()
    }

    assert alerts(*WHO, evidence._replace(totals=cut), NOW) == judged(CASES[-1])
