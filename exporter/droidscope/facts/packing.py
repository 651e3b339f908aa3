"""
Sums of facts in few bytes: what is kept of buckets that are over, and of checkpoints.
"""

from __future__ import annotations

import zlib
from typing import Any, TypeVar

import msgspec

from droidscope.facts.facts import Key

T = TypeVar("T")
Totals = dict[Key, int]
"""
Sums by fact and labels.
"""


def packed_totals(totals: Totals) -> bytes:
    """
    Sums in few bytes.
    """
    return pack(list(totals.items()))


def unpacked(packed: bytes) -> Totals:
    """
    What packed sums are; none where there is nothing.
    """
    return dict(unpack(packed, list[tuple[Key, int]])) if packed else {}


def pack(items: list[Any]) -> bytes:
    """
    A list of what JSON can carry.
    """
    # Not msgpack, since sums of squares may exceed the 64 bits of its integers.
    return zlib.compress(msgspec.json.encode(items), 1)


def unpack(packed: bytes, type_: type[T]) -> T:
    """
    What was packed.

    Raises:
        zlib.error, msgspec.MsgspecError: If it is damaged.
    """
    return msgspec.json.decode(zlib.decompress(packed), type=type_)
