"""
What is going on: one object per session, phase, task … that is open, with its span.

Ids travel in OpenTelemetry's baggage, the only source of them, so a span says what it is inside of in
this process as in the next one. Live objects (the task an output belongs to, the session whose gates
are counted) travel in the context and end at the process.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from time import perf_counter_ns
from typing import ClassVar, Final, TypedDict, TypeVar, Unpack

from opentelemetry import baggage
from opentelemetry.context import Context, attach, create_key, get_current, get_value, set_value
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode, set_span_in_context

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import Kind, Outcome
from droidscope.instrument.guard import quietly, warn_once
from droidscope.instrument.providers import Emitter, Labels

Values = dict[str, str | bool | int | float | tuple[str, ...]]

Place = tuple[object, object, object]
"""
Ids of the session, phase and task around: what tells contexts apart.
"""

SESSION_IDS: Final = (names.SESSION_ID, names.PATTERN_ID)
PHASE_IDS: Final = (*SESSION_IDS, names.PHASE_ID)
TASK_IDS: Final = (*PHASE_IDS, names.TASK_ID, names.TASK_TYPE, names.AGENT_NAME)

_CURRENT: Final = create_key("droidscope.activity")
NS: Final = 1_000_000_000


def ids(context: Context | None = None) -> dict[str, str]:
    """
    The ids that *context* (default: the current one) is inside of, by attribute name.
    """
    carried = baggage.get_all(context)
    return {name: str(carried[name]) for name in TASK_IDS if name in carried}


def current(context: Context | None = None) -> Activity | None:
    """
    The innermost activity of this process, None outside of any.

    A context received from elsewhere carries other ids than what happens to be open here.
    """
    activity = get_value(_CURRENT, context)
    if isinstance(activity, Activity) and activity.place == _place(baggage.get_all(context)):
        return activity
    return None


def _place(inside: Mapping[str, object]) -> Place:
    return inside.get(names.SESSION_ID), inside.get(names.PHASE_ID), inside.get(names.TASK_ID)


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


class Activity:
    """
    Something that is going on, from `begin` to `end`; without a provider, all it does is nothing.

    Each subclass is a row of docs/conventions.md#spans: `_describe` gives the span's name, the ids
    for what is inside, and its attributes; `_conclude` the attributes known only at the end.
    """

    kind: ClassVar[Kind]
    span_kind: ClassVar[SpanKind] = SpanKind.INTERNAL
    inherits: ClassVar[tuple[str, ...]] = TASK_IDS
    """
    The ids it is inside of. What is not inherited is hidden from what is inside it.
    """
    announced: ClassVar[bool] = False
    """
    Whether a log event says that it has begun.
    """

    __slots__ = (
        "__weakref__",
        "context",
        "emitter",
        "ended",
        "inside",
        "parent",
        "place",
        "previous",
        "recording",
        "span",
        "started_ns",
    )

    def __init__(self) -> None:
        self.emitter: Emitter | None = None
        self.span: Span = INVALID_SPAN
        self.recording = False
        self.ended = False
        self.parent: Activity | None = None
        self.inside: dict[str, str] = {}
        self.place: Place = (None, None, None)

    @quietly
    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        Start the span, and make it current unless *enter* is False (a generator's body runs in steps).
        """
        previous = get_current()
        self.parent = current(previous)
        around = ids(previous) if self.parent is None else self.parent.inside
        inherited = {name: around[name] for name in self.inherits if name in around}
        name, own, values = self._describe(inherited)
        self.inside = inherited | own
        self.place = _place(self.inside)
        start: Values = {names.KIND: self.kind.value, **self.inside, **values}
        span = emitter.tracer.start_span(name, previous, self.span_kind, start)
        context = set_value(_CURRENT, self, set_span_in_context(span, previous))
        for hidden in around.keys() - inherited.keys():
            context = baggage.remove_baggage(hidden, context)
        for key, value in own.items():
            context = baggage.set_baggage(key, value, context)
        self.context, self.previous = context, previous
        self.emitter, self.span = emitter, span
        self.recording = span.is_recording() and span.get_span_context().trace_flags.sampled
        self.started_ns = perf_counter_ns()
        if enter:
            attach(self.context)
        if self.announced and self.recording:
            emitter.event(names.STARTED_EVENT, start, self.context)

    @quietly
    def end(self, error: BaseException | None = None) -> None:
        """
        End the span, failed if *error* is given, and make current what was current before.

        A generator that is closed early has done its work.
        """
        if self.ended or self.emitter is None:
            return
        self.ended = True
        self._leave()
        if isinstance(error, GeneratorExit):
            error = None
        try:
            if self.recording:
                self._finish(self.emitter, error)
        finally:
            self.span.end()

    def _finish(self, emitter: Emitter, error: BaseException | None) -> None:
        values = self._conclude(error)
        if error is not None:
            self.span.record_exception(error)
            self.span.set_status(Status(StatusCode.ERROR, str(error)))
            values.setdefault(names.ERROR_TYPE, error_type(error))
        elif self._states_failure():
            self.span.set_status(Status(StatusCode.ERROR))
        if values:
            self.span.set_attributes(values)
        emitter.tally.add(names.CLIENT_RECORDS, _RECORDS[self.kind])

    def _leave(self) -> None:
        # Not by token: an exit may run in another context (a finaliser, a thread), where a token is an
        # error and where there is nothing to restore.
        innermost = get_value(_CURRENT)
        if innermost is self or any(each is self for each in _lineage(innermost)):
            attach(self.previous)

    def _describe(self, inherited: Mapping[str, str]) -> tuple[str, dict[str, str], Values]:
        raise NotImplementedError

    def _conclude(self, error: BaseException | None) -> Values:  # noqa: ARG002 - for those that care
        return {}

    def _states_failure(self) -> bool:
        return False

    def _elapsed_ns(self) -> int:
        return perf_counter_ns() - self.started_ns


_RECORDS: Final[dict[Kind, Labels]] = {kind: ((names.RECORD_KIND, kind.value),) for kind in Kind}

T = TypeVar("T", bound=Activity)


def _lineage(activity: object) -> Iterator[Activity]:
    while isinstance(activity, Activity):
        yield activity
        activity = activity.parent


def around(candidates: Collection[T]) -> T | None:
    """
    The innermost of *candidates* that the current context is inside of, None if it is in none.
    """
    open_ = {id(each): each for each in candidates}
    return next((open_[id(each)] for each in _lineage(get_value(_CURRENT)) if id(each) in open_), None)


def enclosing(activity: Activity | None, kind: type[T]) -> T | None:
    """
    The innermost *kind* at or around *activity*, None if there is none in this process.
    """
    return next((each for each in _lineage(activity) if isinstance(each, kind)), None)


class Ending(TypedDict, total=False):
    """
    What may be said with an explicit outcome: *error_type*, a short bounded word for a failure.
    """

    error_type: str


class Judged(Activity):
    """
    An activity whose outcome the user may state; stated, it wins over an exception.
    """

    outcome_name: ClassVar[str]
    outcomes: ClassVar[tuple[Outcome, ...]] = (Outcome.COMPLETED, Outcome.FAILED)

    __slots__ = ("_error_type", "_stated")

    def __init__(self) -> None:
        super().__init__()
        self._stated: Outcome | None = None
        self._error_type = ""

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

    def _decided(self, error: BaseException | None) -> Outcome:
        succeeded = self.outcomes[0]
        return self._stated or (succeeded if error is None else Outcome.FAILED)

    def _conclude(self, error: BaseException | None) -> Values:  # noqa: ARG002 - the outcome is what counts
        values: Values = {}
        if self._stated is not None:
            values[self.outcome_name] = self._stated.value
        if self._states_failure() and self._error_type:
            values[names.ERROR_TYPE] = self._error_type
        return values

    def _states_failure(self) -> bool:
        return self._stated is Outcome.FAILED
