"""
The history against its definition: all facts in a list, summed anew, and medians of what they were made of.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from droidscope.facts.fact_totals import Totals, sketch_by, sum_by
from droidscope.facts.facts import PhaseIdleTime, PhasesEnded, SessionCost, SessionsEnded, TasksEnded
from droidscope.facts.history import HOURS, MONTH, before
from droidscope.facts.packing import FACTS, unpacked
from droidscope.facts.sketch import COARSE, FINE, bucket, tenths
from droidscope.facts.sketched_facts import PhaseDurations, ScoreCounts, SessionDurations
from droidscope.facts.windows import Windows
from droidscope.kpi.timeline import hours_over, points, timeline
from droidscope.units import HOUR_NS, NANO
from facts.sketch_error import relative_error
from kpi.windowed import ACME, OTHER, Remembered, Steps, applied, defined

NOW = 1_760_000_000_000_000_000 // HOUR_NS * HOUR_NS + 20 * NANO
WORKED = TasksEnded(pattern="bug-fix", droid="coder", task_type="testing", outcome="completed")
PHASE = PhaseDurations(pattern="bug-fix", phase="fix", outcome="completed", path="on", bucket="70")
SESSION = SessionDurations(pattern="bug-fix", outcome="completed", bucket="70")
IDLE = PhaseIdleTime(pattern="bug-fix", phase="fix")
steps = Steps(HOURS, [WORKED, PHASE, SESSION, IDLE])


@settings(deadline=None)
@given(st.lists(steps.adding | steps.adding | steps.going_on | steps.reloading, max_size=30))
def test_a_window_is_what_its_definition_says(script):
    """
    Late, early, revised or reloaded: the hour, the day, the week, the 30 days before each, and the month.
    """
    windows, facts, now_ns = Windows(HOURS), [], NOW
    for step in script:
        windows, now_ns = applied(windows, step, now_ns)
        if step[0] == "add":
            _, orchestrator, age_ns, key, amount = step
            facts.append((orchestrator, now_ns - age_ns, key, amount))
            continue
        for orchestrator, window in product([ACME, OTHER], HOURS.spans):
            expected = defined(facts, HOURS, window, orchestrator, now_ns)
            assert windows.totals(orchestrator, window, now_ns) == expected


@settings(deadline=None)
@given(st.lists(steps.adding | steps.adding | steps.jumping | steps.reloading, max_size=30))
def test_a_clock_may_step_back(script):
    """
    However the clock jumps, totals are those of a list that remembers what the clock has passed.
    """
    windows, remembered, now_ns = Windows(HOURS), Remembered(HOURS), NOW
    for step in script:
        windows, now_ns = applied(windows, step, now_ns)
        if step[0] == "add":
            _, orchestrator, age_ns, key, amount = step
            remembered.add(orchestrator, now_ns - age_ns, key, amount)
        elif step[0] == "step":
            remembered.advance(now_ns)
            for orchestrator, window in product([ACME, OTHER], HOURS.spans):
                assert windows.totals(orchestrator, window, now_ns) == remembered.totals(orchestrator, window)


@settings(deadline=None)
@given(st.lists(steps.adding | steps.jumping | steps.reloading, max_size=30))
def test_a_snapshot_is_the_totals_and_buckets_add_up_to_them(script):
    """
    What readers copy, and what trends read hour by hour, is what the windows hold.
    """
    windows, now_ns = Windows(HOURS), NOW
    for step in script:
        windows, now_ns = applied(windows, step, now_ns)

    copied = windows.snapshot(now_ns, HOURS.spans)
    for who, window in product([ACME, OTHER], HOURS.spans):
        assert (copied[who][window].amounts if who in copied else {}) == windows.totals(who, window, now_ns)
        hours = HOURS.ranges(now_ns)[window]
        wanted = HOURS.spans[window].facts
        assert {
            key: amount
            for key, amount in sums_of(windows.buckets(who, hours)).items()
            if type(key) in wanted and amount
        } == windows.totals(who, window, now_ns)


def sums_of(packed):
    found = defaultdict(int)
    for each in packed:
        for key, amount in unpacked(each).items():
            found[key] += amount
    return found


def test_the_thirty_days_before_a_window_end_where_it_begins():
    """
    An hour lies in the window or before it, never in both.
    """
    for now_ns in (NOW, NOW - 20 * NANO, NOW + HOUR_NS - 1):
        ranges = HOURS.ranges(now_ns)
        for window in ("1h", "24h", "7d"):
            assert ranges[before(window)].stop == ranges[window].start
            assert len(ranges[before(window)]) == 30 * 24
        assert len(ranges[MONTH]) in {30 * 24, 30 * 24 + 1}


# --- what an hour says --------------------------------------------------------------------------------


durations = st.lists(st.integers(0, 10**14), min_size=1, max_size=20)
scores = st.lists(st.integers(0, 1000).map(lambda tenth: tenth / 10), min_size=1, max_size=20)
outcomes = st.lists(st.sampled_from(["completed", "failed", "lost"]), max_size=20)
costs = st.lists(st.integers(0, 10**12), max_size=3)
patterns = st.sampled_from(["bug-fix", "audit"])


@st.composite
def hours_of_work(draw):
    """
    What happened in some hours: sessions, how long they took, scores and costs, by pattern and droid.
    """
    parts = st.tuples(outcomes, durations, scores, costs)
    return draw(st.dictionaries(st.integers(0, 60), st.dictionaries(patterns, parts, min_size=1), max_size=6))


def told(windows, start_ns, work):
    for hour, by_pattern in work.items():
        at = start_ns + hour * HOUR_NS
        for pattern, (ended, took, scored, cost) in by_pattern.items():
            for outcome in ended:
                windows.add(ACME, at, SessionsEnded(pattern=pattern, outcome=outcome), 1)
            for ns in took:
                windows.add(
                    ACME,
                    at,
                    SessionDurations(pattern=pattern, outcome="completed", bucket=str(bucket(ns, COARSE))),
                    1,
                )
            for value in scored:
                key = ScoreCounts(
                    score="code_quality", droid=f"{pattern}-droid", bucket=str(bucket(tenths(value), FINE))
                )
                windows.add(ACME, at, key, 1)
            for amount in cost:
                windows.add(ACME, at, SessionCost(pattern=pattern), amount)


@settings(deadline=None)
@given(hours_of_work(), st.sampled_from([1, 24]))
def test_points_are_medians_and_ratios_of_all_that_happened_in_a_bucket(work, size):
    """
    By the hour or the day in UTC: scores exactly, durations within 1.6 %; nothing known makes no point.
    """
    start_ns = NOW // (24 * HOUR_NS) * 24 * HOUR_NS
    now_ns = start_ns + 3 * 24 * HOUR_NS + 5
    windows = Windows(HOURS)
    told(windows, start_ns, work)
    windows.advance(now_ns)
    hours = hours_over(now_ns, size, 72 // size)
    line = timeline(list(zip(hours, windows.buckets(ACME, hours), strict=True)), size)

    merged = defaultdict(lambda: defaultdict(lambda: ([], [], [], [])))
    for hour, by_pattern in sorted(work.items()):
        for pattern, parts in by_pattern.items():
            for all_of, part in zip(merged[hour // size][pattern], parts, strict=True):
                all_of.extend(part)
    assert line.bucket_ns == size * HOUR_NS
    assert line.times_ns == [start_ns + at * size * HOUR_NS for at in merged]
    for found, by_pattern in zip(line.points, merged.values(), strict=True):
        for pattern, (ended, took, scored, cost) in by_pattern.items():
            success = found.success.get(pattern)
            assert (success is None) is (not ended)
            if success:
                assert success == (pytest.approx(ended.count("completed") / len(ended)), len(ended))
            duration = found.duration_seconds[pattern]
            error = relative_error(COARSE)
            assert duration == (pytest.approx(statistics.median(took) / NANO, rel=error), len(took))
            score = found.scores["code_quality", f"{pattern}-droid"]
            assert score == (pytest.approx(statistics.median(scored)), len(scored))
            expected = (sum(cost), ended.count("completed")) if sum(cost) else None
            assert found.costs.get(pattern) == expected


def test_only_whole_buckets_that_are_over_make_points():
    """
    At ten past three the third hour is over; at any time of a day the day before is.
    """
    hour = NOW // HOUR_NS
    assert hours_over(NOW, 1, 2) == range(hour - 2, hour)
    day = NOW // (24 * HOUR_NS) * 24
    assert hours_over(NOW, 24, 30) == range(day - 720, day)


def test_the_efficiency_of_an_hour_is_that_of_its_facts():
    """
    Three of four tasks, all phases: 0.5 and 0.3 of the weight are there.
    """
    windows = Windows(HOURS)
    windows.add(ACME, NOW, TasksEnded(pattern="p", droid="coder", task_type="code", outcome="completed"), 3)
    windows.add(ACME, NOW, TasksEnded(pattern="p", droid="coder", task_type="code", outcome="failed"), 1)
    windows.add(ACME, NOW, PhasesEnded(pattern="p", phase="fix", outcome="completed"), 2)
    windows.advance(NOW + 1)

    found = points(tuple(windows.buckets(ACME, [NOW // HOUR_NS])))

    assert found.efficiency == (pytest.approx(100 * (0.5 * 0.75 + 0.3) / 0.8), 4)


# --- totals by label ----------------------------------------------------------------------------------


@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(["p", "q"]),
            st.sampled_from(["fix", "plan"]),
            st.sampled_from(["completed", "failed"]),
            st.sampled_from(["on", "off"]),
            st.integers(0, 90).map(str),
        ),
        st.integers(1, 5),
    )
)
def test_sketches_and_sums_are_over_the_labels_they_name(counted):
    """
    By some labels, where others have a value; the parts of a split are all there is.
    """
    labels_of = PhaseDurations.__struct_fields__
    keys = {PhaseDurations(**dict(zip(labels_of, labels, strict=True))): n for labels, n in counted.items()}
    totals = Totals(keys | {IDLE: 7})
    values = defaultdict(list)
    for (pattern, phase, outcome, _, number), n in counted.items():
        if outcome == "completed":
            values[pattern, phase] += [int(number)] * n

    found = sketch_by(
        totals.of(PhaseDurations),
        lambda key: (key.pattern, key.phase),
        where=lambda key: key.outcome == "completed",
    )
    assert {place: (each.n, each.quantile(0.5)) for place, each in found.items()} == {
        place: (len(of), statistics.median(of)) for place, of in values.items()
    }
    by_path = sum_by(totals.of(PhaseDurations), lambda key: key.path)
    assert sum(by_path.values()) == sum(counted.values())
    parts = totals.by_pattern
    assert {key: n for part in parts.values() for key, n in part.amounts.items()} == totals.amounts
    assert all(key.pattern == pattern for pattern, part in parts.items() for key in part.amounts)
    assert totals.by_droid == {}


def test_every_fact_of_hours_can_be_split_and_sketched():
    """
    A fact that counts by bucket has that as its last label.
    """
    labels_of_facts = [fact.__struct_fields__ for fact in FACTS]
    assert all(labels.index("bucket") == len(labels) - 1 for labels in labels_of_facts if "bucket" in labels)
