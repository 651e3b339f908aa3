"""
What the exporter shows of its head: the parts of the metrics page, and the landing page's summary.

Reading takes the pipeline's lock for as long as it copies; rendering happens outside of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from droidscope.conventions import metrics as m
from droidscope.exposition.page import Part
from droidscope.exposition.text import Block, Format, GaugeSample, Renderer
from droidscope.head.live import live_gauges
from droidscope.kpi.catalog import gauges as kpi_gauges
from droidscope.pipeline import Pipeline
from droidscope.selfmetrics import SelfMetrics
from droidscope.store.store import Store


class Views:
    """
    Reads one exporter.
    """

    def __init__(self, pipeline: Pipeline, store: Store, meter: SelfMetrics) -> None:
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
            "store": lambda form: renderer.gauges(self._store_gauges(), form),
            "process": self._meter.blocks,
        }

    def _series(self, renderer: Renderer, form: Format) -> Iterable[Block]:
        with self._pipeline.lock:
            shown = self._pipeline.head.series.families(self._pipeline.uptime_ns())
            return list(renderer.cumulative(shown, form))

    def live(self) -> list[GaugeSample]:
        """
        The live gauges as of now, with label values as the counters have them.
        """
        with self._pipeline.lock:
            head = self._pipeline.head
            found = list(live_gauges(head, self._pipeline.uptime_ns(), time.time_ns()))
            return [(spec, self._admitted(spec, labels), value) for spec, labels, value in found]

    def _admitted(self, spec: m.MetricSpec, labels: tuple[str, ...]) -> tuple[str, ...]:
        own = len(labels) - len(spec.labels)
        orchestrator = labels[:own]
        series = self._pipeline.head.series
        return orchestrator + tuple(
            value if name == "session_id" else series.label(orchestrator, name, value)
            for name, value in zip(spec.labels, labels[own:], strict=True)
        )

    def kpis(self) -> list[GaugeSample]:
        """
        The KPI gauges as of now.
        """
        with self._pipeline.lock:
            return list(kpi_gauges(self._pipeline.head.windows, time.time_ns()))

    def _store_gauges(self) -> Iterator[GaugeSample]:
        with self._pipeline.lock:
            head = self._pipeline.head
            yield m.OPEN_SESSIONS, (), len(head.sessions) + len(head.foreign)
            yield m.STORE_RECORDS, (), head.series.total(m.RECORDS) or 0
            label_values = list(head.series.label_values())
        yield m.STORE_BYTES, (), self._store.size_bytes
        yield m.STORE_FREE_BYTES, (), self._store.free_bytes
        yield from label_values
