"""
Assignment: how effectively a droid does the tasks of a pattern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from droidscope.kpi.quality import consistency_ratio, mean_score
from droidscope.kpi.statistics import wilson_interval

if TYPE_CHECKING:
    from droidscope.kpi.totals import ScoreTotals

ASSIGNMENT_MINIMUM: Final = 3
"""
Fewest tasks to evaluate an assignment.
"""
PRIOR_TASKS: Final = 5
"""
Weight of the droid's overall ratio, as a number of tasks in the pattern.
"""


class Effectiveness(Struct, frozen=True):
    """
    How effectively one droid does the tasks of one pattern.

    *lower_bound* (Wilson, 95 %) is for ranking, *expected_ratio* (posterior mean) to be shown; both 0 to 1.
    *relative_duration* is 1 if the droid takes as long as the others. *quality* is 0 to 100,
    *quality_consistency* 0 to 1. *n* counts tasks.
    """

    lower_bound: float
    expected_ratio: float
    relative_duration: float | None
    quality: float | None
    quality_consistency: float | None
    n: int


def assignment_effectiveness(
    *,
    completed: int,
    n: int,
    droid_ratio: float,
    median_ns: float | None,
    pattern_median_ns: float | None,
    code_quality: ScoreTotals,
) -> Effectiveness | None:
    """
    The effectiveness of an assignment; None under 3 tasks.

    Args:
        completed: Tasks of the pattern it completed.
        n: Those and the failed ones.
        droid_ratio: p0, its task completion ratio over all patterns.
        median_ns: Median duration of the completed ones.
        pattern_median_ns: The same by all droids of the pattern.
        code_quality: Scores of its tasks in the pattern.

    Definition: docs/kpis.md#patterns
    """
    interval = wilson_interval(completed, n)
    if interval is None or n < ASSIGNMENT_MINIMUM:
        return None
    return Effectiveness(
        lower_bound=interval[0],
        expected_ratio=expected_ratio(completed, n, droid_ratio),
        relative_duration=relative_duration(median_ns, pattern_median_ns),
        quality=mean_score(code_quality),
        quality_consistency=consistency_ratio(code_quality),
        n=n,
    )


def expected_ratio(completed: int, n: int, droid_ratio: float) -> float:
    """
    (s + 5 p0)/(n + 5): posterior mean of the completion ratio, 0 to 1.

    With few tasks it is close to the overall ratio of the droid, with many to that in the pattern.

    Definition: docs/kpis.md#patterns
    """
    return (completed + PRIOR_TASKS * droid_ratio) / (n + PRIOR_TASKS)


def relative_duration(median_ns: float | None, reference_ns: float | None) -> float | None:
    """
    A median duration over that of all, 1 where they are equal; None without either.

    Definition: docs/kpis.md#patterns
    """
    return median_ns / reference_ns if median_ns is not None and reference_ns else None
