"""
The recorder: where all that is counted goes, at the time at which it is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from droidscope.conventions.metrics import MetricSpec
from droidscope.facts.facts import LABELS, OF_HOURS, OF_HOURS_ALONE, Fact, Key
from droidscope.facts.sketch import COARSE, bucket
from droidscope.facts.windows import Windows
from droidscope.model.examples import ExampleKind, ExampleSession
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

    who: Labels
    key: Key
    by_minute: bool
    by_hour: bool


class Recorder:
    """
    Counts into *series*, adds to the minutes of *windows* and the hours of *history*, and shows
    *exhibits*.

    Everywhere, *who* is an orchestrator's label values, *labels* those of the spec or fact. `at`
    says what time it is for all that follows: *clock_ns* and *wall_ns*.
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
        self._admitted: dict[tuple[Labels, Key], _Admitted] = {}
        self._example_keys: dict[ExampleKey, ExampleKey] = {}
        self._expected: set[tuple[str, ...]] = set()
        self._record: Record | None = None
        self._exemplar: Exemplar | None = None

    def at(self, clock_ns: int, wall_ns: int) -> None:
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
        who: Labels,
        labels: Labels,
        record: Record | None = None,
        amount: float = 1,
    ) -> None:
        """
        Add to a counter; *record* is the event's example.
        """
        self._series.count(
            spec, who, labels, amount, clock_ns=self.clock_ns, exemplar=self._exemplar_of(record)
        )

    def count_own(self, spec: MetricSpec, labels: Labels, amount: int = 1) -> None:
        """
        Add to a counter of the exporter's own.
        """
        self._series.count(spec, (), labels, amount, clock_ns=self.clock_ns)

    def ensure(self, spec: MetricSpec, who: Labels, labels: Labels) -> None:
        """
        Expose a label set at 0 before its first event, and keep it from being idle.
        """
        self._series.ensure(spec, who, labels, clock_ns=self.clock_ns)

    def expects(self, who: Labels, *what: str) -> bool:
        """
        Whether the label sets of *what* are to be ensured: once at a clock, since to ensure them
        again would change nothing.
        """
        key = who + what
        if key in self._expected:
            return False
        self._expected.add(key)
        return True

    def observe(
        self, spec: MetricSpec, who: Labels, labels: Labels, value: float, record: Record | None = None
    ) -> None:
        """
        Add an observation, in the unit of *spec*; *record* is its example.
        """
        self._series.observe(
            spec, who, labels, value, clock_ns=self.clock_ns, exemplar=self._exemplar_of(record)
        )

    def observe_duration(self, spec: MetricSpec, labels: Labels, record: Record) -> None:
        """
        Add how long a record took.
        """
        self.observe(spec, record.place.orchestrator, labels, record.duration_ns / SECOND_NS, record)

    def fact(self, who: Labels, end_ns: int, key: Key, amount: int) -> None:
        """
        Add to the minute, the hour or both in which something ended; labels as the series have
        them, so that no value from outside is without a limit.
        """
        if not amount:
            return
        known = self._admitted.get((who, key))
        if known is None:
            known = self._admitted[who, key] = self._admit(who, key)
        of, admitted, by_minute, by_hour = known
        if by_minute:
            self.windows.add(of, end_ns, admitted, amount)
        if by_hour:
            self.history.add(of, end_ns, admitted, amount)

    def sketch(self, who: Labels, end_ns: int, key: Key, value: int, bits: int = COARSE) -> None:
        """
        Count a value by its bucket; *key* is the fact's without that.
        """
        self.fact(who, end_ns, (*key, str(bucket(value, bits))), 1)

    def show(
        self, session: SessionState, what: ExampleKind, labels: dict[str, str], weight: float, end_ns: int
    ) -> None:
        """
        Show a session as an example of something that ended then, or now if that lies ahead.
        """
        example = ExampleSession(session.id, session.trace_id, min(end_ns, self.wall_ns), float(weight))
        self._examples.show(self._example_key(session, what, labels), example, self.wall_ns)

    def hide(self, session: SessionState, what: ExampleKind, labels: dict[str, str]) -> None:
        """
        Have a session be no example of something any longer.
        """
        self._examples.hide(self._example_key(session, what, labels), session.id)

    def _example_key(self, session: SessionState, what: ExampleKind, labels: dict[str, str]) -> ExampleKey:
        said = (session.orchestrator, (what, *labels.values()))
        key = self._example_keys.get(said)
        if key is None:
            if len(self._example_keys) >= ADMITTED_LIMIT:
                self._example_keys.clear()
            who, values = self.admitted(session.orchestrator, tuple(labels), list(labels.values()))
            key = self._example_keys[said] = who, (what, *values)
        return key

    def _admit(self, who: Labels, key: Key) -> _Admitted:
        if len(self._admitted) >= ADMITTED_LIMIT:
            self._admitted.clear()
        fact, *labels = key
        who, admitted = self.admitted(who, LABELS[Fact(fact)], labels)
        return _Admitted(who, (fact, *admitted), fact not in OF_HOURS_ALONE, fact in OF_HOURS)

    def admitted(self, who: Labels, names: Labels, values: list[str]) -> tuple[Labels, Labels]:
        """
        An orchestrator's label values and *values* of the labels *names*, as the series have them.
        """
        return self._series.shown_orchestrator(who), tuple(
            self._series.label(who, name, value) if name in _LIMITED else value
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
        if record is None or not record.place.trace_id:
            return None
        if record is not self._record:
            self._record = record
            self._exemplar = Exemplar(record.place.trace_id, record.place.session, record.end_ns)
        return self._exemplar
