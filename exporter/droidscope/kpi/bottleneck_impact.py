"""
Bottlenecks: when a phase, a droid, communication or integration is one, and its impact.

Impacts are 0 to 100 for all kinds, so that they can be ranked together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeGuard

from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope.conventions.thresholds import RESPONSE_LIMIT_SECONDS, SUCCESS_TARGET
from droidscope.kpi.statistics import clip, weighted_median
from droidscope.units import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

WAIT_LIMIT: Final = 0.2
"""
Share of phase time that may be spent waiting for answers.
"""
BOTTLENECK_MINIMUM: Final = 5
"""
Fewest samples for a baseline, or to call something a bottleneck.
"""


class Baseline(NamedTuple):
    """
    The usual duration of a phase: median and p90 of its *n* runs in the 30 days before the window.
    """

    median_ns: float
    p90_ns: float
    n: int


class Excess(NamedTuple):
    """
    By how much a slow phase exceeds its expected duration, and the time that its session lost by it.
    """

    baseline_ns: float
    percent: float
    lost_ns: float


class ComparedTasks(NamedTuple):
    """
    *n* tasks of a droid of *time_ns* each, and the median duration over all droids of the same task type
    and pattern.

    *time_ns* is the duration of a task, or its time on the critical path of its session.
    """

    time_ns: float
    median_ns: float
    n: int = 1


def phase_excess(
    duration_ns: float, baseline: Baseline | None, planned_ns: float | None, *, on_critical_path: bool
) -> Excess | None:
    """
    The excess of a slow phase; None if it is not slow, or has neither baseline nor plan.

    Slow is more than 1.5 x the baseline's median and more than its p90; with fewer than 5 runs in the
    baseline, more than 1.5 x the declared plan.

    Args:
        duration_ns: Its duration, until now if it is running.
        baseline: That of the same phase of the same pattern.
        planned_ns: Its declared duration.
        on_critical_path: Whether it was on the critical path of its session; if not, no time was lost.

    Definition: docs/kpis.md#bottlenecks
    """
    if baseline and baseline.n >= BOTTLENECK_MINIMUM:
        expected_ns, p90_ns = baseline.median_ns, baseline.p90_ns
    elif planned_ns:
        expected_ns, p90_ns = planned_ns, 0.0
    else:
        return None

    percent = excess_percent(duration_ns, expected_ns)
    if percent is None or duration_ns <= max(SLOW_FACTOR * expected_ns, p90_ns):
        return None
    return Excess(expected_ns, percent, duration_ns - expected_ns if on_critical_path else 0.0)


def excess_percent(duration_ns: float, baseline_ns: float) -> float | None:
    """
    (d / baseline - 1) x 100, the percentage of the specification; None without a baseline.

    Definition: docs/kpis.md#bottlenecks
    """
    return 100 * (duration_ns / baseline_ns - 1) if baseline_ns else None


def droid_slowness(tasks: Iterable[ComparedTasks]) -> float | None:
    """
    Median of the durations of a droid's tasks, each divided by the median of its kind; 1 is average.

    A droid is slow above 1.5. None for fewer than 5 tasks whose kind has a median.

    Definition: docs/kpis.md#bottlenecks
    """
    relative = [(task.time_ns / task.median_ns, task.n) for task in tasks if task.median_ns]
    if sum(n for _, n in relative) < BOTTLENECK_MINIMUM:
        return None
    return weighted_median(relative)


def is_slow_droid(slowness: float | None) -> TypeGuard[float]:
    """
    Whether a droid takes more than 1.5 x as long as all droids; False if that is not known.

    Args:
        slowness: `droid_slowness`.

    Definition: docs/kpis.md#bottlenecks
    """
    return slowness is not None and slowness > SLOW_FACTOR


def droid_lost_ns(tasks: Iterable[ComparedTasks]) -> float:
    """
    Nanoseconds that sessions lost by a droid: the times of its tasks on critical paths beyond the medians.

    Definition: docs/kpis.md#bottlenecks
    """
    return sum(max(0.0, task.time_ns - task.median_ns) * task.n for task in tasks)


def is_communication_slow(wait: float | None, mean_response_ns: float | None, unanswered: int) -> bool:
    """
    Whether waits take too large a share, responses take too long, or queries are unanswered.

    Args:
        wait: Wait share of phase time, 0 to 1.
        mean_response_ns: Mean response time.
        unanswered: Number of unanswered queries.

    Definition: docs/kpis.md#bottlenecks
    """
    is_waiting = wait is not None and wait > WAIT_LIMIT
    is_slow = mean_response_ns is not None and mean_response_ns > RESPONSE_LIMIT_SECONDS * SECOND_NS
    return is_waiting or is_slow or unanswered > 0


def is_integration_weak(integrated: int, syntheses: int) -> bool:
    """
    Whether too few syntheses are integrated; False under 5 of them.

    Definition: docs/kpis.md#bottlenecks
    """
    return syntheses >= BOTTLENECK_MINIMUM and integrated / syntheses < SUCCESS_TARGET


def duration_impact(lost_ns: float, sessions_ns: int) -> float | None:
    """
    100 x time lost over the duration of all sessions, 0 to 100; None without sessions.

    Definition: docs/kpis.md#bottlenecks
    """
    return 100 * clip(lost_ns / sessions_ns) if sessions_ns else None


def integration_impact(integrated: int, syntheses: int) -> float | None:
    """
    100 x share of syntheses not integrated, 0 to 100; None without syntheses.

    Definition: docs/kpis.md#bottlenecks
    """
    return 100 * (syntheses - integrated) / syntheses if syntheses else None
