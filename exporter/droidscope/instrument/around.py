"""
What is around the calling code: found by its kind, and carried into threads.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast, overload

from opentelemetry.context import Context, attach, detach, get_current

from droidscope.instrument.checks.values import refuse
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
from droidscope.instrument.instrumented_span import around
from droidscope.instrument.never_raise import Shown, never_raise

Current = Session | Phase | Task | Attempt | Tool | ModelCall | Gate | Synthesis | Query
"""
What may be around: all that is entered by a decorator or a block.
"""

C = TypeVar("C", bound=Current)
P = ParamSpec("P")
R = TypeVar("R")


@overload
def current() -> Current | None: ...
@overload
def current(kind: type[C]) -> C | None: ...
def current(kind: type[Any] | None = None) -> Any:
    """
    The innermost *kind* that is open around the calling code, such as `current(Task)`, or of any kind.

    None where there is none in this process, and without an SDK. So a decorated function can state its
    outcome: `if task := droidscope.current(droidscope.Task): task.outcome("failed")`.
    """
    return _current(kind)


@never_raise
def _current(kind: type[Any] | None) -> object:
    if kind is not None and not isinstance(kind, type):
        refuse("current(kind)", kind, "a class such as droidscope.Task")
        return None
    open_spans = (span for span in around() if not span.ended)
    return next((span for span in open_spans if kind is None or isinstance(span, kind)), None)


def carry(function: Callable[P, R], /) -> Callable[P, R]:
    """
    *function* with the context of now, for a thread that has none: it runs inside of what is open here.

    For `ThreadPoolExecutor.submit` and `map`, `threading.Thread(target=)` and `loop.run_in_executor`. All
    context variables are carried, as `asyncio.to_thread` does. It may be called several times, also at the
    same time; each call begins with the context as it was here. Another process needs headers instead.

    Raises:
        TypeError: If *function* is none, or a generator function, whose steps run where its consumer is.
    """
    if (
        not callable(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    ):
        msg = f"cannot carry {Shown(function)!r}: carry a function or coroutine function that is called there"
        raise TypeError(msg)
    if inspect.iscoroutinefunction(function):
        return cast("Callable[P, R]", _carried_coroutine(function, get_current()))
    context = copy_context()

    def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        # A copy for each call: a context cannot be entered twice at the same time.
        return context.copy().run(function, *args, **kwargs)

    return wraps(function)(carried)


def _carried_coroutine(
    function: Callable[P, Coroutine[Any, Any, R]], context: Context
) -> Callable[P, Coroutine[Any, Any, R]]:
    @wraps(function)
    async def carried(*args: P.args, **kwargs: P.kwargs) -> R:
        token = attach(context)
        try:
            return await function(*args, **kwargs)
        finally:
            detach(token)

    return carried
