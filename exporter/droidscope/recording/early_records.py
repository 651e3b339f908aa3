"""
Records that arrived before the start of their session, from a process that knows no more of it than its id.

Each process sends by itself, so the end of a short session may come before its start, which alone has the
pattern. Nothing of such a session is counted until then, or until the start has had its time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from droidscope.conventions.attributes import Kind
from droidscope.model.labels import Relabel, SessionKey, unchanged
from droidscope.model.records import Conflict, PlacedRecord, Record, Session, Started
from droidscope.units import SECOND_NS

START_NS: Final = 5 * SECOND_NS
"""
How long a record waits for the start of its session, in uptime: processes send every half second.
"""

EARLY_LIMIT: Final = 10_000
"""
Records that wait; of more, the oldest is counted with what is known.
"""


class EarlyRecord(Struct, array_like=True):
    """
    A record of the instance *process* that waits until *due_clock*, uptime.
    """

    record: PlacedRecord
    process: str
    due_clock: int


class EarlyRecords:
    """
    Records that wait, by session, in the order of their arrival.
    """

    dump_type: ClassVar = list[EarlyRecord]

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, EarlyRecord] = OrderedDict()
        self._numbers: dict[SessionKey, list[int]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, record: PlacedRecord, process: str, clock_ns: int) -> None:
        """
        Have a record wait that arrived at *clock_ns*.
        """
        self._append(EarlyRecord(record, process, clock_ns + START_NS))

    def _append(self, early: EarlyRecord) -> None:
        self._waiting[self._next] = early
        self._numbers.setdefault(_key(early.record), []).append(self._next)
        self._next += 1

    def has(self, record: Record) -> bool:
        """
        Whether the same conflict waits already: it may come twice.
        """
        if not isinstance(record, Conflict):
            return False
        waiting = (self._waiting[number].record for number in self._numbers.get(_key(record), ()))
        return any(isinstance(other, Conflict) and other.id == record.id for other in waiting)

    def pop(self, record: Record) -> list[EarlyRecord]:
        """
        All that wait for the session of a record, which wait no longer.
        """
        return [self._waiting.pop(number) for number in self._numbers.pop(_key(record), ())]

    def due(self, clock_ns: int) -> Iterator[EarlyRecord]:
        """
        Those that have waited for long enough, and what is too much; they wait no longer.
        """
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            if oldest.due_clock > clock_ns and len(self._waiting) <= EARLY_LIMIT:
                return
            yield from self.pop(oldest.record)

    def next_due(self) -> int | None:
        """
        The uptime before which nothing is due, None if nothing waits.
        """
        return next((early.due_clock for early in self._waiting.values()), None)

    def dump(self) -> list[EarlyRecord]:
        """
        The state for a checkpoint.
        """
        return list(self._waiting.values())

    def load(self, dump: list[EarlyRecord], relabel: Relabel = unchanged) -> None:
        """
        Go on from a checkpoint.
        """
        self._waiting.clear()
        self._numbers.clear()
        for early in dump:
            record = replace(early.record, place=early.record.place.relabelled(relabel))
            self._append(EarlyRecord(record, early.process, early.due_clock))


def begins_session(record: Record) -> bool:
    """
    Whether a record tells all of its session that the start does.
    """
    if record.place.pattern:
        return True
    if isinstance(record, Started):
        return record.what == Kind.SESSION
    return isinstance(record, Session) and not record.resumed


def _key(record: Record) -> SessionKey:
    return record.place.orchestrator, record.place.session
