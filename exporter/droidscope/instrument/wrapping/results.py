"""
What a function returns whose work is still to come: its span goes on until that is done.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType, coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import finalize

from droidscope.instrument.wrapping.managers import (
    ASYNC_MANAGER,
    MANAGER,
    FollowedAsyncManager,
    FollowedManager,
)
from droidscope.instrument.wrapping.steps import async_in_span, in_span, succeed

if TYPE_CHECKING:
    from droidscope.instrument.instrumented_span import InstrumentedSpan

R = TypeVar("R")


def ended_with(result: R, span: InstrumentedSpan) -> R:
    """
    *result*, which the function that *span* is around has returned; something like it, if it is unfinished.

    The span ends now, or where the work that is still to come is done, fails, is closed or given up.
    """
    follow = _FOLLOW.get(type(result))
    if follow is None:
        succeed(span, result)
        return result
    span.leave()
    return follow(result, span)  # type: ignore[no-any-return] # of the same kind


def concluded_with(result: R, conclude: Callable[[Any], None]) -> R:
    """
    *result*, after *conclude* was called with it; where it is unfinished, something like it that calls
    *conclude* with what it returns in the end. What returns nothing has no conclusion.
    """
    if isinstance(result, CoroutineType):
        return _concluded(result, conclude)  # type: ignore[return-value] # of the same kind
    if isinstance(result, GeneratorType):
        steps = _concluded_awaited if _is_awaited(result) else _concluded_steps
        return steps(result, conclude)  # type: ignore[return-value] # likewise
    if type(result) not in _FOLLOW:
        conclude(result)
    return result


async def _concluded(rest: Coroutine[Any, Any, Any], conclude: Callable[[Any], None]) -> Any:  # noqa: ANN401 - of the user
    return concluded_with(await rest, conclude)


def _concluded_steps(
    generator: Generator[Any, Any, R], conclude: Callable[[Any], None]
) -> Generator[Any, Any, R]:
    result = yield from generator
    conclude(result)
    return result


@coroutine
def _concluded_awaited(
    generator: Generator[Any, Any, R], conclude: Callable[[Any], None]
) -> Generator[Any, Any, R]:
    return (yield from _concluded_steps(generator, conclude))


def _is_awaited(generator: GeneratorType[Any, Any, Any]) -> bool:
    return bool(generator.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE)


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
    return ended_with(result, span)


@coroutine
def _awaited(generator: Generator[Any, Any, R], span: InstrumentedSpan) -> Generator[Any, Any, R]:
    return (yield from in_span(generator, span))


def _generator(generator: Any, span: InstrumentedSpan) -> Any:  # noqa: ANN401 - a generator, or awaitable
    return (_awaited if _is_awaited(generator) else in_span)(generator, span)


def _until_given_up(
    follow: Callable[[Any, InstrumentedSpan], Any],
) -> Callable[[Any, InstrumentedSpan], Any]:
    """
    *follow*, so that the span ends also where nobody ever asks for the first step.
    """

    def following(result: Any, span: InstrumentedSpan) -> Any:  # noqa: ANN401 - of any of the types
        followed = follow(result, span)
        finalize(followed, span.end).atexit = False
        return followed

    return following


_FOLLOW: Final[dict[type, Callable[[Any, InstrumentedSpan], Any]]] = {
    CoroutineType: _continued,
    GeneratorType: _until_given_up(_generator),
    AsyncGeneratorType: _until_given_up(async_in_span),
    MANAGER: _until_given_up(FollowedManager),
    ASYNC_MANAGER: _until_given_up(FollowedAsyncManager),
    FollowedManager: _until_given_up(FollowedManager),
    FollowedAsyncManager: _until_given_up(FollowedAsyncManager),
}
