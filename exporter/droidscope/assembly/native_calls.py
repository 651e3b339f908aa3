"""
Foreign steps that record the same call as a native span: it counts once, whichever of the two is outside.

A node of a graph whose function is decorated as a task is such a call, and so is a tool or a model request
that both report. Which steps enclose a native span follows from the ids of parents. Frameworks that report
by callbacks do not make their spans current: then what runs inside of a task names it by its ids, and where
nothing does, it is the step closest around the native span in time, of those that are called alike first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from droidscope.assembly.nodes import EnclosingPlace, SpanNode, Trace, task_key
from droidscope.conventions.attributes import Kind
from droidscope.model.foreign_steps import NativeSpan, Role

_ROLES: Final = {
    Kind.TASK: Role.AGENT,
    Kind.ATTEMPT: Role.AGENT,
    Kind.TOOL: Role.TOOL,
    Kind.MODEL_REQUEST: Role.MODEL,
}
_WORK: Final = frozenset({Kind.TASK, Kind.ATTEMPT})


def mark_native_calls(trace: Trace, nodes: list[SpanNode]) -> None:
    """
    Note on each of *nodes* the native span that records the same call; what a task's run did is the task's.
    """
    spans = sorted(
        (span for span in trace.native.values() if span.kind in _ROLES and span.ended),
        key=lambda span: (span.start_ns, -span.end_ns, span.span_id),
    )
    if not spans:
        return
    calls = _Calls(trace, nodes)
    calls.mark_by_time([span for span in spans if not calls.mark_by_ids(span)])
    for node in nodes:
        _move_into_task(node)


class _Calls:
    """
    The nodes of a trace, to be found by native spans.
    """

    def __init__(self, trace: Trace, nodes: list[SpanNode]) -> None:
        self._trace = trace
        self._nodes = nodes
        self._by_id = {node.step.span_id: node for node in nodes}
        self._by_task = {task: run for node in nodes for task, run in _run_around_task(node)}
        self._taken: defaultdict[bytes, list[NativeSpan]] = defaultdict(list)

    def mark_by_ids(self, span: NativeSpan) -> bool:
        """
        Mark the node of a native span that ids lead to; whether they lead anywhere.
        """
        around = list(self._around(span))
        found = next((node for node in around if _is_same(node, span)), None)
        if found is None and not around and span.kind in _WORK:
            found = self._by_task.get(task_key(span.place))
        if found is not None:
            self._mark(found, span)
        return found is not None or (bool(around) and span.kind in _WORK)

    def mark_by_time(self, spans: list[NativeSpan]) -> None:
        """
        Mark the nodes that lie closest around native spans, or in them; the best pairs first. A node may be
        several tasks, one after the other.
        """
        pairs = [
            (_distance(node, span), number, node)
            for number, span in enumerate(spans)
            for node in self._nodes
            if _is_same(node, span) and _is_nested(node, span)
        ]
        done: set[int] = set()
        for _, number, node in sorted(pairs, key=lambda pair: (pair[0], pair[1], pair[2].step.span_id)):
            span, taken = spans[number], self._taken[node.step.span_id]
            if number in done or any(_are_rivals(span, other) for other in taken):
                continue
            done.add(number)
            self._mark(node, span)

    def _mark(self, node: SpanNode, span: NativeSpan) -> None:
        node.native = node.native or span
        self._taken[node.step.span_id].append(span)

    def _around(self, span: NativeSpan) -> Iterator[SpanNode]:
        """
        The nodes that enclose a native span by the ids of parents, from the inside; those beyond another
        native task are not about this one, and those beyond an agent not about a tool.
        """
        seen = {span.span_id}
        above = span.parent_id
        while above and above not in seen:
            seen.add(above)
            native = self._trace.native.get(above)
            if native is not None:
                if native.kind == Kind.TASK and (span.kind != Kind.ATTEMPT or native.place != span.place):
                    return
                above = native.parent_id
                continue
            if above not in self._trace.steps:
                return
            node = self._by_id.get(above)
            if node is not None:
                yield node
                if node.role is Role.AGENT and span.kind not in _WORK:
                    return
            above = self._trace.steps[above][1].parent_id


def _is_same(node: SpanNode, span: NativeSpan) -> bool:
    role = _ROLES[Kind(span.kind)]
    return node.role is role and (role is not Role.TOOL or node.step.name == span.name)


def _is_nested(node: SpanNode, span: NativeSpan) -> bool:
    """
    Whether a node and a native span of one session lie in each other in time: a run around a task, or a tool
    or model request of one task either way.
    """
    if node.enclosing is None or node.enclosing.place.session != span.place.session:
        return False
    step = node.step
    is_around = step.start_ns <= span.start_ns and span.end_ns <= step.end_ns
    if span.kind in _WORK:
        return is_around and node.enclosing.open
    is_within = span.start_ns <= step.start_ns and step.end_ns <= span.end_ns
    return node.enclosing.place.task == span.place.task and (is_around or is_within)


def _run_around_task(node: SpanNode) -> Iterator[tuple[tuple[str, str], SpanNode]]:
    """
    The native task that a step says it is inside of, and the nearest run around it that is not.
    """
    place = node.step.native_place
    if place is None or not place.task:
        return
    for above in _above(node):
        marks = above.step.native_place
        if above.role is Role.AGENT and (marks is None or marks.task != place.task):
            yield task_key(place), above
            return


def _distance(node: SpanNode, span: NativeSpan) -> tuple[bool, int]:
    """
    How badly a node and a native span fit: by their names, then by how long they took.
    """
    names = {name.casefold() for name in (span.place.droid, span.place.task_type, span.name) if name}
    name = node.step.name.casefold()
    is_namesake = any(name in other or other in name for other in names)
    took_ns = node.step.end_ns - node.step.start_ns
    return not is_namesake, abs(took_ns - (span.end_ns - span.start_ns))


def _are_rivals(span: NativeSpan, other: NativeSpan) -> bool:
    """
    Whether only one of two native spans can be the call of a node: they are other tasks at the same time.
    """
    if span.kind in _WORK and task_key(span.place) == task_key(other.place):
        return False
    return span.kind not in _WORK or (span.start_ns < other.end_ns and other.start_ns < span.end_ns)


def _move_into_task(node: SpanNode) -> None:
    """
    Have what a run did while its native task was under way be that task's, where it says nothing itself.
    """
    if node.enclosing is None or not node.enclosing.open or node.native is not None:
        return
    task = next((above.native for above in _above(node) if above.native is not None), None)
    if task is None or task.kind not in _WORK:
        return
    if task.start_ns <= node.step.start_ns and node.step.end_ns <= task.end_ns:
        node.enclosing = EnclosingPlace(replace(task.place, native=False), open=False)


def _above(node: SpanNode) -> Iterator[SpanNode]:
    above = node.above
    while above is not None:
        yield above
        above = above.above
