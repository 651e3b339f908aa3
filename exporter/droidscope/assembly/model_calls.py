"""
What models did inside of a native model call is that call, however many requests a framework makes of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from droidscope.assembly.nodes import SpanNode, Trace, task_key
from droidscope.assembly.time_matching import TOLERANCE_NS, Interval, encloses
from droidscope.conventions.attributes import Kind
from droidscope.model.foreign_steps import NativeSpan, Role


def mark_model_calls(trace: Trace, nodes: list[SpanNode], spans: list[NativeSpan]) -> None:
    """
    Note on the model requests among *nodes* the native call, of *spans*, that they are a part of.

    That is the nearest above them by the ids of parents within their task. A request that is below no call,
    and a call that has none below it, belong together by their times, where one lies in the other, and unless
    what the request is inside of began after the call, and yet is not below it.
    An agent's own count of tokens is the call's as well.
    """
    if not spans:
        return
    calls = {span.span_id: span for span in spans}
    linked = {node.native.span_id for node in nodes if node.native is not None}
    loose = []
    for node in nodes:
        if node.native is not None or node.role not in {Role.MODEL, Role.AGENT}:
            continue
        call = next((calls[above] for above in _native_above(trace, node) if above in calls), None)
        if call is None:
            loose += [node] if node.role is Role.MODEL else []
            continue
        linked.add(call.span_id)
        if node.role is Role.MODEL:
            node.native = call
        elif call.has_usage:
            node.usage = None
    _mark_by_time(trace, loose, [span for span in spans if span.span_id not in linked])


def _native_above(trace: Trace, node: SpanNode) -> Iterator[bytes]:
    """
    The native spans that enclose a node by the ids of parents, from the inside, up to those of another task.
    """
    seen: set[bytes] = set()
    above = node.step.parent_id
    while above and above not in seen:
        seen.add(above)
        native = trace.native.get(above)
        if native is not None:
            if native.kind in {Kind.TASK, Kind.ATTEMPT, Kind.SESSION}:
                return
            yield above
            above = native.parent_id
        elif above in trace.steps:
            above = trace.steps[above][1].parent_id
        else:
            return


def _mark_by_time(trace: Trace, nodes: list[SpanNode], spans: list[NativeSpan]) -> None:
    by_task: defaultdict[tuple[str, str], list[NativeSpan]] = defaultdict(list)
    for span in spans:
        by_task[task_key(span.place)].append(span)
    for node in nodes:
        if node.enclosing is None:
            continue
        of_node = Interval(node.step.start_ns, node.step.end_ns, 0)
        entered_ns = _entered_ns(trace, node)
        related = [
            (not span.has_usage, span.end_ns - span.start_ns, number, span)
            for number, span in enumerate(by_task[task_key(node.enclosing.place)])
            if entered_ns <= span.start_ns + TOLERANCE_NS and _touch(of_node, span)
        ]
        if related:
            node.native = min(related, key=lambda each: each[:3])[3]


def _entered_ns(trace: Trace, node: SpanNode) -> int:
    """
    When the outermost step around a node began whose parent is a native span; 0 where no native span is.
    """
    step, seen = node.step, {node.step.span_id}
    while step.parent_id in trace.steps and step.parent_id not in seen:
        seen.add(step.parent_id)
        step = trace.steps[step.parent_id][1]
    return step.start_ns if step.parent_id in trace.native else 0


def _touch(of_node: Interval, span: NativeSpan) -> bool:
    of_span = Interval(span.start_ns, span.end_ns, 0)
    return encloses(of_node, of_span) or encloses(of_span, of_node)
