"""
Decorator and context manager in one object, for whatever can be called.

The object only knows how to make an instrumented span; each call and each block has one of its own, so it
may be shared by concurrent calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import cached_property, partialmethod
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from droidscope.conventions.attributes import Kind
from droidscope.instrument.checks.decorated import rebuilt
from droidscope.instrument.checks.retry_loops import may_keep_exceptions, warn_of_kept_exception
from droidscope.instrument.checks.values import Names
from droidscope.instrument.instrumented_span import InstrumentedSpan, innermost_of
from droidscope.instrument.providers import current
from droidscope.instrument.wrapping.wrappers import wrapped

if TYPE_CHECKING:
    from types import TracebackType

A = TypeVar("A")
F = TypeVar(
    "F",
    bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any] | property"
    " | cached_property[Any] | partialmethod[Any]",
)


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

    def __dir__(self) -> Iterable[str]:
        return ()  # what there is, is done by `@` and `with`

    def __call__(self, function: F, /) -> F:
        """
        *function*, with one span around each call; around each iteration for generators, and each block for
        what `contextlib` makes of them.

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
        return wrapped(function, self._make)

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
