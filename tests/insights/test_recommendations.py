"""
Recommendations against plain lists of sessions, tasks, plans, messages and queries.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from droidscope.conventions.insight_kinds import RECOMMENDATION_RULES
from droidscope.insights.bottlenecks import bottlenecks
from droidscope.insights.recommendations import recommendations
from droidscope.model.examples import ExampleKind
from insights import windows as k
from insights.windows import Plan, Query, Run, Session, Task, example, window_of


def advice(*happened, **more):
    window = window_of(*happened, **more)
    return recommendations(window, bottlenecks(window))


def by_rule(found):
    return {(each.rule, each.subject): each for each in found}


def wilson(successes, n):
    return proportion_confint(successes, n, method="wilson")


def near(value):
    return pytest.approx(value, rel=1e-5, abs=1e-9)


# --- the same by hand ---------------------------------------------------------------------------------


def of_patterns(happened):
    """
    Impact, value, n and what fixing the top failure point gains.
    """
    sessions = k.of(happened, Session)
    found = {}
    for pattern in {session.pattern for session in sessions}:
        these = [session for session in sessions if session.pattern == pattern]
        good = sum(session.failed_at is None for session in these)
        success = good / len(these)
        if len(these) < 5 or success >= 0.85:
            continue
        rule = "review_failure_points" if wilson(good, len(these))[1] < 0.85 else "watch_failure_points"
        points = Counter(session.failed_at for session in these if session.failed_at)
        bad = len(these) - good
        top = max(points.values())
        gain = [top / bad, *wilson(top, bad)] if bad >= 10 else None
        found[rule, pattern] = (
            100 * (0.85 - success) / 0.85 * len(these) / len(sessions),
            success,
            len(these),
            gain and [each * (1 - success) for each in gain],
        )
    return found


def of_assignments(happened):
    tasks = k.of(happened, Task)
    done = defaultdict(list)
    for task in tasks:
        done[task.pattern, task.task_type, task.droid].append(task.outcome == "completed")
    found = {}
    for (pattern, task_type, droid), own in done.items():
        gains = {
            (wilson(sum(other), len(other))[0] - sum(own) / len(own), tuple(other))
            for (*kind, whose), other in done.items()
            if kind == [pattern, task_type] and whose != droid and min(len(own), len(other)) >= 3
        }
        gain, _ = max(gains, default=(0, ()))
        if gain > 1e-12:
            share = len(own) / len(tasks)
            subject = f"{pattern}/{task_type}/{droid}"
            found["reassign_tasks", subject] = (100 * gain * share, sum(own) / len(own), len(own), gain)
    return found


def of_plans(happened):
    found = {}
    plans = k.of(happened, Plan)
    for pattern in {plan.pattern for plan in plans}:
        these = [plan for plan in plans if plan.pattern == pattern]
        makespan, critical = (sum(plan[at] for plan in these) for at in (1, 2))
        share = (makespan - critical) / makespan if makespan else 0
        if share > 0.1:
            mean = makespan / len(these) / k.SECOND
            found["run_phases_in_parallel", pattern] = (100 * share, mean, len(these), share)
    return found


def of_messages(happened):
    found = {}
    said = defaultdict(list)
    for session in k.of(happened, Session):
        for droid, n in session.sent:
            said[droid].append(n)
    everything = sum(map(sum, said.values()))
    for droid, sent in said.items():
        if statistics.median(sent) > 20:
            share = sum(max(0, n - 20) for n in sent) / everything
            found["batch_messages", droid] = (100 * share, statistics.median(sent), len(sent), share)
    return found


def of_queries(happened):
    found = {}
    for droid in {query.droid for query in k.of(happened, Query)}:
        these = [query for query in k.of(happened, Query) if query.droid == droid]
        answers = [query.waited_ns for query in these if query.outcome in {"answered", "late"}]
        mean = statistics.fmean(answers) / k.SECOND if answers else 0
        left = sum(query.outcome == "unanswered" for query in these)
        if mean > 300:
            found["speed_up_responses", droid] = (None, mean, len(these), 1 - 300 / mean)
        if left:
            gain = [left / len(these), *wilson(left, len(these))] if len(these) >= 10 else None
            found["answer_queries", droid] = (None, left, len(these), gain)
    return found


def of_waits(happened):
    found = {}
    for place in {run[:2] for run in k.of(happened, Run)}:
        these = [run for run in k.of(happened, Run) if run[:2] == place]
        took = sum(run.took_ns for run in these)
        share = sum(run.waited_ns for run in these) / took if took else 0
        if share > 0.2:
            found["shorten_waits", "/".join(place)] = (None, share, len(these), share)
    return found


# --- all rules ----------------------------------------------------------------------------------------


@given(k.histories)
@settings(deadline=None)
def test_advice_is_what_plain_lists_say(happened):
    """
    The same advice, each with the same impact, value, n and expected improvement.
    """
    found = by_rule(advice(*happened))

    expected = {}
    for of in (of_patterns, of_assignments, of_plans, of_messages, of_queries, of_waits):
        expected |= of(happened)
    assert set(found) == set(expected)
    for key, (impact, value, n, gain) in expected.items():
        each, improvement = found[key], found[key].expected_improvement
        assert (each.value, each.n) == (near(value), n)
        if impact is not None:
            assert each.impact_score == near(impact)
        if gain is None:
            assert improvement is None
        elif isinstance(gain, list):
            assert [improvement.estimate, improvement.low, improvement.high] == near(gain)
        else:
            assert improvement.low == near(gain) or improvement.estimate == near(gain)


@given(k.histories, st.lists(k.runs, max_size=20))
@settings(deadline=None)
def test_advice_ranks_on_one_scale_and_reads_well(happened, before):
    """
    Impacts within 0 and 100, the highest first; no sentence contains None or a placeholder.
    """
    found = advice(*happened, before=before)

    impacts = [each.impact_score for each in found]
    assert impacts == sorted(impacts, reverse=True)
    assert all(0 <= impact <= 100 for impact in impacts)
    assert len(by_rule(found)) == len(found)
    for each in found:
        gain = each.expected_improvement
        for sentence in (each.description, *each.recommendations, *([gain.text] if gain else [])):
            assert not set(re.findall(r"\w+", sentence)) & {"None", "nan", "inf"}
            assert "{points}" not in sentence
        if gain and gain.low is not None:
            assert -1 <= gain.low <= gain.estimate <= gain.high <= 1


def test_the_rules_are_those_of_the_docs():
    """
    The table in docs/insights.md has each rule, its kind and when it applies; nothing else.
    """
    page = (Path(__file__).parents[2] / "docs/insights.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+?) \|", page, re.MULTILINE)

    assert rows == [(rule.id, rule.kind, rule.condition) for rule in RECOMMENDATION_RULES]


# --- patterns -----------------------------------------------------------------------------------------


def failed(n, at=("build", "Broken"), pattern="p"):
    return [Session(pattern, 10, at)] * n


def completed(n, pattern="p"):
    return [Session(pattern, 10)] * n


@pytest.mark.parametrize(
    ("good", "bad", "rule"),
    [
        (17, 3, None),
        (16, 4, "watch_failure_points"),
        (12, 8, "review_failure_points"),
        (0, 4, None),
        (0, 5, "review_failure_points"),
    ],
)
def test_a_pattern_must_succeed_in_85_of_100_from_five(good, bad, rule):
    """
    17 of 20 do; 16 of 20 are not significant yet, 12 of 20 are; four sessions are too few.
    """
    found = advice(*completed(good), *failed(bad))

    assert [each.rule for each in found] == ([rule] if rule else [])


@pytest.mark.parametrize(("bad", "is_estimated"), [(9, False), (10, True)])
def test_what_fixing_a_failure_point_gains_is_estimated_from_ten_failures(bad, is_estimated):
    """
    All at one point: all failed sessions might succeed.
    """
    (found,) = advice(*completed(10), *failed(bad))

    assert (found.expected_improvement is not None) is is_estimated
    if is_estimated:
        assert found.expected_improvement.estimate == pytest.approx(0.5)
        assert found.expected_improvement.text.startswith(
            "Fixing build: Broken removes at most 100% of the failures (72.25% to 100%)"
        )


def test_advice_names_the_top_failure_points_and_shows_their_sessions():
    """
    The three most frequent, the gate before the first of them that is a phase.
    """
    shown = {(ExampleKind.FAILURE, "p", "build", "Broken"): [example("s1")]}

    (found,) = advice(
        *failed(6, ("", "lost")),
        *failed(5),
        *failed(4, ("plan", "a")),
        *failed(3, ("plan", "b")),
        examples=shown,
    )

    assert found.recommendations[0] == (
        "Review its top failure points: the session itself: lost (33.33%), build: Broken (27.78%), "
        "plan: a (22.22%)."
    )
    assert found.recommendations[1] == "Add a quality gate before phase build."
    assert [(ref.session_id, ref.trace_id) for ref in found.sessions] == [("s1", "trace of s1")]


@pytest.mark.parametrize("odd", ["{points}", "{0.__class__}", "%s", "}{", "a\nb", "<b>", "Ω"])
def test_odd_names_are_shown_as_they_are(odd):
    """
    Patterns, phases and reasons come from outside: they are never used as a format.
    """
    (found,) = advice(*failed(12, (odd, odd), pattern=odd))

    assert odd in found.description
    assert f"{odd}: {odd} (100%)" in found.recommendations[0]


# --- assignment ---------------------------------------------------------------------------------------


def work(droid, good, bad, task_type="code"):
    return [Task("p", task_type, droid)] * good + [Task("p", task_type, droid, outcome="failed")] * bad


@pytest.mark.parametrize(("good", "advised"), [(2, False), (3, True)])
def test_three_tasks_of_each_are_needed_to_prefer_a_droid(good, advised):
    """
    Two that completed are no evidence; three are, against three that failed.
    """
    found = advice(*work("coder", 0, 3), *work("tester", good, 0))

    assert bool(found) is advised
    for each in found:
        low, high = wilson(3, 3)
        assert each.recommendations[0] == "Assign these tasks to droid tester."
        assert each.subject == "p/code/coder"
        assert each.impact_score == near(100 * low / 2)
        gain = each.expected_improvement
        assert (gain.estimate, gain.low, gain.high) == (1, near(low), near(high))


def test_the_best_of_several_is_advised_and_nobody_to_itself():
    """
    The best droid has no better one; the others get its name.
    """
    found = advice(*work("a", 30, 0), *work("b", 3, 3), *work("c", 0, 3))

    assert {each.droid: each.recommendations[0] for each in found} == {
        "b": "Assign these tasks to droid a.",
        "c": "Assign these tasks to droid a.",
    }


def test_only_the_same_kind_of_task_compares():
    """
    To be good at reviews says nothing of code.
    """
    assert advice(*work("coder", 0, 9), *work("tester", 9, 0, "review")) == []


# --- the others ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("critical", "advised"), [(90, False), (89, True)])
def test_phases_may_wait_for_a_tenth_of_the_makespan(critical, advised):
    """
    Beyond that the phases that waited are named, the longest wait first.
    """
    shown = {(ExampleKind.IDLE, "p"): [example("s1")]}
    plan = Plan("p", 100, critical, (("test", 5 * k.SECOND), ("ship", 6 * k.SECOND)))

    found = advice(plan, examples=shown)

    assert bool(found) is advised
    for each in found:
        assert each.recommendations == [
            (
                "Start these phases as soon as their dependencies have ended: "
                "ship (6s earlier), test (5s earlier)."
            )
        ]
        assert each.sessions


@pytest.mark.parametrize(("sent", "advised"), [(20, False), (21, True)])
def test_twenty_messages_a_session_are_of_use(sent, advised):
    """
    The twenty-first of each session could be saved.
    """
    found = advice(*[Session("p", 10, None, (("coder", sent), ("tester", 0)))] * 2)

    assert [each.droid for each in found] == ["coder"] * advised
    for each in found:
        assert each.expected_improvement.estimate == pytest.approx(1 / 21)


def test_a_slow_droid_that_leaves_queries_gets_two_pieces_of_advice_each_with_its_own_value():
    """
    400 seconds against 300, and one query of two against none.
    """
    found = by_rule(advice(Query("x", "answered", 400 * k.SECOND), Query("x", "unanswered", 900 * k.SECOND)))

    slow, left = found["speed_up_responses", "x"], found["answer_queries", "x"]
    assert (slow.value, slow.baseline, slow.unit) == (400, 300, "seconds")
    assert (left.value, left.baseline, left.unit, left.n) == (1, 0, "queries", 2)
    assert slow.expected_improvement.estimate == pytest.approx(0.25)
    assert left.expected_improvement is None
