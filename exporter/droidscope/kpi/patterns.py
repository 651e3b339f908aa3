"""
Patterns: what a success costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from droidscope.kpi.facts import NANO
from droidscope.kpi.statistics import clip, ratio

if TYPE_CHECKING:
    from droidscope.kpi.subjects import PatternFacts


def cost_per_success_usd(pattern: PatternFacts) -> float | None:
    """
    Cost of all executions, failed ones too, over the successful ones, in USD.

    None without a success or without a known cost: nothing known is not nothing paid.

    Definition: docs/kpis.md#patterns
    """
    return ratio(pattern.cost, pattern.sessions.sessions_completed * NANO) if pattern.cost else None


def cost_efficiency_ratio(pattern: PatternFacts) -> float | None:
    """
    Configured budget over cost per success, at most 1; None without either.

    Definition: docs/kpis.md#patterns
    """
    cost_usd = cost_per_success_usd(pattern)
    if cost_usd is None or pattern.budget_usd is None:
        return None
    return clip(pattern.budget_usd / cost_usd)
