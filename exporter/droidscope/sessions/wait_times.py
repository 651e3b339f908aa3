"""
When a session waited for people, from what each of its processes reported, in whatever order that arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from msgspec import Struct, field

CHANGES_LIMIT: Final = 500
"""
Changes that are kept of a session; of the older half only the sum remains.
"""

Interval = tuple[int, int]
"""
Start and end, Unix nanoseconds.
"""


class _Edge(IntEnum):
    """
    What happens at a moment, in the order in which it does if several have the same time.
    """

    ENDS = 0
    BEGINS = 1
    PAUSES = 2
    WAITS = 3
    RESUMES = 4


class StatedWait(Struct, array_like=True, frozen=True):
    """
    How long a span's own process measured that it waited, *waited_ns*; "" is a *process* without an id.
    """

    start_ns: int
    end_ns: int
    waited_ns: int
    process: str


class WaitTimes(Struct):
    """
    The waits of a session; all times are Unix nanoseconds.

    *changes* are those that processes reported, in order: time, whether it begins to wait, process.
    *begins* is when each of its spans began, or the earliest record of it was; *ends* is when it ended, and
    *pauses* are the spans that ended so that it waits. *stated* counts only where events are missing.
    Before *floor_ns* it waited *floor_waited_ns*, and no more is known of it.
    *since_ns* is since when it waits, 0 if it does not; *paused* that it does so without a span.
    """

    changes: list[tuple[int, bool, str]] = field(default_factory=list)
    begins: dict[str, int] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)
    pauses: list[Interval] = field(default_factory=list)
    stated: list[StatedWait] = field(default_factory=list)
    floor_ns: int = 0
    floor_waited_ns: int = 0
    since_ns: int = 0
    paused: bool = False

    @property
    def size(self) -> int:
        """
        How many things it holds; the first span of a session is none.
        """
        spans = max(0, len(self.begins) - 1) + len(self.ends) + len(self.pauses) + len(self.stated)
        return len(self.changes) + spans

    def change(self, process: str, at_ns: int, *, waits: bool) -> None:
        """
        A process began to wait, or goes on: then it no longer does, or if it did not, nobody does.
        """
        if at_ns >= self.floor_ns:
            self.changes.append((at_ns, waits, process))
            self._update()

    def begin(self, span: str, at_ns: int) -> None:
        """
        A span of it began then, or before: what waited until then is over.
        """
        self.begins[span] = min(at_ns, self.begins.get(span, at_ns))
        self._update()

    def end(self, at_ns: int) -> None:
        """
        It ended, and waits no more.
        """
        self.ends.append(at_ns)
        self._update()

    def pause(self, start_ns: int, end_ns: int) -> None:
        """
        A span of it ended so that it waits, until another one begins.
        """
        self.pauses.append((start_ns, end_ns))
        self._update()

    def state(self, wait: StatedWait) -> None:
        """
        A span of it has ended that waited, as its process measured it.
        """
        if wait.waited_ns:
            self.stated.append(wait)

    def restore(self, start_ns: int, end_ns: int, waited_ns: int, *, paused: bool) -> None:
        """
        Go on with what is still known of a session that was forgotten.
        """
        self.floor_ns, self.floor_waited_ns = end_ns, waited_ns
        if paused:
            self.pause(start_ns, end_ns)

    def absorb(self, other: WaitTimes) -> None:
        """
        Know what *other* knows, too.
        """
        self.changes += other.changes
        for span, at_ns in other.begins.items():
            self.begins[span] = min(at_ns, self.begins.get(span, at_ns))
        self.ends += other.ends
        self.pauses += other.pauses
        self.stated += other.stated
        self.floor_waited_ns += other.floor_waited_ns
        self.floor_ns = max(self.floor_ns, other.floor_ns)
        self._update()

    def waited_ns(self, start_ns: int, end_ns: int) -> int:
        """
        How long it waited between two times, at most what passed: the union of what its processes reported.

        Where the process of a span reported nothing of what it measured in that span, its sum counts, less
        what others waited meanwhile.
        """
        if not (self.changes or self.pauses or self.stated or self.floor_waited_ns):
            return 0  # as of nearly every session
        periods = list(self._periods(end_ns))
        waited_ns = self.floor_waited_ns + _within(periods, max(start_ns, self.floor_ns), end_ns)
        for each in self.stated:
            if not self._reported(each):
                known_ns = _within(periods, each.start_ns, each.end_ns)
                waited_ns += max(0, min(each.waited_ns, each.end_ns - each.start_ns) - known_ns)
        return min(waited_ns, max(0, end_ns - start_ns))

    def _reported(self, wait: StatedWait) -> bool:
        return (
            any(
                process == wait.process and wait.start_ns <= at_ns <= wait.end_ns
                for at_ns, _, process in self.changes
            )
            or wait.start_ns < self.floor_ns
        )

    def _update(self) -> None:
        self.changes.sort()
        if self.size > CHANGES_LIMIT:
            self._forget_older_half()
        self.since_ns, self.paused = 0, False
        if not (self.changes or self.pauses):
            return
        for since_ns, paused, *_ in self._states():
            self.since_ns, self.paused = since_ns, paused

    def _periods(self, until_ns: int) -> Iterator[Interval]:
        """
        Disjoint, in order; the last one until *until_ns*, if it still waits.
        """
        began_ns = 0
        for since_ns, _, at_ns, _ in self._states():
            if began_ns and since_ns != began_ns:
                yield began_ns, at_ns
            began_ns = since_ns
        if began_ns and began_ns < until_ns:
            yield began_ns, until_ns

    def _states(self) -> Iterator[tuple[int, bool, int, set[str]]]:
        """
        After each edge: since when it waits, whether without a span, when the edge was, which processes wait.
        """
        waits: set[str] = set()
        owed: set[str] = set()
        paused, since_ns = False, 0
        for at_ns, edge, process in self._edges():
            if edge is _Edge.WAITS:
                waits = waits | {process}
                owed.add(process)
            elif edge is _Edge.RESUMES:
                waits = waits - {process} if process in owed else set()
                owed.discard(process)  # that is the end of its own wait, even if another one ended it before
            else:
                waits, paused = set(), edge is _Edge.PAUSES
            since_ns = (since_ns or at_ns) if waits or paused else 0
            yield since_ns, paused, at_ns, waits

    def _edges(self) -> list[tuple[int, _Edge, str]]:
        edges = [(at_ns, _Edge.BEGINS, "") for at_ns in self.begins.values()]
        edges += [(at_ns, _Edge.ENDS, "") for at_ns in self.ends]
        edges += [
            (end_ns, _Edge.PAUSES, "")
            for start_ns, end_ns in self.pauses
            if not any(start_ns < at_ns <= end_ns for at_ns in self.begins.values())
        ]
        edges += [
            (at_ns, _Edge.WAITS if waits else _Edge.RESUMES, process)
            for at_ns, waits, process in self.changes
        ]
        edges.sort()
        return edges

    def _forget_older_half(self) -> None:
        """
        Keep of the older half only how long it waited, and who did at its end.
        """
        edges = self._edges()
        floor_ns = edges[len(edges) // 2][0]
        before = [state for state in self._states() if state[2] < floor_ns]
        _, paused, _, waits = before[-1] if before else (0, False, 0, set[str]())
        self.floor_waited_ns += _within(list(self._periods(floor_ns)), self.floor_ns, floor_ns)
        later = [change for change in self.changes if change[0] >= floor_ns]
        self.changes = sorted([*((floor_ns, True, process) for process in waits), *later])
        self.begins = {span: at_ns for span, at_ns in self.begins.items() if at_ns >= floor_ns}
        self.ends = [at_ns for at_ns in self.ends if at_ns >= floor_ns]
        self.pauses = [pause for pause in self.pauses if pause[1] >= floor_ns]
        if paused:
            self.pauses.append((floor_ns, floor_ns))
        self.stated = [wait for wait in self.stated if wait.end_ns >= floor_ns]
        self.floor_ns = floor_ns


def _within(periods: list[Interval], start_ns: int, end_ns: int) -> int:
    """
    Nanoseconds of the time from *start_ns* to *end_ns* that disjoint periods cover.
    """
    return sum(max(0, min(high, end_ns) - max(low, start_ns)) for low, high in periods)
