"""
Where the instrumentation sends what it records: on its own road, or to OpenTelemetry's global providers.

Without either `current` is None, and the instrumentation does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from threading import RLock
from time import time_ns
from typing import ClassVar, Final, Protocol
from urllib.parse import unquote

from opentelemetry import metrics, trace
from opentelemetry._logs import Logger, LoggerProvider, SeverityNumber, get_logger_provider
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    TracerProvider,
)

from droidscope.conventions import attributes
from droidscope.instrument.emission.counts import COUNTERS, DURATIONS, ClientCounters, Key
from droidscope.instrument.emission.forks import LINEAGE, AnyLock, after_fork_in_child
from droidscope.instrument.emission.sampling import sampling_everything
from droidscope.instrument.emission.texts import AttributeValue, TextSettings, clean_texts, clean_values
from droidscope.instrument.never_raise import never_raise

_LABELS_LIMIT: Final = 1000


class Durations(Protocol):
    """
    A histogram.
    """

    def record(self, seconds: float, key: Key) -> None:
        """
        Count one duration under the labels of *key*.
        """


class Emitter:
    """
    One destination of spans, events, counters and histograms.

    *service* is the service name of this process, *environment* that of its deployment, None if unknown.
    """

    environment: str | None = None
    after_record: Callable[[], object] | None = None
    """
    Called after each record and its count, once a process is at its end.
    """
    keeps_values: ClassVar[bool] = True
    """
    Whether a span keeps and changes the values that it is begun with.
    """

    def __init__(
        self,
        service: str | None,
        texts: TextSettings,
        counters: ClientCounters,
        task_duration: Durations,
        session_duration: Durations,
    ) -> None:
        self.service = service
        self.texts = texts
        self.counters = counters
        self.task_duration = task_duration
        self.session_duration = session_duration

    def start(
        self,
        name: str,
        previous: Context,
        around: Span | None,
        kind: SpanKind,
        values: dict[str, AttributeValue],
        start_ns: int | None = None,
    ) -> tuple[Span, Span | None]:
        """
        Begin a span in the context *previous*, and return it with the span that is to be current inside of
        it, None if that is not to change.

        *around* is the innermost instrumented span, if there is one in this process. *values* are clean,
        and belong to the span from now on. It begins now, unless *start_ns* is given, in Unix nanoseconds.
        """
        raise NotImplementedError

    def restart(self) -> None:
        """
        Begin at zero in a forked child.
        """
        self.counters.restart()

    def count_record(self, kind: str, inside: Mapping[str, str]) -> None:
        """
        Count one more record of *kind*, for the orchestrator whose session it is *inside* of.
        """
        orchestrator = inside.get(attributes.ORCHESTRATOR_NAME)
        key: Key = ((attributes.RECORD_KIND, kind),)
        if orchestrator is not None:
            key = (*key, (attributes.ORCHESTRATOR_NAME, orchestrator))
        self.counters.add_key(attributes.CLIENT_RECORDS, key)
        if self.after_record is not None:
            self.after_record()

    def is_enabled(self, name: str) -> bool:  # noqa: ARG002 - some can
        """
        Whether it takes the log event *name*.
        """
        return True

    def event(self, name: str, values: Mapping[str, object], context: Context) -> None:
        """
        Send the log event *name* about the span of *context*.
        """
        self.clean_event(name, clean_values(values, self.texts.limit), context)

    def clean_event(self, name: str, values: Mapping[str, AttributeValue], context: Context) -> None:
        """
        As `event`, of values that are clean.
        """
        raise NotImplementedError


class ProviderEmitter(Emitter):
    """
    An emitter for providers of OpenTelemetry. It samples everything; the flags that go on to spans of
    others are those of their sampler.
    """

    keeps_values = False

    def __init__(self, tracers: TracerProvider, loggers: LoggerProvider, meters: MeterProvider) -> None:
        scope, version = attributes.SCOPE, attributes.SCHEMA_VERSION
        self._tracers = tracers
        self._take_tracer()
        self._logger: Logger = loggers.get_logger(scope, version)
        meter = meters.get_meter(scope, version)
        counters = ClientCounters()
        for counter, (unit, description) in COUNTERS.items():
            callback = partial(_observe, counters, counter)
            meter.create_observable_counter(counter, [callback], unit, description)
        super().__init__(
            service_name(getattr(tracers, "resource", None)),
            TextSettings(),
            counters,
            _MeterDurations(meter, attributes.CLIENT_TASK_DURATION),
            _MeterDurations(meter, attributes.CLIENT_SESSION_DURATION),
        )
        self.environment = environment_name(getattr(tracers, "resource", None))

    def start(
        self,
        name: str,
        previous: Context,
        around: Span | None,  # noqa: ARG002 - it is current here
        kind: SpanKind,
        values: dict[str, AttributeValue],
        start_ns: int | None = None,
    ) -> tuple[Span, Span]:
        """
        Begin a span that is current inside of it.
        """
        if self._generation != LINEAGE.generation:  # a forked process has another resource
            self._take_tracer()
        span = self._tracer.start_span(name, previous, kind, values, start_time=start_ns)
        return span, self._visible(span, previous, name, kind, values)

    def is_enabled(self, name: str) -> bool:
        """
        Whether the logger takes the log event *name*; loggers of older APIs cannot report it, and get all.
        """
        enabled = getattr(self._logger, "enabled", None)
        return enabled is None or bool(enabled(event_name=name))

    def clean_event(self, name: str, values: Mapping[str, AttributeValue], context: Context) -> None:
        """
        Send it to the logger.
        """
        self._logger.emit(
            timestamp=time_ns(),
            context=context,
            severity_number=SeverityNumber.INFO,
            event_name=name,
            attributes=values,
        )

    def _take_tracer(self) -> None:
        tracer = self._tracers.get_tracer(attributes.SCOPE, attributes.SCHEMA_VERSION)
        self._tracer, self._visible = sampling_everything(tracer)
        self._generation = LINEAGE.generation


def _observe(counters: ClientCounters, name: str, _options: CallbackOptions) -> Iterable[Observation]:
    return [Observation(count, dict(labels)) for labels, count in counters.counts(name)]


class _MeterDurations:
    """
    A histogram of a meter, with labels in clean texts.
    """

    def __init__(self, meter: Meter, name: str) -> None:
        self._histogram = meter.create_histogram(
            name, "s", DURATIONS[name], explicit_bucket_boundaries_advisory=attributes.DURATION_BOUNDS
        )
        self._labels: dict[Key, Mapping[str, str]] = {}

    def record(self, seconds: float, key: Key) -> None:
        labels = self._labels.get(key)
        if labels is None:
            if len(self._labels) >= _LABELS_LIMIT:  # of tasks that users name each
                self._labels.clear()
            labels = self._labels[key] = clean_texts(dict(key))
        self._histogram.record(seconds, labels)


def from_providers(tracers: TracerProvider, loggers: LoggerProvider, meters: MeterProvider) -> Emitter:
    """
    An emitter for these providers, independent of the global ones.
    """
    return ProviderEmitter(tracers, loggers, meters)


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
    for pair in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, _, value = pair.partition("=")
        if key.strip() == attributes.DEPLOYMENT_ENVIRONMENT:
            return unquote(value.strip()) or None
    return None


class _Roads:
    """
    Which emitters there are. The *own* one is made by *make* when it is first used, in each process anew.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.configured = False
        self.make: Callable[[], Emitter] | None = None
        self.is_making = False
        self.own: Emitter | None = None
        self.overriding: list[Emitter] = []


_roads: Final = _Roads()
_emitter: Emitter | None = None  # the one in use, as soon as it is known: every record asks for it


def current() -> Emitter | None:
    """
    The emitter in use, None as long as neither `configure` was called nor a tracer provider is set.
    """
    return _emitter or _discover()


def use(make: Callable[[], Emitter] | None) -> None:
    """
    From now on, record with what *make* makes, called once a process, at the first record; None: nothing.
    """
    with _roads.lock:
        _roads.configured, _roads.make, _roads.own = True, make, None
        _forget()


def own() -> Emitter | None:
    """
    The emitter of droidscope's own road, None unless there is one.
    """
    if _roads.own is None and _roads.make is not None:
        with _roads.lock:
            # What this thread records while it makes one is recorded by nobody.
            if _roads.own is None and _roads.make is not None and not _roads.is_making:
                _roads.is_making = True
                _roads.own = never_raise(_roads.make)()
                _roads.is_making = False
                if _roads.own is None:
                    _roads.make = None
    return _roads.own


def made() -> Emitter | None:
    """
    The emitter of droidscope's own road, None unless it was used in this process.
    """
    return _roads.own


def making() -> AnyLock:
    """
    The lock that is held while a road is made.
    """
    return _roads.lock


def is_configured() -> bool:
    """
    Whether `configure` was called, whatever became of it.
    """
    return _roads.configured


@contextmanager
def override(emitter: Emitter) -> Iterator[None]:
    """
    Send everything of this process to *emitter* instead, in all threads, until the end of the block.
    """
    with _roads.lock:
        _roads.overriding.append(emitter)
        _forget()
    try:
        yield
    finally:
        with _roads.lock:
            _roads.overriding.remove(emitter)
            _forget()


def _forget() -> None:
    global _emitter  # noqa: PLW0603 - see there
    _emitter = None


# The API has no cheap way to find out whether there is a provider (`get_tracer_provider` reads the
# environment each time, which costs more than a whole task). A tracer that does nothing returns the
# parent it is given, though, and a real one does not. The parent is unsampled, so that nothing is recorded.
_UNSAMPLED: Final = NonRecordingSpan(SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(0)))
_PROBE: Final = trace.set_span_in_context(_UNSAMPLED, Context())


@cache
def _proxy() -> Tracer:
    return trace.get_tracer(attributes.SCOPE, attributes.SCHEMA_VERSION)


def _discover() -> Emitter | None:
    global _emitter  # noqa: PLW0603 - see there
    if _roads.configured or _roads.overriding:
        with _roads.lock:
            _emitter = _roads.overriding[-1] if _roads.overriding else own()
            return _emitter
    span = _proxy().start_span("probe", _PROBE)
    if span is _UNSAMPLED or span is trace.INVALID_SPAN:
        return None
    with _roads.lock:
        if _emitter is None and not _roads.configured:
            _emitter = _of_global_providers()
    return _emitter


@cache
def _of_global_providers() -> Emitter:
    # Once and for all: a second one would register its counters a second time.
    return from_providers(trace.get_tracer_provider(), get_logger_provider(), metrics.get_meter_provider())


def _begin_anew() -> None:
    _roads.lock = RLock()
    for emitter in (_emitter, *_roads.overriding):
        if emitter is not None:
            emitter.restart()
    _roads.own, _roads.is_making = None, False
    _forget()


after_fork_in_child(_begin_anew)
