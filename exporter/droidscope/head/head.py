"""
The head: everything known now, in memory, made by the frames of the log and by nothing else.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import repeat

import msgspec
from msgspec import Struct

from droidscope.assembly.foreign_sessions import ForeignDump, ForeignSessions, ForeignSettings
from droidscope.completeness.completeness import Completeness, CompletenessDump
from droidscope.facts.history import HOURS
from droidscope.facts.windows import Windows, WindowsDump
from droidscope.head.relabeling import renamed_foreign, renamed_sessions, renaming
from droidscope.model.examples import ExampleSession
from droidscope.model.mapped_batch import MappedBatch
from droidscope.model.records import AnyRecord, Emitted
from droidscope.recording.example_sessions import ExampleKey, ExampleSessions
from droidscope.recording.pattern_names import PatternKey, PatternNames
from droidscope.recording.phase_baselines import PhaseBaselines
from droidscope.recording.recorder import Recorder
from droidscope.recording.security_findings import OpenSecurityFindings, SecurityReport, SecurityReportKey
from droidscope.recording.session_analysis import SessionAnalyses, SessionAnalysis
from droidscope.recording.session_recorder import SessionRecorder
from droidscope.series.label_limits import SeriesLimits
from droidscope.series.series_registry import SeriesRegistry, SeriesRegistryDump
from droidscope.sessions.session_registry import SessionRegistry, SessionRegistryDump
from droidscope.sessions.settings import HeadSettings

VERSION = 6
"""
Of the dump's shape: a checkpoint of another version is not read, the log is replayed instead.
"""


class HeadDump(Struct, rename={"examples": "exhibits", "analyses": "digests"}):
    """
    The whole head, for a checkpoint.
    """

    version: int
    series: SeriesRegistryDump
    windows: WindowsDump
    sessions: SessionRegistryDump
    foreign: ForeignDump
    findings: list[tuple[SecurityReportKey, SecurityReport]]
    completeness: CompletenessDump
    history: WindowsDump
    examples: list[tuple[ExampleKey, list[ExampleSession]]]
    analyses: list[SessionAnalysis]
    names: list[tuple[PatternKey, str]]


class Head:
    """
    Takes mapped requests in, and lets time pass.

    Not thread-safe: whoever reads it while another writes holds a lock of its own.
    """

    def __init__(self, settings: HeadSettings, limits: SeriesLimits, foreign: ForeignSettings) -> None:
        self.settings = settings
        self._resource_labels = limits.resource_labels
        self.series = SeriesRegistry(limits)
        self.windows = Windows()
        self.history = Windows(HOURS)
        self.examples = ExampleSessions()
        self.names = PatternNames()
        self.baselines = PhaseBaselines(self.series, self.history)
        self.sessions = SessionRegistry(settings)
        self.foreign = ForeignSessions(foreign)
        self.findings = OpenSecurityFindings()
        self._recorder = Recorder(self.series, self.windows, self.history, self.examples)
        self.completeness = Completeness(settings, self._recorder)
        self.analyses = SessionAnalyses(self._recorder)
        self._session_recorder = SessionRecorder(
            settings, self._recorder, self.sessions, self.findings, self.analyses, self.names
        )

    def take(self, mapped: MappedBatch, clock_ns: int, wall_ns: int) -> None:
        """
        Take in what one request brought, after all that was due before it; what it pushes out
        counts with it.
        """
        self.advance(clock_ns, wall_ns)
        self._take_records(mapped.records, mapped.instances)
        for trace_id, own in mapped.native_spans:
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
            elif self._session_recorder.take(record) and instance is not None:
                self.completeness.stored(record, instance)
        self._session_recorder.post()

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
        self._recorder.at(clock_ns, wall_ns)
        self.windows.advance(wall_ns)
        self.history.advance(wall_ns)
        self._take_records(self.foreign.settle(clock_ns), repeat(None))
        for session in self.sessions.due(clock_ns):
            if session.close_clock is not None:
                self._session_recorder.close(session)
            elif session.analysis_clock is not None:
                self._session_recorder.analysis(session)
            elif session.running:
                self._session_recorder.lose(session)
            else:
                self._session_recorder.forget(session)
                continue
            self.sessions.schedule(session)

    def dump(self) -> bytes:
        """
        The head as bytes, for a checkpoint.
        """
        self._recorder.forget()
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
                self.examples.dump(),
                self.analyses.dump(),
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
            dump.examples = [((rename(key[0]), *key[1:]), shown) for key, shown in dump.examples]
            dump.names = [((rename(key[0]), *key[1:]), name) for key, name in dump.names]
            dump.analyses = [
                msgspec.structs.replace(analysis, orchestrator=rename(analysis.orchestrator))
                for analysis in dump.analyses
            ]
        self.windows = self._recorder.windows = windows
        self.history = self._recorder.history = history
        self.baselines = PhaseBaselines(self.series, history)
        self._recorder.forget()
        self.series.load(dump.series)
        self.sessions.load(dump.sessions)
        self.foreign.load(dump.foreign)
        self.findings.load(dump.findings)
        self.completeness.load(dump.completeness)
        self.examples.load(dump.examples)
        self.analyses.load(dump.analyses)
        self.names.load(dump.names)
