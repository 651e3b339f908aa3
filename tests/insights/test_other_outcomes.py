"""
Outcomes that ratios are not over change nothing: cancelled, unknown, waiting, and a word nobody knows yet.
"""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.outcomes import (
    MESSAGE_ENDS,
    QUERY_ENDS,
    SESSION_ENDS,
    SYNTHESIS_ENDS,
    TIMED_PHASE_ENDS,
    TRIES,
    WORK_ENDS,
)
from droidscope.facts import facts as f
from droidscope.facts import sketched_facts as s
from droidscope.facts.fact_totals import Totals
from droidscope.facts.packing import packed_amounts
from droidscope.insights.alerts import AlertInputs, alerts, facts_by_window
from droidscope.insights.assignments import assignments
from droidscope.insights.bottlenecks import bottlenecks
from droidscope.insights.overview import insights
from droidscope.insights.recommendations import recommendations
from droidscope.kpi.catalog import DROID_KPIS, ORCHESTRATOR_KPIS, PATTERN_KPIS
from droidscope.kpi.timeline import points
from droidscope.kpi.totals import by_subject
from droidscope.limits.alert_limits import AlertLimits
from insights import windows as k

WORDS = (*Outcome, "xyzzy")
JUDGED = {
    f.TasksEnded: WORK_ENDS,
    f.AttemptsEnded: TRIES,
    f.SessionsEnded: SESSION_ENDS,
    f.PhasesEnded: TIMED_PHASE_ENDS,
    f.Syntheses: SYNTHESIS_ENDS,
    f.MessagesSent: MESSAGE_ENDS,
    f.QueriesEnded: QUERY_ENDS,
    f.QueryWaitTime: QUERY_ENDS,
    s.SessionDurations: WORK_ENDS,
    s.PhaseDurations: WORK_ENDS,
    s.TaskDurations: WORK_ENDS,
}
"""
Every fact that has an outcome, and the outcomes of which something is computed.
"""
NAMES = {
    "pattern": k.names,
    "phase": k.phases,
    "droid": k.droids,
    "sender": k.droids,
    "task_type": k.task_types,
    "message_type": st.sampled_from(["query", "coordination"]),
    "path": st.sampled_from(["on", "off"]),
    "bucket": st.integers(0, 127).map(str),
}


def others(fact):
    """
    Amounts of one fact, with any outcome that is not judged.
    """
    labels = {name: NAMES[name] for name in fact.__struct_fields__ if name != "outcome"}
    outcomes = st.sampled_from([word for word in WORDS if word not in JUDGED[fact]])
    return st.tuples(st.builds(fact, outcome=outcomes, **labels), st.integers(1, 1000))


of_minutes = st.lists(st.one_of(*(others(fact) for fact in JUDGED if fact.__module__ == f.__name__)))
of_hours = st.lists(st.one_of(*(others(fact) for fact in JUDGED)))


def more(totals, extra):
    """
    Totals with further amounts.
    """
    sums = Counter(totals.amounts)
    for key, amount in extra:
        sums[key] += amount
    return Totals(sums)


def kpis(totals):
    """
    The value and the samples of every KPI, those of subjects that have none left out.
    """
    subjects = by_subject(totals)
    of_all = [((), ORCHESTRATOR_KPIS, subjects.orchestrator)]
    of_all += [((droid,), DROID_KPIS, each) for droid, each in subjects.droids.items()]
    of_all += [((pattern,), PATTERN_KPIS, each) for pattern, each in subjects.patterns.items()]
    return {
        (kpi.spec.name, *subject): (value, kpi.samples(each) if kpi.samples else None)
        for subject, listed, each in of_all
        for kpi in listed
        if (value := kpi.value(each)) is not None
    }


def active(minutes):
    """
    The alerts, every window being the same one.
    """
    limits = AlertLimits()
    return alerts(
        "atlas", AlertInputs(dict.fromkeys(facts_by_window(limits), minutes), {}, {}), k.NOW, limits
    )


def findings(window):
    """
    Everything that is concluded from a window.
    """
    found = bottlenecks(window)
    advice = recommendations(window, found)
    return {
        "kpis": kpis(window.minutes),
        "alerts": active(window.minutes),
        "bottlenecks": found,
        "recommendations": advice,
        "rankings": insights(window, advice, ()),
        "assignments": assignments(window.minutes, window.hours),
        "history": points((packed_amounts(window.hours.amounts),)),
    }


@given(k.histories, of_minutes, of_hours)
@settings(deadline=None)
def test_other_outcomes_change_no_conclusion(happened, minutes, hours):
    """
    No KPI, alert, bottleneck, recommendation, ranking, assignment or point of a trend.
    """
    window = k.window_of(*happened)

    known = [fact for fact in hours if fact[0].outcome != "xyzzy"]  # a checkpoint has known words alone
    changed = dataclasses.replace(
        window, minutes=more(window.minutes, minutes), hours=more(window.hours, known)
    )

    assert findings(changed) == findings(window)


def test_every_fact_with_an_outcome_is_drawn():
    """
    A new fact with an outcome is one of these, or its name says nothing here.
    """
    declared = [
        fact
        for module in (f, s)
        for fact in vars(module).values()
        if isinstance(fact, type) and "outcome" in getattr(fact, "__struct_fields__", ())
    ]

    assert set(declared) == set(JUDGED)


@pytest.mark.parametrize("kind", ["sessions", "tasks", "queries", "messages"])
def test_cancelled_ones_are_counted(kind):
    """
    They are in the totals, beside what ratios are over.
    """
    totals = by_subject(
        Totals(
            {
                f.SessionsEnded(pattern="fix", outcome=Outcome.CANCELLED): 2,
                f.SessionsEnded(pattern="fix", outcome=Outcome.UNKNOWN): 3,
                f.TasksEnded(pattern="fix", droid="coder", task_type="x", outcome=Outcome.CANCELLED): 4,
                f.QueriesEnded(droid="coder", outcome=Outcome.CANCELLED): 5,
                f.MessagesSent(sender="coder", message_type="query", outcome=Outcome.CANCELLED): 5,
            }
        )
    )
    sessions, droid = totals.patterns["fix"].sessions, totals.droids["coder"]

    counts = {
        "sessions": (sessions.sessions_cancelled, sessions.sessions_unknown, sessions.sessions_ended),
        "tasks": (droid.work.tasks_cancelled, droid.work.tasks_ended),
        "queries": (droid.queries.queries_cancelled, droid.queries.queries),
        "messages": (droid.mail.sent, totals.orchestrator.traffic.messages),
    }
    assert (
        counts[kind] == {"sessions": (2, 3, 0), "tasks": (4, 0), "queries": (5, 0), "messages": (0, 0)}[kind]
    )
