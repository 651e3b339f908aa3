"""
Decoded telemetry: plain values, freed from protobuf, as the mappers read them.

Ids are raw bytes, times are Unix nanoseconds, attributes are plain Python values. What a
span means is the mapping's business.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Attributes = dict[str, Any]
"""
Attribute values as OTLP has them: str, bool, int, float, bytes, list, dict, or None if empty.
"""

STATUS_ERROR = 2


class Resource(Struct, frozen=True, eq=False):
    """
    The sender: its resource attributes. All its spans in a request share one object.
    """

    attributes: Attributes


class Event(Struct, frozen=True, gc=False):
    """
    A span event.
    """

    name: str
    time_ns: int
    attributes: Attributes


class Link(Struct, frozen=True, gc=False):
    """
    A span link.
    """

    trace_id: bytes
    span_id: bytes
    attributes: Attributes


class Span(Struct, frozen=True):
    """
    A finished span. *trace_id* has 16 bytes, *span_id* 8, *parent_id* 8 or none (b"").
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int
    status_message: str
    attributes: Attributes
    resource: Resource
    scope: str
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()


class LogRecord(Struct, frozen=True):
    """
    A log record; *event_name* is empty for ordinary logs. Ids are b"" where absent.
    """

    trace_id: bytes
    span_id: bytes
    event_name: str
    time_ns: int
    severity: int
    body: Any
    attributes: Attributes
    resource: Resource
    scope: str


class SumPoint(Struct, frozen=True):
    """
    One point of a sum or a gauge; other kinds of metrics only count as received.

    *temporality* is OTLP's: 0 unspecified (gauges), 1 delta, 2 cumulative.
    """

    name: str
    value: float
    start_ns: int
    time_ns: int
    temporality: int
    monotonic: bool
    attributes: Attributes
    resource: Resource
    scope: str


class Batch(Struct, frozen=True):
    """
    One decoded request of one signal: the good items, and how many were refused for which reason.

    *rejected* maps a short, bounded reason to a count; *message* names the first bad item, its
    value and what was expected. *ignored* counts items of kinds that are not used.
    """

    spans: tuple[Span, ...] = ()
    logs: tuple[LogRecord, ...] = ()
    points: tuple[SumPoint, ...] = ()
    rejected: dict[str, int] = {}
    message: str = ""
    ignored: int = 0
