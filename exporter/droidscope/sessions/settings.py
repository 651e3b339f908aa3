"""
Times, limits and prices that the head is configured with.
"""

from __future__ import annotations

from msgspec import Struct, field

from droidscope.conventions.thresholds import LONG_DURATION
from droidscope.units import MINUTE_NS, SECOND_NS


class Price(Struct, frozen=True):
    """
    US dollars for a million tokens of one model, by direction.
    """

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0


class HeadSettings(Struct, frozen=True):
    """
    All durations in nanoseconds of the exporter's uptime; `docs/metrics.md#live-gauges` explains them.

    What was emitted and has not arrived *records_lost_after_ns* after that was reported is lost.
    *retained_limit* bounds how many things are retained in memory: sessions, their tasks, phases and
    so on together.
    A session that has taken in *records_limit* records goes on without them.
    *lost_after_ns* None means 60 minutes where the process sent `alive` and others of its
    orchestrator still arrive, else 180 minutes. *pattern_limits_ns* overrides *limit_ns*.
    """

    close_after_ns: int = SECOND_NS
    forget_after_ns: int = 15 * MINUTE_NS
    silent_after_ns: int | None = None
    stalled_after_ns: int = 30 * MINUTE_NS
    lost_after_ns: int | None = None
    limit_ns: int = round(LONG_DURATION.limit * SECOND_NS)
    pattern_limits_ns: dict[str, int] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    retained_limit: int = 200_000
    records_lost_after_ns: int = MINUTE_NS
    records_limit: int = 100_000

    def silent_ns(self, *, alive_seen: bool) -> int:
        """
        Silence after which a running session counts as silent.
        """
        return self.silent_after_ns or (10 if alive_seen else 60) * MINUTE_NS

    def lost_ns(self, *, alive_seen: bool, others_arrive: bool) -> int:
        """
        Silence after which a running session is lost.
        """
        return self.lost_after_ns or (60 if alive_seen and others_arrive else 180) * MINUTE_NS

    def limit_of(self, pattern: str) -> int:
        """
        How long a session of a pattern may take.
        """
        return self.pattern_limits_ns.get(pattern, self.limit_ns)
