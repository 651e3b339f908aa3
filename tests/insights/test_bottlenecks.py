"""
Bottlenecks against plain lists of phases, tasks, queries and syntheses.
"""

from __future__ import annotations

import statistics
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from droidscope.conventions.insight_kinds import REMEDIES
from droidscope.insights.analysis_window import RunningPhase
from droidscope.insights.bottlenecks import bottlenecks
from droidscope.model.examples import ExampleKind
from insights import windows as k
from insights.windows import Query, Run, Session, Synthesis, Task, example, window_of


def grouped(entries, key):
    groups = defaultdict(list)
    for entry in entries:
        groups[key(entry)].append(entry)
    return groups


# --- the same by hand ---------------------------------------------------------------------------------


def share(lost, happened, running_ns):
    """
    100 x lost time of the time of all sessions, at most 100; 0 where there were none.
    """
    whole = sum(session.took_ns for session in k.of(happened, Session)) + running_ns
    return min(100.0, 100 * lost / whole) if whole else 0.0


def slow_phases(happened, before, running, running_ns):
    found = {}
    baselines = grouped(
        [run for run in before if run.outcome == "completed"], lambda run: (run.pattern, run.phase)
    )
    ended = grouped(k.of(happened, Run), lambda run: (run.pattern, run.phase))
    for place in {*ended, *((each.pattern, each.phase) for each in running)}:
        runs = [(run.took_ns, run.planned_ns, run.path == "on") for run in ended[place]]
        runs += [
            (each.elapsed_ns, each.planned_ns or 0, True)
            for each in running
            if (each.pattern, each.phase) == place
        ]
        took = [run.took_ns for run in baselines[place]]
        late = []
        for ns, planned, on in runs:
            if len(took) >= 5:
                expected, least = statistics.median(took), float(np.quantile(took, 0.9))
            elif planned:
                expected, least = planned, 0
            else:
                continue
            if expected and ns > 1.5 * expected and ns > least:
                late.append((ns, expected, (ns - expected) * on))
        if late:
            found["phase_duration", "/".join(place)] = (
                share(sum(lost for *_, lost in late), happened, running_ns),
                statistics.fmean(ns for ns, *_ in late) / k.SECOND,
                statistics.fmean(expected for _, expected, _ in late) / k.SECOND,
                len(late),
            )
    return found


def slow_droids(happened, running_ns):
    found = {}
    done = [task for task in k.of(happened, Task) if task.outcome == "completed"]
    medians = {
        kind: statistics.median(task.took_ns for task in tasks)
        for kind, tasks in grouped(done, lambda task: task[:2]).items()
    }
    for droid, tasks in grouped(done, lambda task: task.droid).items():
        relative = [task.took_ns / medians[task[:2]] for task in tasks if medians[task[:2]]]
        if len(relative) < 5 or statistics.median(relative) <= 1.5:
            continue
        held = [task for task in k.of(happened, Task) if task.droid == droid and task.held_ns]
        lost = sum(max(0, task.held_ns - medians.get(task[:2], 0)) for task in held)
        found["droid_performance", droid] = (
            share(lost, happened, running_ns),
            statistics.median(relative),
            1,
            sum(value > 1.5 for value in relative),
        )
    return found


def slow_communication(happened, running_ns):
    found = {}
    for place, runs in grouped(k.of(happened, Run), lambda run: run[:2]).items():
        waited, took = sum(run.waited_ns for run in runs), sum(run.took_ns for run in runs)
        if took and waited / took > 0.2:
            impact = share(waited, happened, running_ns)
            found["communication", "/".join(place)] = (impact, waited / took, 0.2, len(runs))
    for droid, queries in grouped(k.of(happened, Query), lambda query: query.droid).items():
        answers = [query.waited_ns for query in queries if query.outcome in {"answered", "late"}]
        mean = statistics.fmean(answers) / k.SECOND if answers else 0
        unanswered = sum(query.outcome == "unanswered" for query in queries)
        value, limit = (mean, 300) if mean > 300 else (unanswered, 0)
        if value > limit:
            waits = [query.waited_ns for query in queries if mean > 300 or query.outcome == "unanswered"]
            impact = share(sum(waits), happened, running_ns)
            found["communication", droid] = (impact, value, limit, unanswered)
    return found


def weak_integration(happened):
    found = {}
    syntheses = k.of(happened, Synthesis)
    for pattern, these in grouped(syntheses, lambda each: each.pattern).items():
        integrated = sum(each.outcome == "integrated" for each in these)
        if len(these) >= 5 and integrated / len(these) < 0.85:
            failed = len(these) - integrated
            impact = 100 * failed / len(syntheses)
            found["integration", pattern] = (impact, integrated / len(these), 0.85, failed)
    return found


# --- all kinds ----------------------------------------------------------------------------------------


@given(k.histories, st.lists(k.runs, max_size=25), st.lists(k.running, max_size=3), st.integers(0, 500))
@settings(deadline=None)
def test_what_is_found_is_what_plain_lists_say(happened, before, running, running_ns):
    """
    The same findings, each with the same impact, value, baseline and number of those beyond.
    """
    found = bottlenecks(window_of(*happened, before=before, running=running, running_ns=running_ns))

    expected = {
        **slow_phases(happened, before, running, running_ns),
        **slow_droids(happened, running_ns),
        **slow_communication(happened, running_ns),
        **weak_integration(happened),
    }
    assert {(each.kind, each.subject) for each in found} == set(expected)
    for each in found:
        says = (each.impact_score, each.value, each.baseline, each.flagged)
        assert says == pytest.approx(expected[each.kind, each.subject])


@given(k.histories, st.lists(k.runs, max_size=25), st.lists(k.running, max_size=3))
@settings(deadline=None)
def test_all_kinds_rank_on_one_scale(happened, before, running):
    """
    Impacts lie within 0 and 100, the highest comes first, and every bottleneck has its remedies.
    """
    found = bottlenecks(window_of(*happened, before=before, running=running))

    impacts = [each.impact_score for each in found]
    assert impacts == sorted(impacts, reverse=True)
    assert all(0 <= impact <= 100 for impact in impacts)
    assert len({(each.kind, each.subject) for each in found}) == len(found)
    for each in found:
        assert each.recommendations == list(REMEDIES[each.kind])
        assert each.n >= each.flagged
        assert not {"None", "nan", "inf"} & set(each.description.replace(",", " ").split())
        assert each.description.endswith(".")


# --- phases -------------------------------------------------------------------------------------------

FIVE = [Run("p", "build", 40)] * 5
HOUR = Session("p", 127)


@pytest.mark.parametrize(("took", "is_slow"), [(60, False), (61, True)])
def test_a_phase_is_slow_above_one_and_a_half_times_its_median(took, is_slow):
    """
    40 are usual: 60 are not slow, 61 are; the 21 too many are lost.
    """
    found = bottlenecks(window_of(HOUR, Run("p", "build", took), before=FIVE))

    assert bool(found) is is_slow
    for each in found:
        assert each.lost_seconds == pytest.approx(21e-9)
        assert each.excess_percent == pytest.approx(100 * 21 / 40)
        assert each.impact_score == pytest.approx(100 * 21 / 127)


@pytest.mark.parametrize(("took", "is_slow"), [(90, False), (91, True)])
def test_it_is_not_slow_within_the_ninth_decile(took, is_slow):
    """
    Two of eleven took 90, so that 90 is the p90, well above 1.5 x the median.
    """
    before = [Run("p", "build", 40)] * 9 + [Run("p", "build", 90)] * 2

    assert bool(bottlenecks(window_of(Run("p", "build", took), before=before))) is is_slow


@pytest.mark.parametrize(("past", "is_slow"), [(4, True), (5, False)])
def test_its_plan_counts_while_there_are_under_five_before(past, is_slow):
    """
    Four runs of 100 are no usual time: the plan of 40 is exceeded. Five are, and 61 is less.
    """
    run = Run("p", "build", 61, planned_ns=40)

    found = bottlenecks(window_of(run, before=[Run("p", "build", 100)] * past))

    assert [each.baseline for each in found] == ([40e-9] if is_slow else [])


def test_off_the_critical_path_it_costs_nothing():
    """
    It is found all the same.
    """
    (found,) = bottlenecks(window_of(HOUR, Run("p", "build", 100, path="off"), before=FIVE))

    assert (found.impact_score, found.lost_seconds, found.flagged) == (0, 0, 1)


@pytest.mark.parametrize(("elapsed", "is_slow"), [(60, False), (61, True)])
def test_a_running_phase_counts_as_it_is(elapsed, is_slow):
    """
    It holds its session now, and its session is the first that shows it.
    """
    running = RunningPhase("p", "build", elapsed, None, "r1", "t1")

    found = bottlenecks(window_of(before=FIVE, running=[running], running_ns=100))

    assert bool(found) is is_slow
    for each in found:
        assert each.impact_score == pytest.approx(21)
        assert [(ref.session_id, ref.trace_id) for ref in each.sessions] == [("r1", "t1")]


def test_the_sessions_that_show_it_are_those_beyond_the_limit():
    """
    The longest runs under way first, then what ended; at most five, none that was not slow.
    """
    running = [RunningPhase("p", "build", 70 + n, None, f"r{n}", "") for n in range(2)]
    shown = {(ExampleKind.SLOW_PHASE, "p", "build"): [example(f"s{n}", 100 - 15 * n) for n in range(5)]}

    (found,) = bottlenecks(window_of(Run("p", "build", 100), before=FIVE, running=running, examples=shown))

    assert [ref.session_id for ref in found.sessions] == ["r1", "r0", "s0", "s1", "s2"]


# --- droids -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("took", "n", "is_slow"), [(60, 5, False), (61, 5, True), (61, 4, False)])
def test_a_droid_is_slow_above_one_and_a_half_times_all_from_five_tasks(took, n, is_slow):
    """
    All take 40 in the median; what it held beyond is lost.
    """
    tasks = [Task("p", "code", "coder", 40)] * 11 + [Task("p", "code", "tester", took, held_ns=50)] * n

    found = bottlenecks(
        window_of(HOUR, *tasks, examples={(ExampleKind.SLOW_TASK, "tester"): [example("s1")]})
    )

    assert [each.droid for each in found] == ["tester"] * is_slow
    for each in found:
        assert each.impact_score == pytest.approx(100 * 50 / 127)
        assert (each.value, each.n) == (pytest.approx(61 / 40), 5)
        assert [ref.session_id for ref in each.sessions] == ["s1"]


# --- communication ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("waited", "is_slow"), [(20, False), (21, True)])
def test_a_phase_may_wait_for_a_fifth_of_its_time(waited, is_slow):
    """
    20 of 100 are within the limit.
    """
    shown = {(ExampleKind.WAIT, "p", "build"): [example("s1")]}

    found = bottlenecks(window_of(HOUR, Run("p", "build", 100, waited_ns=waited), examples=shown))

    assert [(each.kind, each.unit) for each in found] == [("communication", "ratio")] * is_slow
    assert all(each.sessions for each in found)


@pytest.mark.parametrize(("seconds", "is_slow"), [(300, False), (301, True)])
def test_a_droid_has_five_minutes_to_answer(seconds, is_slow):
    """
    On average, over all that asked.
    """
    shown = {(ExampleKind.QUERY, "x"): [example("s1")]}
    asked = [Query("x", "answered", (seconds + off) * k.SECOND) for off in (-100, 100)]

    found = bottlenecks(window_of(*asked, examples=shown))

    assert [(each.droid, each.unit, each.baseline) for each in found] == [("x", "seconds", 300)] * is_slow
    assert all(each.sessions for each in found)


def test_one_query_without_an_answer_is_enough():
    """
    Of any number.
    """
    (found,) = bottlenecks(window_of(*[Query("x", "answered", 5)] * 20, Query("x", "unanswered", 900)))

    assert (found.value, found.baseline, found.unit, found.n) == (1, 0, "queries", 21)
    assert found.description == "Droid x left 1 of 21 queries unanswered."


# --- integration --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("integrated", "n", "is_weak"), [(17, 20, False), (16, 20, True), (3, 4, False), (4, 5, True)]
)
def test_syntheses_must_be_integrated_in_85_of_100_from_five(integrated, n, is_weak):
    """
    17 of 20 are; 3 of 4 say nothing yet.
    """
    done = [Synthesis("p", "integrated")] * integrated + [Synthesis("p", "conflict")] * (n - integrated)

    found = bottlenecks(window_of(*done, examples={(ExampleKind.SYNTHESIS, "p"): [example("s1")]}))

    assert [each.pattern for each in found] == ["p"] * is_weak
    assert all(each.sessions for each in found)


# --- words --------------------------------------------------------------------------------------------


def test_what_has_no_name_is_said_to_have_none():
    """
    A phase and a pattern that nobody named.
    """
    (found,) = bottlenecks(window_of(HOUR, Run("", "", 100, waited_ns=50)))

    assert found.description.startswith(
        "Phase (none) of pattern (none) spent 50% of its time waiting for answers"
    )


def test_large_numbers_are_written_out():
    """
    Two thousand hours of waiting are not 2e+03.
    """
    hours = 2000 * 3600 * k.SECOND

    (found,) = bottlenecks(window_of(HOUR, Run("p", "build", hours, waited_ns=hours)))

    assert "100% of its time waiting for answers, 83d 8h in total" in found.description
