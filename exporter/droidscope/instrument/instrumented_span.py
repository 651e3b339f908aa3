"""
What is going on: one object per session, phase, task … that is open, with its span.

Live objects (the task an output belongs to, the session whose gates are counted) travel in the context
and end at the process; ids go further (`place`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from time import perf_counter_ns
from typing import ClassVar, Final, TypedDict, TypeVar, Unpack

from opentelemetry.context import Context, attach, create_key, get_current, get_value, set_value
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode, set_span_in_context

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import CONFLICT_RECORD, Outcome
from droidscope.instrument.baggage import Baggage, carried, carrying, ids, is_same_place, without
from droidscope.instrument.never_raise import quietly, warn_once
from droidscope.instrument.providers import Emitter

Values = dict[str, str | bool | int | float | tuple[str, ...]]
Description = tuple[str, dict[str, str], Values]
"""
A span's name, the ids it adds for what is inside of it, and its attributes besides the ids.
"""


_CURRENT: Final = create_key("droidscope.activity")


def current(context: Context | None = None) -> InstrumentedSpan | None:
    """
    The innermost activity of this process, None outside of any.

    A context received from elsewhere carries other ids than what happens to be open here.
    """
    activity = get_value(_CURRENT, context)
    if isinstance(activity, InstrumentedSpan) and is_same_place(activity.carried, carried(context)):
        return activity
    return None


def seconds(value: float | timedelta | None, name: str) -> float | None:
    """
    *value* in seconds; None where it is None, or no finite number from 0 (logged under *name*).
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if number is None:
        return None
    if isinstance(number, int | float) and math.isfinite(number) and number >= 0:
        return float(number)
    warn_once(name, "%s is %r; it must be seconds from 0, or a timedelta", name, value)
    return None


def error_type(error: BaseException) -> str:
    """
    The class of *error* for `error.type`, qualified unless everybody knows where it lives.
    """
    kind = type(error)
    familiar = kind.__module__ in {"builtins", "asyncio.exceptions"}
    return kind.__qualname__ if familiar else f"{kind.__module__}.{kind.__qualname__}"


class InstrumentedSpan:
    """
    Something that is going on, from `begin` to `end`; without a provider, all it does is nothing.

    Each subclass is a row of docs/conventions.md#spans: `_describe` says what is known when it begins,
    `_conclude` the attributes known only when it ends.
    """

    kind: ClassVar[str]
    """
    Its `Kind`, as text.
    """
    span_kind: ClassVar[SpanKind] = SpanKind.INTERNAL
    hides: ClassVar[frozenset[str]] = frozenset()
    """
    The ids around it that are not those of what is inside of it.
    """
    announced: ClassVar[bool] = False
    """
    Whether a log event says that it has begun.
    """

    emitter: Emitter | None = None
    """
    Where its span goes; None until it has begun, and for ever without a provider. What follows without
    a value is there from then on.
    """
    span: Span = INVALID_SPAN
    recording: bool = False
    ended: bool = False
    untold_conflicts: int = 0
    """
    Conflicts of which only its span tells, when it ends: nobody takes their log events.
    """
    parent: InstrumentedSpan | None
    inside: Mapping[str, str]
    """
    The ids for what is inside of it, by attribute name.
    """
    carried: Baggage
    """
    All baggage inside of it.
    """
    context: Context
    previous: Context
    started_ns: int

    @quietly
    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        Start the span, and make it current unless *enter* is False (a generator's body runs in steps).
        """
        self.previous = previous = get_current()
        self.parent = current(previous)
        arriving = carried(previous)
        around = ids(arriving, emitter.service) if self.parent is None else self.parent.inside
        self.inside = without(self.hides, around)
        name, own, values = self._describe()
        self.inside = {**self.inside, **own}
        start: Values = {names.KIND: self.kind, **self.inside, **values}
        self.span = span = emitter.tracer.start_span(name, previous, self.span_kind, start)
        self.context = context = set_value(_CURRENT, self, set_span_in_context(span, previous))
        self.carried = arriving
        if own:
            self.carried = {**without(self.hides, arriving), **self._passed_on(own, emitter)}
            self.context = context = carrying(self.carried, context)
        self.recording = span.is_recording() and span.get_span_context().trace_flags.sampled
        self.emitter = emitter
        self.started_ns = perf_counter_ns()
        if enter:
            attach(context)
        if self.announced and self.recording:
            emitter.event(names.STARTED_EVENT, start, context)

    @quietly
    def end(self, error: BaseException | None = None) -> None:
        """
        End the span, failed if *error* is given, and make current what was current before.

        A generator that is closed early has done its work.
        """
        if self.ended or self.emitter is None:
            return
        self.ended = True
        self.leave()
        if isinstance(error, GeneratorExit):
            error = None
        try:
            if self.recording:
                self._finish(self.emitter, error)
        finally:
            self.span.end()
            if self.recording:
                self._count(self.emitter)
            # Else it would be in its own context: garbage that only the collector of cycles finds.
            self.context = self.previous

    def enter(self) -> None:
        """
        Make it current again after `leave`, wherever that is now.
        """
        if self.emitter is not None:
            self.previous = get_current()
            attach(self.context)

    def leave(self) -> None:
        """
        Make current what was current before; nothing, where neither it nor what is inside of it is.
        """
        # Not by token: an exit may run in another context (a finaliser, a thread), where a token is an
        # error and where there is nothing to restore.
        innermost = get_value(_CURRENT)
        if innermost is self or any(each is self for each in _lineage(innermost)):
            attach(self.previous)

    def _finish(self, emitter: Emitter, error: BaseException | None) -> None:
        values = self._conclude(emitter, error)
        if error is not None:
            self.span.record_exception(error)
            self.span.set_status(Status(StatusCode.ERROR, str(error)))
            values.setdefault(names.ERROR_TYPE, error_type(error))
        elif self._states_failure():
            self.span.set_status(Status(StatusCode.ERROR))
        for name, value in values.items():  # for so few, `set_attributes` takes longer
            self.span.set_attribute(name, value)

    def _count(self, emitter: Emitter) -> None:
        # Only once it has ended: what a point counts has then ended before the point's time, by which
        # the exporter tells what should have arrived.
        emitter.count_record(self.kind, self.inside)
        for _ in range(self.untold_conflicts):
            emitter.count_record(CONFLICT_RECORD, self.inside)

    def _describe(self) -> Description:
        raise NotImplementedError

    def _passed_on(self, own: dict[str, str], emitter: Emitter) -> Mapping[str, str]:  # noqa: ARG002
        """
        What baggage tells of it, inside and in other processes: its *own* ids.
        """
        return own

    def _conclude(self, emitter: Emitter, error: BaseException | None) -> Values:  # noqa: ARG002
        return {}

    def _states_failure(self) -> bool:
        return False

    def _elapsed_ns(self) -> int:
        return perf_counter_ns() - self.started_ns


T = TypeVar("T", bound=InstrumentedSpan)


def _lineage(activity: object) -> Iterator[InstrumentedSpan]:
    while isinstance(activity, InstrumentedSpan):
        yield activity
        activity = activity.parent


def around(candidates: Collection[T]) -> T | None:
    """
    The innermost of *candidates* that the current context is inside of, None if it is in none.
    """
    open_ = {id(each): each for each in candidates}
    return next((open_[id(each)] for each in _lineage(get_value(_CURRENT)) if id(each) in open_), None)


def enclosing(activity: InstrumentedSpan | None, kind: type[T]) -> T | None:
    """
    The innermost *kind* at or around *activity*, None if there is none in this process.
    """
    return next((each for each in _lineage(activity) if isinstance(each, kind)), None)


class Ending(TypedDict, total=False):
    """
    What may be said with an explicit outcome: *error_type*, a short bounded word for a failure.
    """

    error_type: str


class WithOutcome(InstrumentedSpan):
    """
    An activity whose outcome the user may state; stated, it wins over an exception.
    """

    outcome_name: ClassVar[str]
    outcomes: ClassVar[tuple[Outcome, ...]] = (Outcome.COMPLETED, Outcome.FAILED)

    _stated: Outcome | None = None
    _error_type = ""

    @quietly
    def outcome(self, outcome: str, **ending: Unpack[Ending]) -> None:
        """
        State how it ended; an unknown word is logged and ignored.
        """
        if outcome not in self.outcomes:
            expected = ", ".join(self.outcomes)
            warn_once(
                f"{self.kind}:outcome", "outcome of a %s is %r; expected %s", self.kind, outcome, expected
            )
            return
        self._stated = Outcome(outcome)
        self._error_type = ending.get("error_type", "")

    def _decided(self, error: BaseException | None) -> str:
        succeeded = self.outcomes[0]
        return (self._stated or (succeeded if error is None else Outcome.FAILED)).value

    def _conclude(self, emitter: Emitter, error: BaseException | None) -> Values:  # noqa: ARG002
        if self._stated is None:
            return {}
        values: Values = {self.outcome_name: self._stated.value}
        if self._states_failure() and self._error_type:
            values[names.ERROR_TYPE] = self._error_type
        return values

    def _states_failure(self) -> bool:
        return self._stated is Outcome.FAILED
