"""
How numbers, percentages and durations are written in sentences of rules, alerts, insights and pages.

Units are written as Prometheus writes them: `25%`, `5m`, `2h 5m`.
"""

from __future__ import annotations

from typing import Final

from droidscope.units import MINUTE_SECONDS, SECOND_NS, UNIT_NS

_SMALLEST: Final = 0.001
_LARGEST: Final = 999.5
_COUNT_UNITS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_SHORT_FROM: Final = 10_000
_UNITS: Final = tuple((UNIT_NS[unit] // SECOND_NS, unit) for unit in ("d", "h", "m", "s"))


def rounded(value: float) -> str:
    """
    A measured number with three significant digits, or all of those before the point: `0.5`, `12.3`, `1234`.
    """
    if abs(value) < _SMALLEST:
        return "0"
    return f"{value:.3g}" if abs(value) < _LARGEST else f"{value:.0f}"


def number(value: float) -> str:
    """
    A limit: 0.3, not 0.30000000000000004.
    """
    return f"{round(value, 9):.10g}"


def count(value: float) -> str:
    """
    A number of things with all its digits: `1,234`.
    """
    return f"{value:,.0f}"


def short_count(value: float) -> str:
    """
    A number of things in at most six characters: `1,234`, `12.3k`, `1.23M`.
    """
    if value < _SHORT_FROM:
        return count(value)
    # What three digits would round to 1,000 of a unit is 1 of the next.
    size, unit = next((size, unit) for size, unit in _COUNT_UNITS if value >= 0.9995 * size)
    return f"{value / size:.3g}{unit}"


def percent(ratio: float) -> str:
    """
    A measured ratio as a percentage with four significant digits: `42%`, `33.33%`.
    """
    return f"{100 * ratio:.4g}%" if 100 * abs(ratio) >= _SMALLEST else "0%"


def exact_percent(ratio: float) -> str:
    """
    A limit as a percentage: `70%`.
    """
    return f"{number(100 * ratio)}%"


def duration(seconds: float) -> str:
    """
    A measured duration in its two largest units: `12.3s`, `3m 20s`, `2h 5m`, `2h`.
    """
    if seconds < MINUTE_SECONDS:
        return f"{rounded(seconds)}s"
    return " ".join(f"{n}{unit}" for n, unit in _parts(seconds)[:2] if n)


def exact_duration(seconds: float) -> str:
    """
    A limit in all its units: `2h`, `1h 30m`, `0.5s`.
    """
    if seconds != int(seconds) or not seconds:
        return f"{number(seconds)}s"
    return " ".join(f"{n}{unit}" for n, unit in _parts(seconds) if n)


def full_duration(seconds: float) -> str:
    """
    A measured duration as `humanizeDuration` of Prometheus' templates writes it: `2h 5m 0s`.
    """
    if seconds < MINUTE_SECONDS:
        return f"{seconds:.4g}s"
    return " ".join(f"{n}{unit}" for n, unit in _parts(seconds))


def named(kind: str, name: str) -> str:
    """
    The name of something: `pattern bug-fix`, but not `phase phase-1`; the empty name is none.
    """
    if name.lower().startswith(f"{kind.lower()}-"):
        return name
    return f"{kind} {name}" if name else f"{kind} (none)"


def counted(n: int, one: str, many: str = "") -> str:
    """
    A number of things: `1 session`, `12 sessions`.
    """
    return f"{n} {one if n == 1 else many or one + 's'}"


def _parts(seconds: float) -> list[tuple[int, str]]:
    """
    Whole numbers of each unit, from the largest that there is.
    """
    rest = int(seconds)
    parts: list[tuple[int, str]] = []
    for size, unit in _UNITS:
        n, rest = divmod(rest, size)
        if n or parts:
            parts.append((n, unit))
    return parts
