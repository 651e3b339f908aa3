"""
Where in the user's code something happened, for warnings about it.
"""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache, partial
from types import FrameType
from typing import Final, NamedTuple

_PACKAGE: Final = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "")  # noqa: PTH118, PTH120 - as in code objects
_PATHS: Final = sysconfig.get_paths()
_STANDARD: Final = ("<frozen", *(_PATHS[name] + os.sep for name in ("stdlib", "platstdlib")))
_INSTALLED: Final = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


class Place(NamedTuple):
    """
    A line of a file, and the function that it is in.
    """

    file: str
    line: int
    function: str


def caller() -> Place | None:
    """
    The line of the user's code that led here: the innermost one outside of this package.

    Where a library calls what the user decorated (an executor, an event loop, a framework), that is the
    decorated function itself. None on a thread without any code of the user.
    """
    installed: Place | None = None
    decorated: Place | None = None
    for frame in _frames(sys._getframe(1)):  # noqa: SLF001 - documented, and in every Python this runs on
        name = frame.f_code.co_filename
        if name.startswith(_PACKAGE):
            decorated = _decorated_by(frame) or decorated
        elif not _is_installed(name) and not _is_standard(name):
            return _line_of(frame)
        elif decorated is not None:
            return decorated
        elif installed is None and not _is_standard(name):
            installed = _line_of(frame)
    return decorated or installed


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _line_of(frame: FrameType) -> Place:
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _decorated_by(frame: FrameType) -> Place | None:
    """
    Where the function begins that *frame* of this package wraps, None if it wraps none of the user's.
    """
    if "function" not in frame.f_code.co_freevars:  # what all wrappers of this package call it
        return None
    function = inspect.unwrap(frame.f_locals["function"])
    while isinstance(function, partial):
        function = inspect.unwrap(function.func)
    code = getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
    if code is None or code.co_filename.startswith(_PACKAGE):
        return None
    return Place(code.co_filename, code.co_firstlineno, code.co_name)


@cache  # as many as there are files of code
def _is_installed(name: str) -> bool:
    return any(folder in name for folder in _INSTALLED)


@cache
def _is_standard(name: str) -> bool:
    return name.startswith(_STANDARD) and not _is_installed(name)
