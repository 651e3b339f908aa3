"""
How numbers are said in findings.
"""

from __future__ import annotations

from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_SMALLEST: Final = 0.001
_LARGEST: Final = 999.5


def number(value: float) -> str:
    """
    A number of at least three digits, as one writes it: `0.5`, `12.3`, `1234`.
    """
    if abs(value) < _SMALLEST:
        return "0"
    return f"{value:.3g}" if abs(value) < _LARGEST else f"{value:.0f}"


def percent(ratio: float) -> str:
    """
    A ratio as a percentage: `42 %`, `0.5 %`.
    """
    return f"{number(100 * ratio)} %"


def duration(seconds: float) -> str:
    """
    A duration in its largest unit: `45 s`, `12.5 min`, `2.1 h`.
    """
    if seconds < 2 * _MINUTE:
        return f"{number(seconds)} s"
    return f"{number(seconds / _MINUTE)} min" if seconds < 2 * _HOUR else f"{number(seconds / _HOUR)} h"


def named(kind: str, name: str) -> str:
    """
    What something is called: `pattern bug-fix`, but not `phase phase-1`; the empty name is none.
    """
    if name.lower().startswith(f"{kind.lower()}-"):
        return name
    return f"{kind} {name}" if name else f"{kind} (none)"


def counted(n: int, one: str, many: str = "") -> str:
    """
    A number of things: `1 session`, `12 sessions`.
    """
    return f"{n} {one if n == 1 else many or one + 's'}"
