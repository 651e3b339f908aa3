"""
Sets up the SDK: providers with OTLP exporters from the standard OTEL_* variables.

Needs the extra `sdk`; everything else of the instrumentation does not.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Mapping, Sequence
from threading import Lock, Thread
from time import monotonic
from typing import Final, Protocol
from uuid import uuid4

from opentelemetry import metrics, trace
from opentelemetry._logs import get_logger_provider, set_logger_provider
from opentelemetry.context import Context

from droidscope.conventions import attributes as names
from droidscope.errors import MissingExtraError
from droidscope.instrument.baggage import current_baggage, ids
from droidscope.instrument.export_failures import ExporterFactory, ExportFailures
from droidscope.instrument.never_raise import logger, never_raise
from droidscope.instrument.providers import after_fork_in_child, service_name

try:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
except ImportError:
    raise MissingExtraError("sending telemetry", "sdk") from None

EXIT_SECONDS: Final = 5.0
"""
The longest the end of the process waits for what is still to be sent.
"""

_METRIC_INTERVAL_MILLIS: Final = 15_000


class Provider(Protocol):
    """
    What the three providers of the SDK have in common.
    """

    def force_flush(self, timeout_millis: int = ...) -> bool:
        """
        Send what is waiting.
        """

    def shutdown(self) -> None:
        """
        Send what is waiting, and end.
        """


class IdSpanProcessor(SpanProcessor):
    """
    Copies the ids of the session, phase and task around them onto spans of other libraries.

    `configure` adds it. Add it to a tracer provider of your own, so that the spans of an instrumented
    framework have the ids of the session and task they belong to.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """
        Add the ids that the span does not have yet.
        """
        if span.instrumentation_scope is None or span.instrumentation_scope.name != names.SCOPE:
            self._copy_ids(span, parent_context)

    @never_raise
    def _copy_ids(self, span: Span, context: Context | None) -> None:
        attributes = span.attributes or {}
        context_ids = ids(current_baggage(context), service_name(span.resource))
        span.set_attributes({name: value for name, value in context_ids.items() if name not in attributes})

    def on_end(self, span: ReadableSpan) -> None:
        """
        Nothing is left to do.
        """

    def shutdown(self) -> None:
        """
        There is nothing to end.
        """

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        """
        Nothing ever waits.
        """
        return True


EXPORT_FAILURES: Final = ExportFailures()
after_fork_in_child(EXPORT_FAILURES.restart)
_configured: list[Provider] = []
_lock: Final = Lock()
_state = {"called": False}


def configure(
    *,
    service_name: str | None = None,
    endpoint: str | None = None,
    protocol: str | None = None,
    headers: Mapping[str, str] | None = None,
    resource_attributes: Mapping[str, str] | None = None,
) -> None:
    """
    Set up OpenTelemetry to send what droidscope records by OTLP, once per process.

    A provider that is already set is used and not replaced. What is not given here is taken from the
    standard OTEL_* variables; metrics are sent every 15 s unless OTEL_METRIC_EXPORT_INTERVAL is set.
    Nothing is lost at the end of the process if the exporter answers within 5 s; if it is down, the
    orchestrator does not notice.

    Args:
        service_name: The orchestrator's name (OTEL_SERVICE_NAME).

        endpoint: Base URL of the exporter, `http://127.0.0.1:4318` by default
            (OTEL_EXPORTER_OTLP_ENDPOINT).

        protocol: `http/protobuf`, the default, or `grpc` (OTEL_EXPORTER_OTLP_PROTOCOL).

        headers: Headers of each request, such as an authorization.

        resource_attributes: More about this process, such as `deployment.environment.name`.

    Raises:
        ConfigError: If the protocol is unknown.
        MissingExtraError: If the SDK is not installed.
    """
    destination = ExporterFactory(endpoint, protocol, headers, EXPORT_FAILURES)
    with _lock:
        if _state["called"]:
            logger.warning("droidscope.configure() was called before; the first call stands")
            return
        _state["called"] = True
        _set_up(destination, service_name, resource_attributes or {})


def _set_up(destination: ExporterFactory, service_name: str | None, more: Mapping[str, str]) -> None:
    resource = _resource(service_name, more)
    if _is_free(trace.get_tracer_provider()):
        trace.set_tracer_provider(_tracer_provider(destination, resource))
    if _is_free(get_logger_provider()):
        set_logger_provider(_logger_provider(destination, resource))
    if _is_free(metrics.get_meter_provider()):
        metrics.set_meter_provider(_meter_provider(destination, resource))
    _add_id_processor(trace.get_tracer_provider())
    atexit.register(shutdown)


def _is_free(provider: object) -> bool:
    """
    Whether no provider is set: the API's placeholders have nothing to flush.
    """
    if not hasattr(provider, "force_flush"):
        return True
    logger.info("a %s is already set up; droidscope uses it", type(provider).__name__)
    return False


def _resource(service_name: str | None, more: Mapping[str, str]) -> Resource:
    """
    The resource of the tracer provider in use, so that counts and spans are of one process; else a new one.
    """
    in_use = getattr(trace.get_tracer_provider(), "resource", None)
    if isinstance(in_use, Resource):
        return in_use
    named = {names.SERVICE_NAME: service_name} if service_name is not None else {}
    resource = Resource.create({**more, **named})
    if names.SERVICE_INSTANCE_ID in resource.attributes:
        return resource
    return resource.merge(Resource({names.SERVICE_INSTANCE_ID: str(uuid4())}))


# None of them shuts itself down at exit: that could take minutes with an exporter that is down.
def _tracer_provider(destination: ExporterFactory, resource: Resource) -> TracerProvider:
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = destination.exporter("traces")
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    _configured.append(provider)
    return provider


def _logger_provider(destination: ExporterFactory, resource: Resource) -> LoggerProvider:
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    exporter = destination.exporter("logs")
    if exporter is not None:
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    _configured.append(provider)
    return provider


def _meter_provider(destination: ExporterFactory, resource: Resource) -> MeterProvider:
    exporter = destination.exporter("metrics")
    # The reader knows OTEL_METRIC_EXPORT_INTERVAL itself, but its own default is a minute.
    interval = None if "OTEL_METRIC_EXPORT_INTERVAL" in os.environ else _METRIC_INTERVAL_MILLIS
    readers = (
        [] if exporter is None else [PeriodicExportingMetricReader(exporter, export_interval_millis=interval)]
    )
    provider = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
    _configured.append(provider)
    return provider


def _add_id_processor(provider: object) -> None:
    if isinstance(provider, TracerProvider):
        provider.add_span_processor(IdSpanProcessor())


def flush(timeout_seconds: float = EXIT_SECONDS) -> bool:
    """
    Send what is waiting in the providers in use; False if that took longer than *timeout_seconds*, or
    if some of it could not be sent. The latter is known only of exporters that `configure` has set up.

    It blocks: for scripts and tests, not for droids at work.
    """
    in_use = (trace.get_tracer_provider(), get_logger_provider(), metrics.get_meter_provider())
    before = EXPORT_FAILURES.failed()
    flushes = [provider.force_flush for provider in in_use if hasattr(provider, "force_flush")]
    in_time = run_all(flushes, timeout_seconds)
    return in_time and all(failed <= before[signal] for signal, failed in EXPORT_FAILURES.failed().items())


def shutdown(timeout_seconds: float = EXIT_SECONDS) -> bool:
    """
    Send what is waiting and end what `configure` set up; False if that took longer than *timeout_seconds*,
    or if anything could not be sent since `configure`.

    It happens by itself at the end of the process, and only once.
    """
    with _lock:
        ending = [provider.shutdown for provider in _configured]
        _configured.clear()
    if not run_all(ending, timeout_seconds):
        logger.warning("droidscope could not send what was waiting within %s s: it is lost", timeout_seconds)
        return False
    return not any(EXPORT_FAILURES.failed().values())


def run_all(actions: Sequence[Callable[[], object]], timeout_seconds: float) -> bool:
    """
    Run *actions*, each on a thread that may be left behind; True if all succeeded in time.

    Where no thread can be started they run one after another on this one, and none begins too late.
    """
    deadline = monotonic() + timeout_seconds
    done: list[bool] = []

    def run(action: Callable[[], object]) -> None:
        try:
            done.append(action() is not False)
        except Exception as error:  # noqa: BLE001 - the edge of the room: it counts as not done
            logger.warning("droidscope could not send what was waiting: %r", error)

    threads: list[Thread] = []
    for action in actions:
        thread = Thread(target=run, args=(action,), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # as at the end of a process with the first releases of Python 3.12
            if monotonic() < deadline:
                run(action)
        else:
            threads.append(thread)
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
    return len(done) == len(actions) and all(done)
