"""
The parts of the metrics page, as they are read from the head.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from droidscope.conventions import metrics as m
from droidscope.exposition.page import Part
from droidscope.exposition.renderer import Renderer
from droidscope.exposition.text import Block, Format, GaugeSample
from droidscope.head.live import completeness_gauges, live_gauges
from droidscope.insights.alerts import LEVELS, alert_level, alert_severities
from droidscope.kpi.catalog import gauges
from droidscope.selfmetrics import SelfMetrics
from droidscope.store.store import Store
from droidscope.views.droid_status import droid_gauges
from droidscope.views.head_reader import HeadReader


class MetricsPageParts:
    """
    The parts of one exporter's metrics page.
    """

    def __init__(self, reader: HeadReader, store: Store, self_metrics: SelfMetrics) -> None:
        self._reader = reader
        self._store = store
        self._self_metrics = self_metrics

    def by_name(self, renderer: Renderer) -> Mapping[str, Part]:
        """
        All parts, rendered by *renderer*.
        """
        return {
            "series": lambda form: self._series(renderer, form),
            "live": lambda form: renderer.gauges(self.live(), form),
            "kpi": lambda form: renderer.gauges(self.kpis(), form),
            "droids": lambda form: renderer.gauges(self.droids(), form),
            "findings": lambda form: renderer.gauges(self._reader.insights.gauges(), form),
            "alerts": lambda form: renderer.gauges(self.alerts(), form),
            "store": lambda form: renderer.gauges(self._store_gauges(), form),
            "process": self._self_metrics.blocks,
        }

    def _series(self, renderer: Renderer, form: Format) -> Iterable[Block]:
        with self._reader.locked_head() as (head, clock_ns):
            return list(renderer.cumulative(head.series.families(clock_ns), form))

    def live(self) -> list[GaugeSample]:
        """
        The live gauges: sessions, phases and attempts that run.
        """
        with self._reader.locked_head() as (head, clock_ns):
            return list(live_gauges(head, clock_ns, self._reader.now_ns()))

    def kpis(self) -> list[GaugeSample]:
        """
        The KPI gauges of each window.
        """
        references_usd = self._reader.insights.reference_costs_usd()
        totals = self._reader.window_totals(m.WINDOWS)
        return list(gauges(totals, self._reader.settings.budgets_usd, references_usd))

    def droids(self) -> Iterator[GaugeSample]:
        """
        The status of each droid, and the limit of those that have one.
        """
        return droid_gauges(self._reader.droids(self._reader.now_ns()), self._reader.settings.droid_limits)

    def alerts(self) -> Iterator[GaugeSample]:
        """
        For each orchestrator the number of active alerts by name, 0 too, and its alert level.
        """
        for name, active in self._reader.active_alerts(self._reader.now_ns()).items():
            orchestrator = (name, *("" for _ in self._reader.settings.resource_labels))
            counts = Counter((alert.name, alert.severity) for alert in active)
            for alert in alert_severities(name, self._reader.settings.alert_limits):
                yield m.ALERTS_ACTIVE, (*orchestrator, *alert), counts[alert]
            yield m.ALERT_LEVEL, orchestrator, LEVELS.index(alert_level(active))

    def _store_gauges(self) -> Iterator[GaugeSample]:
        with self._reader.locked_head() as (head, clock_ns):
            yield m.OPEN_SESSIONS, (), len(head.sessions) + len(head.foreign)
            yield m.STORE_RECORDS, (), head.series.total(m.RECORDS) or 0
            completeness = list(completeness_gauges(head, clock_ns))
            label_values = list(head.series.label_values())
        yield m.STORE_BYTES, (), self._store.size_bytes
        yield m.STORE_FREE_BYTES, (), self._store.free_bytes
        yield from completeness
        yield from label_values
