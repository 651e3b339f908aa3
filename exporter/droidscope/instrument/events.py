"""
What an orchestrator records inside of a session: outputs, messages, conflicts, progress, blocked phases.
"""

from __future__ import annotations

from typing import Final, Literal, Unpack

from opentelemetry.context import get_current

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import MessageType, Outcome
from droidscope.instrument import providers
from droidscope.instrument.baggage import current_baggage, ids, new_id
from droidscope.instrument.checks.decorated import no_decorator
from droidscope.instrument.checks.values import (
    SEVERITIES,
    SeverityWord,
    count_dropped,
    flag,
    identifier,
    needed,
    refuse,
    text,
    word,
)
from droidscope.instrument.instrumented_span import current, enclosing
from droidscope.instrument.messages import Message
from droidscope.instrument.never_raise import never_raise, warn_of_no_session, warn_once
from droidscope.instrument.outputs import OutputFields, takes_output
from droidscope.instrument.pauses.period import Period
from droidscope.instrument.providers import Emitter
from droidscope.instrument.scores import Score
from droidscope.instrument.sessions import PhaseSpan
from droidscope.instrument.tasks import WithOutput

TOLD: Final = (MessageType.COORDINATION.value, MessageType.DISCOVERY.value, MessageType.RESPONSE.value)


@no_decorator
@never_raise
def tell(
    sender: str,
    receiver: str | None = None,
    type: Literal["coordination", "discovery", "response"] = "coordination",
    *,
    id: str | None = None,
    correlation_id: str | None = None,
    rejected: bool = False,
) -> None:
    """
    Record a message that expects no answer.

    Args:
        sender: The droid that sends it.

        receiver: The droid that gets it; None sends it to all.

        type: What kind of message it is.

        id: Id of the message; by default a random one.

        correlation_id: Of a response: the correlation id of the query.

        rejected: Whether the bus refused it.
    """
    emitter = providers.current()
    if emitter is None:
        return
    known_type = word("tell(type)", type, TOLD, is_needed=True)
    if known_type is None:
        return
    outcome = Outcome.REJECTED if flag("tell(rejected)", rejected) else Outcome.ACCEPTED
    message = Message(
        MessageType(known_type),
        needed("tell(sender)", sender),
        text("tell(receiver)", receiver),
        identifier("tell(id)", id),
        identifier("tell(correlation_id)", correlation_id),
        outcome,
    )
    message.begin(emitter, enter=False)
    message.end()


@takes_output
def output(**given: Unpack[OutputFields]) -> None:
    """
    Attach what a droid produced to the innermost task or attempt.

    Takes counts, scores on a declared scale, tokens and cost, and paths of tool reports:
    `droidscope.instrument.outputs.OutputFields` lists them all. Reports are read at once, on this thread.
    What cannot be read, or is out of range, is dropped with a warning and counted.
    """
    if _recording_emitter() is None:
        return
    producer = enclosing(current(), WithOutput)
    if producer is None:
        count_dropped("no_task")
        warn_once(
            "output",
            "output outside of a task is dropped: put it inside a droidscope.task; "
            "to a thread, droidscope.carry takes the task along",
        )
        return
    producer.output(**given)


@no_decorator
@never_raise
def conflict(type: str, *, severity: SeverityWord | None = None) -> None:
    """
    Record that results of droids are in conflict, at the place that detected it.

    Args:
        type: Such as api_contract, schema, dependency; a bounded set of words.

        severity: critical, high, medium or low.
    """
    emitter = _recording_emitter()
    if emitter is None:
        return
    kind = needed("conflict(type)", type)
    values = {names.CONFLICT_ID: new_id(), names.CONFLICT_TYPE: kind}
    known_severity = word("conflict(severity)", severity, SEVERITIES)
    if known_severity is not None:
        values[names.CONFLICT_SEVERITY] = known_severity
    detector, is_enabled = current(), emitter.is_enabled(names.CONFLICT_EVENT)
    if detector is not None and not detector.ended:
        detector.span.add_event(names.CONFLICT_EVENT, values)
        detector.unreported_conflicts += not is_enabled
    elif not is_enabled:
        return
    if is_enabled:
        inside = _ids_of("conflict", emitter)
        emitter.event(names.CONFLICT_EVENT, {**inside, **values}, get_current())
        emitter.count_record(names.CONFLICT_RECORD, inside)
    emitter.counters.add(names.CLIENT_CONFLICTS, {names.CONFLICT_TYPE: kind})


@no_decorator
@never_raise
def progress(ratio: float | Score | None = None) -> None:
    """
    Record progress of the session; *ratio* is how far it is, from 0 to 1 or on a declared scale.
    """
    emitter = _recording_emitter()
    if emitter is None:
        return
    values: dict[str, str | float] = {**_ids_of("progress", emitter)}
    if ratio is not None:
        points = (ratio if isinstance(ratio, Score) else Score(ratio, 1.0, "ratio")).points
        if points is not None:
            values[names.PROGRESS_RATIO] = points / 100
        else:
            refuse("progress(ratio)", ratio, "a number from 0 to 1", "out_of_range")
    emitter.event(names.PROGRESS_EVENT, values, get_current())


class BlockedPeriod(Period):
    """
    A reason why the current phase is blocked, until `unblocked` or the end of its `with` block.
    """

    __slots__ = ("_context", "_phase")
    function = "blocked"

    def __init__(self) -> None:
        self._context = get_current()
        self._phase = enclosing(current(), PhaseSpan)

    @never_raise
    def begin(self, reason: str) -> None:
        """
        Record that the phase is blocked, and why.
        """
        emitter = _recording_emitter()
        if emitter is None:
            return
        if self._phase is not None:
            self._phase.block(self)
        values = _ids_of("blocked", emitter)
        known_reason = text("blocked(reason)", reason)
        if known_reason:
            values[names.BLOCKED_REASON] = known_reason
        emitter.event(names.BLOCKED_EVENT, values, self._context)

    @never_raise
    def end(self) -> None:
        """
        Record that the phase goes on, unless something else still blocks it.
        """
        emitter = _recording_emitter()
        if emitter is not None and (self._phase is None or self._phase.unblock(self)):
            emitter.event(
                names.UNBLOCKED_EVENT, ids(current_baggage(self._context), emitter.service), self._context
            )


@no_decorator
def blocked(reason: str = "") -> BlockedPeriod:
    """
    Record that the current phase is blocked, from here to `unblocked()` or to the end of the `with` block.

    Blocked time counts as such, not as failure; reasons that overlap count once.
    """
    block = BlockedPeriod()
    block.begin(reason)
    return block


@never_raise
def unblocked() -> None:
    """
    Record that the current phase goes on, whatever blocked it.
    """
    emitter = _recording_emitter()
    if emitter is None:
        return
    phase = enclosing(current(), PhaseSpan)
    if phase is None or phase.unblock():
        emitter.event(names.UNBLOCKED_EVENT, ids(current_baggage(), emitter.service), get_current())


def _ids_of(event: str, emitter: Emitter) -> dict[str, str]:
    """
    The ids around; without a session among them, a warning that *event* is recorded for nothing.
    """
    around = ids(current_baggage(), emitter.service)
    if names.SESSION_ID not in around:
        warn_of_no_session(event)
    return around


def _recording_emitter() -> Emitter | None:
    """
    The emitter, None without one and inside of what is not recorded.
    """
    around = current()
    return providers.current() if around is None or around.recording or around.emitter is None else None
