"""
The span around a generator of either kind: current while the generator runs, not while its consumer does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from opentelemetry.context import attach, detach, get_current

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

    from droidscope.instrument.instrumented_span import InstrumentedSpan

P = ParamSpec("P")
R = TypeVar("R")


def succeed(span: InstrumentedSpan, result: object) -> None:
    """
    End *span* around a function that returned *result*.
    """
    if span.takes_result:
        span.returned(result)
    span.end()


class _Steps:
    """
    The context of a generator's body: entered for each step and left between steps, since what runs
    between them is its consumer. What the body itself enters is kept for its next step.
    """

    __slots__ = ("_context", "_span", "_token")

    def __init__(self, span: InstrumentedSpan) -> None:
        self._span = span
        self._context = span.context if span.emitter is not None else None
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        if self._context is not None:
            self._token = attach(self._context)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            self._context = get_current()
            detach(self._token)
            self._token = None

    def yielded(self, item: object) -> None:
        if self._span.takes_items:
            self._span.yielded(item)


def in_span(generator: Generator[Any, Any, R], span: InstrumentedSpan) -> Generator[Any, Any, R]:
    """
    `yield from generator`, with each step of it inside *span*, which ends with it.
    """
    try:
        result = yield from _in_steps(generator, _Steps(span))
    except BaseException as error:
        span.end(error)
        raise
    succeed(span, result)
    return result


def _in_steps(generator: Generator[Any, Any, R], steps: _Steps) -> Generator[Any, Any, R]:
    resume: Callable[[], Any] = lambda: next(generator)  # noqa: E731 - one of three ways to go on
    while True:
        try:
            with steps:
                item = resume()
        except StopIteration as stop:
            return cast("R", stop.value)
        steps.yielded(item)
        try:
            sent = yield item
        except GeneratorExit:
            with steps:
                generator.close()
            raise
        except BaseException as error:  # noqa: BLE001 - it is handed on to the generator
            resume = _bound(generator.throw, error)
        else:
            resume = _bound(generator.send, sent)


def _bound(method: Callable[[Any], Any], value: object) -> Callable[[], Any]:
    return lambda: method(value)


def async_in_steps(
    function: Callable[P, AsyncGenerator[Any, Any]], begin: Callable[[], InstrumentedSpan]
) -> Callable[P, AsyncGenerator[Any, Any]]:
    """
    *function*, an asynchronous generator function, with each step inside the span that *begin* returns.
    """

    @wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **kwargs)
        span = begin()
        steps = _Steps(span)
        resume: Callable[[], Awaitable[Any]] = generator.__anext__
        try:
            while True:
                try:
                    with steps:
                        item = await resume()
                except StopAsyncIteration:
                    break
                steps.yielded(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    with steps:
                        await generator.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - it is handed on to the generator
                    resume = _bound(generator.athrow, error)
                else:
                    resume = _bound(generator.asend, sent)
        except BaseException as error:
            span.end(error)
            raise
        succeed(span, None)

    return wrapper


def async_in_span(generator: AsyncGenerator[Any, Any], span: InstrumentedSpan) -> AsyncGenerator[Any, Any]:
    """
    As `in_span`, for an asynchronous generator.
    """
    return async_in_steps(lambda: generator, lambda: span)()
