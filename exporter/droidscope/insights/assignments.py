"""
How well each droid does the tasks of each pattern.

Definition: docs/kpis.md#patterns
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from msgspec import Struct

from droidscope.conventions.attributes import Outcome
from droidscope.facts.facts import Fact, Key, Score, Statistic, sums
from droidscope.facts.history import sketches
from droidscope.facts.sketch import COARSE, Sketch
from droidscope.kpi.assignment import Effectiveness, assignment_effectiveness
from droidscope.kpi.totals import ScoreTotals
from droidscope.units import SECOND_NS


class Assignment(Struct, frozen=True):
    """
    A droid's tasks in a pattern: how many ended and completed and the share that did, the median
    duration of the completed ones in seconds, and how well it does them: null under three.
    """

    pattern: str
    droid: str
    tasks: int
    completed: int
    completion_ratio: float
    median_duration_seconds: float | None
    effectiveness: Effectiveness | None


def assignments(minutes: Mapping[Key, int], hours: Mapping[Key, int]) -> list[Assignment]:
    """
    The assignments of a window, by pattern, the most effective droid first.

    Args:
        minutes: The exact totals of the window's facts.
        hours: Those of its durations.

    Definition: docs/kpis.md#patterns
    """
    ended: defaultdict[tuple[str, str], int] = defaultdict(int)
    completed: defaultdict[tuple[str, str], int] = defaultdict(int)
    of_droid: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for (pattern, droid, outcome), n in sums(minutes, Fact.TASKS, "pattern", "droid", "outcome").items():
        success = n if outcome == Outcome.COMPLETED else 0
        ended[pattern, droid] += n
        completed[pattern, droid] += success
        of_droid[droid][0] += success
        of_droid[droid][1] += n
    took = sketches(hours, Fact.TASK_TOOK, "pattern", "droid", outcome=Outcome.COMPLETED)
    by_all: defaultdict[str, Sketch] = defaultdict(lambda: Sketch(bits=COARSE))
    for (pattern, _), sketch in took.items():
        by_all[pattern].merge(sketch)
    quality = _quality(minutes)
    found = []
    for (pattern, droid), n in ended.items():
        if n <= 0:
            continue
        sketch = took.get((pattern, droid), Sketch(bits=COARSE))
        median_ns = sketch.quantile(0.5)
        successes, tasks = of_droid[droid]
        judged = assignment_effectiveness(
            completed=completed[pattern, droid],
            n=n,
            droid_ratio=successes / tasks,
            median_ns=median_ns,
            pattern_median_ns=by_all[pattern].quantile(0.5),
            code_quality=quality.get((pattern, droid), ScoreTotals()),
        )
        seconds = None if median_ns is None else median_ns / SECOND_NS
        share = completed[pattern, droid] / n
        found.append(Assignment(pattern, droid, n, completed[pattern, droid], share, seconds, judged))
    return sorted(found, key=_rank)


def _rank(each: Assignment) -> tuple[str, float, str]:
    return each.pattern, -(each.effectiveness.lower_bound if each.effectiveness else -1), each.droid


def _quality(minutes: Mapping[Key, int]) -> dict[tuple[str, str], ScoreTotals]:
    found: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for (score, pattern, droid, statistic), amount in sums(
        minutes, Fact.SCORES, "score", "pattern", "droid", "statistic"
    ).items():
        if score == Score.CODE_QUALITY:
            found[pattern, droid][statistic] = amount
    return {
        place: ScoreTotals(*(amounts.get(statistic, 0) for statistic in Statistic))
        for place, amounts in found.items()
    }
