"""
Limits of model providers and of spending.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions.attributes import Severity
from droidscope.conventions.thresholds import (
    BY_MODEL,
    BY_ORCHESTRATOR,
    BY_PATTERN,
    FleetAlertCategory,
    Threshold,
)

# --- model providers ----------------------------------------------------------------------------

MODEL_REQUESTS_FAILING: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorModelRequestsFailing",
    category="models",
    by=BY_MODEL,
    when="per model: more than {limit} of the requests of {window} (at least {minimum}) failed",
    breached="above",
    limit=0.20,
    minimum=20,
    window="15m",
    hold="5m",
    severity=Severity.HIGH,
    action="switch_model_provider",
    unit="ratio",
)
MODEL_REQUESTS_SLOW: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorModelRequestsSlow",
    category="models",
    by=BY_MODEL,
    when="per model: p95 of the requests of {window} (at least {minimum}) over {limit}",
    breached="above",
    limit=120,
    minimum=20,
    window="15m",
    hold="10m",
    severity=Severity.MEDIUM,
    action="check_model_provider",
    unit="seconds",
)
SLOW_QUANTILE: Final = 0.95
"""
One request of twenty slower than the limit is slow.
"""

# --- cost ---------------------------------------------------------------------------------------

SPENDING_HIGH: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorSpendingHigh",
    category="cost",
    by=BY_ORCHESTRATOR,
    when=(
        "per orchestrator: the last hour cost over {limit} times as much as an average hour with "
        "spending in the week before (at least {minimum} such hours), and over 1 US dollar"
    ),
    breached="above",
    limit=3,
    minimum=12,
    window="1h",
    hold="5m",
    severity=Severity.HIGH,
    action="review_spending",
    unit="times",
    fixed=("window",),
)
"""
*minimum* is how many hours with spending there must be in the week before it: the usual is their
mean. Hours without are left out, or each Monday morning would be many times a mean with nights in it.
"""
SPENDING_FLOOR_USD: Final = 1.0
"""
An hour cheaper than this is never too expensive.
"""
TOKENS_UNPRICED: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorTokensUnpriced",
    category="cost",
    by=BY_MODEL,
    when="per model: tokens without a cost and without a price within {window}",
    breached="above",
    limit=0,
    window="1h",
    hold="15m",
    severity=Severity.LOW,
    action="configure_prices",
)
COST_PER_SUCCESS_HIGH: Final[Threshold[FleetAlertCategory]] = Threshold(
    name="OrchestratorCostPerSuccessHigh",
    category="cost",
    by=BY_PATTERN,
    when=(
        "per pattern: the cost per success of {window} (at least {minimum}) is over {limit} times "
        "that of the week before (at least 20)"
    ),
    breached="above",
    limit=2,
    minimum=5,
    window="24h",
    hold="15m",
    severity=Severity.MEDIUM,
    action="review_pattern_cost",
    unit="times",
    fixed=("window",),
)
"""
*minimum* successes in the day, and four times as many in the week before it.
"""
COST_BASELINE_TIMES: Final = 4
