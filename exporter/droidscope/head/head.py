"""
The head: everything known now, in memory, made by the frames of the log and by nothing else.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import repeat

import msgspec
from msgspec import Struct

from droidscope.head.completeness import Completeness, CompletenessDump
from droidscope.head.digests import Digest, Digests
from droidscope.head.exhibits import ExhibitKey, Exhibits
from droidscope.head.findings import FindingsKey, OpenFindings, Report
from droidscope.head.foreign import ForeignDump, ForeignSessions, ForeignSettings
from droidscope.head.labels import SeriesLimits
from droidscope.head.ledger import Ledger
from droidscope.head.names import PatternKey, PatternNames
from droidscope.head.relabel import renamed_foreign, renamed_sessions, renaming
from droidscope.head.series import Series, SeriesDump
from droidscope.head.sessions import Sessions, SessionsDump
from droidscope.head.settings import HeadSettings
from droidscope.head.tally import Tally
from droidscope.head.usual import UsualTimes
from droidscope.kpi.history import HOURS
from droidscope.kpi.windows import Windows, WindowsDump
from droidscope.mapping.batch import Mapped
from droidscope.model.evidence import Exhibit
from droidscope.model.records import AnyRecord, Emitted

VERSION = 6
"""
Of the dump's shape: a checkpoint of another version is not read, the log is replayed instead.
"""


class HeadDump(Struct):
    """
    The whole head, for a checkpoint.
    """

    version: int
    series: SeriesDump
    windows: WindowsDump
    sessions: SessionsDump
    foreign: ForeignDump
    findings: list[tuple[FindingsKey, Report]]
    completeness: CompletenessDump
    history: WindowsDump
    exhibits: list[tuple[ExhibitKey, list[Exhibit]]]
    digests: list[Digest]
    names: list[tuple[PatternKey, str]]


class Head:
    """
    Takes mapped requests in, and lets time pass.

    Not thread-safe: whoever reads it while another writes holds a lock of its own.
    """

    def __init__(self, settings: HeadSettings, limits: SeriesLimits, foreign: ForeignSettings) -> None:
        self.settings = settings
        self._resource_labels = limits.resource_labels
        self.series = Series(limits)
        self.windows = Windows()
        self.history = Windows(HOURS)
        self.exhibits = Exhibits()
        self.names = PatternNames()
        self.usual = UsualTimes(self.series, self.history)
        self.sessions = Sessions(settings)
        self.foreign = ForeignSessions(foreign)
        self.findings = OpenFindings()
        self._ledger = Ledger(self.series, self.windows, self.history, self.exhibits)
        self.completeness = Completeness(settings, self._ledger)
        self.digests = Digests(self._ledger)
        self._tally = Tally(settings, self._ledger, self.sessions, self.findings, self.digests, self.names)

    def take(self, mapped: Mapped, clock_ns: int, wall_ns: int) -> None:
        """
        Take in what one request brought, after all that was due before it; what it pushes out
        counts with it.
        """
        self.advance(clock_ns, wall_ns)
        self._take_records(mapped.records, mapped.instances)
        for trace_id, own in mapped.own_spans:
            self.foreign.own(trace_id, own, clock_ns)
        for orchestrator, step in mapped.steps:
            self.foreign.add(step, orchestrator, clock_ns)
        self.advance(clock_ns, wall_ns)

    def _take_records(self, records: Iterable[AnyRecord], instances: Iterable[str | None]) -> None:
        """
        Take records in; *instances* are the processes that emitted them, None where no client of ours did.
        """
        for record, instance in zip(records, instances, strict=False):
            if isinstance(record, Emitted):
                self.completeness.emitted(record)
            elif self._tally.take(record) and instance is not None:
                self.completeness.stored(record, instance)
        self._tally.post()

    def next_due(self) -> int | None:
        """
        The uptime before which letting time pass changes nothing; None if it never does.
        """
        due = [
            clock for clock in (self.sessions.next_due(), self.foreign.next_deadline()) if clock is not None
        ]
        return min(due, default=None)

    def advance(self, clock_ns: int, wall_ns: int) -> None:
        """
        Do all that is due by now: settle foreign sessions, close, lose and forget our own.
        """
        self._ledger.at(clock_ns, wall_ns)
        self.windows.advance(wall_ns)
        self.history.advance(wall_ns)
        self._take_records(self.foreign.settle(clock_ns), repeat(None))
        for session in self.sessions.due(clock_ns):
            if session.close_clock is not None:
                self._tally.close(session)
            elif session.digest_clock is not None:
                self._tally.digest(session)
            elif session.running:
                self._tally.lose(session)
            else:
                self._tally.forget(session)
                continue
            self.sessions.schedule(session)

    def dump(self) -> bytes:
        """
        The head as bytes, for a checkpoint.
        """
        self._ledger.forget()
        return msgspec.msgpack.encode(
            HeadDump(
                VERSION,
                self.series.dump(),
                self.windows.dump(),
                self.sessions.dump(),
                self.foreign.dump(),
                self.findings.dump(),
                self.completeness.dump(),
                self.history.dump(),
                self.exhibits.dump(),
                self.digests.dump(),
                self.names.dump(),
            )
        )

    def load(self, data: bytes) -> None:
        """
        Go on from a checkpoint.

        Raises:
            msgspec.ValidationError: If it is of another version or shape.
        """
        dump = msgspec.msgpack.decode(data, type=HeadDump)
        if dump.version != VERSION:
            msg = f"the checkpoint has version {dump.version}; expected {VERSION}"
            raise msgspec.ValidationError(msg)
        try:
            windows, history = Windows.load(dump.windows), Windows.load(dump.history, HOURS)
        except (KeyError, zlib.error) as error:
            msg = f"the checkpoint's windows cannot be read: {error!r}"
            raise msgspec.ValidationError(msg) from error
        if dump.series.resource_labels != self._resource_labels:
            rename = renaming(dump.series.resource_labels, self._resource_labels)
            windows.rename(rename)
            history.rename(rename)
            dump.sessions = renamed_sessions(dump.sessions, rename)
            dump.foreign = renamed_foreign(dump.foreign, rename)
            dump.findings = [((rename(key[0]), *key[1:]), report) for key, report in dump.findings]
            dump.completeness.counts = [
                ((rename(key[0]), *key[1:]), count) for key, count in dump.completeness.counts
            ]
            dump.exhibits = [((rename(key[0]), *key[1:]), shown) for key, shown in dump.exhibits]
            dump.names = [((rename(key[0]), *key[1:]), name) for key, name in dump.names]
            dump.digests = [
                msgspec.structs.replace(digest, orchestrator=rename(digest.orchestrator))
                for digest in dump.digests
            ]
        self.windows = self._ledger.windows = windows
        self.history = self._ledger.history = history
        self.usual = UsualTimes(self.series, history)
        self._ledger.forget()
        self.series.load(dump.series)
        self.sessions.load(dump.sessions)
        self.foreign.load(dump.foreign)
        self.findings.load(dump.findings)
        self.completeness.load(dump.completeness)
        self.exhibits.load(dump.exhibits)
        self.digests.load(dump.digests)
        self.names.load(dump.names)
