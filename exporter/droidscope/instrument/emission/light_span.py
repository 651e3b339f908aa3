"""
A span with what is needed and no more: no lock, no copies until it ends, and no sampling.

The OTLP encoder reads it as it reads a span of the SDK.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any, Final, NamedTuple

from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from droidscope.instrument.emission.texts import (
    GREATEST,
    SMALLEST,
    AttributeValue,
    TextSettings,
    clean_text,
    clean_values,
)
from droidscope.instrument.endings.error_texts import exception_attributes

_COUNT_LIMIT: Final = 128
_UNSET: Final = Status(StatusCode.UNSET)
_NO_TRACE_STATE: Final = TraceState()
_RANDOM_AND_SAMPLED: Final = TraceFlags(3)


class Origin(NamedTuple):
    """
    What all spans and events of one road share: where they come from, where they go, how long texts are.

    *resource* and *scope* are what the encoder reads of an SDK's: `attributes` and `schema_url` of the one,
    name and version besides of the other.
    """

    resource: Any
    scope: Any
    on_end: Callable[[Any], None]
    texts: TextSettings


class SpanEvent(NamedTuple):
    """
    An event on a span, as the encoder reads it.
    """

    name: str
    attributes: Mapping[str, AttributeValue]
    timestamp: int
    dropped_attributes: int = 0


def new_trace() -> SpanContext:
    """
    The context that a sampled span without a parent begins with: a random trace id, and no span id of use.

    Not from `random`: users seed that.
    """
    return SpanContext(
        int.from_bytes(os.urandom(16), "big") or 1, 1, False, _RANDOM_AND_SAMPLED, _NO_TRACE_STATE
    )


class LightSpan(Span):
    """
    One span, from its creation to `end`.

    It may be changed by several threads: what they change is copied when it ends, and left alone afterwards.
    """

    end_time: int | None = None
    status: Status = _UNSET
    events: tuple[SpanEvent, ...] | list[SpanEvent] = ()
    links: tuple[Link, ...] | list[Link] = ()
    dropped_attributes = dropped_events = dropped_links = 0
    _context: SpanContext | None = None

    def __init__(
        self,
        origin: Origin,
        name: str,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: dict[str, AttributeValue],
        root: SpanContext | None = None,
        start_ns: int | None = None,
    ) -> None:
        """
        Begin now, or at *start_ns*. *attributes* are clean, and belong to the span from now on.

        Trace, flags and state are those of *parent*, else those of *root*, else new ones.
        """
        self.origin = origin
        self.name = name
        self.kind = kind
        self.parent = parent
        self.attributes = self._open = attributes
        self.trace_id, _, _, self.trace_flags, self.trace_state, *_ = parent or root or new_trace()
        self.span_id = int.from_bytes(os.urandom(8), "big") or 1
        self.start_time = start_ns or time_ns()

    _open: dict[str, AttributeValue] | None

    @property
    def resource(self) -> Any:  # noqa: ANN401 - as the encoder reads it
        """
        Where it comes from.
        """
        return self.origin.resource

    @property
    def instrumentation_scope(self) -> Any:  # noqa: ANN401 - as the encoder reads it
        """
        What has made it.
        """
        return self.origin.scope

    @property
    def context(self) -> SpanContext:
        """
        Its ids and flags.
        """
        return self.get_span_context()

    def get_span_context(self) -> SpanContext:
        """
        Its ids and flags; made only when first asked for.
        """
        context = self._context
        if context is None:
            context = self._context = SpanContext(
                self.trace_id, self.span_id, False, self.trace_flags, self.trace_state
            )
        return context

    def is_recording(self) -> bool:
        """
        Whether it has not ended.
        """
        return self._open is not None

    def set_attribute(self, key: str, value: Any) -> None:  # noqa: ANN401 - as the API has it
        """
        Set one attribute.
        """
        values, kind = self._open, type(value)
        is_clean = kind is bool or kind is float or (kind is int and SMALLEST <= value <= GREATEST)
        if is_clean and values is not None and len(values) < _COUNT_LIMIT:
            values[key] = value
        else:
            self.set_attributes({key: value})

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """
        Set several attributes, each clean; those beyond the limit are dropped and counted.
        """
        self.set_clean(clean_values(attributes, self.origin.texts.limit))

    def set_clean(self, attributes: Mapping[str, AttributeValue]) -> None:
        """
        Set attributes that are clean already.
        """
        values = self._open
        if values is None:
            return
        values.update(attributes)
        while len(values) > _COUNT_LIMIT:
            values.popitem()
            self.dropped_attributes += 1

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None
    ) -> None:
        """
        Add an event, up to a limit.
        """
        if self._open is None:
            return
        if len(self.events) >= _COUNT_LIMIT:
            self.dropped_events += 1
            return
        values = clean_values(attributes or {}, self.origin.texts.limit)
        event = SpanEvent(clean_text(name), values, time_ns() if timestamp is None else timestamp)
        self.events = (*self.events, event)

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """
        Add a link to another span, up to a limit.
        """
        if self._open is None:
            return
        if len(self.links) >= _COUNT_LIMIT:
            self.dropped_links += 1
            return
        self.links = (*self.links, Link(context, clean_values(attributes or {}, self.origin.texts.limit)))

    def update_name(self, name: str) -> None:
        """
        Give it another name.
        """
        if self._open is not None:
            self.name = clean_text(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """
        Set its status; OK is final, and UNSET changes nothing.
        """
        if isinstance(status, Status):
            code, text = status.status_code, status.description
        else:
            code, text = status, description
        if self._open is None or code is StatusCode.UNSET or self.status.status_code is StatusCode.OK:
            return
        if text is not None and code is StatusCode.ERROR:
            self.status = Status(code, clean_text(str(text), self.origin.texts.limit))
        else:
            self.status = Status(code)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: ARG002 - as the API has it
    ) -> None:
        """
        Add an event about *exception*.
        """
        values = exception_attributes(exception, self.origin.texts)
        self.add_event("exception", {**values, **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """
        End it now, and send it; only the first time.
        """
        values, self._open = self._open, None
        if values is None:
            return
        # A thread that was about to set one sets it on what is not read any more.
        self.attributes = values.copy()
        self.end_time = time_ns() if end_time is None else end_time
        self.origin.on_end(self)
