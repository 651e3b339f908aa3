"""
The span around a `with` block of a context manager that `contextlib` made of a generator function.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from droidscope.instrument.never_raise import warn_once
from droidscope.instrument.providers import current

if TYPE_CHECKING:
    from droidscope.instrument.instrumented_span import InstrumentedSpan

Make = Callable[[], "InstrumentedSpan"]
Function = Callable[..., Any]


@contextmanager
def _nothing() -> Generator[None]:
    yield


@asynccontextmanager
async def _nothing_async() -> AsyncGenerator[None]:
    yield


MANAGER: Final[type] = type(_nothing())
ASYNC_MANAGER: Final[type] = type(_nothing_async())
_CODE: Final = _nothing.__code__
_ASYNC_CODE: Final = _nothing_async.__code__


def is_manager_function(function: object) -> bool:
    """
    Whether *function* is what `contextlib.contextmanager` returns.
    """
    return _code(function) is _CODE


def is_async_manager_function(function: object) -> bool:
    """
    Whether *function* is what `contextlib.asynccontextmanager` returns.
    """
    return _code(function) is _ASYNC_CODE


def _code(function: object) -> object:
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__code__", None)


def manager(function: Function, make: Make) -> Function:
    """
    *function*, with a span around each `with` block of what it returns, also where that decorates.
    """

    @wraps(function)
    @contextmanager
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any]:  # noqa: ANN401 - as the function has it
        with _Block(make()), function(*args, **kwargs) as value:
            yield value

    return wrapper


def async_manager(function: Function, make: Make) -> Function:
    """
    *function*, with a span around each `async with` block of what it returns, also where that decorates.
    """

    @wraps(function)
    @asynccontextmanager
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any]:  # noqa: ANN401 - likewise
        with _Block(make()):
            async with function(*args, **kwargs) as value:
                yield value

    return wrapper


class _Block:
    """
    A span from the begin to the end of a `with` block.
    """

    __slots__ = ("_span",)

    def __init__(self, span: InstrumentedSpan) -> None:
        self._span = span

    def __enter__(self) -> None:
        emitter = current()
        if emitter is not None:
            self._span.begin(emitter)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._span.end(error)


class _Followed:
    """
    A manager that a function has returned, inside of the span that has begun with the call.
    """

    def __init__(self, manager: Any, span: InstrumentedSpan) -> None:  # noqa: ANN401 - of contextlib
        self._manager = manager
        self._span = span

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the manager's
        return getattr(self._manager, name)

    def __call__(self, function: Function) -> Function:
        """
        What the manager itself does as a decorator, each time in a block of its own: outside of the span.
        """
        warn_once(
            "manager:decorator",
            "a %s ends where the context manager that it is around becomes a decorator: decorate the "
            "function that contextlib made",
            self._span.kind,
        )
        self._span.end()
        return self._manager(function)  # type: ignore[no-any-return] # as contextlib has it


class FollowedManager(_Followed, AbstractContextManager[Any]):
    """
    For `with`. An exception that the manager keeps to itself is no failure.
    """

    def __enter__(self) -> Any:  # noqa: ANN401 - what the manager gives
        self._span.enter()
        try:
            return self._manager.__enter__()
        except BaseException as error:
            self._span.end(error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            is_kept: bool | None = self._manager.__exit__(kind, error, traceback)
        except BaseException as raised:
            self._span.end(raised)
            raise
        self._span.end(None if is_kept else error)
        return is_kept


class FollowedAsyncManager(_Followed, AbstractAsyncContextManager[Any]):
    """
    For `async with`, likewise.
    """

    async def __aenter__(self) -> Any:  # noqa: ANN401 - what the manager gives
        self._span.enter()
        try:
            return await self._manager.__aenter__()
        except BaseException as error:
            self._span.end(error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            is_kept: bool | None = await self._manager.__aexit__(kind, error, traceback)
        except BaseException as raised:
            self._span.end(raised)
            raise
        self._span.end(None if is_kept else error)
        return is_kept
