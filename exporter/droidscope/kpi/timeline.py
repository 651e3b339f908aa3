"""
Timelines: the values of KPIs by hour or by day, from which trends are computed.

Definition: docs/kpis.md#trends-and-forecasts
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_totals import Totals, sketch_by
from droidscope.facts.packing import unpacked
from droidscope.facts.sketch import TENTHS, Sketch
from droidscope.facts.sketched_facts import ScoreCounts, SessionDurations
from droidscope.kpi.efficiency import orchestrator_efficiency
from droidscope.kpi.ratios import session_success_ratio
from droidscope.kpi.totals import orchestrator_totals, pattern_totals
from droidscope.units import HOUR_NS, SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from droidscope.facts.fact_key import FactKey


class HistoryPoint(NamedTuple):
    """
    The value of a KPI in one bucket of time, and how many samples made it.
    """

    value: float
    n: int


class HistoryPoints(NamedTuple):
    """
    The values of KPIs in one bucket of time, for trends.

    *efficiency* is the orchestrator's score; *success* (0 to 1) and *duration_seconds* (median) are by
    pattern; *scores* (median points) by kind and droid; *costs* by pattern: in 1e-9 USD, and for how
    many successes.
    """

    efficiency: HistoryPoint | None
    success: dict[str, HistoryPoint]
    duration_seconds: dict[str, HistoryPoint]
    scores: dict[tuple[str, str], HistoryPoint]
    costs: dict[str, tuple[int, int]]


@lru_cache(maxsize=32_768)
def points(buckets: tuple[bytes, ...]) -> HistoryPoints:
    """
    The values of KPIs over some hours together, each packed as `Windows.buckets` gives it.

    Remembered: hours that are over change rarely, and to read one costs a millisecond.
    """
    amounts: Counter[FactKey] = Counter()
    for packed in buckets:
        amounts.update(unpacked(packed))

    totals = Totals(amounts)
    orchestrator = orchestrator_totals(totals)
    patterns = {pattern: pattern_totals(of_pattern) for pattern, of_pattern in totals.by_pattern.items()}
    score = orchestrator_efficiency(orchestrator).score
    return HistoryPoints(
        efficiency=None if score is None else HistoryPoint(score, orchestrator.work.tasks_ended),
        success={
            pattern: HistoryPoint(success, facts.sessions.sessions_ended)
            for pattern, facts in patterns.items()
            if (success := session_success_ratio(facts.sessions)) is not None
        },
        duration_seconds=_durations(totals),
        scores=_scores(totals),
        costs={
            pattern: (facts.cost, facts.sessions.sessions_completed)
            for pattern, facts in patterns.items()
            if facts.cost
        },
    )


def _durations(totals: Totals) -> dict[str, HistoryPoint]:
    sketches = sketch_by(
        totals.of(SessionDurations),
        lambda key: key.pattern,
        where=lambda key: key.outcome is Outcome.COMPLETED,
    )
    return {pattern: _median(sketch, SECOND_NS) for pattern, sketch in sketches.items() if sketch.n}


def _scores(totals: Totals) -> dict[tuple[str, str], HistoryPoint]:
    sketches = sketch_by(totals.of(ScoreCounts), lambda key: (str(key.score), key.droid))
    return {subject: _median(sketch, TENTHS) for subject, sketch in sketches.items() if sketch.n}


def _median(sketch: Sketch, unit: int) -> HistoryPoint:
    median = sketch.quantile(0.5)
    return HistoryPoint((median or 0.0) / unit, sketch.n)


class Timeline(NamedTuple):
    """
    Points in order of time, of buckets that are over and of which anything is known: *times_ns* is
    when each began, *bucket_ns* how long each is.
    """

    bucket_ns: int
    times_ns: Sequence[int]
    points: Sequence[HistoryPoints]


def timeline(hours: Sequence[tuple[int, bytes]], size: int) -> Timeline:
    """
    The points of buckets of *size* hours each.

    Args:
        hours: Number and packed facts of each hour, in order, whole buckets from the first on.
        size: Hours in a bucket: 1, or 24 for days in UTC.
    """
    buckets: dict[int, list[bytes]] = defaultdict(list)
    for number, packed in hours:
        if packed:
            buckets[number // size].append(packed)
    return Timeline(
        size * HOUR_NS,
        [bucket * size * HOUR_NS for bucket in buckets],
        [points(tuple(packed)) for packed in buckets.values()],
    )


def hours_over(now_ns: int, size: int, count: int) -> range:
    """
    The hours of the last *count* buckets of *size* hours that are over at *now_ns*.
    """
    stop = now_ns // (size * HOUR_NS) * size
    return range(stop - count * size, stop)
