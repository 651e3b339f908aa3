"""
How long foreign sessions are waited for, and how much of them is kept in memory.
"""

from __future__ import annotations

from msgspec import Struct

from droidscope.units import MINUTE_NS, SECOND_NS


class ForeignSettings(Struct, frozen=True):
    """
    Durations in nanoseconds of the exporter's uptime.

    A trace is over *settle_after_ns* after the last arrival once its outermost span has ended, else
    *idle_after_ns* after it. A settled session is remembered for *known_for_ns*.
    """

    settle_after_ns: int = 10 * SECOND_NS
    idle_after_ns: int = 10 * MINUTE_NS
    known_for_ns: int = 24 * 60 * MINUTE_NS
    max_traces: int = 10_000
    max_steps: int = 200_000
    max_native_spans: int = 200_000
    max_known: int = 100_000
