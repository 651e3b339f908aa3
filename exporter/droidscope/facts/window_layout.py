"""
The layout of windows: how long a bucket is, and which of the latest buckets each window covers.

Definition: docs/kpis.md#conventions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from droidscope.conventions.metrics import WINDOWS
from droidscope.conventions.thresholds import RECENT_FAILURE_WINDOW
from droidscope.units import MINUTE_NS, MINUTE_SECONDS, duration_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from droidscope.facts.fact_key import FactKey


Ranges = dict[str, range]
"""
The buckets each window covers.
"""


class WindowSpan(NamedTuple):
    """
    A window, in whole buckets: from *first* before the present one up to *stop* before it, or up
    to now where *stop* is 0. It has totals of *facts*, or of all if that is empty.
    """

    first: int
    stop: int = 0
    facts: frozenset[type[FactKey]] = frozenset()


class WindowLayout(NamedTuple):
    """
    How long a bucket is, and which windows have totals.
    """

    bucket_ns: int
    spans: Mapping[str, WindowSpan]

    @property
    def reach(self) -> int:
        """
        How many buckets before the present one are kept.
        """
        return max(span.first for span in self.spans.values())

    def ranges(self, now_ns: int) -> Ranges:
        """
        The buckets that each window covers at *now_ns*: up to, if any of it has passed, the
        present one.
        """
        present, end = now_ns // self.bucket_ns, -(-now_ns // self.bucket_ns)
        return {
            window: range(present - span.first, present - span.stop if span.stop else end)
            for window, span in self.spans.items()
        }

    def windows_of(self, fact: type[FactKey]) -> tuple[str, ...]:
        """
        The windows that have totals of a fact.
        """
        return tuple(window for window, span in self.spans.items() if not span.facts or fact in span.facts)


MINUTES: Final = WindowLayout(
    MINUTE_NS,
    {
        **{window: WindowSpan(minutes) for window, minutes in WINDOWS.items()},
        RECENT_FAILURE_WINDOW: WindowSpan(round(duration_seconds(RECENT_FAILURE_WINDOW) / MINUTE_SECONDS)),
    },
)
"""
The windows of the KPIs, and one that an alert alone looks at.
"""
