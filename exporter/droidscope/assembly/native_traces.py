"""
The native spans of each trace: what foreign steps may be inside of.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container

from msgspec import Struct, field
from msgspec.structs import replace

from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.model.foreign_steps import NativeSpan
from droidscope.model.labels import Relabel


class NativeTrace(Struct):
    """
    The native spans of a trace. *rooted*: one without a parent has ended.
    """

    spans: dict[bytes, NativeSpan] = field(default_factory=dict)
    last_clock_ns: int = 0
    rooted: bool = False


class NativeTraces:
    """
    The native spans of all traces, those of the longest silent trace first.
    """

    def __init__(self, settings: ForeignSettings) -> None:
        self._settings = settings
        self._traces: OrderedDict[bytes, NativeTrace] = OrderedDict()
        self._spans = 0

    def __contains__(self, trace_id: bytes) -> bool:
        return trace_id in self._traces

    def get(self, trace_id: bytes) -> NativeTrace | None:
        """
        The native spans of a trace, None where there are none.
        """
        return self._traces.get(trace_id)

    def add(self, trace_id: bytes, span: NativeSpan, clock_ns: int) -> bool:
        """
        Add a span that arrived at *clock_ns*; whether the trace has become rooted by it.
        """
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = NativeTrace()
        before = trace.spans.get(span.span_id)
        if before is None or not before.ended:
            trace.spans[span.span_id] = span
        self._spans += before is None
        trace.last_clock_ns = clock_ns
        self._traces.move_to_end(trace_id)
        becomes_rooted = span.ended and not span.parent_id and not trace.rooted
        trace.rooted = trace.rooted or becomes_rooted
        return becomes_rooted

    def keep(self, trace_id: bytes, clock_ns: int) -> None:
        """
        Have a trace not count as idle, if it is known.
        """
        trace = self._traces.get(trace_id)
        if trace is not None:
            trace.last_clock_ns = clock_ns
            self._traces.move_to_end(trace_id)

    def forget_idle(self, clock_ns: int, awaited: Container[bytes]) -> None:
        """
        Drop the spans of traces that are idle, and of the longest silent for want of room.

        Looks at two traces a call, more than a call of `add` can add; one of the *awaited*, which
        foreign steps wait for, is put off.
        """
        horizon = clock_ns - self._settings.idle_after_ns
        for _ in range(2):
            trace_id = next(iter(self._traces), None)
            if trace_id is None or self._traces[trace_id].last_clock_ns >= horizon:
                break
            if trace_id in awaited:
                self._traces.move_to_end(trace_id)
            else:
                self._drop(trace_id)
        while self._spans > self._settings.max_native_spans:
            self._drop(next(iter(self._traces)))

    def _drop(self, trace_id: bytes) -> None:
        self._spans -= len(self._traces.pop(trace_id).spans)

    def dump(self) -> dict[bytes, NativeTrace]:
        """
        The state for a checkpoint.
        """
        return dict(self._traces)

    def load(self, dump: dict[bytes, NativeTrace], relabel: Relabel) -> None:
        """
        Go on from a checkpoint.
        """
        for trace in dump.values():
            trace.spans = {
                span_id: replace(span, place=span.place.relabelled(relabel))
                for span_id, span in trace.spans.items()
            }
        self._traces = OrderedDict(dump)
        self._spans = sum(len(trace.spans) for trace in dump.values())
