"""
Nodes and native spans that record the same call, where no ids lead from one to the other: by time and name.

A node lies around the task that it is. Of nodes in parallel many do, so that any choice for itself may leave
others without one: the choice is made for all of them, such that as many as possible have a node.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from droidscope.assembly.nodes import SpanNode, task_key
from droidscope.assembly.time_matching import Interval, encloses, match_enclosing
from droidscope.conventions.attributes import Kind
from droidscope.model.foreign_steps import NativeSpan, Role

Pairs = Iterator[tuple[SpanNode, NativeSpan]]

_PART_OF_NAME: Final = 3
"""
Characters of a name that show in another one by more than chance.
"""


def match_work(
    spans: list[NativeSpan], nodes: list[SpanNode], taken: Mapping[bytes, list[NativeSpan]]
) -> Pairs:
    """
    The runs that native tasks, and attempts at tasks without a run, are.

    Args:
        spans: Tasks and attempts that no ids lead to.
        nodes: All of the trace.
        taken: The native spans that a node is already, by its span id.
    """
    runs: defaultdict[str, list[SpanNode]] = defaultdict(list)
    for node in nodes:
        if node.role is Role.AGENT and node.enclosing is not None and node.enclosing.open:
            runs[node.enclosing.place.session].append(node)
    if not runs:
        return
    by_session: defaultdict[str, list[NativeSpan]] = defaultdict(list)
    for span in spans:
        by_session[span.place.session].append(span)
    for session, of_session in by_session.items():
        if session in runs:
            yield from _Matching(of_session, runs[session], taken).pairs()


class _Matching:
    """
    The tasks and runs of one session while they are matched.
    """

    def __init__(
        self, spans: list[NativeSpan], runs: list[SpanNode], taken: Mapping[bytes, list[NativeSpan]]
    ) -> None:
        self._spans = spans
        self._runs = runs
        self._taken = taken

    def pairs(self) -> Pairs:
        """
        Of tasks first; attempts whose task has none are next.
        """
        tasks = [number for number, span in enumerate(self._spans) if span.kind == Kind.TASK]
        by_name = self._match(tasks, (_droid_groups, _type_groups, _part_groups, _any_group))
        regardless = self._match(tasks, (_any_group,)) if len(by_name) < len(tasks) else by_name
        found = by_name if len(by_name) >= len(regardless) else regardless
        done = {task_key(self._spans[number].place) for number in found}
        attempts = [
            number
            for number, span in enumerate(self._spans)
            if span.kind != Kind.TASK and task_key(span.place) not in done
        ]
        found |= self._match(attempts, (_droid_groups, _type_groups, _part_groups, _any_group), found)
        for number, run in found.items():
            yield self._runs[run], self._spans[number]

    def _match(
        self, numbers: Iterable[int], ways: Iterable[_Grouping], before: Mapping[int, int] | None = None
    ) -> dict[int, int]:
        """
        The run of each span, both by number: by each way of grouping first runs of their own, then runs that
        are several tasks, one after the other.
        """
        left = list(numbers)
        found: dict[int, int] = {}
        users: defaultdict[int, list[NativeSpan]] = defaultdict(list)
        for number, run in (before or {}).items():
            users[run].append(self._spans[number])
        for at, node in enumerate(self._runs):
            users[at] += self._taken.get(node.step.span_id, ())
        for grouping in ways:
            if not left:
                break
            group_of, groups = grouping(self._runs, self._spans)
            members: defaultdict[Hashable, list[int]] = defaultdict(list)
            for at, node in enumerate(self._runs):
                members[group_of(node)].append(at)
            free = [
                (group, _of_node(self._runs[at], at))
                for group, runs in members.items()
                for at in runs
                if not users[at]
            ]
            inner = [_of_span(self._spans[number], number) for number in left]
            new = match_enclosing(inner, free, {number: groups(self._spans[number]) for number in left})
            for number, run_number in new.items():
                users[run_number].append(self._spans[number])
            found |= new
            for number in [number for number in left if number not in new]:
                candidates = [at for group in groups(self._spans[number]) for at in members[group]]
                shared = self._shared(number, candidates, users)
                if shared is not None:
                    users[shared].append(self._spans[number])
                    found[number] = shared
            left = [number for number in left if number not in found]
        return found

    def _shared(
        self, number: int, candidates: list[int], users: Mapping[int, list[NativeSpan]]
    ) -> int | None:
        """
        The shortest run around a span that is another task at no time of it, None without one.
        """
        span = self._spans[number]
        around = (
            (node.step.end_ns - node.step.start_ns, at)
            for at, node in ((at, self._runs[at]) for at in candidates)
            if encloses(_of_node(node, at), _of_span(span, number))
            and not any(_are_rivals(span, other) for other in users[at])
        )
        return min(around, default=(0, None))[1]


_Grouping = Callable[
    [list[SpanNode], list[NativeSpan]],
    tuple[Callable[[SpanNode], Hashable], Callable[[NativeSpan], list[Hashable]]],
]
"""
Of runs and spans: the group of a run, and the groups that a span may have its run in.
"""


def _name(node: SpanNode) -> Hashable:
    return node.step.name.casefold()


def _droid_groups(
    _runs: list[SpanNode], _spans: list[NativeSpan]
) -> tuple[Callable[[SpanNode], Hashable], Callable[[NativeSpan], list[Hashable]]]:
    return _name, lambda span: [span.place.droid.casefold()]


def _type_groups(
    _runs: list[SpanNode], _spans: list[NativeSpan]
) -> tuple[Callable[[SpanNode], Hashable], Callable[[NativeSpan], list[Hashable]]]:
    return _name, lambda span: [span.place.task_type.casefold()]


def _part_groups(
    runs: list[SpanNode], spans: list[NativeSpan]
) -> tuple[Callable[[SpanNode], Hashable], Callable[[NativeSpan], list[Hashable]]]:
    """
    The name of one is a part of the name of the other.
    """
    names = sorted({node.step.name.casefold() for node in runs})
    parts: dict[str, list[Hashable]] = {
        given: [name for name in names if _is_part(name, given)]
        for given in {text.casefold() for span in spans for text in (span.place.droid, span.place.task_type)}
    }
    return _name, lambda span: list(
        dict.fromkeys(
            name for text in (span.place.droid, span.place.task_type) for name in parts[text.casefold()]
        )
    )


def _is_part(one: str, other: str) -> bool:
    return min(len(one), len(other)) >= _PART_OF_NAME and (one in other or other in one)


def _any_group(
    _runs: list[SpanNode], _spans: list[NativeSpan]
) -> tuple[Callable[[SpanNode], Hashable], Callable[[NativeSpan], list[Hashable]]]:
    return lambda _node: "", lambda _span: [""]


def _of_node(node: SpanNode, number: int) -> Interval:
    return Interval(node.step.start_ns, node.step.end_ns, number)


def _of_span(span: NativeSpan, number: int) -> Interval:
    return Interval(span.start_ns, span.end_ns, number)


def _are_rivals(span: NativeSpan, other: NativeSpan) -> bool:
    """
    Whether only one of two native spans can be the call of a node: they are other tasks at the same time.
    """
    if task_key(span.place) == task_key(other.place):
        return False
    return span.start_ns < other.end_ns and other.start_ns < span.end_ns


def match_tools(spans: list[NativeSpan], nodes: list[SpanNode]) -> Pairs:
    """
    The calls of tools that native ones are: of the same name and task, around them or in them.
    """
    calls = [
        (node, (node.enclosing.place.session, node.enclosing.place.task, node.step.name))
        for node in nodes
        if node.role is Role.TOOL and node.enclosing is not None
    ]
    if not calls:
        return
    of_nodes = [(key, _of_node(node, at)) for at, (node, key) in enumerate(calls)]
    of_spans = [
        ((span.place.session, span.place.task, span.name), _of_span(span, at))
        for at, span in enumerate(spans)
    ]
    around = _match_keyed(of_spans, of_nodes)
    used = set(around.values())
    within = _match_keyed(
        [each for each in of_nodes if each[1].number not in used],
        [each for each in of_spans if each[1].number not in around],
    )
    for span_number, node_number in [*around.items(), *((span, node) for node, span in within.items())]:
        yield calls[node_number][0], spans[span_number]


def _match_keyed(
    inner: Sequence[tuple[Hashable, Interval]], outer: Sequence[tuple[Hashable, Interval]]
) -> dict[int, int]:
    groups = {interval.number: [key] for key, interval in inner}
    return match_enclosing([interval for _, interval in inner], outer, groups)
