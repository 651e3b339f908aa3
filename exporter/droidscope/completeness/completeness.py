"""
How much of what the instrumentation says it has emitted has arrived, process by process.

A point says how many records of a kind a process had emitted by the point's own time, and a record
is counted only once it has ended: so what ended by that time, and nothing that ended later, should
have arrived soon after the point did. Where it cannot be told which of two sides of a point a record
is on, it counts as arrived: a ratio below 1 is always a loss.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter
from typing import ClassVar, Final, NamedTuple, get_args

from msgspec import Struct, field

from droidscope.bounded import BoundedMap
from droidscope.completeness.client_counts import ClientCounts, Increase, Stream, StreamCount
from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import CONFLICT_RECORD, Kind
from droidscope.model.labels import Relabel, unchanged
from droidscope.model.records import AnyRecord, Emitted, Record
from droidscope.recording.recorder import Recorder
from droidscope.sessions.settings import HeadSettings
from droidscope.units import MINUTE_NS, SECOND_NS

Process = tuple[str, str, str]
"""
Name of the orchestrator whose sessions the records are of, process instance, and kind of record.
"""

CLIENT_KINDS: Final[dict[type, str]] = {
    type_: tag
    for type_ in get_args(AnyRecord)
    if (tag := str(type_.__struct_config__.tag)) in {*Kind, CONFLICT_RECORD}
}
"""
The records that the instrumentation counts, by type.
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
LATER_LIMIT: Final = 10_000
HELD_LIMIT: Final = 500_000
"""
Times of records newer than the newest point: of one process and kind, and of all together.
"""
POINTS_TO_JUDGE: Final = 12
"""
At most two points are kept of each such share of the time until one is judged; further ones replace
the one before.
"""
UNHEARD_NS: Final = 5 * MINUTE_NS
"""
A counter that began so long before the first point ever was at work before the exporter listened.
"""
UNCERTAIN_NS: Final = SECOND_NS
"""
By so much of its time a point may lag behind what it has counted.
"""


class CountPoint(Struct, array_like=True, gc=False):
    """
    What had been *emitted* by *time_ns*, the process's own Unix time, as was heard at the uptime
    *clock_ns*; and what is *stored* that ended by then, but after the point before.
    """

    clock_ns: int
    time_ns: int
    emitted: int
    stored: int


class Account(Struct):
    """
    What a process emitted and what of it is stored, of one kind.

    The first of *points* may have been judged, the others are still to be. *later* are the ends of
    the records newer than all points, in no order, and *earlier* counts more such records, older
    than those. What ended before *since_ns* is not asked for. *heard_clock* is the uptime at the
    last sign of the process.
    """

    heard_clock: int = 0
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
        if len(self.later) > LATER_LIMIT:
            self.later.sort()
            self._let_go(LATER_LIMIT // 2)

    def _let_go(self, count: int) -> None:
        self.earlier += count
        del self.later[:count]

    def let_go_of_all(self) -> None:
        """
        Take every record there is for older than the next point.
        """
        self._let_go(len(self.later))

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
        found, stored = None, 0
        for point in self.points:
            if point.clock_ns > clock_ns:
                break
            stored += point.stored
            found = min(stored, point.emitted), point.emitted
        return found


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

    def __init__(self, settings: HeadSettings, recorder: Recorder) -> None:
        self._settings = settings
        self._recorder = recorder
        self._counts = ClientCounts()
        self._accounts: BoundedMap[Process, Account] = BoundedMap(PROCESSES_LIMIT)
        self._since_ns: int | None = (
            None  # Unix time; a counter that began before may have been at work unheard
        )
        self._held = 0

    def stored(self, record: Record, instance: str) -> None:
        """
        Count a record of a process that is stored now.
        """
        kind = CLIENT_KINDS.get(type(record))
        if kind is None:
            return
        account = self._account((record.place.orchestrator[0], instance, kind))
        held = len(account.later)
        account.store(record.end_ns)
        self._held += len(account.later) - held
        if self._held > HELD_LIMIT:
            self._make_room()

    def emitted(self, point: Emitted) -> None:
        """
        Take in what a process says, and count by how much that is more than was known.
        """
        clock_ns, labels = self._recorder.clock_ns, (point.orchestrator[0], point.kind)
        growth = self._counts.take(point, clock_ns)
        self._recorder.count_own(m.CLIENT_RECORDS_EMITTED, labels, growth.amount)
        if self._since_ns is None:
            self._since_ns = self._recorder.wall_ns - UNHEARD_NS
        if growth.forgotten_clock is not None:
            self._forgot(growth.forgotten_clock)
        if point.kind in _KINDS:
            self._report(point, growth)
        self._forget_silent()

    def _report(self, point: Emitted, growth: Increase) -> None:
        account = self._account((point.orchestrator[0], point.instance, point.kind))
        held, amount = len(account.later), growth.amount
        if self._unheard(point, growth):
            amount = 0
            if not account.points:
                account.begin(point.time_ns - UNCERTAIN_NS)
        account.report(point, amount, self._recorder.clock_ns, self._settings.records_lost_after_ns)
        self._held += len(account.later) - held

    def _unheard(self, point: Emitted, growth: Increase) -> bool:
        """
        Whether some of what a point counts may have been emitted when nothing was heard or kept of it.
        """
        # By its age: the clock of the process may differ from ours.
        began_ns = self._recorder.wall_ns - (point.time_ns - point.start_ns)
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
        account.heard_clock = self._recorder.clock_ns
        return account

    def _forget_silent(self) -> None:
        horizon = self._recorder.clock_ns - SILENT_NS
        while self._accounts and next(iter(self._accounts.values())).heard_clock < horizon:
            _, account = self._accounts.popitem(last=False)
            self._forget(account)

    def _forget(self, account: Account) -> None:
        """
        Go on without a process that has been dropped, the longest silent one.
        """
        self._held -= len(account.later)
        self._forgot(account.heard_clock)

    def _forgot(self, heard_clock: int) -> None:
        wall_ns = self._recorder.wall_ns - (self._recorder.clock_ns - heard_clock)
        self._since_ns = max(self._since_ns or 0, wall_ns)

    def _make_room(self) -> None:
        """
        Let go of half of the times held, of the longest silent first: their next points are the surest
        to be later than all of their records.
        """
        for account in self._accounts.values():
            if self._held <= HELD_LIMIT // 2:
                break
            self._held -= len(account.later)
            account.let_go_of_all()

    def judged(self, clock_ns: int) -> Iterator[Judgement]:
        """
        All processes and kinds that are to be judged at an uptime.
        """
        for (orchestrator, _, _), account in self._accounts.items():
            if account.points and account.points[-1].clock_ns >= clock_ns - SILENT_NS:
                found = account.judged(clock_ns - self._settings.records_lost_after_ns)
                if found is not None and found[1]:
                    yield Judgement(orchestrator, *found)

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
        self._held = sum(len(account.later) for account in self._accounts.values())
