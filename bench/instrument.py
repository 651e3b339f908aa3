"""
Cost of one decorated task on its caller's path, against what OpenTelemetry's SDK takes for the same by hand.

    python bench/instrument.py [calls]

Each line is the fastest of many short rounds that take turns, so that a busy machine disturbs all
alike. The times are this machine's; the ratios are what the target is about: a task is a bare span
with the same attributes, and hardly more. Droidscope's own road ends in a queue as that of the SDK does;
nothing is encoded, and no exporter is there to be paid for. The lines after that are for providers of a
user's own, which take the same by either way.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry._logs import NoOpLoggerProvider, SeverityNumber
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

import droidscope as ds
from droidscope.conventions import attributes as names
from droidscope.instrument import providers
from droidscope.instrument.emission.own_road import OwnResource, OwnRoad
from droidscope.instrument.emission.texts import TextSettings
from droidscope.instrument.providers import Emitter

ROUNDS = 60
TARGET = 1.1
LIMIT_NS = 1000
DROID, TYPE = "frontend-developer", "implementation"


QUEUE: deque[object] = deque(maxlen=1000)


class QueuedSpans(SpanProcessor):
    """
    Queues the spans that have ended.
    """

    def on_end(self, span):
        QUEUE.append(span)


class QueuedLogs(LogRecordProcessor):
    """
    Queues the log records.
    """

    def on_emit(self, log_record):
        QUEUE.append(log_record)

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=0):  # noqa: ARG002 - the SDK's signature
        return True


class QueuedRecords:
    """
    A sink that queues spans and events.
    """

    span = log = QUEUE.append

    def flush(self, timeout_seconds):  # noqa: ARG002 - as every sink has it
        return True

    shutdown = flush


TRACERS = TracerProvider(shutdown_on_exit=False)
TRACERS.add_span_processor(QueuedSpans())
LOGGERS = LoggerProvider(shutdown_on_exit=False)
LOGGERS.add_log_record_processor(QueuedLogs())
METERS = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
TRACER = TRACERS.get_tracer("bench")
LOGGER = LOGGERS.get_logger("bench")
HISTOGRAM = METERS.get_meter("bench").create_histogram("duration", "s")
TASKS = METERS.get_meter("bench").create_counter("tasks")
RECORDS = METERS.get_meter("bench").create_counter("records")
STARTED = {
    names.KIND: "task",
    names.OPERATION: "invoke_agent",
    names.SESSION_ID: "6a1f0c5e9f0e4d7c8f1b2a3c4d5e6f70",
    names.SESSION_RUN: "b7ad6b7169203331",
    names.PATTERN_ID: "full-stack-feature",
    names.PHASE_ID: "phase-3-implementation",
    names.TASK_ID: "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    names.TASK_TYPE: TYPE,
    names.AGENT_NAME: DROID,
}
ENDED = {**STARTED, names.TASK_ATTEMPTS: 0}


def plain() -> None:
    """
    What is decorated: nothing at all.
    """


task = ds.task(DROID, TYPE)(plain)


def bare() -> None:
    with TRACER.start_as_current_span(f"invoke_agent {DROID}", attributes=ENDED):
        plain()


def bare_with_log_and_metric() -> None:
    began = time.perf_counter()
    with TRACER.start_as_current_span(f"invoke_agent {DROID}", attributes=ENDED):
        LOGGER.emit(
            timestamp=time.time_ns(),
            severity_number=SeverityNumber.INFO,
            event_name=names.STARTED_EVENT,
            attributes=STARTED,
        )
        plain()
    labels = {names.AGENT_NAME: DROID, names.TASK_TYPE: TYPE, names.TASK_OUTCOME: "completed"}
    HISTOGRAM.record(time.perf_counter() - began, labels)


def bare_with_all_metrics() -> None:
    bare_with_log_and_metric()
    TASKS.add(1, {names.AGENT_NAME: DROID, names.TASK_TYPE: TYPE, names.TASK_OUTCOME: "completed"})
    RECORDS.add(1, {names.RECORD_KIND: "task"})


@dataclass
class Case:
    """
    Something to be timed, in the place where it happens.
    """

    name: str
    call: Callable[[], None]
    place: Callable[[], Iterator[None]]
    fastest_ns: float = float("inf")

    def run(self, calls: int) -> None:
        """
        One round.
        """
        call = self.call
        with contextmanager(self.place)():
            began = time.perf_counter_ns()
            for _ in range(calls):
                call()
            self.fastest_ns = min(self.fastest_ns, (time.perf_counter_ns() - began) / calls)

    def over(self, other: Case) -> float:
        """
        How many times as long as *other* it takes.
        """
        return self.fastest_ns / other.fastest_ns


def nowhere() -> Iterator[None]:
    yield


def inside(emitter: Emitter) -> Callable[[], Iterator[None]]:
    """
    In a phase of a session of *emitter*.
    """

    def place() -> Iterator[None]:
        with (
            providers.override(emitter),
            ds.session("full-stack-feature"),
            ds.phase("phase-3-implementation"),
        ):
            yield

    return place


def own_road(*, events: bool) -> Emitter:
    """
    Droidscope's own road to a queue.
    """
    resource = OwnResource({names.SERVICE_NAME: "bench"})
    return OwnRoad(resource, TextSettings(), lambda _road: QueuedRecords(), events=events)


def main() -> None:
    """
    Run and print.
    """
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    silent = providers.from_providers(TRACERS, NoOpLoggerProvider(), NoOpMeterProvider())
    users = providers.from_providers(TRACERS, LOGGERS, METERS)
    alone = Case("the function alone", plain, nowhere)
    without = Case("task, no SDK", task, nowhere)
    spans = Case("bare span, same attributes", bare, inside(silent))
    everything = Case("bare span, log event and histogram", bare_with_log_and_metric, inside(silent))
    counted = Case("the same and two counters", bare_with_all_metrics, inside(silent))
    to_users = Case("task, everything, to the user's", task, inside(users))
    pairs = [
        (spans, Case("task, spans only", task, inside(own_road(events=False)))),
        (everything, Case("task, spans, events and metrics", task, inside(own_road(events=True)))),
        (spans, Case("task, spans only, to the user's", task, inside(silent))),
        (everything, to_users),
        (counted, to_users),  # which does count twice
    ]
    for _ in range(ROUNDS):
        for case in (alone, without, spans, everything, counted, *(ours for _, ours in pairs[:4])):
            case.run(calls)
    show(pairs, (spans, everything, counted))
    added_ns = without.fastest_ns - alone.fastest_ns
    print(f"{without.name:<36} {added_ns / 1000:>10.2f}  more than the function alone")
    print(f"\ntargets: {TARGET}x of the same by hand; without an SDK {LIMIT_NS / 1000} us")


def show(pairs: list[tuple[Case, Case]], by_hands: tuple[Case, ...]) -> None:
    """
    Print what was done by hand, then each pair of by hand and by droidscope.
    """
    spans = by_hands[0]
    print(f"{'':<36} {'us a call':>10} {'/ bare span':>12} {'/ by hand':>10}")
    for by_hand in by_hands:
        print(f"{by_hand.name:<36} {by_hand.fastest_ns / 1000:>10.2f} {by_hand.over(spans):>11.2f}x")
    for by_hand, ours in pairs:
        ratios = f"{ours.over(spans):>11.2f}x {ours.over(by_hand):>9.2f}x"
        print(f"{ours.name:<36} {ours.fastest_ns / 1000:>10.2f} {ratios}")


if __name__ == "__main__":
    main()
