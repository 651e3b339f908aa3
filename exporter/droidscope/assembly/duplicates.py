"""
Steps that record the same call: one node stands for all of them.
"""

from __future__ import annotations

from droidscope.assembly.nodes import CALLS, SpanNode
from droidscope.model import records as r
from droidscope.model.foreign_steps import Role, Step


def find_duplicate(step: Step, above: SpanNode | None, others: tuple[SpanNode, ...]) -> SpanNode | None:
    """
    The node that records the same call as *step*, if there is one already.

    That is an outer layer of the call (a graph's node and the graph in it, a framework's model
    span and its client's), or the same call by another instrumentation of the process: one of
    *others*, the siblings from other sources.
    """
    if step.role not in CALLS:
        return None
    caller = above.caller if above else None
    if caller is not None and _is_layer(caller, step):
        return caller
    return next((node for node in others if _is_overlapping_duplicate(node.step, step)), None)


def _is_layer(caller: SpanNode, step: Step) -> bool:
    if caller.role is not step.role:
        return False
    outer = caller.step
    match step.role:
        case Role.MODEL:
            return True
        case Role.AGENT:
            return outer.name == step.name or outer.run_key == step.run_key != ""
        case Role.TOOL | Role.HANDOFF:
            return outer.name == step.name and outer.source is not step.source
        case _:
            return False


def _is_overlapping_duplicate(one: Step, other: Step) -> bool:
    return (
        one.role is other.role
        and one.name == other.name
        and one.start_ns < other.end_ns
        and other.start_ns < one.end_ns
    )


def absorb(node: SpanNode, step: Step) -> None:
    """
    Take over what only a duplicate knows: its usage and its session.
    """
    if step.usage is not None and (node.usage is None or not _tokens(node.usage)):
        node.usage = step.usage
    node.session = node.session or step.session_id


def _tokens(usage: r.Usage) -> int:
    return usage.input + usage.output + usage.cache_read + usage.cache_write


def mark_delegation(run: SpanNode) -> None:
    """
    A tool called as the agent that it runs is no tool but the hand-over to that agent.
    """
    caller = run.caller
    if caller is not None and caller.role is Role.TOOL and caller.step.name == run.step.name:
        caller.role = Role.HANDOFF
