"""
For an orchestrator's own tests: `capture` keeps in memory what is emitted.

Needs the extra `sdk`. With pytest, `pytest_plugins = ["droidscope.testing"]` in a conftest gives the
fixture `droidscope_capture`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from droidscope.conventions import attributes as names
from droidscope.errors import MissingExtraError
from droidscope.instrument import providers
from droidscope.instrument.never_raise import fresh_warnings
from droidscope.instrument.orchestrators.open_sessions import OPEN_SESSIONS

try:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
except ImportError:
    raise MissingExtraError("droidscope.testing", "sdk") from None

from droidscope.instrument.emission.id_processor import IdSpanProcessor

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord

__all__ = ["Capture", "capture", "droidscope_capture"]


def __dir__() -> list[str]:
    return [name for name in __all__ if name in globals()]


class Capture:
    """
    What was emitted while capturing, in memory.

    *tracer_provider* is for tests that need spans of other libraries, too.
    """

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call] # the SDK leaves it so
        self._metrics = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(IdSpanProcessor())
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self._logger_provider = LoggerProvider(shutdown_on_exit=False)
        self._logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self._meter_provider = MeterProvider([self._metrics], shutdown_on_exit=False)

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if not name.startswith("_")]

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """
        The spans that have ended, in the order of their ends.
        """
        return self._spans.get_finished_spans()

    @property
    def events(self) -> Sequence[LogRecord]:
        """
        The log events, in the order they were sent.
        """
        return [log.log_record for log in self._logs.get_finished_logs()]

    def records(self, kind: str) -> list[ReadableSpan]:
        """
        The ended spans of one kind: session, phase, task, attempt, tool, model_request, message, gate
        or synthesis.
        """
        return [span for span in self.spans if (span.attributes or {}).get(names.KIND) == kind]

    def one(self, kind: str) -> ReadableSpan:
        """
        The only ended span of one kind.

        Raises:
            AssertionError: If there is none, or more than one; the message lists what there is.
        """
        spans = self.records(kind)
        if len(spans) != 1:
            ended = [span.name for span in self.spans]
            msg = f"{len(spans)} spans of kind {kind}; expected one among {ended}"
            raise AssertionError(msg)
        return spans[0]

    def events_named(self, name: str) -> list[LogRecord]:
        """
        The log events of one name, such as `orchestrator.progress`.
        """
        return [event for event in self.events if event.event_name == name]

    def count(self, name: str, labels: Mapping[str, str] | None = None) -> int:
        """
        The value of a counter, such as `orchestrator.client.records`, summed over all that has *labels*.

        Of a histogram: how many values it has recorded.
        """
        data = self._metrics.get_metrics_data()
        points = [
            point
            for resource in (data.resource_metrics if data is not None else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]
        wanted = (labels or {}).items()
        return sum(_value(point) for point in points if wanted <= dict(point.attributes or {}).items())

    def emitter(self) -> providers.Emitter:
        """
        A new emitter that sends here.
        """
        return providers.from_providers(self.tracer_provider, self._logger_provider, self._meter_provider)

    def close(self) -> None:
        """
        Shut the providers down; what was captured stays.
        """
        self.tracer_provider.shutdown()
        self._logger_provider.shutdown()
        self._meter_provider.shutdown()


def _value(point: Any) -> int:  # noqa: ANN401 - a number's point or a histogram's
    return int(point.value if hasattr(point, "value") else point.count)


@contextmanager
def capture() -> Iterator[Capture]:
    """
    Capture what droidscope emits in this process, in all threads, until the end of the block.

    Providers set up by `droidscope.configure` or otherwise get nothing meanwhile; they stay as they are.
    Warnings that are logged once are logged anew within the block, and no session of `start_session` is open
    when it begins, whatever ran before.
    """
    captured = Capture()
    try:
        with fresh_warnings(), OPEN_SESSIONS.none_open(), providers.override(captured.emitter()):
            yield captured
    finally:
        captured.close()


try:
    import pytest
except ImportError:
    pass
else:

    @pytest.fixture
    def droidscope_capture() -> Iterator[Capture]:
        """
        `capture` around one test.
        """
        with capture() as captured:
            yield captured
