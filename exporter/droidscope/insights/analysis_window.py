"""
What insights are made of: one orchestrator over one window, and the sessions that show it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct

from droidscope.facts.fact_totals import Totals
from droidscope.kpi.totals import WindowTotals, by_subject
from droidscope.model.examples import ExampleKind, ExampleSession
from droidscope.units import SECOND_NS


class RunningPhase(NamedTuple):
    """
    A phase that runs, of a session that does; *planned_ns* is None without a declared plan.
    """

    pattern: str
    phase: str
    elapsed_ns: int
    planned_ns: int | None
    session: str
    trace_id: str


@dataclass(frozen=True)
class AnalysisWindow:
    """
    One orchestrator over a window that ends at *now_ns*, Unix time.

    *minutes* and *hours* are the totals of the window's facts, exact and from the full hour on;
    *before* those of the 30 days before it. *running* are its phases under way, *running_ns* how long
    its running sessions have taken together. *examples* gives sessions since the window's start.
    """

    orchestrator: str
    window: str
    now_ns: int
    minutes: Totals
    hours: Totals
    before: Totals
    running: Sequence[RunningPhase]
    running_ns: int
    examples: Callable[[ExampleKind, tuple[str, ...]], list[ExampleSession]]

    @cached_property
    def subjects(self) -> WindowTotals:
        """
        The sums of *minutes* by orchestrator, droid and pattern.
        """
        return by_subject(self.minutes)


class SessionRef(Struct, frozen=True):
    """
    A session that shows an insight; *trace_id* is "" where none is known.
    """

    session_id: str
    trace_id: str
    time_seconds: float


def sessions(window: AnalysisWindow, kind: ExampleKind, *labels: str) -> list[SessionRef]:
    """
    At most five sessions that show something of a subject, the plainest first.
    """
    return [
        SessionRef(example.session, example.trace_id, example.time_ns / SECOND_NS)
        for example in window.examples(kind, labels)
    ]
