"""
Windows: what ended in the last hour, day or week, as running totals of facts.

Every fact lies in the bucket in which its subject ended: a minute for KPIs, an hour for what
insights look back on (`history`). Each window keeps its total up to date as buckets enter and
leave it, so reading one costs the same however much is stored.

The upper edge is exact: a fact counts once the clock is past its end, and until then waits
ahead. When the clock steps back, later buckets leave every window again; only the bucket
stepped into keeps all that the clock had passed before.

Definition: docs/kpis.md#conventions
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from droidscope.conventions.metrics import WINDOWS
from droidscope.conventions.thresholds import RECENT_FAILURE_WINDOW
from droidscope.kpi.facts import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MINUTE_NS: Final = 60_000_000_000

AHEAD_LIMIT: Final = 100_000
"""
Facts that may wait for the clock.
"""


class Span(NamedTuple):
    """
    A window, in whole buckets: from *first* before the present one up to *stop* before it, or up
    to now where *stop* is 0. It has totals of *facts*, or of all if that is empty.
    """

    first: int
    stop: int = 0
    facts: frozenset[str] = frozenset()


class Shape(NamedTuple):
    """
    How long a bucket is, and which windows have totals.
    """

    bucket_ns: int
    spans: Mapping[str, Span]

    @property
    def reach(self) -> int:
        """
        How many buckets before the present one are kept.
        """
        return max(span.first for span in self.spans.values())

    def ranges(self, now_ns: int) -> Ranges:
        """
        The buckets that each window covers at *now_ns*: up to, if any of it has passed, the
        present one.
        """
        present, end = now_ns // self.bucket_ns, -(-now_ns // self.bucket_ns)
        return {
            window: range(present - span.first, present - span.stop if span.stop else end)
            for window, span in self.spans.items()
        }

    def windows_of(self, fact: str) -> tuple[str, ...]:
        """
        The windows that have totals of a fact.
        """
        return tuple(window for window, span in self.spans.items() if not span.facts or fact in span.facts)


MINUTES: Final = Shape(
    MINUTE_NS,
    {
        **{window: Span(minutes) for window, minutes in WINDOWS.items()},
        RECENT_FAILURE_WINDOW: Span(60 * int(RECENT_FAILURE_WINDOW.removesuffix("h"))),
    },
)
"""
The windows of the KPIs, and one that an alert alone looks at.
"""

T = TypeVar("T")
Orchestrator = tuple[str, ...]
Totals = dict[Key, int]
Ranges = dict[str, range]
"""
The buckets each window covers.
"""
Ahead = tuple[int, Orchestrator, Key, int]
"""
What waits for the clock: end in nanoseconds, orchestrator, key, amount.
"""


class LedgerDump(Struct, frozen=True, array_like=True):
    """
    One orchestrator's part of a dump: its buckets and totals, packed.
    """

    orchestrator: Orchestrator
    buckets: dict[int, bytes]
    totals: dict[str, bytes]


class WindowsDump(Struct, frozen=True, array_like=True):
    """
    The whole of some `Windows`, made of what msgpack can carry.
    """

    now_ns: int
    reached_ns: int
    ledgers: list[LedgerDump]
    ahead: bytes


class Windows:
    """
    The facts of all orchestrators and their totals over each window of a *shape*.

    Not thread-safe: whoever adds and whoever reads take turns.
    """

    def __init__(self, shape: Shape = MINUTES) -> None:
        self.shape = shape
        self._now_ns = 0
        self._reached_ns = 0
        self._ranges = shape.ranges(0)
        self._bucket_ns = shape.bucket_ns
        self._oldest = -shape.reach
        self._edges = (0, 0)
        self._ledgers: dict[Orchestrator, _Ledger] = defaultdict(self._new_ledger)
        self._ahead: list[Ahead] = []
        self._fresh: dict[tuple[Orchestrator, int], Totals] = {}

    def add(self, orchestrator: Orchestrator, end_ns: int, key: Key, amount: int) -> None:
        """
        Add *amount* to a fact about what ended at *end_ns*; a negative amount takes back.

        Late is fine; what ended before the longest window is forgotten at once. Where too much
        waits ahead already, for the clocks of senders are wrong, it ended just now.
        """
        if end_ns < self._reached_ns:
            amounts = self._fresh.get((orchestrator, end_ns // self._bucket_ns))
            if amounts is None:
                self._settle(orchestrator, end_ns, key, amount)
            else:
                amounts[key] = amounts.get(key, 0) + amount
        elif amount > 0 and len(self._ahead) >= AHEAD_LIMIT:
            self._settle(orchestrator, self._reached_ns - 1, key, amount)
        else:
            heappush(self._ahead, (end_ns, orchestrator, key, amount))

    def advance(self, now_ns: int) -> None:
        """
        Set the clock to *now_ns*; it may step back.

        Reading does so by itself. Called as records arrive, too, it keeps what waits ahead down
        to what truly lies in the future, however rarely anyone reads.
        """
        edges = now_ns // self._bucket_ns, -(-now_ns // self._bucket_ns)
        if edges != self._edges:
            self._post()
            self._move(self.shape.ranges(now_ns))
            self._oldest = edges[0] - self.shape.reach
            self._edges = edges
        self._now_ns = now_ns
        self._reached_ns = max(self._reached_ns, now_ns)
        while self._ahead and self._ahead[0][0] < self._reached_ns:
            end_ns, orchestrator, key, amount = heappop(self._ahead)
            self._settle(orchestrator, end_ns, key, amount)

    def totals(self, orchestrator: Orchestrator, window: str, now_ns: int) -> Mapping[Key, int]:
        """
        Sums over what ended in [floor_minute(now - window), now), without those that are zero.

        Returns:
            A live view, to be read before anything is added or the clock moves.

        Raises:
            KeyError: If there is no such window.
        """
        self.advance(now_ns)
        return self.latest(orchestrator, window)

    def latest(self, orchestrator: Orchestrator, window: str) -> Mapping[Key, int]:
        """
        The same as of when the clock was last set.
        """
        self._post()
        ledger = self._ledgers.get(orchestrator) or self._new_ledger()
        return ledger.totals[window]

    def snapshot(self, now_ns: int, windows: Iterable[str]) -> dict[Orchestrator, dict[str, Totals]]:
        """
        Copies of the totals of all orchestrators over some *windows*, to be read at leisure.
        """
        self.advance(now_ns)
        windows = tuple(windows)
        return {
            who: {window: dict(self.latest(who, window)) for window in windows}
            for who in self.orchestrators()
        }

    def buckets(self, orchestrator: Orchestrator, buckets: Iterable[int]) -> list[bytes]:
        """
        What some buckets hold, packed (see `unpacked`), b"" for those with nothing.

        Packing costs for the latest ones alone; the bytes of an older one are the same object until
        a late fact changes it, so that what is derived from them may be remembered.
        """
        self._post()
        ledger = self._ledgers.get(orchestrator) or self._new_ledger()
        return [ledger.packed(bucket) for bucket in buckets]

    def orchestrators(self) -> list[Orchestrator]:
        """
        All orchestrators of which something ended within the longest window, sorted.
        """
        self._post()
        return sorted(self._ledgers)

    def rename(self, rename: Callable[[Orchestrator], Orchestrator]) -> None:
        """
        Give every orchestrator its new name; those that share one become one.
        """
        self._post()
        ledgers, self._ledgers = self._ledgers, defaultdict(self._new_ledger)
        for orchestrator, ledger in ledgers.items():
            self._ledgers[rename(orchestrator)].merge(ledger, self._ranges)
        self._ahead = [(end_ns, rename(who), key, amount) for end_ns, who, key, amount in self._ahead]
        heapify(self._ahead)

    def dump(self) -> WindowsDump:
        """
        Everything, for a checkpoint.
        """
        self._post()
        return WindowsDump(
            self._now_ns,
            self._reached_ns,
            [ledger.dump(orchestrator) for orchestrator, ledger in self._ledgers.items()],
            _pack(self._ahead),
        )

    @classmethod
    def load(cls, dump: WindowsDump, shape: Shape = MINUTES) -> Windows:
        """
        The windows that were dumped: from here on they answer as the original does.

        Raises:
            KeyError: If the dump lacks one of today's windows.
            zlib.error, msgspec.MsgspecError: If it is damaged.
        """
        windows = cls(shape)
        windows._now_ns = dump.now_ns
        windows._reached_ns = dump.reached_ns
        windows._ranges = shape.ranges(dump.now_ns)
        windows._edges = dump.now_ns // shape.bucket_ns, -(-dump.now_ns // shape.bucket_ns)
        windows._oldest = windows._edges[0] - shape.reach
        windows._ahead = _unpack(dump.ahead, list[Ahead])
        for ledger in dump.ledgers:
            windows._ledgers[ledger.orchestrator] = _Ledger.load(ledger, shape)
        return windows

    def _new_ledger(self) -> _Ledger:
        return _Ledger(self.shape)

    def _settle(self, orchestrator: Orchestrator, end_ns: int, key: Key, amount: int) -> None:
        bucket = end_ns // self._bucket_ns
        if bucket < self._oldest:
            return
        amounts = self._fresh.get((orchestrator, bucket))
        if amounts is None:
            amounts = self._fresh[orchestrator, bucket] = {}
        amounts[key] = amounts.get(key, 0) + amount

    def _post(self) -> None:
        """
        Enter into the ledgers what has been added up since the last time: one entry a sum costs
        less than one an event.
        """
        for (orchestrator, bucket), amounts in self._fresh.items():
            ledger = self._ledgers[orchestrator]
            for key, amount in amounts.items():
                ledger.add(bucket, key, amount, self._ranges)
        self._fresh.clear()

    def _move(self, ranges: Ranges) -> None:
        for orchestrator, ledger in list(self._ledgers.items()):
            ledger.move(self._ranges, ranges)
            if ledger.is_empty:
                del self._ledgers[orchestrator]
        self._ranges = ranges


class _Ledger:
    """
    One orchestrator's buckets and totals.

    Buckets that have left the shortest window are touched again only when they leave a longer
    one, or by late records; until then they are kept packed, in a small part of the memory.
    """

    def __init__(self, shape: Shape) -> None:
        self.totals: dict[str, Totals] = {window: {} for window in shape.spans}
        self._shape = shape
        self._windows_of: dict[str, tuple[str, ...]] = {}
        self._open: dict[int, Totals] = {}
        self._packed: dict[int, bytes] = {}

    @property
    def is_empty(self) -> bool:
        return not self._open and not self._packed

    def packed(self, bucket: int) -> bytes:
        amounts = self._open.get(bucket)
        return _pack_amounts(amounts) if amounts else self._packed.get(bucket, b"")

    def add(self, bucket: int, key: Key, amount: int, ranges: Ranges) -> None:
        if bucket in self._packed:
            self._open[bucket] = unpacked(self._packed.pop(bucket))
        _add(self._open.setdefault(bucket, {}), key, amount)
        for window in self._windows(key[0]):
            if bucket in ranges[window]:
                _add(self.totals[window], key, amount)

    def merge(self, other: _Ledger, ranges: Ranges) -> None:
        """
        Add all that another ledger holds.
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

    def dump(self, orchestrator: Orchestrator) -> LedgerDump:
        buckets = {bucket: _pack_amounts(amounts) for bucket, amounts in self._open.items()}
        totals = {window: _pack_amounts(amounts) for window, amounts in self.totals.items()}
        return LedgerDump(orchestrator, self._packed | buckets, totals)

    @classmethod
    def load(cls, dump: LedgerDump, shape: Shape) -> _Ledger:
        ledger = cls(shape)
        ledger.totals = {window: unpacked(dump.totals[window]) for window in shape.spans}
        ledger._packed = dict(dump.buckets)
        return ledger

    def _windows(self, fact: str) -> tuple[str, ...]:
        windows = self._windows_of.get(fact)
        if windows is None:
            windows = self._windows_of[fact] = self._shape.windows_of(fact)
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
        totals, facts = self.totals[window], self._shape.spans[window].facts
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
                self._packed[bucket] = _pack_amounts(amounts)


def _add(totals: Totals, key: Key, amount: int) -> None:
    """
    Add *amount* to one sum; what becomes zero vanishes.
    """
    total = totals.get(key, 0) + amount
    if total:
        totals[key] = total
    else:
        totals.pop(key, None)


def _add_all(totals: Totals, amounts: Totals, sign: int, facts: frozenset[str]) -> None:
    for key, amount in amounts.items():
        if not facts or key[0] in facts:
            _add(totals, key, sign * amount)


def unpacked(packed: bytes) -> Totals:
    """
    What a packed bucket holds.
    """
    return dict(_unpack(packed, list[tuple[Key, int]])) if packed else {}


def _pack_amounts(amounts: Totals) -> bytes:
    return _pack(list(amounts.items()))


def _pack(items: list[Any]) -> bytes:
    # JSON, since sums of squares may exceed the 64 bits of msgpack's integers.
    return zlib.compress(msgspec.json.encode(items), 1)


def _unpack(packed: bytes, type_: type[T]) -> T:
    return msgspec.json.decode(zlib.decompress(packed), type=type_)
