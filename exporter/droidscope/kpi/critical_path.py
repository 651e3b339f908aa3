"""
Critical paths: what held a finished session at each moment, and the shortest a plan can take.
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

    *id* is unique in its session. *parent* is the id of what it is part of. *phase* and *droid*
    are its own or those around it, "" where there are none.
    """

    id: str
    parent: str
    start_ns: int
    end_ns: int
    phase: str = ""
    droid: str = ""


class Segment(NamedTuple):
    """
    A stretch of a session and the interval that held it.
    """

    subject: Interval
    start_ns: int
    end_ns: int


def critical_path(session: Interval, parts: Iterable[Interval]) -> list[Segment]:
    """
    What held *session* at each moment: if that had been faster, it would have ended earlier.

    Walks back from the last finisher: before it started, the last one to finish by then held,
    and so on, within each in the same way. Time in which no part was at work belongs to the
    parent; a part still running then holds it as far as it covers it.

    Args:
        session: The whole.
        parts: Phases, tasks and attempts, in any order; each is clipped to its parent, and one
            whose parent is missing is part of the session itself.

    Returns:
        Segments in order of time that tile the session without gap or overlap, two neighbours
        never of the same subject; empty if the session took no time.

    Raises:
        ValueError: If two intervals have the same id.

    Definition: docs/kpis.md#bottlenecks
    """
    parts = list(parts)
    known = {session.id, *(part.id for part in parts)}
    if len(known) <= len(parts):
        raise ValueError(f"parts of session {session.id} share ids; each must have its own")
    children: defaultdict[str, list[Interval]] = defaultdict(list)
    for part in parts:
        children[part.parent if part.parent in known else session.id].append(part)

    lines = {parent: _Line(of) for parent, of in children.items()}
    return list(_walk_back(session, session.start_ns, session.end_ns, lines))[::-1]


def ns_by_phase(segments: Iterable[Segment]) -> dict[str, int]:
    """
    Nanoseconds each phase held, "" for the session itself.

    Definition: docs/kpis.md#bottlenecks
    """
    held: defaultdict[str, int] = defaultdict(int)
    for subject, start_ns, end_ns in segments:
        held[subject.phase] += end_ns - start_ns
    return dict(held)


def ns_by_droid(segments: Iterable[Segment]) -> dict[str, int]:
    """
    Nanoseconds each droid held, "" where no droid was at work.

    Definition: docs/kpis.md#bottlenecks
    """
    held: defaultdict[str, int] = defaultdict(int)
    for subject, start_ns, end_ns in segments:
        held[subject.droid] += end_ns - start_ns
    return dict(held)


def planned_length(durations: Mapping[str, float], dependencies: Mapping[str, Iterable[str]]) -> float:
    """
    The length of the critical path of a plan whose nodes start once all they depend on has ended.

    Args:
        durations: Of each node, none negative, all in one unit.
        dependencies: The nodes each depends on. One without a duration is not part of this plan
            and counts as met.

    Returns:
        When the last node ends, in the unit of the durations; 0 without nodes.

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
    Share of the *makespan* that phases waited without a declared dependency asking for it, 0 to 1.

    Both in one unit: how long it took from the first start to the last end, and the critical path
    of the same durations. None without a makespan. Says nothing of phases that declare no
    dependencies: not declared is not independent.

    Definition: docs/kpis.md#recommendations
    """
    return clip((makespan - critical) / makespan) if makespan > 0 else None


class _Line:
    """
    The parts of one subject, passed once from the last to end to the first.

    A subject may be asked for several stretches of its time, each before the last one, so that to
    walk all of them takes no longer than to walk the whole.
    """

    def __init__(self, parts: Iterable[Interval]) -> None:
        self._ahead = sorted(
            (part for part in parts if part.start_ns < part.end_ns),
            key=lambda part: (part.end_ns, -part.start_ns, part.id),
        )
        self._longest: Interval | None = None
        self._running: list[Interval] = []

    def at_work(self, end_ns: int) -> Interval | None:
        """
        What was at work as a stretch ended, of several the first to have started; None if nothing was.
        """
        while self._ahead and self._ahead[-1].end_ns >= end_ns:
            self._pass()
        self._running.clear()
        return self._longest if self._longest and self._longest.start_ns < end_ns else None

    def before(self, cursor_ns: int) -> tuple[Interval | None, int]:
        """
        The last to finish by a moment within the stretch and when it did, 0 if none has; of several the
        first to have started. If it had finished before that moment: what still ran instead, if anything.
        """
        while self._ahead and self._ahead[-1].end_ns > cursor_ns:
            self._running.append(self._pass())
        ended_ns = self._ahead[-1].end_ns if self._ahead else 0
        if ended_ns == cursor_ns:
            return self._ahead[-1], ended_ns
        # What still runs cannot be what came before, so it holds no more than the idle time.
        while self._running and self._running[-1].start_ns >= cursor_ns:
            self._running.pop()
        return self._running[-1] if self._running else None, ended_ns

    def _pass(self) -> Interval:
        part = self._ahead.pop()
        if self._longest is None or part.start_ns < self._longest.start_ns:
            self._longest = part
        return part


def _walk_back(
    subject: Interval, start_ns: int, end_ns: int, lines: Mapping[str, _Line]
) -> Iterator[Segment]:
    """
    Segments of *subject* from *end_ns* back to *start_ns*.
    """
    line = lines.get(subject.id)
    if line is None:
        if start_ns < end_ns:
            yield Segment(subject, start_ns, end_ns)
        return
    cursor_ns = end_ns
    holder = line.at_work(end_ns)
    since_ns = start_ns
    while cursor_ns > start_ns:
        if holder is None:
            holder, ended_ns = line.before(cursor_ns)
            since_ns = start_ns if ended_ns == cursor_ns else max(start_ns, ended_ns)
        if holder is None:
            yield Segment(subject, since_ns, cursor_ns)
        else:
            since_ns = max(since_ns, holder.start_ns)
            yield from _walk_back(holder, since_ns, cursor_ns, lines)
        cursor_ns, holder = since_ns, None


def _in_order(before: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise ValueError(f"dependencies form a cycle: {cycle}") from error
