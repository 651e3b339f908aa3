"""
The input of the detectors: the totals, running phases and example sessions of one orchestrator and window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from droidscope.facts.fact_totals import Totals
from droidscope.facts.facts import SessionTime
from droidscope.insights.insight_types import SessionRef
from droidscope.kpi.bottleneck_impact import duration_impact
from droidscope.kpi.totals import WindowTotals, by_subject
from droidscope.model.examples import ExampleKind, ExampleSession
from droidscope.units import SECOND_NS


class PhaseName(NamedTuple):
    """
    A phase of a pattern.
    """

    pattern: str
    phase: str


class RunningPhase(NamedTuple):
    """
    A running phase of a running session; *planned_ns* is None if no plan is declared.
    """

    pattern: str
    phase: str
    elapsed_ns: int
    planned_ns: int | None
    session: str
    trace_id: str


@dataclass(frozen=True, kw_only=True)
class AnalysisWindow:
    """
    One orchestrator over the window *name* (1h, 24h or 7d), which ends at *now_ns*, Unix time.

    *minutes* are the window's totals kept by the minute, *hours* those kept by the hour, which begin at a
    full hour, and *baseline* those of the 30 days before it, by the hour. *running_sessions_ns* is the sum
    of the times that the running sessions have run. *examples* gives example sessions of the window.
    """

    orchestrator: str
    name: str
    now_ns: int
    minutes: Totals
    hours: Totals
    baseline: Totals
    running_phases: Sequence[RunningPhase]
    running_sessions_ns: int
    examples: Callable[[ExampleKind, tuple[str, ...]], list[ExampleSession]]

    @cached_property
    def subjects(self) -> WindowTotals:
        """
        The totals of the orchestrator, its droids and its patterns, from *minutes*.
        """
        return by_subject(self.minutes)

    @cached_property
    def sessions_ns(self) -> int:
        """
        The time of all sessions of the window: those that ended, and those that run until now.
        """
        return sum(self.minutes.of(SessionTime).values()) + self.running_sessions_ns

    def time_impact(self, lost_ns: float) -> float:
        """
        The impact of lost time, 0 to 100: its share of the time of all sessions.

        Definition: docs/kpis.md#bottlenecks
        """
        return duration_impact(lost_ns, self.sessions_ns) or 0.0

    def example_sessions(self, kind: ExampleKind, *labels: str) -> list[SessionRef]:
        """
        At most five example sessions of an insight about *labels*, the clearest first.
        """
        return [
            SessionRef(example.session, example.trace_id, example.time_ns / SECOND_NS)
            for example in self.examples(kind, labels)
        ]
