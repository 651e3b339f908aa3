"""
Alerts about model providers and about money.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import fleet_thresholds, metrics
from droidscope.conventions import increases as i
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import outcome_is
from droidscope.formatting import number
from droidscope.limits.alert_limits import AnyThreshold
from droidscope.limits.sentences import limit_text
from droidscope.rules.alerts.rule import (
    COUNT,
    DURATION,
    ORCHESTRATOR_NAME,
    OVERVIEW_BOARD,
    PATTERNS_BOARD,
    PERCENTAGE,
    RATIO_KEEPS_FIRING,
    TIMES,
    AlertKind,
    AlertRule,
    subject,
)
from droidscope.rules.promql import Scope, at_least, more_than
from droidscope.rules.recorded_increases import DAY, HOUR


def _failing(limit: AnyThreshold, scope: Scope) -> AlertRule:
    failed = scope.increase(metrics.MODEL_REQUESTS, limit.by, limit.window, outcome_is(Outcome.FAILED))
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=(
            f"{failed}\n"
            f"/ ({scope.judged(metrics.MODEL_REQUESTS, limit.by, limit.window)} "
            f"{at_least(limit.minimum)})\n"
            f"> {number(limit.limit)}"
        ),
        summary="A model provider fails.",
        description=(
            f"{PERCENTAGE} of the requests to {subject('model')} failed in the last {limit.window}; "
            f"the limit is {limit_text(limit)}."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _slow(limit: AnyThreshold, scope: Scope) -> AlertRule:
    requests = scope.increase(metrics.MODEL_REQUEST_DURATION, limit.by, limit.window, part="count")
    slowest = scope.quantile(
        fleet_thresholds.SLOW_QUANTILE, metrics.MODEL_REQUEST_DURATION, limit.by, limit.window
    )
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f"{slowest} > {number(limit.limit)}\nand {requests} {at_least(limit.minimum)}",
        summary="A model provider is slow.",
        description=(
            f"One in {number(1 / (1 - fleet_thresholds.SLOW_QUANTILE))} requests to {subject('model')} took "
            f"longer than {DURATION} in the last {limit.window}; the limit is {limit_text(limit)}."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _spending(limit: AnyThreshold, scope: Scope) -> AlertRule:
    spent = scope.recorded_sum(HOUR[i.COST], limit.by)
    hours = f"({spent} > 0)[7d:1h] offset 1h"
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=(
            f"({spent} > {number(fleet_thresholds.SPENDING_FLOOR_USD)})\n"
            f"/ (avg_over_time({hours})\n"
            f"  and count_over_time({hours}) {at_least(limit.minimum)})\n"
            f"> {number(limit.limit)}"
        ),
        summary="Spending is far above the usual.",
        description=(
            f"{ORCHESTRATOR_NAME} spent {TIMES} times as much in the last {limit.window} as in an hour of "
            f"work of the last week; the limit is {limit_text(limit)} times."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


def _unpriced(limit: AnyThreshold, scope: Scope) -> AlertRule:
    tokens = scope.increase(metrics.UNPRICED_TOKENS, limit.by, limit.window)
    return AlertRule(
        threshold=limit,
        board=OVERVIEW_BOARD,
        expr=f"{tokens} {more_than(limit.limit)}",
        summary="Tokens have no price.",
        description=(
            f"{COUNT} tokens of {subject('model')} had neither a cost nor a price in the last "
            f"{limit.window}, so all costs are too low; the limit is {limit_text(limit)}."
        ),
    )


def _cost_per_success(limit: AnyThreshold, scope: Scope) -> AlertRule:
    cost, sessions, unsuccessful = (
        scope.recorded(rule) for rule in (DAY[i.COST], DAY[i.SESSIONS], DAY[i.SESSIONS_UNSUCCESSFUL])
    )
    successes = f"({sessions} - {unsuccessful})"
    # Seven days, each as it was recorded, the newest ending a day ago or earlier.
    week_cost, week_successes = (f"sum_over_time({expr}[7d:1d] offset 1d)" for expr in (cost, successes))
    enough = at_least(limit.minimum * fleet_thresholds.COST_BASELINE_TIMES)
    return AlertRule(
        threshold=limit,
        board=PATTERNS_BOARD,
        expr=(
            f"({cost} / ({successes} {at_least(limit.minimum)}))\n"
            f"/ (({week_cost} > 0)\n"
            f"  / ({week_successes} {enough}))\n"
            f"> {number(limit.limit)}"
        ),
        summary="A success costs far more than before.",
        description=(
            f"A success of {subject('pattern')} cost {TIMES} times as much in the last {limit.window} as in "
            f"the week before; the limit is {limit_text(limit)} times."
        ),
        keep_firing_for=RATIO_KEEPS_FIRING,
    )


MODELS: Final = (
    AlertKind(fleet_thresholds.MODEL_REQUESTS_FAILING, _failing),
    AlertKind(fleet_thresholds.MODEL_REQUESTS_SLOW, _slow),
)
COST: Final = (
    AlertKind(fleet_thresholds.SPENDING_HIGH, _spending),
    AlertKind(fleet_thresholds.TOKENS_UNPRICED, _unpriced),
    AlertKind(fleet_thresholds.COST_PER_SUCCESS_HIGH, _cost_per_success),
)
