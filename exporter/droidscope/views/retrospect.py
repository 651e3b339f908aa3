"""
What is known in retrospect: findings, trends and assignments of all orchestrators.

Copies what it needs under the pipeline's lock, and thinks outside of it. Findings are at most ten
seconds old, so that dashboards and people who ask at once share the work.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from droidscope.conventions import metrics as m
from droidscope.conventions.metrics import WINDOWS
from droidscope.exposition.text import GaugeSample
from droidscope.head.exhibits import Exhibits
from droidscope.head.head import Head
from droidscope.insights.assignments import assignments
from droidscope.insights.bottlenecks import Bottleneck, bottlenecks
from droidscope.insights.look import Look, RunningPhase
from droidscope.insights.outlook import (
    TREND_BUCKETS,
    TrendWindow,
    daily_costs,
    droid_trends,
)
from droidscope.insights.recommendations import Recommendation, recommendations
from droidscope.kpi.facts import NANO, Key
from droidscope.kpi.history import HOUR_NS, HOURS, Timeline, before, hours_over, timeline
from droidscope.kpi.patterns import reference_cost_usd
from droidscope.kpi.trends import Direction
from droidscope.model.evidence import Exhibit, Shows
from droidscope.pipeline import Pipeline

Orchestrator = tuple[str, ...]

AGE_NS: Final = 10 * NANO
"""
Findings are made anew when they are older.
"""
TRENDS_AGE_NS: Final = 60 * NANO
"""
So are trends, which look at hours and days that are over.
"""
SHOWN: Final = 100
"""
Findings of a kind that an orchestrator has series of, in each window: the weightiest.
"""
ASSIGNMENT_WINDOW: Final = "7d"
_DIRECTIONS: Final = {Direction.IMPROVING: 1, Direction.STABLE: 0, Direction.DECLINING: -1}


class Findings(NamedTuple):
    """
    What was found in one orchestrator's window, the weightiest first, and what it was found in.
    """

    look: Look
    bottlenecks: list[Bottleneck]
    recommendations: list[Recommendation]


class Retrospect:
    """
    Looks back on one exporter's head; *wall_ns* gives Unix time.
    """

    def __init__(self, pipeline: Pipeline, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._pipeline = pipeline
        self._wall_ns = wall_ns
        self._lock = threading.Lock()
        self._found: dict[tuple[Orchestrator, str], Findings] = {}
        self._found_ns: int | None = None
        self._trend_gauges: list[GaugeSample] = []
        self._trends_ns: int | None = None
        self._references: dict[Orchestrator, dict[str, float]] = {}
        self._references_hour: int | None = None

    def findings(self) -> Mapping[tuple[Orchestrator, str], Findings]:
        """
        What was found, by orchestrator and window.
        """
        now_ns = self._wall_ns()
        with self._lock:
            if self._found_ns is None or not 0 <= now_ns - self._found_ns < AGE_NS:
                self._found = {key: _found(look) for key, look in self._looks(now_ns).items()}
                self._found_ns = now_ns
            return self._found

    def timelines(self, window: TrendWindow) -> dict[Orchestrator, Timeline]:
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

    def references_usd(self) -> Mapping[Orchestrator, Mapping[str, float]]:
        """
        What a success of each pattern usually costs: the median over 30 days; at most an hour old.
        """
        hour = self._wall_ns() // HOUR_NS
        with self._lock:
            if hour != self._references_hour:
                self._references = {who: _references(days) for who, days in self.timelines("30d").items()}
                self._references_hour = hour
            return self._references

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
            if window == ASSIGNMENT_WINDOW:
                yield from _assignment_gauges(who, each.look)
        yield from self._trends()

    def _trends(self) -> list[GaugeSample]:
        now_ns = self._wall_ns()
        with self._lock:
            if self._trends_ns is None or not 0 <= now_ns - self._trends_ns < TRENDS_AGE_NS:
                self._trend_gauges = [
                    gauge
                    for window in TREND_BUCKETS
                    for who, line in self.timelines(window).items()
                    for gauge in _trend_gauges(who, line, window)
                ]
                self._trends_ns = now_ns
            return self._trend_gauges

    # --- the head --------------------------------------------------------------------------------

    def _looks(self, now_ns: int) -> dict[tuple[Orchestrator, str], Look]:
        hours_windows = (*WINDOWS, *(before(window) for window in WINDOWS))
        with self._pipeline.lock:
            head = self._pipeline.head
            minutes = head.windows.snapshot(now_ns, WINDOWS)
            hours = head.history.snapshot(now_ns, hours_windows)
            exhibits = head.exhibits.copy()
            running, running_ns = _running(head, now_ns)
        nothing: dict[str, dict[Key, int]] = {window: {} for window in hours_windows}
        found = {}
        for who in sorted({*minutes, *hours, *running_ns}):
            for window in WINDOWS:
                found[who, window] = Look(
                    who[0],
                    window,
                    now_ns,
                    minutes.get(who, nothing)[window],
                    hours.get(who, nothing)[window],
                    hours.get(who, nothing)[before(window)],
                    running[who],
                    running_ns[who],
                    _exhibits_since(exhibits, who, HOURS.ranges(now_ns)[window].start * HOUR_NS),
                )
        return found


def _found(look: Look) -> Findings:
    found = bottlenecks(look)
    return Findings(look, found, recommendations(look, found))


def _exhibits_since(
    exhibits: Exhibits, who: Orchestrator, since_ns: int
) -> Callable[[Shows, tuple[str, ...]], list[Exhibit]]:
    return lambda shows, labels: exhibits.of((who, (shows, *labels)), since_ns)


def _running(
    head: Head, now_ns: int
) -> tuple[defaultdict[Orchestrator, list[RunningPhase]], defaultdict[Orchestrator, int]]:
    """
    The phases under way of running sessions, and how long those sessions have taken, by orchestrator.
    """
    running: defaultdict[Orchestrator, list[RunningPhase]] = defaultdict(list)
    running_ns: defaultdict[Orchestrator, int] = defaultdict(int)
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


def _assignment_gauges(who: Orchestrator, look: Look) -> Iterator[GaugeSample]:
    for each in assignments(look.minutes, look.hours):
        judged = each.effectiveness
        if judged is None:
            continue
        labels = (*who, each.pattern, each.droid, look.window)
        values = (judged.lower_bound, judged.expected_ratio)
        for spec, value in zip(m.ASSIGNMENTS_JUDGED, values, strict=True):
            yield spec, labels, value
            yield m.samples_of(spec), labels, judged.n


def _trend_gauges(who: Orchestrator, line: Timeline, window: TrendWindow) -> Iterator[GaugeSample]:
    for each in droid_trends(line, window):
        labels = (*who, each.droid, window)
        if each.analysis.volatility is not None:
            yield m.DROID_QUALITY_VOLATILITY, labels, each.analysis.volatility
        if each.analysis.slope_per_week is not None:
            yield m.DROID_QUALITY_TREND, labels, each.analysis.slope_per_week
            yield m.DROID_QUALITY_DIRECTION, labels, _DIRECTIONS[each.analysis.direction]
