"""
Sampling by others: droidscope's spans are always recorded, and theirs as they would be without.

What decides about the spans of others inside of a native one are the flags that the context shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    get_current_span,
)

Visible = Callable[[Span, Context, str, SpanKind, Mapping[str, Any]], Span]
"""
Of a span that was begun in a context, with its name, kind and attributes: the one that is to be current.
"""

_SAMPLED: Final = TraceFlags.SAMPLED


def decided_context(
    sampler: Any,  # noqa: ANN401 - a sampler of the SDK
    previous: Context,
    root: SpanContext,
    name: str,
    kind: SpanKind,
    values: Mapping[str, Any],
) -> SpanContext:
    """
    *root*, the context of a span that begins in *previous* without a parent, as *sampler* decides its flags.

    The sampler is the user's: one that raises decides nothing, and the span is sampled.
    """
    try:
        result = sampler.should_sample(previous, root.trace_id, name, kind, values, ())
        sampled = bool(result.decision.is_sampled())
    except Exception:  # noqa: BLE001 - as above
        return root
    flags = root.trace_flags | _SAMPLED if sampled else root.trace_flags & ~_SAMPLED
    state = result.trace_state if result.trace_state is not None else root.trace_state
    return SpanContext(root.trace_id, root.span_id, False, TraceFlags(flags), state)


def sampling_everything(tracer: Tracer) -> tuple[Tracer, Visible]:
    """
    A tracer like *tracer* that samples everything, and what makes its spans fit to be current.

    A tracer that is not the SDK's samples as it does.
    """
    sampler = getattr(tracer, "sampler", None)
    if not hasattr(sampler, "should_sample"):
        return tracer, lambda span, *_: span
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415 - it is there if its tracer is

    everything = copy(tracer)
    everything.sampler = ALWAYS_ON  # type: ignore[attr-defined] # the SDK's has one
    return everything, _Decisions(sampler).visible


class _Decisions:
    def __init__(self, sampler: Any) -> None:  # noqa: ANN401 - a sampler of the SDK
        self._sampler = sampler

    def visible(
        self, span: Span, previous: Context, name: str, kind: SpanKind, values: Mapping[str, Any]
    ) -> Span:
        """
        *span* itself if the sampler had taken it, else a view of it that shows others that it had not.
        """
        shown = get_current_span(previous).get_span_context()
        if shown[5] and shown[3] & _SAMPLED:  # valid and sampled, as nearly always: their names take longer
            return span
        own = span.get_span_context()
        if not own.trace_flags.sampled:  # the tracer is switched off
            return span
        if not shown.is_valid:
            shown = decided_context(self._sampler, previous, own, name, kind, values)
        if shown.trace_flags.sampled:
            return span
        flags = TraceFlags(own.trace_flags & ~_SAMPLED)
        return UnsampledView(span, SpanContext(own.trace_id, own.span_id, False, flags, shown.trace_state))


class UnsampledView(Span):
    """
    A span as others see it whose sampler would not have taken it.
    """

    def __init__(self, span: Span, context: SpanContext) -> None:
        self._span = span
        self._context = context

    def get_span_context(self) -> SpanContext:
        """
        Its ids, and that it is not sampled.
        """
        return self._context

    def is_recording(self) -> bool:
        """
        As the span is.
        """
        return self._span.is_recording()

    def end(self, end_time: int | None = None) -> None:
        """
        End the span.
        """
        self._span.end(end_time)

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """
        Set attributes of the span.
        """
        self._span.set_attributes(attributes)

    def set_attribute(self, key: str, value: Any) -> None:  # noqa: ANN401 - as the API has it
        """
        Set an attribute of the span.
        """
        self._span.set_attribute(key, value)

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        """
        Add an event to the span.
        """
        self._span.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """
        Add a link to the span.
        """
        self._span.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """
        Give the span another name.
        """
        self._span.update_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """
        Set the status of the span.
        """
        self._span.set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """
        Add an event about *exception* to the span.
        """
        self._span.record_exception(exception, attributes, timestamp, escaped)
