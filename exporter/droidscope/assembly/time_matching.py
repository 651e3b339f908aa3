"""
Which intervals of time enclose which others, one each: the largest such matching, whatever the order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

TOLERANCE_NS: Final = 2_000
"""
How much later than the enclosed one an interval may begin, or earlier end: frameworks cut their times to
microseconds, and some take them through floating point.
"""


class Interval(NamedTuple):
    """
    Something that took its time, in Unix nanoseconds; *number* is the caller's own.
    """

    start_ns: int
    end_ns: int
    number: int


def encloses(outer: Interval, inner: Interval) -> bool:
    """
    Whether *outer* lies around *inner*, but for what clocks and rounding do.
    """
    return outer.start_ns <= inner.start_ns + TOLERANCE_NS and inner.end_ns <= outer.end_ns + TOLERANCE_NS


def match_enclosing(
    inner: Iterable[Interval],
    outer: Iterable[tuple[Hashable, Interval]],
    groups: Mapping[int, Sequence[Hashable]],
) -> dict[int, int]:
    """
    For as many of *inner* as possible the number of an interval around it, each taken once.

    The inner ones are taken by their start: then every outer one that has begun is there for all later ones,
    too, so that the one which ends first is always the right one to take.

    Args:
        inner: The enclosed intervals.
        outer: Group and interval of those around them.
        groups: The groups that each of *inner* may be enclosed by, by its number; the matching is the largest
            where these groups are the same or have none in common.
    """
    waiting = sorted(outer, key=lambda each: (each[1].start_ns, each[1].number), reverse=True)
    begun: defaultdict[Hashable, list[tuple[int, int]]] = defaultdict(list)
    found: dict[int, int] = {}
    for each in sorted(inner):
        while waiting and waiting[-1][1].start_ns <= each.start_ns + TOLERANCE_NS:
            group, interval = waiting.pop()
            insort(begun[group], (interval.end_ns, interval.number))
        best = min(
            (
                (*begun[group][at], group, at)
                for group in groups[each.number]
                if (at := bisect_left(begun[group], (each.end_ns - TOLERANCE_NS, -1))) < len(begun[group])
            ),
            key=lambda candidate: candidate[:2],
            default=None,
        )
        if best is not None:
            found[each.number] = best[1]
            del begun[best[2]][best[3]]
    return found
