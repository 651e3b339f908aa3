"""
The nodes of one trace, by the session they belong to.
"""

from __future__ import annotations

from collections import defaultdict

from droidscope.assembly.nodes import CALLS, KNOWN_ROLES, RUNS, SpanNode, Trace, rank, tops_of
from droidscope.model.foreign_steps import Role
from droidscope.model.labels import OrchestratorLabels, SessionKey


def split_sessions(trace: Trace, nodes: list[SpanNode]) -> list[tuple[SessionKey, list[SpanNode]]]:
    """
    The nodes of a trace by session, without those that show nothing of it.

    What only encloses several sessions (a batch job around ten of them) is none itself.
    """
    named = {node.session for node in nodes if node.session}
    default = _default_session(trace, nodes, named)
    by_session: defaultdict[str, list[SpanNode]] = defaultdict(list)
    for node in nodes:
        node.session = node.session or default
        by_session[node.session].append(node)
    return [
        ((_orchestrator_of(trace, part), session), part)
        for session, part in by_session.items()
        if _has_any(part, CALLS if len(named) > 1 and session == default else KNOWN_ROLES)
    ]


def _has_any(part: list[SpanNode], roles: frozenset[Role]) -> bool:
    return any(node.role in roles for node in part)


def _default_session(trace: Trace, nodes: list[SpanNode], named: set[str]) -> str:
    """
    The session of nodes that name none: the one it was settled as, the only one that others of the
    trace name, the conversation of the outermost run, else the trace.
    """
    if trace.settled is not None:
        return trace.settled.session
    if len(named) == 1:
        return min(named)
    tops = [node for node in nodes if node.role in RUNS and node.cover is None]
    conversation = min(tops, key=rank).step.conversation_id if tops else ""
    return conversation or trace.id.hex()


def _orchestrator_of(trace: Trace, part: list[SpanNode]) -> OrchestratorLabels:
    """
    The orchestrator of a part: the one that sent its outermost run.
    """
    if trace.settled is not None:
        return trace.settled.orchestrator
    return min(tops_of(part) or part, key=rank).orchestrator
