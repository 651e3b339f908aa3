"""
Recording rules: numerators and denominators of the trends on the boards, an hour long.

Kept apart, not divided, so that a board divides sums over whatever its variables select and never
averages ratios.
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions import metrics
from droidscope.conventions.metrics import ORCHESTRATOR, MetricSpec
from droidscope.mixin.promql import Part, Recording, Scope

_ALL: Final = Scope()
_WINDOW: Final = "1h"


def _hourly(
    metric: MetricSpec, levels: tuple[str, ...], *matchers: str, part: Part = "", of: str = ""
) -> Recording:
    labels = (ORCHESTRATOR, *levels)
    base = metric.name.removesuffix("_total") + (f"_{part}" if part else "") + (f"_{of}" if of else "")
    return Recording(
        f"{'_'.join(levels)}:{base}:increase{_WINDOW}",
        labels,
        _ALL.increase(metric, labels, _WINDOW, *matchers, part=part),
    )


SESSIONS = _hourly(metrics.SESSIONS, ("pattern",))
SESSIONS_UNSUCCESSFUL = Recording(
    f"pattern:orchestrator_sessions_unsuccessful:increase{_WINDOW}",
    (ORCHESTRATOR, "pattern"),
    _ALL.unsuccessful((ORCHESTRATOR, "pattern"), _WINDOW),
)
SESSION_DURATION_SUM = _hourly(metrics.SESSION_DURATION, ("pattern",), 'outcome="completed"', part="sum")
SESSION_DURATION_COUNT = _hourly(metrics.SESSION_DURATION, ("pattern",), 'outcome="completed"', part="count")
ATTEMPTS = _hourly(metrics.ATTEMPTS, ("droid",))
ATTEMPTS_FAILED = _hourly(metrics.ATTEMPTS, ("droid",), 'outcome="failed"', of="failed")
CODE_QUALITY_SUM = _hourly(metrics.CODE_QUALITY, ("pattern", "droid"), part="sum")
CODE_QUALITY_COUNT = _hourly(metrics.CODE_QUALITY, ("pattern", "droid"), part="count")

RECORDINGS: Final = (
    SESSIONS,
    SESSIONS_UNSUCCESSFUL,
    SESSION_DURATION_SUM,
    SESSION_DURATION_COUNT,
    ATTEMPTS,
    ATTEMPTS_FAILED,
    CODE_QUALITY_SUM,
    CODE_QUALITY_COUNT,
)
"""
Every recording rule, in order.
"""


def recording_groups() -> dict[str, object]:
    """
    The rule file of the recording rules.
    """
    rules = [{"record": rule.name, "expr": rule.expr} for rule in RECORDINGS]
    return {"groups": [{"name": "droidscope-recording", "rules": rules}]}
