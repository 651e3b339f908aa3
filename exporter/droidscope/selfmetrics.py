"""
The exporter's metrics about its own process; they start over when it restarts.

Few and ordinary, so prometheus_client's types hold and render them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client import exposition as text_format
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics_format
from prometheus_client.registry import Collector

from droidscope.conventions.metrics import (
    BUILD_INFO,
    FSYNC_DURATION,
    INGEST_DURATION,
    LAST_RECEIPT,
    QUEUE_BYTES,
    QUEUE_LIMIT_BYTES,
    RECEIVED,
    REJECTED,
    MetricSpec,
)
from droidscope.conventions.reasons import Reason
from droidscope.exposition.text import Block, Format
from droidscope.ingest.sink import Signal, Transport
from droidscope.series.label_limits import OTHER

OUTCOMES: Final = ("stored", "duplicate", "ignored", "rejected")
"""
The outcomes of an item received.
"""

MAX_ORCHESTRATORS: Final = 1_000
"""
Orchestrators with a series of their own here; later ones share one.
"""


class SelfMetrics:
    """
    Counts what this process receives and how long it takes. All methods may be called by any thread.

    *version* is the exporter's own, *queue_limit_bytes* the size at which the queue is full.
    """

    def __init__(self, version: str, queue_limit_bytes: int) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._received = Counter(RECEIVED.name, RECEIVED.help, RECEIVED.labels, registry=self._registry)
        self._rejected = Counter(REJECTED.name, REJECTED.help, REJECTED.labels, registry=self._registry)
        self._ingest = self._histogram(INGEST_DURATION)
        self._fsync = self._histogram(FSYNC_DURATION)
        self._queue = self._gauge(QUEUE_BYTES)
        self._last_receipt = self._gauge(LAST_RECEIPT)
        self._orchestrators: set[str] = set()
        self._gauge(QUEUE_LIMIT_BYTES).set(queue_limit_bytes)
        self._expose_zeros()
        self._gauge(BUILD_INFO).labels(version).set(1)

    def _expose_zeros(self) -> None:
        """
        Expose every label set at 0 from the start, so that `increase()` sees its first event.
        """
        for signal, transport, outcome in product(Signal, Transport, OUTCOMES):
            self._received.labels(signal.label, transport.value, outcome)
        for reason in Reason:
            self._rejected.labels(reason.value)

    def _histogram(self, spec: MetricSpec) -> Histogram:
        return Histogram(spec.name, spec.help, spec.labels, buckets=spec.bounds, registry=self._registry)

    def _gauge(self, spec: MetricSpec) -> Gauge:
        return Gauge(spec.name, spec.help, spec.labels, registry=self._registry)

    def received(self, signal: str, transport: str, outcome: str, n: int = 1) -> None:
        """
        Count *n* spans, log records or metric points, by outcome.
        """
        self._received.labels(signal, transport, outcome).inc(n)

    def rejected(self, reason: str, n: int = 1) -> None:
        """
        Count *n* refused requests or items, by `Reason`.
        """
        self._rejected.labels(str(reason)).inc(n)

    def ingest_seconds(self, seconds: float) -> None:
        """
        Observe the time from the receipt of a request to its acknowledgement.
        """
        self._ingest.observe(seconds)

    def fsync_seconds(self, seconds: float) -> None:
        """
        Observe the time in which a group of requests was made durable.
        """
        self._fsync.observe(seconds)

    def last_receipt(self, orchestrator: str, signal: str, unix_seconds: float) -> None:
        """
        Set the time at which something of an orchestrator last arrived.
        """
        if orchestrator not in self._orchestrators and len(self._orchestrators) >= MAX_ORCHESTRATORS:
            orchestrator = OTHER
        self._orchestrators.add(orchestrator)
        self._last_receipt.labels(orchestrator, signal).set(unix_seconds)

    def queue_bytes(self, size: Callable[[], int]) -> None:
        """
        Have every scrape ask *size* for the bytes that are received and not yet durable.
        """
        self._queue.set_function(size)

    def blocks(self, form: Format) -> Iterator[Block]:
        """
        All of them as a part of the page.
        """
        render = openmetrics_format if form is Format.OPENMETRICS else text_format
        page = render.generate_latest(_Exposed(self._registry)).decode()
        for text in re.split("^(?=# HELP )", page.removesuffix("# EOF\n"), flags=re.MULTILINE):
            if text:
                yield Block(_family(text), text.encode())


def _family(text: str) -> str:
    """
    The catalogue's name of the family: OpenMetrics' metadata leave out a counter's `_total`.
    """
    name = text.split(" ", 3)[2]
    return f"{name}_total" if f"# TYPE {name} counter\n{name}_total" in text else name


class _Exposed(Collector):
    """
    A registry without `_created` samples, each of which Prometheus stores as a series of its own,
    and without families that have no samples.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            if metric.samples:
                yield metric
