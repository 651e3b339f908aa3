"""
History: what insights look back on, hour by hour, for as long as 37 days.

The same facts and the same machine as the minute windows (`windows`), with hours for buckets. A
window of insights begins at the full hour at or before now - window, since its many small counts by
duration would be too many by the minute.

Definition: docs/kpis.md#conventions
"""

from __future__ import annotations

from typing import Final

from droidscope.conventions.metrics import WINDOWS
from droidscope.facts.packing import FACTS_OF_HOURS_ALONE
from droidscope.facts.sketched_facts import PhaseDurations, SessionDurations
from droidscope.facts.window_layout import WindowLayout, WindowSpan
from droidscope.units import HOUR_NS

DAY_HOURS: Final = 24
TRAILING_HOURS: Final = 30 * DAY_HOURS
"""
How far baselines look back before a window.
"""
MONTH: Final = "30d"
"""
The window of what phases and sessions usually take, up to now.
"""


def before(window: str) -> str:
    """
    The name of the 30 days before a window.
    """
    return f"before {window}"


HOURS: Final = WindowLayout(
    HOUR_NS,
    {
        **{
            window: WindowSpan(minutes // 60, facts=FACTS_OF_HOURS_ALONE)
            for window, minutes in WINDOWS.items()
        },
        **{
            before(window): WindowSpan(
                minutes // 60 + TRAILING_HOURS, minutes // 60, frozenset({PhaseDurations})
            )
            for window, minutes in WINDOWS.items()
        },
        MONTH: WindowSpan(TRAILING_HOURS, facts=frozenset({PhaseDurations, SessionDurations})),
    },
)
