"""
The object behind each open session, phase, task …: from `begin` to `end` it has a span.

These objects (the task an output belongs to, the session whose gates are counted) travel in the context
and never leave the process; ids go further (`baggage`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from time import perf_counter_ns
from types import MappingProxyType
from typing import ClassVar, Final, TypeVar

from opentelemetry.context import Context, attach, get_current, get_value
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import CONFLICT_RECORD, Outcome
from droidscope.instrument.baggage import (
    Baggage,
    current_baggage,
    ids,
    without,
)
from droidscope.instrument.checks.values import count_dropped, text, word
from droidscope.instrument.emission.forks import LINEAGE
from droidscope.instrument.emission.innermost import INNERMOST, context_inside, innermost, within
from droidscope.instrument.emission.texts import clean_text, clean_texts, clean_values
from droidscope.instrument.endings import error_texts
from droidscope.instrument.endings.endings import Ending, ending_of
from droidscope.instrument.never_raise import Shown, never_raise, warn_of_no_session, warn_once
from droidscope.instrument.providers import Emitter

Values = dict[str, str | bool | int | float | tuple[str, ...]]
Description = tuple[str, Mapping[str, str], Values]
"""
A span's name, the ids it adds for what is inside of it, and its attributes besides the ids.
"""


STATED: Final = "stated"
"""
`error.type` of what failed only by what was stated, without a word for it and without an exception.
"""
_NO_IDS: Final[Mapping[str, str]] = MappingProxyType({})
_EMPTY_CONTEXT: Final = Context()


def current(context: Context | None = None) -> InstrumentedSpan | None:
    """
    The innermost instrumented span that is open in this process, None outside of any.

    A context received from elsewhere has other ids than what happens to be open here: then it is None.
    """
    found = innermost(context)
    return found if isinstance(found, InstrumentedSpan) else None


class InstrumentedSpan:
    """
    A session, phase, task … from `begin` to `end`; without a provider it does nothing.

    Each subclass is a row of docs/conventions.md#spans: `_describe` returns what is known when it begins,
    `_conclude` the attributes that are known only when it ends.
    """

    kind: ClassVar[str]
    """
    Its `Kind`, as a string.
    """
    span_kind: ClassVar[SpanKind] = SpanKind.INTERNAL
    clears_ids: ClassVar[frozenset[str]] = frozenset()
    """
    The ids of what is around it that do not hold inside of it.
    """
    label: ClassVar[str] = "_id"
    """
    The attribute that tells it from others of its kind, for `repr`.
    """
    emits_started: ClassVar[bool] = False
    """
    Whether a log event reports that it has begun.
    """

    takes_result: ClassVar[bool] = False
    """
    Whether what a decorated function returns is of use to it.
    """
    takes_items: ClassVar[bool] = False
    """
    Whether what a decorated generator yields is of use to it.
    """

    emitter: Emitter | None = None
    """
    Where its span goes. None, like the empty values below, until `begin`; for ever without a provider.
    """
    span: Span = INVALID_SPAN
    recording: bool = False
    generation: int = 0
    """
    In which of the processes that were forked from one another it began.
    """
    ended: bool = False
    unreported_conflicts: int = 0
    """
    Conflicts that are only on its span, and counted when it ends: their log events are not enabled.
    """
    parent: InstrumentedSpan | None = None
    """
    The innermost instrumented span around it in this process.
    """
    inside: Mapping[str, str] = _NO_IDS
    """
    The ids for what is inside of it, by attribute name.
    """
    baggage: Baggage = _NO_IDS
    """
    All baggage inside of it.
    """
    context: Context = _EMPTY_CONTEXT
    """
    The context inside of it; *previous* is the one around it.
    """
    previous: Context = _EMPTY_CONTEXT
    started_ns: int = 0
    """
    Monotonic time at which it began.
    """

    def __repr__(self) -> str:
        value = getattr(self, self.label, None)
        name = f" {Shown(value)!r}" if value is not None else ""
        state = "ended" if self.ended else "not begun" if self.emitter is None else "open"
        return f"<droidscope {self.kind}{name}, {state}>"

    @never_raise
    def begin(self, emitter: Emitter, *, enter: bool = True) -> None:
        """
        Start the span, and make it current unless *enter* is False (a generator's body runs in steps).
        """
        self.previous = previous = get_current()
        arriving = current_baggage(previous)
        found = within(arriving, previous)
        self.parent = parent = found if isinstance(found, InstrumentedSpan) else None
        limit = emitter.texts.limit
        around = clean_texts(ids(arriving, emitter.service)) if parent is None else parent.inside
        self.inside = inside = without(self.clears_ids, around)
        name, own_ids, values = self._describe()
        if own_ids:
            own_ids = clean_texts(own_ids, limit)
            self.inside = inside = {**inside, **own_ids}
        start: Values = {names.KIND: self.kind, **inside, **clean_values(values, limit)}
        own = start.copy() if self.emits_started and emitter.keeps_values else start
        span_around = None if parent is None else parent.span
        span, shown = emitter.start(clean_text(name, limit), previous, span_around, self.span_kind, own)
        self.span = span
        ids_of_span = self._ids_of_span()
        if ids_of_span:
            own_ids = {**own_ids, **ids_of_span}
            self.inside = {**inside, **ids_of_span}
            for id_name, value in ids_of_span.items():
                span.set_attribute(id_name, value)
                start[id_name] = value
        self.baggage = arriving
        if own_ids:
            self.baggage = {**without(self.clears_ids, arriving), **self._propagated_ids(own_ids, emitter)}
        self.context = context = context_inside(previous, self, shown)
        self.recording = span.is_recording()
        self.generation = LINEAGE.generation
        self.emitter = emitter
        self.started_ns = perf_counter_ns()
        if enter:
            attach(context)
        if self.recording and names.SESSION_ID not in self.inside:
            warn_of_no_session(self.kind)
        if self.emits_started and self.recording:
            emitter.clean_event(names.STARTED_EVENT, start, context)

    @never_raise
    def end(self, error: BaseException | None = None) -> None:
        """
        End the span, as *error* says if one is given, and make current what was current before.

        In a forked child, what the parent has begun remains the parent's to end.
        """
        if self.ended or self.emitter is None:
            return
        self.ended = True
        self.leave()
        if self.generation != LINEAGE.generation:
            return
        try:
            if self.recording:
                self._finish(self.emitter, error)
        finally:
            self.span.end()
            if self.recording:
                self._count(self.emitter)
            # Else it would be in its own context: garbage that only the collector of cycles finds.
            self.context = self.previous

    def returned(self, result: object) -> None:
        """
        Take what its function has returned.
        """

    def yielded(self, item: object) -> None:
        """
        Take what its function, a generator, has yielded.
        """

    def enter(self) -> None:
        """
        Make it current again after `leave`, wherever that is now.
        """
        if self.emitter is not None:
            self.previous = get_current()
            attach(self.context)

    def leave(self) -> None:
        """
        Make current what was current before, if it or something inside of it is current here.
        """
        # Not by token: an exit may run in another context (a finaliser, a thread), where a token is an
        # error, and where there is nothing to restore.
        found = get_value(INNERMOST)
        if found is self or any(span is self for span in _ancestors(found)):
            attach(self.previous)

    def _finish(self, emitter: Emitter, error: BaseException | None) -> None:
        # The outcome first: whatever raises afterwards, what failed must not look like a success.
        ending = ending_of(error)
        for name, value in self._outcome_values(ending).items():
            self.span.set_attribute(name, value)
        if self._is_error(ending):
            self._mark_failed(emitter, self.span, error)
            self._add_exception(emitter, error)
        self._add_conclusion(emitter, ending)

    def _mark_failed(self, emitter: Emitter, span: Span, error: BaseException | None) -> None:
        text = error_texts.message(error, emitter.texts) if error is not None else None
        span.set_status(Status(StatusCode.ERROR, text))
        explicit = self._explicit_error_type()
        if explicit:
            span.set_attribute(names.ERROR_TYPE, explicit)
        elif error is not None:
            span.set_attribute(names.ERROR_TYPE, error_texts.error_type(error))
        else:
            span.set_attribute(names.ERROR_TYPE, STATED)

    @never_raise
    def _add_exception(self, emitter: Emitter, error: BaseException | None) -> None:
        if error is not None:
            self.span.add_event("exception", error_texts.exception_attributes(error, emitter.texts))

    @never_raise
    def _add_conclusion(self, emitter: Emitter, ending: Ending) -> None:
        for name, value in self._conclude(emitter, ending).items():
            self.span.set_attribute(name, value)  # for so few, `set_attributes` takes longer

    def _count(self, emitter: Emitter) -> None:
        # Only once it has ended: then whatever a metric point counts has ended before the point's time, by
        # which the exporter knows what should have arrived.
        emitter.count_record(self.kind, self.inside)
        for _ in range(self.unreported_conflicts):
            emitter.count_record(CONFLICT_RECORD, self.inside)

    def _describe(self) -> Description:
        raise NotImplementedError

    def _ids_of_span(self) -> Mapping[str, str]:
        """
        The ids it adds that are known only once its span is.
        """
        return _NO_IDS

    def _propagated_ids(self, own_ids: Mapping[str, str], emitter: Emitter) -> Mapping[str, str]:  # noqa: ARG002
        """
        What it adds to the baggage, inside of it and in other processes: its own ids.
        """
        return own_ids

    def _outcome_values(self, ending: Ending) -> Values:  # noqa: ARG002 - most have their status only
        """
        The attributes that say how it ended.
        """
        return {}

    def _conclude(self, emitter: Emitter, ending: Ending) -> Values:  # noqa: ARG002
        return {}

    def _is_error(self, ending: Ending) -> bool:
        return ending is Ending.FAILED

    def _is_over(self, call: str) -> bool:
        """
        Whether it has ended, and *call* on it comes too late: that is logged and counted.
        """
        if self.ended:
            count_dropped("ended")
            warn_once(f"ended:{self.kind}:{call}", "%s of a %s that has ended is dropped", call, self.kind)
        return self.ended

    def _explicit_error_type(self) -> str:
        return ""

    def _elapsed_ns(self) -> int:
        return perf_counter_ns() - self.started_ns


T = TypeVar("T", bound=InstrumentedSpan)


def _ancestors(span: object) -> Iterator[InstrumentedSpan]:
    """
    *span* itself, then what is around it, the innermost first; nothing if it is no instrumented span.
    """
    while isinstance(span, InstrumentedSpan):
        yield span
        span = span.parent


def around() -> Iterator[InstrumentedSpan]:
    """
    What is around the calling code in this process, the innermost first.
    """
    return _ancestors(current())


def innermost_of(candidates: Collection[T]) -> T | None:
    """
    The innermost of *candidates* that the current context is inside of, None if it is in none.
    """
    by_id = {id(candidate): candidate for candidate in candidates}
    return next((by_id[id(span)] for span in _ancestors(get_value(INNERMOST)) if id(span) in by_id), None)


def enclosing(span: InstrumentedSpan | None, kind: type[T]) -> T | None:
    """
    The innermost *kind* at or around *span*, None if there is none in this process.
    """
    return next((ancestor for ancestor in _ancestors(span) if isinstance(ancestor, kind)), None)


class WithOutcome(InstrumentedSpan):
    """
    A span whose outcome the user may give; an explicit outcome wins over an exception.
    """

    outcome_name: ClassVar[str]
    outcomes: ClassVar[tuple[Outcome, ...]] = (Outcome.COMPLETED, Outcome.FAILED, Outcome.CANCELLED)
    """
    The first is that of a block that ends by itself.
    """
    states_success: ClassVar[bool] = False
    """
    Whether its outcome is on its span also where its status says as much.
    """

    _explicit_outcome: Outcome | None = None
    _error_type = ""

    @never_raise
    def outcome(self, outcome: str, *, error_type: str = "") -> None:
        """
        Set how it ended, one of `outcomes`; another word is logged, counted and ignored.

        *error_type* is a short bounded word for a failure.
        """
        if self._is_over("outcome()"):
            return
        known = word(f"outcome of a {self.kind}", outcome, self.outcomes, is_needed=True)
        if known is None:
            return
        self._explicit_outcome = Outcome(known)
        self._error_type = text("outcome(error_type)", error_type) or ""

    def _final_outcome(self, ending: Ending) -> Outcome:
        if self._explicit_outcome is not None:
            return self._explicit_outcome
        if ending is Ending.CANCELLED:
            return Outcome.CANCELLED
        return Outcome.FAILED if ending is Ending.FAILED else self.outcomes[0]

    def _outcome_values(self, ending: Ending) -> Values:
        outcome = self._final_outcome(ending)
        is_stated = self.states_success or self._explicit_outcome is not None or outcome is Outcome.CANCELLED
        return {self.outcome_name: outcome.value} if is_stated else {}

    def _is_error(self, ending: Ending) -> bool:
        outcome = self._final_outcome(ending)
        return outcome is Outcome.FAILED or (ending is Ending.FAILED and outcome is not Outcome.CANCELLED)

    def _explicit_error_type(self) -> str:
        return self._error_type if self._explicit_outcome is Outcome.FAILED else ""
