"""
Decorator and context manager in one object, for functions, coroutines and generators of both kinds.

The object only knows how to make an instrumented span; each call and each block has one of its own, so it
may be shared by concurrent calls.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from functools import cached_property, partialmethod, wraps
from types import FrameType, coroutine
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from opentelemetry.context import attach, detach, get_current

from droidscope.conventions.attributes import Kind
from droidscope.instrument.checks.decorated import rebuilt
from droidscope.instrument.checks.retry_loops import may_keep_exceptions, warn_of_kept_exception
from droidscope.instrument.checks.values import Names
from droidscope.instrument.instrumented_span import InstrumentedSpan, innermost_of
from droidscope.instrument.providers import current

if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

    from opentelemetry.context import Context

A = TypeVar("A")
F = TypeVar(
    "F",
    bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any] | property"
    " | cached_property[Any] | partialmethod[Any]",
)
P = ParamSpec("P")
R = TypeVar("R")


class Operation(Generic[A]):
    """
    What `session`, `phase`, `task` … return: for `@`, for `with`, for `async with`.
    """

    __slots__ = ("_given", "_make", "_open")

    def __init__(self, make: Callable[[], A], given: Names | None = None) -> None:
        self._make = cast("Callable[[], InstrumentedSpan]", make)
        self._given = given
        self._open: list[InstrumentedSpan] = []

    def __repr__(self) -> str:
        name = self._given.function if self._given is not None else "operation"
        return f"<droidscope.{name}: a decorator, and a block of `with`>"

    def __call__(self, function: F, /) -> F:
        """
        *function*, with one span around each call; around each iteration for generators.

        It may be a classmethod, staticmethod or property, too.

        Raises:
            TypeError: If *function* is none, or a name that was given is no text.
        """
        if self._given is not None and self._given.fault is not None:
            raise TypeError(self._given.fault)
        if isinstance(function, Operation):
            msg = f"cannot decorate {function!r}: decorate a function, or write `with` for both"
            raise TypeError(msg)
        return cast("F", rebuilt(function, self._wrapped))

    def __enter__(self) -> A:
        """
        Begin a span, and return it.
        """
        span = self._make()
        self._open.append(span)
        emitter = current()
        if emitter is not None:
            span.begin(emitter)
        return cast("A", span)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """
        End; the exception goes on.
        """
        span = self._innermost()
        if span is not None:
            self._open.remove(span)
            if error is None and span.kind == Kind.ATTEMPT and may_keep_exceptions():
                warn_of_kept_exception(_block(), span.started_ns)
            span.end(error)

    async def __aenter__(self) -> A:
        """
        As `__enter__`; nothing is awaited.
        """
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """
        As `__exit__`; nothing is awaited.
        """
        self.__exit__(kind, error, traceback)

    def _wrapped(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return _wrapper_for(function)(function, self._make)

    def _innermost(self) -> InstrumentedSpan | None:
        """
        The span that the block which ends here began; of several open at once, the one around this call.
        """
        if len(self._open) > 1:
            innermost = innermost_of(self._open)
            if innermost is not None:
                return innermost
        return self._open[-1] if self._open else None


def _block() -> FrameType:
    """
    The code whose block ends here: outside of the methods of this module.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - documented, and in every Python this runs on
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _wrapper_for(function: Callable[..., Any]) -> Callable[..., Callable[..., Any]]:
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    for is_kind, wrapper in (
        (_is_generator_based_coroutine, _generator_based_coroutine),
        (inspect.iscoroutinefunction, _coroutine),
        (inspect.isasyncgenfunction, _async_generator),
        (inspect.isgeneratorfunction, _generator),
    ):
        if is_kind(function) or is_kind(called):
            return wrapper
    return _function


def _function(function: Callable[P, R], make: Callable[[], InstrumentedSpan]) -> Callable[P, R]:
    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        emitter = current()
        if emitter is None:
            return function(*args, **kwargs)
        span = make()
        span.begin(emitter)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            span.end(error)
            raise
        if inspect.iscoroutine(result):  # as of a lambda: most of the work is still to come
            span.leave()
            return cast("R", _continued(result, span))
        _succeed(span, result)
        return result

    return wrapper


def _succeed(span: InstrumentedSpan, result: object) -> None:
    if span.takes_result:
        span.returned(result)
    span.end()


async def _continued(rest: Coroutine[Any, Any, R], span: InstrumentedSpan) -> R:
    """
    The *rest* of what *span* is around; the span has begun with the call that made the coroutine.
    """
    span.enter()
    try:
        result = await rest
    except BaseException as error:
        span.end(error)
        raise
    _succeed(span, result)
    return result


def _coroutine(
    function: Callable[P, Awaitable[R]], make: Callable[[], InstrumentedSpan]
) -> Callable[P, Awaitable[R]]:
    @wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        emitter = current()
        if emitter is None:
            return await function(*args, **kwargs)
        span = make()
        span.begin(emitter)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            span.end(error)
            raise
        _succeed(span, result)
        return result

    return wrapper


class _GeneratorSteps:
    """
    The context of a generator's body: entered for each step and left between steps, since what runs
    between them is its consumer. What the body itself enters is kept for its next step.
    """

    __slots__ = ("_context", "_span", "_token")

    def __init__(self, make: Callable[[], InstrumentedSpan]) -> None:
        self._span = make()
        emitter = current()
        if emitter is not None:
            self._span.begin(emitter, enter=False)
        self._context = self._span.context if self._span.emitter is not None else None
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        if self._context is not None:
            self._token = attach(self._context)

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            self._context = get_current()
            detach(self._token)
            self._token = None

    def end(self, error: BaseException | None = None) -> None:
        self._span.end(error)

    def succeed(self, result: object) -> None:
        _succeed(self._span, result)


def _generator(
    function: Callable[P, Generator[Any, Any, R]], make: Callable[[], InstrumentedSpan]
) -> Callable[P, Generator[Any, Any, R]]:
    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Generator[Any, Any, R]:
        if current() is None:
            return (yield from function(*args, **kwargs))
        steps = _GeneratorSteps(make)
        try:
            result = yield from _in_steps(function(*args, **kwargs), steps)
        except BaseException as error:
            steps.end(error)
            raise
        steps.succeed(result)
        return result

    return wrapper


def _is_generator_based_coroutine(function: object) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_ITERABLE_COROUTINE)


def _generator_based_coroutine(
    function: Callable[P, Generator[Any, Any, R]], make: Callable[[], InstrumentedSpan]
) -> Callable[..., Any]:
    return coroutine(_generator(function, make))


def _in_steps(generator: Generator[Any, Any, R], steps: _GeneratorSteps) -> Generator[Any, Any, R]:
    """
    `yield from generator`, with each step of it inside *steps*.
    """
    resume: Callable[[], Any] = lambda: next(generator)  # noqa: E731 - one of three ways to go on
    while True:
        try:
            with steps:
                item = resume()
        except StopIteration as stop:
            return cast("R", stop.value)
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


def _async_generator(
    function: Callable[P, AsyncGenerator[Any, Any]], make: Callable[[], InstrumentedSpan]
) -> Callable[P, AsyncGenerator[Any, Any]]:
    @wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Any, Any]:
        generator = function(*args, **kwargs)
        steps = _GeneratorSteps(make)
        resume: Callable[[], Awaitable[Any]] = generator.__anext__
        try:
            while True:
                try:
                    with steps:
                        item = await resume()
                except StopAsyncIteration:
                    break
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
            steps.end(error)
            raise
        steps.end()

    return wrapper
