"""
Droidscope's own road: light spans, events and counts that go to a sink, whatever providers there are.

Next to a provider of somebody else its spans are not current, so that the traces of others stay whole, and
without any provider neither: nobody's trace is to begin with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any, Final, NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanContext,
    SpanKind,
    TracerProvider,
    get_current_span,
)

from droidscope.conventions import attributes as names
from droidscope.instrument.emission.counts import ClientCounters, ClientDurations
from droidscope.instrument.emission.event_record import EventRecord
from droidscope.instrument.emission.global_provider import global_provider
from droidscope.instrument.emission.innermost import innermost
from droidscope.instrument.emission.light_span import LightSpan, Origin, new_trace
from droidscope.instrument.emission.sampling import decided_context
from droidscope.instrument.emission.sink import Leftovers, Sink
from droidscope.instrument.emission.texts import AttributeValue, TextSettings
from droidscope.instrument.providers import Emitter, environment_name, service_name


class OwnResource:
    """
    What a process says about itself: *attributes*, as the encoder reads a resource of the SDK.
    """

    schema_url = ""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.attributes = dict(attributes)


class OwnScope(NamedTuple):
    """
    The instrumentation scope of droidscope's records, as the encoder reads one of the SDK.
    """

    name: str = names.SCOPE
    version: str = names.SCHEMA_VERSION
    schema_url: str = ""
    attributes: None = None


SCOPE: Final = OwnScope()


class Counts(NamedTuple):
    """
    What one instance of a service has counted since *start_ns*, a Unix time.
    """

    counters: ClientCounters
    tasks: ClientDurations
    sessions: ClientDurations
    start_ns: int


def _no_counts() -> Counts:
    return Counts(ClientCounters(), ClientDurations(), ClientDurations(), time_ns())


class OwnRoad(Emitter):
    """
    The emitter of one process, to one sink.

    *is_foreign* is whether a tracer provider is somebody else's; without it none ever is, and not even one is
    needed. *events* is whether there are log events. The counts of the road *before* go on, if it is of the
    same service and instance.
    """

    def __init__(
        self,
        resource: OwnResource,
        texts: TextSettings,
        make_sink: Callable[[OwnRoad], Sink],
        is_foreign: Callable[[object], bool] | None = None,
        *,
        events: bool = True,
        before: OwnRoad | None = None,
    ) -> None:
        self.resource = resource
        is_same = before is not None and before.resource.attributes == resource.attributes
        self._counts = before.counts if before is not None and is_same else _no_counts()
        counters, tasks, sessions, self._start_ns = self._counts
        super().__init__(service_name(resource), texts, counters, tasks, sessions)
        self.environment = environment_name(resource)
        self.sink = make_sink(self)
        self._durations = {names.CLIENT_TASK_DURATION: tasks, names.CLIENT_SESSION_DURATION: sessions}
        self._origin = Origin(resource, SCOPE, self._deliver, texts)
        self._is_foreign = is_foreign
        self._events = events
        self._beside = is_foreign is not None
        self._around: TracerProvider | None = None
        self._sampler: Any = None

    def restart(self) -> None:
        """
        Begin at zero in a forked child.
        """
        super().restart()
        for durations in self._durations.values():
            durations.restart()

    @property
    def counts(self) -> Counts:
        """
        What it has counted.
        """
        return self._counts

    @property
    def beside(self) -> bool:
        """
        Whether its spans are not to be current: the global tracer provider is somebody else's, or there is
        none, and so no trace that others take part in.
        """
        if self._is_foreign is not None:
            provider = global_provider()
            if provider is not self._around:
                self._beside = provider is None or self._is_foreign(provider)
                self._sampler = None if self._beside else getattr(provider, "sampler", None)
                self._around = provider
        return self._beside

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
        Begin a light span. It is current for others where the global provider is droidscope's.
        """
        beside = self.beside
        above = around if beside and around is not None else get_current_span(previous)
        parent = above.get_span_context()
        if parent[5]:  # it is valid
            span = LightSpan(self._origin, name, parent, kind, values, None, start_ns)
        else:
            root = new_trace()
            if self._sampler is not None:
                root = decided_context(self._sampler, previous, root, name, kind, values)
            span = LightSpan(self._origin, name, None, kind, values, root, start_ns)
        return span, None if beside else span

    def is_enabled(self, name: str) -> bool:  # noqa: ARG002 - all or none
        """
        Whether there are log events.
        """
        return self._events

    def clean_event(self, name: str, values: Mapping[str, AttributeValue], context: Context) -> None:
        """
        Send an event about the innermost span.
        """
        if not self._events:
            return
        found = innermost(context) if self.beside else None
        span = get_current_span(context) if found is None else found.span
        about: SpanContext = span.get_span_context()
        self.sink.log(EventRecord(self.resource, SCOPE, name, values, about))

    def count_loss(self, reason: str, count: int) -> None:
        """
        Count records that the sink has lost.
        """
        self.counters.add(names.CLIENT_DROPPED, {names.DROP_REASON: reason}, count)

    def retire(self, successor: Callable[[], Emitter | None], timeout_seconds: float) -> None:
        """
        Send what waits; what cannot be sent, and what is still open, goes to the road that is then in use.
        """

        def find() -> Sink | None:
            road = successor()
            return road.sink if isinstance(road, OwnRoad) else None

        left = self.sink.retire(find, timeout_seconds)
        road = successor() if left.batches or left.lost else None
        if isinstance(road, OwnRoad):
            road.sink.take_over(left, is_same=road.counts is self.counts)
        elif left.batches:
            self.sink.take_over(Leftovers(left.batches), is_same=False)

    def _deliver(self, span: LightSpan) -> None:
        self.sink.span(span)

    def collect(self) -> Any:  # noqa: ANN401 - `MetricsData` of the SDK
        """
        The counts of now, None if there are none.
        """
        from droidscope.instrument.emission.metrics_data import metrics_data  # noqa: PLC0415 - needs the SDK

        return metrics_data(self.counters, self._durations, self._start_ns, self.resource, SCOPE)
