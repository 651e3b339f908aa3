"""
Steps of foreign traces -> records, once nothing more is expected of them.

A pure function of the set of steps: the order in which they arrived changes nothing. Read top
down: each trace becomes a list of nodes (the same call seen twice is one node), the nodes fall
into sessions, and each session's nodes become records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from droidscope.conventions.attributes import Kind, Outcome
from droidscope.model import records as r
from droidscope.model.foreign_steps import NativeSpan, Role, SettledForeignSession, Step
from droidscope.model.labels import OrchestratorLabels, SessionKey


class Trace(Struct, frozen=True, eq=False):
    """
    What is known of one trace: its foreign steps, each with the orchestrator that sent it, the
    spans of ours among them, and the session it was counted in if it has been settled before.
    """

    id: bytes
    steps: dict[bytes, tuple[OrchestratorLabels, Step]]
    own: dict[bytes, NativeSpan] = field(default_factory=dict)
    settled: SettledForeignSession | None = None


class Assembly(Struct, frozen=True, eq=False):
    """
    The records; the sessions they are of, by trace; and how many traces had nothing to tell.
    """

    records: list[r.AnyRecord]
    sessions: list[tuple[frozenset[bytes], SettledForeignSession]]
    ignored: int


class EnclosingPlace(Struct, frozen=True, eq=False):
    """
    The place in a session of ours that a foreign step ran in.

    *open* says that its agent runs count as tasks there. They do where no task of ours encloses
    them; they do not where one does, or may do for all that is known.
    """

    place: r.Place
    open: bool


class SpanNode(Struct, eq=False):
    """
    A step in its context, or several steps that tell of one call.

    *above* is the node it is nested in, *caller* the nearest agent, tool or model request from
    itself up, *run* the nearest agent run from itself up, *cover* the nearest workflow or agent
    above. *session* is "" where no span from itself up names one. *task* is set on agent runs.
    """

    step: Step
    orchestrator: OrchestratorLabels
    role: Role
    session: str
    phase: str
    usage: r.Usage | None
    home: EnclosingPlace | None
    above: SpanNode | None = None
    caller: SpanNode | None = None
    run: SpanNode | None = None
    cover: SpanNode | None = None
    task: str = ""

    @property
    def parent_key(self) -> bytes:
        """
        What siblings share: the span id of what they are nested in, seen or not.
        """
        return self.above.step.span_id if self.above else self.step.parent_id


_CALLS: Final = frozenset({Role.AGENT, Role.TOOL, Role.HANDOFF, Role.MODEL})
_RUNS: Final = frozenset({Role.WORKFLOW, Role.AGENT})
_TELLING: Final = frozenset(Role) - {Role.OTHER}


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
    strangers: set[bytes] = set()
    for trace in sorted(traces, key=lambda trace: trace.id):
        nodes = grow(trace)
        foreign = [node for node in nodes if node.home is None]
        records += _inside_ours(trace, [node for node in nodes if node.home is not None])
        strangers |= {trace.id} if len(foreign) == len(nodes) else set()
        for key, part in _split(trace, foreign):
            parts[key] += part
    done = []
    for key, part in sorted(parts.items(), key=lambda item: item[0]):
        before = settled(key)
        if before or any(node.role in _RUNS for node in part):
            made, session = _session(key, part, before, clock_ns)
            records += made
            done.append((frozenset(node.step.trace_id for node in part), session))
    told = {trace_id for trace_ids, _ in done for trace_id in trace_ids}
    return Assembly(records, done, ignored=len(strangers - told))


# --- one trace: its nodes -----------------------------------------------------------------------


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
        self._our_tasks = {_task_key(own.place): own.place for own in trace.own.values() if own.place.task}

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
                node = _twin(step, above, others)
                if node is None:
                    node = self._node(step, above)
                    siblings.append(node)
                else:
                    _absorb(node, step)
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
            home=self._home(step, above),
            above=above,
        )
        if above is not None:
            node.session = node.session or above.session
            node.phase = node.phase or above.phase
            node.caller, node.run = above.caller, above.run
            node.cover = above if above.role in _RUNS else above.cover
        if node.role is Role.AGENT:
            _mark_delegation(node)
            node.run = node
        if node.role in _CALLS:
            node.caller = node
        return node

    def _home(self, step: Step, above: SpanNode | None) -> EnclosingPlace | None:
        """
        Where in a session of ours a step ran: its own marks, else what encloses it; None if nowhere.
        """
        if step.native_place is not None:
            marked = replace(step.native_place, orchestrator=self._trace.steps[step.span_id][0])
            return _at(self._our_tasks.get(_task_key(marked), marked))
        enclosing = self._trace.own.get(step.parent_id)
        if enclosing is not None:
            return _at(enclosing.place)
        if above is not None:
            return above.home
        if step.parent_id and self._trace.own:
            return self._somewhere_in_ours()
        return None

    def _somewhere_in_ours(self) -> EnclosingPlace:
        """
        What is between a step and ours never came: perhaps a task, so its agents are not counted.
        """
        places = (own.place for own in self._trace.own.values())
        place = min(places, key=lambda place: (place.orchestrator, place.session))
        return EnclosingPlace(
            replace(place, phase="", task="", task_type="", droid="", native=False), open=False
        )


def _at(place: r.Place) -> EnclosingPlace:
    return EnclosingPlace(replace(place, native=False), open=not place.task)


def _order(step: Step) -> tuple[int, int, bytes]:
    return step.source, step.start_ns, step.span_id


def _twin(step: Step, above: SpanNode | None, others: tuple[SpanNode, ...]) -> SpanNode | None:
    """
    The node that tells of the same call as *step*, if there is one already.

    That is an outer layer of the call (a graph's node and the graph in it, a framework's model
    span and its client's), or the same call by another instrumentation of the process: one of
    *others*, the siblings from other sources.
    """
    if step.role not in _CALLS:
        return None
    caller = above.caller if above else None
    if caller is not None and _is_layer(caller, step):
        return caller
    return next((node for node in others if _is_echo(node.step, step)), None)


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


def _is_echo(one: Step, other: Step) -> bool:
    return (
        one.role is other.role
        and one.name == other.name
        and one.start_ns < other.end_ns
        and other.start_ns < one.end_ns
    )


def _absorb(node: SpanNode, step: Step) -> None:
    if step.usage is not None and (node.usage is None or not _tokens(node.usage)):
        node.usage = step.usage
    node.session = node.session or step.session_id


def _tokens(usage: r.Usage) -> int:
    return usage.input + usage.output + usage.cache_read + usage.cache_write


def _mark_delegation(run: SpanNode) -> None:
    """
    A tool called as the agent that it runs is no tool but the hand-over to that agent.
    """
    caller = run.caller
    if caller is not None and caller.role is Role.TOOL and caller.step.name == run.step.name:
        caller.role = Role.HANDOFF


# --- one trace: the sessions in it --------------------------------------------------------------


def _split(trace: Trace, nodes: list[SpanNode]) -> list[tuple[SessionKey, list[SpanNode]]]:
    """
    The nodes of a trace by session, without those that have nothing to tell of it.

    What only encloses several sessions (a batch job around ten of them) is none itself.
    """
    named = {node.session for node in nodes if node.session}
    default = _default_session(trace, nodes, named)
    by_session: defaultdict[str, list[SpanNode]] = defaultdict(list)
    for node in nodes:
        node.session = node.session or default
        by_session[node.session].append(node)
    return [
        ((_orchestrator(trace, part), session), part)
        for session, part in by_session.items()
        if any(node.role in (_CALLS if len(named) > 1 and session == default else _TELLING) for node in part)
    ]


def _default_session(trace: Trace, nodes: list[SpanNode], named: set[str]) -> str:
    """
    The session of nodes that name none: the one it was settled as, the only one that others of the
    trace name, the conversation of the outermost run, else the trace.
    """
    if trace.settled is not None:
        return trace.settled.session
    if len(named) == 1:
        return min(named)
    tops = [node for node in nodes if node.role in _RUNS and node.cover is None]
    conversation = min(tops, key=_rank).step.conversation_id if tops else ""
    return conversation or trace.id.hex()


def _orchestrator(trace: Trace, part: list[SpanNode]) -> OrchestratorLabels:
    """
    Whose a part is: who sent its outermost run.
    """
    if trace.settled is not None:
        return trace.settled.orchestrator
    return min(_tops(part) or part, key=_rank).orchestrator


def _tops(part: list[SpanNode]) -> list[SpanNode]:
    """
    The workflows and agent runs that nothing else of the same session encloses.
    """
    return [
        node
        for node in part
        if node.role in _RUNS and (node.cover is None or node.cover.session != node.session)
    ]


def _rank(node: SpanNode) -> tuple[int, int, bytes]:
    return node.step.start_ns, -node.step.end_ns, node.step.span_id


# --- one session: its records -------------------------------------------------------------------


def _session(
    key: SessionKey, part: list[SpanNode], settled: SettledForeignSession | None, clock_ns: int
) -> tuple[list[r.AnyRecord], SettledForeignSession]:
    """
    The records of a session, its start first and its end last, and what to remember of it.

    A session counted before gets no start and no end again; its pattern stays.
    """
    orchestrator, session = key
    tops = _tops(part)
    has_models = _has_models(part) or (settled is not None and settled.has_models)
    pattern = settled.pattern if settled else _pattern(tops)
    place = r.Place(orchestrator=orchestrator, session=session, pattern=pattern, native=False)
    inner = list(_work(part, place, agent_usage=not has_models))
    if settled is None and tops:
        first = min(tops, key=_rank).step
        place = replace(place, trace_id=first.trace_id.hex())
        inner = [*_framed(part, tops, place, first.span_id.hex(), inner)]
    return inner, SettledForeignSession(orchestrator, session, pattern, has_models, clock_ns)


def _pattern(tops: list[SpanNode]) -> str:
    """
    The name of the outermost workflow, "" where an agent is outermost.
    """
    outermost = min(tops, key=_rank, default=None)
    return outermost.step.name if outermost and outermost.role is Role.WORKFLOW else ""


def _framed(
    part: list[SpanNode], tops: list[SpanNode], place: r.Place, span_id: str, inner: list[r.AnyRecord]
) -> Iterator[r.AnyRecord]:
    spoken = [node.step for node in part if node.role is not Role.OTHER]
    start_ns, end_ns = min(step.start_ns for step in spoken), max(step.end_ns for step in spoken)
    culprit = _culprit(part, tops)
    yield r.Started(place=place, start_ns=start_ns, end_ns=start_ns, span_id=span_id, what=Kind.SESSION)
    yield from inner
    yield r.Session(
        place=place,
        start_ns=start_ns,
        end_ns=end_ns,
        span_id=span_id,
        outcome=Outcome.FAILED if culprit else Outcome.COMPLETED,
        error_type=culprit.error_type if culprit else "",
        pattern_name=place.pattern,
    )


def _culprit(part: list[SpanNode], tops: list[SpanNode]) -> Step | None:
    """
    The step that makes a session failed: its last top, else the agent run that finished last.

    A failure followed by other work was cured. Of two that failed, the one that says why.
    """
    runs = [node for node in part if node.role is Role.AGENT]
    lasts = [max(nodes, key=_finish).step for nodes in (tops, runs) if nodes]
    failed = [step for step in lasts if step.failed]
    return next((step for step in failed if step.error_type), failed[0] if failed else None)


def _finish(node: SpanNode) -> tuple[int, int, bytes]:
    # Of runs that end together, the outer one (which began first) has the last word.
    return node.step.end_ns, -node.step.start_ns, node.step.span_id


def _work(part: list[SpanNode], place: r.Place, *, agent_usage: bool) -> Iterator[r.AnyRecord]:
    """
    Tasks, attempts, tool calls, model requests and phases of *part*, by end.

    Tokens are those of model requests; with *agent_usage*, where there are none, those that the
    agent runs report.
    """
    made: list[_Work] = []
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


def _tasks(part: list[SpanNode]) -> Iterator[list[SpanNode]]:
    """
    The agent runs of each task, in order: more than one where it was tried again.

    A try again is a run of the same agent under the same parent with the same run key; where the
    source has no such key, one that began after an earlier one had failed.
    """
    siblings: defaultdict[tuple[bytes, bytes, str, str], list[SpanNode]] = defaultdict(list)
    for node in part:
        if node.role is Role.AGENT:
            siblings[node.step.trace_id, node.parent_key, node.step.name, node.step.run_key].append(node)
    for (_, _, _, run_key), runs in siblings.items():
        tries: list[SpanNode] = []
        for run in sorted(runs, key=_rank):
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
    The record of a tool call, a model request or a phase; None for other nodes.
    """
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
            return r.ModelRequest(
                place=place,
                start_ns=step.start_ns,
                end_ns=step.end_ns,
                span_id=step.span_id.hex(),
                outcome=tried,
                usage=node.usage or r.Usage(),
            )
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


# --- inside a session of ours -------------------------------------------------------------------


def _inside_ours(trace: Trace, nodes: list[SpanNode]) -> Iterator[r.AnyRecord]:
    """
    What foreign steps add to a session of ours.

    Inside a task of ours that is its tools and tokens; and only its tools, where the task or one of
    its attempts declared its own usage. Elsewhere in the session, agent runs are tasks of it.
    """
    spent = {_task_key(own.place) for own in trace.own.values() if own.has_usage}
    by_place: defaultdict[tuple[r.Place, bool], list[SpanNode]] = defaultdict(list)
    for node in nodes:
        # Phases are ours to declare in a session of ours.
        if node.home is not None and node.role is not Role.PHASE:
            by_place[node.home.place, node.home.open].append(node)
    for (place, is_open), part in sorted(by_place.items(), key=lambda item: min(map(_rank, item[1]))):
        if is_open:
            yield from _work(part, place, agent_usage=not _has_models(part))
        else:
            yield from _tools_and_tokens(part, place, spent=_task_key(place) in spent)


def _tools_and_tokens(part: list[SpanNode], place: r.Place, *, spent: bool) -> Iterator[r.AnyRecord]:
    for node in sorted(part, key=_finish):
        record = _single(node, place if place.task else _place(node, place))
        if spent and isinstance(record, r.ModelRequest):
            record = replace(record, usage=r.Usage(model=record.usage.model))
        if record is not None:
            yield record


def _has_models(part: list[SpanNode]) -> bool:
    return any(node.role is Role.MODEL for node in part)


def _task_key(place: r.Place) -> tuple[str, str]:
    return place.session, place.task
