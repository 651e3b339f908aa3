"""
The status of a droid, from its efficiency, errors and load of the last 24 hours.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions.insight_kinds import DroidStatus
from droidscope.conventions.thresholds import EFFICIENCY_LOW, HIGH_ERROR_RATE
from droidscope.kpi.efficiency import droid_efficiency
from droidscope.kpi.ratios import error_ratio
from droidscope.kpi.totals import DroidTotals

STATUS_WINDOW: Final = "24h"


def droid_status(
    totals: DroidTotals | None,
    attempts_in_flight: int,
    limit: int | None = None,
    error_limit: float = HIGH_ERROR_RATE.limit,
) -> DroidStatus:
    """
    The status of a known droid.

    Args:
        totals: Those of its last 24 hours, None if there are none.
        attempts_in_flight: Its attempts that have not ended.
        limit: How many it may have; None if that is not configured: it is never overloaded.
        error_limit: Share of its attempts that may fail, 0 to 1.

    Definition: docs/kpis.md#droids
    """
    if limit is not None and attempts_in_flight >= limit:
        return "overloaded"
    if totals is None:
        return "healthy" if attempts_in_flight else "offline"
    efficiency, errors = droid_efficiency(totals).score, error_ratio(totals.work)
    is_inefficient = efficiency is not None and efficiency < EFFICIENCY_LOW
    is_failing = errors is not None and errors > error_limit
    return "degraded" if is_inefficient or is_failing else "healthy"
