"""
Our instrumentation in the SDK sends to an exporter, and some of it is dropped on purpose.
"""

from __future__ import annotations

import math
from uuid import uuid4

import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

import droidscope as ds
from droidscope.exposition.page import Page
from droidscope.exposition.renderer import Renderer
from droidscope.exposition.text import Format
from droidscope.instrument import providers
from droidscope.selfmetrics import SelfMetrics
from droidscope.views.head_reader import HeadReader
from droidscope.views.metrics_page import MetricsPageParts
from rig import Rig


class Spans(SpanExporter):
    """
    Loses every *nth* span.
    """

    def __init__(self, rig, nth):
        self._rig = rig
        self._nth = nth
        self.sent = self.lost = 0

    def export(self, spans):
        for span in spans:
            if (self.sent + self.lost + 1) % self._nth:
                self.sent += 1
                self._rig.send("traces", encode_spans([span]).SerializeToString())
            else:
                self.lost += 1
        return SpanExportResult.SUCCESS


class Logs(LogRecordExporter):
    def __init__(self, rig):
        self._rig = rig

    def export(self, batch):
        self._rig.send("logs", encode_logs(batch).SerializeToString())
        return LogRecordExportResult.SUCCESS

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=0):  # noqa: ARG002 - the SDK's signature
        return True


class Metrics(MetricExporter):
    def __init__(self, rig):
        super().__init__()
        self._rig = rig

    def export(self, metrics_data, **_):
        self._rig.send("metrics", encode_metrics(metrics_data).SerializeToString())
        return MetricExportResult.SUCCESS

    def shutdown(self, *_, **__):
        pass

    def force_flush(self, *_, **__):
        return True


class Process:
    """
    An orchestrator's process, whose SDK sends at once; metrics when told to `report`.
    """

    def __init__(self, rig, *, nth=math.inf):
        resource = Resource({"service.name": "atlas", "service.instance.id": str(uuid4())})
        self.spans = Spans(rig, nth)
        tracers = TracerProvider(resource=resource)
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        loggers = LoggerProvider(resource=resource)
        loggers.add_log_record_processor(SimpleLogRecordProcessor(Logs(rig)))
        reader = PeriodicExportingMetricReader(Metrics(rig), export_interval_millis=math.inf)
        self._meters = MeterProvider([reader], resource=resource)
        self.emitter = providers.from_providers(tracers, loggers, self._meters)

    def work(self):
        """
        A session of twelve spans of six kinds, with two conflicts.
        """
        with providers.override(self.emitter), ds.session("bug-fix"):
            for droid in ("coder", "tester"):
                with ds.phase(f"phase-{droid}"), ds.task(droid), ds.attempt(), ds.tool("x"):
                    ds.tell(droid)
                    ds.conflict("schema")
            with ds.synthesis():
                pass

    def report(self):
        self._meters.force_flush()


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path / "store")


def shown(rig):
    """
    The ratio as the metrics page has it, None where it is absent.
    """
    renderer = Renderer(())
    parts = MetricsPageParts(HeadReader(rig.pipeline), rig.pipeline.store, SelfMetrics("0", 0))
    page = Page(parts.by_name(renderer), renderer).render(Format.TEXT)
    for line in page.decode().splitlines():
        if line.startswith("droidscope_completeness_ratio{"):
            assert line.startswith('droidscope_completeness_ratio{orchestrator="atlas"} ')
            return float(line.split()[-1])
    return None


def test_what_was_dropped_on_purpose_is_missing_from_the_ratio(rig):
    """
    Every fourth of 48 spans; the conflicts come as log events, and are all there.
    """
    process = Process(rig, nth=4)
    for _ in range(4):
        process.work()
    process.report()
    assert (process.spans.sent, process.spans.lost) == (36, 12)

    rig.pass_seconds(59)
    assert shown(rig) is None
    rig.pass_seconds(1)
    assert shown(rig) == (36 + 8) / (48 + 8)


def test_spans_alone_show_their_share(rig):
    """
    Every fourth span is dropped: 0.75, over a crash of the exporter, too.
    """
    process = Process(rig, nth=4)
    with providers.override(process.emitter), ds.session("bug-fix"):
        for _ in range(7):
            with ds.task("coder"):
                pass
    process.report()
    rig.crash()

    rig.pass_seconds(60)

    assert shown(rig) == 0.75


def test_nothing_lost_is_one_whenever_the_process_reports(rig):
    """
    Before, between and after, with sessions open.
    """
    process = Process(rig)
    for _ in range(3):
        process.report()
        process.work()
        process.report()
        rig.pass_seconds(15)

    for _ in range(8):
        rig.pass_seconds(15)
        assert shown(rig) == 1.0
