"""
Reads the files of reports, and what the formats have in common: XML and counts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from droidscope.errors import DroidscopeError, MissingExtraError

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""
The path of a report, or several.
"""
Refuse = Callable[[str, str], None]
"""
Called with the path and the fault of a report that is left out.
"""

SIZE_LIMIT: Final = 64 * 1024 * 1024
"""
Bytes of the largest report that is read.
"""


class ReportError(DroidscopeError):
    """
    A report cannot be read; the message names the fault.
    """


def read_reports(paths: Paths | None, add: Callable[[bytes], None], refuse: Refuse) -> None:
    """
    Call *add* with the content of each file; what cannot be read, or makes *add* raise, goes to *refuse*.
    """
    if paths is None:
        return
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        _read_report(Path(path), add, refuse)


def _read_report(path: Path, add: Callable[[bytes], None], refuse: Refuse) -> None:
    try:
        size = path.stat().st_size
        if size > SIZE_LIMIT:
            refuse(str(path), f"it has {size} bytes; at most {SIZE_LIMIT} are read")
            return
        add(path.read_bytes())
    except Exception as error:  # noqa: BLE001 - a report may be broken in any way; none may break the user's work
        fault = str(error) if isinstance(error, DroidscopeError) else f"{type(error).__name__}: {error}"
        refuse(str(path), fault)


def parse_xml(content: bytes) -> Any:  # noqa: ANN401 - an Element, of a library that may be missing
    """
    The root element of an XML document.

    Raises:
        MissingExtraError: If the parser is not installed.
    """
    try:
        from defusedxml import ElementTree  # noqa: PLC0415 - an extra
    except ImportError:
        raise MissingExtraError("reading XML reports", "quality") from None
    return ElementTree.fromstring(content, forbid_dtd=False)


def natural_number(value: object) -> int:
    """
    *value* as a whole number from 0; it may be text.

    Raises:
        ReportError: If it is negative.
        TypeError, ValueError: If it is no number.
    """
    number = int(value)  # type: ignore[call-overload] # what is no number raises, as it should
    if number < 0:
        msg = f"{value!r} is negative"
        raise ReportError(msg)
    return int(number)
