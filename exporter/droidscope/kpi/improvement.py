"""
Recommendations: when one is given, its impact, and the most that it can gain.

Expected improvements are computed from the data behind the recommendation, never constants.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from droidscope.conventions.thresholds import SUCCESS_TARGET
from droidscope.kpi.statistics import clip, ratio, wilson_interval

if TYPE_CHECKING:
    from droidscope.kpi.rankings import Outcomes

PATTERN_MINIMUM: Final = 5
"""
Fewest sessions for a recommendation on a pattern.
"""
FAILURES_MINIMUM: Final = 10
"""
Fewest failures to estimate what fixing a failure point can gain.
"""
REASSIGNMENT_MINIMUM: Final = 3
"""
Fewest tasks of both droids to prefer one of them.
"""
SEQUENCING_LIMIT: Final = 0.1
"""
Share of the makespan above which running phases in parallel is recommended.
"""


class Urgency(StrEnum):
    """
    Whether the low success rate of a pattern is significant (review) or not yet (watch).
    """

    REVIEW = "review"
    WATCH = "watch"


class ImprovementEstimate(NamedTuple):
    """
    The most that can be gained, as a share of 0 to 1 within its 95 % interval.
    """

    share: float
    low: float
    high: float


def pattern_urgency(completed: int, n: int) -> Urgency | None:
    """
    Review a pattern whose success rate is below the target with 95 % confidence, else watch it.

    None if the success rate is at or above the target, or under 5 sessions.

    Definition: docs/kpis.md#recommendations
    """
    interval = wilson_interval(completed, n)
    if interval is None or n < PATTERN_MINIMUM or completed / n >= SUCCESS_TARGET:
        return None
    return Urgency.REVIEW if interval[1] < SUCCESS_TARGET else Urgency.WATCH


def pattern_impact(completed: int, n: int, all_sessions: int) -> float | None:
    """
    100 x the shortfall of success as a share of the target x the pattern's share of sessions.

    0 to 100; 0 at or above the target, None without sessions.

    Args:
        completed: The pattern's sessions that completed.
        n: Those that ended.
        all_sessions: Sessions of all patterns that ended.

    Definition: docs/kpis.md#recommendations
    """
    success, share = ratio(completed, n), ratio(n, all_sessions)
    if success is None or share is None:
        return None
    return 100 * clip((SUCCESS_TARGET - success) / SUCCESS_TARGET) * share


def failure_point_improvement(failures_there: int, failures: int) -> ImprovementEstimate | None:
    """
    The share of a pattern's failures that fixing one failure point removes at most.

    None under 10 failures.

    Definition: docs/kpis.md#recommendations
    """
    interval = wilson_interval(failures_there, failures)
    if interval is None or failures < FAILURES_MINIMUM:
        return None
    return ImprovementEstimate(failures_there / failures, *interval)


def reassignment_gain(current: Outcomes, other: Outcomes) -> float | None:
    """
    How much more the other droid completes with 95 % confidence: its Wilson lower bound minus this ratio.

    Both for the same pattern and task type. Above 0, at most 1; None if it does not complete more, or
    either has fewer than 3 tasks.

    Definition: docs/kpis.md#recommendations
    """
    interval = wilson_interval(*other)
    if interval is None or min(current.n, other.n) < REASSIGNMENT_MINIMUM:
        return None
    gain = interval[0] - current.successes / current.n
    return gain if gain > 0 else None


def reassignment_impact(gain: float, pair_tasks: int, all_tasks: int) -> float | None:
    """
    100 x *gain* x the pair's share of tasks, 0 to 100; None without tasks.

    Definition: docs/kpis.md#recommendations
    """
    share = ratio(pair_tasks, all_tasks)
    return None if share is None else 100 * gain * share


def sequencing_impact(sequencing: float) -> float | None:
    """
    100 x the share of the makespan that parallel phases would save; None up to 10 %.

    Args:
        sequencing: `critical_path.sequencing_ratio`, 0 to 1.

    Definition: docs/kpis.md#recommendations
    """
    return 100 * sequencing if sequencing > SEQUENCING_LIMIT else None
