"""
A cache of what the detectors compute: bottlenecks, recommendations, assignments and trends.

It copies what it needs under the pipeline's lock and computes outside of it. Insights are at most ten
seconds old, so that dashboards and people that ask at the same time share one computation; where one takes
long, its result is kept ten times as long as it took.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import nlargest
from typing import Final, Generic, NamedTuple, TypeVar

from droidscope.conventions import metrics as m
from droidscope.conventions.metrics import ASSIGNMENT_WINDOW, WINDOWS
from droidscope.exposition.text import GaugeSample
from droidscope.facts.fact_totals import Totals
from droidscope.facts.history import HOURS, before
from droidscope.head.head import Head
from droidscope.head.live import ran_ns
from droidscope.insights.analysis_window import AnalysisWindow, RunningPhase
from droidscope.insights.assignments import Assignment, assignments
from droidscope.insights.bottlenecks import bottlenecks
from droidscope.insights.forecasts import TREND_BUCKETS, TrendWindow, daily_costs, droid_trends
from droidscope.insights.insight_types import Bottleneck, Recommendation
from droidscope.insights.recommendations import recommendations
from droidscope.kpi.patterns import reference_cost_usd
from droidscope.kpi.timeline import Timeline, hours_over, timeline
from droidscope.kpi.trends import Direction
from droidscope.model.examples import ExampleKind, ExampleSession
from droidscope.model.labels import OrchestratorLabels
from droidscope.pipeline.pipeline import Pipeline
from droidscope.recording.example_sessions import ExampleSessions
from droidscope.series.series_registry import SeriesRegistry
from droidscope.sessions.session_state import SessionState
from droidscope.units import HOUR_NS, SECOND_NS

T = TypeVar("T")

INSIGHTS_MAX_AGE_NS: Final = 10 * SECOND_NS
"""
Bottlenecks, recommendations and assignments are computed again when they are older.
"""
TRENDS_MAX_AGE_NS: Final = 60 * SECOND_NS
"""
Trends are computed again when they are older; they cover complete hours and days.
"""
REST_FACTOR: Final = 10
"""
Results are kept at least this many times as long as it took to compute them.
"""
INSIGHTS_LIMIT: Final = 10_000
"""
Bottlenecks, and recommendations, per orchestrator and window: those with the highest impact.
"""
INSIGHT_SERIES_LIMIT: Final = 100
"""
Bottlenecks, and recommendations, that have series, per orchestrator and window: the highest impact.
"""
ASSIGNMENT_SERIES_LIMIT: Final = 1_000
"""
Assignments that have series, per orchestrator: those with the most tasks.
"""
_DIRECTIONS: Final = {Direction.IMPROVING: 1, Direction.STABLE: 0, Direction.DECLINING: -1}


class WindowInsights(NamedTuple):
    """
    The insights of one orchestrator over one window, highest impact first, and the window they are of.

    *assignments* are those that have series; only one window has any.
    """

    window: AnalysisWindow
    bottlenecks: list[Bottleneck]
    recommendations: list[Recommendation]
    assignments: list[Assignment]


class _TimedCache(Generic[T]):
    """
    The result of *compute*, computed again once it is older than *max_age_ns* and than ten times as long
    as computing it took.
    """

    def __init__(
        self,
        compute: Callable[[], T],
        max_age_ns: int,
        wall_ns: Callable[[], int],
        timer_ns: Callable[[], int],
    ) -> None:
        self._compute = compute
        self._max_age_ns = max_age_ns
        self._wall_ns = wall_ns
        self._timer_ns = timer_ns
        self._lock = threading.Lock()
        self._cached: tuple[T, int, int] | None = None

    def __call__(self) -> T:
        """
        The cached result if it is recent enough, else a new one; other threads wait while it is computed.
        """
        with self._lock:
            now_ns = self._wall_ns()
            if self._cached is not None:
                result, computed_ns, keep_ns = self._cached
                if 0 <= now_ns - computed_ns < keep_ns:
                    return result
            started_ns = self._timer_ns()
            result = self._compute()
            keep_ns = max(self._max_age_ns, REST_FACTOR * (self._timer_ns() - started_ns))
            self._cached = result, now_ns, keep_ns
            return result


class InsightCache:
    """
    The insights of one exporter's head; *wall_ns* gives Unix time, *timer_ns* times the computation.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        wall_ns: Callable[[], int] = time.time_ns,
        timer_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._pipeline = pipeline
        self._wall_ns = wall_ns
        self._insights = _TimedCache(self._compute_insights, INSIGHTS_MAX_AGE_NS, wall_ns, timer_ns)
        self._trend_gauges = _TimedCache(self._compute_trend_gauges, TRENDS_MAX_AGE_NS, wall_ns, timer_ns)
        self._reference_costs = _TimedCache(self._compute_reference_costs, HOUR_NS, wall_ns, timer_ns)

    def by_window(self) -> Mapping[tuple[OrchestratorLabels, str], WindowInsights]:
        """
        Bottlenecks, recommendations and assignments by orchestrator and window; at most ten seconds old.
        """
        return self._insights()

    def _compute_insights(self) -> dict[tuple[OrchestratorLabels, str], WindowInsights]:
        windows = self._analysis_windows(self._wall_ns())
        return {key: _insights_of(window) for key, window in windows.items()}

    def timelines(self, window: TrendWindow) -> dict[OrchestratorLabels, Timeline]:
        """
        The complete buckets of a trend's window, by orchestrator.
        """
        size, count = TREND_BUCKETS[window]
        now_ns = self._wall_ns()
        hours = hours_over(now_ns, size, count)
        with self._pipeline.lock:
            history = self._pipeline.head.history
            history.advance(now_ns)
            packed = {name: history.buckets(name, hours) for name in history.orchestrators()}
        return {
            orchestrator: timeline(list(zip(hours, buckets, strict=True)), size)
            for orchestrator, buckets in packed.items()
        }

    def reference_costs_usd(self) -> Mapping[OrchestratorLabels, Mapping[str, float]]:
        """
        The median cost of a success over 30 days, by orchestrator and pattern; at most an hour old.
        """
        return self._reference_costs()

    def _compute_reference_costs(self) -> dict[OrchestratorLabels, dict[str, float]]:
        timelines = self.timelines("30d")
        return {orchestrator: _reference_costs(days) for orchestrator, days in timelines.items()}

    # --- series ----------------------------------------------------------------------------------

    def gauges(self) -> Iterator[GaugeSample]:
        """
        The gauges of bottlenecks, recommendations, assignments and trends.
        """
        for (orchestrator, window), insights in self.by_window().items():
            for bottleneck in insights.bottlenecks[:INSIGHT_SERIES_LIMIT]:
                labels = (*orchestrator, bottleneck.kind, bottleneck.subject, window)
                yield m.BOTTLENECK_IMPACT, labels, bottleneck.impact_score
            for advice in insights.recommendations[:INSIGHT_SERIES_LIMIT]:
                labels = (*orchestrator, advice.kind, advice.subject, advice.rule, window)
                yield m.RECOMMENDATION_IMPACT, labels, advice.impact_score
            yield from _assignment_gauges(orchestrator, window, insights.assignments)
        yield from self._trend_gauges()

    def _compute_trend_gauges(self) -> list[GaugeSample]:
        return [
            gauge
            for window in TREND_BUCKETS
            for orchestrator, line in self.timelines(window).items()
            for gauge in _trend_gauges(orchestrator, line, window)
        ]

    # --- the head --------------------------------------------------------------------------------

    def _analysis_windows(self, now_ns: int) -> dict[tuple[OrchestratorLabels, str], AnalysisWindow]:
        hours_windows = (*WINDOWS, *(before(window) for window in WINDOWS))
        with self._pipeline.lock:
            head = self._pipeline.head
            minutes = head.windows.snapshot(now_ns, WINDOWS)
            hours = head.history.snapshot(now_ns, hours_windows)
            examples = head.examples.copy()
            running, running_ns = _running(head, now_ns)
        nothing = {window: Totals({}) for window in hours_windows}
        return {
            (orchestrator, window): AnalysisWindow(
                orchestrator=orchestrator[0],
                name=window,
                now_ns=now_ns,
                minutes=minutes.get(orchestrator, nothing)[window],
                hours=hours.get(orchestrator, nothing)[window],
                baseline=hours.get(orchestrator, nothing)[before(window)],
                running_phases=running[orchestrator],
                running_sessions_ns=running_ns[orchestrator],
                examples=_examples_since(
                    examples, orchestrator, HOURS.ranges(now_ns)[window].start * HOUR_NS
                ),
            )
            for orchestrator in sorted({*minutes, *hours, *running_ns})
            for window in WINDOWS
        }


def _insights_of(window: AnalysisWindow) -> WindowInsights:
    detected = bottlenecks(window)
    advice = recommendations(window, detected)
    with_series: list[Assignment] = []
    if window.name == ASSIGNMENT_WINDOW:
        rated = [
            assignment for assignment in assignments(window.minutes, window.hours) if assignment.effectiveness
        ]
        with_series = nlargest(ASSIGNMENT_SERIES_LIMIT, rated, key=lambda assignment: assignment.tasks)
    return WindowInsights(window, detected[:INSIGHTS_LIMIT], advice[:INSIGHTS_LIMIT], with_series)


def _examples_since(
    examples: ExampleSessions, orchestrator: OrchestratorLabels, since_ns: int
) -> Callable[[ExampleKind, tuple[str, ...]], list[ExampleSession]]:
    return lambda kind, labels: examples.of((orchestrator, (kind, *labels)), since_ns)


def _running(
    head: Head, now_ns: int
) -> tuple[defaultdict[OrchestratorLabels, list[RunningPhase]], defaultdict[OrchestratorLabels, int]]:
    """
    By orchestrator, the running phases of running sessions, and how long those sessions have run. A
    session that waits for a person is neither slow nor running.
    """
    running: defaultdict[OrchestratorLabels, list[RunningPhase]] = defaultdict(list)
    running_ns: defaultdict[OrchestratorLabels, int] = defaultdict(int)
    for session in head.sessions:
        if not session.running or session.waiting:
            continue
        orchestrator = head.series.shown_orchestrator(session.orchestrator)
        running_ns[orchestrator] += ran_ns(session, now_ns)
        running[orchestrator] += _running_phases(session, head.series, now_ns)
    return running, running_ns


def _running_phases(session: SessionState, series: SeriesRegistry, now_ns: int) -> Iterator[RunningPhase]:
    for name, phase in session.phases.items():
        if phase.running and phase.start_ns:
            yield RunningPhase(
                pattern=series.shown(session.orchestrator, "pattern", session.pattern),
                phase=series.shown(session.orchestrator, "phase", name),
                # Less than it took where the session waited before the phase began: never too much.
                elapsed_ns=max(0, now_ns - phase.start_ns - session.waiting_ns(now_ns)),
                planned_ns=phase.planned_ns,
                session=session.id,
                trace_id=session.trace_id,
            )


def _reference_costs(days: Timeline) -> dict[str, float]:
    return {
        pattern: usd
        for pattern, costs in daily_costs(days).items()
        if (usd := reference_cost_usd(costs)) is not None
    }


def _assignment_gauges(
    orchestrator: OrchestratorLabels, window: str, rated: Iterable[Assignment]
) -> Iterator[GaugeSample]:
    for assignment in rated:
        effectiveness = assignment.effectiveness
        if effectiveness is None:
            continue
        labels = (*orchestrator, assignment.pattern, assignment.droid, window)
        values = (effectiveness.lower_bound, effectiveness.expected_ratio)
        for spec, value in zip(m.ASSIGNMENTS_JUDGED, values, strict=True):
            yield spec, labels, value
            yield m.samples_of(spec), labels, effectiveness.n


def _trend_gauges(
    orchestrator: OrchestratorLabels, line: Timeline, window: TrendWindow
) -> Iterator[GaugeSample]:
    for trend in droid_trends(line, window):
        labels = (*orchestrator, trend.droid, window)
        if trend.analysis.volatility is not None:
            yield m.DROID_QUALITY_VOLATILITY, labels, trend.analysis.volatility
        if trend.analysis.slope_per_week is not None:
            yield m.DROID_QUALITY_TREND, labels, trend.analysis.slope_per_week
            yield m.DROID_QUALITY_DIRECTION, labels, _DIRECTIONS[trend.analysis.direction]
