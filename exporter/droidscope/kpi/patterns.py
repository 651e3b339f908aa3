"""
Patterns: the cost of a success, and the phases and reasons at which sessions fail.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from msgspec import Struct

from droidscope.kpi.statistics import clip, ratio
from droidscope.units import NANO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from droidscope.kpi.totals import PatternTotals


class FailurePoint(Struct, frozen=True, rename={"phase": "phase_id"}):
    """
    A phase ("" for the session itself) and a reason for which it fails.

    *share* is its share of all failures, *cumulative* that of it and the more frequent points; 0 to 1.
    """

    phase: str
    reason: str
    failures: int
    share: float
    cumulative: float


def cost_per_success_usd(pattern: PatternTotals) -> float | None:
    """
    Cost of all executions, failed ones too, over the successful ones, in USD.

    None without a success or without a known cost: an unknown cost is not 0.

    Definition: docs/kpis.md#patterns
    """
    return ratio(pattern.cost, pattern.sessions.sessions_completed * NANO) if pattern.cost else None


def cost_efficiency_ratio(pattern: PatternTotals) -> float | None:
    """
    The reference cost of a success over its cost, at most 1; None without either.

    Definition: docs/kpis.md#patterns
    """
    cost_usd = cost_per_success_usd(pattern)
    if cost_usd is None or pattern.reference_usd is None:
        return None
    return clip(pattern.reference_usd / cost_usd)


def reference_cost_usd(days: Iterable[tuple[int, int]]) -> float | None:
    """
    Median over days of the cost per success, in USD: the reference if there is no budget.

    None if no day has both a success and a known cost.

    Args:
        days: Cost of all executions, in 1e-9 USD, and how many succeeded, for each of the trailing 30.

    Definition: docs/kpis.md#patterns
    """
    daily = [cost / (successes * NANO) for cost, successes in days if cost and successes]
    return statistics.median(daily) if daily else None


def failure_points(failures: Mapping[tuple[str, str], int]) -> list[FailurePoint]:
    """
    Pareto analysis of failures: the failure points, the most frequent first.

    Args:
        failures: The number of failures by phase and reason.

    Definition: docs/kpis.md#patterns
    """
    total = sum(failures.values())
    points = []
    cumulative = 0
    for (phase, reason), n in sorted(failures.items(), key=lambda item: (-item[1], item[0])):
        if n:
            cumulative += n
            points.append(FailurePoint(phase, reason, n, n / total, cumulative / total))
    return points
