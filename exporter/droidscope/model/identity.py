"""
The identities of items, by which a repeated item counts once.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from droidscope.model.otlp import LogRecord, Span, SumPoint


def span_identity(span: Span) -> bytes:
    """
    A span is identified by its trace id and span id: 24 bytes.
    """
    return span.trace_id + span.span_id


def log_identity(log: LogRecord) -> bytes:
    """
    A log record is identified by its ids, name, time, body and attributes: 16 bytes.
    """
    content = (log.trace_id, log.span_id, log.event_name, log.time_ns, log.body, log.attributes)
    return _hash(content)


def point_identity(point: SumPoint) -> bytes:
    """
    A metric point is identified by its stream and time: 16 bytes.
    """
    stream = (
        point.name,
        point.start_ns,
        point.time_ns,
        point.scope,
        point.attributes,
        point.resource.attributes,
    )
    return _hash(stream)


def _hash(parts: tuple[object, ...]) -> bytes:
    return blake2b(msgspec.msgpack.encode(parts, order="sorted"), digest_size=16).digest()
