"""
Quality: mean and consistency of the scores of outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from droidscope.kpi.statistics import population_sd, ratio
from droidscope.units import MICRO

if TYPE_CHECKING:
    from droidscope.kpi.totals import ScoreTotals

CONSISTENCY_MINIMUM: Final = 3
"""
Fewest scores for a consistency.
"""
WIDEST_SD: Final = 50
"""
Population SD of scores of which half are 0 and half are 100.
"""


def mean_score(scores: ScoreTotals) -> float | None:
    """
    Mean of *scores*, 0 to 100; None without any.

    Definition: docs/kpis.md#droids
    """
    return ratio(scores.sum, scores.n * MICRO)


def consistency_ratio(scores: ScoreTotals) -> float | None:
    """
    1 - SD/50 of *scores*, population SD: 1 if all are equal, 0 at the widest spread.

    None under three scores.

    Definition: docs/kpis.md#droids
    """
    sd = population_sd(scores.n, scores.sum, scores.squares)
    if sd is None or scores.n < CONSISTENCY_MINIMUM:
        return None
    return 1 - sd / (WIDEST_SD * MICRO)
