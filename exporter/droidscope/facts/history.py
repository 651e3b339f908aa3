"""
History: what insights look back on, hour by hour, for as long as 37 days.

The same facts and the same machine as the minute windows (`windows`), with hours for buckets. A
window of insights begins at the full hour at or before now - window, since its many small counts by
duration would be too many by the minute.

Definition: docs/kpis.md#conventions
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from droidscope.conventions.attributes import Outcome
from droidscope.conventions.metrics import WINDOWS
from droidscope.facts.facts import LABELS, OF_HOURS_ALONE, Fact, Key
from droidscope.facts.packing import unpacked
from droidscope.facts.sketch import COARSE, FINE, TENTHS, Sketch
from droidscope.facts.window_shape import WindowShape, WindowSpan
from droidscope.kpi.efficiency import orchestrator_efficiency
from droidscope.kpi.statistics import ratio
from droidscope.kpi.totals import by_subject
from droidscope.units import HOUR_NS, SECOND_NS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DAY_HOURS: Final = 24
TRAILING_HOURS: Final = 30 * DAY_HOURS
"""
How far baselines look back before a window.
"""
MONTH: Final = "30d"
"""
The window of what phases and sessions usually take, up to now.
"""


def before(window: str) -> str:
    """
    The name of the 30 days before a window.
    """
    return f"before {window}"


HOURS: Final = WindowShape(
    HOUR_NS,
    {
        **{window: WindowSpan(minutes // 60, facts=OF_HOURS_ALONE) for window, minutes in WINDOWS.items()},
        **{
            before(window): WindowSpan(
                minutes // 60 + TRAILING_HOURS, minutes // 60, frozenset({Fact.PHASE_TOOK})
            )
            for window, minutes in WINDOWS.items()
        },
        MONTH: WindowSpan(TRAILING_HOURS, facts=frozenset({Fact.PHASE_TOOK, Fact.SESSION_TOOK})),
    },
)


def sketches(totals: Mapping[Key, int], fact: Fact, *by: str, **where: str) -> dict[tuple[str, ...], Sketch]:
    """
    A sketched fact's values, by some of its labels.

    Args:
        totals: What a window holds.
        fact: One that counts by bucket.
        *by: The labels to tell apart.
        **where: Labels that must have a value.
    """
    bits = FINE if fact is Fact.SCORED else COARSE
    positions = [LABELS[fact].index(label) + 1 for label in by]
    wanted = [(LABELS[fact].index(label) + 1, value) for label, value in where.items()]
    found: defaultdict[tuple[str, ...], Sketch] = defaultdict(lambda: Sketch(bits=bits))
    for key, amount in totals.items():
        if key[0] == fact and all(key[position] == value for position, value in wanted):
            found[tuple([key[position] for position in positions])].add_bucket(int(key[-1]), amount)
    return dict(found)


def split(totals: Mapping[Key, int], *by: str) -> dict[str, dict[Key, int]]:
    """
    Totals by the value of a label, or of the one of several that a fact has; without those of facts that
    have none of them.
    """
    positions = {
        fact: labels.index(label) + 1 for fact, labels in LABELS.items() for label in by if label in labels
    }
    found: defaultdict[str, dict[Key, int]] = defaultdict(dict)
    for key, amount in totals.items():
        position = positions.get(Fact(key[0]))
        if position is not None:
            found[key[position]][key] = amount
    return dict(found)


class HistoryPoint(NamedTuple):
    """
    The value of a KPI in one bucket of time, and how many samples made it.
    """

    value: float
    n: int


class HistoryPoints(NamedTuple):
    """
    What one bucket of time says, for trends.

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
    What hours say together, each packed as `Windows.buckets` gives it.

    Remembered: hours that are over change rarely, and to read one costs a millisecond.
    """
    totals: Counter[Key] = Counter()
    for packed in buckets:
        totals.update(unpacked(packed))

    facts = by_subject(totals)
    score = orchestrator_efficiency(facts.orchestrator).score
    success = {
        pattern: HistoryPoint(share, each.sessions.sessions_ended)
        for pattern, each in facts.patterns.items()
        if (share := ratio(each.sessions.sessions_completed, each.sessions.sessions_ended)) is not None
    }
    durations = sketches(totals, Fact.SESSION_TOOK, "pattern", outcome=Outcome.COMPLETED)
    scored = sketches(totals, Fact.SCORED, "score", "droid")
    return HistoryPoints(
        None if score is None else HistoryPoint(score, facts.orchestrator.work.tasks_ended),
        success,
        {pattern: _median(sketch, SECOND_NS) for (pattern,), sketch in durations.items() if sketch.n},
        {(kind, droid): _median(sketch, TENTHS) for (kind, droid), sketch in scored.items() if sketch.n},
        {
            pattern: (each.cost, each.sessions.sessions_completed)
            for pattern, each in facts.patterns.items()
            if each.cost
        },
    )


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
    found: dict[int, list[bytes]] = defaultdict(list)
    for number, packed in hours:
        if packed:
            found[number // size].append(packed)
    return Timeline(
        size * HOUR_NS,
        [bucket * size * HOUR_NS for bucket in found],
        [points(tuple(packed)) for packed in found.values()],
    )


def hours_over(now_ns: int, size: int, count: int) -> range:
    """
    The hours of the last *count* buckets of *size* hours that are over at *now_ns*.
    """
    stop = now_ns // (size * HOUR_NS) * size
    return range(stop - count * size, stop)
