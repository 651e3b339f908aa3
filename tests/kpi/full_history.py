"""
A history that yields every KPI, and what the catalogue must show of it.

Each family's test has the KPIs of its family in `IN_FULL`; the catalogue's test demands all of them.
"""

from __future__ import annotations

from typing import NamedTuple

from droidscope.units import SECOND_NS
from kpi.history import Attempt, Conflict, History, Message, Phase, Query, Session, Synthesis, Task


class Expected(NamedTuple):
    """
    The value of a KPI where a success may cost 0.5 USD, and its samples; None where it has no sibling.
    """

    value: float
    samples: float | None


FULL = History(
    tasks=[
        Task("bug-fix", "coder", "testing", outcome, SECOND_NS, 90.0, 80.0, 70.0)
        for outcome in ("completed", "completed", "completed", "failed")
    ],
    attempts=[Attempt("coder", "testing", number, "succeeded") for number in (1, 2, 3, 4, 5)],
    sessions=[Session("bug-fix", "completed", 60, 60, 10**9, {"coder": 5, "tester": 6})],
    phases=[Phase("bug-fix", "design", "completed", 30 * SECOND_NS, 0.5)] * 6,
    syntheses=[Synthesis("bug-fix", "integrated")] * 7,
    messages=[Message("coder", "query", "answered")] * 8,
    queries=[Query("coder", "answered", 60 * SECOND_NS)] * 9,
    conflicts=[Conflict("bug-fix")],
)
