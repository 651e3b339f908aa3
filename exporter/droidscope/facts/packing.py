"""
Facts on the wire: what is kept of buckets that are over, and of checkpoints, in few bytes.
"""

from __future__ import annotations

import zlib
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from droidscope.facts import facts, sketched_facts
from droidscope.facts.fact_key import FactKey, Kept

T = TypeVar("T")
Amounts = dict[FactKey, int]
"""
Sums by fact and labels.
"""

FACTS: Final[tuple[type[FactKey], ...]] = tuple(
    declared
    for module in (facts, sketched_facts)
    for declared in vars(module).values()
    if isinstance(declared, type) and issubclass(declared, FactKey) and declared.__module__ == module.__name__
)
"""
Every kind of fact, in the order of their declarations.
"""
FACTS_OF_HOURS_ALONE: Final = frozenset(fact for fact in FACTS if fact.kept is Kept.BY_HOUR)
"""
The kinds that no minute window has.
"""

if TYPE_CHECKING:
    AnyFact = FactKey
else:
    AnyFact = reduce(or_, FACTS)
"""
A key of any kind, for what is decoded.
"""

_Items = list[tuple[AnyFact, int]]


def packed_amounts(amounts: Amounts) -> bytes:
    """
    Sums in few bytes.
    """
    return pack(list(amounts.items()))


def unpacked(packed: bytes) -> Amounts:
    """
    What packed sums are; none where there is nothing.
    """
    return dict(unpack(packed, _Items)) if packed else {}


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
