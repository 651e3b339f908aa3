"""
Insights as series and in the API: from requests to gauges and answers.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

import builders as b
from droidscope.api.droid_handlers import DroidsParams, list_droids
from droidscope.api.insight_handlers import (
    BottlenecksParams,
    RecommendationsParams,
    list_bottlenecks,
    list_recommendations,
)
from droidscope.api.pattern_handlers import PatternsParams, list_patterns
from droidscope.api.session_handlers import SessionParams, SessionsParams, get_session, list_sessions
from droidscope.conventions import metrics as m
from droidscope.model.examples import ExampleKind
from droidscope.series.label_limits import SeriesLimits
from droidscope.views import insight_cache
from droidscope.views.head_reader import HeadReader
from droidscope.views.insight_cache import InsightCache
from droidscope.views.metrics_page import MetricsPageParts
from droidscope.views.view_settings import ViewSettings
from rig import Rig

MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR
LIMITS = {"coder": 2}


@pytest.fixture
def rig(tmp_path):
    """
    An exporter that has been up for ten days.
    """
    rig = Rig(tmp_path)
    rig.now = 10 * DAY * b.SECOND
    return rig


def reader_of(rig, budgets=None, limits=None):
    settings = ViewSettings(budgets_usd=budgets or {}, droid_limits=limits or {})
    return HeadReader(rig.pipeline, settings, lambda: b.NOON + rig.now)


def page_of(rig, budgets=None, limits=None):
    return MetricsPageParts(reader_of(rig, budgets, limits), None, None)


def values(gauges, spec):
    return {labels: value for known, labels, value in gauges if known == spec}


def ago(rig, seconds):
    return rig.now / b.SECOND - seconds


def session(rig, id, *, before, minutes=10, failed=False, phase_minutes=5.0, **of):
    """
    The spans of a session that ended *before* so many seconds: a phase with a task, and their cost.
    """
    start = ago(rig, before) - minutes * MINUTE
    error = "Broken" if failed else ""
    where = {"session": id, "pattern__id": "bug-fix"}
    return [
        b.span("phase", start=start, seconds=phase_minutes * MINUTE, phase__id="fix", error=error, **where),
        b.task(
            of.get("droid", "coder"),
            id="t1",
            session=id,
            start=start,
            seconds=phase_minutes * MINUTE,
            error=error,
            phase__id="fix",
            gen_ai__request__model="m1",
            gen_ai__usage__input_tokens=10,
            cost__usd=of.get("cost", 1.0),
        ),
        b.session(id, start=start, seconds=minutes * MINUTE, error=error),
    ]


def busy(rig):
    """
    A week of sessions, of which the last ones are slow and fail; all of it analysed.
    """
    spans = []
    for day in range(1, 10):
        for number in range(3):
            spans += session(rig, f"d{day}n{number}", before=day * DAY + number * HOUR)
    for number in range(12):
        spans += session(rig, f"now{number}", before=5 * MINUTE, failed=number % 2 == 0, phase_minutes=9)
    rig.send("traces", b.traces(*spans))
    rig.pass_seconds(3)


# --- series and answers agree -------------------------------------------------------------------------


def test_the_gauges_agree_with_the_api(rig):
    """
    Each bottleneck, each piece of advice and each assignment, in every window.
    """
    busy(rig)
    reader = reader_of(rig)
    gauges = list(reader.insights.gauges())

    slow, advised = values(gauges, m.BOTTLENECK_IMPACT), values(gauges, m.RECOMMENDATION_IMPACT)
    assert slow
    assert advised
    for window in ("1h", "24h", "7d"):
        results = list_bottlenecks(reader, BottlenecksParams(window=window)).bottlenecks
        assert {labels: value for labels, value in slow.items() if labels[-1] == window} == {
            (each.orchestrator, each.kind, each.subject, window): each.impact_score for each in results
        }
        results = list_recommendations(reader, RecommendationsParams(window=window)).recommendations
        assert {labels: value for labels, value in advised.items() if labels[-1] == window} == {
            (each.orchestrator, each.kind, each.subject, each.rule, window): each.impact_score
            for each in results
        }
    (pattern,) = list_patterns(reader, PatternsParams(window="7d")).patterns
    judged = values(gauges, m.ASSIGNMENT_EFFECTIVENESS)
    assert judged == {
        ("atlas", "bug-fix", each.droid, "7d"): each.effectiveness.lower_bound for each in pattern.droids
    }


def test_an_insight_has_example_sessions_that_the_api_knows(rig):
    """
    Each of them is known to the API, with its phases and a critical path that sums to its duration.
    """
    busy(rig)
    reader = reader_of(rig)

    (slow,) = list_bottlenecks(reader, BottlenecksParams(window="1h", kind="phase_duration")).bottlenecks
    assert slow.value == pytest.approx(9 * MINUTE, rel=0.02)
    assert slow.baseline == pytest.approx(5 * MINUTE, rel=0.02)
    assert (slow.n, slow.flagged, len(slow.sessions)) == (12, 12, 5)
    for each in slow.sessions:
        detail = get_session(reader, SessionParams(each.session_id))
        assert each.trace_id == detail.session.trace_id == "01" * 16
        path = sum(stretch.duration_seconds for stretch in detail.critical_path)
        assert path == pytest.approx(detail.session.duration_seconds)


def test_a_late_record_changes_insights_as_if_it_had_come_in_time(tmp_path):
    """
    The phases of all sessions arrive ten minutes after the sessions have ended.
    """

    def insights(late):
        rig = Rig(tmp_path / str(late))
        rig.now = 10 * DAY * b.SECOND
        spans = [
            span
            for number in range(12)
            for span in session(rig, f"now{number}", before=HOUR, failed=number % 2 == 0, phase_minutes=9)
        ]
        past = [span for n in range(9) for span in session(rig, f"past{n}", before=3 * DAY)]
        first = [span for span in spans if not (late and span.name == "phase")]
        rig.send("traces", b.traces(*past, *first))
        rig.pass_seconds(600)
        if late:
            rig.send("traces", b.traces(*(span for span in spans if span not in first)))
        rig.pass_seconds(5)
        cache = InsightCache(rig.pipeline, lambda: b.NOON + 10 * DAY * b.SECOND + 700 * b.SECOND)
        return {key: (each.bottlenecks, each.recommendations) for key, each in cache.by_window().items()}

    in_time = insights(late=False)

    assert all(in_time[("atlas",), "24h"])
    assert insights(late=True) == in_time


# --- age ----------------------------------------------------------------------------------------------


def test_insights_are_at_most_ten_seconds_old(rig):
    """
    Within ten seconds the same ones are returned; then they are computed again.
    """
    cache = InsightCache(rig.pipeline, lambda: b.NOON + rig.now)
    before = cache.by_window()
    busy(rig)
    rig.now -= 3 * b.SECOND
    for passed, is_known in [(9.9, False), (0.1, True)]:
        rig.now += round(passed * b.SECOND)
        assert (cache.by_window() is not before) is is_known


def test_insights_that_take_long_are_kept_ten_times_as_long(rig):
    """
    After two seconds of computing, the result is kept for twenty.
    """
    ticks = iter([0, 2 * b.SECOND, 0, 0])
    cache = InsightCache(rig.pipeline, lambda: b.NOON + rig.now, lambda: next(ticks))
    before = cache.by_window()
    rig.now += 20 * b.SECOND - 1
    kept = cache.by_window()
    rig.now += 1

    assert kept is before
    assert cache.by_window() is not before


def test_after_a_clock_step_back_insights_are_computed_again(rig):
    """
    A result from the future is not kept until then.
    """
    cache = InsightCache(rig.pipeline, lambda: b.NOON + rig.now)
    before = cache.by_window()
    rig.now -= b.SECOND

    assert cache.by_window() is not before


# --- what a success usually costs ---------------------------------------------------------------------


def efficiencies(page):
    gauges = values(page.kpis(), m.PATTERN_COST_EFFICIENCY_RATIO)
    return {labels[-2:]: value for labels, value in gauges.items()}


def test_without_a_budget_a_success_compares_with_what_it_usually_costs(rig):
    """
    The days before cost one, two and nine dollars a success, today four: half of the median. A budget wins.
    """
    spans = []
    for day, cost in ((1, 1.0), (2, 2.0), (3, 9.0)):
        spans += session(rig, f"d{day}", before=day * DAY, cost=cost)
    rig.send("traces", b.traces(*spans, *session(rig, "today", before=60, cost=4.0)))
    rig.pass_seconds(3)

    assert efficiencies(page_of(rig))["bug-fix", "1h"] == pytest.approx(2 / 4)
    assert efficiencies(page_of(rig, {"bug-fix": 3.0}))["bug-fix", "1h"] == pytest.approx(3 / 4)


def test_on_the_first_day_nothing_is_usual(rig):
    """
    Days that are over make it: absent is not zero.
    """
    rig.now = rig.now // (DAY * b.SECOND) * DAY * b.SECOND
    midnight = (b.NOON + rig.now) % (DAY * b.SECOND)
    rig.now += DAY * b.SECOND - midnight + 2 * HOUR * b.SECOND
    rig.send("traces", b.traces(*session(rig, "today", before=60, cost=4.0)))
    rig.pass_seconds(3)

    assert efficiencies(page_of(rig)) == {}


# --- droids -------------------------------------------------------------------------------------------


def statuses(rig, limits=None):
    gauges = values(page_of(rig, limits=limits).droids(), m.DROID_STATUS)
    assert all(total == 1 for total in Counter(labels[1] for labels, v in gauges.items() if v).values())
    return {labels[1]: labels[2] for labels, value in gauges.items() if value}


def started(rig, number, droid="coder"):
    event = b.event(
        "orchestrator.started",
        kind="task",
        at=rig.now / b.SECOND,
        pattern__id="p",
        task__id=f"t{number}",
        gen_ai__agent__name=droid,
        task__type="code",
    )
    rig.send("logs", b.logs(event))


def test_a_droid_with_as_many_attempts_as_it_may_have_is_overloaded(rig):
    """
    One of two is fine, two are too many; without a limit never. The limit is a series of its own.
    """
    seen = []
    for number in range(2):
        started(rig, number)
        seen.append((statuses(rig, LIMITS)["coder"], statuses(rig)["coder"]))
    gauges = list(page_of(rig, limits=LIMITS).droids())

    assert seen == [("healthy", "healthy"), ("overloaded", "healthy")]
    assert values(gauges, m.DROID_CONCURRENCY_LIMIT) == {("atlas", "coder"): 2}
    assert values(page_of(rig).droids(), m.DROID_CONCURRENCY_LIMIT) == {}


def test_a_droid_is_degraded_while_it_fails_and_offline_after_a_day(rig):
    """
    Its errors of the last 24 hours count, then it has done nothing; the API agrees.
    """
    rig.send("traces", b.traces(b.task("coder", start=ago(rig, 60), error="Broken")))
    rig.pass_seconds(1)
    seen = [statuses(rig)["coder"]]
    rig.pass_seconds(DAY)
    seen.append(statuses(rig)["coder"])

    assert seen == ["degraded", "offline"]
    (droid,) = list_droids(reader_of(rig), DroidsParams()).droids
    assert droid.status == "offline"


# --- bounds -------------------------------------------------------------------------------------------


def test_an_orchestrator_has_at_most_a_hundred_series_of_insights_in_a_window(rig):
    """
    Of 150 phases that wait too long the hundred with the highest impact; the API has them all.
    """
    spans = []
    for number in range(150):
        of = {"session": f"s{number}", "pattern__id": "p", "phase__id": f"phase{number:03}"}
        start = ago(rig, HOUR)
        spans += [
            b.span("phase", start=start, seconds=100, **of),
            b.span(
                "message",
                start=start,
                seconds=30 + number / 10,
                message__type="query",
                message__receiver="x",
                **of,
            ),
            b.session(f"s{number}", pattern="p", start=start, seconds=100),
        ]
    rig.send("traces", b.traces(*spans))
    rig.pass_seconds(5)
    reader = reader_of(rig)

    gauges = list(reader.insights.gauges())
    for spec in (m.BOTTLENECK_IMPACT, m.RECOMMENDATION_IMPACT):
        shown = defaultdict(list)
        for labels, value in values(gauges, spec).items():
            shown[labels[-1]].append((value, labels[2]))
        assert {window: len(of) for window, of in shown.items()} == {"1h": 100, "24h": 100, "7d": 100}
        assert min(subject for _, subject in shown["7d"]) == "p/phase050"
    answer = list_bottlenecks(reader, BottlenecksParams(window="7d", limit=200))
    assert answer.total == len(answer.bottlenecks) == 150


def test_of_many_assignments_those_of_the_most_tasks_have_series(rig, monkeypatch):
    """
    Of four droids the two that did most; one with two tasks is not judged at all.
    """
    monkeypatch.setattr(insight_cache, "ASSIGNMENT_SERIES_LIMIT", 2)
    for droid, n in (("a", 3), ("b", 5), ("c", 4), ("d", 2)):
        tasks = [b.task(droid, id=f"{droid}{k}", start=ago(rig, HOUR)) for k in range(n)]
        rig.send("traces", b.traces(*tasks))

    gauges = values(reader_of(rig).insights.gauges(), m.samples_of(m.ASSIGNMENT_EXPECTED))
    assert gauges == {("atlas", "bug-fix", "b", "7d"): 5, ("atlas", "bug-fix", "c", "7d"): 4}


def test_label_sets_of_insights_are_distinct(tmp_path):
    """
    Patterns past the limit are one, `other`: so are their findings.
    """
    rig = Rig(tmp_path, limits=SeriesLimits(values=2, hold_ns=0))
    rig.now = 10 * DAY * b.SECOND
    for number in range(6):
        of = {"session": f"s{number}", "pattern__id": f"p{number}", "phase__id": "fix"}
        rig.send(
            "traces",
            b.traces(
                b.span("phase", start=ago(rig, 200), seconds=100, **of),
                b.span(
                    "message",
                    start=ago(rig, 200),
                    seconds=30,
                    message__type="query",
                    message__receiver="x",
                    **of,
                ),
                b.session(f"s{number}", pattern=f"p{number}", start=ago(rig, 200), seconds=100),
            ),
        )
    rig.pass_seconds(3)
    gauges = [(spec, labels) for spec, labels, _ in reader_of(rig).insights.gauges()]

    assert len(gauges) == len(set(gauges))
    subjects = {labels[2] for spec, labels in gauges if spec is m.BOTTLENECK_IMPACT}
    assert subjects == {"p0/fix", "p1/fix", "other/fix"}
    keys = {key[1][1] for key, _ in rig.head.examples.dump() if key[1][0] == ExampleKind.WAIT}
    assert keys == {"p0", "p1", "other"}


def test_a_late_record_does_not_change_the_answer_about_its_session(rig):
    """
    An hour later a task of it arrives: its session still begins and ends when it did.
    """
    rig.send("traces", b.traces(*session(rig, "s1", before=60)))
    rig.pass_seconds(2)
    reader = reader_of(rig)
    before = get_session(reader, SessionParams("s1"))
    rig.pass_seconds(HOUR)
    rig.send("traces", b.traces(b.task(id="t9", start=ago(rig, 10))))
    after = get_session(reader, SessionParams("s1"))

    assert after.session.start_seconds == before.session.start_seconds
    assert after.session.duration_seconds == before.session.duration_seconds
    assert after.critical_path == before.critical_path
    (listed,) = list_sessions(reader, SessionsParams()).sessions
    assert listed.start_seconds == before.session.start_seconds


def test_trends_are_computed_by_the_hour(rig):
    """
    Over twenty hours the code of one droid gets better: its direction and its slope are series.
    """
    tasks = [
        b.task(id=f"t{n}", start=ago(rig, (25 - n) * HOUR), output__code_quality_score=50.0 + n)
        for n in range(20)
    ]
    rig.send("traces", b.traces(*tasks))
    rig.pass_seconds(1)
    gauges = list(reader_of(rig).insights.gauges())

    assert values(gauges, m.DROID_QUALITY_DIRECTION)["atlas", "coder", "7d"] == 1
    assert values(gauges, m.DROID_QUALITY_TREND)["atlas", "coder", "7d"] == pytest.approx(7 * 24)
