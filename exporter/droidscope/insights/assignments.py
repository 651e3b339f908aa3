"""
Assignments: how well each droid does the tasks of each pattern.

Definition: docs/kpis.md#patterns
"""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.outcomes import WORK_ENDS
from droidscope.facts.fact_key import Score, Statistic
from droidscope.facts.fact_totals import Totals, sketch_by, sum_by
from droidscope.facts.facts import ScoreSums, TasksEnded
from droidscope.facts.sketch import COARSE, Sketch
from droidscope.facts.sketched_facts import TaskDurations
from droidscope.kpi.assignment import Effectiveness, assignment_effectiveness
from droidscope.kpi.totals import ScoreTotals
from droidscope.units import SECOND_NS


class Assignment(Struct, frozen=True):
    """
    The tasks of a droid in a pattern: how many completed or failed, and how many and which share of them
    completed.

    *median_duration_seconds* is over the completed ones. *effectiveness* is null for fewer than three tasks.
    """

    pattern: str
    droid: str
    tasks: int
    completed: int
    completion_ratio: float
    median_duration_seconds: float | None
    effectiveness: Effectiveness | None


def assignments(minutes: Totals, hours: Totals) -> list[Assignment]:
    """
    The assignments of a window, by pattern, the most effective droid first.

    Args:
        minutes: The window's totals kept by the minute.
        hours: Its totals kept by the hour.

    Definition: docs/kpis.md#patterns
    """
    tasks = {key: n for key, n in minutes.of(TasksEnded).items() if key.outcome in WORK_ENDS}
    ended = sum_by(tasks, lambda key: (key.pattern, key.droid))
    completed = sum_by(tasks, lambda key: (key.pattern, key.droid), where=_is_completed)
    of_droid = sum_by(tasks, lambda key: key.droid)
    completed_of_droid = sum_by(tasks, lambda key: key.droid, where=_is_completed)
    durations = sketch_by(
        hours.of(TaskDurations),
        lambda key: (key.pattern, key.droid),
        where=lambda key: key.outcome == Outcome.COMPLETED,
    )
    of_pattern = _by_pattern(durations)
    quality = _quality(minutes)
    return sorted(
        (
            _assignment(
                pattern,
                droid,
                completed=completed[pattern, droid],
                n=n,
                droid_ratio=completed_of_droid[droid] / of_droid[droid],
                durations=durations.get((pattern, droid), Sketch(bits=COARSE)),
                of_pattern=of_pattern[pattern],
                code_quality=quality.get((pattern, droid), ScoreTotals()),
            )
            for (pattern, droid), n in ended.items()
            if n > 0
        ),
        key=_rank,
    )


def _is_completed(key: TasksEnded) -> bool:
    return key.outcome == Outcome.COMPLETED


def _assignment(
    pattern: str,
    droid: str,
    *,
    completed: int,
    n: int,
    droid_ratio: float,
    durations: Sketch,
    of_pattern: Sketch,
    code_quality: ScoreTotals,
) -> Assignment:
    median_ns = durations.quantile(0.5)
    return Assignment(
        pattern=pattern,
        droid=droid,
        tasks=n,
        completed=completed,
        completion_ratio=completed / n,
        median_duration_seconds=None if median_ns is None else median_ns / SECOND_NS,
        effectiveness=assignment_effectiveness(
            completed=completed,
            n=n,
            droid_ratio=droid_ratio,
            median_ns=median_ns,
            pattern_median_ns=of_pattern.quantile(0.5),
            code_quality=code_quality,
        ),
    )


def _rank(assignment: Assignment) -> tuple[str, float, str]:
    effectiveness = assignment.effectiveness
    return assignment.pattern, -(effectiveness.lower_bound if effectiveness else -1), assignment.droid


def _by_pattern(durations: dict[tuple[str, str], Sketch]) -> defaultdict[str, Sketch]:
    sketches: defaultdict[str, Sketch] = defaultdict(lambda: Sketch(bits=COARSE))
    for (pattern, _), sketch in durations.items():
        sketches[pattern].merge(sketch)
    return sketches


def _quality(minutes: Totals) -> dict[tuple[str, str], ScoreTotals]:
    scores = sum_by(
        minutes.of(ScoreSums),
        lambda key: (key.pattern, key.droid, key.statistic),
        where=lambda key: key.score == Score.CODE_QUALITY,
    )
    return {
        (pattern, droid): ScoreTotals(
            n=scores[pattern, droid, Statistic.N],
            sum=scores[pattern, droid, Statistic.SUM],
            squares=scores[pattern, droid, Statistic.SQUARES],
        )
        for pattern, droid in {(pattern, droid) for pattern, droid, _ in scores}
    }
