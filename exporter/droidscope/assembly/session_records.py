"""
The nodes of one session -> its records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from droidscope.assembly.nodes import SpanNode, Trace, finish, has_models, rank, task_key, tops_of
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.model import records as r
from droidscope.model.foreign_steps import Role, SettledForeignSession, Step
from droidscope.model.labels import SessionKey


def session_records(
    key: SessionKey, part: list[SpanNode], settled: SettledForeignSession | None, clock_ns: int
) -> tuple[list[r.AnyRecord], SettledForeignSession]:
    """
    The records of a session, its start first and its end last, and what to remember of it.

    A session counted before gets no start and no end again; its pattern stays.
    """
    orchestrator, session = key
    tops = tops_of(part)
    with_models = has_models(part) or (settled is not None and settled.has_models)
    pattern = settled.pattern if settled else _pattern(tops)
    place = r.Place(orchestrator=orchestrator, session=session, pattern=pattern, native=False)
    inner = list(_work(part, place, agent_usage=not with_models))
    if settled is None and tops:
        first = min(tops, key=rank).step
        place = replace(place, trace_id=first.trace_id.hex())
        inner = [*_framed(part, tops, place, first.span_id.hex(), inner)]
    return inner, SettledForeignSession(orchestrator, session, pattern, with_models, clock_ns)


def _pattern(tops: list[SpanNode]) -> str:
    """
    The name of the outermost workflow, or of the lead agent where an agent is outermost: the first that
    nothing else encloses. "" where neither is known.
    """
    outermost = min(tops, key=rank, default=None)
    return outermost.step.name if outermost else ""


def _framed(
    part: list[SpanNode], tops: list[SpanNode], place: r.Place, span_id: str, inner: list[r.AnyRecord]
) -> Iterator[r.AnyRecord]:
    shown = [node.step for node in part if node.role is not Role.OTHER]
    start_ns, end_ns = min(step.start_ns for step in shown), max(step.end_ns for step in shown)
    failing_step = _failing_step(part, tops)
    yield r.Started(place=place, start_ns=start_ns, end_ns=start_ns, span_id=span_id, what=Kind.SESSION)
    yield from inner
    yield r.Session(
        place=place,
        start_ns=start_ns,
        end_ns=end_ns,
        span_id=span_id,
        outcome=Outcome.FAILED if failing_step else Outcome.COMPLETED,
        error_type=failing_step.error_type if failing_step else "",
        pattern_name=place.pattern,
    )


def _failing_step(part: list[SpanNode], tops: list[SpanNode]) -> Step | None:
    """
    The step that makes a session failed: its last top, else the agent run that finished last.

    A failure followed by other work was made good. Of two that failed, the one with a reason.
    """
    runs = [node for node in part if node.role is Role.AGENT]
    lasts = [max(nodes, key=finish).step for nodes in (tops, runs) if nodes]
    failed = [step for step in lasts if step.failed]
    return next((step for step in failed if step.error_type), failed[0] if failed else None)


def _work(part: list[SpanNode], place: r.Place, *, agent_usage: bool) -> Iterator[r.AnyRecord]:
    """
    Tasks, attempts, tool calls, model requests and phases of *part*, by end.

    Tokens are those of model requests; with *agent_usage*, where there are none, those that the
    agent runs report.
    """
    made: list[_Work] = list(_usage_of_native_tasks(part)) if agent_usage else []
    for tries in _tasks(part):
        made += _task(tries, place, agent_usage=agent_usage)
    for node in part:
        record = _single(node, _place(node, place))
        if record is not None:
            made.append(record)
    yield from sorted(
        made, key=lambda record: (record.end_ns, _EMIT_ORDER.index(type(record)), record.span_id)
    )


_Work = r.ModelRequest | r.ToolCall | r.Attempt | r.Task | r.Phase
_EMIT_ORDER: Final = (r.ModelRequest, r.ToolCall, r.Attempt, r.Task, r.Phase)


def _usage_of_native_tasks(part: list[SpanNode]) -> Iterator[r.ModelRequest]:
    """
    The tokens that agent runs report which are native tasks themselves, unless those gave their own.
    """
    for node in part:
        task = node.native if node.role is Role.AGENT else None
        if task is not None and node.usage is not None and not task.has_usage:
            yield _model_request(node, replace(task.place, native=False), known=True)


def _model_request(node: SpanNode, place: r.Place, *, known: bool) -> r.ModelRequest:
    step = node.step
    return r.ModelRequest(
        place=place,
        start_ns=step.start_ns,
        end_ns=step.end_ns,
        span_id=step.span_id.hex(),
        outcome=Outcome.FAILED if step.failed else Outcome.SUCCEEDED,
        usage=node.usage or r.Usage(),
        known=known,
    )


def _tasks(part: list[SpanNode]) -> Iterator[list[SpanNode]]:
    """
    The agent runs of each task, in order: more than one where it was tried again.

    A try again is a run of the same agent under the same parent with the same run key; where the
    source has no such key, one that began after an earlier one had failed.
    """
    siblings: defaultdict[tuple[bytes, bytes, str, str], list[SpanNode]] = defaultdict(list)
    for node in part:
        if node.role is Role.AGENT and node.native is None:
            siblings[node.step.trace_id, node.parent_key, node.step.name, node.step.run_key].append(node)
    for (_, _, _, run_key), runs in siblings.items():
        tries: list[SpanNode] = []
        for run in sorted(runs, key=rank):
            again = tries and (
                run_key or (tries[-1].step.failed and run.step.start_ns >= tries[-1].step.end_ns)
            )
            if tries and not again:
                yield _same_task(tries)
                tries = []
            tries.append(run)
        yield _same_task(tries)


def _same_task(tries: list[SpanNode]) -> list[SpanNode]:
    for node in tries:
        node.task = tries[0].step.span_id.hex()
    return tries


def _task(tries: list[SpanNode], place: r.Place, *, agent_usage: bool) -> Iterator[r.Attempt | r.Task]:
    first, last = tries[0].step, tries[-1].step
    several = len(tries) > 1
    if several:
        for number, node in enumerate(tries, 1):
            yield r.Attempt(
                place=_place(node, place),
                start_ns=node.step.start_ns,
                end_ns=node.step.end_ns,
                span_id=node.step.span_id.hex(),
                outcome=Outcome.FAILED if node.step.failed else Outcome.SUCCEEDED,
                error_type=node.step.error_type,
                number=number,
                usage=node.usage if agent_usage else None,
            )
    yield r.Task(
        place=_place(tries[0], place),
        start_ns=first.start_ns,
        end_ns=max(node.step.end_ns for node in tries),
        span_id=first.span_id.hex(),
        outcome=Outcome.FAILED if last.failed else Outcome.COMPLETED,
        error_type=last.error_type,
        attempts=len(tries) if several else 0,
        usage=tries[0].usage if agent_usage and not several else None,
    )


def _single(node: SpanNode, place: r.Place) -> r.ToolCall | r.ModelRequest | r.Phase | None:
    """
    The record of a tool call, a model request or a phase; None for other nodes, and for a call that a native
    span records. Of such a model request what it used counts, if the native span did not give that.
    """
    if node.native is not None:
        if node.role is not Role.MODEL or node.native.has_usage:
            return None
        return _model_request(node, place, known=True)
    step = node.step
    tried = Outcome.FAILED if step.failed else Outcome.SUCCEEDED
    match node.role:
        case Role.TOOL:
            return r.ToolCall(
                place=place,
                start_ns=step.start_ns,
                end_ns=step.end_ns,
                span_id=step.span_id.hex(),
                tool=step.name,
                outcome=tried,
            )
        case Role.MODEL:
            return _model_request(node, place, known=False)
        case Role.PHASE:
            return r.Phase(
                place=place,
                start_ns=step.start_ns,
                end_ns=step.end_ns,
                span_id=step.span_id.hex(),
                outcome=Outcome.FAILED if step.failed else Outcome.COMPLETED,
                error_type=step.error_type,
                name=step.name,
            )
        case _:
            return None


def _place(node: SpanNode, place: r.Place) -> r.Place:
    """
    A node's place in the session of *place*: the agent is the nearest that encloses it.
    """
    run = node.run
    return replace(
        place,
        phase=place.phase or node.phase,
        task=run.task if run else "",
        droid=run.step.name if run else node.step.agent,
        trace_id=node.step.trace_id.hex(),
    )


# --- inside a native session -------------------------------------------------------------------


def inside_native_sessions(trace: Trace, nodes: list[SpanNode]) -> Iterator[r.AnyRecord]:
    """
    What foreign steps add to native sessions.

    Inside a native task that is its tools and tokens; and only its tools, where the task or one of
    its attempts declared its own usage. Elsewhere in the session, agent runs are tasks of it.
    """
    spent = {
        task_key(span.place)
        for span in trace.native.values()
        if span.has_usage and span.kind != Kind.MODEL_REQUEST
    }
    by_place: defaultdict[tuple[r.Place, bool], list[SpanNode]] = defaultdict(list)
    for node in nodes:
        # Only the instrumentation declares the phases of a native session.
        if node.enclosing is not None and node.role is not Role.PHASE:
            by_place[node.enclosing.place, node.enclosing.open].append(node)
    for (place, is_open), part in sorted(by_place.items(), key=lambda item: min(map(rank, item[1]))):
        if is_open:
            yield from _work(part, place, agent_usage=not has_models(part))
        else:
            yield from _tools_and_tokens(part, place, spent=task_key(place) in spent)


def _tools_and_tokens(part: list[SpanNode], place: r.Place, *, spent: bool) -> Iterator[r.AnyRecord]:
    for node in sorted(part, key=finish):
        record = _single(node, place if place.task else _place(node, place))
        if spent and isinstance(record, r.ModelRequest):
            record = replace(record, usage=r.Usage(model=record.usage.model))
        if record is not None:
            yield record
