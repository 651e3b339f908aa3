"""
Where the instrumentation sends what it records: the one place that asks OpenTelemetry for its providers.

Without a provider `current` is None, and the instrumentation does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from threading import Lock
from time import time_ns
from typing import Final
from urllib.parse import unquote

from opentelemetry import metrics, trace
from opentelemetry._logs import Logger, LoggerProvider, SeverityNumber, get_logger_provider
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, TracerProvider
from opentelemetry.util.types import Attributes

from droidscope.conventions import attributes

_COUNTERS: Final = {
    attributes.CLIENT_RECORDS: ("{record}", "Spans and conflicts this process has emitted, by kind."),
    attributes.CLIENT_TASKS: ("{task}", "Tasks ended."),
    attributes.CLIENT_RETRIES: ("{attempt}", "Attempts after the first."),
    attributes.CLIENT_MESSAGES: ("{message}", "Messages between droids."),
    attributes.CLIENT_CONFLICTS: ("{conflict}", "Conflicts found."),
    attributes.CLIENT_DROPPED: ("{value}", "Values the instrumentation refused, by reason."),
}


class ClientCounters:
    """
    Counts since the start of the process, read by OpenTelemetry when it collects.

    An SDK counter costs microseconds an increment on the caller's path; a dictionary does not.
    """

    def __init__(self, meter: Meter) -> None:
        self._counts: dict[str, dict[tuple[tuple[str, str], ...], int]] = {name: {} for name in _COUNTERS}
        self._lock = Lock()
        for name, (unit, description) in _COUNTERS.items():
            meter.create_observable_counter(name, [partial(self._observe, name)], unit, description)

    def add(self, name: str, labels: Mapping[str, str]) -> None:
        """
        Count one more under *name* and *labels*, which come in the same order each time.
        """
        counts, key = self._counts[name], tuple(labels.items())
        with self._lock:
            counts[key] = counts.get(key, 0) + 1

    def restart(self) -> None:
        """
        Begin at zero: a forked child has emitted nothing yet, whatever its parent did.
        """
        self._lock = Lock()
        for counts in self._counts.values():
            counts.clear()

    def _observe(self, name: str, _options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            counts = list(self._counts[name].items())
        return [Observation(count, dict(labels)) for labels, count in counts]


class Emitter:
    """
    One destination: a tracer, a logger for events, and the client's counters and histograms.

    *service* is the service name of this process, *environment* that of its deployment, None if unknown.
    """

    def __init__(
        self,
        tracer: Tracer,
        logger: Logger,
        meter: Meter,
        service: str | None = None,
        environment: str | None = None,
    ) -> None:
        self.tracer = tracer
        self.logger = logger
        self.service = service
        self.environment = environment
        self.counters = ClientCounters(meter)
        histogram = partial(
            meter.create_histogram, unit="s", explicit_bucket_boundaries_advisory=attributes.DURATION_BOUNDS
        )
        self.task_duration = histogram(attributes.CLIENT_TASK_DURATION, description="Duration of tasks.")
        self.session_duration = histogram(
            attributes.CLIENT_SESSION_DURATION, description="Duration of sessions."
        )

    def count_record(self, kind: str, inside: Mapping[str, str]) -> None:
        """
        Count one more record of *kind*, for the orchestrator whose session it is *inside* of.
        """
        labels = {attributes.RECORD_KIND: kind}
        if attributes.ORCHESTRATOR_NAME in inside:
            labels[attributes.ORCHESTRATOR_NAME] = inside[attributes.ORCHESTRATOR_NAME]
        self.counters.add(attributes.CLIENT_RECORDS, labels)

    def is_enabled(self, name: str) -> bool:
        """
        Whether the logger takes the log event *name*; loggers of older APIs cannot report it, and get all.
        """
        enabled = getattr(self.logger, "enabled", None)
        return enabled is None or bool(enabled(event_name=name))

    def event(self, name: str, values: Attributes, context: Context) -> None:
        """
        Send the log event *name* about the span of *context*.
        """
        self.logger.emit(
            timestamp=time_ns(),
            context=context,
            severity_number=SeverityNumber.INFO,
            event_name=name,
            attributes=values,
        )


def from_providers(tracers: TracerProvider, loggers: LoggerProvider, meters: MeterProvider) -> Emitter:
    """
    An emitter for these providers, independent of the global ones.
    """
    scope, version = attributes.SCOPE, attributes.SCHEMA_VERSION
    resource = getattr(tracers, "resource", None)
    return Emitter(
        tracers.get_tracer(scope, version),
        loggers.get_logger(scope, version),
        meters.get_meter(scope, version),
        service_name(resource),
        environment_name(resource),
    )


def service_name(resource: object) -> str | None:
    """
    The name in an SDK's *resource*; without one that of OTEL_SERVICE_NAME, None if there is none either.
    """
    name = getattr(resource, "attributes", {}).get(attributes.SERVICE_NAME)
    return str(name) if name else os.environ.get("OTEL_SERVICE_NAME") or None


def environment_name(resource: object) -> str | None:
    """
    The environment in an SDK's *resource*, else in OTEL_RESOURCE_ATTRIBUTES; None if there is none.
    """
    name = getattr(resource, "attributes", {}).get(attributes.DEPLOYMENT_ENVIRONMENT)
    if name:
        return str(name)
    pairs = (pair.partition("=") for pair in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))
    return next(
        (
            unquote(value.strip())
            for key, _, value in pairs
            if key.strip() == attributes.DEPLOYMENT_ENVIRONMENT
        ),
        None,
    )


_emitter: Emitter | None = None
_lock = Lock()


def current() -> Emitter | None:
    """
    The emitter in use, None as long as no tracer provider is configured.
    """
    return _emitter or _discover()


@contextmanager
def override(emitter: Emitter) -> Iterator[None]:
    """
    Send everything of this process to *emitter* instead, in all threads, until the end of the block.
    """
    global _emitter  # noqa: PLW0603 - the one piece of state of this room
    previous, _emitter = _emitter, emitter
    try:
        yield
    finally:
        _emitter = previous


# The API has no cheap way to find out whether there is a provider (`get_tracer_provider` reads the
# environment each time, which costs more than a whole task). A tracer that does nothing returns the
# parent it is given, though, and a real one does not. The parent is unsampled, so that nothing is recorded.
_UNSAMPLED: Final = NonRecordingSpan(SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(0)))
_PROBE: Final = trace.set_span_in_context(_UNSAMPLED, Context())


@cache
def _proxy() -> Tracer:
    return trace.get_tracer(attributes.SCOPE, attributes.SCHEMA_VERSION)


def _discover() -> Emitter | None:
    global _emitter  # noqa: PLW0603 - as above
    span = _proxy().start_span("probe", _PROBE)
    if span is _UNSAMPLED or span is trace.INVALID_SPAN:
        return None
    with _lock:
        if _emitter is None:
            _emitter = from_providers(
                trace.get_tracer_provider(), get_logger_provider(), metrics.get_meter_provider()
            )
    return _emitter


def _restart_counters() -> None:
    if _emitter is not None:
        _emitter.counters.restart()


def after_fork_in_child(function: Callable[[], None]) -> None:
    """
    Have *function* called in every forked child; nothing where processes cannot fork.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


after_fork_in_child(_restart_counters)
