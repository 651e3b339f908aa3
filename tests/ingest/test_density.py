"""
What a large body may hold is bounded before it is parsed.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.errors import MalformedError
from droidscope.ingest import density
from droidscope.ingest.decode import decode
from droidscope.ingest.sink import Signal
from ingest.otlp import span, traces


def delimited(field, content):
    length, encoded = len(content), b""
    while True:
        byte, length = length & 0x7F, length >> 7
        encoded += bytes([byte | (0x80 if length else 0)])
        if not length:
            return bytes([field << 3 | 2]) + encoded + content


EMPTY = 600_000


@pytest.mark.parametrize(
    ("signal", "item"),
    [
        (Signal.TRACES, delimited(2, b"") * EMPTY),  # empty spans
        (Signal.TRACES, delimited(2, delimited(9, b"") * EMPTY)),  # empty attributes of one span
        (Signal.LOGS, delimited(2, b"") * EMPTY),
        (Signal.METRICS, delimited(2, delimited(7, delimited(1, b"") * EMPTY))),  # empty points of one sum
    ],
    ids=["spans", "attributes", "logs", "points"],
)
def test_a_body_of_empty_messages_is_refused_unparsed(signal, item):
    """
    A megabyte of them would be half a million objects.
    """
    body = delimited(1, delimited(2, item))

    with pytest.raises(MalformedError, match="holds more than a field for 10 bytes") as refusal:
        decode(signal, body)

    assert refusal.value.reason == "too_dense"


def test_a_large_body_of_real_spans_is_taken():
    """
    Short names and no attributes: still far from dense.
    """
    body = traces(*(span(f"s{n}") for n in range(30_000))).SerializeToString()

    assert len(body) > density.UNCHECKED_BYTES
    assert len(decode(Signal.TRACES, body).spans) == 30_000


@given(st.binary(max_size=500))
def test_what_is_no_protobuf_ends_the_look(body):
    """
    Arbitrary bytes are neither followed out of bounds nor for ever.
    """
    assert sum(1 for _ in density.fields(body, 0, len(body), 0)) <= len(body) * 4
