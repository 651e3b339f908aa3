"""
A time in which work stands still: it has begun when it is made, and ends by a call or with its `with` block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType


class Period:
    """
    What `blocked` and `waiting` return, for `with` and for `async with`.
    """

    __slots__ = ()

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
