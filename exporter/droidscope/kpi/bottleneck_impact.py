"""
Bottlenecks: what is slow, and which share of the outcome that costs.

Impacts are 0 to 100 for every kind, so that all kinds rank on one scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeGuard

from droidscope.conventions.scoring import SLOW_FACTOR
from droidscope.conventions.thresholds import RESPONSE_LIMIT_SECONDS, SUCCESS_TARGET
from droidscope.kpi.statistics import clip
from droidscope.units import SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

WAIT_LIMIT: Final = 0.2
"""
Share of phase time that may be spent waiting for answers.
"""
BOTTLENECK_MINIMUM: Final = 5
"""
Samples from which there is a baseline, or a verdict.
"""


class Baseline(NamedTuple):
    """
    What a phase took in the trailing 30 days: median and p90 in nanoseconds, of *n*.
    """

    median_ns: float
    p90_ns: float
    n: int


class Excess(NamedTuple):
    """
    By how much a slow phase exceeds what was expected of it, and the time its session lost by that.
    """

    baseline_ns: float
    percent: float
    lost_ns: float


class WorkTime(NamedTuple):
    """
    What *n* tasks of a droid took each, or held their sessions, and the median that the same task
    type of the same pattern takes all droids.
    """

    time_ns: float
    median_ns: float
    n: int = 1


def phase_excess(
    duration_ns: float, trailing: Baseline | None, planned_ns: float | None, *, on_critical_path: bool
) -> Excess | None:
    """
    The excess of a slow phase; None if it is not slow, or nothing says how long it should take.

    Slow is more than 1.5 x the trailing median and more than the trailing p90; with fewer than 5
    before it, more than 1.5 x the declared plan.

    Args:
        duration_ns: What it took, or so far if it still runs.
        trailing: The same phase of the same pattern.
        planned_ns: What was declared for it.
        on_critical_path: Whether it held its session at any moment; else it lost no time.

    Definition: docs/kpis.md#bottlenecks
    """
    if trailing and trailing.n >= BOTTLENECK_MINIMUM:
        expected_ns, usual_ns = trailing.median_ns, trailing.p90_ns
    elif planned_ns:
        expected_ns, usual_ns = planned_ns, 0.0
    else:
        return None

    percent = excess_percent(duration_ns, expected_ns)
    if percent is None or duration_ns <= max(SLOW_FACTOR * expected_ns, usual_ns):
        return None
    return Excess(expected_ns, percent, duration_ns - expected_ns if on_critical_path else 0.0)


def excess_percent(duration_ns: float, baseline_ns: float) -> float | None:
    """
    (d / baseline - 1) x 100, the percentage of the specification; None without a baseline.

    Definition: docs/kpis.md#bottlenecks
    """
    return 100 * (duration_ns / baseline_ns - 1) if baseline_ns else None


def droid_slowness(tasks: Iterable[WorkTime]) -> float | None:
    """
    Median of each task's duration over the median of its kind, 1 where as fast as all.

    A droid is slow above 1.5. None under 5 tasks that have such a median.

    Definition: docs/kpis.md#bottlenecks
    """
    relative = sorted((task.time_ns / task.median_ns, task.n) for task in tasks if task.median_ns)
    n = sum(count for _, count in relative)
    if n < BOTTLENECK_MINIMUM:
        return None
    middle = (_ranked(relative, (n - 1) // 2), _ranked(relative, n // 2))
    return (middle[0] + middle[1]) / 2


def is_slow_droid(slowness: float | None) -> TypeGuard[float]:
    """
    Whether a droid takes more than 1.5 x as long as all do; False where that is not known.

    Args:
        slowness: `droid_slowness`.

    Definition: docs/kpis.md#bottlenecks
    """
    return slowness is not None and slowness > SLOW_FACTOR


def droid_lost_ns(held: Iterable[WorkTime]) -> float:
    """
    Nanoseconds a droid held sessions beyond the median of the same kind of task.

    Definition: docs/kpis.md#bottlenecks
    """
    return sum(max(0.0, task.time_ns - task.median_ns) * task.n for task in held)


def is_communication_slow(wait: float | None, mean_response_ns: float | None, unanswered: int) -> bool:
    """
    Whether waiting takes too large a share, answers too long, or queries stay without one.

    Args:
        wait: Wait share of phase time, 0 to 1.
        mean_response_ns: Mean time to an answer.
        unanswered: Queries never answered.

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


def _ranked(values: Iterable[tuple[float, int]], rank: int) -> float:
    """
    The value at *rank*, from 0, of ascending values that each stand for so many.
    """
    passed = 0
    for value, count in values:
        passed += count
        if passed > rank:
            return value
    raise IndexError(rank)
