"""
What the instrumentation says it has emitted, added up over processes and their restarts.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from droidscope.model.records import Emitted

Stream = tuple[tuple[str, ...], str, str, int]
"""
Orchestrator, process instance, kind, and the start of the process's counter.
"""

STREAMS_LIMIT: Final = 50_000
"""
Streams of which the count is known; the longest silent one is forgotten.
"""


class EmittedCounts:
    """
    The highest count of each stream; points may arrive twice and in any order.
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[Stream, int] = OrderedDict()

    def take(self, point: Emitted) -> int:
        """
        Take a point in; by how much its stream's count grew.
        """
        stream = (point.orchestrator, point.instance, point.kind, 0 if point.delta else point.start_ns)
        known = self._counts.get(stream, 0)
        grown = max(0, point.count if point.delta else point.count - known)
        self._counts[stream] = known + grown
        self._counts.move_to_end(stream)
        if len(self._counts) > STREAMS_LIMIT:
            self._counts.popitem(last=False)
        return grown

    def dump(self) -> list[tuple[Stream, int]]:
        """
        The state for a checkpoint.
        """
        return list(self._counts.items())

    def load(self, dump: list[tuple[Stream, int]]) -> None:
        """
        Go on from a checkpoint.
        """
        self._counts = OrderedDict(dump)
