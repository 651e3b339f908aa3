"""
Records to the bytes of OTLP requests: within a bound, and none at the cost of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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

from droidscope.instrument.sending.wire import group_bytes, log_bytes, span_bytes

BODY_BYTES: Final = 2 * 1024 * 1024
"""
The longest request before compression, unless a single item is longer. Receivers take at least 4 MiB.
"""

_HEAD_BYTES: Final = 16_384
_ITEM_HEAD_BYTES: Final = 6
"""
Room for resource and scope of a request, and for what precedes each item.
"""

_WRITE: Final[dict[str, Callable[[Any], bytes]]] = {"traces": span_bytes, "logs": log_bytes}
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
    The requests that hold *items*, and how many items could not be encoded.

    Items of one resource and scope keep their order.
    """
    groups: dict[tuple[int, int], list[tuple[Any, bytes]]] = {}
    unusual = []
    write = _WRITE[signal]
    for item in items:
        try:
            group = (id(item.resource), id(item.instrumentation_scope))
            groups.setdefault(group, []).append((item, write(item)))
        except Exception:  # noqa: BLE001 - what a user has put into a record may raise anything
            unusual.append(_clean(signal, item))
    batches: list[EncodedBatch] = []
    for members in groups.values():
        for chunk in _chunks(members, body_bytes):
            batch = _encode_group(signal, chunk)
            if batch is None:
                unusual += [item for item, _ in chunk]
            else:
                batches.append(batch)
    others, lost = _encode(signal, unusual, body_bytes) if unusual else ([], 0)
    return batches + others, lost


def _chunks(members: Sequence[tuple[Any, bytes]], body_bytes: int) -> Iterator[list[tuple[Any, bytes]]]:
    """
    The members in parts that are shorter than *body_bytes*, or of one member.
    """
    chunk: list[tuple[Any, bytes]] = []
    size = _HEAD_BYTES
    for member in members:
        more = len(member[1]) + _ITEM_HEAD_BYTES
        if chunk and size + more > body_bytes:
            yield chunk
            chunk, size = [], _HEAD_BYTES
        chunk.append(member)
        size += more
    if chunk:
        yield chunk


def _encode_group(signal: str, members: Sequence[tuple[Any, bytes]]) -> EncodedBatch | None:
    """
    One request for members of one resource and scope, as the SDK's encoder has these of the first.

    None if the SDK's encoder cannot do that.
    """
    _, resources, scopes, _ = _LAYOUT[signal]
    try:
        request = _ENCODE[signal]([members[0][0]])
        (of_resource,) = getattr(request, resources)
        (of_scope,) = getattr(of_resource, scopes)
        head = (of_resource.resource.SerializeToString(), of_scope.scope.SerializeToString())
        urls = (of_resource.schema_url, of_scope.schema_url)
    except Exception:  # noqa: BLE001 - as above
        return None
    body = group_bytes(*head, [encoded for _, encoded in members], urls)
    return EncodedBatch(signal, len(members), _pack(body))


def _encode(signal: str, items: Sequence[Any], body_bytes: int) -> tuple[list[EncodedBatch], int]:
    """
    Requests by the SDK's encoder, which is slower and takes more.
    """
    try:
        body = _ENCODE[signal](items).SerializeToString()
    except Exception:  # noqa: BLE001 - as above
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
