"""
Records to the bytes of OTLP requests: within a bound, and none at the cost of another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from gzip import compress, decompress
from types import SimpleNamespace
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

BODY_BYTES: Final = 2 * 1024 * 1024
"""
The longest request before compression, unless a single item is longer. Receivers take at least 4 MiB.
"""

_INT64: Final = range(-(2**63), 2**63)
_ENCODE: Final[dict[str, Callable[[Any], Any]]] = {
    "traces": encode_spans,
    "logs": encode_logs,
    "metrics": encode_metrics,
}
_LAYOUT: Final[dict[str, tuple[Any, str, str, str]]] = {
    "traces": (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
    "logs": (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
    "metrics": (ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics"),
}


@dataclass(frozen=True)
class EncodedBatch:
    """
    One request of *items* items, its *body* gzipped.
    """

    signal: str
    items: int
    body: bytes


def encode(signal: str, items: Sequence[Any], body_bytes: int = BODY_BYTES) -> tuple[list[EncodedBatch], int]:
    """
    The requests that hold *items* in their order, and how many items could not be encoded.
    """
    return _encode(signal, [_clean(signal, item) for item in items], body_bytes)


def _encode(signal: str, items: Sequence[Any], body_bytes: int) -> tuple[list[EncodedBatch], int]:
    try:
        body = _ENCODE[signal](items).SerializeToString()
    except Exception:  # noqa: BLE001 - what a user has put into a record may raise anything
        if len(items) == 1:
            return [], 1
    else:
        if len(body) <= body_bytes or len(items) == 1:
            return [EncodedBatch(signal, len(items), _pack(body))], 0
    middle = len(items) // 2
    first, lost_first = _encode(signal, items[:middle], body_bytes)
    second, lost_second = _encode(signal, items[middle:], body_bytes)
    return first + second, lost_first + lost_second


def encode_snapshot(data: Any) -> EncodedBatch:  # noqa: ANN401 - the SDK's MetricsData
    """
    The request that holds the SDK's MetricsData.
    """
    return EncodedBatch("metrics", 1, _pack(encode_metrics(data).SerializeToString()))


def _pack(body: bytes) -> bytes:
    return compress(body, 1, mtime=0)


def halves(batch: EncodedBatch) -> tuple[EncodedBatch, EncodedBatch] | None:
    """
    Two requests that hold what *batch* holds, None if that is a single item.
    """
    request, *path = _LAYOUT[batch.signal]
    body = decompress(batch.body)
    total = _count(request.FromString(body), path)
    if total < 2:  # noqa: PLR2004 - one item has no halves
        return None
    middle = total // 2
    parts = (range(middle), range(middle, total))
    first, second = (
        EncodedBatch(batch.signal, len(kept), _pack(_part(request.FromString(body), path, kept)))
        for kept in parts
    )
    return first, second


def _count(request: Any, path: Sequence[str]) -> int:  # noqa: ANN401 - one of three messages
    resources, scopes, items = path
    return sum(
        len(getattr(scope, items))
        for resource in getattr(request, resources)
        for scope in getattr(resource, scopes)
    )


def _part(request: Any, path: Sequence[str], kept: range) -> bytes:  # noqa: ANN401 - likewise
    resources, scopes, items = path
    number = 0
    for resource in getattr(request, resources):
        for scope in getattr(resource, scopes):
            field = getattr(scope, items)
            stay = [item for index, item in enumerate(field, number) if index in kept]
            number += len(field)
            del field[:]
            field.extend(stay)
    body: bytes = request.SerializeToString()
    return body


class _Overlay:
    """
    *item*, except for some *values*.
    """

    def __init__(self, item: Any, **values: Any) -> None:  # noqa: ANN401 - spans, logs and their parts
        self._item = item
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the item has it
        return getattr(self._item, name)


def _clean(signal: str, item: Any) -> Any:  # noqa: ANN401 - duck-typed by the encoder
    """
    *item* with all texts in Unicode and all integers in 64 bits; itself if it is so already.
    """
    try:
        return _clean_span(item) if signal == "traces" else _clean_log(item)
    except Exception:  # noqa: BLE001 - the encoder will say whether it can be sent
        return item


def _clean_span(span: Any) -> Any:  # noqa: ANN401 - duck-typed by the encoder
    status = span.status
    description = None if status is None else status.description
    texts = (span.name, description, *((event.name, event.attributes) for event in span.events))
    if _is_clean(span.attributes) and _is_clean(texts):
        return span
    events = [
        _Overlay(event, name=clean(event.name), attributes=clean(event.attributes)) for event in span.events
    ]
    if status is not None:
        status = SimpleNamespace(status_code=status.status_code, description=clean(description))
    return _Overlay(
        span, name=clean(span.name), attributes=clean(span.attributes), events=events, status=status
    )


def _clean_log(readable: Any) -> Any:  # noqa: ANN401 - duck-typed by the encoder
    names = ("attributes", "body", "event_name", "severity_text")
    record = readable.log_record
    if all(_is_clean(getattr(record, name, None)) for name in names):
        return readable
    cleaned = {name: clean(getattr(record, name, None)) for name in names}
    return _Overlay(readable, log_record=_Overlay(record, **cleaned))


def _is_clean(value: Any) -> bool:  # noqa: ANN401 - whatever an attribute may be
    match value:
        case str():
            return value.isascii() or _is_unicode(value)
        case None | bool() | float() | bytes():
            return True
        case int():
            return value in _INT64
        case Mapping():
            return all(_is_clean(key) and _is_clean(each) for key, each in value.items())
        case _:
            return all(_is_clean(each) for each in value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean(value: Any) -> Any:  # noqa: ANN401 - whatever an attribute may be
    """
    *value* with U+FFFD for what is not Unicode, and integers beyond 64 bits as texts.
    """
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case None | bool() | float() | bytes():
            return value
        case int():
            return value if value in _INT64 else str(value)
        case Mapping():
            return {clean(key): clean(each) for key, each in value.items()}
        case Sequence():
            return [clean(each) for each in value]
        case _:
            return value
