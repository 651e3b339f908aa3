"""
Critical paths: what a finished session waited for at each moment, and how short a plan can be.
"""

from __future__ import annotations

from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

from droidscope.kpi.statistics import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Interval(NamedTuple):
    """
    A session, phase, task or attempt that has ended.

    *id* is unique in its session, *parent* the id of the interval that contains it. *phase* and *droid*
    are its own or those of an enclosing interval, "" if there are none.
    """

    id: str
    parent: str
    start_ns: int
    end_ns: int
    phase: str = ""
    droid: str = ""


class Segment(NamedTuple):
    """
    A segment of the critical path, and the interval that is critical during it.
    """

    subject: Interval
    start_ns: int
    end_ns: int


def critical_path(session: Interval, parts: Iterable[Interval]) -> list[Segment]:
    """
    The interval that delays *session* at each moment: if it were shorter, the session would end earlier.

    Goes back from the child that ended last: before its start, the last child to end by then is
    critical, and so on, and within each child in the same way. Time in which no child was running
    belongs to the parent; if an earlier child still ran then, it is critical as far as it covers that time.

    Args:
        session: The whole.
        parts: Phases, tasks and attempts, in any order. They are clipped to their parents; those
            whose parents are missing are children of the session itself.

    Returns:
        Segments in order of time, which cover the session without gap or overlap; neighbours are
        never of the same interval. Empty if the session has no duration.

    Raises:
        ValueError: If two intervals have the same id.

    Definition: docs/kpis.md#bottlenecks
    """
    parts = list(parts)
    known = {session.id, *(part.id for part in parts)}
    if len(known) <= len(parts):
        raise ValueError(f"parts of session {session.id} share ids; expected unique ids")
    children: defaultdict[str, list[Interval]] = defaultdict(list)
    for part in parts:
        children[part.parent if part.parent in known else session.id].append(part)

    reversed_children = {parent: _ReversedChildren(intervals) for parent, intervals in children.items()}
    return list(_segments_backwards(session, session.start_ns, session.end_ns, reversed_children))[::-1]


def ns_by_phase(segments: Iterable[Segment]) -> dict[str, int]:
    """
    Nanoseconds of each phase on the critical path, "" for the session itself.

    Definition: docs/kpis.md#bottlenecks
    """
    path_ns: defaultdict[str, int] = defaultdict(int)
    for subject, start_ns, end_ns in segments:
        path_ns[subject.phase] += end_ns - start_ns
    return dict(path_ns)


def ns_by_droid(segments: Iterable[Segment]) -> dict[str, int]:
    """
    Nanoseconds of each droid on the critical path, "" where no droid was running.

    Definition: docs/kpis.md#bottlenecks
    """
    path_ns: defaultdict[str, int] = defaultdict(int)
    for subject, start_ns, end_ns in segments:
        path_ns[subject.droid] += end_ns - start_ns
    return dict(path_ns)


def planned_length(durations: Mapping[str, float], dependencies: Mapping[str, Iterable[str]]) -> float:
    """
    The length of the critical path of a plan whose nodes start as soon as their dependencies have ended.

    Args:
        durations: Those of the nodes, not negative, in one unit.
        dependencies: The nodes that each node depends on. Those without a duration are not part of
            this plan and are ignored.

    Returns:
        The end of the last node, in the unit of the durations; 0 without nodes.

    Raises:
        ValueError: If the dependencies form a cycle; the message shows it.

    Definition: docs/kpis.md#recommendations
    """
    before = {
        node: sorted({other for other in dependencies.get(node, ()) if other in durations})
        for node in durations
    }
    ends: dict[str, float] = {}
    for node in _in_order(before):
        ends[node] = max((ends[other] for other in before[node]), default=0) + durations[node]
    return max(ends.values(), default=0)


def sequencing_ratio(makespan: float, critical: float) -> float | None:
    """
    Share of the *makespan* that phases waited without a declared dependency as the reason, 0 to 1.

    The makespan is the time from the first start to the last end, *critical* the length of the critical
    path of the same durations, both in one unit. None without a makespan. Phases that declare no
    dependencies do not count: not declared does not mean independent.

    Definition: docs/kpis.md#recommendations
    """
    return clip((makespan - critical) / makespan) if makespan > 0 else None


class _ReversedChildren:
    """
    The children of one interval, passed once from the last to end to the first.

    They can be asked for several segments of the interval, which must go back in time, so that all segments
    together cost no more than one pass.
    """

    def __init__(self, children: Iterable[Interval]) -> None:
        self._not_passed = sorted(
            (child for child in children if child.start_ns < child.end_ns),
            key=lambda child: (child.end_ns, -child.start_ns, child.id),
        )
        self._earliest_start: Interval | None = None
        self._running: list[Interval] = []

    def running_at(self, end_ns: int) -> Interval | None:
        """
        The child that was running when a segment ended, of several the first to have started; else None.
        """
        while self._not_passed and self._not_passed[-1].end_ns >= end_ns:
            self._pass()
        self._running.clear()
        earliest = self._earliest_start
        return earliest if earliest and earliest.start_ns < end_ns else None

    def before(self, cursor_ns: int) -> tuple[Interval | None, int]:
        """
        The last child to end by a moment within the segment, and its end, 0 if there is none.

        Of several the first to have started. If it ended before that moment: a child that still ran
        instead, if there is one.
        """
        while self._not_passed and self._not_passed[-1].end_ns > cursor_ns:
            self._running.append(self._pass())
        ended_ns = self._not_passed[-1].end_ns if self._not_passed else 0
        if ended_ns == cursor_ns:
            return self._not_passed[-1], ended_ns
        # A child that still runs cannot be what came before, so it is critical in the idle time only.
        while self._running and self._running[-1].start_ns >= cursor_ns:
            self._running.pop()
        return self._running[-1] if self._running else None, ended_ns

    def _pass(self) -> Interval:
        child = self._not_passed.pop()
        if self._earliest_start is None or child.start_ns < self._earliest_start.start_ns:
            self._earliest_start = child
        return child


def _segments_backwards(
    interval: Interval, start_ns: int, end_ns: int, all_children: Mapping[str, _ReversedChildren]
) -> Iterator[Segment]:
    """
    The segments of *interval* from *end_ns* back to *start_ns*.
    """
    children = all_children.get(interval.id)
    if children is None:
        if start_ns < end_ns:
            yield Segment(interval, start_ns, end_ns)
        return
    cursor_ns = end_ns
    critical = children.running_at(end_ns)
    since_ns = start_ns
    while cursor_ns > start_ns:
        if critical is None:
            critical, ended_ns = children.before(cursor_ns)
            since_ns = start_ns if ended_ns == cursor_ns else max(start_ns, ended_ns)
        if critical is None:
            yield Segment(interval, since_ns, cursor_ns)
        else:
            since_ns = max(since_ns, critical.start_ns)
            yield from _segments_backwards(critical, since_ns, cursor_ns, all_children)
        cursor_ns, critical = since_ns, None


def _in_order(before: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise ValueError(f"dependencies form a cycle: {cycle}") from error
