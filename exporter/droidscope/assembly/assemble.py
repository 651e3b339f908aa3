"""
Steps of foreign traces -> records, once nothing more is expected of them.

A pure function of the set of steps: the order in which they arrived changes nothing. Read top
down: each trace becomes a list of nodes (the same call seen twice is one node), the nodes fall
into sessions, and each session's nodes become records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from msgspec import Struct

from droidscope.assembly.nodes import RUNS, SpanNode, Trace
from droidscope.assembly.session_records import inside_native_sessions, session_records
from droidscope.assembly.split_sessions import split_sessions
from droidscope.assembly.trace_tree import grow
from droidscope.model import records as r
from droidscope.model.foreign_steps import SettledForeignSession
from droidscope.model.labels import SessionKey


class Assembly(Struct, frozen=True, eq=False):
    """
    The records; the sessions they are of, by trace; and how many traces had no session in them.
    """

    records: list[r.AnyRecord]
    sessions: list[tuple[frozenset[bytes], SettledForeignSession]]
    ignored: int


def assemble(
    traces: Iterable[Trace], settled: Callable[[SessionKey], SettledForeignSession | None], clock_ns: int
) -> Assembly:
    """
    The records of traces that are over.

    Args:
        traces: Each at most once, in any order.
        settled: The session of a key if it has been counted before: it is not counted again,
            only its tasks, tools and tokens are added.
        clock_ns: When they were settled.
    """
    records: list[r.AnyRecord] = []
    parts: defaultdict[SessionKey, list[SpanNode]] = defaultdict(list)
    traces_without_sessions: set[bytes] = set()
    for trace in sorted(traces, key=lambda trace: trace.id):
        nodes = grow(trace)
        foreign = [node for node in nodes if node.enclosing is None]
        records += inside_native_sessions(trace, [node for node in nodes if node.enclosing is not None])
        traces_without_sessions |= {trace.id} if len(foreign) == len(nodes) else set()
        for key, part in split_sessions(trace, foreign):
            parts[key] += part
    done = []
    for key, part in sorted(parts.items(), key=lambda item: item[0]):
        before = settled(key)
        if before or any(node.role in RUNS for node in part):
            made, session = session_records(key, part, before, clock_ns)
            records += made
            done.append((frozenset(node.step.trace_id for node in part), session))
    with_session = {trace_id for trace_ids, _ in done for trace_id in trace_ids}
    return Assembly(records, done, ignored=len(traces_without_sessions - with_session))
