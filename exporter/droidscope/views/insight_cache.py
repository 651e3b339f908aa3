"""
What is known in retrospect: findings, trends and assignments of all orchestrators.

Copies what it needs under the pipeline's lock, and thinks outside of it. Findings are at most ten
seconds old, so that dashboards and people who ask at once share the work; where there is so much to
look at that finding takes long, they grow ten times as old as that took.
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
from droidscope.facts.facts import Key
from droidscope.facts.history import HOURS, Timeline, before, hours_over, timeline
from droidscope.head.head import Head
from droidscope.insights.analysis_window import AnalysisWindow, RunningPhase
from droidscope.insights.assignments import Assignment, assignments
from droidscope.insights.bottlenecks import Bottleneck, bottlenecks
from droidscope.insights.forecasts import TREND_BUCKETS, TrendWindow, daily_costs, droid_trends
from droidscope.insights.recommendations import Recommendation, recommendations
from droidscope.kpi.patterns import reference_cost_usd
from droidscope.kpi.trends import Direction
from droidscope.model.examples import ExampleKind, ExampleSession
from droidscope.model.labels import OrchestratorLabels
from droidscope.pipeline import Pipeline
from droidscope.recording.example_sessions import ExampleSessions
from droidscope.units import HOUR_NS, SECOND_NS

T = TypeVar("T")

AGE_NS: Final = 10 * SECOND_NS
"""
Findings are made anew when they are older.
"""
REST: Final = 10
"""
How many times as long as it took to find or follow them findings and trends are kept at least.
"""
FOUND: Final = 10_000
"""
Findings of a kind that an orchestrator has in each window: the weightiest.
"""
TRENDS_AGE_NS: Final = 60 * SECOND_NS
"""
So are trends, which look at hours and days that are over.
"""
SHOWN: Final = 100
"""
Findings of a kind that an orchestrator has series of, in each window: the weightiest.
"""
ASSIGNMENTS_SHOWN: Final = 1_000
"""
Assignments that an orchestrator has series of: those of the most tasks.
"""
_DIRECTIONS: Final = {Direction.IMPROVING: 1, Direction.STABLE: 0, Direction.DECLINING: -1}


class WindowInsights(NamedTuple):
    """
    What was found in one orchestrator's window, the weightiest first, and what it was found in;
    *assignments* are those that have series, of which only one window has any.
    """

    look: AnalysisWindow
    bottlenecks: list[Bottleneck]
    recommendations: list[Recommendation]
    assignments: list[Assignment]


class _TimedCache(Generic[T]):
    """
    What *make* makes, made anew once it is older than *age_ns* and than ten times what making it took.
    """

    def __init__(
        self,
        make: Callable[[], T],
        age_ns: int,
        wall_ns: Callable[[], int],
        timer_ns: Callable[[], int],
    ) -> None:
        self._make = make
        self._age_ns = age_ns
        self._wall_ns = wall_ns
        self._timer_ns = timer_ns
        self._lock = threading.Lock()
        self._kept: tuple[T, int, int] | None = None

    def __call__(self) -> T:
        """
        It, as few times anew as that allows; who asks meanwhile waits.
        """
        with self._lock:
            now_ns = self._wall_ns()
            if self._kept is not None:
                made, made_ns, age_ns = self._kept
                if 0 <= now_ns - made_ns < age_ns:
                    return made
            began_ns = self._timer_ns()
            made = self._make()
            age_ns = max(self._age_ns, REST * (self._timer_ns() - began_ns))
            self._kept = made, now_ns, age_ns
            return made


class InsightCache:
    """
    Looks back on one exporter's head; *wall_ns* gives Unix time, *timer_ns* tells how long finding takes.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        wall_ns: Callable[[], int] = time.time_ns,
        timer_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._pipeline = pipeline
        self._wall_ns = wall_ns
        self._findings = _TimedCache(self._find, AGE_NS, wall_ns, timer_ns)
        self._trends = _TimedCache(self._follow, TRENDS_AGE_NS, wall_ns, timer_ns)
        self._references = _TimedCache(self._cost, HOUR_NS, wall_ns, timer_ns)

    def findings(self) -> Mapping[tuple[OrchestratorLabels, str], WindowInsights]:
        """
        What was found, by orchestrator and window.
        """
        return self._findings()

    def _find(self) -> dict[tuple[OrchestratorLabels, str], WindowInsights]:
        return {key: _found(look) for key, look in self._looks(self._wall_ns()).items()}

    def timelines(self, window: TrendWindow) -> dict[OrchestratorLabels, Timeline]:
        """
        The buckets of a trend's window that are over, of each orchestrator.
        """
        size, count = TREND_BUCKETS[window]
        now_ns = self._wall_ns()
        hours = hours_over(now_ns, size, count)
        with self._pipeline.lock:
            history = self._pipeline.head.history
            history.advance(now_ns)
            packed = {who: history.buckets(who, hours) for who in history.orchestrators()}
        return {
            who: timeline(list(zip(hours, buckets, strict=True)), size) for who, buckets in packed.items()
        }

    def references_usd(self) -> Mapping[OrchestratorLabels, Mapping[str, float]]:
        """
        What a success of each pattern usually costs: the median over 30 days; at most an hour old.
        """
        return self._references()

    def _cost(self) -> dict[OrchestratorLabels, dict[str, float]]:
        return {who: _references(days) for who, days in self.timelines("30d").items()}

    # --- series ----------------------------------------------------------------------------------

    def gauges(self) -> Iterator[GaugeSample]:
        """
        The gauges of findings, assignments and trends.
        """
        found = self.findings()
        for (who, window), each in found.items():
            for bottleneck in each.bottlenecks[:SHOWN]:
                of = (*who, bottleneck.kind, bottleneck.subject, window)
                yield m.BOTTLENECK_IMPACT, of, bottleneck.impact_score
            for advice in each.recommendations[:SHOWN]:
                of = (*who, advice.kind, advice.subject, advice.rule, window)
                yield m.RECOMMENDATION_IMPACT, of, advice.impact_score
            yield from _assignment_gauges(who, window, each.assignments)
        yield from self._trends()

    def _follow(self) -> list[GaugeSample]:
        return [
            gauge
            for window in TREND_BUCKETS
            for who, line in self.timelines(window).items()
            for gauge in _trend_gauges(who, line, window)
        ]

    # --- the head --------------------------------------------------------------------------------

    def _looks(self, now_ns: int) -> dict[tuple[OrchestratorLabels, str], AnalysisWindow]:
        hours_windows = (*WINDOWS, *(before(window) for window in WINDOWS))
        with self._pipeline.lock:
            head = self._pipeline.head
            minutes = head.windows.snapshot(now_ns, WINDOWS)
            hours = head.history.snapshot(now_ns, hours_windows)
            examples = head.examples.copy()
            running, running_ns = _running(head, now_ns)
        nothing: dict[str, dict[Key, int]] = {window: {} for window in hours_windows}
        found = {}
        for who in sorted({*minutes, *hours, *running_ns}):
            for window in WINDOWS:
                found[who, window] = AnalysisWindow(
                    who[0],
                    window,
                    now_ns,
                    minutes.get(who, nothing)[window],
                    hours.get(who, nothing)[window],
                    hours.get(who, nothing)[before(window)],
                    running[who],
                    running_ns[who],
                    _exhibits_since(examples, who, HOURS.ranges(now_ns)[window].start * HOUR_NS),
                )
        return found


def _found(look: AnalysisWindow) -> WindowInsights:
    found = bottlenecks(look)
    advice = recommendations(look, found)
    judged: list[Assignment] = []
    if look.window == ASSIGNMENT_WINDOW:
        known = [each for each in assignments(look.minutes, look.hours) if each.effectiveness]
        judged = nlargest(ASSIGNMENTS_SHOWN, known, key=lambda each: each.tasks)
    return WindowInsights(look, found[:FOUND], advice[:FOUND], judged)


def _exhibits_since(
    examples: ExampleSessions, who: OrchestratorLabels, since_ns: int
) -> Callable[[ExampleKind, tuple[str, ...]], list[ExampleSession]]:
    return lambda shows, labels: examples.of((who, (shows, *labels)), since_ns)


def _running(
    head: Head, now_ns: int
) -> tuple[defaultdict[OrchestratorLabels, list[RunningPhase]], defaultdict[OrchestratorLabels, int]]:
    """
    The phases under way of running sessions, and how long those sessions have taken, by orchestrator.
    """
    running: defaultdict[OrchestratorLabels, list[RunningPhase]] = defaultdict(list)
    running_ns: defaultdict[OrchestratorLabels, int] = defaultdict(int)
    for session in head.sessions:
        if not session.running:
            continue
        who = head.series.who(session.orchestrator)
        running_ns[who] += max(0, now_ns - session.start_ns)
        for name, phase in session.phases.items():
            if phase.running and phase.start_ns:
                running[who].append(
                    RunningPhase(
                        head.series.shown(session.orchestrator, "pattern", session.pattern),
                        head.series.shown(session.orchestrator, "phase", name),
                        max(0, now_ns - phase.start_ns),
                        phase.planned_ns,
                        session.id,
                        session.trace_id,
                    )
                )
    return running, running_ns


def _references(days: Timeline) -> dict[str, float]:
    return {
        pattern: usd
        for pattern, costs in daily_costs(days).items()
        if (usd := reference_cost_usd(costs)) is not None
    }


def _assignment_gauges(
    who: OrchestratorLabels, window: str, shown: Iterable[Assignment]
) -> Iterator[GaugeSample]:
    for each in shown:
        judged = each.effectiveness
        if judged is None:
            continue
        labels = (*who, each.pattern, each.droid, window)
        values = (judged.lower_bound, judged.expected_ratio)
        for spec, value in zip(m.ASSIGNMENTS_JUDGED, values, strict=True):
            yield spec, labels, value
            yield m.samples_of(spec), labels, judged.n


def _trend_gauges(who: OrchestratorLabels, line: Timeline, window: TrendWindow) -> Iterator[GaugeSample]:
    for each in droid_trends(line, window):
        labels = (*who, each.droid, window)
        if each.analysis.volatility is not None:
            yield m.DROID_QUALITY_VOLATILITY, labels, each.analysis.volatility
        if each.analysis.slope_per_week is not None:
            yield m.DROID_QUALITY_TREND, labels, each.analysis.slope_per_week
            yield m.DROID_QUALITY_DIRECTION, labels, _DIRECTIONS[each.analysis.direction]
