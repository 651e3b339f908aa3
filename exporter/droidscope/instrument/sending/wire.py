"""
Spans and log records to the bytes of OTLP, several times as fast as by message objects.

An encoder that costs more than recording loses a burst: the thread that encodes shares the interpreter with
those that record. What is rare (links, values of other types) is left to the SDK's encoder: `Unusual`.
The field numbers are those of opentelemetry-proto, which never change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, Final

_CACHE_LIMIT: Final = 4096
_CACHED_TEXT_LIMIT: Final = 64
_SMALL: Final = [bytes((number,)) for number in range(128)]
_FIXED64: Final = Struct("<Q").pack
_DOUBLE: Final = Struct("<d").pack
_INT64: Final = range(-(2**63), 2**63)

# SpanFlags: whether the parent is of another process is known, and is so.
_LOCAL: Final = (0x100).to_bytes(4, "little")
_REMOTE: Final = (0x300).to_bytes(4, "little")

_texts: Final[dict[tuple[str, str], bytes]] = {}
"""
Attributes of short texts as they were encoded: most come again and again.
"""


class UnusualError(Exception):
    """
    The SDK's encoder has to do it.
    """


def _varint(number: int) -> bytes:
    if number < 128:  # noqa: PLR2004 - seven bits
        return _SMALL[number]
    parts = bytearray()
    while number > 127:  # noqa: PLR2004 - likewise
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def sized(tag: bytes, payload: bytes) -> bytes:
    """
    A field of bytes, text or message: *tag* is its number and wire type.
    """
    size = len(payload)
    return tag + (_SMALL[size] if size < 128 else _varint(size)) + payload  # noqa: PLR2004 - seven bits


def _any_value(value: Any) -> bytes:  # noqa: ANN401 - whatever an attribute may be
    kind = type(value)
    if kind is str:
        return sized(b"\x0a", value.encode())
    if kind is bool:
        return b"\x10\x01" if value else b"\x10\x00"
    if kind is int and value in _INT64:
        return b"\x18" + _varint(value & 0xFFFFFFFFFFFFFFFF)
    if kind is float:
        return b"\x21" + _DOUBLE(value)
    if kind is tuple or kind is list:
        return sized(b"\x2a", b"".join([sized(b"\x0a", _any_value(each)) for each in value]))
    raise UnusualError


def _attribute(key: str, value: Any) -> bytes:  # noqa: ANN401 - likewise
    if type(value) is not str:
        return sized(b"\x0a", key.encode()) + sized(b"\x12", _any_value(value))
    known = _texts.get((key, value))
    if known is None:
        known = sized(b"\x0a", key.encode()) + sized(b"\x12", _any_value(value))
        if len(value) <= _CACHED_TEXT_LIMIT:
            if len(_texts) >= _CACHE_LIMIT:
                _texts.clear()
            _texts[key, value] = known
    return known


def _attributes(tag: bytes, values: Mapping[str, Any] | None) -> list[bytes]:
    if not values:
        return []
    return [sized(tag, _attribute(key, value)) for key, value in values.items()]


def _count(tag: bytes, count: int) -> bytes:
    return tag + _varint(count) if count else b""


def _time(tag: bytes, time_ns: int | None) -> bytes:
    return tag + _FIXED64(time_ns) if time_ns else b""


def span_bytes(span: Any) -> bytes:  # noqa: ANN401 - duck-typed as by the SDK's encoder
    """
    A Span of OTLP.

    Raises:
        UnusualError: If it has what is not encoded here; other errors if OTLP cannot express it.
    """
    if span.links:
        raise UnusualError
    context, parent, status = span.get_span_context(), span.parent, span.status
    parts = [b"\x0a\x10", context.trace_id.to_bytes(16), b"\x12\x08", context.span_id.to_bytes(8)]
    if context.trace_state:
        state = ",".join([f"{key}={value}" for key, value in context.trace_state.items()])
        parts.append(sized(b"\x1a", state.encode()))
    if parent:
        parts += [b"\x22\x08", parent.span_id.to_bytes(8)]
    parts += [
        sized(b"\x2a", span.name.encode()),
        b"\x30" + _SMALL[span.kind.value + 1],
        _time(b"\x39", span.start_time),
        _time(b"\x41", span.end_time),
        *_attributes(b"\x4a", span.attributes),
        _count(b"\x50", span.dropped_attributes),
        *[sized(b"\x5a", _event(event)) for event in span.events],
        _count(b"\x60", span.dropped_events),
        _count(b"\x70", span.dropped_links),
    ]
    if status is not None:
        message = sized(b"\x12", status.description.encode()) if status.description else b""
        parts.append(sized(b"\x7a", message + _count(b"\x18", status.status_code.value)))
    parts += [b"\x85\x01", _REMOTE if parent and parent.is_remote else _LOCAL]
    return b"".join(parts)


def _event(event: Any) -> bytes:  # noqa: ANN401 - duck-typed as by the SDK's encoder
    attributes = b"".join(_attributes(b"\x1a", event.attributes))
    name = sized(b"\x12", event.name.encode())
    return _time(b"\x09", event.timestamp) + name + attributes + _count(b"\x20", event.dropped_attributes)


def log_bytes(readable: Any) -> bytes:  # noqa: ANN401 - duck-typed as by the SDK's encoder
    """
    A LogRecord of OTLP.

    Raises:
        UnusualError: If it has what is not encoded here; other errors if OTLP cannot express it.
    """
    record = readable.log_record
    severity, flags = record.severity_number, int(record.trace_flags or 0)
    parts = [
        _time(b"\x09", record.timestamp),
        b"" if severity is None else _count(b"\x10", severity.value),
        sized(b"\x1a", record.severity_text.encode()) if record.severity_text else b"",
        # The SDK's encoder has an empty value for a body that is None.
        sized(b"\x2a", b"" if record.body is None else _any_value(record.body)),
        *_attributes(b"\x32", record.attributes),
        _count(b"\x38", readable.dropped_attributes),
        b"\x45" + flags.to_bytes(4, "little") if flags else b"",
        b"\x4a\x10" + record.trace_id.to_bytes(16) if record.trace_id else b"",
        b"\x52\x08" + record.span_id.to_bytes(8) if record.span_id else b"",
        _time(b"\x59", record.observed_timestamp),
        sized(b"\x62", record.event_name.encode()) if record.event_name else b"",
    ]
    return b"".join(parts)


def group_bytes(resource: bytes, scope: bytes, items: Sequence[bytes], urls: tuple[str, str]) -> bytes:
    """
    One group of a request: a resource, one scope of it, and the items; *urls* are the schemas of both.
    """
    of_resource, of_scope = (sized(b"\x1a", url.encode()) if url else b"" for url in urls)
    in_scope = sized(b"\x0a", scope) + b"".join([sized(b"\x12", item) for item in items]) + of_scope
    return sized(b"\x0a", sized(b"\x0a", resource) + sized(b"\x12", in_scope) + of_resource)
