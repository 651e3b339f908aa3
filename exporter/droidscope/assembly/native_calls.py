"""
Foreign steps that record the same call as a native span: it counts once, whichever of the two is outside.

A node of a graph whose function is decorated as a task is such a call, and so is a tool that both report. A
native model call is everything that models did inside of it. Which steps enclose a native span follows from
the ids of parents. Frameworks that report by callbacks do not make their spans current: then what runs inside
of a task names it by its ids, and where nothing does, times decide (`calls_by_time`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from droidscope.assembly.calls_by_time import match_tools, match_work
from droidscope.assembly.model_calls import mark_model_calls
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
    rest = [span for span in spans if not calls.mark_by_ids(span)]
    calls.mark_by_time(rest)
    mark_model_calls(trace, nodes, [span for span in spans if span.kind == Kind.MODEL_REQUEST])
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
        self._taken: dict[bytes, list[NativeSpan]] = {}

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
        Mark the nodes that lie around tasks and tools which no ids lead to, or in such tools.
        """
        work = [span for span in spans if span.kind in _WORK and not self._is_in_task(span)]
        for node, span in match_work(work, self._nodes, self._taken):
            self._mark(node, span)
        tools = [span for span in spans if span.kind == Kind.TOOL]
        for node, span in match_tools(tools, [node for node in self._nodes if node.native is None]):
            self._mark(node, span)

    def _mark(self, node: SpanNode, span: NativeSpan) -> None:
        node.native = node.native or span
        self._taken.setdefault(node.step.span_id, []).append(span)

    def _is_in_task(self, span: NativeSpan) -> bool:
        """
        Whether another native task encloses a native span: then no node of the session is that span.
        """
        seen = {span.span_id}
        above = self._trace.native.get(span.parent_id)
        while above is not None and above.span_id not in seen:
            seen.add(above.span_id)
            if above.kind in _WORK and task_key(above.place) != task_key(span.place):
                return True
            above = self._trace.native.get(above.parent_id)
        return False

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
