"""
Buckets of facts of one orchestrator, and the running totals of windows over them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from droidscope.facts.fact_key import FactKey
from droidscope.facts.packing import Amounts, packed_amounts, unpacked
from droidscope.model.labels import OrchestratorLabels

if TYPE_CHECKING:
    from droidscope.facts.window_layout import Ranges, WindowLayout


class BucketsDump(Struct, frozen=True, array_like=True):
    """
    One orchestrator's part of a dump: its buckets and totals, packed.
    """

    orchestrator: OrchestratorLabels
    buckets: dict[int, bytes]
    totals: dict[str, bytes]


class Buckets:
    """
    One orchestrator's buckets and totals, by the windows of a *layout*.

    Buckets that have left the shortest window are touched again only when they leave a longer
    one, or by late records; until then they are kept packed, in a small part of the memory.
    """

    def __init__(self, layout: WindowLayout) -> None:
        self.totals: dict[str, Amounts] = {window: {} for window in layout.spans}
        self._layout = layout
        self._windows_of: dict[type[FactKey], tuple[str, ...]] = {}
        self._open: dict[int, Amounts] = {}
        self._packed: dict[int, bytes] = {}

    @property
    def is_empty(self) -> bool:
        """
        Whether nothing is held.
        """
        return not self._open and not self._packed

    def packed(self, bucket: int) -> bytes:
        """
        What a bucket holds, b"" if nothing.
        """
        amounts = self._open.get(bucket)
        return packed_amounts(amounts) if amounts else self._packed.get(bucket, b"")

    def add(self, bucket: int, key: FactKey, amount: int, ranges: Ranges) -> None:
        """
        Add to one sum of a bucket, and to the totals of the windows that now cover it.
        """
        if bucket in self._packed:
            self._open[bucket] = unpacked(self._packed.pop(bucket))
        _add(self._open.setdefault(bucket, {}), key, amount)
        for window in self._windows(type(key)):
            if bucket in ranges[window]:
                _add(self.totals[window], key, amount)

    def merge(self, other: Buckets, ranges: Ranges) -> None:
        """
        Add all that others hold.
        """
        packed = {bucket: unpacked(amounts) for bucket, amounts in other._packed.items()}
        for bucket, amounts in (other._open | packed).items():
            for key, amount in amounts.items():
                self.add(bucket, key, amount, ranges)

    def move(self, old: Ranges, new: Ranges) -> None:
        """
        Let buckets leave and enter each window, forget those too old for any, pack the rest.
        """
        for window in self.totals:
            self._shift(window, old[window], new[window])
        self._forget(before=min(covered.start for covered in new.values()))
        self._pack(before=max(covered.start for covered in new.values()))

    def dump(self, orchestrator: OrchestratorLabels) -> BucketsDump:
        """
        Everything, for a checkpoint.
        """
        buckets = {bucket: packed_amounts(amounts) for bucket, amounts in self._open.items() if amounts}
        totals = {window: packed_amounts(amounts) for window, amounts in self.totals.items()}
        return BucketsDump(orchestrator, self._packed | buckets, totals)

    @classmethod
    def load(cls, dump: BucketsDump, layout: WindowLayout) -> Buckets:
        """
        What was dumped.

        Raises:
            KeyError: If the dump lacks one of today's windows.
            zlib.error, msgspec.MsgspecError: If it is damaged.
        """
        buckets = cls(layout)
        buckets.totals = {window: unpacked(dump.totals[window]) for window in layout.spans}
        buckets._packed = dict(dump.buckets)
        return buckets

    def _windows(self, fact: type[FactKey]) -> tuple[str, ...]:
        windows = self._windows_of.get(fact)
        if windows is None:
            windows = self._windows_of[fact] = self._layout.windows_of(fact)
        return windows

    def _shift(self, window: str, old: range, new: range) -> None:
        if new.start >= old.stop or old.start >= new.stop:
            self.totals[window].clear()
            old = range(new.start, new.start)
        self._sum(window, range(old.start, new.start), -1)
        self._sum(window, range(new.stop, old.stop), -1)
        self._sum(window, range(new.start, old.start), 1)
        self._sum(window, range(old.stop, new.stop), 1)

    def _sum(self, window: str, buckets: range, sign: int) -> None:
        totals, facts = self.totals[window], self._layout.spans[window].facts
        for bucket in buckets:
            if bucket in self._open:
                _add_all(totals, self._open[bucket], sign, facts)
            elif bucket in self._packed:
                _add_all(totals, unpacked(self._packed[bucket]), sign, facts)

    def _forget(self, before: int) -> None:
        for buckets in (self._open, self._packed):
            for bucket in [bucket for bucket in buckets if bucket < before]:
                del buckets[bucket]

    def _pack(self, before: int) -> None:
        for bucket in [bucket for bucket in self._open if bucket < before]:
            amounts = self._open.pop(bucket)
            if amounts:
                self._packed[bucket] = packed_amounts(amounts)


def _add(totals: Amounts, key: FactKey, amount: int) -> None:
    """
    Add *amount* to one sum; what becomes zero vanishes.
    """
    total = totals.get(key, 0) + amount
    if total:
        totals[key] = total
    else:
        totals.pop(key, None)


def _add_all(totals: Amounts, amounts: Amounts, sign: int, facts: frozenset[type[FactKey]]) -> None:
    for key, amount in amounts.items():
        if not facts or type(key) in facts:
            _add(totals, key, sign * amount)
