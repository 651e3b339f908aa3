"""
Foreign sessions in the making: steps are kept until nothing more is expected, then assembled.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import ClassVar

from msgspec import Struct

from droidscope.assembly.assemble import assemble
from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.assembly.native_traces import NativeTrace, NativeTraces
from droidscope.assembly.nodes import Trace
from droidscope.assembly.open_traces import OpenTrace
from droidscope.assembly.settled_sessions import SettledSessions
from droidscope.model.foreign_steps import NativeSpan, RunningForeignSession, SettledForeignSession, Step
from droidscope.model.labels import OrchestratorLabels, Relabel, SessionKey, unchanged
from droidscope.model.records import AnyRecord, relabelled


class ForeignDump(Struct, rename={"native": "own", "settled": "known", "settled_traces": "known_traces"}):
    """
    What a checkpoint keeps; every mapping in order of last arrival.
    """

    traces: list[OpenTrace]
    native: dict[bytes, NativeTrace]
    settled: list[SettledForeignSession]
    settled_traces: dict[bytes, SessionKey]
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
        ignored: Traces without a session: no agent and no workflow.
    """

    dump_type: ClassVar = ForeignDump

    def __init__(self, settings: ForeignSettings | None = None) -> None:
        self.evicted = 0
        self.ignored = 0
        self._settings = settings or ForeignSettings()
        self._traces: OrderedDict[bytes, OpenTrace] = OrderedDict()
        self._native = NativeTraces(self._settings)
        self._settled = SettledSessions(self._settings)
        self._ready: list[AnyRecord] = []
        # Derived from the above.
        self._steps = 0
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
        trace.add(step, orchestrator, clock_ns)
        self._link(trace, step)
        if is_new or trace.rooted is not was_rooted:
            self._schedule(trace)
        self._make_room(clock_ns)

    def add_native_span(self, trace_id: bytes, span: NativeSpan, clock_ns: int) -> None:
        """
        Take in a native span: foreign spans below it belong to its session and task.

        For every native span that may enclose foreign ones, and for its start and its signs of
        life (with *ended* False), which keep the trace from counting as idle.
        """
        becomes_rooted = self._native.add(trace_id, span, clock_ns)
        if becomes_rooted and trace_id in self._traces:
            self._schedule(self._traces[trace_id])
        self._native.forget_idle(clock_ns, self._traces)

    def keep(self, trace_id: bytes, clock_ns: int) -> None:
        """
        Have the native spans of a trace not count as idle: its process named its session as open.
        """
        self._native.keep(trace_id, clock_ns)

    def _link(self, trace: OpenTrace, step: Step) -> None:
        link = step.session_id or (step.conversation_id if not step.parent_id else "")
        if link and link not in trace.links:
            trace.links.add(link)
            self._linked[link].add(trace.id)

    def _make_room(self, clock_ns: int) -> None:
        while len(self._traces) > self._settings.max_traces or self._steps > self._settings.max_steps:
            self.evicted += 1
            self._ready += self._close([next(iter(self._traces.values()))], clock_ns)

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
        return self._close([related for related in group if self._over_ns(related) <= now_ns], now_ns)

    def _over_ns(self, trace: OpenTrace) -> int:
        """
        When a trace is over if nothing more arrives.
        """
        native = self._native.get(trace.id)
        last_ns = max(trace.last_clock_ns, native.last_clock_ns if native else 0)
        is_rooted = trace.rooted or (native is not None and native.rooted)
        return last_ns + (self._settings.settle_after_ns if is_rooted else self._settings.idle_after_ns)

    def _schedule(self, trace: OpenTrace) -> None:
        heapq.heappush(self._due, (self._over_ns(trace), trace.id))

    def _related(self, trace: OpenTrace) -> list[OpenTrace]:
        """
        A trace and all that share a session with it, directly or through others.
        """
        related = {trace.id}
        pending = [trace]
        while pending:
            for link in pending.pop().links:
                fresh = self._linked[link] - related
                related |= fresh
                pending += [self._traces[trace_id] for trace_id in fresh]
        return [self._traces[trace_id] for trace_id in related]

    def _close(self, traces: list[OpenTrace], clock_ns: int) -> list[AnyRecord]:
        for trace in traces:
            self._forget(trace)
        parts = [self._part(trace, clock_ns) for trace in traces]
        assembly = assemble(parts, lambda key: self._settled.recall(key, clock_ns), clock_ns)
        self.ignored += assembly.ignored
        for trace_ids, session in assembly.sessions:
            self._settled.remember(trace_ids, session)
        return assembly.records

    def _part(self, trace: OpenTrace, clock_ns: int) -> Trace:
        native = self._native.get(trace.id)
        key = self._settled.key_of(trace.id)
        settled = self._settled.recall(key, clock_ns) if key else None
        return Trace(trace.id, trace.steps, native.spans if native else {}, settled)

    def _forget(self, trace: OpenTrace) -> None:
        del self._traces[trace.id]
        self._steps -= len(trace.steps)
        for link in trace.links:
            self._linked[link].discard(trace.id)
            if not self._linked[link]:
                del self._linked[link]

    # --- what is going on

    def active(self) -> Iterator[RunningForeignSession]:
        """
        The foreign sessions whose outermost span has not ended, in no particular order.

        Native sessions are not among them: they report themselves.
        """
        running: defaultdict[SessionKey, list[OpenTrace]] = defaultdict(list)
        for trace in self._traces.values():
            if trace.recognised and not trace.rooted and not trace.inside and trace.id not in self._native:
                running[self._provisional_key(trace)].append(trace)
        for (orchestrator, session), traces in running.items():
            settled = self._settled.get((orchestrator, session))
            yield RunningForeignSession(
                orchestrator=orchestrator,
                session=session,
                pattern=settled.pattern if settled else "",
                start_ns=min(trace.start_ns for trace in traces),
                last_clock_ns=max(trace.last_clock_ns for trace in traces),
                droids=tuple(sorted(set().union(*(trace.droids for trace in traces)))),
            )

    def _provisional_key(self, trace: OpenTrace) -> SessionKey:
        orchestrator, _ = next(iter(trace.steps.values()))
        return self._settled.key_of(trace.id) or (orchestrator, min(trace.links, default=trace.id.hex()))

    # --- checkpoints

    def dump(self) -> ForeignDump:
        """
        The state for a checkpoint; to be encoded before anything more is added.
        """
        settled, settled_traces = self._settled.dump()
        return ForeignDump(
            traces=list(self._traces.values()),
            native=self._native.dump(),
            settled=settled,
            settled_traces=settled_traces,
            ready=self._ready,
            evicted=self.evicted,
            ignored=self.ignored,
        )

    def load(self, dump: ForeignDump, relabel: Relabel = unchanged) -> None:
        """
        Go on from a checkpoint, as if nothing had happened since.
        """
        self.evicted, self.ignored = dump.evicted, dump.ignored
        self._traces = OrderedDict((trace.id, trace) for trace in dump.traces)
        self._native.load(dump.native, relabel)
        self._settled.load(dump.settled, dump.settled_traces, relabel)
        self._ready = [relabelled(record, relabel) for record in dump.ready]
        self._steps = sum(len(trace.steps) for trace in dump.traces)
        self._linked = defaultdict(set)
        self._due = []
        for trace in dump.traces:
            trace.relabel(relabel)
            self._schedule(trace)
            for link in trace.links:
                self._linked[link].add(trace.id)
