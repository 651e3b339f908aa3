"""
What an orchestrator decorates and wraps its work with: each function makes a span for each call.

What it records within them is in `events`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial, wraps
from typing import ParamSpec, TypeVar, overload

from droidscope.instrument.checks.values import (
    SEVERITIES,
    Names,
    SeverityWord,
    duration,
    flag,
    identifier,
    text,
    texts,
    whole,
    word,
)
from droidscope.instrument.decorators import F, Operation
from droidscope.instrument.gates import GateSpan, SynthesisSpan
from droidscope.instrument.handles import (
    Attempt,
    Gate,
    ModelCall,
    Phase,
    Query,
    Session,
    Synthesis,
    Task,
    Tool,
)
from droidscope.instrument.messages import QuerySpan
from droidscope.instrument.model_calls.model_call import ModelCallSpan
from droidscope.instrument.sessions import PhaseSpan, SessionSpan
from droidscope.instrument.tasks import AttemptSpan, ToolSpan, task_of
from droidscope.instrument.user_attributes import Scalar

P = ParamSpec("P")
R = TypeVar("R")


def _showing(form: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """
    Adds the right *form* to the TypeError of a call that has too few arguments, as without parentheses.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def shown(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TypeError as error:
                if len(args) == 1 and callable(args[0]):
                    msg = f"{error}: write @droidscope.{form}"
                    raise TypeError(msg) from None
                raise

        return shown

    return decorate


def session(
    pattern: str,
    *,
    id: str | None = None,
    name: str | None = None,
    plan: Iterable[str] | None = None,
    planned: float | timedelta | None = None,
    resume: bool = False,
    attributes: Mapping[str, Scalar] | None = None,
) -> Operation[Session]:
    """
    One run of a pattern, from request to result.

    Args:
        pattern: Id of the pattern; a bounded set of words.

        id: Id of the session, unique for ever; by default a random one for each call.

        name: The pattern's name for people.

        plan: Ids of the phases it will go through, so that progress is known.

        planned: How long it should take, in seconds or as a timedelta.

        resume: Whether the session of this *id* goes on, which waited or had ended.

        attributes: Attributes of your own, at most 32: text, booleans and numbers. They never become labels.
    """
    given = Names("session", 'session("pattern")')
    make = partial(
        SessionSpan,
        given.required("pattern", pattern),
        identifier("session(id)", id),
        text("session(name)", name),
        texts("session(plan)", plan),
        duration("session(planned)", planned),
        flag("session(resume)", resume) or False,
        attributes,
    )
    return Operation(make, given)


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
    given = Names("phase", 'phase("id")')
    make = partial(
        PhaseSpan,
        given.required("id", id),
        text("phase(name)", name),
        texts("phase(depends_on)", depends_on) or (),
        duration("phase(planned)", planned),
    )
    return Operation(make, given)


def task(
    droid: str,
    type: str = "",
    *,
    id: str | None = None,
    delivery: int | str | None = None,
    max_deliveries: int | str | None = None,
    attributes: Mapping[str, Scalar] | None = None,
) -> Operation[Task]:
    """
    A piece of work for one droid, over all its attempts: put it outside of the retries.

    Args:
        droid: Name of the droid; a bounded set of words.

        type: Type of the task, also a bounded set.

        id: Id of the task, unique for ever; by default a random one for each call.

        delivery: Which delivery of the task by its queue this is, from 1. Each is an attempt, whatever
            process it is in; the task ends with the last one. Needs *id*, the same for all of them.

        max_deliveries: The number of the last delivery after failures; without it each failure is the last,
            unless it is an exception by which the queue is asked for another delivery.

        attributes: Attributes of your own, at most 32: text, booleans and numbers. They never become labels.
    """
    given = Names("task", 'task("droid", "type")')
    make = partial(
        task_of,
        given.required("droid", droid),
        given.optional("type", type),
        identifier("task(id)", id),
        delivery,
        max_deliveries,
        attributes,
    )
    return Operation(make, given)


@overload
def attempt(function: F, /) -> F: ...
@overload
def attempt(function: None = None, /, *, number: int | None = None) -> Operation[Attempt]: ...
def attempt(function: F | None = None, /, *, number: int | None = None) -> F | Operation[Attempt]:
    """
    One try at the task it is inside of: put it inside the retries. With and without parentheses.

    Args:
        function: What is tried, where used without parentheses.

        number: Which try it is, from 1; by default counted within the task. Needed only where the
            tries of one task run in several processes.
    """
    make = partial(AttemptSpan, whole("attempt(number)", number, least=1))
    operation: Operation[Attempt] = Operation(make, Names("attempt", "attempt"))
    return operation if function is None else operation(function)


def tool(name: str) -> Operation[Tool]:
    """
    A call of the tool *name*, by the droid whose task it is inside of.
    """
    given = Names("tool", 'tool("name")')
    return Operation(partial(ToolSpan, given.required("name", name)), given)


def model_call(model: str, *, provider: str | None = None) -> Operation[ModelCall]:
    """
    A call of a model, by the droid whose task it is inside of.

    The response that a decorated function returns says what was used, and so do the events that a decorated
    generator yields; in a block give them to `usage`.

    Args:
        model: Name of the model that is asked; a bounded set of words.

        provider: Who serves it, such as openai, anthropic, aws.bedrock.
    """
    given = Names("model_call", 'model_call("model")')
    make = partial(ModelCallSpan, given.required("model", model), text("model_call(provider)", provider))
    return Operation(make, given)


@_showing('ask("sender", "receiver")')
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
    unanswered after an exception; `rejected()` and `unanswered()` set another outcome.

    Args:
        sender: The droid that asks.

        receiver: The droid asked; None asks all.

        deadline: Seconds, or a timedelta, within which an answer is of use; by default 15 minutes.

        id: Id of the message; by default a random one for each call.

        correlation_id: What ties the messages of one conversation together.
    """
    given = Names("ask", 'ask("sender", "receiver")')
    make = partial(
        QuerySpan,
        given.required("sender", sender),
        given.optional("receiver", receiver) or None,
        duration("ask(deadline)", deadline),
        identifier("ask(id)", id),
        identifier("ask(correlation_id)", correlation_id),
    )
    return Operation(make, given)


def gate(
    id: str,
    *,
    category: str | None = None,
    severity: SeverityWord | None = None,
) -> Operation[Gate]:
    """
    A quality gate. It passes if its body ends without a verdict, and fails by an exception.

    What a decorated function returns is the verdict if it is True, False or a `Verdict`.

    Args:
        id: Id of the gate; a bounded set of words.

        category: Such as security, quality, testing.

        severity: critical, high, medium or low: how bad a failure is.
    """
    given = Names("gate", 'gate("id")')
    make = partial(
        GateSpan,
        given.required("id", id),
        text("gate(category)", category),
        word("gate(severity)", severity, SEVERITIES),
    )
    return Operation(make, given)


@overload
def synthesis(function: F, /) -> F: ...
@overload
def synthesis(function: None = None, /) -> Operation[Synthesis]: ...
def synthesis(function: F | None = None, /) -> F | Operation[Synthesis]:
    """
    The integration of a session's results; report the integration with `integrated`.

    Args:
        function: What integrates, where used without parentheses.
    """
    operation: Operation[Synthesis] = Operation(SynthesisSpan, Names("synthesis", "synthesis"))
    return operation if function is None else operation(function)
