"""
Sketches: quantiles of many values from few integers, which add up over days and in any order.

Values are whole numbers, not negative: nanoseconds, or tenths of a point. A sketch of so many *bits*
gives each value below 2**bits a bucket of its own, and above cuts each doubling into half as many.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FINE: Final = 10
"""
Bits for scores, which in tenths of a point are exact; no other value is off by more than 0.2 %.
"""
COARSE: Final = 7
"""
Bits for durations: none is off by more than 1.6 %, and an hour of them has few buckets.
"""
TENTHS: Final = 10
"""
Units of a score in a point.
"""


class Sketch(Struct):
    """
    How many values lie in each bucket, by its number; empty buckets are left out.

    A sketch has no more buckets than it has values. Counts may be taken back before they are
    added, so that order never matters; until then they count as none.
    """

    counts: dict[int, int] = field(default_factory=dict)
    bits: int = FINE

    @property
    def n(self) -> int:
        """
        How many values there are.
        """
        return sum(count for count in self.counts.values() if count > 0)

    def add(self, value: int, amount: int = 1) -> None:
        """
        Add *value* as often as *amount*; a negative amount takes back.

        Raises:
            ValueError: If the value is negative.
        """
        self.add_bucket(bucket(value, self.bits), amount)

    def merge(self, other: Sketch) -> None:
        """
        Add all of *other*, which has as many bits.
        """
        for number, amount in other.counts.items():
            self.add_bucket(number, amount)

    def values(self) -> Iterator[tuple[float, int]]:
        """
        The middle of each bucket that holds something, ascending, and how many values it holds.
        """
        for number, count in sorted(self.counts.items()):
            if count > 0:
                lowest, width = bounds(number, self.bits)
                yield lowest + (width - 1) / 2, count

    def quantile(self, q: float) -> float | None:
        """
        The value below which the share *q*, 0 to 1, of the values lies; None of nothing.

        Linearly interpolated between ranks; values are taken as spread evenly in their bucket.

        Raises:
            ValueError: If q is not within 0 and 1.

        Definition: docs/kpis.md#conventions
        """
        if not 0 <= q <= 1:
            raise ValueError(f"q is {q}; it must be within 0 and 1")
        n = self.n
        if not n:
            return None

        rank = (n - 1) * q
        before, after = self._ranked((math.floor(rank), math.ceil(rank)))
        return before + (after - before) * (rank - math.floor(rank))

    def add_bucket(self, number: int, amount: int) -> None:
        """
        Add as many values to the bucket of a number as *amount* says; a negative amount takes back.
        """
        count = self.counts.get(number, 0) + amount
        if count:
            self.counts[number] = count
        else:
            self.counts.pop(number, None)

    def _ranked(self, ranks: Iterable[int]) -> list[float]:
        """
        The values at *ranks*, from 0, which ascend.
        """
        present = ((number, count) for number, count in sorted(self.counts.items()) if count > 0)
        values = []
        passed = count = number = 0
        for rank in ranks:
            while rank >= passed + count:
                passed += count
                number, count = next(present)
            lowest, width = bounds(number, self.bits)
            values.append(lowest + (width - 1) * (rank - passed + 0.5) / count)
        return values


def bucket(value: int, bits: int = FINE) -> int:
    """
    The number of the bucket that holds *value*; numbers ascend as values do.

    Raises:
        ValueError: If the value is negative.

    Definition: docs/kpis.md#conventions
    """
    if value < 0:
        raise ValueError(f"value is {value}; it must not be negative")
    dropped_bits = max(0, value.bit_length() - bits)
    return (dropped_bits << (bits - 1)) + (value >> dropped_bits)


def bounds(number: int, bits: int = FINE) -> tuple[int, int]:
    """
    The lowest value that the bucket of this *number* holds, and how many it holds.

    Definition: docs/kpis.md#conventions
    """
    dropped_bits = max(0, (number >> (bits - 1)) - 1)
    return (number - (dropped_bits << (bits - 1))) << dropped_bits, 1 << dropped_bits


def tenths(points: float) -> int:
    """
    A score of 0..100 *points* in tenths of a point, as sketches hold scores.

    Definition: docs/kpis.md#conventions
    """
    return round(points * TENTHS)
