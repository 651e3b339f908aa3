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

from collections import Counter, defaultdict
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, ClassVar, Final

from msgspec import Struct

from droidscope.facts.buckets import Buckets, BucketsDump
from droidscope.facts.fact_key import FactKey
from droidscope.facts.fact_totals import Totals
from droidscope.facts.packing import Amounts, AnyFact, pack, unpack, unpacked
from droidscope.facts.window_layout import MINUTES, Ranges, WindowLayout, WindowSpan
from droidscope.model.labels import OrchestratorLabels, Relabel, unchanged
from droidscope.units import SECOND_NS, duration_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

AHEAD_LIMIT: Final = 100_000
"""
Facts that may wait for the clock.
"""

Ahead = tuple[int, OrchestratorLabels, AnyFact, int]
"""
What waits for the clock: end in nanoseconds, orchestrator, key, amount.
"""
_Waiting = tuple[int, int, OrchestratorLabels, FactKey, int]
"""
The same in a heap, with a number after the end that tells apart what ended at once.
"""


class WindowsDump(Struct, frozen=True, array_like=True):
    """
    The whole of some `Windows`, made of what msgpack can carry.
    """

    now_ns: int
    reached_ns: int
    buckets: list[BucketsDump]
    ahead: bytes


class Windows:
    """
    The facts of all orchestrators and their totals over each window of a *layout*.

    Not thread-safe: whoever adds and whoever reads take turns.
    """

    dump_type: ClassVar = WindowsDump

    def __init__(self, layout: WindowLayout = MINUTES) -> None:
        self.layout = layout
        self._now_ns = 0
        self._reached_ns = 0
        self._ranges = layout.ranges(0)
        self._bucket_ns = layout.bucket_ns
        self._oldest = -layout.reach
        self._edges = (0, 0)
        self._held: dict[OrchestratorLabels, Buckets] = defaultdict(self._new_buckets)
        self._ahead: list[_Waiting] = []
        self._numbers = count()
        self._fresh: dict[tuple[OrchestratorLabels, int], Amounts] = {}

    def add(self, orchestrator: OrchestratorLabels, end_ns: int, key: FactKey, amount: int) -> None:
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
            heappush(self._ahead, (end_ns, next(self._numbers), orchestrator, key, amount))

    def advance(self, now_ns: int) -> None:
        """
        Set the clock to *now_ns*; it may step back.

        Reading does so by itself. Called as records arrive, too, it keeps what waits ahead down
        to what truly lies in the future, however rarely anyone reads.
        """
        edges = now_ns // self._bucket_ns, -(-now_ns // self._bucket_ns)
        if edges != self._edges:
            self._post()
            self._move(self.layout.ranges(now_ns))
            self._oldest = edges[0] - self.layout.reach
            self._edges = edges
        self._now_ns = now_ns
        self._reached_ns = max(self._reached_ns, now_ns)
        while self._ahead and self._ahead[0][0] < self._reached_ns:
            end_ns, _, orchestrator, key, amount = heappop(self._ahead)
            self._settle(orchestrator, end_ns, key, amount)

    def totals(self, orchestrator: OrchestratorLabels, window: str, now_ns: int) -> Mapping[FactKey, int]:
        """
        Sums over what ended in [floor_minute(now - window), now), without those that are zero.

        Returns:
            A live view, to be read before anything is added or the clock moves.

        Raises:
            KeyError: If there is no such window.
        """
        self.advance(now_ns)
        return self.latest(orchestrator, window)

    def sums(self, orchestrator: OrchestratorLabels, window: str, now_ns: int) -> Mapping[FactKey, int]:
        """
        The same as `totals` for any *window*, such as `15m` or `2d`, within the longest one.

        Those without running totals are summed up from their buckets: the longer, the more it costs.
        """
        if window in self.layout.spans:
            return self.totals(orchestrator, window, now_ns)
        self.advance(now_ns)
        span = WindowSpan(-(-round(duration_seconds(window)) * SECOND_NS // self.layout.bucket_ns))
        numbers = WindowLayout(self.layout.bucket_ns, {window: span}).ranges(now_ns)[window]
        sums: Counter[FactKey] = Counter()
        for packed in self.buckets(orchestrator, numbers):
            sums.update(unpacked(packed))
        return sums

    def latest(self, orchestrator: OrchestratorLabels, window: str) -> Mapping[FactKey, int]:
        """
        The same as of when the clock was last set.
        """
        self._post()
        buckets = self._held.get(orchestrator) or self._new_buckets()
        return buckets.totals[window]

    def snapshot(self, now_ns: int, windows: Iterable[str]) -> dict[OrchestratorLabels, dict[str, Totals]]:
        """
        Copies of the totals of all orchestrators over some *windows*, to be read at leisure.
        """
        self.advance(now_ns)
        windows = tuple(windows)
        return {
            orchestrator: {window: Totals(dict(self.latest(orchestrator, window))) for window in windows}
            for orchestrator in self.orchestrators()
        }

    def buckets(self, orchestrator: OrchestratorLabels, numbers: Iterable[int]) -> list[bytes]:
        """
        What the buckets of some *numbers* hold, packed (see `unpacked`), b"" for those with nothing.

        Packing costs for the latest ones alone; the bytes of an older one are the same object until
        a late fact changes it, so that what is derived from them may be remembered.
        """
        self._post()
        buckets = self._held.get(orchestrator) or self._new_buckets()
        return [buckets.packed(number) for number in numbers]

    def orchestrators(self) -> list[OrchestratorLabels]:
        """
        All orchestrators of which something ended within the longest window, sorted.
        """
        self._post()
        return sorted(self._held)

    def _relabel(self, relabel: Relabel) -> None:
        """
        Give every orchestrator its new labels; those that share them become one.
        """
        held, self._held = self._held, defaultdict(self._new_buckets)
        for orchestrator, buckets in held.items():
            self._held[relabel(orchestrator)].merge(buckets, self._ranges)
        self._ahead = [
            (end_ns, number, relabel(orchestrator), key, amount)
            for end_ns, number, orchestrator, key, amount in self._ahead
        ]

    def dump(self) -> WindowsDump:
        """
        Everything, for a checkpoint.
        """
        self._post()
        return WindowsDump(
            self._now_ns,
            self._reached_ns,
            [buckets.dump(orchestrator) for orchestrator, buckets in self._held.items()],
            pack([(end_ns, *fact) for end_ns, _, *fact in sorted(self._ahead)]),
        )

    def load(self, dump: WindowsDump, relabel: Relabel = unchanged) -> None:
        """
        Replace everything by what was dumped: from here on the answers are those of the original.

        Raises:
            KeyError: If the dump lacks one of today's windows.
            zlib.error, msgspec.MsgspecError: If it is damaged.
        """
        self._now_ns = dump.now_ns
        self._reached_ns = dump.reached_ns
        self._ranges = self.layout.ranges(dump.now_ns)
        self._edges = dump.now_ns // self._bucket_ns, -(-dump.now_ns // self._bucket_ns)
        self._oldest = self._edges[0] - self.layout.reach
        self._fresh.clear()
        self._ahead = [
            (end_ns, next(self._numbers), orchestrator, key, amount)
            for end_ns, orchestrator, key, amount in unpack(dump.ahead, list[Ahead])
        ]
        self._held.clear()
        for buckets in dump.buckets:
            self._held[buckets.orchestrator] = Buckets.load(buckets, self.layout)
        if relabel is not unchanged:
            self._relabel(relabel)

    def _new_buckets(self) -> Buckets:
        return Buckets(self.layout)

    def _settle(self, orchestrator: OrchestratorLabels, end_ns: int, key: FactKey, amount: int) -> None:
        bucket = end_ns // self._bucket_ns
        if bucket < self._oldest:
            return
        amounts = self._fresh.get((orchestrator, bucket))
        if amounts is None:
            amounts = self._fresh[orchestrator, bucket] = {}
        amounts[key] = amounts.get(key, 0) + amount

    def _post(self) -> None:
        """
        Enter into the buckets what has been added up since the last time: one entry a sum costs
        less than one an event.
        """
        for (orchestrator, bucket), amounts in self._fresh.items():
            buckets = self._held[orchestrator]
            for key, amount in amounts.items():
                buckets.add(bucket, key, amount, self._ranges)
        self._fresh.clear()

    def _move(self, ranges: Ranges) -> None:
        for orchestrator, buckets in list(self._held.items()):
            buckets.move(self._ranges, ranges)
            if buckets.is_empty:
                del self._held[orchestrator]
        self._ranges = ranges
