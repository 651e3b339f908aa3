"""
Assignments against plain lists of tasks.
"""

from __future__ import annotations

import statistics
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from droidscope.facts.amounts import score_sums
from droidscope.facts.fact_key import Score
from droidscope.insights.assignments import assignments
from insights import windows as k
from insights.windows import Task, totals

scored = st.lists(st.tuples(k.tasks, st.none() | st.integers(0, 100)), max_size=40)


def judged(work):
    """
    The assignments of tasks, each with its code quality score or None.
    """
    minutes = [fact for task, _ in work for fact in task.minutes()]
    for task, points in work:
        if points is not None:
            minutes += score_sums(
                Score.CODE_QUALITY,
                pattern=task.pattern,
                droid=task.droid,
                task_type=task.task_type,
                points=points,
            )
    hours = [fact for task, _ in work for fact in task.hours()]
    return assignments(totals(minutes), totals(hours))


@given(scored)
@settings(deadline=None)
def test_an_assignment_is_what_its_tasks_say(work):
    """
    Counts, medians, the lower bound, the estimate drawn to the droid's own, quality and its consistency.
    """
    by_pair, by_droid, by_pattern = (defaultdict(list) for _ in range(3))
    for task, points in work:
        by_pair[task.pattern, task.droid].append((task, points))
        by_droid[task.droid].append(task.outcome == "completed")
        if task.outcome == "completed":
            by_pattern[task.pattern].append(task.took_ns)

    found = {(each.pattern, each.droid): each for each in judged(work)}

    assert set(found) == set(by_pair)
    for pair, of in by_pair.items():
        each = found[pair]
        done = [task.took_ns for task, _ in of if task.outcome == "completed"]
        quality = [points for _, points in of if points is not None]
        median = statistics.median(done) if done else None
        assert (each.tasks, each.completed) == (len(of), len(done))
        assert each.median_duration_seconds == (None if median is None else pytest.approx(median / k.SECOND))
        assert (each.effectiveness is None) is (len(of) < 3)
        if each.effectiveness is None:
            continue
        p0 = statistics.fmean(by_droid[pair[1]])
        assert each.effectiveness.n == len(of)
        low, _ = proportion_confint(len(done), len(of), method="wilson")
        assert each.effectiveness.lower_bound == pytest.approx(low, abs=1e-6)
        assert each.effectiveness.expected_ratio == pytest.approx((len(done) + 5 * p0) / (len(of) + 5))
        baselines = statistics.median(by_pattern[pair[0]]) if by_pattern[pair[0]] else 0
        relative = None if median is None or not baselines else pytest.approx(median / baselines)
        assert each.effectiveness.relative_duration == relative
        assert each.effectiveness.quality == (pytest.approx(statistics.fmean(quality)) if quality else None)
        consistent = (
            pytest.approx(1 - statistics.pstdev(quality) / 50, abs=1e-9) if len(quality) >= 3 else None
        )
        assert each.effectiveness.quality_consistency == consistent


def test_the_most_effective_droid_of_a_pattern_comes_first_and_the_unjudged_last():
    """
    Nine of nine before three of three, before two of two.
    """
    work = [(Task("p", "code", droid), None) for droid, n in (("c", 2), ("b", 3), ("a", 9)) for _ in range(n)]

    assert [each.droid for each in judged(work)] == ["a", "b", "c"]
