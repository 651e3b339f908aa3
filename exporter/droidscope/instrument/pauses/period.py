"""
A time in which work stands still: it has begun when it is made, and ends by a call or with its `with` block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from types import TracebackType


class Period:
    """
    What `blocked` and `waiting` return, for `with` and for `async with`.
    """

    __slots__ = ()

    function: ClassVar[str]
    """
    What users call it by.
    """

    def __repr__(self) -> str:
        return f"<droidscope.{self.function}(): until the end of its `with` block, or its end()>"

    def __dir__(self) -> Iterable[str]:
        return ("end",)

    def end(self) -> None:
        """
        It is over.
        """
        raise NotImplementedError

    def __enter__(self) -> None:
        """
        It has begun already.
        """

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """
        It is over, also after an exception.
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
