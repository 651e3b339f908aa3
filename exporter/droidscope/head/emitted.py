"""
What the instrumentation says it has emitted, added up over processes and their restarts.
"""

from __future__ import annotations

from collections.abc import Callable

from droidscope.model.records import Emitted

Stream = tuple[tuple[str, ...], str, str, int]
"""
Orchestrator, process instance, kind, and the start of the process's counter.
"""


class EmittedCounts:
    """
    The highest count of each stream; points may arrive twice and in any order.
    """

    def __init__(self) -> None:
        self._counts: dict[Stream, int] = {}

    def take(self, point: Emitted, add: Callable[[str, str, int], None]) -> None:
        """
        Take a point in; *add* gets orchestrator, kind and by how much the total grew.
        """
        stream = (point.orchestrator, point.instance, point.kind, 0 if point.delta else point.start_ns)
        known = self._counts.get(stream, 0)
        grown = point.count if point.delta else point.count - known
        if grown > 0:
            self._counts[stream] = known + grown
            add(point.orchestrator[0], point.kind, grown)

    def dump(self) -> list[tuple[Stream, int]]:
        """
        The state for a checkpoint.
        """
        return list(self._counts.items())

    def load(self, dump: list[tuple[Stream, int]]) -> None:
        """
        Go on from a checkpoint.
        """
        self._counts = dict(dump)
