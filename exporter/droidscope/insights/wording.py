"""
How numbers are said in findings.
"""

from __future__ import annotations

from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


def percent(ratio: float) -> str:
    """
    A ratio as a percentage of three digits: `42 %`, `0.5 %`.
    """
    return f"{100 * ratio:.3g} %"


def duration(seconds: float) -> str:
    """
    A duration in its largest unit: `45 s`, `12.5 min`, `2.1 h`.
    """
    if seconds < 2 * _MINUTE:
        return f"{seconds:.3g} s"
    return f"{seconds / _MINUTE:.3g} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:.3g} h"


def named(kind: str, name: str) -> str:
    """
    What something is called; the empty name is said to be none.
    """
    return f"{kind} {name}" if name else f"{kind} (none)"


def counted(n: float, one: str, many: str = "") -> str:
    """
    A number of things: `1 session`, `12 sessions`.
    """
    return f"{n:g} {one if n == 1 else many or one + 's'}"
