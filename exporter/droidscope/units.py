"""
Units, each written once: lengths of time in nanoseconds, and the small units that sums are kept in.

Inside, times and durations are integer nanoseconds and sums are integers, so that the order of
arrival never changes one; seconds, points and dollars exist only where values are shown.
"""

from __future__ import annotations

import re
from typing import Final

MINUTE_SECONDS: Final = 60
HOUR_SECONDS: Final = 60 * MINUTE_SECONDS
DAY_SECONDS: Final = 24 * HOUR_SECONDS

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = MINUTE_SECONDS * SECOND_NS
HOUR_NS: Final = HOUR_SECONDS * SECOND_NS
DAY_NS: Final = DAY_SECONDS * SECOND_NS

UNIT_NS: Final = {
    "ms": SECOND_NS // 1000,
    "s": SECOND_NS,
    "m": MINUTE_NS,
    "h": HOUR_NS,
    "d": DAY_NS,
    "w": 7 * DAY_NS,
}
"""
Nanoseconds of each unit in which a user writes a duration; all are Prometheus' own.
"""

MICRO: Final = 1_000_000
"""
Micro-points in a point of a score.
"""
NANO: Final = 1_000_000_000
"""
Parts of a whole response credit, and of a US dollar, in which they are summed.
"""

_DURATION: Final = re.compile(rf"(?P<number>[0-9]+(?P<fraction>\.[0-9]+)?)(?P<unit>{'|'.join(UNIT_NS)})")


def duration_seconds(text: str, *, whole: bool = False) -> float:
    """
    Seconds of a duration as users write it, a number and its unit: `15m` is 900, `1.5h` is 5400.

    Args:
        text: The duration.
        whole: Whether to refuse fractions, `ms` and `w`, as rules and boards have no use for them.

    Raises:
        ValueError: If it is no such duration.
    """
    match = _DURATION.fullmatch(text)
    if match is None or (whole and (match["fraction"] or match["unit"] in {"ms", "w"})):
        form = " in whole s, m, h or d, such as 15m" if whole else ", such as 10s, 5m, 2h or 30d"
        msg = f"expected a duration{form}"
        raise ValueError(msg)
    return float(match["number"]) * UNIT_NS[match["unit"]] / SECOND_NS
