"""
Bounds the memory of parsed bodies: an empty span of two bytes takes a hundred once parsed.

Only large bodies are checked, by their framing alone and before anything is parsed: a small one
cannot cost much, whatever it contains.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

UNCHECKED_BYTES: Final = 1024 * 1024
"""
Bodies up to this size are not checked.
"""
BYTES_PER_FIELD: Final = 10
"""
A body may hold one message, string or bytes for this many bytes: the barest span of ids, a name and times
has 13, one with attributes 20 and more.
"""

ITEM_DEPTH: Final = 3
"""
Export request > resource group > scope group > span, log record or metric.
"""
METRIC_DATA: Final = frozenset({5, 7, 9, 10, 11})
"""
Fields of a metric whose own fields are its points.
"""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_VARINT_END: Final = 0x80


def too_dense(body: bytes) -> bool:
    """
    Whether a body has more fields than its size allows; counting ends where it is no protobuf.
    """
    if len(body) <= UNCHECKED_BYTES:
        return False
    allowed = len(body) // BYTES_PER_FIELD
    return any(count > allowed for count, _ in enumerate(fields(body, 0, len(body), 0)))


def fields(body: bytes, start: int, end: int, depth: int) -> Iterator[None]:
    """
    One None for each length-delimited field, down to the points of metrics.
    """
    for field, low, high in _length_delimited(body, start, end):
        yield None
        if depth < ITEM_DEPTH or (depth == ITEM_DEPTH and field in METRIC_DATA):
            yield from fields(body, low, high, depth + 1)


def _length_delimited(body: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """
    Number, begin and end of each length-delimited field, up to the first that does not fit.
    """
    while at < end:
        tag, at = _varint(body, at, end)
        kind = tag & 7
        if kind == _LENGTH:
            length, at = _varint(body, at, end)
            if at + length > end:
                return
            yield tag >> 3, at, at + length
            at += length
        elif kind == _VARINT:
            _, at = _varint(body, at, end)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            return


def _varint(body: bytes, at: int, end: int) -> tuple[int, int]:
    """
    The number at *at* and where it ends; past *end* if it does not.
    """
    value = shift = 0
    while at < end:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _VARINT_END:
            break
        shift += 7
    return value, at
