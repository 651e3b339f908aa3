"""
The words an orchestrator speaks: each makes an activity, or says something about the current one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar, Unpack, overload
from uuid import uuid4

from opentelemetry.context import get_current
from opentelemetry.trace import get_current_span

from droidscope.conventions import attributes as names
from droidscope.conventions.attributes import MessageType, Outcome
from droidscope.instrument import activity as activities
from droidscope.instrument import providers
from droidscope.instrument.decorators import Operation
from droidscope.instrument.guard import quietly, warn_once
from droidscope.instrument.kinds import (
    Attempt,
    Gate,
    Message,
    Phase,
    Producing,
    Query,
    Session,
    Synthesis,
    Task,
    Tool,
)
from droidscope.instrument.outputs import Outputs, drop
from droidscope.instrument.providers import Emitter
from droidscope.instrument.scores import Score

if TYPE_CHECKING:
    from types import TracebackType

P = ParamSpec("P")
R = TypeVar("R")


def session(
    pattern: str,
    *,
    id: str | None = None,
    name: str | None = None,
    plan: Iterable[str] | None = None,
    planned: float | timedelta | None = None,
) -> Operation[Session]:
    """
    One run of a pattern, from request to result.

    Args:
        pattern: Id of the pattern; a bounded set of words.

        id: Id of the session, unique for ever; by default a random one for each call.

        name: The pattern's name for people.

        plan: Ids of the phases it will go through, so that progress is known.

        planned: How long it should take, in seconds or as a timedelta.
    """
    return Operation(partial(Session, pattern, id, name, _kept(plan), planned))


def phase(
    id: str,
    *,
    name: str | None = None,
    depends_on: Iterable[str] = (),
    planned: float | timedelta | None = None,
) -> Operation[Phase]:
    """
    One phase of a session.

    Args:
        id: Id of the phase within its pattern.

        name: Its name for people.

        depends_on: Ids of the phases that had to end before.

        planned: How long it should take, in seconds or as a timedelta.
    """
    return Operation(partial(Phase, id, name, _kept(depends_on) or (), planned))


def task(droid: str, type: str = "", *, id: str | None = None) -> Operation[Task]:
    """
    A piece of work for one droid, over all its attempts: put it outside of the retries.

    Args:
        droid: Name of the droid; a bounded set of words.

        type: Type of the task, also a bounded set.

        id: Id of the task, unique for ever; by default a random one for each call.
    """
    return Operation(partial(Task, droid, type, id))


@overload
def attempt(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def attempt(function: None = None, /, *, number: int | None = None) -> Operation[Attempt]: ...
def attempt(
    function: Callable[P, R] | None = None, /, *, number: int | None = None
) -> Callable[P, R] | Operation[Attempt]:
    """
    One try at the task it is inside of: put it inside the retries. With and without parentheses.

    Args:
        function: What is tried, where used without parentheses.

        number: Which try it is, from 1; by default counted within the task. Needed only where the
            tries of one task run in several processes.
    """
    operation = Operation(partial(Attempt, number))
    return operation if function is None else operation(function)


def tool(name: str) -> Operation[Tool]:
    """
    A call of the tool *name*, by the droid whose task it is inside of.
    """
    return Operation(partial(Tool, name))


def ask(
    sender: str,
    receiver: str | None,
    *,
    deadline: float | timedelta | None = None,
    id: str | None = None,
    correlation_id: str | None = None,
) -> Operation[Query]:
    """
    A query from one droid to another that lasts until its answer, so that its duration is the response time.

    It counts as answered if the block ends by itself, as late if that was after the deadline, as
    unanswered after an exception; `rejected()` and `unanswered()` say otherwise.

    Args:
        sender: The droid that asks.

        receiver: The droid asked; None asks all.

        deadline: Seconds, or a timedelta, within which an answer is of use; by default 15 minutes.

        id: Id of the message; by default a random one for each call.

        correlation_id: What ties the messages of one conversation together.
    """
    return Operation(partial(Query, sender, receiver, deadline, id, correlation_id))


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


def gate(id: str, *, category: str | None = None, severity: str | None = None) -> Operation[Gate]:
    """
    A quality gate. It passes if its body ends without a verdict, and fails by an exception.

    Args:
        id: Id of the gate; a bounded set of words.

        category: Such as security, quality, testing.

        severity: critical, high, medium or low: how bad a failure is.
    """
    return Operation(partial(Gate, id, category, severity))


def synthesis() -> Operation[Synthesis]:
    """
    The integration of a session's results; report what came of it with `integrated`.
    """
    return Operation(Synthesis)


@quietly
def output(**given: Unpack[Outputs]) -> None:
    """
    Attach what a droid produced to the innermost task or attempt.

    Takes counts, scores on a declared scale, tokens and cost, and paths of tool reports:
    `droidscope.instrument.outputs.Outputs` lists them all. Reports are read at once, on this thread.
    What cannot be read, or is out of range, is dropped with a warning and counted.
    """
    if providers.current() is None:
        return
    producer = activities.enclosing(activities.current(), Producing)
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
    values = {names.CONFLICT_ID: uuid4().hex, names.CONFLICT_TYPE: str(type)}
    if severity is not None:
        values[names.CONFLICT_SEVERITY] = str(severity)
    found_in = activities.current()
    if found_in is not None and not found_in.ended:
        found_in.span.add_event(names.CONFLICT_EVENT, values)
    elif not emitter.is_heard(names.CONFLICT_EVENT):
        return
    emitter.event(names.CONFLICT_EVENT, {**activities.ids(), **values}, get_current())
    emitter.tally.add(names.CLIENT_RECORDS, ((names.RECORD_KIND, "conflict"),))
    emitter.tally.add(names.CLIENT_CONFLICTS, ((names.CONFLICT_TYPE, str(type)),))


@quietly
def progress(ratio: float | Score | None = None) -> None:
    """
    Say that the session moves; *ratio* says how far it is, from 0 to 1 or on a declared scale.
    """
    emitter = _audience()
    if emitter is None:
        return
    values: dict[str, str | float] = {**activities.ids()}
    if ratio is not None:
        points = (ratio if isinstance(ratio, Score) else Score(ratio, 1.0, "ratio")).points
        if points is not None:
            values[names.PROGRESS_RATIO] = points / 100
        else:
            drop(emitter.tally, names.PROGRESS_RATIO, "out_of_range", ratio, "a number from 0 to 1")
    emitter.event(names.PROGRESS_EVENT, values, get_current())


class Block:
    """
    A reason why the current phase is blocked, until `unblocked` or the end of its `with` block.
    """

    __slots__ = ("_context", "_phase")

    def __init__(self) -> None:
        self._context = get_current()
        self._phase = activities.enclosing(activities.current(), Phase)

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
        values = activities.ids()
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
            emitter.event(names.UNBLOCKED_EVENT, activities.ids(self._context), self._context)

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


def blocked(reason: str = "") -> Block:
    """
    Say that the current phase is blocked, from here to `unblocked()` or to the end of the `with` block.

    Blocked time counts as such, not as failure; reasons that overlap count once.
    """
    block = Block()
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
    phase = activities.enclosing(activities.current(), Phase)
    if phase is None or phase.unblock():
        emitter.event(names.UNBLOCKED_EVENT, activities.ids(), get_current())


def _audience() -> Emitter | None:
    """
    The emitter, None where nobody listens: without a provider, and inside of what is not sampled.
    """
    emitter = providers.current()
    if emitter is None:
        return None
    around = get_current_span().get_span_context()
    return emitter if not around.is_valid or around.trace_flags.sampled else None


def _kept(several: Iterable[str] | None) -> tuple[str, ...] | None:
    """
    *several* for use in more than one call.
    """
    if several is None:
        return None
    return (several,) if isinstance(several, str) else tuple(several)
