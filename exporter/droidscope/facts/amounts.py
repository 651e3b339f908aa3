"""
How much a record adds to facts that need a formula: scores and response credit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.conventions.thresholds import RESPONSE_LIMIT_SECONDS
from droidscope.facts.fact_key import Score, Statistic
from droidscope.facts.facts import ScoreSums
from droidscope.units import MICRO, NANO, SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterator


def score_sums(
    score: Score, *, pattern: str, droid: str, task_type: str, points: float
) -> Iterator[tuple[ScoreSums, int]]:
    """
    The three facts one score of 0..100 *points* adds, as (key, amount).
    """
    micro_points = round(points * MICRO)
    for statistic, amount in (
        (Statistic.N, 1),
        (Statistic.SUM, micro_points),
        (Statistic.SQUARES, micro_points**2),
    ):
        yield (
            ScoreSums(score=score, pattern=pattern, droid=droid, task_type=task_type, statistic=statistic),
            amount,
        )


def response_credit(response_ns: int) -> int:
    """
    What an answer in time is worth: clip(1 - t/300), in units of 1e-9, rounded down.

    Queries that were answered late or never are worth 0 whatever their time, which is for the
    caller to know.

    Definition: docs/kpis.md#droids
    """
    limit_ns = round(RESPONSE_LIMIT_SECONDS * SECOND_NS)
    left_ns = min(limit_ns, max(0, limit_ns - response_ns))
    return left_ns * NANO // limit_ns
