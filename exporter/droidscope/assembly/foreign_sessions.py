"""
Foreign sessions in the making: steps are held until nothing more is expected, then assembled.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct, field

from droidscope.assembly.assemble import Trace, assemble
from droidscope.model.foreign_steps import (
    NativeSpan,
    Role,
    RunningForeignSession,
    SettledForeignSession,
    Step,
)
from droidscope.model.labels import OrchestratorLabels, SessionKey
from droidscope.model.records import AnyRecord
from droidscope.units import MINUTE_NS, SECOND_NS


class ForeignSettings(Struct, frozen=True):
    """
    How long to wait and how much to hold. Durations in nanoseconds of the exporter's uptime.

    A trace is over *settle_after_ns* after the last arrival once its outermost span has ended, else
    *idle_after_ns* after it. A settled session is remembered for *known_for_ns*.
    """

    settle_after_ns: int = 10 * SECOND_NS
    idle_after_ns: int = 10 * MINUTE_NS
    known_for_ns: int = 24 * 60 * MINUTE_NS
    max_traces: int = 10_000
    max_steps: int = 200_000
    max_own_spans: int = 200_000
    max_known: int = 100_000


class OpenTrace(Struct):
    """
    A trace with foreign steps that is not over.

    *rooted*: a foreign span without a parent has arrived, so the outermost has ended. *links* are
    the ids by which it may share a session with other traces. *inside* says that a step carries ids
    of ours, *telling* that one is more than `OTHER`. *start_ns* is the earliest, *droids* are the
    agents of the runs that have ended.
    """

    id: bytes
    steps: dict[bytes, tuple[OrchestratorLabels, Step]] = field(default_factory=dict)
    last_clock_ns: int = 0
    rooted: bool = False
    inside: bool = False
    telling: bool = False
    start_ns: int = 0
    droids: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)

    def take(self, step: Step, orchestrator: OrchestratorLabels, clock_ns: int) -> None:
        """
        Add a step, or replace it by a twin of the same span.
        """
        self.steps[step.span_id] = (orchestrator, step)
        self.last_clock_ns = clock_ns
        self.rooted = self.rooted or not step.parent_id
        self.inside = self.inside or step.native_place is not None
        self.telling = self.telling or step.role is not Role.OTHER
        self.start_ns = min(self.start_ns, step.start_ns)
        if step.role is Role.AGENT:
            self.droids.add(step.name)


class NativeTrace(Struct):
    """
    The spans of ours in a trace. *rooted*: one without a parent has ended.
    """

    spans: dict[bytes, NativeSpan] = field(default_factory=dict)
    last_clock_ns: int = 0
    rooted: bool = False


class ForeignDump(Struct):
    """
    What a checkpoint keeps; every mapping in order of last arrival.
    """

    traces: list[OpenTrace]
    own: dict[bytes, NativeTrace]
    known: list[SettledForeignSession]
    known_traces: dict[bytes, SessionKey]
    ready: list[AnyRecord]
    evicted: int
    ignored: int


class ForeignSessions:
    """
    Foreign traces that are not over, and the sessions they were settled as.

    Traces that share a session id settle together, as one session; but one that is over waits no
    longer than *idle_after_ns* for others. A session is counted once: what arrives later under its
    session id, or in its traces, adds tasks, tool calls and tokens to it but changes neither its
    outcome nor its duration, and yields no second start or end.

    Call `settle` before what arrives at a clock is added: then the same arrivals at the same clocks
    give the same records, however often `settle` was called between them.

    Attributes:
        evicted: Traces settled early for want of room, the longest idle first.
        ignored: Traces that had nothing to tell: no agent and no workflow.
    """

    def __init__(self, settings: ForeignSettings | None = None) -> None:
        self.evicted = 0
        self.ignored = 0
        self._settings = settings or ForeignSettings()
        self._traces: OrderedDict[bytes, OpenTrace] = OrderedDict()
        self._own: OrderedDict[bytes, NativeTrace] = OrderedDict()
        self._known: OrderedDict[SessionKey, SettledForeignSession] = OrderedDict()
        self._known_traces: OrderedDict[bytes, SessionKey] = OrderedDict()
        self._ready: list[AnyRecord] = []
        # Derived from the above.
        self._steps = 0
        self._own_spans = 0
        self._linked: defaultdict[str, set[bytes]] = defaultdict(set)
        self._due: list[tuple[int, bytes]] = []

    def __len__(self) -> int:
        return len(self._traces)

    # --- arrivals

    def add(self, step: Step, orchestrator: OrchestratorLabels, clock_ns: int) -> None:
        """
        Take in a foreign step that arrived at *clock_ns* from *orchestrator*.
        """
        trace = self._traces.get(step.trace_id)
        is_new = trace is None
        if trace is None:
            trace = self._traces[step.trace_id] = OpenTrace(step.trace_id, start_ns=step.start_ns)
        self._steps += step.span_id not in trace.steps
        self._traces.move_to_end(step.trace_id)
        was_rooted = trace.rooted
        trace.take(step, orchestrator, clock_ns)
        self._link(trace, step)
        if is_new or trace.rooted is not was_rooted:
            self._schedule(trace)
        self._make_room(clock_ns)

    def own(self, trace_id: bytes, span: NativeSpan, clock_ns: int) -> None:
        """
        Tell of a span of ours: foreign spans below it belong to its session and task.

        For every span of ours that may enclose foreign ones, and for its start and its signs of
        life (with *ended* False), which keep the trace from counting as idle.
        """
        own = self._own.get(trace_id)
        if own is None:
            own = self._own[trace_id] = NativeTrace()
        before = own.spans.get(span.span_id)
        if before is None or not before.ended:
            own.spans[span.span_id] = span
        self._own_spans += before is None
        own.last_clock_ns = clock_ns
        self._own.move_to_end(trace_id)
        if span.ended and not span.parent_id and not own.rooted:
            own.rooted = True
            if trace_id in self._traces:
                self._schedule(self._traces[trace_id])
        self._forget_own(clock_ns)

    def _link(self, trace: OpenTrace, step: Step) -> None:
        link = step.session_id or (step.conversation_id if not step.parent_id else "")
        if link and link not in trace.links:
            trace.links.add(link)
            self._linked[link].add(trace.id)

    def _make_room(self, clock_ns: int) -> None:
        while len(self._traces) > self._settings.max_traces or self._steps > self._settings.max_steps:
            self.evicted += 1
            self._ready += self._close([next(iter(self._traces.values()))], clock_ns)

    def _forget_own(self, clock_ns: int) -> None:
        """
        Drop our spans of traces that are idle, and of the longest silent for want of room.

        Looks at two traces a call, more than a call can add; one that foreign steps wait for is
        put off.
        """
        for trace_id, own in list(islice(self._own.items(), 2)):
            if own.last_clock_ns + self._settings.idle_after_ns >= clock_ns:
                break
            if trace_id in self._traces:
                self._own.move_to_end(trace_id)
            else:
                self._drop_own(trace_id)
        while self._own_spans > self._settings.max_own_spans:
            self._drop_own(next(iter(self._own)))

    def _drop_own(self, trace_id: bytes) -> None:
        self._own_spans -= len(self._own.pop(trace_id).spans)

    # --- settling

    def next_deadline(self) -> int | None:
        """
        The uptime before which `settle` has nothing to do (0: it has now), None if it never has.
        """
        if self._ready:
            return 0
        return self._due[0][0] if self._due else None

    def settle(self, clock_ns: int) -> list[AnyRecord]:
        """
        The records of what is over by *clock_ns*, in the order in which it became over.

        Of each session: its start, then what ended in it by end, then its end.
        """
        records, self._ready = self._ready, []
        while self._due and self._due[0][0] <= clock_ns:
            due_ns, trace_id = heapq.heappop(self._due)
            trace = self._traces.get(trace_id)
            if trace is not None:
                records += self._look_at(trace, due_ns)
        return records

    def _look_at(self, trace: OpenTrace, now_ns: int) -> list[AnyRecord]:
        """
        Settle a trace and those it shares a session with, or look again later.
        """
        over_ns = self._over_ns(trace)
        group = self._related(trace)
        latest_ns = max(map(self._over_ns, group))
        wait_ns = max(over_ns, min(latest_ns, over_ns + self._settings.idle_after_ns))
        if wait_ns > now_ns:
            heapq.heappush(self._due, (wait_ns, trace.id))
            return []
        return self._close([each for each in group if self._over_ns(each) <= now_ns], now_ns)

    def _over_ns(self, trace: OpenTrace) -> int:
        """
        When a trace is over if nothing more arrives.
        """
        own = self._own.get(trace.id)
        last_ns = max(trace.last_clock_ns, own.last_clock_ns if own else 0)
        is_rooted = trace.rooted or (own is not None and own.rooted)
        return last_ns + (self._settings.settle_after_ns if is_rooted else self._settings.idle_after_ns)

    def _schedule(self, trace: OpenTrace) -> None:
        heapq.heappush(self._due, (self._over_ns(trace), trace.id))

    def _related(self, trace: OpenTrace) -> list[OpenTrace]:
        """
        A trace and all that share a session with it, directly or through others.
        """
        found = {trace.id}
        pending = [trace]
        while pending:
            for link in pending.pop().links:
                fresh = self._linked[link] - found
                found |= fresh
                pending += [self._traces[trace_id] for trace_id in fresh]
        return [self._traces[trace_id] for trace_id in found]

    def _close(self, traces: list[OpenTrace], clock_ns: int) -> list[AnyRecord]:
        for trace in traces:
            self._forget(trace)
        parts = [self._part(trace, clock_ns) for trace in traces]
        assembly = assemble(parts, lambda key: self._recall(key, clock_ns), clock_ns)
        self.ignored += assembly.ignored
        for trace_ids, session in assembly.sessions:
            self._remember(trace_ids, session)
        return assembly.records

    def _part(self, trace: OpenTrace, clock_ns: int) -> Trace:
        own = self._own.get(trace.id)
        key = self._known_traces.get(trace.id)
        settled = self._recall(key, clock_ns) if key else None
        return Trace(trace.id, trace.steps, own.spans if own else {}, settled)

    def _forget(self, trace: OpenTrace) -> None:
        del self._traces[trace.id]
        self._steps -= len(trace.steps)
        for link in trace.links:
            self._linked[link].discard(trace.id)
            if not self._linked[link]:
                del self._linked[link]

    # --- sessions already counted

    def _recall(self, key: SessionKey, clock_ns: int) -> SettledForeignSession | None:
        known = self._known.get(key)
        if known is None or known.clock_ns + self._settings.known_for_ns < clock_ns:
            return None
        return known

    def _remember(self, trace_ids: frozenset[bytes], session: SettledForeignSession) -> None:
        key = (session.orchestrator, session.session)
        self._known[key] = session
        self._known.move_to_end(key)
        for trace_id in sorted(trace_ids):
            self._known_traces[trace_id] = key
            self._known_traces.move_to_end(trace_id)
        while len(self._known) > self._settings.max_known:
            self._known.popitem(last=False)
        while len(self._known_traces) > self._settings.max_known:
            self._known_traces.popitem(last=False)

    # --- what is going on

    def active(self) -> Iterator[RunningForeignSession]:
        """
        The foreign sessions whose outermost span has not ended, in no particular order.

        Sessions of ours are not among them: they speak for themselves.
        """
        running: defaultdict[SessionKey, list[OpenTrace]] = defaultdict(list)
        for trace in self._traces.values():
            if trace.telling and not trace.rooted and not trace.inside and trace.id not in self._own:
                running[self._provisional_key(trace)].append(trace)
        for (orchestrator, session), traces in running.items():
            known = self._known.get((orchestrator, session))
            yield RunningForeignSession(
                orchestrator=orchestrator,
                session=session,
                pattern=known.pattern if known else "",
                start_ns=min(trace.start_ns for trace in traces),
                last_clock_ns=max(trace.last_clock_ns for trace in traces),
                droids=tuple(sorted(set().union(*(trace.droids for trace in traces)))),
            )

    def _provisional_key(self, trace: OpenTrace) -> SessionKey:
        orchestrator, _ = next(iter(trace.steps.values()))
        return self._known_traces.get(trace.id) or (orchestrator, min(trace.links, default=trace.id.hex()))

    # --- checkpoints

    def dump(self) -> ForeignDump:
        """
        The state for a checkpoint; to be encoded before anything more is added.
        """
        return ForeignDump(
            traces=list(self._traces.values()),
            own=dict(self._own),
            known=list(self._known.values()),
            known_traces=dict(self._known_traces),
            ready=self._ready,
            evicted=self.evicted,
            ignored=self.ignored,
        )

    def load(self, dump: ForeignDump) -> None:
        """
        Go on from a checkpoint, as if nothing had happened since.
        """
        self.evicted, self.ignored = dump.evicted, dump.ignored
        self._traces = OrderedDict((trace.id, trace) for trace in dump.traces)
        self._own = OrderedDict(dump.own)
        self._known = OrderedDict(((each.orchestrator, each.session), each) for each in dump.known)
        self._known_traces = OrderedDict(dump.known_traces)
        self._ready = dump.ready
        self._steps = sum(len(trace.steps) for trace in dump.traces)
        self._own_spans = sum(len(own.spans) for own in dump.own.values())
        self._linked = defaultdict(set)
        self._due = []
        for trace in dump.traces:
            self._schedule(trace)
            for link in trace.links:
                self._linked[link].add(trace.id)
