"""
The writer: writes counts, observations, facts and examples to where they are kept, at one time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from msgspec import structs

from droidscope.conventions.metrics import MetricSpec
from droidscope.facts.fact_key import FactKey, Kept
from droidscope.facts.windows import Windows
from droidscope.model.examples import ExampleKind, ExampleSession
from droidscope.model.labels import OrchestratorLabels
from droidscope.model.records import Record
from droidscope.recording.example_sessions import ExampleKey, ExampleSessions
from droidscope.series.cells import Exemplar
from droidscope.series.series_registry import SeriesRegistry
from droidscope.sessions.session_state import SessionState
from droidscope.units import SECOND_NS

Labels = tuple[str, ...]

ADMITTED_LIMIT: Final = 50_000
"""
Keys of facts of which the admitted labels are known.
"""
_LIMITED: Final = frozenset(
    {"pattern", "phase", "droid", "task_type", "sender", "message_type", "reason", "rule"}
)


class _Admitted(NamedTuple):
    """
    A fact's orchestrator and key as the series have them, and which windows it belongs to.
    """

    orchestrator: OrchestratorLabels
    key: FactKey
    by_minute: bool
    by_hour: bool


class MetricWriter:
    """
    Counts into *series*, adds facts to the minutes of *windows* and the hours of *history*, and keeps
    *examples*.

    Everywhere, *orchestrator* is an orchestrator's label values, *labels* those of the spec. `set_time`
    sets the time of all that follows: *clock_ns* and *wall_ns*.
    """

    def __init__(
        self, series: SeriesRegistry, windows: Windows, history: Windows, examples: ExampleSessions
    ) -> None:
        self.windows = windows
        self.history = history
        self._examples = examples
        self.clock_ns = 0
        self.wall_ns = 0
        self._series = series
        self._admitted: dict[tuple[OrchestratorLabels, FactKey], _Admitted] = {}
        self._example_keys: dict[ExampleKey, ExampleKey] = {}
        self._expected: set[tuple[str, ...]] = set()
        self._record: Record | None = None
        self._exemplar: Exemplar | None = None

    def set_time(self, clock_ns: int, wall_ns: int) -> None:
        """
        Set the time: the exporter's uptime and Unix time, in nanoseconds.
        """
        if clock_ns != self.clock_ns:
            self._expected.clear()
        self.clock_ns = clock_ns
        self.wall_ns = wall_ns

    def count(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: Labels,
        record: Record | None = None,
        amount: float = 1,
    ) -> None:
        """
        Add to a counter; *record* is the event's example.
        """
        exemplar = self._exemplar if record is self._record else self._exemplar_of(record)
        self._series.count(spec, orchestrator, labels, amount, clock_ns=self.clock_ns, exemplar=exemplar)

    def count_own(self, spec: MetricSpec, labels: Labels, amount: int = 1) -> None:
        """
        Add to a counter of the exporter's own.
        """
        self._series.count(spec, (), labels, amount, clock_ns=self.clock_ns)

    def ensure(self, spec: MetricSpec, orchestrator: OrchestratorLabels, labels: Labels) -> None:
        """
        Expose a label set at 0 before its first event, and keep it from being idle.
        """
        self._series.ensure(spec, orchestrator, labels, clock_ns=self.clock_ns)

    def expects(self, orchestrator: OrchestratorLabels, *what: str) -> bool:
        """
        Whether the label sets of *what* are to be ensured: once at a clock, since to ensure them
        again would change nothing.
        """
        key = orchestrator + what
        if key in self._expected:
            return False
        self._expected.add(key)
        return True

    def observe(
        self,
        spec: MetricSpec,
        orchestrator: OrchestratorLabels,
        labels: Labels,
        value: float,
        record: Record | None = None,
    ) -> None:
        """
        Add an observation, in the unit of *spec*; *record* is its example.
        """
        exemplar = self._exemplar if record is self._record else self._exemplar_of(record)
        self._series.observe(spec, orchestrator, labels, value, clock_ns=self.clock_ns, exemplar=exemplar)

    def observe_duration(self, spec: MetricSpec, labels: Labels, record: Record) -> None:
        """
        Add how long a record took.
        """
        self.observe(spec, record.place.orchestrator, labels, record.duration_ns / SECOND_NS, record)

    def add_fact(self, orchestrator: OrchestratorLabels, end_ns: int, key: FactKey, amount: int) -> None:
        """
        Add to the minute, the hour or both in which something ended; labels as the series have
        them, so that no value from outside is without a limit.
        """
        if not amount:
            return
        admitted = self._admitted.get((orchestrator, key))
        if admitted is None:
            admitted = self._admitted[orchestrator, key] = self._admit(orchestrator, key)
        shown, shown_key, by_minute, by_hour = admitted
        if by_minute:
            self.windows.add(shown, end_ns, shown_key, amount)
        if by_hour:
            self.history.add(shown, end_ns, shown_key, amount)

    def add_example(
        self, session: SessionState, kind: ExampleKind, labels: dict[str, str], weight: float, end_ns: int
    ) -> None:
        """
        Keep a session as an example of something that ended then, or now if that lies ahead.
        """
        example = ExampleSession(session.id, session.trace_id, min(end_ns, self.wall_ns), float(weight))
        self._examples.add(self._example_key(session, kind, labels), example, self.wall_ns)

    def remove_example(self, session: SessionState, kind: ExampleKind, labels: dict[str, str]) -> None:
        """
        Keep a session as an example of something no longer.
        """
        self._examples.remove(self._example_key(session, kind, labels), session.id)

    def _example_key(self, session: SessionState, kind: ExampleKind, labels: dict[str, str]) -> ExampleKey:
        given = (session.orchestrator, (kind, *labels.values()))
        key = self._example_keys.get(given)
        if key is None:
            if len(self._example_keys) >= ADMITTED_LIMIT:
                self._example_keys.clear()
            orchestrator, values = self.admitted(session.orchestrator, tuple(labels), tuple(labels.values()))
            key = self._example_keys[given] = orchestrator, (kind, *values)
        return key

    def _admit(self, orchestrator: OrchestratorLabels, key: FactKey) -> _Admitted:
        if len(self._admitted) >= ADMITTED_LIMIT:
            self._admitted.clear()
        names = key.__struct_fields__
        shown, labels = self.admitted(orchestrator, names, structs.astuple(key))
        return _Admitted(
            shown,
            structs.replace(key, **dict(zip(names, labels, strict=True))),
            by_minute=Kept.BY_MINUTE in key.kept,
            by_hour=Kept.BY_HOUR in key.kept,
        )

    def admitted(
        self, orchestrator: OrchestratorLabels, names: Labels, values: Sequence[str]
    ) -> tuple[OrchestratorLabels, Labels]:
        """
        An orchestrator's label values and *values* of the labels *names*, as the series have them.
        """
        return self._series.shown_orchestrator(orchestrator), tuple(
            self._series.label(orchestrator, name, value) if name in _LIMITED else value
            for name, value in zip(names, values, strict=True)
        )

    def forget(self) -> None:
        """
        Forget which labels were admitted and which label sets expected: as it will be after a
        restart from the checkpoint that is being made, so that both go on alike.
        """
        self._admitted.clear()
        self._example_keys.clear()
        self._expected.clear()

    def _exemplar_of(self, record: Record | None) -> Exemplar | None:
        """
        One exemplar serves all that a record counts.
        """
        if record is None:
            return None
        place = record.place
        self._record = record
        self._exemplar = Exemplar(place.trace_id, place.session, record.end_ns) if place.trace_id else None
        return self._exemplar
