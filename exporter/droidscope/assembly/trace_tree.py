"""
The steps of one trace -> its nodes, top down.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby

from msgspec.structs import replace

from droidscope.assembly.duplicates import absorb, find_duplicate, mark_delegation
from droidscope.assembly.native_calls import mark_native_calls
from droidscope.assembly.nodes import CALLS, RUNS, EnclosingPlace, SpanNode, Trace, task_key
from droidscope.model import records as r
from droidscope.model.foreign_steps import Role, Step


def grow(trace: Trace) -> list[SpanNode]:
    """
    The nodes of a trace, each after the one above it.

    A step whose ancestors never arrived stands at the top; so does one of those that name each
    other their ancestors.
    """
    growth = _Growth(trace)
    steps = sorted((step for _, step in trace.steps.values()), key=_order)
    growth.descend([step for step in steps if step.parent_id not in trace.steps])
    for step in steps:
        growth.descend([step])
    mark_native_calls(trace, growth.nodes)
    return growth.nodes


class _Growth:
    """
    The nodes of one trace while they are made, top down.
    """

    def __init__(self, trace: Trace) -> None:
        self.nodes: list[SpanNode] = []
        self._trace = trace
        self._seen: set[bytes] = set()
        self._children: defaultdict[bytes, list[Step]] = defaultdict(list)
        for _, step in trace.steps.values():
            self._children[step.parent_id].append(step)
        self._native_tasks = {
            task_key(span.place): span.place for span in trace.native.values() if span.place.task
        }

    def descend(self, tops: list[Step]) -> None:
        """
        Make the nodes of *tops* and of all below them, except of steps that have theirs.
        """
        pending: list[tuple[SpanNode | None, list[Step]]] = [(None, tops)]
        while pending:
            above, steps = pending.pop()
            pending += self._level(above, [step for step in steps if step.span_id not in self._seen]).items()

    def _level(self, above: SpanNode | None, steps: list[Step]) -> dict[SpanNode | None, list[Step]]:
        """
        Make the nodes directly below one; what is below each of them.
        """
        below: dict[SpanNode | None, list[Step]] = {}
        siblings: list[SpanNode] = []
        for _, of_source in groupby(sorted(steps, key=_order), key=lambda step: step.source):
            others = tuple(siblings)
            for step in of_source:
                self._seen.add(step.span_id)
                node = find_duplicate(step, above, others)
                if node is None:
                    node = self._node(step, above)
                    siblings.append(node)
                else:
                    absorb(node, step)
                below.setdefault(node, []).extend(self._children[step.span_id])
        self.nodes += siblings
        return below

    def _node(self, step: Step, above: SpanNode | None) -> SpanNode:
        node = SpanNode(
            step=step,
            orchestrator=self._trace.steps[step.span_id][0],
            role=step.role,
            session=step.session_id,
            phase=step.name if step.role is Role.PHASE else "",
            usage=step.usage,
            enclosing=self._enclosing(step, above),
            above=above,
        )
        if above is not None:
            node.session = node.session or above.session
            node.phase = node.phase or above.phase
            node.caller, node.run = above.caller, above.run
            node.cover = above if above.role in RUNS else above.cover
        if node.role is Role.AGENT:
            mark_delegation(node)
            node.run = node
        if node.role in CALLS:
            node.caller = node
        return node

    def _enclosing(self, step: Step, above: SpanNode | None) -> EnclosingPlace | None:
        """
        Where in a native session a step ran: its own marks, else what encloses it; None if nowhere.
        """
        if step.native_place is not None:
            marked = replace(step.native_place, orchestrator=self._trace.steps[step.span_id][0])
            return _at(self._native_tasks.get(task_key(marked), marked))
        enclosing = self._trace.native.get(step.parent_id)
        if enclosing is not None:
            return _at(enclosing.place)
        if above is not None:
            return above.enclosing
        if step.parent_id and self._trace.native:
            return self._somewhere_native()
        return None

    def _somewhere_native(self) -> EnclosingPlace:
        """
        What is between a step and a native span never came: perhaps a task, so its agents are not counted.
        """
        places = (span.place for span in self._trace.native.values())
        place = min(places, key=lambda place: (place.orchestrator, place.session))
        return EnclosingPlace(
            replace(place, phase="", task="", task_type="", droid="", native=False), open=False
        )


def _at(place: r.Place) -> EnclosingPlace:
    return EnclosingPlace(replace(place, native=False), open=not place.task)


def _order(step: Step) -> tuple[int, int, bytes]:
    return step.source, step.start_ns, step.span_id
