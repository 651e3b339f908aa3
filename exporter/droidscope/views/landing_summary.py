"""
The numbers of the landing page and of `/api/v1/summary`: a few, of now.

None means "not known": JSON has null, the page a dash. It is never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome
from droidscope.conventions.insight_kinds import DroidStatus
from droidscope.exposition.text import GaugeSample
from droidscope.head.head import Head
from droidscope.head.live import droids_at_work, foreign_sessions, progress_ratio, session_state
from droidscope.insights.alerts import LEVELS, ActiveAlert, Level, alert_level
from droidscope.insights.insight_types import Bottleneck, Recommendation
from droidscope.kpi.catalog import gauges
from droidscope.model.labels import OrchestratorLabels
from droidscope.series.series_registry import SeriesRegistry
from droidscope.sessions.session_state import SessionState
from droidscope.units import SECOND_NS
from droidscope.views.droid_status import DroidSnapshot
from droidscope.views.head_reader import HeadReader

SUMMARY_WINDOW: Final = "24h"
LINES_LIMIT: Final = 20
"""
Sessions, and droids, that the landing page lists.
"""
ALERTS_LIMIT: Final = 50
INSIGHTS_LIMIT: Final = 5
"""
Bottlenecks, and recommendations, that the landing page lists.
"""

_Insight = TypeVar("_Insight", Bottleneck, Recommendation)


class Ratio(Struct, frozen=True):
    """
    A ratio from 0 to 1, and its denominator: the number of samples.
    """

    value: float | None = None
    samples: int | None = None


class DroidLine(Struct, frozen=True):
    """
    A droid, its efficiency score from 0 to 100 over *samples* tasks, and its status over 24 h.

    *attempts_active* is how many of its attempts are in flight, *attempts_limit* how many may be, None
    where that is not configured.
    """

    orchestrator: str
    droid: str
    efficiency: float | None = None
    samples: int = 0
    status: DroidStatus | None = None
    attempts_active: int | None = None
    attempts_limit: int | None = None


class SessionLine(Struct, frozen=True):
    """
    A session that has not ended. *start_seconds* is a Unix time, *progress* a ratio from 0 to 1; *state* is
    one of running, waiting, silent, stalled; *droids* and *conflicts* are counts. *waiting_since_seconds* is
    since when it waits for a person, None if it does not.
    """

    orchestrator: str
    session: str
    pattern: str
    phase: str = ""
    state: str = "running"
    start_seconds: float | None = None
    progress: float | None = None
    droids: int | None = None
    conflicts: int | None = None
    waiting_since_seconds: float | None = None


class LandingSummary(Struct, frozen=True):
    """
    The numbers of the landing page. Counts are over all orchestrators and the life of the store.

    *time_seconds* is when they were read, Unix; *active_sessions* are running ones, *waiting* those that wait
    for a person, *completed*, *failed*, *lost*, *cancelled* and *unknown* ended ones; *session_success* and
    *attempt_errors* cover 24 h, and so do *bottlenecks* and *recommendations*, highest impact first.
    *alerts* are the most severe first, of *alerts_total*; *droids* the most efficient first, *sessions* the
    oldest first. All lists are cut to what a page can show; *droid_statuses* counts every droid.
    """

    time_seconds: float | None = None
    active_sessions: int | None = None
    waiting_sessions: int | None = None
    completed_sessions: int | None = None
    failed_sessions: int | None = None
    lost_sessions: int | None = None
    cancelled_sessions: int | None = None
    unknown_sessions: int | None = None
    completed_tasks: int | None = None
    failed_tasks: int | None = None
    messages: int | None = None
    session_success: Ratio = Ratio()
    attempt_errors: Ratio = Ratio()
    droids: tuple[DroidLine, ...] | None = None
    sessions: tuple[SessionLine, ...] | None = None
    droid_statuses: dict[DroidStatus, int] | None = None
    alert_level: Level | None = None
    alerts: tuple[ActiveAlert, ...] | None = None
    alerts_total: int | None = None
    bottlenecks: tuple[Bottleneck, ...] | None = None
    recommendations: tuple[Recommendation, ...] | None = None


def build_summary(reader: HeadReader) -> LandingSummary:
    """
    The summary as of now, over all orchestrators.
    """
    now_ns = reader.now_ns()
    limits = reader.settings.droid_limits
    kpis = _KpiLookup(gauges(reader.window_totals(m.WINDOWS)))
    droids = reader.droids(now_ns)
    alerts = [alert for active in reader.active_alerts(now_ns).values() for alert in active]
    alerts.sort(key=lambda alert: -LEVELS.index(alert.severity.value))
    insights = [item for (_, window), item in reader.insights.by_window().items() if window == SUMMARY_WINDOW]
    with reader.locked_head() as (head, clock_ns):
        head.baselines.refresh(now_ns)
        current = _current_sessions(head)
        waiting = sum(session.waiting for session in current)
        return LandingSummary(
            time_seconds=now_ns / SECOND_NS,
            active_sessions=len(current) - waiting,
            waiting_sessions=waiting,
            completed_sessions=_count(head.series, m.SESSIONS, Outcome.COMPLETED),
            failed_sessions=_count(head.series, m.SESSIONS, Outcome.FAILED),
            lost_sessions=_count(head.series, m.SESSIONS, Outcome.LOST),
            cancelled_sessions=_count(head.series, m.SESSIONS, Outcome.CANCELLED),
            unknown_sessions=_count(head.series, m.SESSIONS, Outcome.UNKNOWN),
            completed_tasks=_count(head.series, m.TASKS, Outcome.COMPLETED),
            failed_tasks=_count(head.series, m.TASKS, Outcome.FAILED),
            messages=_count(head.series, m.MESSAGES),
            session_success=kpis.pooled(m.SESSION_SUCCESS_RATIO),
            attempt_errors=kpis.pooled(m.ERROR_RATIO),
            droids=_droid_lines(droids, kpis, limits),
            sessions=tuple(_session_line(session, head, clock_ns) for session in current[:LINES_LIMIT]),
            droid_statuses=dict(Counter(snapshot.status for snapshot in droids.values())),
            alert_level=alert_level(alerts),
            alerts=tuple(alerts[:ALERTS_LIMIT]),
            alerts_total=len(alerts),
            bottlenecks=_top(bottleneck for item in insights for bottleneck in item.bottlenecks),
            recommendations=_top(advice for item in insights for advice in item.recommendations),
        )


def _current_sessions(head: Head) -> Sequence[SessionState]:
    """
    The sessions that have not ended, the oldest first.
    """
    current = [*(session for session in head.sessions if session.running), *foreign_sessions(head)]
    return sorted(current, key=lambda session: (session.start_ns, session.id))


def _count(series: SeriesRegistry, spec: m.MetricSpec, outcome: Outcome | None = None) -> int | None:
    """
    A counter's total, of one outcome or of all.
    """
    total = series.total(spec) if outcome is None else series.total(spec, outcome=outcome)
    return None if total is None else round(total)


def _top(insights: Iterable[_Insight]) -> tuple[_Insight, ...]:
    """
    Those with the highest impact, over all orchestrators.
    """
    return tuple(sorted(insights, key=lambda insight: -insight.impact_score)[:INSIGHTS_LIMIT])


def _session_line(session: SessionState, head: Head, clock_ns: int) -> SessionLine:
    since_ns = session.waiting_since_ns
    return SessionLine(
        orchestrator=session.orchestrator[0],
        session=session.id,
        pattern=session.pattern,
        phase=session.phase,
        state=session_state(session, head, clock_ns),
        start_seconds=session.start_ns / SECOND_NS,
        progress=progress_ratio(session, head.baselines),
        droids=len(droids_at_work(session)),
        conflicts=len(session.conflicts),
        waiting_since_seconds=None if since_ns is None else since_ns / SECOND_NS,
    )


class _KpiLookup:
    """
    The KPI gauges of the summary's window, by name and labels.
    """

    def __init__(self, kpis: Iterable[GaugeSample]) -> None:
        self._values = {
            (spec.name, labels): value for spec, labels, value in kpis if labels[-1] == SUMMARY_WINDOW
        }

    def series_of(self, spec: m.MetricSpec) -> list[tuple[tuple[str, ...], float, int]]:
        """
        Labels, value and sample count of each series of *spec*.
        """
        samples = m.samples_of(spec).name
        return [
            (labels, value, round(self._values.get((samples, labels), 0)))
            for (name, labels), value in self._values.items()
            if name == spec.name
        ]

    def pooled(self, spec: m.MetricSpec) -> Ratio:
        """
        A ratio over all orchestrators: the sum of numerators over the sum of denominators.
        """
        quotients = [(value * samples, samples) for _, value, samples in self.series_of(spec)]
        total = sum(samples for _, samples in quotients)
        return Ratio(sum(numerator for numerator, _ in quotients) / total if total else None, total)


def _droid_lines(
    droids: Mapping[tuple[OrchestratorLabels, str], DroidSnapshot],
    kpis: _KpiLookup,
    limits: Mapping[str, int],
) -> tuple[DroidLine, ...]:
    """
    The droids with the highest efficiency scores, then those without one.
    """
    scores = {
        (labels[:-2], labels[-2]): (value, samples)
        for labels, value, samples in kpis.series_of(m.DROID_EFFICIENCY_SCORE)
    }
    unknown: tuple[float | None, int] = (None, 0)
    lines = []
    for (orchestrator, droid), snapshot in droids.items():
        score, samples = scores.get((orchestrator, droid), unknown)
        lines.append(
            DroidLine(
                orchestrator=orchestrator[0],
                droid=droid,
                efficiency=score,
                samples=samples,
                status=snapshot.status,
                attempts_active=snapshot.attempts_active,
                attempts_limit=limits.get(droid),
            )
        )
    lines.sort(key=lambda line: (-(line.efficiency or 0), line.orchestrator, line.droid))
    return tuple(lines[:LINES_LIMIT])
