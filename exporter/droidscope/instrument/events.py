"""
What an orchestrator says about the activity it is in: outputs, messages, conflicts, progress, blocking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack

from opentelemetry.context import get_current
from opentelemetry.trace import get_current_span

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import MessageType, Outcome
from droidscope.instrument import providers
from droidscope.instrument.baggage import carried, ids, new_id
from droidscope.instrument.instrumented_span import current, enclosing
from droidscope.instrument.messages import Message
from droidscope.instrument.never_raise import quietly, warn_once
from droidscope.instrument.outputs import OutputFields, drop
from droidscope.instrument.providers import Emitter
from droidscope.instrument.scores import Score
from droidscope.instrument.sessions import Phase
from droidscope.instrument.tasks import WithOutput

if TYPE_CHECKING:
    from types import TracebackType


@quietly
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
        sender: The droid that tells.

        receiver: The droid told; None tells all.

        type: What kind of message it is.

        id: Id of the message; by default a random one.

        correlation_id: Of a response: the correlation id of the query.

        rejected: Whether the bus refused it.
    """
    emitter = providers.current()
    if emitter is None:
        return
    if type not in {MessageType.COORDINATION, MessageType.DISCOVERY, MessageType.RESPONSE}:
        warn_once("tell:type", "tell(type) is %r; expected coordination, discovery or response", type)
        return
    outcome = Outcome.REJECTED if rejected else Outcome.ACCEPTED
    message = Message(MessageType(type), sender, receiver, id, correlation_id, outcome)
    message.begin(emitter, enter=False)
    message.end()


@quietly
def output(**given: Unpack[OutputFields]) -> None:
    """
    Attach what a droid produced to the innermost task or attempt.

    Takes counts, scores on a declared scale, tokens and cost, and paths of tool reports:
    `droidscope.instrument.outputs.Outputs` lists them all. Reports are read at once, on this thread.
    What cannot be read, or is out of range, is dropped with a warning and counted.
    """
    if providers.current() is None:
        return
    producer = enclosing(current(), WithOutput)
    if producer is None:
        warn_once("output", "output outside of a task is dropped: put it inside a droidscope.task")
        return
    producer.output(**given)


@quietly
def conflict(type: str, *, severity: str | None = None) -> None:
    """
    Record that results of droids are in conflict, where that was found.

    Args:
        type: Such as api_contract, schema, dependency; a bounded set of words.

        severity: critical, high, medium or low.
    """
    emitter = _audience()
    if emitter is None:
        return
    values = {names.CONFLICT_ID: new_id(), names.CONFLICT_TYPE: str(type)}
    if severity is not None:
        values[names.CONFLICT_SEVERITY] = str(severity)
    found_in, heard = current(), emitter.is_heard(names.CONFLICT_EVENT)
    if found_in is not None and not found_in.ended:
        found_in.span.add_event(names.CONFLICT_EVENT, values)
        found_in.untold_conflicts += not heard
    elif not heard:
        return
    if heard:
        inside = ids(carried(), emitter.service)
        emitter.event(names.CONFLICT_EVENT, {**inside, **values}, get_current())
        emitter.count_record(names.CONFLICT_RECORD, inside)
    emitter.counters.add(names.CLIENT_CONFLICTS, {names.CONFLICT_TYPE: str(type)})


@quietly
def progress(ratio: float | Score | None = None) -> None:
    """
    Say that the session moves; *ratio* says how far it is, from 0 to 1 or on a declared scale.
    """
    emitter = _audience()
    if emitter is None:
        return
    values: dict[str, str | float] = {**ids(carried(), emitter.service)}
    if ratio is not None:
        points = (ratio if isinstance(ratio, Score) else Score(ratio, 1.0, "ratio")).points
        if points is not None:
            values[names.PROGRESS_RATIO] = points / 100
        else:
            drop(emitter.counters, names.PROGRESS_RATIO, "out_of_range", ratio, "a number from 0 to 1")
    emitter.event(names.PROGRESS_EVENT, values, get_current())


class BlockedSpan:
    """
    A reason why the current phase is blocked, until `unblocked` or the end of its `with` block.
    """

    __slots__ = ("_context", "_phase")

    def __init__(self) -> None:
        self._context = get_current()
        self._phase = enclosing(current(), Phase)

    @quietly
    def begin(self, reason: str) -> None:
        """
        Say that the phase is blocked, and why.
        """
        emitter = _audience()
        if emitter is None:
            return
        if self._phase is not None:
            self._phase.block(self)
        values = ids(carried(), emitter.service)
        if reason:
            values[names.BLOCKED_REASON] = str(reason)
        emitter.event(names.BLOCKED_EVENT, values, self._context)

    @quietly
    def end(self) -> None:
        """
        Say that the phase goes on, unless something else blocks it still.
        """
        emitter = _audience()
        if emitter is not None and (self._phase is None or self._phase.unblock(self)):
            emitter.event(names.UNBLOCKED_EVENT, ids(carried(self._context), emitter.service), self._context)

    def __enter__(self) -> None:
        """
        It is blocked already.
        """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """
        It goes on, also after an exception.
        """
        self.end()

    async def __aenter__(self) -> None:
        """
        As `__enter__`.
        """

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """
        As `__exit__`.
        """
        self.end()


def blocked(reason: str = "") -> BlockedSpan:
    """
    Say that the current phase is blocked, from here to `unblocked()` or to the end of the `with` block.

    Blocked time counts as such, not as failure; reasons that overlap count once.
    """
    block = BlockedSpan()
    block.begin(reason)
    return block


@quietly
def unblocked() -> None:
    """
    Say that the current phase goes on, whatever blocked it.
    """
    emitter = _audience()
    if emitter is None:
        return
    phase = enclosing(current(), Phase)
    if phase is None or phase.unblock():
        emitter.event(names.UNBLOCKED_EVENT, ids(carried(), emitter.service), get_current())


def _audience() -> Emitter | None:
    """
    The emitter, None where nobody listens: without a provider, and inside of what is not sampled.
    """
    emitter = providers.current()
    if emitter is None:
        return None
    around = get_current_span().get_span_context()
    return emitter if not around.is_valid or around.trace_flags.sampled else None
