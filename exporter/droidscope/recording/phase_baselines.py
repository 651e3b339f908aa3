"""
How long phases usually take: how far a running session is and whether it is stuck follow from it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

from droidscope.conventions.attributes import Outcome
from droidscope.facts.fact_totals import Totals, sketch_by
from droidscope.facts.history import MONTH
from droidscope.facts.sketched_facts import PhaseDurations
from droidscope.facts.windows import Windows
from droidscope.model.labels import OrchestratorLabels
from droidscope.series.series_registry import SeriesRegistry
from droidscope.sessions.session_state import SessionState
from droidscope.units import MINUTE_NS

_STALE_NS: Final = MINUTE_NS


class PhaseBaseline(NamedTuple):
    """
    Median and 95th percentile of a phase's duration over 30 days, in nanoseconds.
    """

    median_ns: float
    p95_ns: float


class PhaseBaselines:
    """
    The usual times of all phases that completed in the last 30 days, at most a minute old.

    Not thread-safe, like the *history* it reads; names of orchestrators and patterns are as in *series*.
    """

    def __init__(self, series: SeriesRegistry, history: Windows) -> None:
        self._series = series
        self._history = history
        self._read_ns: int | None = None
        self._by_pattern: dict[tuple[OrchestratorLabels, str], dict[str, PhaseBaseline]] = {}

    def refresh(self, now_ns: int) -> None:
        """
        Look at the history, unless that was done within the minute before *now_ns*, Unix time.
        """
        if self._read_ns is not None and 0 <= now_ns - self._read_ns < _STALE_NS:
            return
        self._read_ns = now_ns
        baselines: defaultdict[tuple[OrchestratorLabels, str], dict[str, PhaseBaseline]] = defaultdict(dict)
        for orchestrator in self._history.orchestrators():
            totals = Totals(self._history.latest(orchestrator, MONTH))
            sketches = sketch_by(
                totals.of(PhaseDurations),
                lambda key: (key.pattern, key.phase),
                where=lambda key: key.outcome == Outcome.COMPLETED,
            )
            for (pattern, phase), sketch in sketches.items():
                median_ns, p95_ns = sketch.quantile(0.5), sketch.quantile(0.95)
                if median_ns is not None and p95_ns is not None:
                    baselines[orchestrator, pattern][phase] = PhaseBaseline(median_ns, p95_ns)
        self._by_pattern = dict(baselines)

    def of(self, session: SessionState) -> dict[str, PhaseBaseline]:
        """
        The usual times of the phases of a session's pattern, by phase.
        """
        orchestrator = self._series.shown_orchestrator(session.orchestrator)
        pattern = self._series.shown(session.orchestrator, "pattern", session.pattern)
        return self._by_pattern.get((orchestrator, pattern), {})
