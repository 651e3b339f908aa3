"""
Each kind of function, with a span around each of its calls.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import wraps
from types import coroutine
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from droidscope.instrument.providers import current
from droidscope.instrument.wrapping.managers import (
    async_manager,
    is_async_manager_function,
    is_manager_function,
    manager,
)
from droidscope.instrument.wrapping.results import ended_with
from droidscope.instrument.wrapping.steps import async_in_steps, in_span

if TYPE_CHECKING:
    from droidscope.instrument.instrumented_span import InstrumentedSpan

P = ParamSpec("P")
R = TypeVar("R")
Make = Callable[[], "InstrumentedSpan"]


def wrapped(function: Callable[..., Any], make: Make) -> Callable[..., Any]:
    """
    *function*, with a span that *make* makes around each call, around each iteration for generators, and
    around each block for context managers.
    """
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    for is_kind, wrapper in _KINDS:
        if is_kind(function) or is_kind(called):
            return wrapper(function, make)
    return _function(function, make)


def _function(function: Callable[P, R], make: Make) -> Callable[P, R]:
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
        return ended_with(result, span)

    return wrapper


def _coroutine(function: Callable[P, Awaitable[R]], make: Make) -> Callable[P, Awaitable[R]]:
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
        return ended_with(result, span)

    return wrapper


def _generator(
    function: Callable[P, Generator[Any, Any, R]], make: Make
) -> Callable[P, Generator[Any, Any, R]]:
    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Generator[Any, Any, R]:
        emitter = current()
        if emitter is None:
            return (yield from function(*args, **kwargs))
        span = make()
        span.begin(emitter, enter=False)
        return (yield from in_span(function(*args, **kwargs), span))

    return wrapper


def _is_generator_based_coroutine(function: object) -> bool:
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_ITERABLE_COROUTINE)


def _generator_based_coroutine(
    function: Callable[P, Generator[Any, Any, R]], make: Make
) -> Callable[..., Any]:
    return coroutine(_generator(function, make))


def _async_generator(
    function: Callable[P, AsyncGenerator[Any, Any]], make: Make
) -> Callable[P, AsyncGenerator[Any, Any]]:
    def begin() -> InstrumentedSpan:
        span = make()
        emitter = current()
        if emitter is not None:
            span.begin(emitter, enter=False)
        return span

    return async_in_steps(function, begin)


_KINDS: Final[tuple[tuple[Callable[[Any], bool], Callable[..., Callable[..., Any]]], ...]] = (
    (is_manager_function, manager),
    (is_async_manager_function, async_manager),
    (_is_generator_based_coroutine, _generator_based_coroutine),
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.isgeneratorfunction, _generator),
)
