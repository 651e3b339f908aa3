"""
Critical paths: who held a finished session at each moment, and the shortest a plan can take.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

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


class Plan(Struct, frozen=True):
    """
    What declared durations and dependencies allow.

    *length* is the critical path's and *path* its nodes in order; *slack* is by how much each
    node may be late without delaying the end (0 on the path); *sequential* is the sum of all.
    All in the unit of the durations.
    """

    length: float
    path: tuple[str, ...]
    slack: dict[str, float]
    sequential: float


def critical_path(session: Interval, parts: Iterable[Interval]) -> list[Segment]:
    """
    Who held *session* at each moment: if they had been faster, it would have ended earlier.

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

    return list(_walk_back(session, session.start_ns, session.end_ns, children))[::-1]


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


def planned_path(durations: Mapping[str, float], dependencies: Mapping[str, Iterable[str]]) -> Plan:
    """
    The critical path of a plan whose nodes start once all they depend on has ended.

    Args:
        durations: Of each node, none negative, all in one unit.
        dependencies: The nodes each depends on. One without a duration is not part of this plan
            and counts as met.

    Raises:
        ValueError: If the dependencies form a cycle; the message shows it.

    Definition: docs/kpis.md#recommendations
    """
    before = {
        node: sorted({other for other in dependencies.get(node, ()) if other in durations})
        for node in durations
    }
    order = _in_order(before)
    ends: dict[str, float] = {}
    for node in order:
        ends[node] = max((ends[other] for other in before[node]), default=0) + durations[node]
    length = max(ends.values(), default=0)

    latest = dict.fromkeys(durations, length)
    for node in reversed(order):
        for other in before[node]:
            latest[other] = min(latest[other], latest[node] - durations[node])

    return Plan(
        length=length,
        path=_longest_path(before, ends),
        slack={node: latest[node] - ends[node] for node in durations},
        sequential=sum(durations.values()),
    )


def sequencing_ratio(makespan: float, critical: float) -> float | None:
    """
    Share of the *makespan* that phases waited without a declared dependency asking for it, 0 to 1.

    Both in one unit: how long it took from the first start to the last end, and the critical path
    of the same durations. None without a makespan. Says nothing of phases that declare no
    dependencies: not declared is not independent.

    Definition: docs/kpis.md#recommendations
    """
    return clip((makespan - critical) / makespan) if makespan > 0 else None


def _walk_back(
    subject: Interval, start_ns: int, end_ns: int, children: Mapping[str, list[Interval]]
) -> Iterator[Segment]:
    """
    Segments of *subject* from *end_ns* back to *start_ns*.
    """
    parts = _clipped(children.get(subject.id, ()), start_ns, end_ns)
    ends = [part.end_ns for part in parts]
    cursor_ns = end_ns
    while cursor_ns > start_ns:
        finished = bisect_right(ends, cursor_ns)
        idle_ns = ends[finished - 1] if finished else start_ns
        holder: Segment | None
        if idle_ns == cursor_ns:
            holder = parts[finished - 1]
            since_ns = holder.start_ns
        else:
            # What still runs cannot be what came before, so it holds no more than the idle time.
            holder = next((part for part in parts[finished:] if part.start_ns < cursor_ns), None)
            since_ns = max(idle_ns, holder.start_ns) if holder else idle_ns
        if holder:
            yield from _walk_back(holder.subject, since_ns, cursor_ns, children)
        else:
            yield Segment(subject, since_ns, cursor_ns)
        cursor_ns = since_ns


def _clipped(parts: Iterable[Interval], start_ns: int, end_ns: int) -> list[Segment]:
    """
    What of *parts* lies within start and end, by end; of those that end together the longest last.
    """
    clipped = (Segment(part, max(part.start_ns, start_ns), min(part.end_ns, end_ns)) for part in parts)
    return sorted(
        (part for part in clipped if part.start_ns < part.end_ns),
        key=lambda part: (part.end_ns, -part.start_ns, part.subject.id),
    )


def _in_order(before: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise ValueError(f"dependencies form a cycle: {cycle}") from error


def _longest_path(before: Mapping[str, Iterable[str]], ends: Mapping[str, float]) -> tuple[str, ...]:
    path: list[str] = []
    candidates: Iterable[str] = sorted(ends)
    while candidates:
        path.append(max(candidates, key=lambda node: ends[node]))
        candidates = before[path[-1]]
    return tuple(reversed(path))
