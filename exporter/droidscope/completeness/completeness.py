"""
How much of what the instrumentation reports as emitted has arrived, process by process.

A point reports how many records of a kind a process had emitted by the point's own time, and a record
is counted only once it has ended: so what ended by that time, and nothing that ended later, should
have arrived soon after the point did. Where it is not known on which side of a point a record is, it
counts as arrived: a ratio below 1 is always a loss.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter
from typing import ClassVar, Final, NamedTuple

from msgspec import Struct, field

from droidscope.bounded import BoundedMap
from droidscope.completeness.reported_counts import CountIncrease, ReportedCounts, Stream, StreamCount
from droidscope.conventions import metrics as m
from droidscope.model.labels import Relabel, unchanged
from droidscope.model.records import CLIENT_KINDS, Emitted, Record
from droidscope.recording.metric_writer import MetricWriter
from droidscope.sessions.settings import HeadSettings
from droidscope.units import MINUTE_NS, SECOND_NS

Process = tuple[str, str, str]
"""
Name of the orchestrator whose sessions the records are of, process instance, and kind of record.
"""

_KINDS: Final = frozenset(CLIENT_KINDS.values())

SILENT_NS: Final = 24 * 60 * MINUTE_NS
"""
A process of which no point has arrived for so long is judged no longer.
"""
PROCESSES_LIMIT: Final = 50_000
"""
Processes, by kind, of which something is known; the longest silent one is forgotten.
"""
TIMES_LIMIT: Final = 10_000
ALL_TIMES_LIMIT: Final = 500_000
"""
Times of records newer than the newest point: of one process and kind, and of all together.
"""
POINTS_TO_JUDGE: Final = 12
"""
At most two points are kept of each such share of the time until one is judged; further ones replace
the one before.
"""
EARLIER_START_NS: Final = 5 * MINUTE_NS
"""
A counter that began so long before the first point ever was counting before the exporter received.
"""
UNCERTAIN_NS: Final = SECOND_NS
"""
By so much of its time a point may lag behind what it has counted.
"""


class CountPoint(Struct, array_like=True, gc=False):
    """
    What had been *emitted* by *time_ns*, the process's own Unix time, received at the uptime
    *clock_ns*; and what is *stored* that ended by then, but after the point before.
    """

    clock_ns: int
    time_ns: int
    emitted: int
    stored: int


class Account(Struct, rename={"last_seen_clock": "heard_clock"}):
    """
    What a process emitted and what of it is stored, of one kind.

    The first of *points* may have been judged, the others are still to be. *later* are the ends of
    the records newer than all points, in no order, and *earlier* counts more such records, older
    than those. What ended before *since_ns* is not asked for. *last_seen_clock* is the uptime
    at the last sign of the process.
    """

    last_seen_clock: int = 0
    since_ns: int = 0
    points: list[CountPoint] = field(default_factory=list)
    earlier: int = 0
    later: list[int] = field(default_factory=list)

    def store(self, end_ns: int) -> None:
        """
        Count a record that ended at *end_ns*.
        """
        if end_ns < self.since_ns:
            return
        if self.points and end_ns <= self.points[-1].time_ns:
            self.points[bisect_left(self.points, end_ns, key=attrgetter("time_ns"))].stored += 1
            return
        self.later.append(end_ns)
        if len(self.later) > TIMES_LIMIT:
            self.later.sort()
            self._count_earlier(TIMES_LIMIT // 2)

    def _count_earlier(self, count: int) -> None:
        self.earlier += count
        del self.later[:count]

    def drop_times(self) -> None:
        """
        Take every record there is for older than the next point, and keep no times.
        """
        self._count_earlier(len(self.later))

    def begin(self, since_ns: int) -> None:
        """
        Ask for nothing that ended before *since_ns*.
        """
        self.since_ns, self.earlier = since_ns, 0
        self.later = [end_ns for end_ns in self.later if end_ns >= since_ns]

    def report(self, point: Emitted, amount: int, clock_ns: int, judged_after_ns: int) -> None:
        """
        Take a point in, by which the process had emitted *amount* more than was known.
        """
        time_ns, emitted = point.time_ns, amount
        if self.points:
            newest = self.points[-1]
            if time_ns < newest.time_ns and not amount:
                return  # it was overtaken
            time_ns, emitted = max(time_ns, newest.time_ns), newest.emitted + amount
        stored = self.earlier + sum(end_ns <= time_ns for end_ns in self.later)
        self.earlier = 0
        self.later = [end_ns for end_ns in self.later if end_ns > time_ns]
        self.points.append(CountPoint(clock_ns, time_ns, emitted, stored))
        self._thin(judged_after_ns)

    def _thin(self, judged_after_ns: int) -> None:
        points = self.points
        if len(points) > 2 and points[-1].clock_ns - points[-3].clock_ns < judged_after_ns // POINTS_TO_JUDGE:  # noqa: PLR2004
            self._merge(-2)
        while len(points) > 1 and points[1].clock_ns <= points[-1].clock_ns - judged_after_ns:
            self._merge(0)

    def _merge(self, at: int) -> None:
        self.points[at + 1].stored += self.points[at].stored
        del self.points[at]

    def judged(self, clock_ns: int) -> tuple[int, int] | None:
        """
        How much is stored of how much was emitted by the newest point that arrived by *clock_ns*;
        None if there is none.
        """
        judged, stored = None, 0
        for point in self.points:
            if point.clock_ns > clock_ns:
                break
            stored += point.stored
            judged = min(stored, point.emitted), point.emitted
        return judged


class Judgement(NamedTuple):
    """
    How much is stored of how much a process emitted for an orchestrator, of one kind.
    """

    orchestrator: str
    stored: int
    emitted: int


class CompletenessDump(Struct):
    """
    What a checkpoint keeps, in order of last arrival.
    """

    counts: list[tuple[Stream, StreamCount]]
    accounts: list[tuple[Process, Account]]
    since_ns: int | None


class Completeness:
    """
    Compares what processes say they have emitted with what is stored of it.

    A counter that was at work before the exporter's first point ever, or so long ago that it may
    have been forgotten, is compared from the first point on that is known of it.
    """

    dump_type: ClassVar = CompletenessDump

    def __init__(self, settings: HeadSettings, writer: MetricWriter) -> None:
        self._settings = settings
        self._writer = writer
        self._counts = ReportedCounts()
        self._accounts: BoundedMap[Process, Account] = BoundedMap(PROCESSES_LIMIT)
        # Unix time: of a counter that began before, some counts may not have been received.
        self._since_ns: int | None = None
        self._times = 0

    def stored(self, record: Record, instance: str) -> None:
        """
        Count a record of a process that is stored now.
        """
        kind = CLIENT_KINDS.get(type(record))
        if kind is None:
            return
        account = self._account((record.place.orchestrator[0], instance, kind))
        before = len(account.later)
        account.store(record.end_ns)
        self._times += len(account.later) - before
        if self._times > ALL_TIMES_LIMIT:
            self._make_room()

    def emitted(self, point: Emitted) -> None:
        """
        Take in what a process reports, and count by how much that is more than was known.
        """
        clock_ns, labels = self._writer.clock_ns, (point.orchestrator[0], point.kind)
        growth = self._counts.take(point, clock_ns)
        self._writer.count_own(m.CLIENT_RECORDS_EMITTED, labels, growth.amount)
        if self._since_ns is None:
            self._since_ns = self._writer.wall_ns - EARLIER_START_NS
        if growth.forgotten_clock is not None:
            self._forget_before(growth.forgotten_clock)
        if point.kind in _KINDS:
            self._report(point, growth)
        self._forget_silent()

    def _report(self, point: Emitted, growth: CountIncrease) -> None:
        account = self._account((point.orchestrator[0], point.instance, point.kind))
        before, amount = len(account.later), growth.amount
        if self._may_have_missed(point, growth):
            amount = 0
            if not account.points:
                account.begin(point.time_ns - UNCERTAIN_NS)
        account.report(point, amount, self._writer.clock_ns, self._settings.records_lost_after_ns)
        self._times += len(account.later) - before

    def _may_have_missed(self, point: Emitted, growth: CountIncrease) -> bool:
        """
        Whether some of what a point counts may have been emitted when nothing was received or kept of it.
        """
        # By its age: the clock of the process may differ from the exporter's.
        began_ns = self._writer.wall_ns - (point.time_ns - point.start_ns)
        return self._since_ns is not None and began_ns < self._since_ns and (growth.first or point.delta)

    def _account(self, process: Process) -> Account:
        account = self._accounts.get(process)
        if account is None:
            account = Account()
            dropped = self._accounts.put(process, account)
            if dropped is not None:
                self._forget(dropped[1])
        else:
            self._accounts.move_to_end(process)
        account.last_seen_clock = self._writer.clock_ns
        return account

    def _forget_silent(self) -> None:
        horizon = self._writer.clock_ns - SILENT_NS
        while self._accounts and next(iter(self._accounts.values())).last_seen_clock < horizon:
            _, account = self._accounts.popitem(last=False)
            self._forget(account)

    def _forget(self, account: Account) -> None:
        """
        Go on without a process that has been dropped, the longest silent one.
        """
        self._times -= len(account.later)
        self._forget_before(account.last_seen_clock)

    def _forget_before(self, last_seen_clock: int) -> None:
        wall_ns = self._writer.wall_ns - (self._writer.clock_ns - last_seen_clock)
        self._since_ns = max(self._since_ns or 0, wall_ns)

    def _make_room(self) -> None:
        """
        Drop half of all times, those of the longest silent processes first: their next points are the
        most likely to be later than all of their records.
        """
        for account in self._accounts.values():
            if self._times <= ALL_TIMES_LIMIT // 2:
                break
            self._times -= len(account.later)
            account.drop_times()

    def judged(self, clock_ns: int) -> Iterator[Judgement]:
        """
        All processes and kinds that are to be judged at an uptime.
        """
        for (orchestrator, _, _), account in self._accounts.items():
            if account.points and account.points[-1].clock_ns >= clock_ns - SILENT_NS:
                judged = account.judged(clock_ns - self._settings.records_lost_after_ns)
                if judged is not None and judged[1]:
                    yield Judgement(orchestrator, *judged)

    def dump(self) -> CompletenessDump:
        """
        The state for a checkpoint.
        """
        return CompletenessDump(self._counts.dump(), list(self._accounts.items()), self._since_ns)

    def load(self, dump: CompletenessDump, relabel: Relabel = unchanged) -> None:
        """
        Go on from a checkpoint.
        """
        self._counts.load(dump.counts, relabel)
        self._accounts = BoundedMap(PROCESSES_LIMIT, dump.accounts)
        self._since_ns = dump.since_ns
        self._times = sum(len(account.later) for account in self._accounts.values())
