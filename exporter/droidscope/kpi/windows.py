"""
Minute windows: what ended in the last hour, day and week, as running totals of facts.

Every fact lies in the minute in which its subject ended. Each window keeps its total up to date
as minutes enter and leave it, so reading one costs the same however much is stored.

The upper edge is exact: a fact counts once the clock is past its end, and until then waits
ahead. When the clock steps back, later minutes leave every window again; only the minute
stepped into keeps all that the clock had passed before.

Definition: docs/kpis.md#conventions
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import Struct

from droidscope.conventions.metrics import WINDOWS
from droidscope.conventions.thresholds import RECENT_FAILURE_WINDOW
from droidscope.kpi.facts import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MINUTE_NS: Final = 60_000_000_000

AHEAD_LIMIT: Final = 100_000
"""
Facts that may wait for the clock.
"""

KEPT: Final = {**WINDOWS, RECENT_FAILURE_WINDOW: 60 * int(RECENT_FAILURE_WINDOW.removesuffix("h"))}
"""
Windows that have totals, in minutes: those of the KPIs, and one that an alert alone looks at.
"""
LONGEST: Final = max(KEPT, key=lambda window: KEPT[window])
SHORTEST: Final = min(KEPT, key=lambda window: KEPT[window])

T = TypeVar("T")
Orchestrator = tuple[str, ...]
Totals = dict[Key, int]
Spans = dict[str, range]
"""
The minutes each window covers.
"""
Ahead = tuple[int, Orchestrator, Key, int]
"""
What waits for the clock: end in nanoseconds, orchestrator, key, amount.
"""


class LedgerDump(Struct, frozen=True, array_like=True):
    """
    One orchestrator's part of a dump: its minutes and totals, packed.
    """

    orchestrator: Orchestrator
    minutes: dict[int, bytes]
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
    The facts of all orchestrators and their totals over each window.

    Not thread-safe: whoever adds and whoever reads take turns.
    """

    def __init__(self) -> None:
        self._now_ns = 0
        self._reached_ns = 0
        self._spans = _spans(0)
        self._ledgers: dict[Orchestrator, _Ledger] = defaultdict(_Ledger)
        self._ahead: list[Ahead] = []
        self._fresh: dict[tuple[Orchestrator, int], Totals] = {}

    def add(self, orchestrator: Orchestrator, end_ns: int, key: Key, amount: int) -> None:
        """
        Add *amount* to a fact about what ended at *end_ns*; a negative amount takes back.

        Late is fine; what ended before the longest window is forgotten at once. Where too much
        waits ahead already, for the clocks of senders are wrong, it ended just now.
        """
        if end_ns < self._reached_ns:
            self._settle(orchestrator, end_ns, key, amount)
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
        if now_ns != self._now_ns and (spans := _spans(now_ns)) != self._spans:
            self._post()
            self._move(spans)
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
        self._post()
        ledger = self._ledgers.get(orchestrator) or _Ledger()
        return ledger.totals[window]

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
        ledgers, self._ledgers = self._ledgers, defaultdict(_Ledger)
        for orchestrator, ledger in ledgers.items():
            self._ledgers[rename(orchestrator)].merge(ledger, self._spans)
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
    def load(cls, dump: WindowsDump) -> Windows:
        """
        The windows that were dumped: from here on they answer as the original does.

        Raises:
            KeyError: If the dump lacks one of today's windows.
            zlib.error, msgspec.MsgspecError: If it is damaged.
        """
        windows = cls()
        windows._now_ns = dump.now_ns
        windows._reached_ns = dump.reached_ns
        windows._spans = _spans(dump.now_ns)
        windows._ahead = _unpack(dump.ahead, list[Ahead])
        for ledger in dump.ledgers:
            windows._ledgers[ledger.orchestrator] = _Ledger.load(ledger)
        return windows

    def _settle(self, orchestrator: Orchestrator, end_ns: int, key: Key, amount: int) -> None:
        minute = end_ns // MINUTE_NS
        if minute < self._spans[LONGEST].start:
            return
        amounts = self._fresh.get((orchestrator, minute))
        if amounts is None:
            amounts = self._fresh[orchestrator, minute] = {}
        amounts[key] = amounts.get(key, 0) + amount

    def _post(self) -> None:
        """
        Enter into the ledgers what has been added up since the last time: one entry a sum costs
        less than one an event.
        """
        for (orchestrator, minute), amounts in self._fresh.items():
            ledger = self._ledgers[orchestrator]
            for key, amount in amounts.items():
                ledger.add(minute, key, amount, self._spans)
        self._fresh.clear()

    def _move(self, spans: Spans) -> None:
        for orchestrator, ledger in list(self._ledgers.items()):
            ledger.move(self._spans, spans)
            if ledger.is_empty:
                del self._ledgers[orchestrator]
        self._spans = spans


class _Ledger:
    """
    One orchestrator's minutes and totals.

    Minutes that have left the shortest window are touched again only when they leave a longer
    one, or by late records; until then they are kept packed, in a small part of the memory.
    """

    def __init__(self) -> None:
        self.totals: dict[str, Totals] = {window: {} for window in KEPT}
        self._open: dict[int, Totals] = {}
        self._packed: dict[int, bytes] = {}

    @property
    def is_empty(self) -> bool:
        return not self._open and not self._packed

    def add(self, minute: int, key: Key, amount: int, spans: Spans) -> None:
        if minute in self._packed:
            self._open[minute] = _unpack_amounts(self._packed.pop(minute))
        _add(self._open.setdefault(minute, {}), key, amount)
        for window, span in spans.items():
            if minute in span:
                _add(self.totals[window], key, amount)

    def merge(self, other: _Ledger, spans: Spans) -> None:
        """
        Add all that another ledger holds.
        """
        packed = {minute: _unpack_amounts(amounts) for minute, amounts in other._packed.items()}
        for minute, amounts in (other._open | packed).items():
            for key, amount in amounts.items():
                self.add(minute, key, amount, spans)

    def move(self, old: Spans, new: Spans) -> None:
        """
        Let minutes leave and enter each window, forget those too old for any, pack the rest.
        """
        for window, totals in self.totals.items():
            self._shift(totals, old[window], new[window])
        self._forget(before=new[LONGEST].start)
        self._pack(before=new[SHORTEST].start)

    def dump(self, orchestrator: Orchestrator) -> LedgerDump:
        minutes = {minute: _pack_amounts(amounts) for minute, amounts in self._open.items()}
        totals = {window: _pack_amounts(amounts) for window, amounts in self.totals.items()}
        return LedgerDump(orchestrator, self._packed | minutes, totals)

    @classmethod
    def load(cls, dump: LedgerDump) -> _Ledger:
        ledger = cls()
        ledger.totals = {window: _unpack_amounts(dump.totals[window]) for window in KEPT}
        ledger._packed = dict(dump.minutes)
        return ledger

    def _shift(self, totals: Totals, old: range, new: range) -> None:
        if new.start >= old.stop or old.start >= new.stop:
            totals.clear()
            old = range(new.start, new.start)
        self._sum(totals, range(old.start, new.start), -1)
        self._sum(totals, range(new.stop, old.stop), -1)
        self._sum(totals, range(new.start, old.start), 1)
        self._sum(totals, range(old.stop, new.stop), 1)

    def _sum(self, totals: Totals, minutes: range, sign: int) -> None:
        for minute in minutes:
            if minute in self._open:
                _add_all(totals, self._open[minute], sign)
            elif minute in self._packed:
                _add_all(totals, _unpack_amounts(self._packed[minute]), sign)

    def _forget(self, before: int) -> None:
        for minutes in (self._open, self._packed):
            for minute in [minute for minute in minutes if minute < before]:
                del minutes[minute]

    def _pack(self, before: int) -> None:
        for minute in [minute for minute in self._open if minute < before]:
            amounts = self._open.pop(minute)
            if amounts:
                self._packed[minute] = _pack_amounts(amounts)


def _spans(now_ns: int) -> Spans:
    """
    The minutes from that of now - window up to, if any of it has passed, the current one.
    """
    first, stop = now_ns // MINUTE_NS, -(-now_ns // MINUTE_NS)
    return {window: range(first - minutes, stop) for window, minutes in KEPT.items()}


def _add(totals: Totals, key: Key, amount: int) -> None:
    """
    Add *amount* to one sum; what becomes zero vanishes.
    """
    total = totals.get(key, 0) + amount
    if total:
        totals[key] = total
    else:
        totals.pop(key, None)


def _add_all(totals: Totals, amounts: Totals, sign: int) -> None:
    for key, amount in amounts.items():
        _add(totals, key, sign * amount)


def _pack_amounts(amounts: Totals) -> bytes:
    return _pack(list(amounts.items()))


def _unpack_amounts(packed: bytes) -> Totals:
    return dict(_unpack(packed, list[tuple[Key, int]]))


def _pack(items: list[Any]) -> bytes:
    # JSON, since sums of squares may exceed the 64 bits of msgpack's integers.
    return zlib.compress(msgspec.json.encode(items), 1)


def _unpack(packed: bytes, type_: type[T]) -> T:
    return msgspec.json.decode(zlib.decompress(packed), type=type_)
