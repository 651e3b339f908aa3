"""
Recording rules: the increases, the KPIs made of them, and quantiles of durations, in groups by window.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from droidscope.conventions import increases as i
from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.matchers import outcome_is
from droidscope.conventions.metrics import ORCHESTRATOR
from droidscope.rules.promql import Recording, Scope
from droidscope.rules.recorded_increases import DAY, HOUR, WEEK, RecordedIncreases, level
from droidscope.rules.recorded_kpis import KPIS

_ALL: Final = Scope()

# --- what the boards' trends read

SESSIONS = HOUR[i.SESSIONS]
SESSIONS_UNSUCCESSFUL = HOUR[i.SESSIONS_UNSUCCESSFUL]
SESSION_DURATION_SUM = HOUR[i.SESSION_DURATION.total]
SESSION_DURATION_COUNT = HOUR[i.SESSION_DURATION.n]
ATTEMPTS = HOUR[i.ATTEMPTS]
ATTEMPTS_FAILED = HOUR[i.ATTEMPTS_FAILED]
CODE_QUALITY_SUM = HOUR[i.CODE_QUALITY.total]
CODE_QUALITY_COUNT = HOUR[i.CODE_QUALITY.n]

# --- what no counter gives alone


def _quantiles(window: str) -> tuple[Recording, ...]:
    """
    Median and p95 of durations, from their buckets: quantiles of quantiles would be nonsense.
    """
    return tuple(
        Recording(
            f"{level(levels)}:{metric.name}:p{percentile}_increase{window}",
            (ORCHESTRATOR, *levels),
            _ALL.quantile(percentile / 100, metric, (ORCHESTRATOR, *levels), window, *matchers),
        )
        for metric, levels, matchers in (
            (m.SESSION_DURATION, i.PATTERN, (outcome_is(Outcome.COMPLETED),)),
            (m.PHASE_DURATION, i.PHASE, ()),
            (m.TASK_DURATION, i.DROID, ()),
        )
        for percentile in (50, 95)
    )


class Group(NamedTuple):
    """
    A group of rules, how often it is evaluated, and its rules in order.
    """

    name: str
    interval: str
    rules: tuple[Recording, ...]


def _group(
    window: str, interval: str, increases: RecordedIncreases, quantiles: tuple[Recording, ...] = ()
) -> Group:
    kpis = tuple(kpi.rule for kpi in KPIS[window])
    return Group(f"droidscope-recording-{window}", interval, (*increases.values(), *kpis, *quantiles))


GROUPS: Final = (
    _group("1h", "30s", HOUR, _quantiles("1h")),
    _group("24h", "1m", DAY, _quantiles("24h")),
    # A series is gone 5 minutes after its last sample, so no group may take that long.
    _group("7d", "2m", WEEK),
)
"""
The rule groups: the longer the window, the more an evaluation costs and the less it changes.
"""


def recording_groups(*windows: str) -> dict[str, object]:
    """
    The rule file of the recording rules over these *windows*.
    """
    chosen = [group for group in GROUPS if group.name.rpartition("-")[-1] in windows]
    return {
        "groups": [
            {
                "name": group.name,
                "interval": group.interval,
                "rules": [{"record": rule.name, "expr": rule.expr} for rule in group.rules],
            }
            for group in chosen
        ]
    }
