"""
The head: everything known now, in memory, made by the frames of the log and by nothing else.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from functools import cache
from itertools import repeat
from typing import Any, Final

import msgspec

from droidscope.assembly.foreign_sessions import ForeignSessions
from droidscope.assembly.foreign_settings import ForeignSettings
from droidscope.completeness.completeness import Completeness
from droidscope.conventions.attributes import Outcome
from droidscope.facts.history import HOURS
from droidscope.facts.windows import Windows
from droidscope.head.checkpoint_part import CheckpointPart
from droidscope.model.labels import relabeling
from droidscope.model.mapped_batch import MappedBatch
from droidscope.model.records import AnyRecord, Emitted, ProcessAlive
from droidscope.recording.early_records import EarlyRecords
from droidscope.recording.example_sessions import ExampleSessions
from droidscope.recording.metric_writer import MetricWriter
from droidscope.recording.pattern_names import PatternNames
from droidscope.recording.phase_baselines import PhaseBaselines
from droidscope.recording.security_findings import OpenSecurityFindings
from droidscope.recording.session_analysis import SessionAnalyses
from droidscope.recording.session_recorder import SessionRecorder
from droidscope.series.label_limits import SeriesLimits
from droidscope.series.series_registry import SeriesRegistry
from droidscope.sessions.open_lists import OpenLists
from droidscope.sessions.session_registry import SessionRegistry
from droidscope.sessions.settings import HeadSettings

VERSION: Final = 6
"""
Of the shape of a checkpoint: one of another version is not read, the log is replayed instead.
"""

LATER_PARTS: Final = frozenset({"open_lists", "early_records"})
"""
Parts that checkpoints of the first version lack: they are empty there.
"""


class Head:
    """
    Takes mapped requests in, and lets time pass.

    Not thread-safe: whoever reads it while another writes holds a lock of its own.
    """

    def __init__(self, settings: HeadSettings, limits: SeriesLimits, foreign: ForeignSettings) -> None:
        self.settings = settings
        self._limits = limits
        self._foreign_settings = foreign
        self.series = SeriesRegistry(limits)
        self.windows = Windows()
        self.history = Windows(HOURS)
        self.examples = ExampleSessions()
        self.names = PatternNames()
        self.baselines = PhaseBaselines(self.series, self.history)
        self.sessions = SessionRegistry(settings)
        self.open_lists = OpenLists(self.sessions)
        self.foreign = ForeignSessions(foreign)
        self.findings = OpenSecurityFindings()
        self._writer = MetricWriter(self.series, self.windows, self.history, self.examples)
        self.completeness = Completeness(settings, self._writer)
        self.analyses = SessionAnalyses(self._writer)
        self.early = EarlyRecords()
        self._session_recorder = SessionRecorder(
            settings, self._writer, self.sessions, self.findings, self.analyses, self.names, self.early
        )
        # By their names in checkpoints, which are those of the first version.
        self._parts: dict[str, CheckpointPart] = {
            "series": self.series,
            "windows": self.windows,
            "sessions": self.sessions,
            "foreign": self.foreign,
            "findings": self.findings,
            "completeness": self.completeness,
            "history": self.history,
            "exhibits": self.examples,
            "digests": self.analyses,
            "names": self.names,
            "open_lists": self.open_lists,
            "early_records": self.early,
        }

    def take(self, mapped: MappedBatch, clock_ns: int, wall_ns: int) -> None:
        """
        Take in what one request brought, after all that was due before it; what it pushes out
        counts with it.
        """
        self.advance(clock_ns, wall_ns)
        self._take_records(mapped.records, mapped.instances)
        for trace_id, span in mapped.native_spans:
            self.foreign.add_native_span(trace_id, span, clock_ns)
        for orchestrator, step in mapped.steps:
            self.foreign.add(step, orchestrator, clock_ns)
        self.advance(clock_ns, wall_ns)

    def _take_records(self, records: Iterable[AnyRecord], instances: Iterable[str | None]) -> None:
        """
        Take records in; *instances* are the instrumented processes that emitted them, None where
        none did.
        """
        for record, instance in zip(records, instances, strict=False):
            if isinstance(record, (Emitted, ProcessAlive)):
                self._take_report(record)
            elif self._session_recorder.take(record, instance or "") and instance is not None:
                self.completeness.stored(record, instance)
        self._session_recorder.post()

    def _take_report(self, report: Emitted | ProcessAlive) -> None:
        if isinstance(report, Emitted):
            self.completeness.emitted(report)
        else:
            self._take_sign_of_life(report)

    def _take_sign_of_life(self, alive: ProcessAlive) -> None:
        clock_ns = self._writer.clock_ns
        for session in self.open_lists.take(alive, clock_ns):
            self._session_recorder.endings.give_up(session, Outcome.UNKNOWN)
        for id_ in alive.sessions:
            for session in self.sessions.ids.all((alive.orchestrator, id_)):
                if session.trace_id:
                    self.foreign.keep(bytes.fromhex(session.trace_id), clock_ns)

    def next_due(self) -> int | None:
        """
        The uptime before which letting time pass changes nothing; None if it never does.
        """
        clocks = (self.sessions.next_due(), self.foreign.next_deadline(), self.early.next_due())
        return min((clock for clock in clocks if clock is not None), default=None)

    def advance(self, clock_ns: int, wall_ns: int) -> None:
        """
        Do all that is due by now: settle foreign sessions; close, mark as lost and forget the native ones.
        """
        self._writer.set_time(clock_ns, wall_ns)
        self.windows.advance(wall_ns)
        self.history.advance(wall_ns)
        self._take_records(self.foreign.settle(clock_ns), repeat(None))
        self._session_recorder.take_early()
        endings = self._session_recorder.endings
        for session in self.sessions.due(clock_ns):
            if session.close_clock is not None:
                endings.close(session)
            elif session.analysis_clock is not None:
                endings.analysis(session)
            elif session.running:
                endings.give_up(session, Outcome.LOST)
            else:
                endings.forget(session)
                continue
            self.sessions.schedule(session)

    def dump(self) -> bytes:
        """
        The head as bytes, for a checkpoint.
        """
        self._writer.forget()
        dumps = {name: part.dump() for name, part in self._parts.items()}
        return msgspec.msgpack.encode({"version": VERSION, **dumps})

    def load(self, data: bytes) -> None:
        """
        Go on from a checkpoint; one that cannot be read changes nothing.

        Raises:
            msgspec.ValidationError: If it is damaged, or of another version or shape.
        """
        dumps = self.decode(data)
        relabel = relabeling(dumps["series"].resource_labels, self._limits.resource_labels)
        loaded = Head(self.settings, self._limits, self._foreign_settings)
        for name, part in loaded._parts.items():
            try:
                part.load(dumps[name], relabel)
            except (KeyError, zlib.error, msgspec.MsgspecError) as error:
                msg = f"the checkpoint's {name} cannot be read: {error!r}"
                raise msgspec.ValidationError(msg) from error
        vars(self).update(vars(loaded))

    def decode(self, data: bytes) -> dict[str, Any]:
        """
        The dumps of the parts in a checkpoint, by name.

        Raises:
            msgspec.ValidationError: If it is of another version or shape.
        """
        decoder = _decoder(tuple((name, part.dump_type) for name, part in self._parts.items()))
        dumps = msgspec.structs.asdict(decoder.decode(data))
        if dumps["version"] != VERSION:
            msg = f"the checkpoint has version {dumps['version']}; expected {VERSION}"
            raise msgspec.ValidationError(msg)
        return dumps


@cache
def _decoder(parts: tuple[tuple[str, Any], ...]) -> msgspec.msgpack.Decoder[Any]:
    """
    Decodes a checkpoint of these parts, given as name and type; to make it takes milliseconds.
    """
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        (name, type_, msgspec.field(default_factory=list)) if name in LATER_PARTS else (name, type_)
        for name, type_ in (("version", int), *parts)
    ]
    return msgspec.msgpack.Decoder(msgspec.defstruct("Checkpoint", [*fields], kw_only=True))
