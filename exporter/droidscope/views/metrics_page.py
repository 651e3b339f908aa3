"""
What the exporter shows of its head: the parts of the metrics page, and the landing page's summary.

Reading takes the pipeline's lock for as long as it copies; rendering happens outside of it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeVar

from droidscope.conventions import metrics as m
from droidscope.conventions.attributes import Outcome
from droidscope.exposition.page import Part
from droidscope.exposition.text import Block, Format, GaugeSample, Renderer
from droidscope.facts.facts import Key
from droidscope.head.head import Head
from droidscope.head.live import (
    completeness_gauges,
    droids_at_work,
    foreign_sessions,
    live_gauges,
    progress_ratio,
    session_state,
)
from droidscope.insights import alerts as a
from droidscope.insights.bottlenecks import Bottleneck
from droidscope.insights.recommendations import Recommendation
from droidscope.kpi.catalog import gauges as kpi_gauges
from droidscope.model.labels import OrchestratorLabels
from droidscope.pipeline import Pipeline
from droidscope.selfmetrics import SelfMetrics
from droidscope.sessions.session_state import SessionState
from droidscope.store.store import Store
from droidscope.units import SECOND_NS
from droidscope.views.alert_inputs import gathered
from droidscope.views.droid_status import DroidNow, droid_gauges, droids_now
from droidscope.views.insight_cache import InsightCache
from droidscope.views.summary import DroidLine, Ratio, SessionLine, Summary
from droidscope.views.view_settings import ViewSettings

_Found = TypeVar("_Found", Bottleneck, Recommendation)

SUMMARY_WINDOW: Final = "24h"
SHOWN: Final = 20
"""
Sessions and droids the landing page lists.
"""
ALERTS_SHOWN: Final = 50
FINDINGS_SHOWN: Final = 5


class Views:
    """
    Reads one exporter; *wall_ns* gives Unix time.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        store: Store,
        meter: SelfMetrics,
        settings: ViewSettings | None = None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.retrospect = InsightCache(pipeline, wall_ns)
        self._settings = settings or ViewSettings()
        self._wall_ns = wall_ns
        self._pipeline = pipeline
        self._store = store
        self._meter = meter

    def parts(self, renderer: Renderer) -> Mapping[str, Part]:
        """
        The parts of the metrics page, by name.
        """
        return {
            "series": lambda form: self._series(renderer, form),
            "live": lambda form: renderer.gauges(self.live(), form),
            "kpi": lambda form: renderer.gauges(self.kpis(), form),
            "droids": lambda form: renderer.gauges(self.droid_gauges(), form),
            "findings": lambda form: renderer.gauges(self.retrospect.gauges(), form),
            "alerts": lambda form: renderer.gauges(self.alert_gauges(), form),
            "store": lambda form: renderer.gauges(self._store_gauges(), form),
            "process": self._meter.blocks,
        }

    def _series(self, renderer: Renderer, form: Format) -> Iterable[Block]:
        with self._pipeline.lock:
            shown = self._pipeline.head.series.families(self._pipeline.uptime_ns())
            return list(renderer.cumulative(shown, form))

    def live(self) -> list[GaugeSample]:
        """
        The live gauges as of now.
        """
        with self._pipeline.lock:
            return list(live_gauges(self._pipeline.head, self._pipeline.uptime_ns(), self._wall_ns()))

    def kpis(self) -> list[GaugeSample]:
        """
        The KPI gauges as of now.
        """
        references_usd = self.retrospect.references_usd()
        return list(kpi_gauges(self._totals(), self._settings.budgets_usd, references_usd))

    def _totals(self) -> dict[OrchestratorLabels, dict[str, dict[Key, int]]]:
        with self._pipeline.lock:
            return self._pipeline.head.windows.snapshot(self._wall_ns(), m.WINDOWS)

    def droid_gauges(self) -> Iterator[GaugeSample]:
        """
        The status of each droid, and the limit of those that have one.
        """
        now = droids_now(self._pipeline, self._settings.droid_limits, self._wall_ns())
        return droid_gauges(now, self._settings.droid_limits)

    def alerts(self) -> dict[str, list[a.ActiveAlert]]:
        """
        The active alerts as of now, by orchestrator; the list is empty where all is well.
        """
        now_ns, limits = self._wall_ns(), self._settings.alert_limits
        with self._pipeline.lock:
            head, clock_ns = self._pipeline.head, self._pipeline.uptime_ns()
            evidence = gathered(head, clock_ns, now_ns, limits)
        return {name: a.alerts(name, each, now_ns, limits) for name, each in evidence.items()}

    def alert_gauges(self) -> Iterator[GaugeSample]:
        """
        How many subjects breach each limit, 0 too, and the level, of each orchestrator.
        """
        limits = self._settings.alert_limits
        for name, active in self.alerts().items():
            who = (name, *("" for _ in self._settings.resource_labels))
            breaches = Counter((alert.name, alert.severity) for alert in active)
            for alert in a.alert_severities(name, limits):
                yield m.ALERTS_ACTIVE, (*who, *alert), breaches[alert]
            yield m.ALERT_LEVEL, who, a.LEVELS.index(a.alert_level(active))

    def _store_gauges(self) -> Iterator[GaugeSample]:
        with self._pipeline.lock:
            head = self._pipeline.head
            yield m.OPEN_SESSIONS, (), len(head.sessions) + len(head.foreign)
            yield m.STORE_RECORDS, (), head.series.total(m.RECORDS) or 0
            completeness = list(completeness_gauges(head, self._pipeline.uptime_ns()))
            label_values = list(head.series.label_values())
        yield m.STORE_BYTES, (), self._store.size_bytes
        yield m.STORE_FREE_BYTES, (), self._store.free_bytes
        yield from completeness
        yield from label_values

    # --- the landing page ----------------------------------------------------------------------

    def summary(self) -> Summary:
        """
        The numbers of the landing page, over all orchestrators.
        """
        now_ns = self._wall_ns()
        kpis = _KpiLookup(kpi_gauges(self._totals()))
        droids = droids_now(self._pipeline, self._settings.droid_limits, now_ns)
        active = [alert for alerts in self.alerts().values() for alert in alerts]
        active.sort(key=lambda alert: -a.LEVELS.index(alert.severity.value))
        found = [each for (_, of), each in self.retrospect.findings().items() if of == SUMMARY_WINDOW]
        with self._pipeline.lock:
            head, clock_ns = self._pipeline.head, self._pipeline.uptime_ns()
            series = head.series
            head.baselines.refresh(now_ns)
            running = [*(session for session in head.sessions if session.running), *foreign_sessions(head)]
            running.sort(key=lambda session: (session.start_ns, session.id))
            return Summary(
                time_seconds=now_ns / SECOND_NS,
                active_sessions=len(running),
                completed_sessions=_count(series.total(m.SESSIONS, outcome=Outcome.COMPLETED)),
                failed_sessions=_count(series.total(m.SESSIONS, outcome=Outcome.FAILED)),
                lost_sessions=_count(series.total(m.SESSIONS, outcome=Outcome.LOST)),
                completed_tasks=_count(series.total(m.TASKS, outcome=Outcome.COMPLETED)),
                failed_tasks=_count(series.total(m.TASKS, outcome=Outcome.FAILED)),
                messages=_count(series.total(m.MESSAGES)),
                session_success=kpis.pooled(m.SESSION_SUCCESS_RATIO),
                attempt_errors=kpis.pooled(m.ERROR_RATIO),
                droids=kpis.best_droids(droids, self._settings.droid_limits),
                sessions=tuple(_line(session, head, clock_ns) for session in running[:SHOWN]),
                droid_statuses=dict(Counter(each.status for each in droids.values())),
                alert_level=a.alert_level(active),
                alerts=tuple(active[:ALERTS_SHOWN]),
                alerts_total=len(active),
                bottlenecks=_weightiest(each for one in found for each in one.bottlenecks),
                recommendations=_weightiest(each for one in found for each in one.recommendations),
            )


def _weightiest(found: Iterable[_Found]) -> tuple[_Found, ...]:
    """
    Those of most impact, over all orchestrators.
    """
    return tuple(sorted(found, key=lambda each: -each.impact_score)[:FINDINGS_SHOWN])


def _count(total: float | None) -> int | None:
    return None if total is None else round(total)


def _line(session: SessionState, head: Head, clock_ns: int) -> SessionLine:
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
    )


class _KpiLookup:
    """
    The KPI gauges of one window, by name and labels.
    """

    def __init__(self, gauges: Iterable[GaugeSample]) -> None:
        self._values = {
            (spec.name, labels): value for spec, labels, value in gauges if labels[-1] == SUMMARY_WINDOW
        }

    def of(self, spec: m.MetricSpec) -> list[tuple[tuple[str, ...], float, int]]:
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
        parts = [(value * samples, samples) for _, value, samples in self.of(spec)]
        total = sum(samples for _, samples in parts)
        return Ratio(sum(good for good, _ in parts) / total if total else None, total)

    def best_droids(
        self, now: Mapping[tuple[OrchestratorLabels, str], DroidNow], limits: Mapping[str, int]
    ) -> tuple[DroidLine, ...]:
        """
        The droids with the highest efficiency scores, then those without one; *now* has all that are known.
        """
        scores = {
            (labels[:-2], labels[-2]): (value, samples)
            for labels, value, samples in self.of(m.DROID_EFFICIENCY_SCORE)
        }
        unknown: tuple[float | None, int] = (None, 0)
        lines = []
        for (who, droid), each in now.items():
            score, samples = scores.get((who, droid), unknown)
            limit = limits.get(droid)
            lines.append(DroidLine(who[0], droid, score, samples, each.status, each.attempts_active, limit))
        lines.sort(key=lambda line: (-(line.efficiency or 0), line.orchestrator, line.droid))
        return tuple(lines[:SHOWN])
