"""
Units, each written once: lengths of time in nanoseconds, and the small units that sums are kept in.

Inside, times and durations are integer nanoseconds and sums are integers, so that the order of
arrival never changes one; seconds, points and dollars exist only where values are shown.
"""

from __future__ import annotations

from typing import Final

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

MICRO: Final = 1_000_000
"""
Micro-points in a point of a score.
"""
NANO: Final = 1_000_000_000
"""
Parts of a whole response credit, and of a US dollar, in which they are summed.
"""

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration_seconds(text: str) -> int:
    """
    Seconds of a Prometheus duration of one unit: `15m` is 900.
    """
    return int(text[:-1]) * _SECONDS[text[-1]]
