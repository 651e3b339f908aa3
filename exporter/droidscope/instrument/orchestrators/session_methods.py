"""
Makes a method of an orchestrator's class one whose calls are sessions, whatever kind of method it is.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Final

from droidscope.instrument.decorators import Operation
from droidscope.instrument.providers import current as current_emitter
from droidscope.instrument.sessions import SessionSpan
from droidscope.instrument.wrapping.managers import is_async_manager_function, is_manager_function
from droidscope.instrument.wrapping.results import concluded_with

Method = Callable[..., Any]
IS_SESSION: Final = "__droidscope_session__"
"""
Attribute of a function whose calls are sessions already.
"""


class ConcludedSession(SessionSpan):
    """
    A session whose outcome may follow from a result.
    """

    def conclude(self, result: object) -> None:
        """
        Take the outcome from what the method returned.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class SessionMaker:
    """
    How a class makes the sessions of its calls. *owner* is the object called, or its class.

    *enclosing* is whether a call is inside of a session of *owner* already; *pattern* and *awaited_pattern*
    give its word from the owner and the arguments.
    """

    enclosing: Callable[[Any], bool]
    pattern: Callable[[Any, tuple[Any, ...], dict[str, Any]], str]
    awaited_pattern: Callable[[Any, tuple[Any, ...], dict[str, Any]], Awaitable[str]]
    make: Callable[[Any, str], ConcludedSession]


def method_kind(method: object) -> str:
    """
    `function`, `coroutine`, `generator`, `context manager`, the last two also with `async` before them; ""
    for what cannot be called.
    """
    function = method.__func__ if isinstance(method, staticmethod | classmethod) else method
    called = function if inspect.isroutine(function) else getattr(function, "__call__", None)  # noqa: B004
    for kind, is_kind in (
        ("context manager", is_manager_function),
        ("async context manager", is_async_manager_function),
        ("coroutine", inspect.iscoroutinefunction),
        ("async generator", inspect.isasyncgenfunction),
        ("generator", inspect.isgeneratorfunction),
    ):
        if is_kind(function) or is_kind(called):
            return kind
    return "function" if callable(function) else ""


def as_session_method(cls: type, method: Any, maker: SessionMaker) -> Any:  # noqa: ANN401 - a descriptor of any kind
    """
    *method*, as it stands in a class, with a session around each call from outside of one.

    The owner of a static method's sessions is *cls*, of a class method's the class it is called on.
    """
    if isinstance(method, staticmethod | classmethod):
        around = _AROUND[method_kind(method)]
        function = method.__func__
        if isinstance(method, classmethod):
            return classmethod(around(function, maker, _owner_first))
        return staticmethod(around(function, maker, partial(_always, cls)))
    around = _AROUND[method_kind(method)]
    if hasattr(type(method), "__get__"):
        return around(_unbound(method), maker, _owner_first)
    return staticmethod(around(method, maker, partial(_always, cls)))  # it is called without the object


def is_session_method(method: object) -> bool:
    """
    Whether the calls of *method* are sessions already.
    """
    function = method.__func__ if isinstance(method, staticmethod | classmethod) else method
    return bool(getattr(function, IS_SESSION, False))


def _unbound(method: Any) -> Method:  # noqa: ANN401 - a function, or a descriptor that can be called
    """
    *method* as a function of the object and the arguments.
    """
    if inspect.isroutine(method):
        return method
    return wraps(method)(lambda owner, *args, **kwargs: method.__get__(owner, type(owner))(*args, **kwargs))


FindOwner = Callable[[tuple[Any, ...]], tuple[Any, tuple[Any, ...]]]
"""
From the positional arguments of a call to the owner, and those that the pattern depends on.
"""


def _owner_first(args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    return (args[0], args[1:]) if args else (None, args)


def _always(owner: Any, args: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:  # noqa: ANN401 - a class
    return owner, args


def _is_outermost(maker: SessionMaker, owner: Any) -> bool:  # noqa: ANN401 - of the user
    return current_emitter() is not None and owner is not None and not maker.enclosing(owner)


def _function(function: Method, maker: SessionMaker, find: FindOwner) -> Method:
    @wraps(function)
    def within(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the function has it
        owner, given = find(args)
        if not _is_outermost(maker, owner):
            return function(*args, **kwargs)
        session = maker.make(owner, maker.pattern(owner, given, kwargs))

        def concluded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - likewise
            return concluded_with(function(*args, **kwargs), session.conclude)

        return _in(session, concluded)(*args, **kwargs)

    return _marked(within)


def _managing(function: Method, maker: SessionMaker, find: FindOwner) -> Method:
    @wraps(function)
    @contextmanager
    def within(*args: Any, **kwargs: Any) -> Generator[Any]:  # noqa: ANN401 - as the function has it
        owner, given = find(args)
        called = function
        if _is_outermost(maker, owner):
            session = maker.make(owner, maker.pattern(owner, given, kwargs))
            called = _in(session, function)
        with called(*args, **kwargs) as value:
            yield value

    return _marked(within)


def _async_managing(function: Method, maker: SessionMaker, find: FindOwner) -> Method:
    @wraps(function)
    @asynccontextmanager
    async def within(*args: Any, **kwargs: Any) -> AsyncGenerator[Any]:  # noqa: ANN401 - as the function has it
        owner, given = find(args)
        called = function
        if _is_outermost(maker, owner):
            session = maker.make(owner, await maker.awaited_pattern(owner, given, kwargs))
            called = _in(session, function)
        async with called(*args, **kwargs) as value:
            yield value

    return _marked(within)


def _coroutine(function: Method, maker: SessionMaker, find: FindOwner) -> Method:
    @wraps(function)
    async def within(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the function has it
        owner, given = find(args)
        if not _is_outermost(maker, owner):
            return await function(*args, **kwargs)
        session = maker.make(owner, await maker.awaited_pattern(owner, given, kwargs))

        async def concluded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - likewise
            return concluded_with(await function(*args, **kwargs), session.conclude)

        return await _in(session, concluded)(*args, **kwargs)

    return _marked(within)


def _generator(function: Method, maker: SessionMaker, find: FindOwner) -> Method:
    @wraps(function)
    def within(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401 - as the function has it
        owner, given = find(args)
        if not _is_outermost(maker, owner):
            return (yield from function(*args, **kwargs))
        session = maker.make(owner, maker.pattern(owner, given, kwargs))

        def concluded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401 - likewise
            result = yield from function(*args, **kwargs)
            session.conclude(result)
            return result

        return (yield from _in(session, concluded)(*args, **kwargs))

    return _marked(within)


def _async_generator(function: Method, maker: SessionMaker, find: FindOwner) -> Method:
    @wraps(function)
    async def within(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401 - as the function has it
        owner, given = find(args)
        called = function
        if _is_outermost(maker, owner):
            session = maker.make(owner, await maker.awaited_pattern(owner, given, kwargs))
            called = _in(session, function)
        generator = called(*args, **kwargs)
        resume: Callable[[], Awaitable[Any]] = generator.__anext__
        while True:  # there is no `yield from` for asynchronous generators
            try:
                item = await resume()
            except StopAsyncIteration:
                return
            try:
                sent = yield item
            except GeneratorExit:
                await generator.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - it is handed on to the generator
                resume = partial(generator.athrow, error)
            else:
                resume = partial(generator.asend, sent)

    return _marked(within)


def _in(session: SessionSpan, function: Method) -> Method:
    return Operation(lambda: session)(function)


def _marked(within: Method) -> Method:
    setattr(within, IS_SESSION, True)
    return within


_AROUND: Final[dict[str, Callable[[Method, SessionMaker, FindOwner], Method]]] = {
    "function": _function,
    "coroutine": _coroutine,
    "generator": _generator,
    "async generator": _async_generator,
    "context manager": _managing,
    "async context manager": _async_managing,
}
