"""
What the instrumentation reports as emitted, added up over processes and their restarts.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from droidscope.bounded import BoundedMap
from droidscope.model.labels import OrchestratorLabels, Relabel, unchanged
from droidscope.model.records import Emitted

Stream = tuple[OrchestratorLabels, str, str, int]
"""
Orchestrator, process instance, kind, and the start of the process's counter.
"""

STREAMS_LIMIT: Final = 50_000
"""
Streams of which the count is known; the longest silent one is forgotten.
"""


class StreamCount(NamedTuple):
    """
    The highest count of a stream, and the exporter's uptime when it was last seen.
    """

    highest: int
    clock_ns: int


class CountIncrease(NamedTuple):
    """
    By how much a stream's count grew, and whether nothing was known of it before. *forgotten_clock*
    is when a stream that was forgotten for it had last been seen, None if none was.
    """

    amount: int
    first: bool
    forgotten_clock: int | None = None


class ReportedCounts:
    """
    The highest count of each stream; points may arrive twice and in any order.
    """

    def __init__(self) -> None:
        self._counts: BoundedMap[Stream, StreamCount] = BoundedMap(STREAMS_LIMIT)

    def take(self, point: Emitted, clock_ns: int) -> CountIncrease:
        """
        Take a point in that arrived at *clock_ns*; by how much its stream's count grew.
        """
        stream = (point.orchestrator, point.instance, point.kind, 0 if point.delta else point.start_ns)
        before = self._counts.get(stream)
        known = before.highest if before else 0
        grown = max(0, point.count if point.delta else point.count - known)
        dropped = self._counts.put(stream, StreamCount(known + grown, clock_ns))
        return CountIncrease(grown, before is None, dropped[1].clock_ns if dropped else None)

    def dump(self) -> list[tuple[Stream, StreamCount]]:
        """
        The state for a checkpoint.
        """
        return list(self._counts.items())

    def load(self, dump: list[tuple[Stream, StreamCount]], relabel: Relabel = unchanged) -> None:
        """
        Go on from a checkpoint.
        """
        counts = (
            ((relabel(orchestrator), instance, kind, start_ns), count)
            for (orchestrator, instance, kind, start_ns), count in dump
        )
        self._counts = BoundedMap(STREAMS_LIMIT, counts)
